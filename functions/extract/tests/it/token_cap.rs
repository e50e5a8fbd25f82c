//! A period's cap of model tokens: what would go over it waits on record, nothing is lost, and it goes on by itself.

use anyhow::{Context as _, Result, bail};
use local::demo::sandbox_settings;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::bug::Extraction;
use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::settings::Settings;
use ratchet_guard::{Decision, Record, State, Work};
use ratchet_runtime::model::{Answered, Asked, settle};
use ratchet_runtime::stage::key_of;
use ratchet_runtime::tokens::{Spent, TokenMeter};
use serde_json::json;

use crate::books::{Books, is_answer};

const TICKET: u64 = 5101;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// The model has answered once, and that was the whole cap.
async fn spent() -> Result<Stand> {
    let stand = Stand::new().await?;
    stand.put_settings("acme", json!({ "token_cap": 1 })).await?;
    stand.open("acme", 0, TICKET).await?;
    stand.drain().await?;
    Ok(stand)
}

/// The step that waits.
async fn waiting(stand: &Stand) -> Result<Record> {
    let life = stand.life("acme", TICKET).await?;
    let mut waiting = life.into_values().filter(|record| record.state == State::Parked);
    let record = waiting.next().context("a step waits")?;
    assert!(waiting.next().is_none(), "one step waits");
    Ok(record)
}

/// Lets what is due go on, for an hour of sweeps.
pub(crate) async fn hour(stand: &Stand) -> Result<()> {
    for _ in 0..4 {
        stand.clock.advance(15 * MINUTE_MS);
        stand.tick().await?;
        stand.drain().await?;
    }
    Ok(())
}

#[tokio::test]
async fn model_step_over_the_cap_waits_with_its_reason_and_goes_on_when_the_cap_is_raised() -> Result<()> {
    let stand = spent().await?;
    let parked = waiting(&stand).await?;
    assert!(parked.key.step().starts_with("map#"), "{}", parked.key);
    assert_eq!(parked.reason.as_deref(), Some("token_capped"));
    assert!(parked.resume_at.is_some(), "it is looked at again by itself");
    let asked = stand.sandbox.read(|outside| outside.model.questions());

    hour(&stand).await?;
    assert_eq!(waiting(&stand).await?.reason.as_deref(), Some("token_capped"));
    assert_eq!(stand.effects("acme", TICKET).await?, [0, 0, 0]);
    assert_eq!(
        stand.sandbox.read(|outside| outside.model.questions()),
        asked,
        "no model is asked while the cap stands"
    );

    stand
        .put_settings("acme", json!({ "token_cap": 1_000_000 }))
        .await?;
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn model_step_over_the_cap_goes_on_in_the_next_month() -> Result<()> {
    let stand = spent().await?;
    waiting(&stand).await?;
    stand.clock.advance(9 * DAY_MS);
    hour(&stand).await?;
    assert_eq!(
        stand.effects("acme", TICKET).await?,
        [0, 0, 0],
        "it is still November"
    );
    let november = stand.month();
    stand.clock.advance(2 * DAY_MS);
    stand
        .put_settings("acme", json!({ "token_cap": 100_000 }))
        .await?;
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    // What was held to December's cap is counted in December.
    let (november, december) = (
        Books::of_month(&stand, &november).await?,
        Books::of(&stand).await?,
    );
    assert_eq!(november.kinds(), ["extract"]);
    assert_eq!(december.kinds(), ["map", "patch", "rca"]);
    Ok(())
}

/// A step of another ticket is answered, for so much.
async fn answered(stand: &Stand, spent: Spent) -> Result<()> {
    let ticket = TicketRef {
        org: OrgId::parse("acme")?,
        provider: Provider::Zendesk,
        number: TicketNumber::parse("7")?,
    };
    let Ok(settings) = Settings::parse(&sandbox_settings("acme", &["acme/shop".to_owned()])) else {
        bail!("settings do not validate");
    };
    let work = Work::new(key_of(&ticket, "extract#7"), "7");
    let Decision::Run(claim) = stand.ledger()?.claim(&work).await? else {
        bail!("not claimed");
    };
    let answer = Asked::Answered(Answered {
        answer: Extraction::NotABug {
            reason: "a question".to_owned(),
        },
        model: "model-1".to_owned(),
        prompt: "extract/1".to_owned(),
        spent,
    });
    let tokens = TokenMeter::new(stand.cloud.aws.link().dynamo(), "UsageTable");
    settle(claim.decide(answer), &tokens, &ticket, &settings).await?;
    Ok(())
}

#[tokio::test]
async fn step_that_is_retried_over_the_end_of_a_month_is_held_to_the_cap_that_it_is_counted_in() -> Result<()>
{
    let stand = Stand::new().await?;
    stand.put_settings("acme", json!({ "token_cap": 9 })).await?;
    stand.open("acme", 0, TICKET).await?;
    stand.tap.crash_before(is_answer);
    stand.drain().await?;
    let all = Spent {
        input: 9,
        ..Spent::default()
    };
    answered(&stand, all).await?;
    let november = stand.month();
    stand.clock.advance(11 * DAY_MS);
    stand.drain().await?;
    assert_eq!(waiting(&stand).await?.reason.as_deref(), Some("token_capped"));
    // It waited, so it is taken up anew, in December.
    hour(&stand).await?;
    let counts = [
        Books::of_month(&stand, &november).await?,
        Books::of(&stand).await?,
    ];
    assert_eq!(counts.map(|books| books.kinds()), [["extract"], ["extract"]]);
    Ok(())
}

#[tokio::test]
async fn every_kind_of_token_that_is_billed_counts_towards_the_cap() -> Result<()> {
    let spent = |counts: [u64; 4]| Spent {
        input: counts[0],
        output: counts[1],
        cache_read: counts[2],
        cache_write: counts[3],
        reasoning: counts[1],
        calls: 1,
    };
    // Reasoning is part of the output, and not counted twice.
    for (counts, cap, waits) in [
        ([9, 0, 0, 0], 9, true),
        ([0, 9, 0, 0], 9, true),
        ([0, 0, 9, 0], 9, true),
        ([0, 0, 0, 9], 9, true),
        ([1, 2, 3, 3], 9, true),
        ([1, 2, 3, 3], 10, false),
    ] {
        let stand = Stand::new().await?;
        stand.put_settings("acme", json!({ "token_cap": cap })).await?;
        answered(&stand, spent(counts)).await?;
        stand.open("acme", 0, TICKET).await?;
        stand.drain().await?;
        let asked = stand.sandbox.read(|outside| outside.model.questions());
        assert_eq!(asked == 0, waits, "{counts:?} of {cap}");
    }
    Ok(())
}
