//! A ticket on its way, stopped before the stage that asks; every input starts from there.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use local::aws::AwsSnapshot;
use local::cloud::{Cloud, Functions};
use local::demo::{CHANNEL, sandbox_secrets, working_tree};
use local::mapping::record;
use local::sandbox::model::answers;
use local::sandbox::source::read_dir;
use local::sandbox::zendesk::NewTicket;
use local::sandbox::{Sandbox, World};
use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::message::{Body, Envelope, TicketTouched};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_providers::transport::{Transport, TransportError};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::Verdict;
use crate::state::{self, NOW_MS};

/// The sandbox, with a model that says what the input says.
struct Outside {
    sandbox: Sandbox,
    answer: Arc<Mutex<Option<Bytes>>>,
}

#[async_trait]
impl Transport for Outside {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match answer {
            Some(answer) if request.uri().path().ends_with("/v1/messages") => Ok(http::Response::new(answer)),
            _ => self.sandbox.send(request).await,
        }
    }
}

pub(super) struct Asking {
    stage: Stage,
    tool: &'static str,
    runtime: Runtime,
    cloud: Cloud,
    functions: Functions,
    sandbox: Sandbox,
    answer: Arc<Mutex<Option<Bytes>>>,
    event: SqsEvent,
    aws: AwsSnapshot,
    outside: World,
}

impl Asking {
    pub(super) fn new(stage: Stage, tool: &'static str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let time: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
        let sandbox = Sandbox::new(time, 1).with_answers(answers::sample()?);
        let ticket = fill(&sandbox)?;
        let secrets = sandbox_secrets(&sandbox).into_iter().chain(state::secrets());
        let (cloud, clock) = runtime.block_on(state::cloud(secrets))?;
        let answer: Arc<Mutex<Option<Bytes>>> = Arc::default();
        let outside = Arc::new(Outside {
            sandbox: sandbox.clone(),
            answer: Arc::clone(&answer),
        });
        let link = cloud.aws.link();
        let ids = Arc::new(CountedAttemptIds::new("bytes"));
        let functions = Functions::new(|name| {
            cloud.deployment(name, &link, outside.clone(), clock.clone(), ids.clone())
        })?;
        let mut asking = Self {
            stage,
            tool,
            runtime,
            aws: cloud.aws.snapshot()?,
            outside: sandbox.snapshot(),
            cloud,
            functions,
            sandbox,
            answer,
            event: SqsEvent::default(),
        };
        asking.event = asking.walk(&ticket)?;
        asking.aws = asking.cloud.aws.snapshot()?;
        asking.outside = asking.sandbox.snapshot();
        Ok(asking)
    }

    /// Runs every stage before ours; the message that ours gets.
    fn walk(&self, ticket: &Envelope) -> Result<SqsEvent> {
        let mut event = of_body(&ticket.to_json());
        for stage in Stage::ALL {
            if stage == self.stage {
                return Ok(event);
            }
            let answer = self
                .runtime
                .block_on(self.functions.invoke(stage, event, NOW_MS + 30_000));
            let answer = answer.with_context(|| format!("stage `{stage}`"))?;
            anyhow::ensure!(
                answer.batch_item_failures.is_empty(),
                "stage `{stage}` fails on the sample"
            );
            event = self.next(stage)?;
        }
        Ok(event)
    }

    /// The first message that a stage sent to the one after it.
    fn next(&self, after: Stage) -> Result<SqsEvent> {
        let mut later = Stage::ALL.into_iter().skip_while(|stage| *stage != after).skip(1);
        let next = later.next().context("no stage follows")?;
        let function = self.cloud.template.functions.get(next.as_str());
        let queue = function
            .and_then(|function| function.queue())
            .context("stage has no queue")?;
        let received = self.cloud.aws.sqs.receive(&queue, 1);
        let first = received
            .first()
            .with_context(|| format!("nothing is passed to `{next}`"))?;
        let mut event = SqsEvent::default();
        event.records = vec![record(&queue, first)];
        Ok(event)
    }

