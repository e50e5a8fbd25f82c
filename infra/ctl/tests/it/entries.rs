//! Many entries as the meter writes them, and a store that is watched while they are read.

use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use ratchet_domain::bill::{self, Entry, Field};
use ratchet_domain::ids::{Provider, TicketNumber, TicketRef};
use ratchet_domain::period::Zone;
use ratchet_guard::store::Item;
use serde_json::Value;

use crate::bench::Bench;
use crate::bills::{month, org, usage};
use crate::forgeries::row_key;
use crate::line::Line;

/// Rows of one write. Source: DynamoDB's limit.
const ROWS_A_WRITE: usize = 25;

/// An entry's row in its partition.
pub(crate) fn row_of(partition: &str, key: &str, entry: &Entry) -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let fields = entry.fields().iter().map(|(name, field)| match field {
        Field::Text(value) => (name.clone(), text(value)),
        Field::Number(digits) => (name.clone(), AttributeValue::N(digits.clone())),
    });
    let mut row: Item = fields.collect();
    row.insert("org_period".to_owned(), text(partition));
    row.insert("sk".to_owned(), text(key));
    row.insert("hash".to_owned(), text(&entry.hash()));
    row
}

/// Charges of the tickets of these numbers, sealed. They have no flags: exports ask for none.
pub(crate) async fn sealed(bench: &Bench, period: &str, numbers: Range<u64>) -> Result<()> {
    let (org, month) = (org()?, month(period)?);
    let partition = bill::partition(&org, &month, 0);
    let day = Zone::default().start_of_day(&format!("{period}-15"));
    let billed_at = day.context("a day of the month")?;
    let mut rows = Vec::new();
    for number in numbers {
        let ticket = TicketRef {
            org: org.clone(),
            provider: Provider::Zendesk,
            number: TicketNumber::parse(number.to_string())?,
        };
        let key = bill::charge_key(&ticket.bug());
        let entry = Entry::new([
            ("kind", Field::text("mapped_bug")),
            ("key", Field::text(&key)),
            ("org", Field::text(org.as_str())),
            ("period", Field::text(period)),
            ("bug", Field::text(ticket.bug().as_str())),
            ("ticket", Field::text(ticket.label())),
            ("plan", Field::text("paid")),
            ("time_zone", Field::text("UTC")),
            ("billed_at", Field::number(billed_at)),
        ]);
        rows.push(row_of(&partition, &key, &entry));
    }
    let put = |row: &Item| -> Result<WriteRequest> {
        let put = PutRequest::builder().set_item(Some(row.clone())).build()?;
        Ok(WriteRequest::builder().put_request(put).build())
    };
    for rows in rows.chunks(ROWS_A_WRITE) {
        let rows: Vec<WriteRequest> = rows.iter().map(put).collect::<Result<_>>()?;
        let write = bench.store.client().batch_write_item();
        write.request_items("usage", rows).send().await?;
    }
    let total = bench.store.client().update_item().table_name("usage");
    total
        .set_key(Some(row_key(&partition, bill::TOTAL)))
        .update_expression("ADD mapped_bugs :charges")
        .expression_attribute_values(":charges", AttributeValue::N(rows.len().to_string()))
        .send()
        .await?;
    usage(bench)
        .seal(&org, &month, false, bench.world.now_ms())
        .await?;
    Ok(())
}

/// What happened, in its order: calls of the store, how many keys they asked for, and how many lines were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// What happened since it was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Logs what the bench reads from now on. A batch is answered in the wrong order, as a store may, and the one of that
    /// number, from 0, is refused.
    pub(crate) fn watch(&self, bench: &mut Bench, refused: Option<usize>) {
        let (log, store) = (self.clone(), bench.store.clone());
        let batches = Mutex::new(0);
        let line = Line::to(move |target, body| {
            let operation = target.split('.').next_back().unwrap_or_default();
            if operation != "BatchGetItem" {
                log.push(operation.to_owned());
                return Some(store.answer(target, body));
            }
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            let keys = asked
                .pointer("/RequestItems/usage/Keys")
                .and_then(Value::as_array);
            log.push(format!("{operation} {}", keys.map_or(0, Vec::len)));
            let mut before = batches.lock().unwrap_or_else(PoisonError::into_inner);
            *before += 1;
            if refused == Some(*before - 1) {
                return Some((400, r#"{"__type":"x#AccessDeniedException"}"#.to_owned()));
            }
            let (status, answer) = store.answer(target, body);
            let mut answer: Value = serde_json::from_str(&answer).unwrap_or_default();
            if let Some(rows) = answer
                .pointer_mut("/Responses/usage")
                .and_then(Value::as_array_mut)
            {
                rows.reverse();
            }
            Some((status, answer.to_string()))
        });
        let config = bench.store.config().http_client(line.client());
        bench.world.deployment.dynamo = aws_sdk_dynamodb::Client::from_conf(config.build());
    }

    /// A standard output that logs what is written, and after so many writes fails like this.
    pub(crate) fn stdout(&self, fails: Option<(usize, ErrorKind)>) -> Stdout {
        Stdout {
            log: self.clone(),
            fails,
            writes: 0,
            held: Vec::new(),
            text: String::new(),
        }
    }
}

/// A standard output that is watched; nobody sees what is not flushed.
#[derive(Debug)]
pub(crate) struct Stdout {
    log: Log,
    fails: Option<(usize, ErrorKind)>,
    writes: usize,
    held: Vec<u8>,
    pub(crate) text: String,
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = String::from_utf8(std::mem::take(&mut self.held)).map_err(io::Error::other)?;
        self.writes += 1;
        if let Some((writes, kind)) = self.fails
            && self.writes > writes
        {
            self.log.push("unwritten".to_owned());
            return Err(kind.into());
        }
        self.log.push(format!("write {}", text.matches('\n').count()));
        self.text.push_str(&text);
        Ok(())
    }
}
