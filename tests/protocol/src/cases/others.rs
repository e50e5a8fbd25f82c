//! The cases of the other models.

use super::Case;
use crate::bill::rules as bill_rules;
use crate::bill::rules::Bill;
use crate::fan_out::rules as fan_out_rules;
use crate::fan_out::rules::FanOut;
use crate::intake::rules as intake_rules;
use crate::intake::rules::Intake;
use crate::order::{self, Order};
use crate::redrive::rules as redrive_rules;
use crate::redrive::rules::Redrive;

pub(super) fn intake() -> Vec<Case> {
    use intake_rules::{ACCEPTED_IS_QUEUED, ACKED_IS_QUEUED, Broken, Fault, NOT_LOST};
    let design = || Intake {
        faults: 2,
        ..Intake::design()
    };
    let lost_writes = || Intake {
        kinds: &[Fault::LostWrite],
        ..Intake::design()
    };
    let case = |name, rules, intake| Case::new("intake", name, rules, intake);
    vec![
        case("3 deliveries, 2 faults", "4", design()).taking(&[
            "put again: it was us",
            "take over",
            "200 accepted",
            "200 duplicate",
            "503, not recorded",
            "503, hand-over given back",
            "enqueue: reply lost",
            "sweep: take over",
            "crash of the sweep",
            "crash of the stage",
        ]),
        case("only replies of the table get lost", "3, 4", lost_writes()).taking(&["put again: it was us"]),
        case(
            "seen-flag instead of a hand-over lease",
            "1, 4",
            design().without(Broken::SeenFlag),
        )
        .breaks(NOT_LOST),
        case(
            "200 before the enqueue",
            "4",
            design().without(Broken::AckBeforeEnqueue),
        )
        .breaks(ACCEPTED_IS_QUEUED),
        case(
            "attempt id ignored",
            "3, 4",
            lost_writes().without(Broken::AttemptIdIgnored),
        )
        .breaks(ACKED_IS_QUEUED),
        case("no sweep", "4", design().without(Broken::NoSweep)).breaks(NOT_LOST),
        case(
            "replay does not mark the event consumed",
            "4",
            design().without(Broken::ReplayForgetsEvent),
        )
        .sticks(),
    ]
}

pub(super) fn fan_out() -> Vec<Case> {
    use fan_out_rules::{AT_REST, Broken, NOT_EARLY, ONE_COMMENT};
    let case = |name, rules, fan_out| Case::new("fan-out", name, rules, fan_out);
    let two = |broken| FanOut::design(2).without(broken);
    vec![
        case("no repository", "4", FanOut::design(0)).taking(&["fan-out: nobody to send to"]),
        case("1 repository", "4", FanOut::design(1)),
        case("2 repositories, 2 faults", "4, 12", FanOut::design(2)).taking(&[
            "fan-out: crash",
            "child: crash",
            "child: park",
            "child: duplicate delivery",
            "child: hand on",
            "a person resumes a child",
        ]),
        case(
            "3 repositories, no fault",
            "4",
            FanOut {
                faults: 0,
                resumes: 0,
                ..FanOut::design(3)
            },
        ),
        case(
            "child reads its siblings before it seals",
            "4",
            two(Broken::ReadsBeforeSealing),
        )
        .breaks(AT_REST),
        case(
            "parked siblings do not count",
            "13",
            two(Broken::OnlySealedCounts),
        )
        .breaks(AT_REST),
        case(
            "siblings are the rows, not the list",
            "4",
            two(Broken::CountsRows),
        )
        .breaks(NOT_EARLY),
        case(
            "refused child parks its message, not its row",
            "13",
            two(Broken::ParkedElsewhere),
        )
        .breaks(AT_REST),
        case("siblings are read from an old copy", "4", two(Broken::StaleReads)).breaks(AT_REST),
        case(
            "message deleted before all children are sent",
            "4",
            two(Broken::DeletedBeforeSends),
        )
        .breaks(AT_REST),
        case(
            "last child's message deleted before the hand-on",
            "4",
            two(Broken::DeletedBeforeHandOn),
        )
        .breaks(AT_REST),
        case("hand-on taken as exactly once", "1", two(Broken::HandOnTrusted)).breaks(ONE_COMMENT),
        case(
            "empty list hands nothing on",
            "4",
            FanOut::design(0).without(Broken::EmptyListForgotten),
        )
        .breaks(AT_REST),
    ]
}

