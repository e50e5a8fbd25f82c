//! What was paid for is on the books, whatever became of the step; what may have been is counted apart from it.

use anyhow::{Context as _, Result, bail};
use local::aws::Call;
use local::sandbox::model::Spoil;
use local::stand::{MINUTE_MS, Stand};
use ratchet_guard::{Record, State};
use serde_json::json;

use crate::books::{Books, is_answer, number, text};
use crate::token_cap::hour;

const TICKET: u64 = 5101;

/// A ticket whose first answer cannot be used, and whose repair goes so.
async fn unrepaired(repair: Spoil) -> Result<Stand> {
    let stand = Stand::new().await?;
    for spoil in [Spoil::CutOff, repair] {
        stand
            .sandbox
            .edit(|outside, _| outside.model.spoil(Some("extract_bug"), &[], spoil, 1));
    }
    stand.open("acme", 0, TICKET).await?;
    stand.drain().await?;
    Ok(stand)
}

/// The ticket's step of this kind, if it was begun.
async fn step_of(stand: &Stand, kind: &str) -> Result<Option<Record>> {
    let life = stand.life("acme", TICKET).await?;
    let mut steps = life.into_values();
    Ok(steps.find(|record| record.key.step().split('#').next() == Some(kind)))
}

async fn extraction(stand: &Stand) -> Result<Record> {
    step_of(stand, "extract").await?.context("an extraction")
}

/// The books say what the model's vendor says.
async fn agrees(stand: &Stand) -> Result<Books> {
    let books = Books::of(stand).await?;
    let vendor = stand.sandbox.read(|outside| outside.model.usage());
    assert_eq!(
        (books.sum("input"), books.sum("output")),
        (vendor.input, vendor.output)
    );
    Ok(books)
}

#[tokio::test]
async fn answer_whose_repair_is_told_to_wait_is_counted_and_the_step_goes_on() -> Result<()> {
    let stand = unrepaired(Spoil::RateLimited).await?;
    let first = agrees(&stand).await?;
    assert_eq!(
        (first.kinds(), first.sum("calls")),
        (vec!["extract".to_owned()], 1)
    );
    let waiting = extraction(&stand).await?;
    assert_eq!((waiting.state, waiting.attempts), (State::Claimed, 1));
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    let all = agrees(&stand).await?;
    assert_eq!(all.kinds(), ["extract", "extract", "map", "patch", "rca"]);
    assert_eq!(all.lost_attempts(), 0, "both answers of the step are known");
    Ok(())
}

#[tokio::test]
async fn answer_whose_repair_is_refused_is_counted_and_kept_for_a_person() -> Result<()> {
    let stand = unrepaired(Spoil::BadKey).await?;
    let parked = extraction(&stand).await?;
    assert_eq!((parked.state, parked.resume_at), (State::Parked, None));
    assert_eq!(parked.reason.as_deref(), Some("unauthorized"));
    assert!(parked.body.contains("\"raw\""), "{}", parked.body);
    assert_eq!(agrees(&stand).await?.sum("calls"), 1);

    assert!(stand.ledger()?.resume(&parked).await?);
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    assert_eq!(agrees(&stand).await?.lost_attempts(), 0);
    Ok(())
}

#[tokio::test]
async fn answer_whose_repair_is_lost_is_counted_and_the_repair_stands_apart() -> Result<()> {
    let stand = unrepaired(Spoil::Overloaded).await?;
    assert_eq!(agrees(&stand).await?.sum("calls"), 1);
    hour(&stand).await?;
    let books = agrees(&stand).await?;
    assert_eq!(books.kinds(), ["extract", "extract", "map", "patch", "rca"]);
    assert_eq!(
        books.lost_attempts(),
        1,
        "nobody knows whether the repair was paid for"
    );
    Ok(())
}

