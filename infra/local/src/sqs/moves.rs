//! Moves of dead letters back to where they came from, at a rate on the clock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refusal::{Code, Refusal};
use super::state::{State, arn, name_of};

/// Fastest move, in messages a second; also the speed where none is asked for. Source: SQS quotas.
const RATE_MAX: u32 = 500;

/// Tasks of one source that are remembered and listed. Source: SQS API reference, `ListMessageMoveTasks`.
const LISTED_MAX: usize = 10;

/// Where a move stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MoveStatus {
    /// Not at its end.
    Running,
    /// Nothing is left of what was there at its start.
    Completed,
    /// Ended by request.
    Cancelled,
    /// A message had nowhere to go.
    Failed,
}

/// One move. It moves what is in the source at its start, so that a message that fails again is not moved twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveTask {
    /// The name of the queue that is emptied.
    pub source: String,
    /// The name of the queue that is filled; none for the one that each message came from.
    pub destination: Option<String>,
    /// Messages a second, where asked for.
    pub rate: Option<u32>,
    /// When it began.
    pub started_ms: Millis,
    /// Messages in the source at its start.
    pub to_move: usize,
    /// Messages moved so far.
    pub moved: u64,
    /// Where it stands.
    pub status: MoveStatus,
    /// Why it failed.
    pub failure: Option<String>,
    id: u64,
}

impl MoveTask {
    fn handle(&self) -> String {
        STANDARD.encode(json!({ "taskId": self.id, "sourceArn": arn(&self.source) }).to_string())
    }

    fn rate(&self) -> u64 {
        u64::from(self.rate.unwrap_or(RATE_MAX))
    }

    /// Messages that may have been moved by now: the first at once, the others at the rate.
    fn allowed(&self, now_ms: Millis) -> u64 {
        now_ms.saturating_sub(self.started_ms).saturating_mul(self.rate()) / 1000 + 1
    }

    fn end(&mut self, status: MoveStatus, failure: Option<&str>) {
        self.status = status;
        self.failure = failure.map(str::to_owned);
    }

