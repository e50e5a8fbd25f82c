//! Everything that the guard's model remembers.

/// What a ledger row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowState {
    /// No row.
    Absent,
    /// Somebody works on it, or did until the lease ended.
    Claimed,
    /// The result is on record.
    Sealed,
    /// It waits for a person, or was resumed by one.
    Parked {
        /// It may be claimed again.
        resumed: bool,
    },
}

/// What an attempt is about to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Intent {
    /// Which of the possible bytes.
    pub bytes: u8,
    /// The version of the provider's object that it expects.
    pub version: u8,
}

/// The one ledger row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// State.
    pub state: RowState,
    /// Of the last claim.
    pub fence: u8,
    /// How often it was claimed, in truth; the fence must say the same.
    pub claims: u8,
    /// No attempt up to this fence can have sent anything.
    pub clean: u8,
    /// Ticks until the lease ends.
    pub lease: u8,
    /// Claims since it was first seen or resumed.
    pub attempts: u8,
    /// What the first attempt, or the last restatement, put there.
    pub intent: Option<Intent>,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wire {
    /// Under way.
    Flying,
    /// The provider did it; the reply is under way.
    Landed,
    /// The provider has an open one already and says so.
    Exists,
    /// The provider's object has another version and it says so.
    Conflict,
}

/// The step before which an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// Has the message.
    Received,
    /// Has the object's version, before the claim.
    Versioned,
    /// Its claim was applied and the reply lost: the SDK sends it again.
    ClaimUnanswered,
    /// The claim was one too many: parks.
    Spent,
    /// An earlier attempt may have sent: probes.
    Doubtful,
    /// Broken variant only: has probed and reads the version now.
    Unversioned,
    /// May send.
    Ready,
    /// Broken variant only: has looked at the fence.
    Checked,
    /// Waits for the provider.
    Waiting(Wire),
    /// The expected version is out of date: reads it and restates the intent.
    Outdated,
    /// The effect is there: seals.
    Known,
    /// Its seal was applied and the reply lost: the SDK sends it again.
    SealUnanswered,
    /// Does not know what became of its request: leaves the lease to run out.
    Unknown,
    /// The provider surely did not do it, and may later: releases.
    NotDone,
    /// The provider surely did not do it and never will: parks.
    Refused,
    /// The seal was too late.
    Fenced,
    /// The result, or the reason, is on record: passes on.
    Recorded,
    /// Has passed on: deletes the message.
    Passed,
    /// Broken variant only: has deleted the message and owes the pass.
    Owing,
}

/// One attempt that lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    /// Where it stands.
    pub at: At,
    /// The fence it was given.
    pub fence: u8,
    /// Which claim it made, in truth.
    pub claim: u8,
    /// Ticks to its deadline; none past it.
    pub left: Option<u8>,
    /// An earlier attempt may have sent, as it was told by its claim.
    pub doubt: bool,
    /// What it sends.
    pub intent: Intent,
    /// Which message brought it: a resume sends a new one.
    pub message: u8,
}

/// A request whose sender gave up or died.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Orphan {
    /// Ticks in which it may still land.
    pub left: u8,
    /// What it carries.
    pub intent: Intent,
}

/// A ledger write whose sender died.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stray {
    /// A claim with what it would record.
    Claim(Intent),
    /// A seal, under a fence.
    Seal {
        /// The fence it carries.
        fence: u8,
        /// The claim it was made under, in truth.
        claim: u8,
    },
    /// A release, under a fence.
    Release {
        /// The fence it carries.
        fence: u8,
        /// Its sender had no doubt about earlier attempts.
        clean: bool,
    },
}

/// The provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provider {
    /// Effects made; two stands for more.
    pub made: u8,
    /// One of them is open.
    pub open: bool,
    /// Ticks until the index shows the last one.
    pub hidden: u8,
    /// The object's version.
    pub version: u8,
    /// The object has changed within this tick.
    pub touched: bool,
}

/// A rule that was seen broken; it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// A write of an earlier claim changed a row that had gone on.
    OldFenceWrote,
    /// What was settled was settled again or otherwise.
    SettledChanged,
    /// A retry sent other bytes than the first attempt.
    OtherBytes,
}

/// A state of the guard's model. Attempts and requests are sorted, since they have no names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The ledger row.
    pub row: Row,
    /// Attempts that live.
    pub workers: Vec<Worker>,
    /// Requests without a sender.
    pub orphans: Vec<Orphan>,
    /// A ledger write without a sender.
    pub stray: Option<Stray>,
    /// The provider.
    pub provider: Provider,
    /// The message is in its queue, or with an attempt that has not deleted it.
    pub queued: bool,
    /// Which message that is: a resume sends a new one.
    pub message: u8,
    /// What follows was sent.
    pub passed: bool,
    /// Bytes of the first request.
    pub sent: Option<u8>,
    /// Faults left.
    pub faults: u8,
    /// Deliveries of a deleted message left.
    pub duplicates: u8,
    /// Resumes left.
    pub resumes: u8,
    /// Foreign changes left.
    pub foreign: u8,
    /// The first broken rule.
    pub wrong: Option<Wrong>,
}
