//! What is billed, and what models cost.

pub mod show;

use clap::Subcommand;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// What to do with an org's usage.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print a period's entries, their total, and the tokens that models used.
    Show(show::Args),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    match verb {
        Verb::Show(args) => show::run(app, args).await,
    }
}
