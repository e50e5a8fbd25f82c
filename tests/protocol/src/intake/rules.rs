//! What a run of the intake's model is made of, and the names of its laws.

/// A 200 is only said when the event is on record.
pub const ACKED_IS_DURABLE: &str = "a 200 stands on a durable row";
/// Whoever holds the hand-over lease says 200 only after the message is in the queue.
pub const ACCEPTED_IS_QUEUED: &str = "an accepted event was enqueued";
/// Nothing acked is out of everybody's reach.
pub const NOT_LOST: &str = "what is acked is decided, under way, or found by the sweep";
/// The event is marked as consumed only when its work is on record.
pub const CONSUMED_IS_DECIDED: &str = "consumed means decided";
/// While only replies get lost, a 200 leaves nothing undone.
pub const ACKED_IS_QUEUED: &str = "while nobody dies, a 200 means enqueued or being enqueued";

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An invocation dies.
    Crash,
    /// A write of the event row is applied and its reply is lost.
    LostWrite,
    /// The queue refuses the message, or its reply is lost.
    QueueDown,
    /// The table refuses.
    TableDown,
}

/// What a variant leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A row that is there means "seen": nobody hands it over again.
    SeenFlag,
    /// 200 first, the queue after it.
    AckBeforeEnqueue,
    /// The resent put is taken for another delivery's.
    AttemptIdIgnored,
    /// Nobody looks for events whose lease ended.
    NoSweep,
    /// A replay of decided work does not mark the event as consumed.
    ReplayForgetsEvent,
}

/// One configuration of the intake's model.
#[derive(Clone, Debug)]
pub struct Intake {
    /// What is left out, if anything.
    pub broken: Option<Broken>,
    /// How many faults happen, at most.
    pub faults: u8,
    /// Of which kinds.
    pub kinds: &'static [Fault],
    /// How often the source delivers the event, at most; it owes nobody more than one delivery.
    pub deliveries: u8,
}

/// Every fault.
pub const FAULTS: &[Fault] = &[Fault::Crash, Fault::LostWrite, Fault::QueueDown, Fault::TableDown];

impl Intake {
    /// The design: three deliveries, three faults.
    #[must_use]
    pub fn design() -> Self {
        Self {
            broken: None,
            faults: 3,
            kinds: FAULTS,
            deliveries: 3,
        }
    }

    /// The same with one rule left out.
    #[must_use]
    pub fn without(self, rule: Broken) -> Self {
        Self {
            broken: Some(rule),
            ..self
        }
    }

    /// `rule` is left out.
    #[must_use]
    pub fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }
}
