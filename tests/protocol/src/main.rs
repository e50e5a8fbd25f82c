//! Prints the table of all cases; with a text as argument, the counterexamples of the cases whose name contains it.

use std::io::{self, Write};
use std::process::ExitCode;

use ratchet_protocol::cases;

fn main() -> io::Result<ExitCode> {
    let wanted = std::env::args().nth(1);
    let mut out = io::stdout().lock();
    if wanted.is_none() {
        writeln!(out, "{}", cases::HEAD)?;
    }
    let mut states = 0;
    let mut wrong = Vec::new();
    for case in cases::all() {
        if wanted
            .as_ref()
            .is_some_and(|text| !case.name.contains(text.as_str()))
        {
            continue;
        }
        let outcome = case.run();
        writeln!(out, "{}", case.row(&outcome))?;
        if wanted.is_some() {
            for (number, line) in outcome.counterexample.iter().enumerate() {
                writeln!(out, "  {:>2}. {line}", number + 1)?;
            }
        }
        states += outcome.states;
        wrong.extend(
            outcome
                .wrong
                .iter()
                .map(|wrong| format!("{}: {}: {wrong}", case.model, case.name)),
        );
    }
    writeln!(out, "\nstates {states}, not as expected {}", wrong.len())?;
    for line in &wrong {
        writeln!(out, "{line}")?;
    }
    Ok(if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
