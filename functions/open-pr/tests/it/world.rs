//! A billed bug in two repositories, up to the point where its children run.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use local::demo::sandbox_settings;
use local::stand::Stand;
use open_pr::OpenPr;
use ratchet_domain::ids::{ContentHash, OrgId, Provider, RepoName, TicketNumber, TicketRef};
use ratchet_domain::message::{Body, BugInRepo, Envelope};
use ratchet_domain::step;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Ledger, Park, Record, Work};
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::batch;
use ratchet_runtime::config::Reader;
use ratchet_runtime::stage::key_of;
use serde::Serialize;
use serde_json::{Value, json};

const DEADLINE_MS: Millis = 60_000;

pub(crate) const REPOS: [&str; 2] = ["acme/app", "acme/shop"];

/// A repository that was searched, and has no location at or above the threshold.
pub(crate) const BELOW: &str = "acme/docs";

/// The file that the bug was sold in, in each of them.
pub(crate) const SOLD: &str = "src/cart.rs";

/// A file of the last of them with a place just below the threshold.
pub(crate) const UNSOLD: &str = "src/basket.rs";

/// A GitHub that refuses the app.
struct Refusing;

#[async_trait]
impl Transport for Refusing {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let answer = http::Response::builder().status(401);
        Ok(answer
            .body(Bytes::from_static(br#"{"message":"Bad credentials"}"#))
            .unwrap())
    }
}

pub(crate) struct World {
    pub(crate) stand: Stand,
    stage: OpenPr,
    ledger: Ledger,
}

pub(crate) fn ticket() -> TicketRef {
    TicketRef {
        org: OrgId::parse("acme").unwrap(),
        provider: Provider::Zendesk,
        number: TicketNumber::parse("5158").unwrap(),
    }
}

pub(crate) fn content() -> ContentHash {
    ContentHash::of(&["the cart's total is off by one"])
}

impl World {
    pub(crate) async fn new() -> Self {
        let mut stand = Stand::new().await.unwrap();
        let key = include_str!("../../../../shared/providers/src/github/tests/app_key.pem");
        stand.cloud.secrets.insert("APP_KEY".to_owned(), key.to_owned());
        stand.put("acme", &settings()).await.unwrap();
        let world = Self::on(stand, Arc::new(Refusing));
        world.bill().await;
        world
    }

    /// With a GitHub of the test's own.
    pub(crate) async fn over(github: Arc<dyn Transport>) -> Self {
        let stand = Stand::new().await.unwrap();
        let document = sandbox_settings("acme", &REPOS.map(str::to_owned));
        stand.put("acme", &document).await.unwrap();
        let world = Self::on(stand, github);
        world.bill().await;
        world
    }

    /// A second world that begins as this one is now.
    pub(crate) fn fork(&self, github: Arc<dyn Transport>) -> Self {
        Self::on(self.stand.fork().unwrap(), github)
    }

    fn on(stand: Stand, github: Arc<dyn Transport>) -> Self {
        let deployment = stand.deployment_over("open-pr", github).unwrap();
        let ledger = deployment.ledger(&mut Reader::new(&deployment.env));
        let stage = OpenPr::new(&deployment).unwrap();
        Self { stand, stage, ledger }
    }

