//! `up` on a clock that only the test moves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ratchet_guard::clock::{Clock, ManualClock};
use ratchet_runtime::config::Env;
use serde_json::{Value, json};

use super::{Options, Schedules, Tree, Up, front};
use crate::demo::{tickets, working_tree};
use crate::mapping::drain;
use crate::settings;

/// 2026-11-20T09:58:00Z.
const NOW_MS: u64 = 1_795_168_680_000;

struct Running {
    up: Up,
    clock: Arc<ManualClock>,
}

impl Running {
    async fn start(options: &Options) -> Self {
        Self::try_start(options).await.unwrap()
    }

    async fn try_start(options: &Options) -> anyhow::Result<Self> {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        // A variable of the laptop that has the name of one of the sandbox's secrets.
        let variables = Env::from_iter([("GITHUB_TOKEN", "of the laptop")]);
        let up = Up::start(options, Arc::<ManualClock>::clone(&clock), variables).await?;
        Ok(Self { up, clock })
    }

    /// Somebody acts by hand.
    fn by_hand(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = http::Request::post(format!("http://127.0.0.1/people/{path}"));
        let request = request.body(body.to_string().into()).unwrap();
        let answer = self.up.sandbox.by_hand(&request).unwrap();
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), body)
    }

    /// A customer opens the sample's first ticket, and it runs through.
    async fn first_ticket(&self) -> u64 {
        let ticket = &tickets().unwrap()[0];
        let words = json!({ "subject": ticket.subject, "text": ticket.comments[0].text });
        let (status, made) = self.by_hand("tickets", &words);
        assert_eq!(status, 201);
        self.settle().await;
        made["ticket"].as_u64().unwrap()
    }

    /// Webhooks are sent and queues run empty.
    async fn settle(&self) {
        self.up.deliver().await.unwrap();
        let mappings = self.up.process.mappings(&self.up.cloud).unwrap();
        drain(&mappings, &self.clock, 1_000).await.unwrap();
    }

    /// The org's settings, changed as an operator does it.
    async fn change(&self, change: impl FnOnce(&mut Value)) {
        let kept = settings::read(&self.up.cloud, "acme").await.unwrap().unwrap();
        let mut document = kept.document.clone();
        change(&mut document);
        settings::put(&self.up.cloud, &document, Some(&kept))
            .await
            .unwrap();
    }

    async fn document(&self) -> Value {
        settings::read(&self.up.cloud, "acme")
            .await
            .unwrap()
            .unwrap()
            .document
    }

    fn comments(&self, ticket: u64) -> usize {
        let marked =
            |outside: &crate::sandbox::World| outside.zendesk.marked_comments(ticket, "ratchet_effect").len();
        self.up.sandbox.read(marked)
    }

    fn pulls(&self, repo: &str) -> usize {
        self.up.sandbox.read(|outside| outside.github.pulls(repo).len())
    }

    async fn invoke(&self, name: &str, event: &Value) -> (u16, bool) {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let request = http::Request::post(path).body(event.to_string().into()).unwrap();
        let answer = front::answer(&self.up, request).await;
        let failed = answer.headers().contains_key("x-amz-function-error");
        (answer.status().as_u16(), failed)
    }
}

fn shop() -> PathBuf {
    working_tree().unwrap().join("infra/local/sample/shop")
}

fn with_data(data: &Path) -> Options {
    Options {
        data: Some(data.to_owned()),
        ..Options::default()
    }
}

/// An org's file whose providers are all at the sandbox's address, as if it were the world.
fn org_file(folder: &Path, repos: &[&str]) -> PathBuf {
    let secret = |name: &str| format!("env:SANDBOX_{name}");
    let document = json!({
        "org": "acme",
        "zendesk": {
            "base_url": "https://sandbox.invalid/zendesk", "signing_secret": secret("ZENDESK_SIGNING"),
            "email": "bot@acme.test", "api_token": secret("ZENDESK_TOKEN"), "integration_user_id": "8447",
        },
        "github": { "api_url": "https://github.example.test", "token": "env:REAL", "repos": repos },
        "model": {
            "provider": "anthropic", "base_url": "https://sandbox.invalid/anthropic", "api_key": secret("MODEL_KEY"),
            "name": "claude-sonnet-4-5",
        },
    });
    let file = folder.join("acme.json");
    std::fs::write(&file, document.to_string()).unwrap();
    file
}

