//! The environment, read once, with every missing or bad variable named in one error.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ratchet_domain::stage::Stage;
use ratchet_guard::timing::{Timing, check_window};
use thiserror::Error;

/// The process's environment variables, read once.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The variables of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        Self(std::env::vars().collect())
    }

    /// The same with these variables set, over those of their names.
    #[must_use]
    pub fn and(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.0.extend(variables);
        self
    }

    /// One variable; an empty one counts as missing.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl IntoIterator for Env {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl fmt::Debug for Env {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Everything wrong with the environment, in one error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("environment is not usable: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a variable, which names it.
    pub problems: Vec<String>,
}

impl ConfigError {
    /// The problems of several readings, as one.
    pub fn of(errors: impl IntoIterator<Item = Option<Self>>) -> Self {
        let mut problems = Vec::new();
        for problem in errors.into_iter().flatten().flat_map(|error| error.problems) {
            note(&mut problems, problem);
        }
        Self { problems }
    }
}

/// Adds a problem that is not there yet: two parts of a function may read one variable.
fn note(problems: &mut Vec<String>, problem: String) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

/// Reads variables and remembers what was wrong; [`Reader::done`] tells it all at once.
#[derive(Debug)]
pub struct Reader<'e> {
    env: &'e Env,
    problems: Vec<String>,
}

impl<'e> Reader<'e> {
    /// A reader of `env`.
    #[must_use]
    pub fn new(env: &'e Env) -> Self {
        Self {
            env,
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, name: &str, problem: &str) {
        note(&mut self.problems, format!("{name} {problem}"));
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> String {
        let value = self.env.get(name).map(str::to_owned);
        value.unwrap_or_else(|| {
            self.problem(name, "is missing");
            String::new()
        })
    }

    /// One of two variables, the first before the second.
    pub fn either(&mut self, name: &str, other: &str) -> String {
        match self.env.get(other) {
            Some(value) if self.env.get(name).is_none() => value.to_owned(),
            _ => self.text(name),
        }
    }

    /// A whole number, 0 or more: a count, or a duration in the unit that the name ends in.
    pub fn number(&mut self, name: &str) -> u64 {
        self.number_from(name, 0)
    }

    /// As [`Reader::number`], where 0 would mean nothing: a lease that is over when it begins, a client that never waits.
    pub fn positive(&mut self, name: &str) -> u64 {
        self.number_from(name, 1)
    }

    fn number_from(&mut self, name: &str, least: u64) -> u64 {
        let Some(value) = self.env.get(name) else {
            self.problem(name, "is missing");
            return 0;
        };
        let number = value.parse().ok().filter(|number| *number >= least);
        number.unwrap_or_else(|| {
            self.problem(name, &format!("must be a whole number, {least} or more"));
            0
        })
    }

    /// A variable that may be missing, and must parse where it is there.
    pub fn optional<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let value = self.env.get(name)?.parse().ok();
        if value.is_none() {
            self.problem(name, &format!("must be {expected}"));
        }
        value
    }

    /// The URL of a stage's queue.
    pub fn queue_url(&mut self, stage: Stage) -> (Stage, String) {
        (stage, self.text(&stage.queue_url_variable()))
    }

    /// The guard's durations.
    pub fn timing(&mut self) -> Timing {
        let timing = Timing {
            request_life_ms_max: self.number("REQUEST_LIFE_MAX_MS"),
            lease_margin_ms: self.number("LEASE_MARGIN_MS"),
            backoff_ms_base: self.number("BACKOFF_BASE_MS"),
            backoff_ms_max: self.number("BACKOFF_MAX_MS"),
            attempts_max: self.number("ATTEMPTS_MAX"),
        };
        if self.problems.is_empty() {
            self.check(timing.check());
        }
        timing
    }

    /// How long dedup records are kept, in seconds; refused where their source may bring the same thing again later.
    /// Both variables hold seconds.
    pub fn window(&mut self, kept: &str, horizon: &str) -> u64 {
        let problems = self.problems.len();
        let (kept_seconds, horizon_seconds) = (self.number(kept), self.number(horizon));
        if self.problems.len() == problems {
            self.check(check_window(kept_seconds, horizon_seconds));
        }
        kept_seconds
    }

    /// Notes a rule between values that does not hold.
    pub fn check<E: fmt::Display>(&mut self, rule: Result<(), E>) {
        if let Err(error) = rule {
            note(&mut self.problems, error.to_string());
        }
    }

    /// The value, if nothing was wrong.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem met since [`Reader::new`].
    pub fn done<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError {
                problems: self.problems,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Deployment;

    #[test]
    fn every_missing_and_bad_variable_is_named_at_once() {
        let env = Env::from_iter([("ATTEMPTS_MAX", "many"), ("LEDGER_TABLE", "")]);
        let mut reader = Reader::new(&env);
        reader.text("LEDGER_TABLE");
        reader.timing();
        let error = reader.done(()).unwrap_err().to_string();
        for name in [
            "LEDGER_TABLE",
            "REQUEST_LIFE_MAX_MS",
            "LEASE_MARGIN_MS",
            "BACKOFF_BASE_MS",
            "BACKOFF_MAX_MS",
            "ATTEMPTS_MAX",
        ] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }

    #[test]
    fn a_problem_that_two_parts_find_is_told_once() {
        let env = Env::default();
        let read = || {
            let mut reader = Reader::new(&env);
            reader.text("LEDGER_TABLE");
            reader.text("LEDGER_TABLE");
            reader.done(()).err()
        };
        let error = ConfigError::of([read(), read()]);
        assert_eq!(error.problems, ["LEDGER_TABLE is missing"]);
    }

    #[test]
    fn a_zero_is_refused_where_it_has_no_meaning() {
        let env = Env::from_iter([("HAND_OVER_MS", "0")]);
        let mut reader = Reader::new(&env);
        reader.positive("HAND_OVER_MS");
        let error = reader.done(()).unwrap_err().to_string();
        assert!(
            error.contains("HAND_OVER_MS must be a whole number, 1 or more"),
            "{error}"
        );
    }

    #[test]
    fn what_every_process_needs_is_read_with_the_rest() {
        let problems = |env: &Env| {
            let mut reader = Reader::new(env);
            Deployment::check_process(&mut reader);
            reader.done(()).err().map(|error| error.problems)
        };
        let env = Env::from_iter([("AWS_TIMEOUT_MS", "abc"), ("LOG_LEVEL", "loud")]);
        assert_eq!(
            problems(&env).unwrap(),
            [
                "AWS_REGION is missing",
                "AWS_TIMEOUT_MS must be a whole number, 1 or more",
                "LOG_LEVEL must be one of error, warn, info, debug, trace",
            ]
        );
        let env = Env::from_iter([("AWS_DEFAULT_REGION", "eu-central-1"), ("LOG_LEVEL", "warn")]);
        assert_eq!(problems(&env), None);
    }

    #[test]
    fn a_debug_print_shows_no_value() {
        let env = Env::from_iter([("API_KEY", "hunter2")]);
        assert_eq!(format!("{env:?}"), r#"{"API_KEY"}"#);
    }
}