pub(super) fn bill() -> Vec<Case> {
    use bill_rules::{AT_REST, Broken, CAP, CAPPED_IS_UNBILLED, ONE_BILL, REST_TOTAL, TOTAL};
    let case = |name, broken| Case::new("bill", name, "10", Bill::design().without(broken));
    vec![
        Case::new(
            "bill",
            "2 bugs, 3 contents, 3 attempts, a cap, 3 faults",
            "10",
            Bill::design(),
        )
        .taking(&[
            "charge",
            "charge: on record",
            "charge: cancelled by the cap",
            "charge: reply lost",
            "capped work is looked at again",
            "the cap is raised",
            "crash",
        ]),
        case("flag, entry and total are three writes", Broken::SeparateWrites).breaks(REST_TOTAL),
        case("`ADD` without the entry's condition", Broken::AddWithoutEntry).breaks(REST_TOTAL),
        case("total counted outside the transaction", Broken::AddWithoutEntry).breaks(TOTAL),
        case("cap read before, not in the transaction", Broken::CapReadBefore).breaks(CAP),
        case("flag and entry keyed by content", Broken::KeyByContent).breaks(ONE_BILL),
        case("every cancellation taken for the cap", Broken::AnyFailureIsTheCap).breaks(CAPPED_IS_UNBILLED),
        case("capped work woken by the raise alone", Broken::NoRecheck).breaks(AT_REST),
    ]
}

pub(super) fn redrive() -> Vec<Case> {
    use redrive_rules::{Broken, DEAD_IS_SETTLED};
    let case = |name, rules, redrive| Case::new("redrive", name, rules, redrive);
    let design = Redrive::design;
    let one_less = || Redrive {
        receives_max: design().receives_max - 1,
        ..design()
    };
    vec![
        case("2 copies, receives = attempts + 1", "12, 13", design()).taking(&[
            "busy",
            "fail: die",
            "fail: release",
        ]),
        case(
            "3 copies",
            "12, 13",
            Redrive {
                copies: 3,
                ..design()
            },
        )
        .taking(&["busy"]),
        case(
            "3 copies of poison",
            "13",
            Redrive {
                copies: 3,
                ..design()
            }
            .poisoned(),
        )
        .taking(&["one claim too many: park, delete"]),
        case(
            "attempts also die before the claim",
            "5, 13",
            design().dying_early(),
        )
        .taking(&["received too often: dead letter", "redrive"]),
        case(
            "busy comes back at once, as a failure",
            "12",
            design().without(Broken::BusyIsFailure),
        )
        .breaks(DEAD_IS_SETTLED),
        case("receives = attempts", "13", one_less()).breaks(DEAD_IS_SETTLED),
        case("receives = attempts, poison", "13", one_less().poisoned()).breaks(DEAD_IS_SETTLED),
    ]
}

pub(super) fn order() -> Vec<Case> {
    use order::{Broken, NEWEST_IS_BILLED, NEWEST_IS_KNOWN, ONE_BILL, ONE_EXTRACTION};
    let case = |name, rules, order| Case::new("order", name, rules, order);
    let late = || Order {
        qualifies_from: 2,
        ..Order::design()
    };
    let without = |broken| Order::design().without(broken);
    let strict = Order {
        strict: true,
        ..Order::design()
    };
    vec![
        case(
            "2 contents, each event up to 2 times, any order",
            "9, 11",
            Order::design(),
        )
        .taking(&["billed: left alone", "deliver again"]),
        case("the same, the first content does not qualify", "9, 11", late()).taking(&["hold for review"]),
        case("record keyed by the message", "9", without(Broken::KeyByMessage)).breaks(ONE_EXTRACTION),
        case("flag keyed by content", "9, 10", without(Broken::BillByContent)).breaks(ONE_BILL),
        case(
            "extracted ticket taken for done",
            "1, 9",
            late().without(Broken::TicketSeen),
        )
        .breaks(NEWEST_IS_KNOWN),
        case("limit: an older content is billed", "9", strict).breaks(NEWEST_IS_BILLED),
    ]
}
