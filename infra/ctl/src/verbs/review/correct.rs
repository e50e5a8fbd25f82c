//! A bug as a person corrects it: records of a content of its own, made by a person instead of a model.
//!
//! What a model said stays on record as it said it. The correction is another content of the same ticket, so that the stages
//! run it as they run a customer's new words, and the bill's flag, of which there is one a ticket, holds for both.

use ratchet_domain::bug::{Bug, Extraction, Mapping, Severity};
use ratchet_domain::ids::{ContentHash, OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::message::{Body, BugAt, Envelope};
use ratchet_domain::settings::Problem;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Ledger, Record, State, Work};
use ratchet_runtime::model::{Answered, Asked, VOUCHED};
use ratchet_runtime::stage::key_of;
use ratchet_runtime::tokens::Spent;
use serde_json::Value;

use crate::failure::Failure;
use crate::verbs::ticket::facts::answer;

/// Name and version of what a person answers, where a model's answer has its prompt's.
const EDITED: &str = "review/1";

/// Most characters of a corrected text, as of a model's.
const TEXT_CHARS_MAX: usize = 2_000;

/// What a correction puts on record, and the message that goes on from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Correction {
    ticket: TicketRef,
    content: ContentHash,
    bug: Bug,
    /// Where the bug is, if a person vouches for that too.
    mapping: Option<Mapping>,
    by: String,
    /// How the records are told from a model's: [`EDITED`] or [`VOUCHED`].
    prompt: &'static str,
}

/// The ticket of a subject.
fn ticket_of(subject: &str) -> Option<TicketRef> {
    let mut parts = subject.strip_prefix("ticket#")?.splitn(3, '#');
    Some(TicketRef {
        org: OrgId::parse(parts.next()?).ok()?,
        provider: Provider::from_name(parts.next()?)?,
        number: TicketNumber::parse(parts.next()?).ok()?,
    })
}

fn refused(why: &str, record: &Record) -> Failure {
    Failure::Refused(format!("{why} key=`{}`", record.key))
}

/// The bug that a held row is about, as the model extracted it; none where no extraction could be read.
fn bug_of(life: &[Record], record: &Record) -> Option<Bug> {
    let row = life.iter().find(|row| {
        row.key.step().starts_with("extract#") && row.content == record.content && row.state == State::Sealed
    })?;
    match answer::<Extraction>(row)?.answer {
        Extraction::Bug(bug) => Some(bug),
        Extraction::NotABug { .. } => None,
    }
}

impl Correction {
    /// Changed fields over what the model extracted; all of them where it extracted nothing.
    pub(super) fn edited(
        life: &[Record],
        record: &Record,
        sets: &[(String, String)],
        by: &str,
    ) -> Result<Self, Failure> {
        let known = bug_of(life, record);
        let mut value = match &known {
            Some(bug) => serde_json::to_value(bug).map_err(|error| Failure::Row(error.to_string()))?,
            None => serde_json::json!({
                "title": "", "severity": "", "steps_to_reproduce": [], "expected": "", "actual": "",
                "affected_feature": "", "customer_impact": "", "quote": "", "ai_confidence": 1.0,
            }),
        };
        let mut problems = Vec::new();
        for (field, text) in sets {
            match field_value(field, text) {
                Ok(new) => {
                    if let Some(old) = value.get_mut(field) {
                        *old = new;
                    }
                }
                Err(problem) => problems.push(Problem {
                    path: field.clone(),
                    problem,
                }),
            }
        }
        if problems.is_empty()
            && value
                .get("title")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
        {
            problems.push(Problem {
                path: "title".to_owned(),
                problem: "is missing: nothing was extracted, so set it and severity at least".to_owned(),
            });
        }
        let bug = serde_json::from_value::<Bug>(value);
        match bug {
            Ok(bug) if problems.is_empty() => Self::of(life, record, bug, None, by),
            Ok(_) | Err(_) => {
                if problems.is_empty() {
                    problems.push(Problem {
                        path: "severity".to_owned(),
                        problem: "must be critical, high, medium or low".to_owned(),
                    });
                }
                Err(Failure::Invalid {
                    what: "corrected bug".to_owned(),
                    problems,
                })
            }
        }
    }

