//! The outside world of one process.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use ratchet_guard::Ledger;
use ratchet_guard::clock::{AttemptIds, Clock, RandomAttemptIds, SystemClock};
use ratchet_guard::intake::{Events, Intake};
use ratchet_providers::transport::Transport;

use crate::aws_http::OneClient;
use crate::config::{Env, Reader};
use crate::http::{HttpTransport, client};
use crate::orgs::Orgs;
use crate::queues::Queues;
use crate::secrets::{AwsSecrets, SecretSource};
use crate::telemetry::{LEVELS, Level};

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
    /// The world of a Lambda function: credentials, region and endpoints from the variables that Lambda and the SDK
    /// define, providers over HTTPS.
    #[must_use]
    pub fn of_process() -> Self {
        let env = Env::of_process();
        Self::with(env.clone(), &of_lambda(&env))
    }

    /// Reads what every function needs beside its own variables: `AWS_REGION` (or `AWS_DEFAULT_REGION`), and if they are
    /// there, `AWS_TIMEOUT_MS` (ms that one attempt of an AWS call may take) and `LOG_LEVEL`.
    pub fn check_process(reader: &mut Reader<'_>) {
        reader.either("AWS_REGION", "AWS_DEFAULT_REGION");
        reader.optional::<NonZeroU64>("AWS_TIMEOUT_MS", "a whole number, 1 or more");
        reader.optional::<Level>("LOG_LEVEL", LEVELS);
    }

    /// The world that an SDK configuration reaches: for an operator's machine, where credentials come from profiles.
    #[must_use]
    pub fn with(env: Env, config: &SdkConfig) -> Self {
        let at = |service: &str| endpoint(&env, service);
        let mut dynamo = aws_sdk_dynamodb::config::Builder::from(config);
        let mut sqs = aws_sdk_sqs::config::Builder::from(config);
        // Set only where a variable says so: a profile may name an endpoint too.
        if let Some(url) = at("DYNAMODB") {
            dynamo = dynamo.endpoint_url(url);
        }
        if let Some(url) = at("SQS") {
            sqs = sqs.endpoint_url(url);
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new());
        let secrets = AwsSecrets::new(config, &transport, Arc::clone(&clock), at);
        Self {
            clock,
            ids: Arc::new(RandomAttemptIds),
            dynamo: aws_sdk_dynamodb::Client::from_conf(dynamo.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            transport,
            secrets: Arc::new(secrets),
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
        let hand_over_ms = reader.positive("HAND_OVER_MS");
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

/// The SDK's configuration on an operator's machine: its whole chain of profiles, roles and variables.
pub async fn of_operator(env: &Env) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(OneClient(client()))
        .retry_config(retries())
        .timeout_config(timeouts(env))
        .load()
        .await
}

/// The SDK's configuration in a function. Lambda hands credentials over in variables, so nothing else of the chain is
/// linked: it would be a fifth of the binary.
fn of_lambda(env: &Env) -> SdkConfig {
    let region = env.get("AWS_REGION").or_else(|| env.get("AWS_DEFAULT_REGION"));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.map(|name| Region::new(name.to_owned())))
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .http_client(OneClient(client()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .retry_config(retries())
        .timeout_config(timeouts(env))
        .build()
}

/// Where a service is, if the SDK's standard variables say so: `AWS_ENDPOINT_URL_SQS` before `AWS_ENDPOINT_URL`.
#[must_use]
pub fn endpoint(env: &Env, service: &str) -> Option<String> {
    let own = env.get(&format!("AWS_ENDPOINT_URL_{service}"));
    own.or_else(|| env.get("AWS_ENDPOINT_URL")).map(str::to_owned)
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3)
}

/// One attempt's time, if `AWS_TIMEOUT_MS` says one.
fn timeouts(env: &Env) -> TimeoutConfig {
    let mut timeouts = TimeoutConfig::builder();
    if let Some(timeout_ms) = env.get("AWS_TIMEOUT_MS").and_then(|value| value.parse().ok()) {
        timeouts = timeouts.operation_attempt_timeout(Duration::from_millis(timeout_ms));
    }
    timeouts.build()
}
