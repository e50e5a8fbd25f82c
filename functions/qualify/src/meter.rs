//! The meter. Nothing outside this crate can name it, and nothing outside this function's role can write what it writes.
//!
//! **Shape** in the usage table, partition `<org>#<YYYY-MM>` (and `<org>#<YYYY-MM>+<part>` where charges are spread):
//! - sort `entry#<bug>`: one charge, with everything that proves it, and `hash` over all of that. **Lifetime**: for ever.
//! - sort `entry#<bug>#credit`: a charge that was given back, in the period of the claim. **Lifetime**: for ever.
//! - sort `total`: `mapped_bugs` and `credits` (N), how many of each the partition has. **Lifetime**: for ever; it can be
//!   rebuilt.

use ratchet_domain::bill::{self, CreditFlag, Entry, Field, Flag, Recorded};
use ratchet_domain::bug::{Bug, Mapping};
use ratchet_domain::credit::CreditAsked;
use ratchet_domain::decision::Decision;
use ratchet_domain::ids::{BugId, OrgId, RepoName};
use ratchet_domain::message::BugAt;
use ratchet_domain::period::Period;
use ratchet_domain::settings::{Billing, Settings};
use ratchet_domain::step;
use ratchet_guard::clock::Millis;
use ratchet_guard::store::Item;
use ratchet_guard::{Companion, Ledger, StageError};
use ratchet_runtime::model::Answered;
use ratchet_runtime::stage::key_of;
use ratchet_runtime::usage::Usage;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

/// One charge, not yet made.
pub(crate) struct Charge {
    entry: Entry,
    key: String,
    period: Period,
    billed_at: Millis,
    /// What each part may charge in all; none without a cap.
    limits: Option<Vec<u64>>,
    parts: Vec<u64>,
}

/// When a bug would be charged, and what its period has by then.
pub(crate) struct Occasion {
    billed_at: Millis,
    period: Period,
    /// What each part has charged; none without a cap, where nobody asks.
    counted: Option<(u64, Vec<u64>)>,
}

impl Charge {
    /// The charge for one bug, with what proves it. Scores and words are on record; thresholds, zone and plan are those in
    /// force at this attempt, and the first transaction that lands decides which these were.
    pub(crate) fn of(
        at: &BugAt,
        settings: &Settings,
        bug: &Answered<Bug>,
        mapping: &Answered<Mapping>,
        decision: &Decision,
        occasion: &Occasion,
    ) -> Self {
        let billing = &settings.billing;
        let Occasion {
            billed_at, period, ..
        } = occasion;
        let billed_at = *billed_at;
        let bug_id = at.ticket.bug();
        let key = bill::charge_key(&bug_id);
        let repos: Vec<&str> = decision.repos.iter().map(RepoName::as_str).collect();
        let plan = if billing.is_trial_at(billed_at) {
            "trial"
        } else {
            "paid"
        };
        let entry = Entry::new([
            ("kind", Field::text(bill::Kind::MappedBug.as_str())),
            ("key", Field::text(&key)),
            ("org", Field::text(at.ticket.org.as_str())),
            ("period", Field::text(period.as_str())),
            ("bug", Field::text(bug_id.as_str())),
            ("ticket", Field::text(at.ticket.label())),
            ("content", Field::text(at.content.as_str())),
            ("extract_model", Field::text(&bug.model)),
            ("extract_prompt", Field::text(&bug.prompt)),
            ("map_model", Field::text(&mapping.model)),
            ("map_prompt", Field::text(&mapping.prompt)),
            ("ai_confidence", Field::number(decision.ai_confidence)),
            ("location_confidence", Field::number(decision.location_confidence)),
            ("ai_threshold", Field::number(decision.ai_threshold)),
            ("location_threshold", Field::number(decision.location_threshold)),
            ("candidates_hash", Field::text(&mapping.answer.candidates_hash)),
            ("repos", Field::text(repos.join(","))),
            ("decision", Field::text(decision.gate.as_str())),
            ("plan", Field::text(plan)),
            ("time_zone", Field::text(billing.time_zone.name())),
            ("billed_at", Field::number(billed_at)),
        ]);
        let (limits, parts) = occasion.parts(&bug_id, billing.spread());
        Self {
            entry,
            key,
            period: period.clone(),
            billed_at,
            limits,
            parts,
        }
    }

    /// The entry's sort key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Where its entry belongs in a part, for a person.
    pub(crate) fn place(&self, org: &OrgId, part: u64) -> String {
        let partition = bill::partition(org, &self.period, part);
        format!("partition=`{partition}` key=`{}`", self.key)
    }

    /// The parts that the charge may go to, its own first. A bug waits only when every part is full.
    pub(crate) fn parts(&self) -> &[u64] {
        &self.parts
    }
}

impl Occasion {
    /// The limits of all parts, which together are the cap, and the parts that a bug's charge may go to: its own, and with a
    /// cap the others that have room.
    fn parts(&self, bug: &BugId, spread: u64) -> (Option<Vec<u64>>, Vec<u64>) {
        let home = bill::home_part(bug, spread);
        let Some((cap, counted)) = &self.counted else {
            return (None, vec![home]);
        };
        let limits: Vec<u64> = (0..spread)
            .map(|part| bill::limit_of(*cap, spread, counted, part))
            .collect();
        let rooms: Vec<bool> = limits
            .iter()
            .zip(counted)
            .map(|(limit, has)| has < limit)
            .collect();
        let has_room = |part: &u64| {
            let at = usize::try_from(*part).ok().and_then(|at| rooms.get(at));
            at.copied().unwrap_or(false)
        };
        let others = (1..spread).map(|step| (home + step) % spread).filter(has_room);
        let parts = std::iter::once(home).chain(others).collect();
        (Some(limits), parts)
    }
}

