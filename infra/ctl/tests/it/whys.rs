//! Why a bug has no bill, or its entry no seal: every way in which it may wait, end, or be wrong.

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use ctl::failure::Exit;
use ratchet_domain::step;
use ratchet_guard::Park;
use ratchet_guard::store::Item;
use ratchet_runtime::stage::key_of;
use serde_json::json;

use crate::bench::{Bench, NOW_MS, acme};
use crate::bills::{DAY_MS, billed, month, org, seal, usage};
use crate::life::Life;

const HOUR_MS: u64 = 3_600_000;

/// What `usage explain` says of a ticket.
async fn why(bench: &Bench, number: &str) -> Result<String> {
    let ticket = format!("zendesk:{number}");
    let answer = bench.run(&["usage", "explain", "--org", "acme", &ticket]).await?;
    assert_eq!(answer.exit, Exit::Done, "{answer:?}");
    Ok(answer.stdout)
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// A ticket whose step is parked.
async fn parked<'b>(bench: &'b Bench, number: &str, step: &str, park: Park) -> Result<Life<'b>> {
    let life = Life::of(bench, number)?;
    let step = format!("{step}{}", life.at.content.short());
    life.claim(step).await?.park(park).await?;
    Ok(life)
}

/// A bug that the gate holds for a person.
async fn held<'b>(bench: &'b Bench, number: &str) -> Result<Life<'b>> {
    let life = Life::of(bench, number)?;
    life.extracted(0.69).await?;
    life.mapped().await?;
    life.qualified().await?;
    Ok(life)
}

async fn delete(bench: &Bench, table: &str, key: [(&str, &str); 2]) -> Result<()> {
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
    let delete = bench.world.deployment.dynamo.delete_item().table_name(table);
    delete.set_key(Some(Item::from(key))).send().await?;
    Ok(())
}

/// Writes a field of a ticket's entry by hand, and gives its key.
async fn forge(bench: &Bench, number: &str, plan: &str) -> Result<String> {
    let key = ratchet_domain::bill::charge_key(&Life::of(bench, number)?.at.ticket.bug());
    let update = bench.world.deployment.dynamo.update_item().table_name("usage");
    update
        .key("org_period", AttributeValue::S("acme#2026-02".to_owned()))
        .key("sk", AttributeValue::S(key.clone()))
        .update_expression("SET #plan = :plan")
        .expression_attribute_names("#plan", "plan")
        .expression_attribute_values(":plan", AttributeValue::S(plan.to_owned()))
        .send()
        .await?;
    Ok(key)
}

#[tokio::test]
async fn parked_step_is_told_with_its_reason_its_fault_and_when_it_comes_back() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let at = NOW_MS + DAY_MS;
    parked(
        &bench,
        "1",
        "extract#",
        Park::until("token_capped", "1200 of 1000", at),
    )
    .await?;
    let told = why(&bench, "1").await?;
    says(
        &told,
        &[
            "not billed",
            "the extraction waits, and is looked at again at 2026-02-01T23:30:00Z",
            "`token_capped`, The period's cap of model tokens is reached",
            "1200 of 1000",
        ],
    );
    parked(
        &bench,
        "2",
        "map#",
        Park::for_a_person("spend_limit", "status 402"),
    )
    .await?;
    let told = why(&bench, "2").await?;
    says(
        &told,
        &[
            "the mapping waits for a person: `spend_limit`",
            "limit at the provider is used up",
            "status 402",
        ],
    );
    bench.clock.advance(2 * DAY_MS);
    let told = why(&bench, "1").await?;
    says(
        &told,
        &["the extraction waited until 2026-02-01T23:30:00Z and is looked at again now"],
    );
    Ok(())
}

#[tokio::test]
async fn bug_at_the_cap_is_told_with_its_scores_and_when_it_is_looked_at_again() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["billing"] = json!({ "time_zone": "Europe/Berlin", "mapped_bug_cap": 1 });
    bench.put(&settings).await?;
    for number in ["1", "2"] {
        Life::of(&bench, number)?.billed().await?;
    }
    let told = why(&bench, "2").await?;
    says(
        &told,
        &[
            "the gate waits, and is looked at again at 2026-02-01T00:30:00Z: `capped`",
            "score is 0.9 against 0.7",
        ],
    );
    Ok(())
}

#[tokio::test]
async fn step_that_is_claimed_again_is_not_told_by_what_its_row_held_before() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = held(&bench, "1").await?;
    says(
        &why(&bench, "1").await?,
        &["waits for a person: `below_threshold`", "0.69 against 0.7"],
    );
    let row = key_of(&life.at.ticket, step::qualify(&life.at.content));
    let record = life.ledger()?.read(&row).await?.context("the gate's row")?;
    assert!(life.ledger()?.resume(&record).await?);
    drop(life.claim(step::qualify(&life.at.content)).await?);
    let told = why(&bench, "1").await?;
    says(&told, &["the gate is under way: attempt"]);
    assert!(!told.contains("0.69") && !told.contains("below"), "{told}");
    bench.clock.advance(DAY_MS);
    let told = why(&bench, "1").await?;
    says(&told, &["the gate has no result: attempt", "the next is due at"]);
    assert!(!told.contains("0.69") && !told.contains("below"), "{told}");
    // Parked for another reason, the scores of before say nothing either.
    life.claim(step::qualify(&life.at.content))
        .await?
        .park(Park::for_a_person("attempts_exhausted", ""))
        .await?;
    let told = why(&bench, "1").await?;
    says(&told, &["`attempts_exhausted`"]);
    assert!(!told.contains("0.69"), "{told}");
    Ok(())
}