    fn printed(&self) -> Value {
        let mut entry = json!({
            "Status": self.status,
            "SourceArn": arn(&self.source),
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started_ms,
        });
        let running = (self.status == MoveStatus::Running).then(|| self.handle());
        for (name, value) in [
            ("TaskHandle", running.map(Value::from)),
            (
                "DestinationArn",
                self.destination.as_deref().map(arn).map(Value::from),
            ),
            ("MaxNumberOfMessagesPerSecond", self.rate.map(Value::from)),
            ("FailureReason", self.failure.clone().map(Value::from)),
        ] {
            if let (Some(entry), Some(value)) = (entry.as_object_mut(), value) {
                entry.insert(name.to_owned(), value);
            }
        }
        entry
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start {
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    source_arn: String,
    max_results: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Cancel {
    task_handle: String,
}

impl State {
    pub(super) fn start_move(&mut self, now_ms: Millis, request: &Start) -> Result<Value, Refusal> {
        let source = self.known(&request.source_arn)?;
        let destination = request
            .destination_arn
            .as_deref()
            .map(|arn| self.known(arn))
            .transpose()?;
        let rate = request.max_number_of_messages_per_second;
        if let Some(rate) = rate.filter(|rate| !(1..=RATE_MAX).contains(rate)) {
            let reason = "Must be between 1 and 500, if provided.";
            return Err(Refusal::parameter("MaxNumberOfMessagesPerSecond", rate, reason));
        }
        let fed = self.queues.values().any(|queue| {
            let redrive = queue.settings.redrive.as_ref();
            redrive.is_some_and(|redrive| redrive.dead_letter_target_arn == request.source_arn)
        });
        if !fed {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(Refusal::new(Code::InvalidParameterValue, message));
        }
        if self
            .moves
            .iter()
            .any(|task| task.source == source && task.status == MoveStatus::Running)
        {
            let message = "There is already a task running. Only one active task is allowed for a source queue \
                           arn at a given time.";
            return Err(Refusal::new(Code::InvalidParameterValue, message));
        }
        let to_move = self.queue(&source, now_ms)?.messages.len();
        let task = MoveTask {
            id: self.mint(),
            source,
            destination,
            rate,
            started_ms: now_ms,
            to_move,
            moved: 0,
            status: MoveStatus::Running,
            failure: None,
        };
        let handle = task.handle();
        self.remember(task);
        self.run_moves(now_ms);
        Ok(json!({ "TaskHandle": handle }))
    }

    fn remember(&mut self, task: MoveTask) {
        let of_source = self
            .moves
            .iter()
            .filter(|other| other.source == task.source)
            .count();
        if of_source >= LISTED_MAX
            && let Some(oldest) = self.moves.iter().position(|other| other.source == task.source)
        {
            self.moves.remove(oldest);
        }
        self.moves.push(task);
    }

    fn known(&self, arn: &str) -> Result<String, Refusal> {
        name_of(arn)
            .filter(|name| self.queues.contains_key(*name))
            .map(str::to_owned)
            .ok_or_else(|| {
                let message = "The resource that you specified for the SourceArn or DestinationArn parameter doesn't exist.";
                Refusal::new(Code::ResourceNotFound, message)
            })
    }

    pub(super) fn list_moves(&self, request: &List) -> Result<Value, Refusal> {
        let source = self.known(&request.source_arn)?;
        let most = request.max_results.unwrap_or(1);
        if !(1..=LISTED_MAX).contains(&most) {
            let reason = "Must be between 1 and 10, if provided.";
            return Err(Refusal::parameter("MaxResults", most, reason));
        }
        let tasks = self
            .moves
            .iter()
            .rev()
            .filter(|task| task.source == source)
            .take(most);
        Ok(json!({ "Results": tasks.map(MoveTask::printed).collect::<Vec<_>>() }))
    }

    pub(super) fn cancel_move(&mut self, request: &Cancel) -> Result<Value, Refusal> {
        let task = self
            .moves
            .iter_mut()
            .find(|task| task.handle() == request.task_handle)
            .ok_or_else(|| Refusal::new(Code::ResourceNotFound, "Task does not exist."))?;
        if task.status != MoveStatus::Running {
            let message = "Only active tasks can be cancelled.";
            return Err(Refusal::new(Code::UnsupportedOperation, message));
        }
        task.end(MoveStatus::Cancelled, None);
        Ok(json!({ "ApproximateNumberOfMessagesMoved": task.moved }))
    }

    /// Moves what the running tasks may have moved by now.
    pub(super) fn run_moves(&mut self, now_ms: Millis) {
        let mut tasks = std::mem::take(&mut self.moves);
        for task in tasks.iter_mut().filter(|task| task.status == MoveStatus::Running) {
            self.run_move(task, now_ms);
        }
        self.moves = tasks;
    }

    fn run_move(&mut self, task: &mut MoveTask, now_ms: Millis) {
        loop {
            let Ok(source) = self.queue(&task.source, now_ms) else {
                return task.end(MoveStatus::Failed, Some(&Code::NonExistentQueue.query_name()));
            };
            let mut left = source.messages.range(..=task.id).peekable();
            if left.peek().is_none() {
                return task.end(MoveStatus::Completed, None);
            }
            if task.moved >= task.allowed(now_ms) {
                return;
            }
            let Some((at, message)) = left.find(|(_, message)| message.visible_ms <= now_ms) else {
                return;
            };
            let at = *at;
            let origin = message.dead_from.as_deref().and_then(name_of).map(str::to_owned);
            let Some(destination) = task.destination.clone().or(origin) else {
                return task.end(MoveStatus::Failed, Some("CouldNotDetermineMessageSource"));
            };
            if !self.queues.contains_key(&destination) {
                return task.end(MoveStatus::Failed, Some(&Code::NonExistentQueue.query_name()));
            }
            self.move_one(&task.source, at, &destination, now_ms);
            task.moved += 1;
        }
    }

    /// A moved message is a new one: new name, new age, never received.
    fn move_one(&mut self, source: &str, at: u64, destination: &str, now_ms: Millis) {
        let Some(mut message) = self
            .queues
            .get_mut(source)
            .and_then(|queue| queue.messages.remove(&at))
        else {
            return;
        };
        message.sent_ms = now_ms;
        message.visible_ms = now_ms;
        message.first_received_ms = None;
        message.received_ms = None;
        message.receives = 0;
        message.dead_from = None;
        self.send(destination, message);
    }

    /// The earliest time after now at which a running task can go on.
    pub(super) fn next_move_ms(&self, now_ms: Millis) -> Option<Millis> {
        let running = self
            .moves
            .iter()
            .filter(|task| task.status == MoveStatus::Running);
        running
            .filter_map(|task| {
                let source = self.queues.get(&task.source)?;
                let left = source
                    .messages
                    .range(..=task.id)
                    .map(|(_, message)| message.visible_ms);
                let by_rate = task.started_ms + (task.moved * 1000).div_ceil(task.rate());
                left.min()
                    .map(|visible_ms| visible_ms.max(by_rate).max(now_ms + 1))
            })
            .min()
    }
}