    /// What the stages before it put on record.
    async fn bill(&self) {
        let answered = |answer: Value| {
            json!({ "answered": { "answer": answer, "model": "m", "prompt": "p", "spent": {
                "input": 1, "output": 1, "cache_read": 0, "cache_write": 0, "reasoning": 0, "calls": 1 } } })
        };
        let bug = json!({ "outcome": "bug", "title": "Total is off by one", "severity": "high",
            "steps_to_reproduce": [], "expected": "3", "actual": "4", "affected_feature": "cart",
            "customer_impact": "all", "quote": "the total is wrong", "ai_confidence": 0.9 });
        let trees: Vec<Value> = REPOS
            .into_iter()
            .chain([BELOW])
            .map(|repo| json!({ "repo": repo, "base_branch": "main", "commit": "c0", "tree": "t0" }))
            .collect();
        let locations: Vec<Value> = REPOS
            .into_iter()
            .map(|repo| {
                json!({ "repo": repo, "file": SOLD, "symbol": "total", "start_line": 1,
                "end_line": 9, "explanation": "adds one", "confidence": 0.9 })
            })
            .collect();
        let below = json!({ "repo": REPOS[1], "file": UNSOLD, "symbol": "", "start_line": 1, "end_line": 2,
            "explanation": "perhaps", "confidence": 0.69 });
        let locations: Vec<Value> = locations.into_iter().chain([below]).collect();
        let mapping = json!({ "trees": trees, "locations": locations, "candidates_hash": "h" });
        let decision = json!({ "gate": "billed", "ai_confidence": 0.9, "location_confidence": 0.9,
            "ai_threshold": 0.7, "location_threshold": 0.7, "repos": REPOS, "entry": "entry#x" });
        let content = content();
        for (step, result) in [
            (step::extract(&content), answered(bug)),
            (step::map(&content), answered(mapping)),
            (step::qualify(&content), decision),
        ] {
            self.record(step, &result).await;
        }
    }

    /// A step as it stands on record.
    pub(crate) async fn record(&self, step: String, result: &impl Serialize) {
        let work = Work::new(key_of(&ticket(), step), content().as_str());
        self.ledger.record(&work, result).await.unwrap();
    }

    /// A step that waits for a person.
    pub(crate) async fn park(&self, step: String, reason: &'static str) {
        let work = Work::new(key_of(&ticket(), step), content().as_str());
        let park = Park::for_a_person(reason, "as a test says");
        self.stand.parked(&work, park).await.unwrap();
    }

    /// A step that waits for a time.
    pub(crate) async fn park_until(&self, step: String, reason: &'static str) {
        let work = Work::new(key_of(&ticket(), step), content().as_str());
        let at_ms = self.stand.clock_ms() + DEADLINE_MS;
        let park = Park::until(reason, "as a test says", at_ms);
        self.stand.parked(&work, park).await.unwrap();
    }

    /// The message of one child, once.
    pub(crate) async fn deliver(&self, repo: &str) -> usize {
        let child = BugInRepo {
            ticket: ticket(),
            content: content(),
            repo: RepoName::parse(repo).unwrap(),
        };
        self.tell(Body::OpenPr(child)).await
    }

    /// A message of the stage, once.
    pub(crate) async fn tell(&self, body: Body) -> usize {
        let mut message = SqsMessage::default();
        message.message_id = Some("m".to_owned());
        message.receipt_handle = Some("none".to_owned());
        message.body = Some(Envelope::new(None, body).to_json());
        let mut event = SqsEvent::default();
        event.records = vec![message];
        let deadline_ms = self.stand.clock_ms() + DEADLINE_MS;
        let answer = batch::handle(&self.stage, event, deadline_ms).await.unwrap();
        answer.batch_item_failures.len()
    }

    /// The row of a step, if there is one.
    pub(crate) async fn row(&self, step: &str) -> Option<Record> {
        let life = self.ledger.life(&ticket().subject()).await.unwrap();
        life.into_iter().find(|record| record.key.step() == step)
    }

    /// Messages that wait for the root cause's stage.
    pub(crate) fn handed_on(&self) -> usize {
        self.stand.cloud.aws.sqs.receive("PublishRcaQueue", 10).len()
    }
}

fn settings() -> Value {
    let mut document = sandbox_settings("acme", &REPOS.map(str::to_owned));
    let fields = document.as_object_mut().unwrap();
    let github = json!({ "api_url": "https://api.github.com", "app_id": "1234", "installation_id": "5678",
        "private_key": "env:APP_KEY", "repos": REPOS });
    fields.insert("github".to_owned(), github);
    let model = json!({ "provider": "anthropic", "base_url": "https://api.anthropic.com",
        "api_key": "env:APP_KEY", "name": "m" });
    fields.insert("model".to_owned(), model);
    document
}