#[tokio::test]
async fn a_merge_by_hand_reaches_the_webhook_and_publishes() {
    let running = Running::start(&Options::default()).await;
    running
        .change(|document| document["rca"]["publish"] = json!("on_merge"))
        .await;
    let ticket = running.first_ticket().await;
    assert_eq!((running.pulls("acme/shop"), running.comments(ticket)), (1, 0));

    assert_eq!(running.by_hand("pulls/acme/shop/1/merge", &Value::Null).0, 200);
    running.settle().await;
    assert_eq!(running.comments(ticket), 1);
    assert_eq!(
        running.by_hand("pulls/acme/shop/1/merge", &Value::Null).0,
        409,
        "it is merged already"
    );
}

#[tokio::test]
async fn settings_that_an_operator_put_outlive_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let options = with_data(data.path());
    let running = Running::start(&options).await;
    running
        .change(|document| document["billing"] = json!({ "mapped_bug_cap": 3 }))
        .await;
    running.up.kept.write(&running.up.sandbox).unwrap();
    drop(running);
    let again = Running::start(&options).await;
    assert_eq!(again.document().await["billing"]["mapped_bug_cap"], 3);

    // A repository that is asked for later is named beside what the operator put.
    drop(again);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.rs"), "fn main() {}\n").unwrap();
    let more = Options {
        repos: vec![format!("acme/till={}", folder.path().display()).parse().unwrap()],
        ..options
    };
    let more = Running::start(&more).await.document().await;
    assert_eq!(more["billing"]["mapped_bug_cap"], 3);
    assert_eq!(more["github"]["repos"], json!(["acme/shop", "acme/till"]));
}

#[tokio::test]
async fn a_directory_stands_for_the_repository_of_a_real_org() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        org: Some(org_file(folder.path(), &["acme/shop"])),
        repos: vec![Tree {
            name: None,
            root: shop(),
        }],
        ..Options::default()
    };
    let running = Running::start(&options).await;
    running.first_ticket().await;
    assert_eq!(
        running.pulls("acme/shop"),
        1,
        "the draft is opened beside the directory"
    );
    assert_eq!(running.document().await["github"]["repos"], json!(["acme/shop"]));
}

#[tokio::test]
async fn a_directory_that_may_stand_for_several_repositories_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let org = Some(org_file(folder.path(), &["acme/till", "acme/stock"]));
    let start = async |repos: Vec<Tree>| {
        let options = Options {
            org: org.clone(),
            repos,
            ..Options::default()
        };
        format!(
            "{:#}",
            Running::try_start(&options).await.map(|_| ()).unwrap_err()
        )
    };
    let tree = Tree {
        name: None,
        root: shop(),
    };
    let error = start(vec![tree.clone()]).await;
    assert!(
        error.contains("may stand for any of acme/till, acme/stock"),
        "{error}"
    );
    let till = Tree {
        name: Some("acme/till".to_owned()),
        ..tree
    };
    let error = start(vec![till]).await;
    assert!(error.contains("`acme/stock` has no working tree"), "{error}");
}

#[tokio::test]
async fn a_directory_that_changed_between_runs_is_read_again_and_keeps_its_pull_requests() {
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("main.rs");
    std::fs::write(&file, "fn main() {}\n").unwrap();
    let options = Options {
        repos: vec![format!("acme/till={}", folder.path().display()).parse().unwrap()],
        ..with_data(data.path())
    };
    let running = Running::start(&options).await;
    running.first_ticket().await;
    running.up.kept.write(&running.up.sandbox).unwrap();
    drop(running);
    std::fs::write(&file, "fn main() { run() }\n").unwrap();
    let again = Running::start(&options).await;
    let text = |outside: &crate::sandbox::World| outside.github.file("acme/till", "main", "main.rs");
    assert_eq!(again.up.sandbox.read(text).unwrap(), "fn main() { run() }\n");
    assert_eq!(again.pulls("acme/shop"), 1);
}

