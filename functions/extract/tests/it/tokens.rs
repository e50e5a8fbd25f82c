//! Each model call is counted once, by its step and content, whatever becomes of the process or of a reply.

use anyhow::Result;
use local::stand::{MINUTE_MS, Stand};

use crate::books::{Books, is_answer};

const TICKET: u64 = 5101;

/// Every step once; how many attempts left no word.
async fn counts_each_step_once(stand: &Stand) -> Result<u64> {
    let books = Books::of(stand).await?;
    assert_eq!(books.kinds(), ["extract", "map", "patch", "rca"]);
    for name in ["input", "output", "calls"] {
        assert!(books.sum(name) > 0, "{name}");
    }
    Ok(books.lost_attempts())
}

async fn settle(stand: &Stand) -> Result<()> {
    stand.drain().await?;
    for _ in 0..2 {
        stand.clock.advance(20 * MINUTE_MS);
        stand.tick().await?;
        stand.drain().await?;
    }
    Ok(())
}

#[tokio::test]
async fn call_whose_seal_lost_its_reply_is_counted_once() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    stand.tap.lose_reply(is_answer);
    settle(&stand).await?;
    assert_eq!(counts_each_step_once(&stand).await?, 0, "nothing was lost");
    Ok(())
}

#[tokio::test]
async fn call_whose_process_died_with_the_answer_is_counted_once_and_the_lost_one_apart() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    stand.tap.crash_before(is_answer);
    settle(&stand).await?;
    assert_eq!(counts_each_step_once(&stand).await?, 1, "one answer was lost");
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}
