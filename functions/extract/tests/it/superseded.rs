//! A crashed extraction of words that the ticket has outgrown comes to its end, once the ticket needs it no more.

use anyhow::{Context as _, Result, bail};
use local::aws::Call;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Park, Record, State, Unfinished, Work};

use crate::books::Books;

const TICKET: u64 = 5101;

/// Places in the sample.
const A_BUG: usize = 0;
const HELD: usize = 14;

fn is_seal(call: &Call) -> bool {
    call.operation == "TransactWriteItems"
}

/// The process of the stage dies as it is about to seal its first answer.
async fn crashed(stand: &Stand, sample: usize) -> Result<()> {
    stand.open("acme", sample, TICKET).await?;
    stand.tap.crash_before(is_seal);
    stand.drain().await?;
    let first = extractions(stand).await?;
    let [claimed] = first.as_slice() else {
        bail!("one extraction is claimed: {first:?}");
    };
    assert_eq!(claimed.state, State::Claimed);
    Ok(())
}

async fn extractions(stand: &Stand) -> Result<Vec<Record>> {
    let life = stand.life("acme", TICKET).await?;
    let all = life.into_values();
    Ok(all
        .filter(|record| record.key.step().starts_with(step::EXTRACT))
        .collect())
}

/// Sweeps until nothing is left to do; an error where that never comes.
async fn settle(stand: &Stand) -> Result<()> {
    for _ in 0..20 {
        stand.clock.advance(60 * MINUTE_MS);
        stand.tick().await?;
        stand.drain().await?;
        let due = stand.ledger()?.due(&[Unfinished::Claimed], 10).await?;
        if due.records.is_empty() {
            return Ok(());
        }
    }
    bail!("a claim is swept for ever")
}

/// Newer words after the crash: both extractions end, the older one as superseded, and the bills are counted.
async fn outgrown(sample: usize) -> Result<usize> {
    let stand = Stand::new().await?;
    crashed(&stand, sample).await?;
    let newer = "It is also wrong with a voucher.";
    stand
        .sandbox
        .edit(|outside, now_ms| outside.zendesk.customer_comment(now_ms, TICKET, newer));
    settle(&stand).await?;
    let ended = extractions(&stand).await?;
    assert_eq!(ended.len(), 2);
    for record in &ended {
        assert_eq!(record.state, State::Sealed, "{}", record.key);
    }
    let superseded = ended.iter().filter(|record| record.body.contains("superseded"));
    assert_eq!(superseded.count(), 1);
    let books = Books::of(&stand).await?;
    assert_eq!(books.lost_attempts(), 1, "the answer to the older words was lost");
    let [bills, ..] = stand.effects("acme", TICKET).await?;
    Ok(bills)
}

#[tokio::test]
async fn older_words_end_when_the_newer_ones_are_billed() -> Result<()> {
    assert_eq!(outgrown(A_BUG).await?, 1);
    Ok(())
}

#[tokio::test]
async fn older_words_end_when_the_newer_ones_are_held_for_a_person() -> Result<()> {
    assert_eq!(outgrown(HELD).await?, 0);
    Ok(())
}

#[tokio::test]
async fn older_words_end_when_the_newer_ones_are_parked() -> Result<()> {
    let stand = Stand::new().await?;
    crashed(&stand, A_BUG).await?;
    let older = extractions(&stand).await?;
    let newer = "It is also wrong with a voucher.";
    stand
        .sandbox
        .edit(|outside, now_ms| outside.zendesk.customer_comment(now_ms, TICKET, newer));
    stand.tap.crash_before(is_seal);
    stand.clock.advance(60 * MINUTE_MS);
    stand.tick().await?;
    stand.drain().await?;
    stand.clock.advance(60 * MINUTE_MS);
    let both = extractions(&stand).await?;
    let last = both
        .into_iter()
        .find(|record| older.iter().all(|one| one.key != record.key));
    let last = last.context("the newer words are claimed")?;
    let work = Work::new(last.key, last.content).driven_by(last.stage, last.message);
    stand
        .parked(&work, Park::for_a_person("model_answer_unreadable", ""))
        .await?;
    settle(&stand).await?;
    let states = extractions(&stand).await?.into_iter().map(|record| record.state);
    let states: Vec<State> = states.collect();
    assert!(
        states.contains(&State::Parked) && states.contains(&State::Sealed),
        "{states:?}"
    );
    Ok(())
}

#[tokio::test]
async fn words_that_stand_are_extracted_again_and_not_superseded() -> Result<()> {
    let stand = Stand::new().await?;
    crashed(&stand, A_BUG).await?;
    settle(&stand).await?;
    let ended = extractions(&stand).await?;
    let record = ended.first().context("there is an extraction")?;
    assert_eq!((ended.len(), record.state), (1, State::Sealed));
    assert!(!record.body.contains("superseded"));
    assert!(stand.queued(Stage::Extract).is_empty());
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}
