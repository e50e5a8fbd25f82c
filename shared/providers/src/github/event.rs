//! GitHub's webhooks: pull requests that were closed, check suites that ended.

use chrono::DateTime;
use ratchet_domain::ids::RepoName;
use serde_json::Value;

use crate::event::{Document, EventError, checked_id, kind_name};

/// What the webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Something that the pipeline follows.
    Repository(Event),
    /// Nothing that it follows, such as a `ping`.
    Ignored {
        /// `<event>` or `<event>.<action>`.
        kind: String,
    },
}

/// A change in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same on every redelivery.
    pub delivery_id: String,
    /// GitHub's id of the repository; it survives a renaming.
    pub repo_id: u64,
    /// The repository's name now.
    pub repo: RepoName,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A pull request was closed.
    PullClosed {
        /// Its number.
        number: u64,
        /// Branch with the change.
        head_branch: String,
        /// Head commit.
        head_sha: String,
        /// Branch it went to.
        base_branch: String,
        /// By a merge.
        merged: bool,
        /// When it was merged or closed, in ms; none where GitHub gives no time that reads.
        at_ms: Option<u64>,
        /// The commit that the merge made.
        merge_commit: Option<String>,
        /// Markdown that says what it is about, cut to a bound; anybody with rights in the repository may change it.
        body: String,
    },
    /// All checks of one app ended on a commit. Other suites may still run there.
    CheckSuiteCompleted {
        /// Id of the suite.
        suite_id: u64,
        /// Branch, where GitHub knows one.
        head_branch: Option<String>,
        /// The commit.
        head_sha: String,
        /// `success`, `failure`, ..
        conclusion: Option<String>,
        /// Pull requests of this repository with that head, at most 100.
        pulls: Vec<u64>,
    },
}

impl Event {
    /// Names the outcome, not the delivery: a late redelivery of the same outcome has the same key.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.change {
            Change::PullClosed {
                number,
                head_sha,
                merged,
                ..
            } => {
                let outcome = if *merged { "merged" } else { "closed" };
                format!("pull:{number}:{outcome}:{head_sha}")
            }
            Change::CheckSuiteCompleted {
                suite_id,
                head_sha,
                conclusion,
                ..
            } => {
                format!(
                    "suite:{suite_id}:{}:{head_sha}",
                    conclusion.as_deref().unwrap_or("none")
                )
            }
        }
    }
}

/// Most characters of a pull request's text that are read. Source: GitHub takes no more.
const BODY_CHARS_MAX: usize = 65_536;

const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";
const REPO: &str = "repository.full_name";

/// Reads a webhook whose signature was verified. `header` looks up by lower-case name.
///
/// # Errors
/// [`EventError`] names what is missing or of a wrong form.
pub fn parse<'h>(header: impl Fn(&str) -> Option<&'h str>, body: &[u8]) -> Result<Delivery, EventError> {
    let document = Document::parse(body)?;
    let event = header(EVENT).ok_or(EventError::Missing { path: EVENT })?;
    let delivery_id = header(DELIVERY).ok_or(EventError::Missing { path: DELIVERY })?;
    let delivery_id = checked_id(DELIVERY, delivery_id)?;
    let change = match (event, document.text("action")) {
        ("pull_request", Some("closed")) => pull_closed(&document)?,
        ("check_suite", Some("completed")) => check_suite(&document)?,
        (event, None) => {
            return Ok(Delivery::Ignored {
                kind: kind_name(event),
            });
        }
        (event, Some(action)) => {
            return Ok(Delivery::Ignored {
                kind: kind_name(&format!("{event}.{action}")),
            });
        }
    };
    let repo = RepoName::parse(document.required_text(REPO)?).map_err(|_| EventError::Invalid {
        path: REPO,
        rule: "owner/name",
    })?;
    let repo_id = document.required_u64("repository.id")?;
    Ok(Delivery::Repository(Event {
        delivery_id,
        repo_id,
        repo,
        change,
    }))
}

fn pull_closed(document: &Document) -> Result<Change, EventError> {
    const MERGED: &str = "pull_request.merged";
    let merged = document
        .flag(MERGED)
        .ok_or(EventError::Missing { path: MERGED })?;
    let at = if merged {
        "pull_request.merged_at"
    } else {
        "pull_request.closed_at"
    };
    Ok(Change::PullClosed {
        number: document.required_u64("pull_request.number")?,
        head_branch: branch(document, "pull_request.head.ref")?,
        head_sha: sha(document, "pull_request.head.sha")?,
        base_branch: branch(document, "pull_request.base.ref")?,
        merged,
        at_ms: document.text(at).and_then(time),
        merge_commit: sha(document, "pull_request.merge_commit_sha").ok(),
        body: document
            .text("pull_request.body")
            .unwrap_or_default()
            .chars()
            .take(BODY_CHARS_MAX)
            .collect(),
    })
}

/// A time as GitHub writes it, in ms since 1970.
fn time(text: &str) -> Option<u64> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(at.timestamp_millis()).ok()
}

fn check_suite(document: &Document) -> Result<Change, EventError> {
    let pulls = document.at("check_suite.pull_requests").and_then(Value::as_array);
    let pulls = pulls.map(Vec::as_slice).unwrap_or_default();
    Ok(Change::CheckSuiteCompleted {
        suite_id: document.required_u64("check_suite.id")?,
        head_branch: branch(document, "check_suite.head_branch").ok(),
        head_sha: sha(document, "check_suite.head_sha")?,
        conclusion: document.text("check_suite.conclusion").map(kind_name),
        pulls: pulls
            .iter()
            .take(100)
            .filter_map(|pull| pull.get("number").and_then(Value::as_u64))
            .collect(),
    })
}

fn branch(document: &Document, path: &'static str) -> Result<String, EventError> {
    let name = document.required_text(path)?;
    if name.is_empty() || name.len() > 255 {
        return Err(EventError::Invalid {
            path,
            rule: "1 to 255 bytes",
        });
    }
    Ok(name.to_owned())
}

fn sha(document: &Document, path: &'static str) -> Result<String, EventError> {
    let sha = document.required_text(path)?;
    if !(40..=64).contains(&sha.len()) || !sha.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(EventError::Invalid {
            path,
            rule: "40 to 64 hex digits",
        });
    }
    Ok(sha.to_owned())
}
