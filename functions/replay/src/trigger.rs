//! Who calls: an alarm (by itself or through a topic), a schedule, an operator. Everything else is refused.

use chrono::DateTime;
use ratchet_domain::ids::OrgId;
use ratchet_domain::park::Mend;
use ratchet_domain::stage::Stage;
use ratchet_guard::{Work, WorkKey};
use ratchet_runtime::stage::content_of;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// The stage's name in rows of triggers. It has no queue: a sweep that finds such a row goes on with it by itself.
pub(crate) const STAGE: &str = "replay";

/// Longest name of an alarm, a schedule or an operator's request, in bytes. Reason: it is part of a key.
const NAME_BYTES_MAX: usize = 512;

/// The schedule that also lets parked work go again, for as long as it is young enough.
const RESUME: &str = "resume";

/// Longest name of a person that is kept, in characters.
const NAME_CHARS_MAX: usize = 128;

/// An event that nothing is done for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TriggerError {
    /// Not one of the four.
    #[error(
        "event is of no known shape, expected a CloudWatch alarm, one SNS record with an alarm, \
        source=`schedule`, or source=`operator`"
    )]
    Unknown,
    /// One of the four, and a field is not there.
    #[error("event lacks a field field=`{0}`")]
    Missing(&'static str),
    /// One of the four, and a field is not what it should be.
    #[error("event has a bad field field=`{field}` expected=`{expected}`")]
    Bad {
        /// Which, as a path.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An operator's request that does not read, or says something that nobody understands.
    #[error("operator's request does not read: {0}")]
    Operator(String),
}

/// What an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Work.
    Act(Trigger),
    /// Nothing, and why.
    Ignore(String),
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Alarm,
    Schedule,
    Operator,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Schedule => "schedule",
            Self::Operator => "operator",
        }
    }
}

/// What is asked for, without what differs between two deliveries of it.
///
/// **Shape** of its row: subject `trigger#<kind>`, step its identity, content everything below, message this as JSON,
/// result the [`crate::Summary`]. **Lifetime**: for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) kind: Kind,
    /// Equal for every delivery: ARN and time of the alarm's state, name and time of the schedule, or the operator's id.
    identity: String,
    /// Whose work, where an operator said so.
    #[serde(default)]
    pub(crate) org: Option<OrgId>,
    /// The name of the stage, where an operator said so.
    #[serde(default)]
    stage: Option<String>,
    /// Dead letters, too.
    pub(crate) redrive: bool,
    /// Parked work, too.
    resume: bool,
    /// The operator's name, as given; it decides nothing.
    #[serde(default)]
    by: Option<String>,
}

impl Trigger {
    /// The work that the trigger is, once.
    pub(crate) fn work(&self) -> Work {
        let flags = format!("{} {}", self.redrive, self.resume);
        let parts = [
            self.kind.as_str(),
            &self.identity,
            self.org.as_ref().map_or("", OrgId::as_str),
            self.stage.as_deref().unwrap_or_default(),
            &flags,
        ];
        let key = WorkKey::new(format!("trigger#{}", self.kind.as_str()), &self.identity);
        let message = serde_json::to_string(self).unwrap_or_default();
        Work::new(key, content_of(&parts)).driven_by(STAGE, message)
    }

    /// The trigger in a row that was left, if it is one.
    pub(crate) fn of_message(message: &str) -> Option<Self> {
        serde_json::from_str(message).ok()
    }

    /// All work is meant.
    pub(crate) fn is_for_all(&self) -> bool {
        self.org.is_none() && self.stage.is_none()
    }

    /// Work of this stage is meant.
    pub(crate) fn has_stage(&self, stage: Stage) -> bool {
        self.stage.as_deref().is_none_or(|name| name == stage.as_str())
    }

    /// Work of this org is meant; `org` is none where nobody can tell.
    pub(crate) fn has_org(&self, org: Option<&str>) -> bool {
        self.org
            .as_ref()
            .is_none_or(|wanted| org == Some(wanted.as_str()))
    }

    /// Looks at parked work at all.
    pub(crate) fn resumes(&self) -> bool {
        self.resume
    }

    /// Lets parked work of that kind go again: an alarm what mends itself, an operator also what a person has mended.
    pub(crate) fn may_resume(&self, mend: Mend) -> bool {
        match mend {
            Mend::Retry => self.resume,
            Mend::MendThenRetry => self.resume && self.kind == Kind::Operator,
            Mend::Time | Mend::Decision | Mend::Nothing => false,
        }
    }
}

