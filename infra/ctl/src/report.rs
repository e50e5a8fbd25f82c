//! What a command says: for people, and for programs.

use ratchet_guard::UnreadableRow;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::text::plain;

/// What a verb found or did.
#[derive(Debug, Clone)]
pub struct Report {
    /// For people; lines without a newline at the end.
    pub text: String,
    /// For programs.
    pub json: Value,
    /// Remarks for people, beside the result; programs find them in `json`.
    pub notes: Vec<String>,
}

/// What the process prints, and how it exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// To standard output, behind what the verb wrote as it went.
    pub stdout: String,
    /// To standard error.
    pub stderr: String,
    /// How it exits.
    pub exit: Exit,
}

impl Answer {
    /// The answer of a verb that did what it was asked to.
    #[must_use]
    pub fn of_report(report: Report, as_json: bool) -> Self {
        let notes: Vec<String> = report
            .notes
            .iter()
            .map(|note| format!("note: {note}\n"))
            .collect();
        Self {
            stdout: if as_json {
                pretty(&report.json)
            } else {
                line(&report.text)
            },
            stderr: if as_json { String::new() } else { notes.concat() },
            exit: Exit::Done,
        }
    }

    /// The answer of a verb that did not.
    #[must_use]
    pub fn of_failure(failure: &Failure, as_json: bool) -> Self {
        let exit = failure.exit();
        if as_json {
            return Self {
                stdout: pretty(&failure.to_json()),
                stderr: String::new(),
                exit,
            };
        }
        let mut stderr = format!("error: {failure}\n");
        for problem in failure.problems() {
            stderr.push_str(&format!("  {problem}\n"));
        }
        Self {
            stdout: String::new(),
            stderr,
            exit,
        }
    }
}

/// Rows that a verb met and could not read: their keys for programs, and a remark on each for people.
#[must_use]
pub fn unreadable(rows: &[UnreadableRow]) -> (Vec<String>, Vec<String>) {
    let keys: Vec<String> = rows.iter().map(|row| row.key.to_string()).collect();
    let remark = |key: &String| {
        format!(
            "row does not read, nothing is said about its work, see unreadable-rows in the runbook key=`{}`",
            plain(key)
        )
    };
    let remarks = keys.iter().map(remark).collect();
    (keys, remarks)
}

fn pretty(json: &Value) -> String {
    line(&format!("{json:#}"))
}

fn line(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{text}\n")
    }
}
