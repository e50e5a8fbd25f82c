//! Two functions under AWS's own emulator of the runtime interface, which ships with the SAM CLI: the intake takes a
//! genuine webhook, and the first stage the message that comes of it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use ratchet_domain::stage::Stage;
use ratchet_providers::transport::{Transport as _, TransportError};
use ratchet_runtime::http::HttpTransport;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command as Start};

use crate::outside::Command;
use crate::world::{Binaries, WEBHOOK, World, wait};

/// How long the emulator may take to listen, in tries of 100 ms.
const TRIES_MAX: u32 = 300;

/// Runs both functions; what they answered.
///
/// # Errors
/// When the emulator does not start, or an answer is not what a deployment would give.
pub async fn smoke(binaries: &Binaries, emulator: &Path) -> Result<String> {
    let mut world = World::start(binaries, 30_000).await?;
    let delivery = world.outside.ask(&Command::Delivery).await?;
    let answer = once(&mut world, binaries, emulator, WEBHOOK, &delivery).await?;
    let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
    ensure!(
        answer.get("statusCode").and_then(Value::as_u64) == Some(200)
            && body.contains(r#""status":"accepted""#),
        "the intake answers {answer}"
    );
    let event = world
        .poll(Stage::Extract)
        .await?
        .context("the intake sent nothing")?;
    let payload = serde_json::to_value(&event)?;
    let settled = once(&mut world, binaries, emulator, Stage::Extract.as_str(), &payload).await?;
    let failures = settled.get("batchItemFailures").and_then(Value::as_array);
    ensure!(
        failures.is_some_and(Vec::is_empty),
        "the first stage answers {settled}"
    );
    ensure!(
        world.poll(Stage::Map).await?.is_some(),
        "the first stage passed nothing on"
    );
    Ok(format!("webhook {body}, extract {settled}"))
}

/// One invocation of a function in an emulator of its own.
async fn once(
    world: &mut World,
    binaries: &Binaries,
    emulator: &Path,
    function: &str,
    event: &Value,
) -> Result<Value> {
    let command = Command::Environment {
        binary: function.to_owned(),
    };
    let variables = world.outside.ask(&command).await?;
    let variables: BTreeMap<String, String> = serde_json::from_value(variables)?;
    let (invoke, runtime) = (free_port().await?, free_port().await?);
    let mut child = Start::new(emulator)
        .args([
            "--runtime-interface-emulator-address",
            &format!("127.0.0.1:{invoke}"),
        ])
        .args(["--runtime-api-address", &format!("127.0.0.1:{runtime}")])
        .arg(binaries.of(function).canonicalize()?)
        .env_clear()
        .envs(&variables)
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "30")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("emulator does not start path=`{}`", emulator.display()))?;
    let answer = answer(&mut child, invoke, event).await;
    child.kill().await?;
    answer
}

async fn answer(child: &mut Child, port: u16, event: &Value) -> Result<Value> {
    let transport = HttpTransport::new();
    for _ in 0..TRIES_MAX {
        let request = http::Request::post(format!(
            "http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        ))
        .body(Bytes::from(event.to_string()))?;
        match transport.send(request).await {
            Ok(answer) => {
                return serde_json::from_slice(answer.body())
                    .with_context(|| format!("emulator answers {}", String::from_utf8_lossy(answer.body())));
            }
            // It does not listen yet.
            Err(TransportError::NotSent(_)) => wait(100).await,
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.try_wait()? {
            bail!("emulator ended before it listened: {status}");
        }
    }
    bail!("emulator does not listen")
}

async fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?.port())
}
