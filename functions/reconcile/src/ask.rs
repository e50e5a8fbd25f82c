//! Who asks, about which org and which window of time.

use chrono::{DateTime, SecondsFormat, Utc};
use ratchet_domain::ids::OrgId;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Work, WorkKey};
use ratchet_runtime::stage::content_of;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Longest window, in ms: 31 days. Reason: a bill's period, and what providers still list.
pub(crate) const WINDOW_MS_MAX: Millis = 31 * 24 * 3_600_000;

/// Longest name of a schedule or an operator's request, in bytes. Reason: it is part of a key.
const NAME_BYTES_MAX: usize = 512;

/// What begins the identity of a schedule's tick.
const SCHEDULE: &str = "schedule#";

/// A request that nothing is done for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AskError {
    /// Neither of the two shapes.
    #[error("event is of no known shape, expected source=`schedule` or source=`operator`")]
    Unknown,
    /// It does not read.
    #[error("request does not read: {0}")]
    Malformed(String),
    /// A field is not what it should be.
    #[error("request has a bad field field=`{field}` expected=`{expected}`")]
    Bad {
        /// Which.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// The default window: as long as `window_ms`, and ended `settle_ms` ago, so that what is under way is no finding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    pub(crate) window_ms: u64,
    pub(crate) settle_ms: u64,
}

/// What is asked for.
///
/// **Shape** of its row: subject `trigger#reconcile`, step its name and id, result the [`crate::Plan`]. **Lifetime**: for
/// ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    identity: String,
    pub(crate) org: Option<OrgId>,
    pub(crate) since_ms: Millis,
    pub(crate) until_ms: Millis,
    /// Hash of the plan to carry out.
    pub(crate) apply: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tick {
    #[serde(rename = "source")]
    _source: String,
    schedule: String,
    time: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(rename = "source")]
    _source: String,
    id: String,
    #[serde(default, rename = "by")]
    _by: Option<String>,
    #[serde(default)]
    org: Option<OrgId>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    apply: Option<String>,
}

impl Ask {
    /// Reads an event that came at `now_ms`.
    pub(crate) fn read(event: &Value, now_ms: Millis, defaults: Defaults) -> Result<Self, AskError> {
        match event.get("source").and_then(Value::as_str) {
            Some("schedule") => {
                let tick: Tick = shape(event)?;
                let at_ms = time("time", &tick.time)?;
                let until_ms = at_ms.saturating_sub(defaults.settle_ms);
                Self {
                    identity: format!("{SCHEDULE}{}@{at_ms}", tick.schedule),
                    org: None,
                    since_ms: until_ms.saturating_sub(defaults.window_ms),
                    until_ms,
                    apply: None,
                }
                .checked(now_ms)
            }
            Some("operator") => Self::of_operator(shape(event)?, now_ms, defaults),
            _ => Err(AskError::Unknown),
        }
    }

    fn of_operator(request: Request, now_ms: Millis, defaults: Defaults) -> Result<Self, AskError> {
        if request.id.is_empty() {
            return Err(bad("id", "a text of 1 to 512 bytes"));
        }
        if request.apply.is_some() && (request.since.is_none() || request.until.is_none()) {
            return Err(bad("apply", "the plan's own since and until beside it"));
        }
        let until_ms = match &request.until {
            Some(text) => time("until", text)?,
            None => now_ms.saturating_sub(defaults.settle_ms),
        };
        let since_ms = match &request.since {
            Some(text) => time("since", text)?,
            None => until_ms.saturating_sub(defaults.window_ms),
        };
        Self {
            identity: format!("operator#{}", request.id),
            org: request.org,
            since_ms,
            until_ms,
            apply: request.apply,
        }
        .checked(now_ms)
    }

    /// The schedule asks, and nobody waits for the answer.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.identity.starts_with(SCHEDULE)
    }

    fn checked(self, now_ms: Millis) -> Result<Self, AskError> {
        if self.identity.len() > NAME_BYTES_MAX {
            return Err(bad("id", "a text of 1 to 512 bytes"));
        }
        if self.since_ms >= self.until_ms {
            return Err(bad("since", "a time before `until`"));
        }
        if self.until_ms - self.since_ms > WINDOW_MS_MAX {
            return Err(bad("since", "a time at most 31 days before `until`"));
        }
        if self.until_ms > now_ms {
            return Err(bad("until", "a time that is over"));
        }
        Ok(self)
    }

    /// The work that the request is, once.
    pub(crate) fn work(&self) -> Work {
        // An operator's default window moves with the clock: the id says which request it is.
        let org = self.org.as_ref().map_or("", OrgId::as_str);
        let content = content_of(&[&self.identity, org, self.apply.as_deref().unwrap_or_default()]);
        Work::new(WorkKey::new("trigger#reconcile", &self.identity), content)
    }

    pub(crate) fn since(&self) -> String {
        printed(self.since_ms)
    }

    pub(crate) fn until(&self) -> String {
        printed(self.until_ms)
    }

    /// Whether the window has this time.
    pub(crate) fn has(&self, at_ms: Millis) -> bool {
        (self.since_ms..=self.until_ms).contains(&at_ms)
    }
}

fn shape<T: serde::de::DeserializeOwned>(event: &Value) -> Result<T, AskError> {
    serde_json::from_value(event.clone()).map_err(|error| AskError::Malformed(error.to_string()))
}

fn bad(field: &'static str, expected: &'static str) -> AskError {
    AskError::Bad { field, expected }
}

fn time(field: &'static str, text: &str) -> Result<Millis, AskError> {
    millis(text).ok_or_else(|| bad(field, "a time such as 2026-01-15T10:00:00Z"))
}

/// An RFC 3339 time in ms.
pub(crate) fn millis(text: &str) -> Option<Millis> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(at.timestamp_millis()).ok()
}

/// A time in ms as RFC 3339.
pub(crate) fn printed(at_ms: Millis) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(DateTime::<Utc>::from_timestamp_millis);
    at.unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
