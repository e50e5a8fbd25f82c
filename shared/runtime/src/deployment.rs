//! The outside world of one process.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use ratchet_guard::Ledger;
use ratchet_guard::clock::{AttemptIds, Clock, RandomAttemptIds, SystemClock};
use ratchet_guard::intake::{Events, Intake};
use ratchet_providers::transport::Transport;

use crate::config::{Env, Reader};
use crate::http::HttpTransport;
use crate::orgs::Orgs;
use crate::queues::Queues;
use crate::secrets::{AwsSecrets, SecretSource};

/// The two doors to the outside (the AWS clients and the providers' transport), time, and the environment.
#[derive(Clone)]
pub struct Deployment {
    /// Variables of the process.
    pub env: Env,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Marks writes.
    pub ids: Arc<dyn AttemptIds>,
    /// Every table.
    pub dynamo: aws_sdk_dynamodb::Client,
    /// Every queue.
    pub sqs: aws_sdk_sqs::Client,
    /// Every provider.
    pub transport: Arc<dyn Transport>,
    /// Every secret.
    pub secrets: Arc<dyn SecretSource>,
}

impl Deployment {
    /// The world of a Lambda function: AWS as the SDK's standard variables say, providers over HTTPS.
    pub async fn of_process() -> Self {
        let env = Env::of_process();
        let config = aws(&env).await;
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomAttemptIds),
            dynamo: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            transport: Arc::new(HttpTransport::new()),
            secrets: Arc::new(AwsSecrets::new(&config)),
            env,
        }
    }

    /// The ledger of `LEDGER_TABLE`, with the guard's durations.
    pub fn ledger(&self, reader: &mut Reader<'_>) -> Ledger {
        let table = reader.text("LEDGER_TABLE");
        let timing = reader.timing();
        Ledger::new(
            self.dynamo.clone(),
            table,
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
            timing,
        )
    }

    /// The events of `EVENTS_TABLE`, for a stage that consumes what was handed over.
    pub fn events(&self, reader: &mut Reader<'_>) -> Events {
        let table = reader.text("EVENTS_TABLE");
        Events::new(
            self.dynamo.clone(),
            table,
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
        )
    }

    /// The events of `EVENTS_TABLE`, for the intake, which records and hands over.
    pub fn intake(&self, reader: &mut Reader<'_>) -> Intake {
        let table = reader.text("EVENTS_TABLE");
        let hand_over_ms = reader.number("HAND_OVER_MS");
        let ttl_seconds = reader.window("EVENT_TTL_SECONDS", "REDELIVERY_HORIZON_SECONDS");
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Intake::new(self.dynamo.clone(), table, clock, ids, hand_over_ms, ttl_seconds)
    }

    /// The orgs of `SETTINGS_TABLE`.
    pub fn orgs(&self, reader: &mut Reader<'_>) -> Orgs {
        let table = reader.text("SETTINGS_TABLE");
        let cache_seconds = reader.number("SETTINGS_CACHE_SECONDS");
        Orgs::new(
            self.dynamo.clone(),
            table,
            Arc::clone(&self.clock),
            Arc::clone(&self.secrets),
            cache_seconds,
        )
        .with_env(&self.env)
    }

    /// The queues of these stages.
    pub fn queues(&self, reader: &mut Reader<'_>, stages: &[ratchet_domain::stage::Stage]) -> Queues {
        let urls = stages.iter().map(|stage| reader.queue_url(*stage)).collect();
        Queues::new(self.sqs.clone(), urls)
    }
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment")
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

/// The SDK's configuration: its standard variables, rustls with ring, and one attempt's time below any invocation's.
pub async fn aws(env: &Env) -> SdkConfig {
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut timeouts = TimeoutConfig::builder();
    if let Some(timeout_ms) = env.get("AWS_TIMEOUT_MS").and_then(|value| value.parse().ok()) {
        timeouts = timeouts.operation_attempt_timeout(Duration::from_millis(timeout_ms));
    }
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts.build())
        .load()
        .await
}
