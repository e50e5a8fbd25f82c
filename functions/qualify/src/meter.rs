//! The meter. Nothing outside this crate can name it, and nothing outside this function's role can write what it writes.
//!
//! **Shape** in the usage table, partition `<org>#<YYYY-MM>`:
//! - sort `entry#<bug>`: one charge, with everything that proves it, and `hash` over all of that. **Lifetime**: for ever.
//! - sort `total`: `mapped_bugs` (N), the number of the partition's entries. **Lifetime**: for ever; it can be rebuilt.

use ratchet_domain::bug::{Bug, Mapping};
use ratchet_domain::decision::Decision;
use ratchet_domain::ids::digest_of;
use ratchet_domain::message::BugAt;
use ratchet_domain::period::Period;
use ratchet_domain::settings::Settings;
use ratchet_domain::step;
use ratchet_guard::clock::Millis;
use ratchet_guard::store::Item;
use ratchet_guard::{Companion, Ledger, StageError};
use ratchet_runtime::model::Answered;
use ratchet_runtime::stage::key_of;
use serde::Serialize;

use aws_sdk_dynamodb::types::AttributeValue;

/// One charge, not yet made.
pub(crate) struct Charge {
    fields: Vec<(&'static str, Value)>,
    key: String,
    partition: String,
    cap: Option<u64>,
}

/// A field of an entry.
#[derive(Clone)]
enum Value {
    Text(String),
    Number(String),
}

impl Value {
    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }

    fn attribute(&self) -> AttributeValue {
        match self {
            Self::Text(text) => AttributeValue::S(text.clone()),
            Self::Number(digits) => AttributeValue::N(digits.clone()),
        }
    }
}

impl Charge {
    /// The charge for one bug, with what proves it. Every input is on record, so every attempt makes the same one.
    pub(crate) fn of(
        at: &BugAt,
        settings: &Settings,
        bug: &Answered<Bug>,
        mapping: &Answered<Mapping>,
        decision: &Decision,
        billed_at: Millis,
    ) -> Self {
        let period = Period::of(billed_at, &settings.billing.time_zone);
        let bug_id = at.ticket.bug();
        let key = format!("entry#{bug_id}");
        let text = |value: &str| Value::Text(value.to_owned());
        let share = |value: f64| Value::Number(value.to_string());
        let repos: Vec<&str> = decision
            .repos
            .iter()
            .map(ratchet_domain::ids::RepoName::as_str)
            .collect();
        let fields = vec![
            ("kind", text("mapped_bug")),
            ("key", text(&key)),
            ("org", text(at.ticket.org.as_str())),
            ("period", text(period.as_str())),
            ("bug", text(bug_id.as_str())),
            ("ticket", Value::Text(at.ticket.label())),
            ("content", text(at.content.as_str())),
            ("extract_model", text(&bug.model)),
            ("extract_prompt", text(&bug.prompt)),
            ("map_model", text(&mapping.model)),
            ("map_prompt", text(&mapping.prompt)),
            ("ai_confidence", share(decision.ai_confidence)),
            ("location_confidence", share(decision.location_confidence)),
            ("ai_threshold", share(decision.ai_threshold)),
            ("location_threshold", share(decision.location_threshold)),
            ("candidates_hash", text(&mapping.answer.candidates_hash)),
            ("repos", Value::Text(repos.join(","))),
            ("decision", text(decision.gate.as_str())),
            ("billed_at", Value::Number(billed_at.to_string())),
        ];
        Self {
            fields,
            key,
            partition: format!("{}#{period}", at.ticket.org),
            cap: settings.billing.mapped_bug_cap,
        }
    }

    /// The entry's sort key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// SHA-256 over every field's name and value, in the entry's order.
    fn hash(&self) -> String {
        let parts: Vec<&str> = self
            .fields
            .iter()
            .flat_map(|(name, value)| [*name, value.as_str()])
            .collect();
        digest_of(&parts)
    }

    fn item(&self) -> Item {
        let mut item: Item = self
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.attribute()))
            .collect();
        item.insert("org_period".to_owned(), AttributeValue::S(self.partition.clone()));
        item.insert("sk".to_owned(), AttributeValue::S(self.key.clone()));
        item.insert("hash".to_owned(), AttributeValue::S(self.hash()));
        item
    }
}

/// What the bill's row on the ledger says.
#[derive(Serialize)]
struct Flag<'a> {
    org_period: &'a str,
    entry: &'a str,
}

/// Which companion of a charge was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bug's flag is raised: it was billed for another content.
    BilledBefore,
    /// The entry is there without the flag: somebody wrote the usage table by hand.
    EntryTaken,
    /// The period's cap is reached.
    Cap,
}

impl Refusal {
    /// By the order of [`Meter::companions`].
    pub(crate) fn of(companion: usize) -> Self {
        match companion {
            0 => Self::BilledBefore,
            1 => Self::EntryTaken,
            _ => Self::Cap,
        }
    }
}

/// The usage table, for charges.
#[derive(Debug)]
pub(crate) struct Meter {
    table: String,
}

impl Meter {
    pub(crate) fn new(table: String) -> Self {
        Self { table }
    }

    /// The billable flag, the entry, and the total with its cap: with the decision's own row, the four items of a charge.
    pub(crate) fn companions(
        &self,
        ledger: &Ledger,
        at: &BugAt,
        charge: &Charge,
    ) -> Result<Vec<Companion>, StageError> {
        let flag = Flag {
            org_period: &charge.partition,
            entry: &charge.key,
        };
        let total = Item::from([
            (
                "org_period".to_owned(),
                AttributeValue::S(charge.partition.clone()),
            ),
            ("sk".to_owned(), AttributeValue::S("total".to_owned())),
        ]);
        Ok(vec![
            Companion::sealed_step(
                ledger,
                &key_of(&at.ticket, step::BILL),
                at.content.as_str(),
                &flag,
            )?,
            Companion::entry(&self.table, "org_period", charge.item())?,
            Companion::count(
                &self.table,
                total,
                &[("mapped_bugs", 1)],
                charge.cap.map(|cap| ("mapped_bugs", cap)),
            )?,
        ])
    }
}
