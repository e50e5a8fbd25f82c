//! Why a bug was or was not billed, in plain words, with the proof that its entry is among those that were sealed.

use ratchet_domain::bill::{Flag, Recorded};
use ratchet_domain::bug::{Extraction, Mapping};
use ratchet_domain::credit::{Judged, Verdict};
use ratchet_domain::decision::{Decision, Gate};
use ratchet_domain::ids::{OrgId, TicketRef};
use ratchet_domain::merkle::{Hash, Prover, Way, proves};
use ratchet_domain::period::{Period, instant};
use ratchet_domain::step;
use ratchet_guard::{Ledger, Record, StageError, State};

use super::Usage;
use crate::model::Asked;

/// Batches of one read. Reason: a batch is up to 200 KB, and an answer of the store 1 MB.
const BATCHES_A_READ: i32 = 4;

/// What is known about one bug's bill.
#[derive(Debug)]
pub struct Explained {
    /// Its flag is on the ledger.
    pub billed: bool,
    /// Why, a sentence each.
    pub why: Vec<String>,
    /// Its entry.
    pub entry: Option<Recorded>,
    /// Where the entry stands in its period's tree; none before it is sealed.
    pub proved: Option<Proved>,
}

/// Where an entry stands in its period's tree.
#[derive(Debug)]
pub struct Proved {
    /// The batch that sealed it.
    pub batch: u64,
    /// Its place among the leaves, from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
    /// The hashes that lead from the leaf to the root, the nearest first.
    pub way: Vec<Hash>,
    /// They do.
    pub holds: bool,
}

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
        let flag: Option<Flag> = sealed(&life, step::BILL).and_then(|record| record.result().ok());
        let mut explained = Explained {
            billed: flag.as_ref().is_some_and(Flag::is_charge),
            why: Vec::new(),
            entry: None,
            proved: None,
        };
        let why = &mut explained.why;
        let Some(flag) = flag.filter(Flag::is_charge) else {
            not_billed(why, &life);
            return Ok(Some(explained));
        };
        explained.entry = self.entry(&flag.org_period, &flag.entry).await?;
        billed(why, &flag, explained.entry.as_ref());
        if let Some(entry) = &explained.entry {
            explained.proved = prove(self, &ticket.org, entry).await?;
            seal(why, explained.proved.as_ref());
        }
        credits(why, &life);
        Ok(Some(explained))
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

fn seal(why: &mut Vec<String>, proved: Option<&Proved>) {
    why.push(match proved {
        Some(proved) => format!(
            "sealed as leaf {} of {} (batch {}); {} hashes lead from it to the root {}: {}",
            proved.index,
            proved.size,
            proved.batch,
            proved.way.len(),
            proved.root,
            if proved.holds {
                "the proof holds"
            } else {
                "THE PROOF DOES NOT HOLD"
            }
        ),
        None => "not sealed yet; the sealer runs every hour".to_owned(),
    });
}

fn credits(why: &mut Vec<String>, life: &[Record]) {
    for record in life
        .iter()
        .filter(|record| record.key.step().starts_with("credit-claim#"))
    {
        let Ok(judged) = record.result::<Judged>() else {
            continue;
        };
        let claim = &judged.claim;
        let verdict = match judged.verdict {
            Verdict::Credited => "credited",
            Verdict::CreditedBefore => "on record; another claim was credited before",
            Verdict::TooLate => "on record; it came more than seven days after the charge",
            Verdict::NotBilled => "on record; there was no charge then",
        };
        why.push(format!(
            "claim of {} ({}, {}): {verdict}",
            instant(claim.asked_at_ms),
            claim.source.as_str(),
            claim.by
        ));
    }
}

/// The furthest step that says why there is no bill.
fn not_billed(why: &mut Vec<String>, life: &[Record]) {
    let starts = |prefix: &str| {
        life.iter()
            .filter(|record| record.key.step().starts_with(prefix))
            .max_by_key(|record| record.claimed_at)
    };
    if let Some(record) = starts("qualify#") {
        match record.result::<Decision>() {
            Ok(decision) => why.push(gated(record, &decision)),
            Err(_) => why.push(format!("the gate is {}", record.state.as_str())),
        }
        return;
    }
    if let Some(record) = starts("map#") {
        let places = match record.result::<Asked<Mapping>>() {
            Ok(Asked::Answered(answered)) => answered.answer.locations.len(),
            _ => 0,
        };
        why.push(format!(
            "the mapping is {} with {places} places, and the gate has not looked at it yet",
            record.state.as_str()
        ));
        return;
    }
    match starts("extract#").map(|record| (record, record.result::<Asked<Extraction>>())) {
        Some((_, Ok(Asked::Answered(answered)))) => match answered.answer {
            Extraction::NotABug { .. } => {
                why.push("the ticket reports no bug, says the model; nothing is due".to_owned());
            }
            Extraction::Bug(bug) => why.push(format!(
                "a bug was extracted with a score of {}, and is not mapped yet",
                bug.ai_confidence
            )),
        },
        Some((record, _)) => why.push(format!("the extraction is {}", record.state.as_str())),
        None => why.push("nothing has been extracted yet".to_owned()),
    }
}

fn gated(record: &Record, decision: &Decision) -> String {
    match decision.gate {
        Gate::Held => format!(
            "below a threshold: the bug's score {} against {}, the best place's {} against {}; a person decides",
            decision.ai_confidence,
            decision.ai_threshold,
            decision.location_confidence,
            decision.location_threshold
        ),
        Gate::Capped => format!(
            "both scores pass and the period's cap is reached: it waits, and is looked at again at {}",
            record.resume_at.map_or_else(|| "-".to_owned(), instant)
        ),
        Gate::Approved => {
            "a person let it through below a threshold, and the org is charged for no such bug".to_owned()
        }
        Gate::BilledBefore | Gate::Billed => {
            "the gate let it through and the ledger has no flag; do not bill it before somebody has looked"
                .to_owned()
        }
    }
}

/// Builds the tree of the entry's period and the way from its leaf to the root, a few batches in memory at a time.
async fn prove(usage: &Usage, org: &OrgId, entry: &Recorded) -> Result<Option<Proved>, StageError> {
    let Some(period) = entry.entry.get("period").and_then(Period::parse) else {
        return Ok(None);
    };
    let mut prover = Prover::default();
    let (mut sealed_by, mut root, mut seq) = (None, None, 0);
    loop {
        let batches = usage.batches(org, &period, seq, BATCHES_A_READ).await?;
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            for leaf in &batch.leaves {
                if leaf.key == entry.key {
                    sealed_by = Some(batch.seq);
                    prover.push_wanted(leaf.hash());
                } else {
                    prover.push(leaf.hash());
                }
            }
            root = Some(batch.root);
            seq = batch.seq + 1;
        }
    }
    let size = prover.size();
    let (Some(batch), Some(root), Some(way)) = (sealed_by, root, prover.way()) else {
        return Ok(None);
    };
    let Way { index, hashes: way } = way;
    let holds = proves(&way, entry.leaf(), index, size, root);
    Ok(Some(Proved {
        batch,
        index,
        size,
        root,
        way,
        holds,
    }))
}
