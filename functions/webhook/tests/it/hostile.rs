//! Requests from anybody: no panic, no write without a valid signature, no message without an acceptance.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::post::{Post, comment, created, event, notification};
use crate::world::{Told, World};

/// One world that every case of a property meets: what a case leaves behind would show in the next.
struct Standing {
    runtime: tokio::runtime::Runtime,
    world: World,
}

impl Standing {
    fn send(&self, post: &Post) -> Told {
        self.runtime.block_on(self.world.send(post))
    }

    /// Sees that nothing was written and nothing was sent.
    fn untouched(&self) -> Result<(), TestCaseError> {
        let calls = self.world.dynamo.calls();
        prop_assert!(calls.iter().all(|call| call == "GetItem"), "{:?}", calls);
        prop_assert_eq!(self.world.sqs.calls(), Vec::<String>::new());
        prop_assert_eq!(self.world.messages(), Vec::<String>::new());
        Ok(())
    }
}

fn in_one_world(
    strategy: &impl Strategy<Value = Post>,
    check: impl Fn(&Standing, &Post) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let world = runtime.block_on(World::new());
    let standing = Standing { runtime, world };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(256));
    let outcome = runner.run(strategy, |post| check(&standing, &post));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn word() -> impl Strategy<Value = String> {
    // What an HTTP header can carry.
    "[ -~é]{0,40}"
}

fn any_post() -> impl Strategy<Value = Post> {
    let path = prop_oneof![
        select(vec![
            "/hooks/acme/zendesk",
            "/hooks/acme/intercom",
            "/hooks/acme/github",
            "/hooks/globex/zendesk"
        ])
        .prop_map(str::to_owned),
        "(/[a-zA-Z0-9%._-]{0,70}){0,4}",
        "/hooks/.{0,20}/(zendesk|intercom|github)",
    ];
    let name = select(vec![
        "x-zendesk-webhook-signature",
        "x-zendesk-webhook-signature-timestamp",
        "x-zendesk-webhook-invocation-id",
        "x-hub-signature",
        "x-hub-signature-256",
        "x-github-event",
        "x-github-delivery",
        "x-amzn-trace-id",
        "traceparent",
        "content-type",
    ]);
    let headers = prop::collection::btree_map(name.prop_map(str::to_owned), word(), 0..8);
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        Just(event("ticket.created", "e-1", "5158").to_string().into_bytes()),
    ];
    let method = prop_oneof![8 => Just("POST".to_owned()), 1 => "[A-Z]{1,8}"];
    (method, path, headers, body, any::<bool>(), any::<bool>()).prop_map(
        |(method, path, mut headers, body, base64, is_json)| {
            if is_json {
                headers.insert("content-type".to_owned(), "application/json".to_owned());
            }
            Post {
                method,
                path,
                headers,
                body,
                base64,
            }
        },
    )
}

