//! The stage in the whole deployment: repositories that cannot be read, and what the record says of them.

use anyhow::{Context as _, Result};
use local::demo::sandbox_settings;
use local::sandbox::Provider;
use local::sandbox::fault::Fault;
use local::sandbox::source::SourceFile;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::bug::Mapping;
use ratchet_guard::{Record, State};
use ratchet_runtime::model::Asked;
use serde_json::json;

const TICKET: u64 = 5101;

/// The bug that the sample's first ticket reports.
const A_BUG: usize = 0;

async fn stand(repos: &[&str]) -> Result<Stand> {
    let stand = Stand::new().await?;
    let repos: Vec<String> = repos.iter().map(|repo| (*repo).to_owned()).collect();
    stand.put("acme", &sandbox_settings("acme", &repos)).await?;
    Ok(stand)
}

async fn mapped(stand: &Stand) -> Result<Record> {
    let life = stand.life("acme", TICKET).await?;
    let mut rows = life.into_values();
    rows.find(|record| record.key.step().starts_with("map#"))
        .context("the mapping is on record")
}

fn left_out(record: &Record) -> Result<Vec<(String, String)>> {
    let Asked::Answered(answered) = record.result::<Asked<Mapping>>()? else {
        anyhow::bail!("no answer is on record");
    };
    let unusable = answered.answer.unusable.into_iter();
    Ok(unusable
        .map(|left_out| (left_out.repo.to_string(), left_out.reason))
        .collect())
}

#[tokio::test]
async fn repositories_that_were_not_searched_are_on_record_beside_the_one_that_was() -> Result<()> {
    let stand = stand(&["acme/docs", "acme/gone", "acme/old", "acme/shop"]).await?;
    let not_found = Fault::Status {
        status: 404,
        retry_after_seconds: None,
    };
    stand.sandbox.edit(|outside, now_ms| {
        for name in ["acme/docs", "acme/old"] {
            outside
                .github
                .add_repo(now_ms, name, &[SourceFile::text("src/a.rs", "fn a() {}\n")]);
        }
        outside.github.set_archived("acme/old", true);
        // The first archive that is asked for is that of the first repository.
        outside
            .faults
            .plan(Provider::Github, Some("tarball"), not_found, 1);
    });
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    let record = mapped(&stand).await?;
    assert_eq!(record.state, State::Sealed);
    let reason = |repo: &str, reason: &str| (repo.to_owned(), reason.to_owned());
    assert_eq!(
        left_out(&record)?,
        [
            reason("acme/gone", "repository_missing"),
            reason("acme/old", "repository_archived"),
            reason("acme/docs", "repository_missing"),
        ]
    );
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn a_refused_token_is_its_own_reason_and_a_fresh_one_maps_the_bug() -> Result<()> {
    let stand = stand(&["acme/gone", "acme/shop"]).await?;
    let refused = Fault::Status {
        status: 401,
        retry_after_seconds: None,
    };
    stand
        .sandbox
        .edit(|outside, _| outside.faults.plan(Provider::Github, None, refused, 100));
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    let record = mapped(&stand).await?;
    assert_eq!(
        (record.state, record.reason.as_deref()),
        (State::Parked, Some("unauthorized"))
    );
    stand.sandbox.edit(|outside, _| outside.faults.forget_plans());
    stand
        .replay(json!({ "source": "operator", "id": "token", "by": "ada", "org": "acme" }))
        .await?;
    stand.drain().await?;
    let record = mapped(&stand).await?;
    assert_eq!(record.state, State::Sealed, "{:?}", record.reason);
    let unusable = left_out(&record)?;
    assert_eq!(
        unusable,
        [("acme/gone".to_owned(), "repository_missing".to_owned())]
    );
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_died_before_a_token_was_mended_pins_nothing_for_ever() -> Result<()> {
    let stand = stand(&["acme/shop"]).await?;
    let refused = Fault::Status {
        status: 401,
        retry_after_seconds: None,
    };
    stand
        .sandbox
        .edit(|outside, _| outside.faults.plan(Provider::Github, None, refused, 100));
    // It dies after its claim: what it may have sent is unknown, so its intent stays whoever brings the work back.
    stand
        .tap
        .crash_before(|call| call.operation == "UpdateItem" && call.json().to_string().contains("map#"));
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    assert_eq!(mapped(&stand).await?.state, State::Claimed);
    stand.sandbox.edit(|outside, _| outside.faults.forget_plans());
    stand.clock.advance(10 * MINUTE_MS);
    stand.drain().await?;
    let record = mapped(&stand).await?;
    assert_eq!(record.state, State::Sealed, "{:?}", record.reason);
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}
