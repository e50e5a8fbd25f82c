//! Queues and messages: a plain value that is cloned, compared and written as JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};

use super::contents::{Attributes, md5_hex, md5_of_attributes};
use super::moves::MoveTask;
use super::refusal::{Code, Refusal};
use super::settings::Settings;

/// What the account's names begin with.
const ARN_PREFIX: &str = "arn:aws:sqs:eu-central-1:000000000000:";

/// Messages in flight that a queue allows. Source: SQS quotas, standard queues.
const IN_FLIGHT_MAX: usize = 120_000;

/// What a delete with a receipt does that a later receive of the message has made stale.
///
/// The service promises neither: it answers with success and may or may not delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum StaleReceipts {
    /// The message stays and comes again.
    #[default]
    Ignored,
    /// The message is gone, also for the one who holds it now.
    Honoured,
}

/// One message in one queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The name that the sender got.
    pub id: String,
    /// What was sent.
    pub body: String,
    /// What was sent beside it.
    pub attributes: Attributes,
    /// The tracing header that was sent with it.
    pub trace_header: Option<String>,
    /// The group for fair queues.
    pub group: Option<String>,
    /// When it was sent; a dead letter keeps this time.
    pub sent_ms: Millis,
    /// When it was first received.
    pub first_received_ms: Option<Millis>,
    /// When it was last received.
    pub received_ms: Option<Millis>,
    /// How often it was received, in all queues that it has been in.
    pub receives: u32,
    /// When it can be received next.
    pub visible_ms: Millis,
    /// The queue that gave it up, as an ARN.
    pub dead_from: Option<String>,
}

impl Message {
    /// The digest of the body, in hex.
    #[must_use]
    pub fn md5_of_body(&self) -> String {
        md5_hex(self.body.as_bytes())
    }

    /// The digest of the attributes, in hex; none without attributes.
    #[must_use]
    pub fn md5_of_attributes(&self) -> Option<String> {
        md5_of_attributes(&self.attributes)
    }

    /// What the service notes about a message that was received, by the service's names.
    #[must_use]
    pub fn system_attributes(&self) -> BTreeMap<&'static str, String> {
        let first_received_ms = self.first_received_ms.unwrap_or_default();
        let values = [
            ("SenderId", Some("AIDALOCAL".to_owned())),
            ("SentTimestamp", Some(self.sent_ms.to_string())),
            ("ApproximateReceiveCount", Some(self.receives.to_string())),
            (
                "ApproximateFirstReceiveTimestamp",
                Some(first_received_ms.to_string()),
            ),
            ("AWSTraceHeader", self.trace_header.clone()),
            ("DeadLetterQueueSourceArn", self.dead_from.clone()),
            ("MessageGroupId", self.group.clone()),
        ];
        values
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// What it was made with or set to.
    pub settings: Settings,
    /// When it was made.
    pub created_ms: Millis,
    /// When it was last set.
    pub changed_ms: Millis,
    /// When it was last purged.
    pub purged_ms: Option<Millis>,
    /// Its messages by order of arrival.
    pub messages: BTreeMap<u64, Message>,
    /// No message expires before this time.
    expires_ms: Millis,
}

/// How many messages are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Can be received now.
    pub visible: usize,
    /// Received and not settled yet.
    pub in_flight: usize,
    /// Sent and not yet receivable.
    pub delayed: usize,
}

impl Queue {
    pub(super) fn new(settings: Settings, now_ms: Millis) -> Self {
        Self {
            settings,
            created_ms: now_ms,
            changed_ms: now_ms,
            purged_ms: None,
            messages: BTreeMap::new(),
            expires_ms: Millis::MAX,
        }
    }

    /// How many messages are in which state.
    #[must_use]
    pub fn depth(&self, now_ms: Millis) -> Depth {
        let mut depth = Depth::default();
        for message in self.messages.values() {
            match (message.visible_ms <= now_ms, message.receives) {
                (true, _) => depth.visible += 1,
                (false, 0) => depth.delayed += 1,
                (false, _) => depth.in_flight += 1,
            }
        }
        depth
    }

    /// When the next message that cannot be received now can be.
    #[must_use]
    pub fn next_visible_ms(&self, now_ms: Millis) -> Option<Millis> {
        let times = self.messages.values().map(|message| message.visible_ms);
        times.filter(|at| *at > now_ms).min()
    }

    fn retention_ms(&self) -> Millis {
        Millis::from(self.settings.retention_seconds) * 1000
    }

    /// Forgets the time before which nothing expires: the retention has changed.
    pub(super) fn reconsider_expiry(&mut self) {
        self.expires_ms = 0;
    }

    fn expire(&mut self, now_ms: Millis) {
        if now_ms < self.expires_ms {
            return;
        }
        let retention_ms = self.retention_ms();
        self.messages
            .retain(|_, message| message.sent_ms.saturating_add(retention_ms) > now_ms);
        let ends = self
            .messages
            .values()
            .map(|message| message.sent_ms.saturating_add(retention_ms));
        self.expires_ms = ends.min().unwrap_or(Millis::MAX);
    }

    fn insert(&mut self, at: u64, message: Message) {
        self.expires_ms = self
            .expires_ms
            .min(message.sent_ms.saturating_add(self.retention_ms()));
        self.messages.insert(at, message);
    }

    /// The message that a receipt names, if it is there, and whether the receipt is the latest one.
    pub(super) fn find(&mut self, receipt: &Receipt) -> Option<(&mut Message, bool)> {
        let message = self.messages.get_mut(&receipt.at)?;
        let latest = message.receives == receipt.receives;
        Some((message, latest))
    }
}

