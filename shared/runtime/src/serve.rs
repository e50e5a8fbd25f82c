//! From `main` to the Lambda runtime: a function is made once, at cold start, and called until its sandbox ends.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::{self, QueueStage};
use crate::config::ConfigError;
use crate::deployment::Deployment;
use crate::telemetry;

/// Serves a queue-driven stage.
///
/// # Errors
/// The environment's problems, all at once, or the runtime's own.
pub async fn queue_stage<S: QueueStage>(
    make: impl FnOnce(&Deployment) -> Result<S, ConfigError>,
) -> Result<(), Error> {
    let stage = made(make).await?;
    let stage = &stage;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        batch::handle(stage, event.payload, event.context.deadline)
            .await
            .map_err(Error::from)
    }))
    .await
}

/// A function that is called with one event and answers it.
pub trait Function: Sync {
    /// What it is called with.
    type Event: DeserializeOwned + Send;
    /// What it answers.
    type Answer: Serialize + Send;

    /// Handles one event, in an invocation that ends at `deadline_ms`.
    fn call(
        &self,
        event: Self::Event,
        deadline_ms: u64,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// Serves a function that is called directly: by API Gateway, a schedule, an alarm or an operator.
///
/// # Errors
/// The environment's problems, all at once, or the runtime's own.
pub async fn function<F: Function>(
    make: impl FnOnce(&Deployment) -> Result<F, ConfigError>,
) -> Result<(), Error> {
    let function = made(make).await?;
    let function = &function;
    lambda_runtime::run(service_fn(|event: LambdaEvent<F::Event>| async move {
        function.call(event.payload, event.context.deadline).await
    }))
    .await
}

async fn made<T>(make: impl FnOnce(&Deployment) -> Result<T, ConfigError>) -> Result<T, Error> {
    let deployment = Deployment::of_process().await;
    telemetry::start(&deployment.env);
    make(&deployment).map_err(|error| {
        tracing::error!("function cannot start: {error}");
        Error::from(error)
    })
}
