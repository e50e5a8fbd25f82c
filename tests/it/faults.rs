//! A part of the search that every test run makes: one fault at every call of a ticket's life, orders of two
//! invocations, lives at random, and broken variants that must be caught. `sweep ci` makes the whole.

use anyhow::{Result, ensure};
use ratchet_tests::{Tally, Task, Variant, seed};

fn run(task: &str) -> Result<Tally> {
    Task::parse(task)?.run()
}

/// Runs a task and says how to see its first finding again.
fn check_sound(task: &str) -> Result<Tally> {
    let tally = run(task)?;
    let found: Vec<String> = tally
        .findings
        .iter()
        .map(|one| {
            format!(
                "{}: {}; see it with `sweep replay {}`",
                one.violation.invariant, one.violation.detail, one.id
            )
        })
        .collect();
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(tally)
}

#[test]
fn every_single_fault_in_a_ticket_s_life_breaks_no_promise() {
    let tally = check_sound("faults:once:1").unwrap();
    assert!(tally.points >= 90, "{} points", tally.points);
    assert_eq!(tally.singles, 6 * tally.points);
    for what in [
        "fault crash-before",
        "fault crash-after",
        "fault late",
        "reconcile compared",
    ] {
        let times = tally.counters.0.get(what);
        assert!(times.is_some_and(|times| *times > 0), "{what} never happened");
    }
}

#[test]
fn two_qualifying_invocations_in_every_order_bill_once() {
    let tally = check_sound("weave:qualify:0").unwrap();
    assert!(tally.interleavings >= 90, "{}", tally.interleavings);
}

#[test]
fn lives_at_random_break_no_promise() {
    assert_eq!(check_sound("seeds:0:6").unwrap().seeds, 6);
}

#[test]
fn the_same_seed_twice_gives_the_same_trace() {
    let once = |number| seed(number, Variant::Sound, &mut |_| {}).unwrap().0;
    assert_eq!(once(3), once(3));
    assert_ne!(once(3).trace, once(4).trace);
}

#[test]
fn broken_variants_are_caught() {
    for name in [
        "no-probe",
        "score-again",
        "bill-without-flag",
        "marked-before-work",
    ] {
        let tally = run(&format!("control:{name}")).unwrap();
        assert_eq!(tally.controls, (1, 1), "{name} was not caught");
    }
}
