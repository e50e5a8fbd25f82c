//! Queue messages: one body, and a whole batch as Lambda hands it over.

use std::cell::OnceCell;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use local::cloud::{Cloud, Functions};
use ratchet_domain::message::{Envelope, MessageError};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::CountedAttemptIds;
use ratchet_providers::transport::{Transport, TransportError};
use tokio::runtime::Runtime;

use std::sync::Arc;

use crate::Verdict;
use crate::state::{self, NOW_MS};

/// A message's body, read by every stage.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let mut class = String::new();
    for stage in Stage::ALL {
        match Envelope::parse(stage, &text) {
            Ok(envelope) => {
                let again = Envelope::parse(stage, &envelope.to_json());
                if again.as_ref() != Ok(&envelope) {
                    return Err("a message does not survive being written and read".to_owned());
                }
                class = format!("for {stage}");
            }
            Err(MessageError::Malformed { .. }) => class.push('m'),
            Err(MessageError::Version(_)) => class.push('v'),
            Err(MessageError::Stage { .. }) => class.push('s'),
        }
    }
    Ok(class)
}

/// The functions, with nobody outside who answers.
struct Stages {
    runtime: Runtime,
    cloud: Cloud,
    functions: Functions,
    empty: local::aws::AwsSnapshot,
}

struct Nobody;

#[async_trait::async_trait]
impl Transport for Nobody {
    async fn send(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        Err(TransportError::NotSent("there is no provider here".to_owned()))
    }
}

impl Stages {
    fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (cloud, clock) = runtime.block_on(state::cloud(state::secrets()))?;
        let link = cloud.aws.link();
        let ids = Arc::new(CountedAttemptIds::new("bytes"));
        let functions = Functions::new(|name| {
            cloud.deployment(name, &link, Arc::new(Nobody), clock.clone(), ids.clone())
        })?;
        let empty = cloud.aws.snapshot()?;
        Ok(Self {
            runtime,
            cloud,
            functions,
            empty,
        })
    }

    fn run(&self, input: &[u8]) -> Verdict {
        // The first byte chooses the stage; the rest is an event, or the body of one message.
        let (first, rest) = input.split_first().unwrap_or((&b'0', &[]));
        let index = usize::from(*first) % Stage::ALL.len();
        let stage = Stage::ALL.get(index).copied().unwrap_or(Stage::Extract);
        let event = serde_json::from_slice::<SqsEvent>(rest)
            .ok()
            .filter(|event| !event.records.is_empty())
            .unwrap_or_else(|| one(rest));
        self.cloud
            .aws
            .restore(&self.empty)
            .map_err(|error| error.to_string())?;
        let messages = event.records.len();
        let answer = self
            .runtime
            .block_on(self.functions.invoke(stage, event, NOW_MS + 30_000));
        let Ok(answer) = answer else {
            return Ok(format!("{stage} batch comes back"));
        };
        let failed = answer.batch_item_failures.len();
        if failed > messages
            || answer
                .batch_item_failures
                .iter()
                .any(|item| item.item_identifier.is_empty())
        {
            return Err("the answer names more than the batch holds, or nobody".to_owned());
        }
        let parked = self.cloud.aws.dynamo.answer(
            "DynamoDB_20120810.Scan",
            br#"{"TableName":"LedgerTable","Select":"COUNT"}"#,
        );
        let rows = parked.1.contains(r#""Count":0"#);
        Ok(format!("{stage} failed={} empty={rows}", failed > 0))
    }
}

fn one(body: &[u8]) -> SqsEvent {
    let mut message = SqsMessage::default();
    message.message_id = Some("m-1".to_owned());
    message.receipt_handle = Some("r-1".to_owned());
    message.body = Some(String::from_utf8_lossy(body).into_owned());
    let mut event = SqsEvent::default();
    event.records = vec![message];
    event
}

/// A batch, handed to the stage that the first byte names.
pub(crate) fn batch(input: &[u8]) -> Verdict {
    thread_local! {
        static STAGES: OnceCell<Result<Stages, String>> = const { OnceCell::new() };
    }
    STAGES.with(|stages| {
        let stages = stages.get_or_init(|| Stages::new().map_err(|error| format!("{error:#}")));
        stages.as_ref().map_err(Clone::clone)?.run(input)
    })
}