    /// The bug and its best location as the model gave them, with a person's word for both.
    pub(super) fn vouched(life: &[Record], record: &Record, by: &str) -> Result<Self, Failure> {
        let bug = bug_of(life, record).ok_or_else(|| refused("no extracted bug is on record", record))?;
        let row = life.iter().find(|row| {
            row.key.step().starts_with("map#") && row.content == record.content && row.state == State::Sealed
        });
        let mapped = row.and_then(answer::<Mapping>).map(|answered| answered.answer);
        let mut mapping = mapped.ok_or_else(|| refused("no mapping is on record", record))?;
        let Some(best) = mapping
            .locations
            .iter_mut()
            .max_by(|one, two| one.confidence.total_cmp(&two.confidence))
        else {
            return Err(refused(
                "no place in the code is known, so there is nothing to open; edit the bug instead",
                record,
            ));
        };
        best.confidence = 1.0;
        let bug = Bug {
            ai_confidence: 1.0,
            ..bug
        };
        Self::of(life, record, bug, Some(mapping), by)
    }

    fn of(
        life: &[Record],
        record: &Record,
        bug: Bug,
        mapping: Option<Mapping>,
        by: &str,
    ) -> Result<Self, Failure> {
        let ticket =
            ticket_of(record.key.subject()).ok_or_else(|| refused("row is no step of a ticket", record))?;
        if life.iter().any(|row| row.key.step() == step::BILL) {
            return Err(refused("bug is billed: what it was billed from stays", record));
        }
        let words =
            serde_json::to_string(&(&bug, &mapping)).map_err(|error| Failure::Row(error.to_string()))?;
        let prompt = if mapping.is_some() { VOUCHED } else { EDITED };
        Ok(Self {
            prompt,
            content: ContentHash::of(&["review", &record.content, &words]),
            ticket,
            bug,
            mapping,
            by: by.to_owned(),
        })
    }

    /// Whose bug it is.
    pub(super) fn org(&self) -> &OrgId {
        &self.ticket.org
    }

    /// The bug as it will be.
    pub(super) fn bug(&self) -> &Bug {
        &self.bug
    }

    /// Puts the records there; a second time it finds them. The message that goes on from them, with its stage.
    pub(super) async fn put(&self, ledger: &Ledger) -> Result<(Stage, String), Failure> {
        let at = BugAt {
            ticket: self.ticket.clone(),
            content: self.content.clone(),
        };
        let to_map = Envelope::new(None, Body::Map(at.clone())).to_json();
        let to_qualify = Envelope::new(None, Body::Qualify(at)).to_json();
        // A sweep or a replay of these rows sends what goes on from them: the extraction's own stage would read the ticket.
        let extracted = self.answered(Extraction::Bug(self.bug.clone()));
        let work = self.work(step::extract(&self.content), Stage::Map, &to_map);
        ledger.record(&work, &extracted).await?;
        let Some(mapping) = &self.mapping else {
            return Ok((Stage::Map, to_map));
        };
        let work = self.work(step::map(&self.content), Stage::Qualify, &to_qualify);
        ledger.record(&work, &self.answered(mapping.clone())).await?;
        Ok((Stage::Qualify, to_qualify))
    }

    fn work(&self, step: String, stage: Stage, message: &str) -> Work {
        Work::new(key_of(&self.ticket, step), self.content.as_str()).driven_by(stage.as_str(), message)
    }

    fn answered<T>(&self, answer: T) -> Asked<T> {
        Asked::Answered(Answered {
            answer,
            model: format!("person:{}", self.by),
            prompt: self.prompt.to_owned(),
            spent: Spent::default(),
        })
    }
}

/// A field's new value; several steps to reproduce are lines.
fn field_value(field: &str, text: &str) -> Result<Value, String> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("must be at most {TEXT_CHARS_MAX} characters"));
    }
    match field {
        "title" => {
            let title = text.replace(['\n', '\r'], " ");
            if title.trim().is_empty() || title.chars().count() > 200 {
                return Err("must be 1 to 200 characters".to_owned());
            }
            Ok(Value::from(title))
        }
        "severity" => [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .map(|severity| Value::from(severity.as_str()))
            .ok_or_else(|| "must be critical, high, medium or low".to_owned()),
        "steps_to_reproduce" => {
            let steps: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            if steps.len() > 30 || steps.iter().any(|step| step.chars().count() > 500) {
                return Err("must be at most 30 lines of 500 characters".to_owned());
            }
            Ok(Value::from(steps))
        }
        "expected" | "actual" | "affected_feature" | "customer_impact" | "quote" => Ok(Value::from(text)),
        "ai_confidence" => text
            .parse::<f64>()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Value::from)
            .ok_or_else(|| "must be a number from 0 to 1".to_owned()),
        _ => Err(
            "is no field of a bug; there are title, severity, steps_to_reproduce, expected, actual, affected_feature, \
            customer_impact, quote and ai_confidence"
                .to_owned(),
        ),
    }
}