    /// One answer of the model, and what goes on record.
    pub(super) fn run(&self, input: &[u8]) -> Verdict {
        self.cloud
            .aws
            .restore(&self.aws)
            .map_err(|error| error.to_string())?;
        self.sandbox.restore(self.outside.clone());
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.printed(input));
        let invoked = self
            .functions
            .invoke(self.stage, self.event.clone(), NOW_MS + 30_000);
        let answer = self
            .runtime
            .block_on(invoked)
            .map_err(|error| error.to_string())?;
        let fate = if answer.batch_item_failures.is_empty() {
            "settled"
        } else {
            "comes back"
        };
        let rows = self.rows()?;
        let mut class = fate.to_owned();
        for row in &rows {
            let text = |name: &str| row.pointer(&format!("/{name}/S")).and_then(Value::as_str);
            let step = text("step")
                .unwrap_or_default()
                .split('#')
                .next()
                .unwrap_or_default()
                .to_owned();
            check(row)?;
            class = format!("{class} {step}={}", text("state").unwrap_or_default());
            if let Some(reason) = text("reason") {
                class = format!("{class}({reason})");
            }
        }
        Ok(class)
    }

    /// Every row of the ledger.
    fn rows(&self) -> Result<Vec<Value>, String> {
        let (_, body) = self
            .cloud
            .aws
            .dynamo
            .answer("DynamoDB_20120810.Scan", br#"{"TableName":"LedgerTable"}"#);
        let found: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        Ok(found
            .pointer("/Items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    /// An object without `content` is a tool's input; everything else is the provider's whole answer.
    fn printed(&self, input: &[u8]) -> Bytes {
        let Ok(value) = serde_json::from_slice::<Value>(input) else {
            return Bytes::copy_from_slice(input);
        };
        if !value.is_object() || value.get("content").is_some() {
            return Bytes::copy_from_slice(input);
        }
        let whole = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": [{ "type": "tool_use", "id": "toolu_1", "name": self.tool, "input": value }],
            "stop_reason": "tool_use", "usage": { "input_tokens": 10, "output_tokens": 5 },
        });
        Bytes::from(whole.to_string())
    }
}

/// What no row may hold, whatever a model says.
fn check(row: &Value) -> Result<(), String> {
    let text = row.pointer("/body/S").and_then(Value::as_str).unwrap_or_default();
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let mut open = vec![&body];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let share = value.as_f64().filter(|share| !(0.0..=1.0).contains(share));
                    if let (true, Some(share)) = (name.ends_with("confidence"), share) {
                        return Err(format!("a score that is no share is on record: {name}={share}"));
                    }
                    open.push(value);
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

fn of_body(body: &str) -> SqsEvent {
    let message = json!({ "messageId": "m-1", "receiptHandle": "r-1", "body": body, "attributes": {} });
    let mut event = SqsEvent::default();
    event.records = serde_json::from_value(json!([message])).unwrap_or_default();
    event
}

/// The sample's shop and its first ticket.
fn fill(sandbox: &Sandbox) -> Result<Envelope> {
    let shop = read_dir(&working_tree()?.join("infra/local/sample/shop")).context("the sample shop")?;
    let tickets: Value = serde_json::from_str(include_str!("../../../../infra/local/sample/tickets.json"))?;
    let text = |path: &str| {
        tickets
            .pointer(path)
            .and_then(Value::as_str)
            .context("the sample has no ticket")
    };
    let (subject, words) = (text("/0/subject")?, text("/0/comments/0/text")?);
    let number = sandbox.edit(|outside, now_ms| {
        outside.slack.add_channel(CHANNEL);
        outside.github.add_repo(now_ms, "acme/shop", &shop);
        let new = NewTicket {
            subject,
            text: words,
            ..NewTicket::default()
        };
        outside.zendesk.add_ticket(now_ms, &new)
    });
    let ticket = TicketRef {
        org: OrgId::parse("acme")?,
        provider: Provider::Zendesk,
        number: TicketNumber::parse(number.to_string())?,
    };
    Ok(Envelope::new(
        None,
        Body::Extract(TicketTouched { ticket, event: None }),
    ))
}
