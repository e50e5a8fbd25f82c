//! A function that does as its event says: for the tests of the host.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    match event.get("do").and_then(Value::as_str) {
        Some("fail") => Err("as told".into()),
        Some("crash") => std::process::exit(7),
        Some("hang") => {
            tokio::time::timeout(Duration::from_secs(3600), std::future::pending::<()>()).await?;
            Ok(Value::Null)
        }
        _ => Ok(json!({
            "event": event,
            "request_id": context.request_id,
            "deadline_ms": context.deadline,
            "function": context.env_config.function_name,
            "process": std::process::id(),
        })),
    }
}
