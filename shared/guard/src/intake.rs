//! The intake's hand-over lease: an event is recorded before it is handed to a queue, and handed over again until
//! somebody consumes it.
//!
//! **Shape** of an event row: key `event` (S); `body_hash` (S); `subject` (S); `stage`, `message` (S, what a sweep sends
//! again); `attempt_id` (S, of the last write); `received_at`, `hand_over_until` (N, ms); `resend_at`, `resent_of` (N, ms:
//! no sweep sends it before the first, as long as the second is its due time); `consumed_at` (N, ms, absent until a stage
//! has the work on record); `ttl` (N, s); `unfinished`, `due_at` (the sparse index, absent once consumed).
//! **Lifetime**: `ttl`, which outlives the last redelivery of its source; conditions compare it themselves.

mod events;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use crate::clock::{AttemptIds, Clock, Millis};
use crate::record::{Unfinished, unfinished_partition};
use crate::store::{
    Item, StoreError, Write, get_number, get_text, names, number, put_answer, text, update_answer, values,
};

pub use events::{Events, Waiting, WaitingPage};

use events::written;

/// An event as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `org#provider#account#event_id`: equal for every redelivery of the event.
    pub key: String,
    /// Hash of the raw body: the same event with another body is an alarm.
    pub body_hash: String,
    /// What it is about.
    pub subject: String,
    /// The stage that it is handed to.
    pub stage: String,
    /// The message that it is handed over as.
    pub message: String,
}

/// What became of an event at the door.
#[derive(Debug)]
pub enum Admission {
    /// It is ours to hand over: the first time, or again since nobody has consumed it.
    HandOver(HandOver),
    /// It is consumed, or another delivery of it is being handed over now.
    Duplicate,
    /// Its id was seen with another body.
    Reused,
}

/// The duty to hand an event over, until its lease ends.
#[must_use = "an event that is not handed over waits for a sweep"]
#[derive(Debug)]
pub struct HandOver {
    key: String,
    attempt_id: String,
}

/// The events' table, for the intake: it records and hands over.
#[derive(Debug, Clone)]
pub struct Intake {
    events: Events,
    hand_over_ms: u64,
    ttl_seconds: u64,
}

impl Intake {
    /// Events in `table`, handed over within `hand_over_ms`, kept for `ttl_seconds`.
    #[must_use]
    pub fn new(
        client: Client,
        table: impl Into<Arc<str>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn AttemptIds>,
        hand_over_ms: u64,
        ttl_seconds: u64,
    ) -> Self {
        Self {
            events: Events::new(client, table, clock, ids),
            hand_over_ms,
            ttl_seconds,
        }
    }

    /// Records the event, or finds what became of it: one conditional write for a new one, one failed one for a
    /// duplicate.
    ///
    /// # Errors
    /// [`StoreError`]; the event must not be acknowledged then.
    pub async fn admit(&self, event: &Event) -> Result<Admission, StoreError> {
        let now_ms = self.events.clock.now_ms();
        let attempt_id = self.events.ids.fresh();
        let answer = self
            .events
            .client
            .put_item()
            .table_name(&*self.events.table)
            .set_item(Some(self.row(event, &attempt_id, now_ms)))
            .condition_expression("attribute_not_exists(#event) OR #ttl < :now_s")
            .set_expression_attribute_names(names([("#event", "event"), ("#ttl", "ttl")]))
            .set_expression_attribute_values(Some(values([(":now_s", number(now_ms / 1000))])))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let found = match put_answer(answer)? {
            Write::Applied(_) => {
                return Ok(Admission::HandOver(HandOver {
                    key: event.key.clone(),
                    attempt_id,
                }));
            }
            Write::Lost(found) => found.unwrap_or_default(),
        };
        if get_text(&found, "attempt_id") == Some(&attempt_id) {
            return Ok(Admission::HandOver(HandOver {
                key: event.key.clone(),
                attempt_id,
            }));
        }
        if get_text(&found, "body_hash") != Some(&event.body_hash) {
            return Ok(Admission::Reused);
        }
        let until = get_number(&found, "hand_over_until").unwrap_or(0);
        if found.contains_key("consumed_at") || until > now_ms {
            return Ok(Admission::Duplicate);
        }
        self.take_over(&event.key, until).await
    }

    fn row(&self, event: &Event, attempt_id: &str, now_ms: Millis) -> Item {
        let until = number(now_ms.saturating_add(self.hand_over_ms));
        Item::from([
            ("event".to_owned(), text(&event.key)),
            ("body_hash".to_owned(), text(&event.body_hash)),
            ("subject".to_owned(), text(&event.subject)),
            ("stage".to_owned(), text(&event.stage)),
            ("message".to_owned(), text(&event.message)),
            ("attempt_id".to_owned(), text(attempt_id)),
            ("received_at".to_owned(), number(now_ms)),
            ("hand_over_until".to_owned(), until.clone()),
            ("due_at".to_owned(), until),
            (
                "unfinished".to_owned(),
                text(unfinished_partition(Unfinished::Event, &event.key)),
            ),
            (
                "ttl".to_owned(),
                number((now_ms / 1000).saturating_add(self.ttl_seconds)),
            ),
        ])
    }

    /// Takes a hand-over lease that ended at `until`, if it still does and nobody has consumed the event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_over(&self, key: &str, until: Millis) -> Result<Admission, StoreError> {
        let attempt_id = self.events.ids.fresh();
        let now_ms = self.events.clock.now_ms();
        let next = number(now_ms.saturating_add(self.hand_over_ms));
        let answer = self
            .events
            .update(
                key,
                "hand_over_until = :until AND hand_over_until <= :now AND attribute_not_exists(consumed_at)",
            )
            .update_expression("SET hand_over_until = :next, due_at = :next, attempt_id = :attempt")
            .set_expression_attribute_values(Some(values([
                (":until", number(until)),
                (":now", number(now_ms)),
                (":next", next),
                (":attempt", text(&attempt_id)),
            ])))
            .send()
            .await;
        if written(update_answer(answer)?, &attempt_id) {
            return Ok(Admission::HandOver(HandOver {
                key: key.to_owned(),
                attempt_id,
            }));
        }
        Ok(Admission::Duplicate)
    }

    /// Gives the duty back, since the message was not enqueued: the next delivery hands over at once.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then runs out by itself.
    pub async fn give_back(&self, hand_over: HandOver) -> Result<(), StoreError> {
        let attempt_id = self.events.ids.fresh();
        let answer = self
            .events
            .update(
                &hand_over.key,
                "attempt_id = :mine AND attribute_not_exists(consumed_at)",
            )
            .update_expression("SET hand_over_until = :now, due_at = :now, attempt_id = :attempt")
            .set_expression_attribute_values(Some(values([
                (":mine", text(&hand_over.attempt_id)),
                (":now", number(self.events.clock.now_ms())),
                (":attempt", text(&attempt_id)),
            ])))
            .send()
            .await;
        match update_answer(answer)? {
            // Lost: another delivery has it, or a stage has consumed it. Either way it is not lost.
            Write::Applied(_) | Write::Lost(_) => Ok(()),
        }
    }
}
