//! What happens next in a ticket's life: read from its records alone, as the stages themselves would go on.

use std::collections::BTreeMap;

use ratchet_domain::bug::Extraction;
use ratchet_domain::decision::Decision;
use ratchet_domain::ids::RepoName;
use ratchet_domain::settings::Settings;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, State};
use serde::Serialize;

use super::facts::{answer, kind};
use crate::text::time;

/// Which tellings the org's settings ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tellings {
    /// A Slack message.
    pub slack: bool,
    /// An issue.
    pub tracker: bool,
}

impl Tellings {
    /// Those of the settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            slack: settings.slack.is_some(),
            tracker: settings.tracker.is_some(),
        }
    }
}

/// How something that is not finished goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goes {
    /// An attempt holds the lease.
    Leased,
    /// The next attempt comes at a known time.
    Retry,
    /// The time for the next attempt has passed; a delivery or a sweep brings it.
    Overdue,
    /// It waits for a time.
    Waiting,
    /// It waits for a person.
    Review,
    /// The step before is sealed, and this one has no row yet: its message is under way, or a replay sends it.
    Queued,
    /// A result came late; the reconciliation looks at it.
    Receipt,
}

/// Something that is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Which step; of one without a row, the step that will have one.
    pub step: String,
    /// How it goes on.
    pub goes: Goes,
    /// When, ms, where there is a time.
    pub at_ms: Option<Millis>,
    /// The same in words.
    #[serde(skip)]
    pub says: String,
}

/// Everything that is not finished, in the order of the pipeline.
#[must_use]
pub fn pending(life: &[Record], now_ms: Millis, tellings: Tellings) -> Vec<Pending> {
    let rows = Rows(life.iter().map(|record| (record.key.step(), record)).collect());
    let mut found: Vec<Pending> = life.iter().filter_map(|record| open(record, now_ms)).collect();
    for record in life {
        rows.missing_after(record, tellings, &mut found);
    }
    found.sort_by_key(|pending| rank(&pending.step));
    found
}

/// One line for people: what is pending, or `done`.
#[must_use]
pub fn sentence(pending: &[Pending]) -> String {
    if pending.is_empty() {
        return "done".to_owned();
    }
    let says: Vec<&str> = pending.iter().map(|pending| pending.says.as_str()).collect();
    says.join("; ")
}

/// Where a step stands in the pipeline.
#[must_use]
pub fn rank(step: &str) -> usize {
    const ORDER: [&str; 11] = [
        "extract",
        "map",
        "qualify",
        step::BILL,
        step::FAN_OUT,
        "patch",
        "pr",
        step::RCA,
        step::RCA_COMMENT,
        "slack",
        "tracker",
    ];
    let kind = kind(step);
    ORDER
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(ORDER.len())
}

/// How a row that is not finished goes on; none for one that is.
fn open(record: &Record, now_ms: Millis) -> Option<Pending> {
    let step = record.key.step();
    let reason = record.reason.as_deref().unwrap_or("no reason given");
    let due_ms = record.due_at.unwrap_or(record.lease_until);
    let (goes, at_ms, says) = match record.state {
        State::Sealed => return None,
        State::Receipt => {
            let since = record.due_at?;
            let says = format!(
                "late result since {}: {step} waits for reconcile",
                time(Some(since))
            );
            (Goes::Receipt, Some(since), says)
        }
        State::Claimed if record.lease_until > now_ms => {
            let until = time(Some(record.lease_until));
            let says = format!(
                "waiting for lease until {until}: {step}, attempt {}",
                record.attempts
            );
            (Goes::Leased, Some(record.lease_until), says)
        }
        State::Claimed if due_ms > now_ms => {
            let says = format!(
                "retry at {}: {step}, after attempt {}",
                time(Some(due_ms)),
                record.attempts
            );
            (Goes::Retry, Some(due_ms), says)
        }
        State::Claimed => {
            let says = format!(
                "overdue since {}: {step} waits for a delivery or a sweep",
                time(Some(due_ms))
            );
            (Goes::Overdue, Some(due_ms), says)
        }
        // Closed: somebody decided that nobody works on it again.
        State::Parked if record.resume_at.is_none() && record.due_at.is_none() => return None,
        State::Parked => match record.resume_at {
            Some(at) if at > now_ms => {
                let says = format!("{reason} until {}: {step}", time(Some(at)));
                (Goes::Waiting, Some(at), says)
            }
            Some(at) => {
                let since = time(Some(at));
                let says =
                    format!("overdue since {since}: {step} ({reason}) waits for a delivery or a sweep");
                (Goes::Overdue, Some(at), says)
            }
            None => (Goes::Review, None, format!("held for review: {reason} ({step})")),
        },
    };
    Some(Pending {
        step: step.to_owned(),
        goes,
        at_ms,
        says,
    })
}