/// A genuine request with one bit of what is signed, or of the signature, turned over.
fn almost_genuine() -> impl Strategy<Value = Post> {
    let of = |id: &str| {
        vec![
            created(id),
            Post::github("pull_request", "{}"),
            Post::intercom(r#"{"topic":"ping"}"#),
        ]
    };
    (select(of("e-1")), any::<bool>(), any::<Index>(), 0..7_u32).prop_filter_map(
        "the spoilt header is one no more",
        |(mut post, in_body, at, bit)| {
            if in_body {
                let at = at.index(post.body.len());
                post.body[at] ^= 1 << bit;
                return Some(post.in_base64());
            }
            let name = [
                "x-zendesk-webhook-signature",
                "x-hub-signature-256",
                "x-hub-signature",
            ]
            .into_iter()
            .find(|name| post.headers.contains_key(*name))?;
            let mut value = post.headers[name].clone().into_bytes();
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            let value = String::from_utf8(value).ok()?;
            value
                .chars()
                .all(|c| (' '..='~').contains(&c))
                .then(|| post.with(name, &value))
        },
    )
}

#[test]
fn whatever_comes_unsigned_is_refused_and_writes_nothing() {
    in_one_world(&any_post(), |standing, post| {
        let told = standing.send(post);
        let known = [400, 401, 404, 405, 415];
        let alive = post.method == "HEAD" && told.code == 200;
        prop_assert!(known.contains(&told.code) || alive, "{:?}", told);
        standing.untouched()
    });
}

#[test]
fn one_bit_of_a_genuine_request_is_enough_to_be_refused() {
    in_one_world(&almost_genuine(), |standing, post| {
        prop_assert_eq!(standing.send(post).code, 401);
        standing.untouched()
    });
}

/// Wrong values, and right ones in wrong places.
fn any_leaf() -> impl Strategy<Value = Value> {
    let words = vec![
        "zen:event-type:ticket.created",
        "5158",
        "closed",
        "conversation.user.replied",
        "8447",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[a-z0-9]{1,150}".prop_map(Value::from),
        select(words).prop_map(Value::from),
        Just(json!({})),
        Just(json!([[{}], null])),
    ]
}

/// Every value in the document, by its pointer.
fn pointers(document: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    if let Value::Object(fields) = document {
        for (name, value) in fields {
            pointers(value, &format!("{path}/{name}"), found);
        }
    }
}

/// Signed documents with a few values replaced, and signed noise.
fn any_signed() -> impl Strategy<Value = Post> {
    let pull = json!({ "action": "closed", "repository": { "id": 1, "full_name": "acme/shop" },
        "pull_request": { "number": 7, "merged": true, "head": { "ref": "b", "sha": "a".repeat(40) }, "base": { "ref": "main" } } });
    let documents = vec![
        event("ticket.created", "e-1", "5158"),
        comment("e-2", true, false, "7"),
        json!({ "ticket_id": "5158" }),
        notification("conversation.user.created", "n-1", "123"),
        pull,
    ];
    let spoilt = (
        select(documents),
        prop::collection::vec((any::<Index>(), any_leaf()), 0..4),
    )
        .prop_map(|(mut document, changes)| {
            for (at, leaf) in changes {
                let mut paths = Vec::new();
                pointers(&document, "", &mut paths);
                *document
                    .pointer_mut(at.get(paths.as_slice()).as_str())
                    .expect("a path of the document") = leaf;
            }
            document.to_string().into_bytes()
        });
    let body = prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..100), 6 => spoilt];
    let invocation = prop_oneof![word(), "[a-z0-9-]{1,140}"];
    (body, invocation, 0..3).prop_map(|(body, invocation, vendor)| match vendor {
        0 => Post::zendesk(body)
            .with("x-zendesk-webhook-invocation-id", &invocation)
            .in_base64(),
        1 => Post::intercom(body).in_base64(),
        _ => Post::github("pull_request", body).in_base64(),
    })
}

/// What the answer says became of the event.
fn fate(told: &Told) -> String {
    if told.json()["reason"] == "event_id_reused" {
        return "reused".to_owned();
    }
    told.status()
}

#[test]
fn whatever_is_signed_is_enqueued_only_where_it_is_accepted_and_only_once() {
    let seen = Mutex::new(BTreeMap::<String, usize>::new());
    in_one_world(&any_signed(), |standing, post| {
        let first = standing.send(post);
        prop_assert!([200, 400].contains(&first.code), "{:?}", first);
        let sends = standing.world.sqs.calls().len();
        prop_assert_eq!(sends, usize::from(fate(&first) == "accepted"), "{:?}", first);
        let calls = standing.world.dynamo.calls();
        let writes = calls.iter().filter(|call| *call != "GetItem").count();
        let reached = ["accepted", "duplicate", "reused"].contains(&fate(&first).as_str());
        prop_assert_eq!(writes, usize::from(reached), "{:?}", first);

        let again = standing.send(post);
        prop_assert_eq!(standing.world.sqs.calls().len(), 0);
        standing.world.dynamo.calls();
        if fate(&first) == "accepted" {
            prop_assert_eq!(fate(&again), "duplicate");
        } else {
            prop_assert_eq!(&again, &first);
        }
        *seen.lock().unwrap().entry(fate(&first)).or_default() += 1;
        Ok(())
    });
    let seen = seen.into_inner().unwrap();
    for fate in ["accepted", "reused", "ignored", "error"] {
        assert!(seen.contains_key(fate), "no case was {fate}: {seen:?}");
    }
}
