//! What a run of the queue's model is made of, and the names of its laws.

/// However many copies there are.
pub const ONE_EFFECT: &str = "at most one effect";
/// No copy is deleted before the work is on record.
pub const GONE_IS_SETTLED: &str = "when the last copy is gone, the work is on record";
/// The dead-letter queue is for poison and for what dies before it claims, not for what is busy or has attempts left.
pub const DEAD_IS_SETTLED: &str = "a dead letter's work is sealed or parked";

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An attempt that holds the claim ends without an effect, or dies.
    Fails,
    /// An attempt dies before its claim: nothing on the row counts it, only the queue does.
    DiesBeforeClaim,
}

/// What a variant leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A busy copy comes back at once, as a failed one would.
    BusyIsFailure,
}

/// One configuration of the queue's model.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// What is left out, if anything.
    pub broken: Option<Broken>,
    /// Copies of the message.
    pub copies: u8,
    /// Claims before the work is parked.
    pub attempts_max: u8,
    /// Receives of a copy before it is a dead letter.
    pub receives_max: u8,
    /// The work always fails.
    pub poison: bool,
    /// How many faults happen, at most.
    pub faults: u8,
    /// Of which kinds.
    pub kinds: &'static [Fault],
}

impl Redrive {
    /// The design: two copies, two attempts, and room for a receive per claim and per lease that another copy holds.
    #[must_use]
    pub fn design() -> Self {
        let attempts_max = 2;
        Self {
            broken: None,
            copies: 2,
            attempts_max,
            receives_max: receives_needed(attempts_max),
            poison: false,
            faults: 3,
            kinds: &[Fault::Fails],
        }
    }

    /// The same with work that always fails.
    #[must_use]
    pub fn poisoned(self) -> Self {
        Self { poison: true, ..self }
    }

    /// The same with attempts that may also die before they claim.
    #[must_use]
    pub fn dying_early(self) -> Self {
        Self {
            kinds: &[Fault::Fails, Fault::DiesBeforeClaim],
            ..self
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

/// Receives that a copy may need before its work is on record: one for each claim, its own or another copy's that keeps
/// it busy, and the one that finds the work settled or parks it.
#[must_use]
pub fn receives_needed(attempts_max: u8) -> u8 {
    attempts_max + 1
}
