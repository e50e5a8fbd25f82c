//! What a run of the fan-out's model is made of, and the names of its laws.

/// The root cause is not written before every child was settled once. A person who resumes a parked child while its
/// siblings are read may still be overtaken.
pub const NOT_EARLY: &str = "nothing is handed on before every child was settled";
/// However often it is handed on.
pub const ONE_COMMENT: &str = "at most one comment";
/// Nobody forgets the hand-on.
pub const AT_REST: &str = "at rest, all are settled and the comment is out";

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An attempt dies.
    Crash,
    /// A deleted message is delivered once more.
    Duplicate,
}

/// What a variant leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A child reads its siblings before its own row is settled.
    ReadsBeforeSealing,
    /// A parked sibling does not count as settled.
    OnlySealedCounts,
    /// Siblings are the rows that are there, not those on the recorded list.
    CountsRows,
    /// The read of a sibling may return an old copy.
    StaleReads,
    /// The fan-out deletes its message before every child has one.
    DeletedBeforeSends,
    /// The last child deletes its message before it hands on.
    DeletedBeforeHandOn,
    /// A child whose message is refused parks the message under a key of its own, and not its row.
    ParkedElsewhere,
    /// The root cause's stage trusts that it is handed on once.
    HandOnTrusted,
    /// A list without repositories has no last child, and nobody else hands on.
    EmptyListForgotten,
}

/// One configuration of the fan-out's model.
#[derive(Clone, Debug)]
pub struct FanOut {
    /// What is left out, if anything.
    pub broken: Option<Broken>,
    /// Repositories of the bug.
    pub children: u8,
    /// How many faults happen, at most.
    pub faults: u8,
    /// Of which kinds.
    pub kinds: &'static [Fault],
    /// How often a person resumes a parked child.
    pub resumes: u8,
}

impl FanOut {
    /// The design, with that many children and two faults.
    #[must_use]
    pub fn design(children: u8) -> Self {
        Self {
            broken: None,
            children,
            faults: 2,
            kinds: &[Fault::Crash, Fault::Duplicate],
            resumes: 1,
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
