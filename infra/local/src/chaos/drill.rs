//! The restore drill: the tables as they were at an earlier instant, the providers as they are now.

use anyhow::{Context, Result};
use serde_json::json;

use super::controls::{hours, is_complete, life, open, pass, world};
use super::story::compare;

const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn tables_restored_to_an_earlier_instant_double_nothing() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    let began_ms = world.now_ms();
    open(&mut hours, 1).context("ticket")?;
    pass(&mut hours, 600_000).await?;

    // The backup is taken in the middle of the second ticket's life: its pull request is made and not on record.
    open(&mut hours, 2).context("ticket")?;
    world.watch.crash_at("pr#acme/shop");
    pass(&mut hours, 1).await?;
    let backup = world.cloud.aws.dynamo.snapshot()?;
    let restored_to_ms = world.now_ms();
    open(&mut hours, 3).context("ticket")?;
    pass(&mut hours, HOUR_MS).await?;
    for id in [1, 2, 3] {
        let (row, _) = life(&world, id).await?;
        assert!(is_complete(&world, &row), "before: {row:?}");
    }

    // All of it is at the providers, and the tables have forgotten the second half of it and the whole third ticket.
    world.cloud.aws.dynamo.restore(&backup)?;
    world
        .overwrite("*", &json!({"restored_to_ms": restored_to_ms}))
        .await?;
    pass(&mut hours, 2 * HOUR_MS).await?;
    let repairs = Box::pin(compare(&mut hours, began_ms)).await?;
    assert!(repairs > 0, "the third ticket is only known to its provider");
    for id in [1, 2, 3] {
        let (row, _) = life(&world, id).await?;
        assert!(row.charged && is_complete(&world, &row), "after: {row:?}");
    }
    Ok(())
}
