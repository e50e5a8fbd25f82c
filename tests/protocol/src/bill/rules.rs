//! What a run of the meter's model is made of, and the names of its laws.

/// However many contents and attempts qualify it.
pub const ONE_BILL: &str = "at most one bill per bug";
/// In every state, not only in the end.
pub const TOTAL: &str = "the total is the sum of the entries";
/// The same, looked at when nothing moves any more.
pub const REST_TOTAL: &str = "at rest, the total is the sum of the entries";
/// The cap is hard.
pub const CAP: &str = "the total does not exceed the cap";
/// A cancelled transaction is read by its reasons.
pub const CAPPED_IS_UNBILLED: &str = "what is billed is not held as capped";
/// Nothing waits at a cap that has room.
pub const AT_REST: &str = "at rest, everything is billed or at the cap";

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An attempt dies.
    Crash,
    /// A write is applied and its reply is lost; the SDK sends it again.
    LostWrite,
}

/// What a variant leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Flag, entry and total are three writes.
    SeparateWrites,
    /// The total is added to outside the transaction, without the entry's condition.
    AddWithoutEntry,
    /// The cap is read before, not checked in the transaction.
    CapReadBefore,
    /// Flag and entry have the content in their key.
    KeyByContent,
    /// Every cancelled transaction is taken for the cap.
    AnyFailureIsTheCap,
    /// Capped work is woken by the raise alone.
    NoRecheck,
}

/// One configuration of the meter's model.
#[derive(Clone, Debug)]
pub struct Bill {
    /// What is left out, if anything.
    pub broken: Option<Broken>,
    /// Attempts that live at the same time, at most.
    pub attempts: u8,
    /// How many bugs may be billed at first.
    pub cap: u8,
    /// How often the cap is raised by one.
    pub raises: u8,
    /// How many faults happen, at most.
    pub faults: u8,
    /// Of which kinds.
    pub kinds: &'static [Fault],
}

impl Bill {
    /// The design: three attempts at once, a cap of one that is raised once, three faults.
    #[must_use]
    pub fn design() -> Self {
        Self {
            broken: None,
            attempts: 3,
            cap: 1,
            raises: 1,
            faults: 3,
            kinds: &[Fault::Crash, Fault::LostWrite],
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
