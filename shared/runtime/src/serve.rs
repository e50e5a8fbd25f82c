//! From `main` to the Lambda runtime: a function is made once, at cold start, and called until its sandbox ends.

use std::pin::Pin;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::{self, QueueStage};
use crate::config::{ConfigError, Reader};
use crate::deployment::Deployment;
use crate::telemetry;

/// Serves a queue-driven stage.
///
/// # Errors
/// The environment's problems, all at once, or the runtime's own.
pub async fn queue_stage<S: QueueStage>(
    make: impl FnOnce(&Deployment) -> Result<S, ConfigError>,
) -> Result<(), Error> {
    let stage = made(make)?;
    let stage = &stage;
    run(|event: LambdaEvent<SqsEvent>| {
        Box::pin(async move { Ok(batch::handle(stage, event.payload, event.context.deadline).await?) })
    })
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
    let function = made(make)?;
    let function = &function;
    run(|event: LambdaEvent<F::Event>| Box::pin(function.call(event.payload, event.context.deadline))).await
}

/// A call's future is boxed: a stage's is deep, and the runtime's layers would nest its layout beyond the compiler's limit.
type Called<'f, A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send + 'f>>;

async fn run<'f, E, A>(call: impl Fn(LambdaEvent<E>) -> Called<'f, A>) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
{
    let served: Pin<Box<dyn Future<Output = Result<(), Error>> + '_>> =
        Box::pin(lambda_runtime::run(service_fn(call)));
    served.await
}

fn made<T>(make: impl FnOnce(&Deployment) -> Result<T, ConfigError>) -> Result<T, Error> {
    let deployment = Deployment::of_process();
    telemetry::start(&deployment.env);
    let mut reader = Reader::new(&deployment.env);
    Deployment::check_process(&mut reader);
    let made = match (make(&deployment), reader.done(())) {
        (Ok(function), Ok(())) => Ok(function),
        (function, process) => Err(ConfigError::of([process.err(), function.err()])),
    };
    made.map_err(|error| {
        tracing::error!("function cannot start: {error}");
        Error::from(error)
    })
}
