//! Changes inputs at random, from a seed: the same seed tries the same inputs.

mod change;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::Target;
use change::{Dice, changed};

/// What the last panic said, of whichever thread; stages catch the panics of a message, the hook does not miss them.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// An input that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The input.
    pub input: Vec<u8>,
    /// The promise, or the panic.
    pub what: String,
}

/// What a search came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Inputs tried, those of the corpus among them.
    pub inputs: u64,
    /// How many inputs came to each class.
    pub classes: BTreeMap<String, u64>,
    /// Inputs that were the first of their class and are not in the corpus.
    pub found: Vec<Vec<u8>>,
    /// Inputs that broke a promise; the search of a target ends with the tenth.
    pub violations: Vec<Violation>,
}

/// Notes every panic from now on, beside whatever printed it so far.
pub fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
        before(info);
    }));
}

/// One input: its class, or what it broke. A panic is a broken promise, also where a stage caught it.
///
/// # Errors
/// What was broken.
pub fn run(target: &Target, input: &[u8]) -> Result<String, String> {
    *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let verdict = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if let Some(panic) = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(panic);
    }
    verdict.unwrap_or_else(|_| Err("panicked".to_owned()))
}

/// Runs the corpus, then `inputs` changes of it. What reaches a new class is changed further.
#[must_use]
pub fn search(target: &Target, corpus: &[Vec<u8>], seed: u64, inputs: u64) -> Report {
    let mut report = Report::default();
    let mut pool = corpus.to_vec();
    for input in corpus {
        note(&mut report, target, input);
    }
    let mut dice = Dice::new(seed);
    while report.inputs < corpus.len() as u64 + inputs && report.violations.len() < 10 {
        let input = changed(&pool, &mut dice);
        if note(&mut report, target, &input) {
            report.found.push(input.clone());
            pool.push(input);
        }
    }
    report
}

/// Runs an input and counts it; true when it is the first of its class.
fn note(report: &mut Report, target: &Target, input: &[u8]) -> bool {
    report.inputs += 1;
    match run(target, input) {
        Ok(class) => {
            let count = report.classes.entry(class).or_default();
            *count += 1;
            *count == 1
        }
        Err(what) => {
            report.violations.push(Violation {
                input: input.to_vec(),
                what,
            });
            false
        }
    }
}
