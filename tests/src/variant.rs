//! Ratchet as it is, and Ratchet broken on purpose: a search that finds nothing in these has found nothing at all.
//!
//! Nothing in production code knows of them. A variant rewrites requests and answers where they pass, so that the
//! tables and the providers see what broken code would have sent.

mod answers;
mod requests;

pub(crate) use answers::is_list;
pub(crate) use requests::{is_claim, is_first_claim};

use bytes::Bytes;
use local::aws::{Call, Next, Reply};
use local::sandbox::Exchange;

use crate::hub::Hub;
use crate::invariants as named;

/// One way to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// As it is.
    Sound,
    /// Seals, releases and parks carry no fence.
    NoFence,
    /// A resend of a write does not know its own first send.
    AttemptIdIgnored,
    /// The claim marks the work as done.
    MarkedBeforeWork,
    /// A claim is a flag: whoever comes second never works.
    SeenFlag,
    /// The vendor is told 200 before the message is in the queue.
    AckBeforeEnqueue,
    /// The event counts as consumed when it comes in.
    ConsumedAtTheDoor,
    /// An earlier attempt's effect is not looked for.
    NoProbe,
    /// It is looked for in an index that lags.
    LaggingProbe,
    /// The lease does not cover the longest life of a request.
    ShortLease,
    /// Only open pull requests are looked at.
    OpenPullsOnly,
    /// The total is raised and no entry is written.
    AddWithoutEntry,
    /// The total is raised beside the transaction.
    TotalOutside,
    /// A retry asks the model for another score.
    ScoreAgain,
    /// The key of a work names its attempt.
    KeyWithAttempt,
    /// What failed is deleted from its queue.
    DeletesWhatFailed,
    /// The last child looks at its siblings before it settles.
    LooksBeforeItSettles,
    /// The bill's flag is not part of the charge.
    BillWithoutFlag,
}

impl Variant {
    /// Every broken one, with the invariants of which one must catch it.
    pub const BROKEN: [(Self, &'static [&'static str]); 17] = [
        (Self::NoFence, &[named::FENCE_HOLDS, named::RECORDS_STAY]),
        (
            Self::AttemptIdIgnored,
            &[named::LOG_EQUALS_LEDGER, named::PROGRESS, named::CALLS_BOUNDED],
        ),
        (
            Self::MarkedBeforeWork,
            &[named::RECORDS_STAY, named::PROGRESS, named::ACKED_IS_DECIDED],
        ),
        (Self::SeenFlag, &[named::ACKED_IS_DECIDED, named::PROGRESS]),
        (Self::AckBeforeEnqueue, &[named::ACKED_IS_ENQUEUED]),
        (
            Self::ConsumedAtTheDoor,
            &[named::ACKED_IS_DECIDED, named::PROGRESS, named::ACKED_IS_ENQUEUED],
        ),
        (
            Self::NoProbe,
            &[
                named::ONE_MESSAGE,
                named::ONE_COMMENT,
                named::ONE_ISSUE,
                named::ONE_PULL,
            ],
        ),
        (
            Self::LaggingProbe,
            &[named::ONE_MESSAGE, named::ONE_ISSUE, named::ONE_PULL],
        ),
        (
            Self::ShortLease,
            &[
                named::ONE_MESSAGE,
                named::ONE_ISSUE,
                named::ONE_PULL,
                named::FENCE_HOLDS,
            ],
        ),
        (Self::OpenPullsOnly, &[named::ONE_PULL]),
        (Self::AddWithoutEntry, &[named::TOTAL_IS_ENTRIES]),
        (Self::TotalOutside, &[named::TOTAL_IS_ENTRIES]),
        (Self::ScoreAgain, &[named::RECORDS_STAY, named::DUPLICATE_IS_SAME]),
        (Self::KeyWithAttempt, &[named::ONE_MESSAGE]),
        (Self::DeletesWhatFailed, &[named::DELETED_IS_DURABLE]),
        (Self::LooksBeforeItSettles, &[named::PROGRESS]),
        (
            Self::BillWithoutFlag,
            &[named::ONE_BILL, named::PROGRESS, named::DEAD_IS_POISON],
        ),
    ];

    /// The word in an id.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::NoFence => "no-fence",
            Self::AttemptIdIgnored => "attempt-id-ignored",
            Self::MarkedBeforeWork => "marked-before-work",
            Self::SeenFlag => "seen-flag",
            Self::AckBeforeEnqueue => "ack-before-enqueue",
            Self::ConsumedAtTheDoor => "consumed-at-the-door",
            Self::NoProbe => "no-probe",
            Self::LaggingProbe => "lagging-probe",
            Self::ShortLease => "short-lease",
            Self::OpenPullsOnly => "open-pulls-only",
            Self::AddWithoutEntry => "add-without-entry",
            Self::TotalOutside => "total-outside",
            Self::ScoreAgain => "score-again",
            Self::KeyWithAttempt => "key-with-attempt",
            Self::DeletesWhatFailed => "deletes-what-failed",
            Self::LooksBeforeItSettles => "looks-before-it-settles",
            Self::BillWithoutFlag => "bill-without-flag",
        }
    }

    /// The variant of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let broken = Self::BROKEN.into_iter().map(|(variant, _)| variant);
        std::iter::once(Self::Sound)
            .chain(broken)
            .find(|variant| variant.as_str() == name)
    }

    /// The event source deletes what the function reported as failed.
    pub(crate) fn deletes_what_failed(self) -> bool {
        self == Self::DeletesWhatFailed
    }

    /// Has the service do what this variant would have sent; `run` numbers the invocation.
    pub(crate) fn aws(self, hub: &Hub, run: u32, call: &Call, next: &Next) -> Reply {
        if self == Self::Sound {
            return next.apply();
        }
        requests::apply(self, hub, run, call, next)
    }

    /// Has the provider answer as it answers this variant.
    pub(crate) fn provider(self, hub: &Hub, request: &http::Request<Bytes>) -> Exchange {
        if self == Self::Sound {
            return hub.sandbox.exchange(request);
        }
        answers::exchange(self, hub, request)
    }
}
