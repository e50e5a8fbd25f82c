//! What the README says about the example is so.

const README: &str = include_str!("../../README.md");
const SOURCE: &str = include_str!("../../examples/order_sync/orders.rs");

/// Most lines of the shop's own code in the README.
const LINES_MAX: usize = 59;

/// Most lines of a guarded effect beyond the call itself.
const LINES_BEYOND_THE_CALL_MAX: usize = 8;

fn shown() -> &'static str {
    let (_, rest) = SOURCE.split_once("// README begins\n").unwrap();
    rest.split_once("// README ends").unwrap().0.trim_end()
}

fn is_code(line: &&str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with("//")
}

#[test]
fn readme_shows_the_workflow_as_it_is_and_it_is_short() {
    assert!(
        README.contains(&format!("```rs\n{}\n```", shown())),
        "the README and examples/order_sync/orders.rs differ"
    );
    let lines = shown().lines().filter(is_code).count();
    assert!(lines <= LINES_MAX, "{lines} lines of user code");
}

#[test]
fn readme_counts_every_file_around_the_workflow() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/order_sync");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // The workflow itself is shown, and the tree names the others.
        if matches!(name, "orders.rs" | "workflow.rs") {
            continue;
        }
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let counted = format!("`{name}`, {lines} lines");
        assert!(README.contains(&counted), "the README does not say: {counted}");
    }
}

#[test]
fn guarded_effect_costs_few_lines_beyond_its_call() {
    let (_, steps) = shown().split_once("async fn steps").unwrap();
    let effects: Vec<&str> = steps
        .split("\n\n")
        .filter(|part| part.contains("call(|act|"))
        .collect();
    assert_eq!(effects.len(), 4, "customer, invoice, mark, mail");
    for effect in effects {
        let lines: Vec<&str> = effect
            .lines()
            .filter(is_code)
            .filter(|line| !matches!(line.trim(), "}" | "Ok(invoice)"))
            .collect();
        let beyond = lines.iter().filter(|line| !line.contains("call(|act|")).count();
        assert!(
            (1..=LINES_BEYOND_THE_CALL_MAX).contains(&beyond),
            "{beyond} lines beyond the call:\n{effect}"
        );
    }
}

#[test]
fn every_mistake_that_is_tested_has_a_line_in_the_readme() {
    let (_, rest) = README.split_once("### The mistakes of the field").unwrap();
    let table = rest.split("\n### ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(
        rows,
        crate::naive::Mistake::ALL.len() + 1,
        "one row each, and the heading"
    );
}
