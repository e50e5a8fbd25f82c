//! A charge is one transaction of four items, and so is a credit; whatever becomes of its reply, there is one.

use anyhow::{Context as _, Result};
use local::aws::Call;
use local::sqs::Sqs;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::bill::Kind;
use ratchet_domain::credit::{CreditAsked, Source};
use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::stage::Stage;
use serde_json::Value;

const TICKET: u64 = 5101;

/// The items of every transaction that writes a billing entry.
fn billing(stand: &Stand) -> Vec<usize> {
    let transactions = stand.tap.transactions();
    let billing = transactions.iter().filter(|sent| is_billing(sent));
    billing
        .map(|sent| sent["TransactItems"].as_array().map_or(0, Vec::len))
        .collect()
}

fn is_billing(sent: &Value) -> bool {
    sent.to_string().contains(r#""entry#"#)
}

async fn kinds(stand: &Stand) -> Result<Vec<Kind>> {
    let entries = stand.entries("acme").await?;
    Ok(entries.into_iter().map(|(kind, _)| kind).collect())
}

/// Somebody claims the bug back, and the message comes twice.
async fn claimed(stand: &Stand) -> Result<()> {
    let claim = CreditAsked {
        ticket: TicketRef {
            org: OrgId::parse("acme")?,
            provider: Provider::Zendesk,
            number: TicketNumber::parse(TICKET.to_string())?,
        },
        source: Source::Operator,
        by: "ana".to_owned(),
        note: "wrong module".to_owned(),
        charge: None,
        asked_at_ms: stand.clock_ms(),
    };
    let message = Envelope::new(None, Body::Credit(claim)).to_json();
    for _ in 0..2 {
        let sqs = stand.cloud.aws.link().sqs();
        let send = sqs.send_message().queue_url(Sqs::queue_url("QualifyQueue"));
        send.message_body(&message).send().await?;
    }
    stand.drain().await
}

#[tokio::test]
async fn charge_is_one_transaction_of_four_items_and_so_is_a_credit() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    stand.drain().await?;
    assert_eq!(billing(&stand), [4]);
    claimed(&stand).await?;
    assert_eq!(billing(&stand), [4, 4]);
    assert_eq!(kinds(&stand).await?, [Kind::MappedBug, Kind::Credit]);
    Ok(())
}

#[tokio::test]
async fn charge_or_credit_whose_reply_is_lost_is_sent_again_and_made_once() -> Result<()> {
    let stand = Stand::new().await?;
    let is_it = |call: &Call| call.operation == "TransactWriteItems" && is_billing(&call.json());
    stand.tap.lose_reply(is_it);
    stand.open("acme", 0, TICKET).await?;
    stand.drain().await?;
    assert_eq!(billing(&stand), [4, 4], "the same transaction twice");
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    stand.tap.lose_reply(is_it);
    claimed(&stand).await?;
    assert_eq!(billing(&stand), [4; 4]);
    assert_eq!(kinds(&stand).await?, [Kind::MappedBug, Kind::Credit]);
    let totals = stand
        .usage()
        .totals(&OrgId::parse("acme")?, &stand.month())
        .await?;
    let (_, total) = totals.first().context("a total")?;
    assert_eq!((total.mapped_bugs, total.credits), (1, 1));
    Ok(())
}

#[tokio::test]
async fn charge_whose_process_dies_before_or_after_it_landed_is_made_once() -> Result<()> {
    let opened = Stand::new().await?;
    opened.open("acme", 0, TICKET).await?;
    for after in [false, true] {
        let stand = opened.fork()?;
        stand.tap.crash_before(move |call| {
            let is_charge = call.operation == "TransactWriteItems" && is_billing(&call.json());
            let is_next =
                call.operation.starts_with("SendMessage") && call.json().to_string().contains("fan-out");
            if after { is_next } else { is_charge }
        });
        stand.drain().await?;
        assert_eq!(kinds(&stand).await?.len(), usize::from(after), "after={after}");
        assert!(stand.queued(Stage::FanOut).is_empty());
        for _ in 0..4 {
            stand.clock.advance(20 * MINUTE_MS);
            stand.tick().await?;
            stand.drain().await?;
        }
        assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1], "after={after}");
        assert_eq!(kinds(&stand).await?, [Kind::MappedBug]);
    }
    Ok(())
}