/// Reads an event.
pub(crate) fn read(event: &Value) -> Result<Reading, TriggerError> {
    match event.get("source").and_then(Value::as_str) {
        Some("aws.cloudwatch") => alarm(
            text(event, "/alarmArn")?,
            text(event, "/alarmData/state/value")?,
            time(event, "/alarmData/state/timestamp")?,
        ),
        Some("schedule") => schedule(event),
        Some("operator") => operator(event),
        Some(_) => Err(TriggerError::Unknown),
        None => topic(event),
    }
}

/// A topic wraps the alarm as JSON in a text. A topic delivers one record at a time; more than one is not from it.
fn topic(event: &Value) -> Result<Reading, TriggerError> {
    let records = event.get("Records").and_then(Value::as_array);
    let Some([record]) = records.map(Vec::as_slice) else {
        return Err(TriggerError::Unknown);
    };
    let message = record
        .pointer("/Sns/Message")
        .and_then(Value::as_str)
        .ok_or(TriggerError::Unknown)?;
    let message: Value = serde_json::from_str(message).map_err(|_| TriggerError::Bad {
        field: "/Records/0/Sns/Message",
        expected: "an alarm as JSON",
    })?;
    alarm(
        text(&message, "/AlarmArn")?,
        text(&message, "/NewStateValue")?,
        time(&message, "/StateChangeTime")?,
    )
}

fn alarm(arn: &str, state: &str, at_ms: i64) -> Result<Reading, TriggerError> {
    if !arn.starts_with("arn:") {
        return Err(TriggerError::Bad {
            field: "alarmArn",
            expected: "an ARN",
        });
    }
    match state {
        "ALARM" => Ok(Reading::Act(Trigger {
            kind: Kind::Alarm,
            identity: format!("{arn}@{at_ms}"),
            org: None,
            stage: None,
            redrive: true,
            resume: true,
            by: None,
        })),
        "OK" | "INSUFFICIENT_DATA" => Ok(Reading::Ignore(format!("the alarm's state is {state}"))),
        _ => Err(TriggerError::Bad {
            field: "the alarm's state",
            expected: "ALARM, OK or INSUFFICIENT_DATA",
        }),
    }
}

fn schedule(event: &Value) -> Result<Reading, TriggerError> {
    let name = text(event, "/schedule")?;
    let at_ms = time(event, "/time")?;
    Ok(Reading::Act(Trigger {
        kind: Kind::Schedule,
        identity: format!("{name}@{at_ms}"),
        org: None,
        stage: None,
        redrive: true,
        // Alarms call once, when they turn; what was parked after that is nobody's but this tick's.
        resume: name == RESUME,
        by: None,
    }))
}

/// What an operator may say. A word that is not here is refused: it may be a misspelt limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(rename = "source")]
    _source: String,
    id: String,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    org: Option<OrgId>,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    redrive: bool,
    #[serde(default = "yes")]
    resume: bool,
}

fn yes() -> bool {
    true
}

fn operator(event: &Value) -> Result<Reading, TriggerError> {
    let request: Request =
        serde_json::from_value(event.clone()).map_err(|error| TriggerError::Operator(error.to_string()))?;
    if request.id.is_empty() || request.id.len() > NAME_BYTES_MAX {
        return Err(TriggerError::Bad {
            field: "/id",
            expected: "a text of 1 to 512 bytes",
        });
    }
    if let Some(stage) = &request.stage
        && Stage::from_name(stage).is_none()
    {
        return Err(TriggerError::Bad {
            field: "/stage",
            expected: "extract, map, qualify, fan-out, open-pr, publish-rca or notify",
        });
    }
    if request.redrive && request.org.is_some() {
        return Err(TriggerError::Bad {
            field: "/redrive",
            expected: "no org beside it, since a queue of dead letters holds every org's",
        });
    }
    Ok(Reading::Act(Trigger {
        kind: Kind::Operator,
        identity: request.id,
        org: request.org,
        stage: request.stage,
        redrive: request.redrive,
        resume: request.resume,
        by: request.by.map(|by| by.chars().take(NAME_CHARS_MAX).collect()),
    }))
}

fn text<'e>(event: &'e Value, field: &'static str) -> Result<&'e str, TriggerError> {
    let value = event.pointer(field).ok_or(TriggerError::Missing(field))?;
    value
        .as_str()
        .filter(|text| !text.is_empty() && text.len() <= NAME_BYTES_MAX)
        .ok_or(TriggerError::Bad {
            field,
            expected: "a text of 1 to 512 bytes",
        })
}

/// A time in ms since the epoch: RFC 3339, or as CloudWatch prints it (`2026-01-15T10:00:00.000+0000`).
fn time(event: &Value, field: &'static str) -> Result<i64, TriggerError> {
    let text = text(event, field)?;
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|at| at.timestamp_millis())
        .map_err(|_| TriggerError::Bad {
            field,
            expected: "a time such as 2026-01-15T10:00:00.000+0000",
        })
}

#[cfg(test)]
mod tests;
