//! What an invocation did, as it answers and as it stands in the trigger's row.

use serde::{Deserialize, Serialize};

/// What became of the trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The sweep ran.
    Swept,
    /// This trigger was handled before; the numbers are of that time, and nothing was done now.
    Duplicate,
    /// It asks for nothing: an alarm that went back to normal.
    Ignored,
}

/// What an invocation did: counts of what was put into a queue again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What became of the trigger.
    pub status: Status,
    /// Events that nobody had consumed, handed over again.
    pub events: u64,
    /// Claims whose lease is over, or whose backoff is: their messages.
    pub claims: u64,
    /// Work that waited for a time that has come: its messages.
    pub waiting: u64,
    /// Parked work that was let go again: its messages.
    pub resumed: u64,
    /// Work whose message went out as often as is allowed and that nobody claimed: it waits for a person now.
    #[serde(default)]
    pub parked: u64,
    /// Rows that are past due and do not read, so that nothing can be done for them; the log names each.
    #[serde(default)]
    pub unreadable: u64,
    /// Dead letters, by stage; empty queues are not listed.
    pub redriven: Vec<Redriven>,
    /// Something is left: time was up, or a queue did not take it. The next sweep goes on.
    pub more: bool,
    /// Why nothing was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Summary {
    /// A sweep that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            status: Status::Swept,
            events: 0,
            claims: 0,
            waiting: 0,
            resumed: 0,
            parked: 0,
            unreadable: 0,
            redriven: Vec::new(),
            more: false,
            reason: None,
        }
    }

    /// Nothing is asked for, and why.
    pub(crate) fn ignored(why: impl Into<String>) -> Self {
        Self {
            status: Status::Ignored,
            reason: Some(why.into()),
            ..Self::new()
        }
    }

    /// The same numbers, as the answer to a trigger that came again.
    pub(crate) fn again(self) -> Self {
        Self {
            status: Status::Duplicate,
            ..self
        }
    }
}

/// A dead-letter queue that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Whose.
    pub stage: String,
    /// What became of its messages.
    pub outcome: Redrive,
    /// Messages in it, as the service counts them: roughly.
    pub messages: u64,
}

/// What became of a redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redrive {
    /// The messages are on their way to the queue that they came from.
    Started,
    /// One was under way; the service allows one at a time for each queue, and nothing was done.
    Running,
    /// The service did not start it; the log has its code. The next sweep tries again.
    Failed,
}