#[tokio::test]
async fn bug_that_a_person_rejected_is_told_with_who_and_when() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = held(&bench, "1").await?;
    let (subject, step) = (life.at.ticket.subject(), step::qualify(&life.at.content));
    bench.clock.advance(HOUR_MS);
    let reject = ["review", "reject", &subject, &step, "--by", "ada", "--yes"];
    let answer = bench.run(&reject).await?;
    assert_eq!(answer.exit, Exit::Done, "{answer:?}");
    let told = why(&bench, "1").await?;
    says(
        &told,
        &[
            "ada rejected it, and it is closed for good, at 2026-02-01T00:30:00Z",
            "`below_threshold`",
        ],
    );
    // What the customer says later is another content, told beside it.
    let mut again = Life::of(&bench, "1")?;
    again.at.content = ratchet_domain::ids::ContentHash::of(&["and again"]);
    again.extracted(0.9).await?;
    let told = why(&bench, "1").await?;
    let content = again.at.content.short().to_owned();
    says(
        &told,
        &[
            "ada rejected it",
            &format!("customer content {content}: a bug was extracted with a score of 0.9"),
        ],
    );
    Ok(())
}

#[tokio::test]
async fn message_that_no_step_could_begin_with_is_told() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "1")?;
    let body = ratchet_domain::message::Body::Qualify(life.at.clone());
    let message = ratchet_domain::message::Envelope::new(None, body).to_json();
    life.ledger()?
        .park_message("qualify", &message, "earlier_step_missing", "no mapping")
        .await?;
    let told = why(&bench, "1").await?;
    says(
        &told,
        &[
            "not billed",
            "message of qualify held for review: earlier_step_missing (no mapping)",
        ],
    );
    let none = bench
        .run(&["usage", "explain", "--org", "acme", "zendesk:2"])
        .await?;
    assert_eq!(none.exit, Exit::NotFound);
    let nonsense = bench.run(&["usage", "explain", "--org", "acme", "5158"]).await?;
    assert_eq!(nonsense.exit, Exit::Invalid, "{nonsense:?}");
    Ok(())
}

#[tokio::test]
async fn entry_that_no_flag_names_is_told_whatever_part_it_is_in() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["billing"] = json!({ "time_zone": "Europe/Berlin", "partitions": 64 });
    bench.put(&settings).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    let subject = life.at.ticket.subject();
    delete(&bench, "ledger", [("subject", &subject), ("step", "bill")]).await?;
    let key = ratchet_domain::bill::charge_key(&life.at.ticket.bug());
    let entry = usage(&bench).find(&org()?, &month("2026-02")?, &key).await?;
    let partition = entry.context("it is there")?.partition;
    assert!(partition.starts_with("acme#2026-02+"), "{partition}");
    delete(&bench, "usage", [("org_period", &partition), ("sk", "total")]).await?;
    bench.clock.advance(70 * DAY_MS);
    let told = why(&bench, "5158").await?;
    says(
        &told,
        &[
            "not billed, and there is an entry",
            &format!("an entry charges it and no flag on the ledger names that entry: {key} in {partition}"),
            "no flag of a charge",
        ],
    );
    // By the bug's id the entry is found, and nobody has seen the ticket that it names.
    for record in life.ledger()?.life(&subject).await? {
        delete(
            &bench,
            "ledger",
            [("subject", &subject), ("step", record.key.step())],
        )
        .await?;
    }
    let id = life.at.ticket.bug();
    let answer = bench
        .run(&["usage", "explain", "--org", "acme", id.as_str()])
        .await?;
    assert_eq!(answer.exit, Exit::Failed, "{answer:?}");
    assert!(answer.stderr.contains("nobody has seen"), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn entry_without_a_seal_is_told_by_what_keeps_it_from_one() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    says(
        &why(&bench, "5158").await?,
        &["not sealed yet: its period has no seal", "has not come to it"],
    );
    let mut keys = Vec::new();
    for number in ["5158", "5159", "5160"] {
        let key = ratchet_domain::bill::charge_key(&Life::of(&bench, number)?.at.ticket.bug());
        keys.push((key, number));
    }
    keys.sort();
    let [(first, number), .., (_, last)] = keys.as_slice() else {
        bail!("three entries")
    };
    forge(&bench, number, "trial").await?;
    seal(&bench, false).await?;
    let stopped = "sealing of its period stopped at";
    says(
        &why(&bench, number).await?,
        &[
            &format!("not sealed: {stopped} it at"),
            "its hash is not that of its fields",
        ],
    );
    says(
        &why(&bench, last).await?,
        &[stopped, "at another entry", first, "nothing behind that one"],
    );

    forge(&bench, number, "paid").await?;
    bench.clock.advance(3 * HOUR_MS);
    says(&why(&bench, last).await?, &["should have come to it by now"]);
    seal(&bench, true).await?;
    says(&why(&bench, last).await?, &["the proof holds"]);
    Life::of(&bench, "1")?.billed().await?;
    says(
        &why(&bench, "1").await?,
        &["its period was signed off at 2026-02-01T02:30:00Z without it"],
    );
    Ok(())
}
