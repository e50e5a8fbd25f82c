//! Reading the ledger: one record, one subject's whole life, what is unfinished; and bringing parked work back.

use aws_sdk_dynamodb::types::AttributeValue;

use super::size::bounded;
use super::{Ledger, Sealed, Shared};
use crate::clock::Millis;
use crate::error::StageError;
use crate::index;
use crate::record::{Record, State, UNFINISHED_SHARDS, Unfinished, UnreadableRow, unfinished_partition};
use crate::store::{self, Item, StoreError, Write, names, number, put_answer, text, values};
use crate::work::{WorkKey, hash};

/// A page of records, and where the next one begins.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records, in the order of whoever gave the page.
    pub records: Vec<Record>,
    /// Rows of the page that do not read: nothing else tells of them.
    pub unreadable: Vec<UnreadableRow>,
    /// Give it to the next call; none at the end.
    pub next: Option<Item>,
}

impl Page {
    pub(super) fn of(items: &[Item], next: Option<Item>) -> Self {
        let (records, unreadable) = Record::of_all(items);
        Self {
            records,
            unreadable,
            next,
        }
    }
}

impl Ledger {
    /// One record, read after every write that was answered.
    ///
    /// # Errors
    /// [`StageError::Unreadable`] when there is a row and it does not read; [`StageError::Store`].
    pub async fn read(&self, key: &WorkKey) -> Result<Option<Record>, StageError> {
        let output = self
            .shared
            .client
            .get_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of("GetItem", &error))?;
        match &output.item {
            None => Ok(None),
            Some(item) => match Record::of(item) {
                Some(record) => Ok(Some(record)),
                None => Err(StageError::unreadable_row(key)),
            },
        }
    }

    /// The sealed result of a step, or nothing while it is not sealed.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub async fn sealed(&self, key: &WorkKey) -> Result<Option<Sealed>, StageError> {
        let record = self.read(key).await?;
        Ok(record
            .filter(|record| record.state == State::Sealed)
            .map(Sealed::of))
    }

    /// Every record of a subject, by step: its whole life from one Query.
    ///
    /// # Errors
    /// [`StageError::Unreadable`] with the first row that does not read: who goes by the rest would take it for work that
    /// was never begun; [`StageError::Store`].
    pub async fn life(&self, subject: &str) -> Result<Vec<Record>, StageError> {
        let whole = self.rows(subject).await?;
        match whole.unreadable.first() {
            None => Ok(whole.records),
            Some(row) => Err(StageError::unreadable_row(&row.key)),
        }
    }

    /// Every row of a subject, by step, with those that do not read: for whoever shows them to a person.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn rows(&self, subject: &str) -> Result<Page, StageError> {
        let mut whole = Page::default();
        let mut start = None;
        loop {
            let output = self
                .shared
                .client
                .query()
                .table_name(&*self.shared.table)
                .key_condition_expression("subject = :subject")
                .set_expression_attribute_values(Some(values([(":subject", text(subject))])))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", &error))?;
            let page = Page::of(output.items(), output.last_evaluated_key.clone());
            whole.records.extend(page.records);
            whole.unreadable.extend(page.unreadable);
            start = page.next;
            if start.is_none() {
                return Ok(whole);
            }
        }
    }

    /// A page of what is unfinished and due, of one shard, by the time it is due; it reads what is stuck and nothing else.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn unfinished(
        &self,
        kind: Unfinished,
        shard: u64,
        due_until: Millis,
        start: Option<Item>,
    ) -> Result<Page, StageError> {
        let Shared { client, table, .. } = &*self.shared;
        let (rows, next) = index::due(client, table, kind.partition(shard), due_until, start).await?;
        Ok(Page::of(&rows, next))
    }

    /// All shards of the index.
    pub fn shards() -> impl Iterator<Item = u64> {
        0..UNFINISHED_SHARDS
    }

    /// Lets a parked record be claimed again now, with its attempts counted anew.
    /// Where no attempt can have sent anything, the next one also states its intent anew: whoever brings it back may
    /// have mended what the old one was made from.
    /// False when it is no longer parked as `record` says.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn resume(&self, record: &Record) -> Result<bool, StageError> {
        let more = if record.clean_fence == record.fence {
            " REMOVE intent"
        } else {
            ""
        };
        let condition = "#state = :parked AND fence = :fence";
        let parked = [(":parked", text(State::Parked.as_str()))];
        self.bring_back(record, condition, more, parked).await
    }

    /// Puts a row among those that wait, due now, with its attempts counted anew, if it stands as `condition` says. The
    /// condition may name `:fence`, which is the record's, and `:now`; `more` is what else the update sets or removes.
    pub(super) async fn bring_back<const N: usize>(
        &self,
        record: &Record,
        condition: &str,
        more: &str,
        own: [(&str, AttributeValue); N],
    ) -> Result<bool, StageError> {
        let update = format!(
            "SET resume_at = :now, resumed_at = :now, due_at = :now, attempts = :zero, attempt_id = :attempt, \
                unfinished = :partition{more}"
        );
        let mut values = values(own);
        values.extend(store::values([
            (":fence", number(record.fence)),
            (":now", number(self.now_ms())),
            (":zero", number(0)),
            (
                ":partition",
                text(unfinished_partition(Unfinished::Waiting, record.key.subject())),
            ),
        ]));
        Ok(self
            .write_if(&record.key, condition, update, values)
            .await?
            .is_written())
    }

    /// Records a message that nobody can work on, whole, with its reason; the same message is recorded once.
    /// One that was let go again ([`Ledger::resume`], [`Ledger::retire_message`]) and failed again is parked again.
    ///
    /// **Shape**: subject `poison#<stage>`, step SHA-256 of the message. **Lifetime**: for ever.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn park_message(
        &self,
        stage: &str,
        message: &str,
        code: &str,
        detail: &str,
    ) -> Result<WorkKey, StageError> {
        let key = WorkKey::new(format!("poison#{stage}"), hash(&[message]));
        let (_, attempt) = self.fresh_id();
        let now_ms = number(self.now_ms());
        let mut item = Self::row_key(&key);
        item.extend([
            ("state".to_owned(), text(State::Parked.as_str())),
            ("fence".to_owned(), number(0)),
            ("attempt_id".to_owned(), attempt),
            ("reason".to_owned(), text(code)),
            ("detail".to_owned(), text(bounded(detail))),
            ("stage".to_owned(), text(stage)),
            ("message".to_owned(), text(message)),
            ("settled_at".to_owned(), now_ms.clone()),
            ("due_at".to_owned(), now_ms),
            (
                "unfinished".to_owned(),
                text(unfinished_partition(Unfinished::Review, key.subject())),
            ),
        ]);
        let answer = self
            .shared
            .client
            .put_item()
            .table_name(&*self.shared.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(subject) OR #state = :sealed OR attribute_exists(resume_at)",
            )
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(Some(values([(":sealed", text(State::Sealed.as_str()))])))
            .send()
            .await;
        match put_answer(answer)? {
            Write::Applied(_) | Write::Lost(_) => Ok(key),
        }
    }
}
