//! Every case comes to what it must come to, and the README's table says what was measured.

use std::collections::BTreeSet;

use ratchet_protocol::cases::{self, Case, Expected};

const README: &str = include_str!("../README.md");

/// Runs the chosen cases; prints each line of the table, and fails with all that is not as expected.
fn check(choose: impl Fn(&Case) -> bool) {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for case in cases::all().iter().filter(|case| choose(case)) {
        let outcome = case.run();
        let row = case.row(&outcome);
        println!("{row}");
        wrong.extend(
            outcome
                .wrong
                .iter()
                .map(|what| format!("{}: {}: {what}", case.model, case.name)),
        );
        if outcome.wrong.is_empty() && !README.lines().any(|line| line == row) {
            wrong.push(format!("README lacks {row}"));
        }
        ran += 1;
    }
    assert!(ran > 0, "no case is chosen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn holds(case: &Case) -> bool {
    case.expected == Expected::Holds
}

fn of_guard(case: &Case) -> bool {
    case.model == "guard"
}

fn past_deadline(case: &Case) -> bool {
    case.name.contains("outlive") || case.name.contains("version")
}

#[test]
fn guard_with_a_list_holds() {
    check(|case| of_guard(case) && holds(case) && !past_deadline(case) && case.name.starts_with("list"));
}

#[test]
fn guard_with_every_other_provider_holds() {
    check(|case| of_guard(case) && holds(case) && !past_deadline(case) && !case.name.starts_with("list"));
}

#[test]
fn guard_past_its_deadline_or_with_versions_holds() {
    check(|case| of_guard(case) && holds(case) && past_deadline(case));
}

#[test]
fn guard_without_one_of_its_rules_breaks() {
    check(|case| of_guard(case) && !holds(case));
}

#[test]
fn intake_hands_over_what_it_acks_and_each_broken_one_does_not() {
    check(|case| case.model == "intake");
}

#[test]
fn fan_out_hands_on_once_all_are_settled_and_each_broken_one_does_not() {
    check(|case| case.model == "fan-out");
}

#[test]
fn bill_is_the_sum_of_its_entries_and_each_broken_one_is_not() {
    check(|case| case.model == "bill");
}

#[test]
fn redrive_heals_what_is_no_poison_and_each_broken_one_does_not() {
    check(|case| case.model == "redrive");
}

#[test]
fn order_of_events_does_not_matter_and_in_each_broken_one_it_does() {
    check(|case| case.model == "order");
}

#[test]
fn readme_table_has_exactly_the_cases() {
    let name = |model: &str, name: &str| format!("{model}: {name}");
    let expected: BTreeSet<String> = cases::all()
        .iter()
        .map(|case| name(case.model, case.name))
        .collect();
    let models: BTreeSet<&str> = cases::all().iter().map(|case| case.model).collect();
    let table = README.split("## Cases").nth(1).unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let listed: BTreeSet<String> = rows
        .filter_map(|row| row.split_once(" | "))
        .filter(|(model, _)| models.contains(model))
        .filter_map(|(model, rest)| rest.split(" | ").next().map(|case| name(model, case)))
        .collect();
    assert_eq!(listed, expected);
    assert_eq!(cases::all().len(), expected.len(), "two cases have one name");
}