/// The rows of a life, by step.
struct Rows<'a>(BTreeMap<&'a str, &'a Record>);

impl Rows<'_> {
    fn has(&self, step: &str) -> bool {
        self.0.contains_key(step)
    }

    fn state(&self, step: &str) -> Option<State> {
        self.0.get(step).map(|record| record.state)
    }

    fn has_kind(&self, of: &str) -> bool {
        self.0.keys().any(|step| kind(step) == of)
    }

    /// Adds the steps that follow on a record and have no row yet.
    fn missing_after(&self, record: &Record, tellings: Tellings, found: &mut Vec<Pending>) {
        if record.state != State::Sealed {
            return;
        }
        let (kind, content) = record
            .key
            .step()
            .split_once('#')
            .unwrap_or_else(|| (record.key.step(), ""));
        match kind {
            "extract" => {
                let is_bug = answer::<Extraction>(record)
                    .is_some_and(|answered| matches!(answered.answer, Extraction::Bug(_)));
                let step = format!("map#{content}");
                if is_bug && !self.has(&step) {
                    found.push(queued(Stage::Map, step));
                }
            }
            "map" => {
                let step = format!("qualify#{content}");
                if !self.has(&step) {
                    found.push(queued(Stage::Qualify, step));
                }
            }
            "qualify" => {
                let decision = record.result::<Decision>().ok();
                if let Some(billed) = decision.filter(|decision| decision.gate.goes_on()) {
                    self.missing_after_bill(&billed.repos, tellings, found);
                }
            }
            _ => {}
        }
    }

    fn missing_after_bill(&self, repos: &[RepoName], tellings: Tellings, found: &mut Vec<Pending>) {
        let mut all_settled = true;
        for repo in repos {
            let (patch, pr) = (step::patch(repo), step::pr(repo));
            match (self.state(&patch), self.state(&pr)) {
                (_, Some(State::Sealed | State::Parked)) | (Some(State::Parked), None) => {}
                (_, Some(State::Claimed | State::Receipt))
                | (Some(State::Claimed | State::Receipt), None) => {
                    all_settled = false;
                }
                (None, None) => {
                    all_settled = false;
                    found.push(queued(Stage::OpenPr, patch));
                }
                (Some(State::Sealed), None) => {
                    all_settled = false;
                    found.push(queued(Stage::OpenPr, pr));
                }
            }
        }
        if all_settled {
            self.missing_after_pulls(tellings, found);
        }
    }

    fn missing_after_pulls(&self, tellings: Tellings, found: &mut Vec<Pending>) {
        let is_told = match (self.state(step::RCA), self.state(step::RCA_COMMENT)) {
            // What waits for a person holds up neither the chat nor the tracker.
            (Some(State::Parked), None) | (_, Some(State::Sealed | State::Parked)) => true,
            (None, None) => {
                found.push(queued(Stage::PublishRca, step::RCA.to_owned()));
                false
            }
            (Some(State::Sealed), None) => {
                found.push(queued(Stage::PublishRca, step::RCA_COMMENT.to_owned()));
                false
            }
            (Some(State::Claimed | State::Receipt), None) | (_, Some(State::Claimed | State::Receipt)) => {
                false
            }
        };
        for (is_asked, kind) in [(tellings.slack, "slack"), (tellings.tracker, "tracker")] {
            if is_told && is_asked && !self.has_kind(kind) {
                found.push(queued(Stage::Notify, kind.to_owned()));
            }
        }
    }
}

fn queued(stage: Stage, step: String) -> Pending {
    Pending {
        says: format!("{stage} is next: {step} is not claimed yet"),
        step,
        goes: Goes::Queued,
        at_ms: None,
    }
}
