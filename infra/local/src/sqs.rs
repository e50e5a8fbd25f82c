//! Standard queues in this process, on a clock that is handed in.
//!
//! The queues that were tried first either read the wall clock, which a search over virtual time cannot use, or
//! could neither be copied at an instant nor move dead letters back; so this is an own one, held to the service's
//! documented behaviour by tests through the AWS SDK's client.
//!
//! All that it knows is one [`State`]: a plain value, cloned for a fork, written as JSON for a data directory.
//! Nothing is random: names and receipts come from a counter, messages are handed out in their order of arrival,
//! and what the service leaves open (a late receipt) is a switch, [`StaleReceipts`].
//! FIFO queues, permissions and tags are not played.

mod contents;
mod messages;
mod moves;
mod queues;
mod refusal;
mod settings;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ratchet_guard::clock::{Clock, Millis};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;

use crate::aws::Reply;
use messages::{Batch, Receive, Send, Settle};
use refusal::{Code, Refusal};

pub use contents::{Attributes, MessageAttribute};
pub use moves::{MoveStatus, MoveTask};
pub use settings::{Redrive, Settings};
pub use state::{Depth, Message, Queue, StaleReceipts, State, arn, name_of};

/// Where in-process clients believe the queues to be; nothing resolves it.
pub const BASE_URL: &str = "http://sqs.invalid";

/// The account's queues. A clone is another handle to the same ones; [`Sqs::fork`] is another account.
#[derive(Clone)]
pub struct Sqs {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl std::fmt::Debug for Sqs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sqs")
    }
}

/// A message in a receiver's hands.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Settles it.
    pub receipt: String,
    /// What was received.
    pub message: Message,
}

/// A request that names a queue by its URL.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct At {
    queue_url: String,
}

impl Sqs {
    /// No queues yet, on `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_state(clock, State::default())
    }

    /// The queues of `state`, on `clock`.
    #[must_use]
    pub fn with_state(clock: Arc<dyn Clock>, state: State) -> Self {
        Self {
            clock,
            state: Arc::new(Mutex::new(state)),
            changed: Arc::default(),
        }
    }

    /// An independent copy: nothing that happens to one is seen by the other. Both read the same clock.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.fork_at(Arc::clone(&self.clock))
    }

    /// An independent copy that reads another clock.
    #[must_use]
    pub fn fork_at(&self, clock: Arc<dyn Clock>) -> Self {
        Self::with_state(clock, self.snapshot())
    }

    /// A copy of the whole state, to be written as JSON.
    #[must_use]
    pub fn snapshot(&self) -> State {
        self.lock().clone()
    }

    /// Puts a state back that [`Self::snapshot`] gave.
    pub fn restore(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_waiters();
    }

    /// Looks at the queues as they are now.
    pub fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        state.run_moves(now_ms);
        look(&state)
    }

    /// Changes the queues by hand; the second argument is now.
    pub fn edit<R>(&self, change: impl FnOnce(&mut State, Millis) -> R) -> R {
        let now_ms = self.now_ms();
        let result = change(&mut self.lock(), now_ms);
        self.changed.notify_waiters();
        result
    }

    /// How many messages of the queue are in which state; all zero for a queue that is not there.
    #[must_use]
    pub fn depth(&self, queue: &str) -> Depth {
        let now_ms = self.now_ms();
        self.read(|state| {
            state
                .queues
                .get(queue)
                .map(|queue| queue.depth(now_ms))
                .unwrap_or_default()
        })
    }

    /// The earliest time after now at which one of these queues has something new to hand out.
    #[must_use]
    pub fn next_due_ms<'a>(&self, queues: impl IntoIterator<Item = &'a str>) -> Option<Millis> {
        let now_ms = self.now_ms();
        self.read(|state| state.next_due_ms(queues, now_ms))
    }

    /// Waits until something may have become receivable; counts from the call, not from the first poll.
    pub fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.changed.notified()
    }

    /// Receives up to `most` messages, without the detour over the wire; none from a queue that is not there.
    #[must_use]
    pub fn receive(&self, queue: &str, most: usize) -> Vec<Received> {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        state.run_moves(now_ms);
        let received = state.receive(queue, now_ms, most, None).unwrap_or_default();
        received
            .into_iter()
            .map(|(receipt, message)| Received {
                receipt: receipt.print(),
                message,
            })
            .collect()
    }

    /// Deletes by receipt, without the detour over the wire; a receipt that is wrong or stale is no news.
    pub fn delete(&self, queue: &str, receipt: &str) {
        let now_ms = self.now_ms();
        // The service, too, answers with success to a receipt that it ignores.
        drop(self.lock().delete_by(queue, now_ms, receipt));
    }

    /// The URL under which in-process clients know the queue.
    #[must_use]
    pub fn queue_url(name: &str) -> String {
        queues::queue_url(BASE_URL, name)
    }

    /// Answers one request of the wire protocol (AWS JSON 1.0).
    ///
    /// `target` is the `x-amz-target` header, as `AmazonSQS.SendMessage`. A receive does not wait, whatever it asks.
    #[must_use]
    pub fn answer(&self, target: &str, body: &[u8]) -> Reply {
        self.answer_at(BASE_URL, target, body)
    }

    /// As [`Self::answer`], with queue URLs that begin with `base_url`.
    #[must_use]
    pub fn answer_at(&self, base_url: &str, target: &str, body: &[u8]) -> Reply {
        let (_, operation) = target.rsplit_once('.').unwrap_or(("", target));
        let now_ms = self.now_ms();
        let answer = {
            let mut state = self.lock();
            state.run_moves(now_ms);
            run(&mut state, operation, body, base_url, now_ms)
        };
        match answer {
            Ok(value) => {
                if feeds(operation) {
                    self.changed.notify_waiters();
                }
                Reply::ok(value.to_string())
            }
            Err(refusal) => Reply {
                status: 400,
                query_error: Some(refusal.header()),
                body: refusal.body(),
            },
        }
    }

    /// How long a receive of this body would wait on an empty queue, in seconds: as it asks, or as its queue is set.
    #[must_use]
    pub fn wait_seconds(&self, body: &[u8]) -> u32 {
        let Ok(request) = read::<Receive>(body) else {
            return 0;
        };
        let of_queue = || {
            let name = queue_of(body).ok()?;
            self.read(|state| {
                state
                    .queues
                    .get(&name)
                    .map(|queue| queue.settings.receive_wait_seconds)
            })
        };
        request.wait_seconds().or_else(of_queue).unwrap_or(0)
    }

    /// Now, on the queues' clock.
    pub(crate) fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a success can make a message receivable. A receive does not, or two idle pollers would wake each other.
