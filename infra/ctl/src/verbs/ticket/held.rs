//! Messages about a ticket that wait for a person: a stage could not even begin with them, so no step has a row.

use ratchet_domain::ids::TicketRef;
use ratchet_domain::message::Envelope;
use ratchet_domain::stage::Stage;
use ratchet_guard::{Ledger, Record, StageError, Unfinished};
use serde_json::{Value, json};

use crate::text::{plain, time};

/// The messages of the ticket that are parked, oldest first. It reads the index of what waits for a person, and
/// nothing that is finished.
///
/// # Errors
/// [`StageError::Store`].
pub async fn messages(ledger: &Ledger, ticket: &TicketRef, now_ms: u64) -> Result<Vec<Record>, StageError> {
    let mut found = Vec::new();
    for shard in Ledger::shards() {
        let mut start = None;
        loop {
            let page = ledger
                .unfinished(Unfinished::Review, shard, now_ms, start)
                .await?;
            found.extend(page.records.into_iter().filter(|record| is_about(record, ticket)));
            start = page.next;
            if start.is_none() {
                break;
            }
        }
    }
    found.sort_by_key(|record| (record.settled_at, record.key.clone()));
    Ok(found)
}

fn is_about(record: &Record, ticket: &TicketRef) -> bool {
    record.key.subject().starts_with("poison#")
        && Stage::from_name(&record.stage)
            .and_then(|stage| Envelope::parse(stage, &record.message).ok())
            .is_some_and(|envelope| envelope.body.ticket() == ticket)
}

/// One message, for programs.
#[must_use]
pub fn json(record: &Record) -> Value {
    json!({
        "subject": record.key.subject(),
        "step": record.key.step(),
        "stage": record.stage,
        "reason": record.reason,
        "detail": record.detail,
        "since_ms": record.settled_at,
    })
}

/// One message, as a clause of what happens next.
#[must_use]
pub fn says(record: &Record) -> String {
    format!(
        "message of {} held for review: {} ({})",
        record.stage,
        record.reason.as_deref().unwrap_or("none"),
        record.detail.as_deref().unwrap_or("none")
    )
}

/// One message, as a line of its own: how to look at it.
#[must_use]
pub fn line(record: &Record) -> String {
    format!(
        "held     {} since {}; look with `review show '{}' '{}'`\n",
        plain(&says(record)),
        time(record.settled_at),
        plain(record.key.subject()),
        plain(record.key.step())
    )
}
