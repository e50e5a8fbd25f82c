//! Why a bug has no bill: of each customer content of its ticket the furthest step, and what keeps it there.

use std::collections::BTreeMap;

use ratchet_domain::bill::Flag;
use ratchet_domain::bug::{Extraction, Mapping};
use ratchet_domain::decision::{Decided, Decision, Gate};
use ratchet_domain::park::Reason;
use ratchet_domain::period::instant;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, Standing, State};

use super::sealed;
use crate::model::Asked;

/// The steps up to a bill, the furthest last: how they are called, and how their keys begin.
const STEPS: [(&str, &str); 3] = [
    ("extraction", "extract#"),
    ("mapping", "map#"),
    ("gate", "qualify#"),
];

/// What a life says that has no charge; `flag` is its flag without one.
pub(super) fn why(life: &[Record], flag: Option<&Flag>, now_ms: Millis) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(flag) = flag {
        why.push(format!(
            "a person let it through below a threshold at {}, and no charge was made; nothing later of its ticket is charged either",
            instant(flag.billed_at)
        ));
    }
    let mut contents: BTreeMap<&str, (usize, &Record)> = BTreeMap::new();
    for record in life {
        for (at, (_, prefix)) in STEPS.iter().enumerate() {
            let Some(content) = record.key.step().strip_prefix(prefix) else {
                continue;
            };
            let furthest = contents.entry(content).or_insert((at, record));
            if furthest.0 <= at {
                *furthest = (at, record);
            }
        }
    }
    let mut contents: Vec<(&str, (usize, &Record))> = contents.into_iter().collect();
    contents.sort_by_key(|(_, (_, record))| began(record));
    if contents.is_empty() {
        why.push("nothing has been extracted yet".to_owned());
    }
    let are_many = contents.len() > 1;
    for (content, (at, record)) in contents {
        let name = STEPS.get(at).map_or("step", |(name, _)| name);
        let said = match record.state {
            State::Sealed => done(record, at, flag.is_some()),
            // What it holds is of an earlier attempt.
            State::Claimed | State::Parked | State::Receipt => waiting(record, name, life, now_ms),
        };
        why.push(match are_many {
            true => format!("customer content {content}: {said}"),
            false => said,
        });
    }
    why
}

/// When a row began to be; of one that was put sealed, when that was.
pub(super) fn began(record: &Record) -> Millis {
    let times = [record.first_claimed_at, record.claimed_at];
    let first = times.into_iter().find(|at_ms| *at_ms > 0);
    first.or(record.settled_at).unwrap_or(0)
}

/// What a sealed step says, of which no later one has begun.
fn done(record: &Record, at: usize, is_flagged: bool) -> String {
    match at {
        0 => match record.result::<Asked<Extraction>>() {
            Ok(Asked::Answered(answered)) => match answered.answer {
                Extraction::NotABug { .. } => {
                    "the ticket reports no bug, says the model; nothing is due".to_owned()
                }
                Extraction::Bug(bug) => format!(
                    "a bug was extracted with a score of {}, and its mapping has not begun yet",
                    bug.ai_confidence
                ),
            },
            _ => unread(record),
        },
        1 => match record.result::<Asked<Mapping>>() {
            Ok(Asked::Answered(answered)) => format!(
                "the mapping found {} places, and the gate has not looked at them yet",
                answered.answer.locations.len()
            ),
            _ => unread(record),
        },
        _ => match record.result::<Decision>() {
            Ok(decision) => gated(&decision, is_flagged),
            Err(_) => unread(record),
        },
    }
}

fn unread(record: &Record) -> String {
    format!(
        "its row does not hold what its step writes; look at it key=`{}`",
        record.key
    )
}

