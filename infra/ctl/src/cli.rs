//! The words of the command line.

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use ratchet_domain::ids::Provider;
use ratchet_domain::period::Period;
use ratchet_domain::settings::Problem;

use crate::failure::{Exit, Failure};
use crate::report::Answer;
use crate::verbs::{control, effects, forget, org, reconcile, replay, review, ticket, usage};

/// Where the deployment is found, and how a command ends.
const AFTER_HELP: &str = "\
Examples:
  ctl org check acme.json                      what is wrong with a settings file
  ctl --stack ratchet org put acme.json        store it
  ctl --stack ratchet ticket show acme zendesk 5158
  ctl --stack ratchet usage show --org acme --period 2026-11 --json
  ctl --stack ratchet review list --org acme
  ctl --stack ratchet replay plan --org acme --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z
  ctl --stack ratchet reconcile plan --org acme

Where the deployment is:
  --stack NAME takes tables and queues from the outputs of that CloudFormation stack. Without it they are environment
  variables: EVENTS_TABLE LEDGER_TABLE USAGE_TABLE SETTINGS_TABLE, <STAGE>_QUEUE_URL, RECONCILE_FUNCTION_ARN; a command
  needs only those that it uses.
  Region, credentials and endpoints are the AWS SDK's own: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, ..

Output:
  The result goes to standard output, remarks go to standard error. With --json, standard output is one JSON document,
  also when the command fails: {\"error\":{\"code\",\"message\",\"problems\":[{\"path\",\"problem\"}]}}.

Exit codes:
  0  done
  1  failed: something outside did not answer as it should
  2  invalid input: an argument, a file or the environment; nothing was changed
  3  not found
  4  refused: what is on record does not allow it; nothing was changed";

/// Operate a deployment of Ratchet.
#[derive(Debug, Parser)]
#[command(name = "ctl", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Find tables and queues in the outputs of this CloudFormation stack.
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
    /// What it is about.
    #[command(subcommand)]
    pub noun: Noun,
}

/// What a command is about.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// The settings of an org.
    #[command(subcommand)]
    Org(org::Verb),
    /// What would be done again, and doing it.
    #[command(subcommand)]
    Replay(replay::Verb),
    /// What the ledger and the outside world do not agree on, and mending it.
    #[command(subcommand)]
    Reconcile(reconcile::Verb),
    /// What waits for a person, and deciding it.
    #[command(subcommand)]
    Review(review::Verb),
    /// The life of a ticket.
    #[command(subcommand)]
    Ticket(ticket::Verb),
    /// Hold all work of an org or a stage back: its messages wait, nothing is lost.
    Pause(control::Args),
    /// Let paused work go on.
    Resume(control::Args),
    /// The switch for outside effects: pull requests, comments, messages, issues.
    #[command(subcommand)]
    Effects(effects::Verb),
    /// Delete a ticket's personal data, on request.
    Forget(forget::Args),
    /// What is billed, and what models cost.
    #[command(subcommand)]
    Usage(usage::Verb),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// The answer to print instead of a command's: the help that was asked for, or what is wrong with the arguments.
pub fn parse(args: &[OsString]) -> Result<Cli, Answer> {
    Cli::try_parse_from(args).map_err(|error| {
        let text = error.to_string();
        if !error.use_stderr() {
            return Answer {
                stdout: text,
                stderr: String::new(),
                exit: Exit::Done,
            };
        }
        if args.iter().any(|arg| arg == "--json") {
            let problem = one_line(&text);
            let failure = Failure::Invalid {
                what: "command line".to_owned(),
                problems: vec![Problem {
                    path: "arguments".to_owned(),
                    problem,
                }],
            };
            return Answer::of_failure(&failure, true);
        }
        Answer {
            stdout: String::new(),
            stderr: text,
            exit: Exit::Invalid,
        }
    })
}

/// What is wrong, in one line: clap names what is missing on lines of its own, before it shows the usage.
fn one_line(text: &str) -> String {
    let said = text.trim_start_matches("error: ").lines().map(str::trim);
    let wrong =
        said.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    wrong
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads a provider's name.
///
/// # Errors
/// The names that there are.
pub fn provider(text: &str) -> Result<Provider, String> {
    Provider::from_name(text).ok_or_else(|| "must be zendesk or intercom".to_owned())
}

/// Reads a time, as milliseconds since the Unix epoch.
///
/// # Errors
/// The form that it must have.
pub fn millis(text: &str) -> Result<u64, String> {
    chrono::DateTime::parse_from_rfc3339(text)
        .ok()
        .and_then(|at| u64::try_from(at.timestamp_millis()).ok())
        .ok_or_else(|| "must be a time, as 2026-11-20T08:00:00Z".to_owned())
}

/// Reads a stage's name.
///
/// # Errors
/// The names that there are.
pub fn stage(text: &str) -> Result<String, String> {
    ratchet_domain::stage::Stage::from_name(text)
        .map(|stage| stage.as_str().to_owned())
        .ok_or_else(|| "must be extract, map, qualify, fan-out, open-pr, publish-rca or notify".to_owned())
}

/// Reads a reason for which work waits.
///
/// # Errors
/// Where they are listed.
pub fn reason(text: &str) -> Result<String, String> {
    ratchet_domain::park::Reason::from_word(text)
        .map(|reason| reason.as_str().to_owned())
        .ok_or_else(|| "must be a reason of the runbook's list, as provider_unavailable".to_owned())
}

/// Reads the name of the person who asks: 1 to 128 characters, none of them a control character.
///
/// # Errors
/// What is wrong with it.
pub fn person(text: &str) -> Result<String, String> {
    let name = text.trim();
    let chars = name.chars().count();
    if !(1..=128).contains(&chars) || name.chars().any(char::is_control) {
        return Err("must be a name of 1 to 128 characters".to_owned());
    }
    Ok(name.to_owned())
}

/// Reads a period.
///
/// # Errors
/// The form that it must have.
pub fn period(text: &str) -> Result<Period, String> {
    Period::parse(text).ok_or_else(|| "must be a month, as 2026-11".to_owned())
}