fn feeds(operation: &str) -> bool {
    let batched = operation.strip_suffix("Batch").unwrap_or(operation);
    matches!(
        batched,
        "SendMessage" | "ChangeMessageVisibility" | "SetQueueAttributes" | "StartMessageMoveTask"
    )
}

fn run(
    state: &mut State,
    operation: &str,
    body: &[u8],
    base_url: &str,
    now_ms: Millis,
) -> Result<Value, Refusal> {
    let queue = || queue_of(body);
    match operation {
        "SendMessage" => state.send_message(&queue()?, now_ms, read::<Send>(body)?),
        "SendMessageBatch" => state.send_batch(&queue()?, now_ms, read::<Batch<Send>>(body)?),
        "ReceiveMessage" => state.receive_message(&queue()?, now_ms, &read(body)?),
        "DeleteMessage" => state.delete_message(&queue()?, now_ms, &read(body)?),
        "DeleteMessageBatch" => state.delete_batch(&queue()?, now_ms, read::<Batch<Settle>>(body)?),
        "ChangeMessageVisibility" => state.change_visibility(&queue()?, now_ms, &read(body)?),
        "ChangeMessageVisibilityBatch" => state.change_batch(&queue()?, now_ms, read::<Batch<Settle>>(body)?),
        "CreateQueue" => state.create_queue(base_url, now_ms, &read(body)?),
        "GetQueueUrl" => state.queue_url(base_url, now_ms, &read(body)?),
        "ListQueues" => Ok(state.list_queues(base_url, &read(body)?)),
        "ListDeadLetterSourceQueues" => state.dead_letter_sources(base_url, now_ms, &queue()?),
        "GetQueueAttributes" => state.get_attributes(&queue()?, now_ms, &read(body)?),
        "SetQueueAttributes" => state.set_attributes(&queue()?, now_ms, &read(body)?),
        "PurgeQueue" => state.purge(&queue()?, now_ms),
        "DeleteQueue" => state.delete_queue(&queue()?, now_ms),
        "StartMessageMoveTask" => state.start_move(now_ms, &read(body)?),
        "ListMessageMoveTasks" => state.list_moves(&read(body)?),
        "CancelMessageMoveTask" => state.cancel_move(&read(body)?),
        _ => Err(Refusal::new(
            Code::UnknownOperation,
            format!("Unknown operation {operation}."),
        )),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() && error.to_string().starts_with("missing field") {
            Code::MissingParameter
        } else {
            Code::Serialization
        };
        Refusal::new(
            code,
            format!(
                "The request cannot be read line={} column={}.",
                error.line(),
                error.column()
            ),
        )
    })
}

/// The name at the end of the queue's URL.
fn queue_of(body: &[u8]) -> Result<String, Refusal> {
    let At { queue_url } = read(body)?;
    let (_, name) = queue_url.rsplit_once('/').unwrap_or(("", &queue_url));
    Ok(name.to_owned())
}
