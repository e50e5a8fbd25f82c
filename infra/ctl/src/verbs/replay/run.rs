//! One run, which is one ticket's life: what a replay makes of each of its steps, and what it has to send for that.

use std::collections::BTreeSet;

use ratchet_domain::park::{Mend, Reason};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, State, WorkKey};
use serde::Serialize;

use super::selection::Selection;
use crate::verbs::ticket::facts::kind;
use crate::verbs::ticket::next::{Goes, Tellings, pending, rank};

/// What a replay makes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It is done: its record is used again, and nothing is sent to a provider.
    Reuse,
    /// An earlier attempt may have sent it: the provider is asked, and only what is not there is made.
    Probe,
    /// Nothing can have been sent: it is done now.
    Act,
    /// Somebody works on it, or its time comes: it is left alone.
    Wait,
    /// It is for a person, or for `reconcile`: it is left alone.
    Hold,
    /// It is done, and is asked for once more: the provider is asked, and only what is gone is made.
    Refire,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Reuse => "reuse",
            Self::Probe => "probe",
            Self::Act => "act",
            Self::Wait => "wait",
            Self::Hold => "hold",
            Self::Refire => "refire",
        }
    }
}

/// What becomes of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// The ledger's subject.
    pub(super) subject: String,
    /// The ledger's step; of one without a row, the step that will have one.
    pub(super) step: String,
    /// As the row stands: `sealed`, `parked`, `claimed`, `receipt`, `missing` or `unreadable`.
    pub(super) state: &'static str,
    /// The row's fence; 0 without a row.
    pub(super) fence: u64,
    /// What a replay makes of it.
    pub(super) verdict: Verdict,
    /// Why, where the verdict alone does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// Mapped bugs that it may charge at most: 1 for the first open step of a run that is not billed, else 0.
    pub(super) charge: u64,
}

/// What is done to a row before its message is sent.
#[derive(Debug, Clone)]
pub(super) enum First {
    /// A parked row may be claimed again.
    Resume(Box<Record>),
    /// A sealed row may be claimed once more.
    Reopen(Box<Record>),
}

/// One run.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) lines: Vec<Line>,
    pub(super) firsts: Vec<First>,
    pub(super) messages: BTreeSet<(Stage, String)>,
}

impl Run {
    /// Judges a life; a run without lines is not part of the plan.
    pub(super) fn of(life: &[Record], selection: &Selection, now_ms: Millis, tellings: Tellings) -> Self {
        let mut rows: Vec<&Record> = life
            .iter()
            .filter(|record| kind(record.key.step()) != "review")
            .collect();
        rows.sort_by_key(|record| (rank(record.key.step()), record.key.step().to_owned()));
        let mut run = Self::default();
        let mut open = false;
        for record in rows.iter().filter(|record| selection.has(record)) {
            let (verdict, why) = judged(record, selection, now_ms);
            run.note(record, verdict, why);
            open |= matches!(verdict, Verdict::Act | Verdict::Probe | Verdict::Refire);
        }
        for missing in pending(life, now_ms, tellings) {
            if missing.goes == Goes::Queued
                && let Some(before) = before(&rows, &missing.step)
                && selection.has_missing(stage_of(&missing.step), before.settled_at.unwrap_or(0))
            {
                run.lines.push(Line {
                    subject: before.key.subject().to_owned(),
                    step: missing.step,
                    state: "missing",
                    fence: 0,
                    verdict: Verdict::Act,
                    why: None,
                    charge: 0,
                });
                run.send(before);
                open = true;
            }
        }
        if !open {
            run.pass_through(&rows, selection);
        }
        run.charge(life);
        run
    }

    /// A run of which a row does not read: nothing is known about it as a whole, so all of it is left alone.
    pub(super) fn unreadable(key: &WorkKey) -> Self {
        Self {
            lines: vec![Line {
                subject: key.subject().to_owned(),
                step: key.step().to_owned(),
                state: "unreadable",
                fence: 0,
                verdict: Verdict::Hold,
                why: Some("row does not read, see unreadable-rows in the runbook".to_owned()),
                charge: 0,
            }],
            ..Self::default()
        }
    }

    fn note(&mut self, record: &Record, verdict: Verdict, why: Option<String>) {
        self.lines.push(Line {
            subject: record.key.subject().to_owned(),
            step: record.key.step().to_owned(),
            state: record.state.as_str(),
            fence: record.fence,
            verdict,
            why,
            charge: 0,
        });
        match verdict {
            Verdict::Reuse | Verdict::Wait | Verdict::Hold => return,
            Verdict::Refire => self.firsts.push(First::Reopen(Box::new(record.clone()))),
            Verdict::Act | Verdict::Probe if record.state == State::Parked && record.resume_at.is_none() => {
                self.firsts.push(First::Resume(Box::new(record.clone())));
            }
            Verdict::Act | Verdict::Probe => {}
        }
        self.send(record);
    }

    fn send(&mut self, record: &Record) {
        if let Some(stage) = Stage::from_name(&record.stage).filter(|_| !record.message.is_empty()) {
            self.messages.insert((stage, record.message.clone()));
        }
    }