/// Which companion of a charge was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bug's flag is raised: it was billed for another content.
    BilledBefore,
    /// The entry is there without the flag: somebody wrote the usage table by hand.
    EntryTaken,
    /// This part of the period has no room under the cap.
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
    usage: Usage,
}

impl Meter {
    pub(crate) fn new(client: Client, table: String) -> Self {
        let usage = Usage::new(client, table.as_str());
        Self { table, usage }
    }

    /// What a charge at that time has to know of its period: nothing without a cap, one read with one.
    pub(crate) async fn occasion(
        &self,
        org: &OrgId,
        billing: &Billing,
        billed_at: Millis,
    ) -> Result<Occasion, StageError> {
        let period = Period::of(billed_at, &billing.time_zone);
        let counted = match billing.cap_at(billed_at) {
            Some(cap) => Some((cap, self.usage.counted(org, &period).await?)),
            None => None,
        };
        Ok(Occasion {
            billed_at,
            period,
            counted,
        })
    }

    /// The billable flag, the entry, and the total with its cap: with the decision's own row, the four items of a charge.
    pub(crate) fn companions(
        &self,
        ledger: &Ledger,
        at: &BugAt,
        charge: &Charge,
        part: u64,
    ) -> Result<Vec<Companion>, StageError> {
        let partition = bill::partition(&at.ticket.org, &charge.period, part);
        let flag = Flag {
            org_period: partition.clone(),
            entry: charge.key.clone(),
            hash: charge.entry.hash(),
            billed_at: charge.billed_at,
            content: at.content.clone(),
        };
        let limits = charge.limits.as_ref();
        let limit = limits.map(|limits| usize::try_from(part).ok().and_then(|at| limits.get(at)));
        let room = limit.map(|limit| ("mapped_bugs", limit.copied().unwrap_or(0)));
        Ok(vec![
            Companion::sealed_step(
                ledger,
                &key_of(&at.ticket, step::BILL),
                at.content.as_str(),
                &flag,
            )?,
            self.entry(&partition, &charge.key, &charge.entry)?,
            Companion::count(&self.table, total(&partition), &[("mapped_bugs", 1)], room)?,
        ])
    }

    /// The credit flag, the credit's entry and the total: with the claim's own row, the four items of a credit.
    pub(crate) fn credit(
        &self,
        ledger: &Ledger,
        claim: &CreditAsked,
        charge: &Flag,
        settings: &Settings,
        credited_at: Millis,
    ) -> Result<(String, Vec<Companion>), StageError> {
        let billing = &settings.billing;
        let period = Period::of(credited_at, &billing.time_zone);
        let bug = claim.ticket.bug();
        let partition = bill::partition(
            &claim.ticket.org,
            &period,
            bill::home_part(&bug, billing.spread()),
        );
        let key = bill::credit_key(&bug);
        let entry = Entry::new([
            ("kind", Field::text(bill::Kind::Credit.as_str())),
            ("key", Field::text(&key)),
            ("org", Field::text(claim.ticket.org.as_str())),
            ("period", Field::text(period.as_str())),
            ("bug", Field::text(bug.as_str())),
            ("ticket", Field::text(claim.ticket.label())),
            ("charge", Field::text(&charge.entry)),
            ("charge_partition", Field::text(&charge.org_period)),
            ("charge_hash", Field::text(&charge.hash)),
            ("billed_at", Field::number(charge.billed_at)),
            ("source", Field::text(claim.source.as_str())),
            ("by", Field::text(&claim.by)),
            ("note", Field::text(&claim.note)),
            ("asked_at", Field::number(claim.asked_at_ms)),
            ("time_zone", Field::text(billing.time_zone.name())),
            ("credited_at", Field::number(credited_at)),
        ]);
        let flag = CreditFlag {
            org_period: partition.clone(),
            entry: key.clone(),
            hash: entry.hash(),
        };
        let companions = vec![
            Companion::sealed_step(ledger, &key_of(&claim.ticket, step::CREDIT), &charge.hash, &flag)?,
            self.entry(&partition, &key, &entry)?,
            Companion::count(&self.table, total(&partition), &[("credits", 1)], None)?,
        ];
        Ok((key, companions))
    }

    fn entry(&self, partition: &str, key: &str, entry: &Entry) -> Result<Companion, StageError> {
        let row = Recorded {
            partition: partition.to_owned(),
            key: key.to_owned(),
            hash: entry.hash(),
            entry: entry.clone(),
        };
        Ok(Companion::entry(&self.table, "org_period", item(row))?)
    }
}

fn total(partition: &str) -> Item {
    Item::from([
        ("org_period".to_owned(), AttributeValue::S(partition.to_owned())),
        ("sk".to_owned(), AttributeValue::S(bill::TOTAL.to_owned())),
    ])
}

fn item(row: Recorded) -> Item {
    let fields = row.entry.fields().iter().map(|(name, value)| {
        let value = match value {
            Field::Text(text) => AttributeValue::S(text.clone()),
            Field::Number(digits) => AttributeValue::N(digits.clone()),
        };
        (name.clone(), value)
    });
    let mut item: Item = fields.collect();
    item.insert("org_period".to_owned(), AttributeValue::S(row.partition));
    item.insert("sk".to_owned(), AttributeValue::S(row.key));
    item.insert("hash".to_owned(), AttributeValue::S(row.hash));
    item
}
