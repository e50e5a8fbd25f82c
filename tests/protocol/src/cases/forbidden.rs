//! The variants of the guard that the design forbids, each with the law that it breaks.

use super::Case;
use super::guard::{case, only_lost_writes, small};
use crate::guard::laws::{
    DELETED_IS_ON_RECORD, LEASE_HAS_OWNER, NOT_PARKED_FOR_REPLIES, OLD_FENCE, ONE_EFFECT, SAME_BYTES,
    SEAL_MEANS_EFFECT,
};
use crate::guard::{Broken, Deadline, Face, Guard, Timing};

/// All of them, by the number of the rule.
pub(super) fn all() -> Vec<Case> {
    let mut cases = leases_and_fences();
    cases.extend(resends());
    cases.extend(outcomes());
    cases.extend(recovery());
    cases.extend(timing());
    cases.extend(intents_and_keys());
    cases
}

fn list(broken: Broken) -> Guard {
    Guard::design(Face::List).without(broken)
}

fn leases_and_fences() -> Vec<Case> {
    let late = Guard::design(Face::Key).paused(Deadline::Nothing);
    vec![
        case("seen-flag instead of a lease", "1", list(Broken::SeenFlag)).breaks(DELETED_IS_ON_RECORD),
        case("marked before the work", "1", list(Broken::MarkedBeforeWork)).breaks(SEAL_MEANS_EFFECT),
        case("no fence on seal", "2", list(Broken::SealUnfenced)).breaks(OLD_FENCE),
        case("claim does not raise the fence", "2", list(Broken::FenceStands)).breaks(OLD_FENCE),
        case(
            "fenced attempt deletes its message",
            "2",
            late.without(Broken::FencedDeletes),
        )
        .breaks(DELETED_IS_ON_RECORD),
    ]
}

fn resends() -> Vec<Case> {
    let ignored = || only_lost_writes().without(Broken::AttemptIdIgnored);
    vec![
        case("attempt id ignored", "3", ignored()).breaks(LEASE_HAS_OWNER),
        case("attempt id ignored, followed on", "3, 13", ignored()).breaks(NOT_PARKED_FOR_REPLIES),
        case(
            "resent claim forgets the earlier attempt",
            "3, 6",
            list(Broken::ResendForgetsEarlier),
        )
        .breaks(ONE_EFFECT),
    ]
}

fn outcomes() -> Vec<Case> {
    vec![
        case(
            "message deleted before the next is sent",
            "5",
            list(Broken::DeletedBeforePass),
        )
        .breaks(DELETED_IS_ON_RECORD),
        case(
            "HTTP client sends again by itself",
            "5",
            list(Broken::ClientSendsAgain),
        )
        .breaks(ONE_EFFECT),
        case("release after unknown", "5", list(Broken::ReleaseAfterUnknown)).breaks(ONE_EFFECT),
        case(
            "release calls a doubtful row clean",
            "5",
            list(Broken::ReleaseCleansAll),
        )
        .breaks(ONE_EFFECT),
        case(
            "park after unknown, resumed at once",
            "5, 13",
            list(Broken::ParkAfterUnknown),
        )
        .breaks(ONE_EFFECT),
    ]
}

fn recovery() -> Vec<Case> {
    let open_only = Guard::design(Face::UniqueOpen).without(Broken::OpenOnly);
    let late = small(Face::Version)
        .paused(Deadline::Nothing)
        .without(Broken::VersionAfterProbe);
    let coarse = small(Face::CoarseVersion).without(Broken::NoProbe);
    vec![
        case(
            "no probe: lease and done-marker alone",
            "6",
            list(Broken::NoProbe),
        )
        .breaks(ONE_EFFECT),
        case(
            "fence check before the call, no probe",
            "6",
            list(Broken::FenceCheckForProbe),
        )
        .breaks(ONE_EFFECT),
        case(
            "probe by a search index that lags",
            "6",
            Guard::design(Face::Search(3)),
        )
        .breaks(ONE_EFFECT),
        case("pull request looked up among the open ones", "6", open_only).breaks(ONE_EFFECT),
        case("fresh version read after the probe", "6, 8", late).breaks(ONE_EFFECT),
        case("no probe, version of one second", "6", coarse).breaks(ONE_EFFECT),
    ]
}

fn timing() -> Vec<Case> {
    let timed = |timing| Guard {
        timing,
        ..Guard::design(Face::List)
    };
    let short = |short_by| {
        timed(Timing {
            short_by,
            ..Timing::SHORT
        })
    };
    let skewed = timed(Timing {
        skew: 1,
        ..Timing::SHORT
    });
    vec![
        case("lease one tick short: no margin", "6, 15", short(1)).breaks(ONE_EFFECT),
        case("lease = function timeout, no request life", "6, 15", short(2)).breaks(ONE_EFFECT),
        case("lease shorter than the function timeout", "6, 15", short(3)).breaks(ONE_EFFECT),
        case("clocks apart by the whole margin", "6, 15", skewed).breaks(ONE_EFFECT),
    ]
}

fn intents_and_keys() -> Vec<Case> {
    let anew = Guard {
        bytes: 2,
        ..list(Broken::NoIntent)
    };
    let key = Guard::design(Face::Key).without(Broken::KeyPerAttempt);
    vec![
        case("bytes made anew on retry", "8", anew).breaks(SAME_BYTES),
        case("key with the attempt's number", "9", key).breaks(ONE_EFFECT),
    ]
}