fn gated(decision: &Decision, is_flagged: bool) -> String {
    match decision.gate {
        Gate::Approved => {
            "a person let it through below a threshold, and the org is charged for no such bug".to_owned()
        }
        Gate::BilledBefore if is_flagged => {
            "both scores pass, and the bug was let through before: nothing more is due".to_owned()
        }
        Gate::BilledBefore | Gate::Billed | Gate::Held | Gate::Capped => {
            "the gate let it through and the ledger has no flag of a charge; do not bill it before somebody has looked"
                .to_owned()
        }
    }
}

/// What a step waits for that has no result.
fn waiting(record: &Record, name: &str, life: &[Record], now_ms: Millis) -> String {
    let because = because(record);
    match record.standing(now_ms) {
        Standing::Held { until_ms } => format!(
            "the {name} is under way: attempt {} since {}, which holds it until {}",
            record.attempts,
            instant(record.claimed_at),
            instant(until_ms)
        ),
        Standing::Retryable { at_ms, .. } if record.state == State::Claimed => format!(
            "the {name} has no result: attempt {} ended without one, and the next is due at {}{because}",
            record.attempts,
            instant(at_ms)
        ),
        Standing::Retryable { at_ms, .. } => {
            format!(
                "the {name} waited until {} and is looked at again now{because}",
                instant(at_ms)
            )
        }
        Standing::Waits { until_ms } => format!(
            "the {name} waits, and is looked at again at {}{because}",
            instant(until_ms)
        ),
        Standing::NeedsReview { .. } => format!("the {name} waits for a person{because}"),
        Standing::Closed => format!("{}{because}", closed(record, name, life)),
        Standing::Done | Standing::LateReceipt => format!("the {name} is {}", record.state.as_str()),
    }
}

/// Who ended it.
fn closed(record: &Record, name: &str, life: &[Record]) -> String {
    let step = Decided::step(record.key.step(), record.fence);
    let decided = sealed(life, &step).and_then(|record| record.result::<Decided>().ok());
    let Some(Decided { verb, by, at_ms, .. }) = decided else {
        return format!("a person closed the {name} for good");
    };
    let did = match verb.as_str() {
        "reject" => "rejected it, and it is closed for good",
        "approve" => "approved it: it goes on as a content of its own",
        "edit" => "corrected it: it goes on as a content of its own",
        _ => "closed it",
    };
    format!(
        "the {name} waited for a person, and {by} {did}, at {}",
        instant(at_ms)
    )
}

/// The reason that a row names, what it means, and the last fault; nothing where it names none.
fn because(record: &Record) -> String {
    let scores = scores(record);
    let reason = match record.reason.as_deref() {
        Some(word) if record.state == State::Parked => match Reason::from_word(word) {
            Some(reason) => format!(": `{word}`, {}", reason.meaning()),
            None => format!(": `{word}`."),
        },
        Some(_) | None => String::new(),
    };
    // A row that was parked and is claimed again holds the fault of before.
    let was_parked = record.resumed_at.is_some()
        || record.taken_up_at != record.first_claimed_at
        || !record.body.is_empty();
    let is_of_now = record.state == State::Parked || !was_parked;
    let detail = match record.detail.as_deref() {
        Some(detail) if is_of_now && !detail.is_empty() => format!("; {detail}"),
        Some(_) | None => String::new(),
    };
    format!("{reason}{scores}{detail}")
}

/// The scores of a decision that was parked: its row may hold one of an earlier time, which another reason follows.
fn scores(record: &Record) -> String {
    let Ok(decision) = record.result::<Decision>() else {
        return String::new();
    };
    let is_of_now = record.state == State::Parked
        && match decision.gate {
            Gate::Held => record.reason.as_deref() == Some(Reason::BelowThreshold.as_str()),
            Gate::Capped => record.reason.as_deref() == Some(Reason::Capped.as_str()),
            Gate::Billed | Gate::BilledBefore | Gate::Approved => false,
        };
    match is_of_now {
        true => format!(
            "; the bug's score is {} against {}, the best place's {} against {}",
            decision.ai_confidence,
            decision.ai_threshold,
            decision.location_confidence,
            decision.location_threshold
        ),
        false => String::new(),
    }
}
