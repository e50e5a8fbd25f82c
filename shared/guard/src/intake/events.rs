//! The events' table, for a stage that consumes what was handed over, and for a sweep that hands over what nobody consumed.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use crate::clock::{AttemptIds, Clock, Millis};
use crate::index;
use crate::record::{Unfinished, UnreadableRow};
use crate::store::{
    Item, StoreError, Write, get_number, get_text, names, number, text, update_answer, values,
};

/// An event that nobody has consumed in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its key.
    pub key: String,
    /// The stage it goes to.
    pub stage: String,
    /// The message it goes as.
    pub message: String,
    /// When its hand-over lease ended, ms.
    pub due_at: Millis,
    /// When it came in, ms.
    pub received_at: Millis,
    /// A sweep has sent the message since then; none need send it before, ms.
    pub resend_at: Option<Millis>,
}

/// Events that are past their hand-over, and where the next page begins.
#[derive(Debug, Clone, Default)]
pub struct WaitingPage {
    /// The events, by the time they are due.
    pub events: Vec<Waiting>,
    /// Rows of the page that do not read: nobody hands them over.
    pub unreadable: Vec<UnreadableRow<String>>,
    /// Give it to the next call; none at the end.
    pub next: Option<Item>,
}

/// The events' table, for a stage that consumes what was handed over.
#[derive(Clone)]
pub struct Events {
    pub(super) client: Client,
    pub(super) table: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn AttemptIds>,
}

impl Events {
    /// Events in `table`.
    #[must_use]
    pub fn new(
        client: Client,
        table: impl Into<Arc<str>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn AttemptIds>,
    ) -> Self {
        Self {
            client,
            table: table.into(),
            clock,
            ids,
        }
    }

    /// Notes that a stage has the event's work on record: nobody hands it over any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn consume(&self, key: &str) -> Result<(), StoreError> {
        let answer = self
            .update(
                key,
                "attribute_exists(#event) AND attribute_not_exists(consumed_at)",
            )
            .set_expression_attribute_names(names([("#event", "event")]))
            .update_expression("SET consumed_at = :now, attempt_id = :attempt REMOVE unfinished, due_at")
            .set_expression_attribute_values(Some(values([
                (":now", number(self.clock.now_ms())),
                (":attempt", text(self.ids.fresh())),
            ])))
            .send()
            .await;
        match update_answer(answer)? {
            // Lost: it was consumed before, perhaps by the first send of this very write.
            Write::Applied(_) | Write::Lost(_) => Ok(()),
        }
    }

    /// A page of the events of one shard whose hand-over lease ended before `due_until` and that nobody has consumed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting(
        &self,
        shard: u64,
        due_until: Millis,
        start: Option<Item>,
    ) -> Result<WaitingPage, StoreError> {
        let partition = Unfinished::Event.partition(shard);
        let (rows, next) = index::due(&self.client, &self.table, partition, due_until, start).await?;
        let mut page = WaitingPage {
            next,
            ..WaitingPage::default()
        };
        for item in &rows {
            match waiting(item) {
                Some(event) => page.events.push(event),
                None => page.unreadable.push(UnreadableRow {
                    key: get_text(item, "event").unwrap_or_default().to_owned(),
                    due_at: get_number(item, "due_at"),
                }),
            }
        }
        Ok(page)
    }

    /// Notes that a sweep hands this event over again now, and that none need do so before `next_ms`.
    /// Its hand-over lease stays as it ended: a redelivery by its source may hand it over as well.
    /// False when it is consumed, handed over anew, or another sweep has just sent it.
    ///
    /// Note first and send then: a crash between the two costs a wait until `next_ms`, never the event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn nudge(&self, event: &Waiting, next_ms: Millis) -> Result<bool, StoreError> {
        let attempt_id = self.ids.fresh();
        let answer = self
            .update(
                &event.key,
                "hand_over_until = :until AND hand_over_until <= :now AND attribute_not_exists(consumed_at) \
                AND (attribute_not_exists(resent_of) OR resent_of <> :until OR resend_at <= :now)",
            )
            .update_expression("SET resend_at = :next, resent_of = :until, attempt_id = :attempt")
            .set_expression_attribute_values(Some(values([
                (":until", number(event.due_at)),
                (":now", number(self.clock.now_ms())),
                (":next", number(next_ms)),
                (":attempt", text(&attempt_id)),
            ])))
            .send()
            .await;
        Ok(written(update_answer(answer)?, &attempt_id))
    }

    pub(super) fn update(
        &self,
        key: &str,
        condition: &str,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&*self.table)
            .key("event", text(key))
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

fn waiting(item: &Item) -> Option<Waiting> {
    let sent_for = get_number(item, "resent_of");
    Some(Waiting {
        key: get_text(item, "event")?.to_owned(),
        stage: get_text(item, "stage")?.to_owned(),
        message: get_text(item, "message")?.to_owned(),
        due_at: get_number(item, "hand_over_until")?,
        received_at: get_number(item, "received_at")?,
        resend_at: get_number(item, "resend_at").filter(|_| sent_for == get_number(item, "hand_over_until")),
    })
}

pub(super) fn written(write: Write, attempt_id: &str) -> bool {
    match write {
        Write::Applied(_) => true,
        Write::Lost(found) => found.is_some_and(|item| get_text(&item, "attempt_id") == Some(attempt_id)),
    }
}
