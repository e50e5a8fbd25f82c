//! Why a bug was or was not billed, in plain words, with the proof that its entry is among those that were sealed.

mod proof;
mod unbilled;

use ratchet_domain::bill::{self, Flag, Recorded};
use ratchet_domain::credit::Judged;
use ratchet_domain::ids::TicketRef;
use ratchet_domain::period::{Period, Zone, instant};
use ratchet_domain::step;
use ratchet_guard::{Ledger, Record, StageError, State};

use super::{Usage, UsageError};
use proof::place;

pub use proof::Proved;

/// What is known about one bug's bill.
#[derive(Debug, Default)]
pub struct Explained {
    /// Its flag is on the ledger.
    pub billed: bool,
    /// Why, a sentence each.
    pub why: Vec<String>,
    /// Its entry; without a flag, one that was put in by hand.
    pub entry: Option<Recorded>,
    /// Where the entry stands in its period's tree; none before it is sealed.
    pub proved: Option<Proved>,
}

/// How many months back an entry is looked for that no flag names.
const MONTHS_MAX: usize = 24;

/// How much earlier or later than in UTC a month may begin somewhere, with room.
const DAY_MS: u64 = 24 * 3_600_000;

impl Usage {
    /// Explains the bill of a ticket's bug from its records; nothing where nobody has seen the ticket.
    ///
    /// # Errors
    /// [`StageError`] when a table does not answer.
    pub async fn explain(
        &self,
        ledger: &Ledger,
        ticket: &TicketRef,
    ) -> Result<Option<Explained>, StageError> {
        let life = ledger.life(&ticket.subject()).await?;
        if life.is_empty() {
            return Ok(None);
        }
        let now_ms = ledger.now_ms();
        let flag = sealed(&life, step::BILL).map(Record::result::<Flag>);
        let (flag, is_unread) = match flag {
            Some(Ok(flag)) => (Some(flag), false),
            Some(Err(_)) => (None, true),
            None => (None, false),
        };
        let mut explained = Explained {
            billed: flag.as_ref().is_some_and(Flag::is_charge),
            why: Vec::new(),
            entry: None,
            proved: None,
        };
        let why = &mut explained.why;
        if is_unread {
            why.push("its flag is on the ledger and does not read; look at its row".to_owned());
        }
        match &flag {
            Some(flag) if flag.is_charge() => {
                explained.entry = self.entry(&flag.org_period, &flag.entry).await?;
                billed(why, flag, explained.entry.as_ref());
            }
            waived => {
                explained.entry = self.unflagged(&life, ticket, now_ms).await?;
                if let Some(entry) = &explained.entry {
                    why.push(format!(
                        "an entry charges it and no flag on the ledger names that entry: {} in {}. It was put in by hand, or the \
                         ledger was restored to an earlier time; do not bill it before somebody has looked.",
                        entry.key, entry.partition
                    ));
                }
                why.extend(unbilled::why(&life, waived.as_ref(), now_ms));
            }
        }
        if let Some(entry) = &explained.entry {
            let place = place(self, &ticket.org, entry).await?;
            why.push(place.says(entry, now_ms));
            explained.proved = place.proved();
        }
        credits(why, &life);
        Ok(Some(explained))
    }

    /// The charge of a bug that no flag names, in whichever month and part it may stand.
    async fn unflagged(
        &self,
        life: &[Record],
        ticket: &TicketRef,
        now_ms: u64,
    ) -> Result<Option<Recorded>, UsageError> {
        let key = bill::charge_key(&ticket.bug());
        let month = |at_ms| Period::of(at_ms, &Zone::default());
        let began = life.iter().map(unbilled::began).min().unwrap_or(now_ms);
        let first = month(began.saturating_sub(DAY_MS));
        let mut period = month(now_ms.saturating_add(DAY_MS));
        for _ in 0..MONTHS_MAX {
            if let Some(entry) = self.find(&ticket.org, &period, &key).await? {
                return Ok(Some(entry));
            }
            if period <= first {
                break;
            }
            period = period.before();
        }
        Ok(None)
    }
}

fn sealed<'l>(life: &'l [Record], step: &str) -> Option<&'l Record> {
    life.iter()
        .find(|record| record.key.step() == step && record.state == State::Sealed)
}

fn billed(why: &mut Vec<String>, flag: &Flag, entry: Option<&Recorded>) {
    let Some(entry) = entry else {
        why.push(format!(
            "its flag is on the ledger and its entry is missing: {} in {}. Do not bill it before somebody has looked.",
            flag.entry, flag.org_period
        ));
        return;
    };
    let get = |name: &str| entry.entry.get(name).unwrap_or("?").to_owned();
    why.push(format!(
        "billed at {} in {} ({}), as {}",
        instant(flag.billed_at),
        get("period"),
        get("plan"),
        entry.key
    ));
    why.push(format!(
        "the bug's score {} is at or above the org's {}, by {} with {}",
        get("ai_confidence"),
        get("ai_threshold"),
        get("extract_model"),
        get("extract_prompt")
    ));
    why.push(format!(
        "the best place's score {} is at or above the org's {}, by {} with {}, in {}",
        get("location_confidence"),
        get("location_threshold"),
        get("map_model"),
        get("map_prompt"),
        get("repos")
    ));
    why.push(format!("customer content {}", get("content")));
    why.push(match entry.verified() {
        Ok(_) if entry.hash == flag.hash => {
            format!(
                "the entry's hash {} is that of its fields, and the ledger's flag names it",
                entry.hash
            )
        }
        Ok(_) => "the entry's hash is not the one that the ledger's flag names".to_owned(),
        Err(fault) => format!("the entry does not verify: {fault}"),
    });
}

fn credits(why: &mut Vec<String>, life: &[Record]) {
    for record in life
        .iter()
        .filter(|record| record.key.step().starts_with(step::CREDIT_CLAIM))
    {
        let Ok(judged) = record.result::<Judged>() else {
            continue;
        };
        let claim = &judged.claim;
        why.push(format!(
            "claim of {} ({}, {}): {}",
            instant(claim.asked_at_ms),
            claim.source.as_str(),
            claim.by,
            judged.verdict.told()
        ));
    }
}