/// Every attempt at the step of this kind dies with its answer, until it is parked.
async fn exhausted(stand: &Stand, kind: &str) -> Result<Record> {
    stand.open("acme", 0, TICKET).await?;
    let of_step = format!("#{kind}#");
    loop {
        let of_step = of_step.clone();
        let dies = move |call: &Call| is_answer(call) && call.json().to_string().contains(&of_step);
        stand.tap.crash_before(dies);
        stand.drain().await?;
        let found = step_of(stand, kind).await?;
        if let Some(parked) = found.filter(|record| record.state == State::Parked) {
            assert_eq!(parked.reason.as_deref(), Some("attempts_exhausted"));
            return Ok(parked);
        }
        stand.clock.advance(60 * MINUTE_MS);
        stand.tick().await?;
    }
}

#[tokio::test]
async fn step_that_no_attempt_could_end_shows_what_it_lost_also_when_it_is_closed() -> Result<()> {
    for kind in ["extract", "map", "patch", "rca"] {
        let stand = Stand::new().await?;
        let parked = exhausted(&stand, kind).await?;
        assert!(stand.ledger()?.close(&parked).await?);
        let books = Books::of(&stand).await?;
        let [lost] = books.lost.as_slice() else {
            bail!("one row: {:?}", books.lost);
        };
        // The claim that was one too many asked nobody.
        assert_eq!(number(lost, "attempts"), parked.fence - 1, "{kind}");
        assert_eq!(text(lost, "step"), parked.key.step());
        assert_eq!(text(lost, "model"), "claude-sonnet-4-5");
        assert_eq!(number(lost, "at_ms"), parked.first_claimed_at);
        assert!(!books.kinds().contains(&kind.to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn what_a_step_lost_is_shown_once_when_it_is_answered_after_all() -> Result<()> {
    let stand = Stand::new().await?;
    let parked = exhausted(&stand, "extract").await?;
    // The crash that is still planned would meet the answer.
    stand.tap.crash_before(|_| false);
    assert!(stand.ledger()?.resume(&parked).await?);
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    let books = Books::of(&stand).await?;
    assert_eq!((books.lost.len(), books.lost_attempts()), (1, parked.fence - 1));
    assert_eq!(books.kinds(), ["extract", "map", "patch", "rca"]);
    Ok(())
}

#[tokio::test]
async fn parked_step_whose_process_died_before_it_told_of_what_it_lost_tells_when_it_is_delivered_again()
-> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    let is_told = |call: &Call| call.operation == "PutItem" && call.json().to_string().contains("lost#");
    loop {
        stand
            .tap
            .crash_before(move |call| is_answer(call) || is_told(call));
        stand.drain().await?;
        if extraction(&stand).await?.state == State::Parked {
            break;
        }
        // No sweep: a second message would tell at once.
        stand.clock.advance(60 * MINUTE_MS);
    }
    assert_eq!(Books::of(&stand).await?.lost_attempts(), 0);
    stand.tap.crash_before(|_| false);
    hour(&stand).await?;
    let asked = stand.sandbox.read(|outside| outside.model.questions());
    assert_eq!(Books::of(&stand).await?.lost_attempts(), asked);
    Ok(())
}

#[tokio::test]
async fn waiting_for_a_cap_loses_nothing_after_an_attempt_that_did() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    stand.tap.crash_before(is_answer);
    stand.drain().await?;
    // The cap is reached by then, and looked at again and again.
    stand.put_settings("acme", json!({ "token_cap": 0 })).await?;
    for _ in 0..6 {
        hour(&stand).await?;
    }
    let waiting = extraction(&stand).await?;
    assert_eq!(waiting.reason.as_deref(), Some("token_capped"));
    assert!(
        waiting.fence > 5,
        "it was claimed time and again: {}",
        waiting.fence
    );
    stand.put_settings("acme", json!({})).await?;
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    assert_eq!(Books::of(&stand).await?.lost_attempts(), 1);
    Ok(())
}
