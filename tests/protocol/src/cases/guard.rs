//! The cases of the guard's model in which the design holds, and those in which it ends.

use super::Case;
use crate::guard::laws::ONE_EFFECT;
use crate::guard::{Deadline, Face, Fault, Guard, Timing};

const MODEL: &str = "guard";

/// Steps that the design takes with any provider.
const ALWAYS: &[&str] = &[
    "deliver",
    "deliver a duplicate",
    "claim: granted",
    "claim: busy",
    "claim: on record",
    "claim: reply lost",
    "claim again: it was us",
    "send",
    "request lands",
    "request lands late",
    "reply: lost",
    "reply: not done",
    "reply: refused for good",
    "leave",
    "release",
    "park",
    "a person resumes it",
    "seal",
    "seal: reply lost",
    "seal again: it was us",
    "ledger write lands late",
    "crash",
    "pass",
    "delete the message",
    "tick",
];

const PROBED: &[&str] = &[
    "probe: found, adopted",
    "probe: absent",
    "probe: cannot tell",
    "claim: busy",
    "leave",
];

const VERSIONED: &[&str] = &[
    "probe: found, adopted",
    "probe: absent",
    "reply: version conflict",
    "restate the intent",
    "a person changes the object",
];

const PAUSED: &[&str] = &[
    "paused past its deadline",
    "seal: fenced",
    "receipt of a late result",
    "park: fenced",
];

pub(super) fn case(name: &'static str, rules: &'static str, guard: Guard) -> Case {
    Case::new(MODEL, name, rules, guard)
}

/// For what doubles the states: nobody resumes, and nothing is delivered after it was deleted.
pub(super) fn small(face: Face) -> Guard {
    Guard {
        resumes: 0,
        duplicates: 0,
        ..design_of(face)
    }
}

pub(super) fn only_lost_writes() -> Guard {
    Guard {
        kinds: &[Fault::LostWrite],
        ..Guard::design(Face::List)
    }
}

fn design_of(face: Face) -> Guard {
    Guard {
        faults: 2,
        ..Guard::design(face)
    }
}

/// The design holds.
pub(super) fn design() -> Vec<Case> {
    let mut cases = lists();
    cases.extend(providers());
    cases.extend(past_the_deadline());
    cases
}

fn lists() -> Vec<Case> {
    let list = || design_of(Face::List);
    let longer = Timing {
        timeout: 2,
        request_life: 2,
        ..Timing::SHORT
    };
    let skewed = Timing {
        skew: 1,
        margin: 2,
        ..Timing::SHORT
    };
    vec![
        case(
            "list that reads its own writes, 3 faults",
            "1-6, 8",
            Guard::design(Face::List),
        )
        .taking(ALWAYS),
        case("list, probe's answers", "6", list()).taking(PROBED),
        case(
            "list, 3 attempts at once, 3 faults",
            "6",
            Guard {
                workers: 3,
                faults: 3,
                ..small(Face::List)
            },
        ),
        case(
            "list, longer timeout and request life",
            "6, 15",
            Guard {
                timing: longer,
                ..list()
            },
        ),
        case(
            "list, clocks apart, margin covers it",
            "6, 15",
            Guard {
                timing: skewed,
                ..list()
            },
        )
        .taking(&["claim: granted by a fast clock"]),
        case("list, two possible bytes", "8", Guard { bytes: 2, ..list() }),
        case("list, only ledger replies get lost", "3", only_lost_writes())
            .taking(&["claim again: it was us", "seal again: it was us"]),
    ]
}

fn providers() -> Vec<Case> {
    let lagging = Timing {
        margin: 3,
        ..Timing::SHORT
    };
    let search = Guard {
        timing: lagging,
        ..design_of(Face::Search(3))
    };
    let pr = design_of(Face::UniqueOpen);
    vec![
        case("permanent key", "1-6, 8, 9", design_of(Face::Key)).taking(ALWAYS),
        case("pull request: one open, list of all, a person closes", "6", pr)
            .taking(&["a person changes the object", "probe: found, adopted"]),
        case("version and list (compare-and-set)", "6, 8", small(Face::Version)).taking(VERSIONED),
        case(
            "version of one second and list",
            "6, 8",
            small(Face::CoarseVersion),
        )
        .taking(VERSIONED),
        case("search index, lease covers its longest lag", "6", search),
        case(
            "nothing, duplicates accepted: at least once",
            "7",
            design_of(Face::AcceptDuplicates),
        ),
        case(
            "nothing, loss accepted: at most once",
            "7",
            design_of(Face::AcceptLoss),
        ),
    ]
}

fn past_the_deadline() -> Vec<Case> {
    let key = design_of(Face::Key).paused(Deadline::Nothing);
    let version = small(Face::Version).paused(Deadline::Nothing);
    let list = design_of(Face::List).paused(Deadline::StopsSending);
    let pr = design_of(Face::UniqueOpen).paused(Deadline::StopsSending);
    vec![
        case("permanent key, attempts outlive their deadline", "2, 6", key).taking(PAUSED),
        case("version, attempts outlive their deadline", "2, 6", version)
            .taking(&["paused past its deadline", "restate: fenced"]),
        case("list, attempts outlive it but send nothing more", "2, 6", list)
            .taking(&["send: past the deadline, not sent", "seal: fenced"]),
        case(
            "pull request, attempts outlive it but send nothing more",
            "2, 6",
            pr,
        )
        .taking(&["send: past the deadline, not sent"]),
    ]
}

/// Where the design ends: a sandbox that is neither killed nor stopped at its deadline.
pub(super) fn limits() -> Vec<Case> {
    let nothing = |face| Guard::design(face).paused(Deadline::Nothing);
    let coarse = small(Face::CoarseVersion).paused(Deadline::Nothing);
    vec![
        case(
            "limit: list, an attempt sends past its deadline",
            "6",
            nothing(Face::List),
        )
        .breaks(ONE_EFFECT),
        case(
            "limit: pull request, the same, and a person closes",
            "6",
            nothing(Face::UniqueOpen),
        )
        .breaks(ONE_EFFECT),
        case("limit: version of one second, the same", "6", coarse).breaks(ONE_EFFECT),
    ]
}
