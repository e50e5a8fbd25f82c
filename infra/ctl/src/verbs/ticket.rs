//! The life of a ticket.

pub mod facts;
pub mod held;
pub mod next;
pub mod show;

use clap::Subcommand;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// What to do with a ticket.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print the whole life of a ticket, and what happens next.
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