/// All queues of the account, and the moves between them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Queues by name.
    pub queues: BTreeMap<String, Queue>,
    /// Moves of dead letters, oldest first.
    pub moves: Vec<MoveTask>,
    /// What late receipts do.
    pub stale_receipts: StaleReceipts,
    minted: u64,
}

impl State {
    pub(super) fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.minted
    }

    /// The queue, without what has expired.
    pub(super) fn queue(&mut self, name: &str, now_ms: Millis) -> Result<&mut Queue, Refusal> {
        let queue = self
            .queues
            .get_mut(name)
            .ok_or_else(|| Refusal::new(Code::NonExistentQueue, "The specified queue does not exist."))?;
        queue.expire(now_ms);
        Ok(queue)
    }

    /// Puts a message into a queue as a new one. The queue must be there.
    pub(super) fn send(&mut self, name: &str, mut message: Message) -> String {
        let at = self.mint();
        message.id = message_id(at);
        let id = message.id.clone();
        self.place(name, at, message);
        id
    }

    fn place(&mut self, name: &str, at: u64, message: Message) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.insert(at, message);
        }
    }

    /// Hands out up to `most` messages and hides them; those that were received too often go to the dead letters.
    pub(super) fn receive(
        &mut self,
        name: &str,
        now_ms: Millis,
        most: usize,
        visibility_seconds: Option<u32>,
    ) -> Result<Vec<(Receipt, Message)>, Refusal> {
        let queue = self.queue(name, now_ms)?;
        if queue.messages.len() > IN_FLIGHT_MAX && queue.depth(now_ms).in_flight >= IN_FLIGHT_MAX {
            return Err(Refusal::new(Code::OverLimit, "Too many messages in flight."));
        }
        let redrive = queue.settings.redrive.clone();
        let visibility_seconds = visibility_seconds.unwrap_or(queue.settings.visibility_seconds);
        let dead_letters = redrive
            .as_ref()
            .and_then(|redrive| name_of(&redrive.dead_letter_target_arn));
        let dead_letters = dead_letters
            .map(str::to_owned)
            .filter(|name| self.queues.contains_key(name));
        let receives_max = redrive
            .filter(|_| dead_letters.is_some())
            .map_or(u32::MAX, |redrive| redrive.max_receive_count);

        let queue = self.queue(name, now_ms)?;
        let (mut taken, mut dead) = (Vec::new(), Vec::new());
        for (at, message) in &mut queue.messages {
            if message.visible_ms > now_ms {
                continue;
            }
            if message.receives >= receives_max {
                dead.push(*at);
                continue;
            }
            if taken.len() == most {
                break;
            }
            message.receives += 1;
            message.first_received_ms.get_or_insert(now_ms);
            message.received_ms = Some(now_ms);
            message.visible_ms = now_ms + Millis::from(visibility_seconds) * 1000;
            let receipt = Receipt {
                queue: name.to_owned(),
                at: *at,
                receives: message.receives,
            };
            taken.push((receipt, message.clone()));
        }
        for at in dead {
            self.give_up(name, at, dead_letters.as_deref().unwrap_or_default(), now_ms);
        }
        Ok(taken)
    }

    fn give_up(&mut self, name: &str, at: u64, dead_letters: &str, now_ms: Millis) {
        let Some(mut message) = self
            .queues
            .get_mut(name)
            .and_then(|queue| queue.messages.remove(&at))
        else {
            return;
        };
        message.dead_from = Some(arn(name));
        message.visible_ms = now_ms;
        let at = self.mint();
        self.place(dead_letters, at, message);
    }

    /// The earliest time after now at which one of these queues has something new to hand out, of itself or by a
    /// move.
    #[must_use]
    pub fn next_due_ms<'a>(
        &self,
        queues: impl IntoIterator<Item = &'a str>,
        now_ms: Millis,
    ) -> Option<Millis> {
        let visible = queues
            .into_iter()
            .filter_map(|name| self.queues.get(name)?.next_visible_ms(now_ms));
        visible.chain(self.next_move_ms(now_ms)).min()
    }
}

/// What a receive gives out to settle the message by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    queue: String,
    at: u64,
    receives: u32,
}

impl Receipt {
    pub(super) fn print(&self) -> String {
        STANDARD.encode(format!("{}/{}/{}", self.queue, self.at, self.receives))
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads a handle that `queue` gave out.
    pub(super) fn read(handle: &str, queue: &str) -> Result<Self, Refusal> {
        let parsed = || {
            let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
            let mut parts = text.splitn(3, '/');
            let found = parts.next()?.to_owned();
            let at = parts.next()?.parse().ok()?;
            let receives = parts.next()?.parse().ok()?;
            (found == queue).then_some(Self {
                queue: found,
                at,
                receives,
            })
        };
        parsed().ok_or_else(|| {
            Refusal::new(
                Code::ReceiptHandleIsInvalid,
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
            )
        })
    }
}

/// A queue's ARN.
#[must_use]
pub fn arn(name: &str) -> String {
    format!("{ARN_PREFIX}{name}")
}

/// The queue that an ARN of this account names.
#[must_use]
pub fn name_of(arn: &str) -> Option<&str> {
    arn.strip_prefix(ARN_PREFIX)
}

/// Shaped like the service's UUIDs, and the same in every run.
fn message_id(at: u64) -> String {
    let hex = md5_hex(format!("message {at}").as_bytes());
    let part = |range| hex.get(range).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32)
    )
}
