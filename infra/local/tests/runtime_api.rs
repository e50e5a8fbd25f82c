//! The host, with a real function process behind it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use local::runtime_api::{Host, Instance, InvokeError, Program, Signal};
use ratchet_guard::clock::{Clock, SystemClock};
use serde_json::{Value, json};

/// Long enough for a process to start on a busy machine, in ms.
const PATIENCE_MS: u64 = 60_000;

/// How long the tests of timeouts wait, in ms.
const IMPATIENCE_MS: u64 = 300;

fn program() -> Program {
    // Tests run in `<profile>/deps`; examples are built beside it, in `<profile>/examples`.
    let own = std::env::current_exe().unwrap_or_default();
    let profile = own.parent().and_then(std::path::Path::parent).unwrap_or(&own);
    let binary = profile.join("examples").join("function");
    Program {
        name: "sample".to_owned(),
        binary,
        environment: BTreeMap::new(),
        log: None,
    }
}

fn within(ms: u64) -> u64 {
    SystemClock.now_ms() + ms
}

async fn echo(host: &mut Host) -> Result<Value, Box<dyn std::error::Error>> {
    let answer = host.invoke(br#"{"n":1}"#, within(PATIENCE_MS)).await?;
    Ok(serde_json::from_slice(&answer)?)
}

#[tokio::test]
async fn response_comes_back_and_the_process_stays() {
    let mut host = Host::new(program());
    let deadline_ms = within(PATIENCE_MS);
    let answer = host.invoke(br#"{"n":1}"#, deadline_ms).await.unwrap();
    let first: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(first["event"], json!({ "n": 1 }));
    assert_eq!(first["deadline_ms"], json!(deadline_ms));
    assert_eq!(first["function"], json!("sample"));
    assert_eq!(first["request_id"], json!("sample-1"));

    let second = echo(&mut host).await.unwrap();
    assert_eq!(second["process"], first["process"]);
    assert_eq!(second["request_id"], json!("sample-2"));
    assert_eq!(host.starts(), 1);
}

#[tokio::test]
async fn error_of_the_function_is_told_from_a_crash() {
    let mut host = Host::new(program());
    let failed = host
        .invoke(br#"{"do":"fail"}"#, within(PATIENCE_MS))
        .await
        .unwrap_err();
    let InvokeError::FunctionError(body) = failed else {
        panic!("{failed:?}")
    };
    assert!(String::from_utf8_lossy(&body).contains("as told"));
    assert_eq!(host.starts(), 1);

    let crashed = host
        .invoke(br#"{"do":"crash"}"#, within(PATIENCE_MS))
        .await
        .unwrap_err();
    let InvokeError::Crashed(status) = crashed else {
        panic!("{crashed:?}")
    };
    assert_eq!(status.code(), Some(7));
    echo(&mut host).await.unwrap();
    assert_eq!(host.starts(), 2);
}

#[tokio::test]
async fn process_past_its_deadline_is_replaced() {
    let mut host = Host::new(program());
    let before = echo(&mut host).await.unwrap();
    let late = host
        .invoke(br#"{"do":"hang"}"#, within(IMPATIENCE_MS))
        .await
        .unwrap_err();
    assert!(matches!(late, InvokeError::TimedOut), "{late:?}");
    let after = echo(&mut host).await.unwrap();
    assert_ne!(after["process"], before["process"]);
}

#[tokio::test]
async fn killed_process_is_a_crash() {
    let mut host = Host::new(program());
    echo(&mut host).await.unwrap();
    let process = host.instance().await.unwrap().process();
    let (answer, ()) = tokio::join!(host.invoke(br#"{"do":"hang"}"#, within(PATIENCE_MS)), async {
        process.signal(Signal::Kill).unwrap();
    });
    assert!(matches!(answer, Err(InvokeError::Crashed(_))), "{answer:?}");
    assert!(
        process.signal(Signal::Kill).is_err(),
        "its number may be another's by now"
    );
    echo(&mut host).await.unwrap();
}

#[tokio::test]
async fn stopped_process_answers_nobody_until_it_goes_on() {
    let mut zombie = Instance::start(&program()).await.unwrap();
    let first = zombie.invoke(b"{}", within(PATIENCE_MS)).await.unwrap();
    zombie.process().signal(Signal::Stop).unwrap();
    let stopped = zombie.invoke(b"{}", within(IMPATIENCE_MS)).await.unwrap_err();
    assert!(matches!(stopped, InvokeError::TimedOut), "{stopped:?}");
    assert!(zombie.is_alive());

    zombie.process().signal(Signal::Continue).unwrap();
    let after = zombie.invoke(b"{}", within(PATIENCE_MS)).await.unwrap();
    let number = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap()["request_id"].clone();
    assert_eq!(
        (number(&first), number(&after)),
        (json!("sample-1"), json!("sample-3"))
    );

    zombie.process().signal(Signal::Kill).unwrap();
    assert!(!zombie.ended().await.unwrap().success());
    assert!(!zombie.is_alive());
}

#[tokio::test]
async fn abandoned_process_lives_on_beside_its_successor() {
    let mut host = Host::new(program());
    let first = echo(&mut host).await.unwrap();
    let mut left = host.abandon().unwrap();
    let second = echo(&mut host).await.unwrap();
    assert_ne!(second["process"], first["process"]);
    assert!(left.is_alive());
    assert!(left.invoke(b"{}", within(PATIENCE_MS)).await.is_ok());
}

#[tokio::test]
async fn missing_binary_is_named() {
    let program = Program {
        binary: PathBuf::from("/nowhere/at/all"),
        ..program()
    };
    let error = Host::new(program)
        .invoke(b"{}", within(PATIENCE_MS))
        .await
        .unwrap_err();
    assert!(matches!(error, InvokeError::NotStarted(_)), "{error:?}");
    assert!(error.to_string().contains("name=`sample`"), "{error}");
}