#[tokio::test]
async fn every_function_of_the_template_is_invoked_by_its_name() {
    let running = Running::start(&Options::default()).await;
    let functions = running.up.cloud.template.functions.clone();
    for (binary, function) in &functions {
        let events: Vec<Value> = match function.schedules.values().next() {
            Some(_) => function
                .schedules
                .values()
                .map(|schedule| schedule.input(NOW_MS).unwrap())
                .collect(),
            None if binary == "webhook" => {
                vec![serde_json::from_str(include_str!("../../../events/webhook.json")).unwrap()]
            }
            None => vec![json!({ "Records": [] })],
        };
        for event in events {
            for name in [
                binary.clone(),
                format!("ratchet-{binary}"),
                format!("arn%3Aaws%3Alambda%3Aeu-central-1%3A1%3Afunction%3Aratchet-{binary}"),
            ] {
                assert_eq!(running.invoke(&name, &event).await, (200, false), "{name}");
            }
        }
    }
    assert_eq!(running.invoke("ratchet-other", &json!({})).await, (404, false));
    let request = http::Request::post("http://127.0.0.1/2015-03-31/functions/reconcile/invocations");
    let answer = front::answer(&running.up, request.body("{}".into()).unwrap()).await;
    let body = http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap();
    let told: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
    let says = told["errorMessage"].as_str().unwrap();
    assert!(
        says.starts_with("event is of no known shape"),
        "the function's own words: {says}"
    );
    assert_eq!(
        running.invoke("extract", &json!({ "Records": 1 })).await,
        (200, true)
    );
}

#[tokio::test]
async fn the_stack_has_the_templates_outputs_under_the_name_that_is_asked_for() {
    let running = Running::start(&Options::default()).await;
    let ask = |path: &str, body: &'static str| {
        let request = http::Request::post(format!("http://127.0.0.1{path}"));
        request.body(body.into()).unwrap()
    };
    let form = "Action=DescribeStacks&Version=2010-05-15&StackName=shop";
    let answer = front::answer(&running.up, ask("/", form)).await;
    let body = http_body_util::BodyExt::collect(answer.into_body())
        .await
        .unwrap();
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    let url = crate::sqs::Sqs::queue_url("OpenPrQueue");
    for (key, value) in [
        ("LedgerTable", "LedgerTable"),
        ("OpenPrQueueUrl", &url),
        (
            "ReconcileFunctionArn",
            "arn:aws:lambda:us-east-1:000000000000:function:shop-reconcile",
        ),
    ] {
        let output = format!("<OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue>");
        assert!(text.contains(&output), "{output}: {text}");
    }
    let tick = json!({ "source": "schedule", "schedule": "reconcile", "time": "2026-11-20T09:00:00Z" });
    assert_eq!(running.invoke("shop-reconcile", &tick).await, (200, false));
    // Anything else is the intake's.
    let other = front::answer(&running.up, ask("/", "Action=DeleteStack&StackName=shop")).await;
    assert_eq!(other.status().as_u16(), 404);
}

#[tokio::test]
async fn a_bill_is_sealed_when_the_schedule_is_due() {
    let running = Running::start(&Options::default()).await;
    running.first_ticket().await;
    let mut schedules = Schedules::of(&running.up.cloud.template, running.clock.now_ms());
    running.clock.advance(3_600_000);
    let due = schedules.due(running.clock.now_ms()).unwrap();
    assert_eq!(due.len(), 4, "{due:?}");
    for tick in due {
        let answer = running.up.call(&tick.binary, tick.input).await.unwrap();
        if tick.binary == "seal-bills" {
            assert_eq!(answer["periods"][0]["added"], 1, "{answer}");
        }
    }
}
