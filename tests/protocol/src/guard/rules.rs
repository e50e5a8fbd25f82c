//! What a run of the guard's model is made of: durations, faults, and the rule that is broken on purpose.

/// Durations in ticks. One tick is the shortest time in which anything can expire.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The function's timeout: an attempt's last tick.
    pub timeout: u8,
    /// How long a request may still land after its sender gave up or died.
    pub request_life: u8,
    /// Added to the lease for the difference of two clocks.
    pub margin: u8,
    /// How far a clock may be ahead of another.
    pub skew: u8,
    /// Ticks that the lease lacks; 0 in the design.
    pub short_by: u8,
}

impl Timing {
    /// The shortest durations in which every expiry still has a tick of its own.
    pub const SHORT: Self = Self {
        timeout: 1,
        request_life: 1,
        margin: 1,
        skew: 0,
        short_by: 0,
    };

    /// Ticks of a lease that an attempt takes with `left` ticks to live: `lease_until` of the guard's timing.
    #[must_use]
    pub fn lease(&self, left: u8) -> u8 {
        (left + self.request_life + self.margin).saturating_sub(self.short_by)
    }
}

/// What may go wrong; each occurrence takes one of the run's faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An attempt dies, at any step; also what the function's timeout does.
    Crash,
    /// A ledger write is applied and its reply is lost; the SDK sends it again.
    LostWrite,
    /// An attempt dies while its ledger write is under way; the write lands at any later time.
    LateWrite,
    /// The provider's reply does not come: timeout, 5xx, lost connection.
    LostReply,
    /// The provider surely did not do it: 429, refused connection, or an error for good.
    Refusal,
    /// An attempt lives on past its deadline.
    Pause,
}

/// What becomes of an attempt at its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// It is killed, as Lambda does.
    Kills,
    /// It may live on, but sends nothing more: it looks at the deadline in the instant in which it sends.
    StopsSending,
    /// It may live on and send.
    Nothing,
}

/// What the provider offers against a second effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// A key that it enforces for ever.
    Key,
    /// A list that reads its own writes; no key.
    List,
    /// A search index that shows an effect this many ticks after it was made; no key.
    Search(u8),
    /// At most one *open* object at a time, a list of all, and a person who may close it: pull requests.
    UniqueOpen,
    /// Compare-and-set on the object's version, and a list.
    Version,
    /// Compare-and-set on a version that two changes within one second share, and a list.
    CoarseVersion,
    /// Nothing, and duplicates are accepted.
    AcceptDuplicates,
    /// Nothing, and loss is accepted.
    AcceptLoss,
}

/// A rule of the guard that a variant leaves out; the number is that of `design` section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// 1: a row that is there means "seen": its message is dropped.
    SeenFlag,
    /// 1: the row says done before the work is.
    MarkedBeforeWork,
    /// 2: a seal is written whatever the row says.
    SealUnfenced,
    /// 2: a claim does not raise the fence.
    FenceStands,
    /// 2: a fenced attempt deletes its message.
    FencedDeletes,
    /// 3: a failed condition is taken as a lost race, whoever wrote the row.
    AttemptIdIgnored,
    /// 3: a resent claim is known as ours, and taken for the first claim of the row.
    ResendForgetsEarlier,
    /// 4, 5: the message is deleted before the next one is sent.
    DeletedBeforePass,
    /// 5: the HTTP client sends again by itself when no reply comes.
    ClientSendsAgain,
    /// 5: an attempt that does not know what became of its request gives the lease back.
    ReleaseAfterUnknown,
    /// 5: so does one that was refused, and calls the row clean although an earlier attempt was not.
    ReleaseCleansAll,
    /// 5, 13: an attempt that does not know parks the work, and a person resumes it at once.
    ParkAfterUnknown,
    /// 6: no probe; lease and done-marker alone.
    NoProbe,
    /// 6: no probe, but the fence is checked before the call.
    FenceCheckForProbe,
    /// 6: the pull request is looked up among the open ones.
    OpenOnly,
    /// 6, 8: the fresh version is read after the probe.
    VersionAfterProbe,
    /// 8: a retry makes its bytes anew.
    NoIntent,
    /// 9: the key at the provider has the attempt's number in it.
    KeyPerAttempt,
}

/// One configuration of the guard's model.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The provider.
    pub face: Face,
    /// What is left out, if anything.
    pub broken: Option<Broken>,
    /// Durations.
    pub timing: Timing,
    /// Attempts that live at the same time, at most.
    pub workers: u8,
    /// How many faults happen, at most.
    pub faults: u8,
    /// Of which kinds.
    pub kinds: &'static [Fault],
    /// What a deadline does.
    pub deadline: Deadline,
    /// Claims before the work is parked.
    pub attempts_max: u8,
    /// Deliveries after the message was deleted.
    pub duplicates: u8,
    /// How often a person resumes parked work.
    pub resumes: u8,
    /// How often somebody else changes the object at the provider: closes it, or raises its version.
    pub foreign: u8,
    /// Different bytes that an attempt may make up; 1 where they are not looked at.
    pub bytes: u8,
}

/// Every fault but the pause.
pub const FAULTS: &[Fault] = &[
    Fault::Crash,
    Fault::LostWrite,
    Fault::LateWrite,
    Fault::LostReply,
    Fault::Refusal,
];

/// Every fault.
pub const FAULTS_AND_PAUSES: &[Fault] = &[
    Fault::Crash,
    Fault::LostWrite,
    Fault::LateWrite,
    Fault::LostReply,
    Fault::Refusal,
    Fault::Pause,
];

impl Guard {
    /// The design, with two attempts at once and three faults.
    #[must_use]
    pub fn design(face: Face) -> Self {
        Self {
            face,
            broken: None,
            timing: Timing::SHORT,
            workers: 2,
            faults: 3,
            kinds: FAULTS,
            deadline: Deadline::Kills,
            attempts_max: 2,
            duplicates: 1,
            resumes: 1,
            foreign: match face {
                Face::UniqueOpen | Face::Version | Face::CoarseVersion => 1,
                Face::Key | Face::List | Face::Search(_) | Face::AcceptDuplicates | Face::AcceptLoss => 0,
            },
            bytes: 1,
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

    /// Attempts may live on past their deadline.
    #[must_use]
    pub fn paused(self, deadline: Deadline) -> Self {
        Self {
            deadline,
            kinds: FAULTS_AND_PAUSES,
            ..self
        }
    }

    /// `rule` is left out.
    #[must_use]
    pub fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    /// An earlier attempt's effect can be looked for.
    #[must_use]
    pub fn probes(&self) -> bool {
        let blind = self.breaks(Broken::NoProbe) || self.breaks(Broken::FenceCheckForProbe);
        match self.face {
            Face::Key | Face::AcceptDuplicates | Face::AcceptLoss => false,
            Face::List | Face::Search(_) | Face::UniqueOpen | Face::Version | Face::CoarseVersion => !blind,
        }
    }

    /// The intent holds a version of the provider's object.
    #[must_use]
    pub fn versioned(&self) -> bool {
        matches!(self.face, Face::Version | Face::CoarseVersion)
    }
}