    /// A run that is finished is passed through once more from its first selected step: every stage finds its work done
    /// and hands on from the record.
    fn pass_through(&mut self, rows: &[&Record], selection: &Selection) {
        let billed = rows.iter().any(|record| record.key.step() == step::BILL);
        let mut sealed = rows.iter().filter(|record| {
            let is_left_alone = billed && record.stage == Stage::Extract.as_str();
            record.state == State::Sealed
                && selection.has(record)
                && !record.message.is_empty()
                && !is_left_alone
        });
        if let Some(record) = sealed.next() {
            self.send(record);
        }
    }

    /// What is billed is never charged again; what is not, once.
    fn charge(&mut self, life: &[Record]) {
        if life.iter().any(|record| record.key.step() == step::BILL) {
            return;
        }
        let may_lead_to_a_bill = |line: &&mut Line| {
            matches!(line.verdict, Verdict::Act | Verdict::Probe) && rank(&line.step) <= rank("qualify")
        };
        if let Some(line) = self.lines.iter_mut().find(may_lead_to_a_bill) {
            line.charge = 1;
        }
    }
}

fn judged(record: &Record, selection: &Selection, now_ms: Millis) -> (Verdict, Option<String>) {
    let again = if record.clean_fence == record.fence {
        Verdict::Act
    } else {
        Verdict::Probe
    };
    match record.state {
        State::Sealed if selection.refire.as_deref() == Some(record.key.step()) => (Verdict::Refire, None),
        State::Sealed => (Verdict::Reuse, None),
        State::Receipt => (
            Verdict::Hold,
            Some("late result, reconcile looks at it".to_owned()),
        ),
        State::Claimed if record.due_at.unwrap_or(record.lease_until) > now_ms => (
            Verdict::Wait,
            Some("an attempt holds it, or the next one's time comes".to_owned()),
        ),
        State::Claimed => (again, None),
        State::Parked => {
            let word = record.reason.as_deref().unwrap_or_default();
            match (record.resume_at, Reason::from_word(word).map(Reason::mend)) {
                (Some(at_ms), _) if at_ms > now_ms => (Verdict::Wait, Some(word.to_owned())),
                (Some(_), _) | (None, Some(Mend::Retry | Mend::MendThenRetry)) if record.due_at.is_some() => {
                    (again, Some(word.to_owned()))
                }
                _ => (Verdict::Hold, Some(word.to_owned())),
            }
        }
    }
}

/// The stage of a step.
fn stage_of(step: &str) -> &'static str {
    let stage = match kind(step) {
        "extract" => Stage::Extract,
        "map" => Stage::Map,
        "qualify" => Stage::Qualify,
        "patch" | "pr" => Stage::OpenPr,
        step::RCA | step::RCA_COMMENT => Stage::PublishRca,
        "slack" | "tracker" => Stage::Notify,
        _ => Stage::FanOut,
    };
    stage.as_str()
}

/// The record whose message leads to a step that has no row yet.
fn before<'r>(rows: &[&'r Record], missing: &str) -> Option<&'r Record> {
    let (kind_of_missing, rest) = missing.split_once('#').unwrap_or((missing, ""));
    let named = |step: String| rows.iter().find(|record| record.key.step() == step);
    let last = |kinds: &[&str]| {
        let of_kind =
            |record: &&&&Record| kinds.contains(&kind(record.key.step())) && !record.message.is_empty();
        rows.iter().rev().find(|record| of_kind(&record))
    };
    let found = match kind_of_missing {
        "map" => named(format!("extract#{rest}")),
        "qualify" => named(format!("map#{rest}")),
        "patch" => rows
            .iter()
            .find(|record| kind(record.key.step()) == "qualify" && record.state == State::Sealed),
        "pr" => named(format!("patch#{rest}")),
        step::RCA => last(&["pr", "patch"]),
        step::RCA_COMMENT => last(&[step::RCA]),
        "slack" | "tracker" => last(&[step::RCA, step::RCA_COMMENT]),
        _ => None,
    };
    found.copied()
}

/// The sealed step of a life that may be done once more.
///
/// # Errors
/// Why not: nothing is ever charged twice, and what a later step was made from stays.
pub(super) fn refirable<'r>(step: &str, life: &'r [Record]) -> Result<&'r Record, String> {
    let find = |step: &str| life.iter().find(|record| record.key.step() == step);
    let is_sealed = |step: &str| find(step).is_some_and(|record| record.state == State::Sealed);
    let record = find(step).ok_or_else(|| format!("there is no such step step=`{step}`"))?;
    if record.state != State::Sealed {
        return Err(format!(
            "only a sealed step is refired, this one is open and in any plan step=`{step}` state=`{}`",
            record.state.as_str()
        ));
    }
    let (kind, rest) = step.split_once('#').unwrap_or((step, ""));
    let built_on = match kind {
        "pr" | step::RCA_COMMENT | "slack" | "tracker" => None,
        "patch" => Some(format!("pr#{rest}")),
        step::RCA => Some(step::RCA_COMMENT.to_owned()),
        "extract" | "map" => Some(format!("qualify#{rest}")),
        _ => return Err(format!("a decision that bills is never made again step=`{step}`")),
    };
    if let Some(later) = built_on.filter(|later| is_sealed(later)) {
        return Err(format!(
            "a later step was made from it step=`{step}` later=`{later}`"
        ));
    }
    if record.message.is_empty() {
        return Err(format!("row holds no message to send step=`{step}`"));
    }
    Ok(record)
}
