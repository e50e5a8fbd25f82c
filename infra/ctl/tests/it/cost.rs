//! What a plan costs: one pass over the table, a page at a time.

use anyhow::Result;

use crate::desk::plan;
use local::stand::{STEPS, Stand};

/// Runs of the plain test.
const RUNS: u64 = 1_000;

#[tokio::test]
async fn plan_reads_the_table_once_and_holds_no_more_than_it_prints() -> Result<()> {
    let world = Stand::new().await?;
    world.finish_runs(RUNS)?;
    world.tap.forget();
    let planned = plan(&world, &["--limit", "5"]).await?;
    assert_eq!(
        (planned["runs"].as_u64(), planned["charge_max"].as_u64()),
        (Some(RUNS), Some(0))
    );
    let steps = RUNS * STEPS.len() as u64;
    assert_eq!(planned["steps"]["reuse"], steps);
    assert_eq!(planned["messages"], RUNS, "each run is passed through once");
    assert_eq!(planned["lines"].as_array().map(Vec::len), Some(5));
    assert_eq!(planned["lines_left_out"], steps - 5);
    let counts = world.tap.counts();
    // A page is a thousand rows, so that what is held of the table does not grow with it; the last one may be empty.
    let scans = counts.get("Scan").copied().unwrap_or(0);
    assert!((steps / 1_000..=1 + steps / 1_000).contains(&scans), "{counts:?}");
    assert_eq!(counts.get("PutItem"), Some(&1), "the plan's own row");
    assert_eq!(counts.get("Query"), None);
    Ok(())
}
