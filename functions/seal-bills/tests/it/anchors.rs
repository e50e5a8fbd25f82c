//! What the sealer leaves outside the table: each period's root, in its answer and in its log.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use anyhow::{Context as _, Result};
use local::stand::Stand;
use ratchet_domain::ids::OrgId;
use ratchet_runtime::usage::seal::Terms;
use serde_json::{Value, json};

thread_local! {
    /// What was logged on this thread, which is one test's.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct OfThisThread;

impl Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the one log of the process, before anything is logged.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(|| OfThisThread)
            .init();
    });
}

/// The lines about roots since it was last asked.
fn roots() -> Vec<Value> {
    let lines = LINES.take();
    let lines = lines.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|line| line["outcome"] == "root")
        .collect()
}

#[tokio::test]
async fn root_of_each_period_is_in_the_answer_and_in_the_log_at_every_run() -> Result<()> {
    start();
    let stand = Stand::new().await?;
    stand.seal().await?;
    assert_eq!(roots(), Vec::<Value>::new(), "there is no seal");
    stand.open("acme", 0, 5101).await?;
    stand.drain().await?;
    for added in [1, 0] {
        let answer = serde_json::to_value(stand.seal().await?)?;
        let last = stand
            .usage()
            .last_batch(&OrgId::parse("acme")?, &stand.month())
            .await?;
        let root = json!(last.context("a batch")?.root.to_string());
        let sealed = &answer["periods"][0];
        assert_eq!(
            (
                &sealed["root"],
                &sealed["size"],
                &sealed["is_final"],
                &sealed["added"]
            ),
            (&root, &json!(1), &json!(false), &json!(added))
        );
        let [line] = roots().try_into().map_err(|lines| anyhow::anyhow!("{lines:?}"))?;
        assert_eq!(
            (&line["root"], &line["size"], &line["is_final"]),
            (&root, &json!(1), &json!(false)),
            "{line}"
        );
        assert_eq!(
            (&line["org"], &line["period"]),
            (&json!("acme"), &json!(stand.month()))
        );
    }
    Ok(())
}

#[tokio::test]
async fn period_is_signed_off_under_the_settings_of_that_time() -> Result<()> {
    start();
    let stand = Stand::new().await?;
    stand
        .put_settings("acme", json!({ "included": 7, "mapped_bug_cap": 50 }))
        .await?;
    stand.open("acme", 0, 5101).await?;
    stand.drain().await?;
    let month = stand.month();
    stand.seal().await?;
    let acme = OrgId::parse("acme")?;
    let last = stand.usage().last_batch(&acme, &month).await?;
    assert_eq!(last.context("a batch")?.terms, None, "it is open");
    stand.clock.advance(20 * 24 * 60 * local::stand::MINUTE_MS);
    stand.seal().await?;
    let last = stand
        .usage()
        .last_batch(&acme, &month)
        .await?
        .context("a batch")?;
    let terms = Terms {
        included: 7,
        mapped_bug_cap: Some(50),
        time_zone: "UTC".to_owned(),
    };
    assert_eq!((last.is_final, last.terms), (true, Some(terms)));
    Ok(())
}
