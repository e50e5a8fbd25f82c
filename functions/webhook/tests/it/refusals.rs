//! The contract's table of answers: what is wrong before anybody is believed.

use crate::answers::{reason, refused};
use crate::post::{self, Post, created, event};
use crate::world::{World, acme};

const LIMIT_BYTES: usize = 1024 * 1024;

#[tokio::test]
async fn a_sender_who_is_not_proved_hears_the_same_whatever_was_wrong() {
    let good = created("e-1");
    let signature = "x-zendesk-webhook-signature";
    let timestamp = "x-zendesk-webhook-signature-timestamp";
    let mut tampered = good.clone();
    tampered.body.push(b' ');
    let cases = [
        ("no signature", good.clone().without(signature)),
        ("no timestamp", good.clone().without(timestamp)),
        ("an empty signature", good.clone().with(signature, "")),
        ("no base64", good.clone().with(signature, "%%%")),
        (
            "another timestamp",
            good.clone().with(timestamp, "2026-01-15T10:00:01Z"),
        ),
        ("a timestamp that is none", good.clone().signed_at("yesterday")),
        ("too old", good.clone().signed_at("2026-01-15T09:54:59Z")),
        ("too new", good.clone().signed_at("2026-01-15T10:05:01Z")),
        ("another body", tampered),
        ("another secret", good.clone().signed_with("hunter2")),
        (
            "the secret of another org",
            good.clone().signed_with(post::GLOBEX_SECRET),
        ),
        ("the hook of another org", good.clone().org("globex")),
        ("an unknown org", good.clone().org("initech")),
        ("an org that is none", good.clone().org("ACME")),
        ("an org with a separator", good.clone().org("acme%2Fx")),
        ("a very long org", good.clone().org(&"a".repeat(65))),
        (
            "a provider that is not configured",
            Post::github("ping", "{}").org("globex"),
        ),
        (
            "no header of GitHub",
            Post::github("ping", "{}").without("x-hub-signature-256"),
        ),
        (
            "GitHub's old header",
            Post::github("ping", "{}")
                .without("x-hub-signature-256")
                .with("x-hub-signature", "sha1=00"),
        ),
        (
            "no header of Intercom",
            Post::intercom("{}").without("x-hub-signature"),
        ),
        (
            "an unsigned body that does not parse",
            Post::zendesk("{").without(signature),
        ),
    ];
    for (case, post) in cases {
        let told = refused(case, &post).await;
        let expected = r#"{"status":"error","reason":"unauthorized"}"#;
        assert_eq!((told.code, told.body.as_deref()), (401, Some(expected)), "{case}");
        assert_eq!(told.retry_after, None, "{case}");
    }
}

#[tokio::test]
async fn a_github_hook_without_a_secret_in_the_settings_is_refused() {
    let world = World::new().await;
    let mut settings = acme();
    settings["github"]
        .as_object_mut()
        .unwrap()
        .remove("webhook_secret");
    world.put_org("acme", &settings).await;
    assert_eq!(world.send(&Post::github("ping", "{}")).await.code, 401);
}

#[tokio::test]
async fn a_body_that_is_not_the_base64_it_should_be_is_refused() {
    let world = World::new().await;
    let mut event = created("e-1").event();
    event["isBase64Encoded"] = true.into();
    assert_eq!(world.send_event(event).await.code, 400);
    assert_eq!(world.dynamo.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let paths = [
        "",
        "/",
        "/hooks",
        "/hooks/",
        "/hooks/acme",
        "/hooks/acme/",
        "/hooks//zendesk",
        "/hooks/acme/slack",
        "/hooks/acme/Zendesk",
        "/hooks/acme/zendesk/",
        "/hooks/acme/zendesk/x",
        "/Hooks/acme/zendesk",
        "//hooks/acme/zendesk",
        "/prod/hooks/acme/zendesk",
        "/hooks/acme/zendesk?x=1",
    ];
    let world = World::new().await;
    for path in paths {
        for method in ["POST", "GET", "HEAD"] {
            let told = world.send(&created("e-1").path(path).method(method)).await;
            assert_eq!(
                (told.code, told.json()),
                (404, reason("not_found")),
                "{method} {path}"
            );
        }
    }
    assert_eq!(world.dynamo.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    for method in [
        "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "post",
    ] {
        let told = refused(method, &created("e-1").method(method)).await;
        assert_eq!(
            (told.code, told.json()),
            (405, reason("method_not_allowed")),
            "{method}"
        );
        assert_eq!(told.allow.as_deref(), Some("POST, HEAD"));
    }
}

#[tokio::test]
async fn a_head_is_answered_without_a_body_and_without_a_table() {
    let world = World::new().await;
    for path in [
        "/hooks/acme/intercom",
        "/hooks/acme/zendesk",
        "/hooks/initech/github",
    ] {
        let told = world
            .send(
                &Post::intercom("")
                    .without("content-type")
                    .path(path)
                    .method("HEAD"),
            )
            .await;
        assert_eq!((told.code, told.body), (200, None), "{path}");
    }
    assert_eq!(world.dynamo.calls(), Vec::<String>::new());
}

/// A creation whose body has exactly that many bytes.
fn sized(bytes: usize) -> Post {
    let mut body = event("ticket.created", "e-1", "5158").to_string();
    body.extend(std::iter::repeat_n(' ', bytes - body.len()));
    Post::zendesk(body)
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    for spell in [|post: Post| post, Post::in_base64] {
        let told = World::new().await.send(&spell(sized(LIMIT_BYTES))).await;
        assert_eq!((told.code, told.status().as_str()), (200, "accepted"));
        let told = refused("over", &spell(sized(LIMIT_BYTES + 1))).await;
        assert_eq!((told.code, told.json()), (413, reason("body_too_large")));
    }
}

#[tokio::test]
async fn a_body_is_measured_in_bytes() {
    let mut body = event("ticket.created", "e-1", "5158");
    body["detail"]["description"] = "é".repeat(LIMIT_BYTES * 3 / 5).into();
    assert_eq!(
        refused("two bytes a letter", &Post::zendesk(body.to_string()))
            .await
            .code,
        413
    );
}

#[tokio::test]
async fn other_content_types_are_not_supported() {
    let types = [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application",
        "application/xml; x=application/json",
        "text/plain, application/json",
    ];
    for kind in types {
        let told = refused(kind, &created("e-1").with("content-type", kind)).await;
        assert_eq!(
            (told.code, told.json()),
            (415, reason("unsupported_content_type")),
            "{kind}"
        );
    }
    assert_eq!(
        refused("none", &created("e-1").without("content-type"))
            .await
            .code,
        415
    );
}
