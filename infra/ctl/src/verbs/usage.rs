//! What is billed, and what models cost.

mod books;
pub mod credit;
pub mod explain;
pub mod export;
pub mod show;
pub mod verify;

use clap::Subcommand;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// What to do with an org's usage.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print a period's entries, their total, and the tokens that models used.
    Show(show::Args),
    /// Prove a period's bill: entries, totals, flags and seals; or name the first difference.
    Verify(verify::Args),
    /// Say why a bug was or was not billed, with its proof.
    Explain(explain::Args),
    /// Write sealed entries for a billing system, from a cursor on.
    Export(export::Args),
    /// Claim that a bug was mapped wrongly: one credit a bug, within seven days.
    Credit(credit::Args),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    match verb {
        Verb::Show(args) => show::run(app, args).await,
        Verb::Verify(args) => verify::run(app, args).await,
        Verb::Explain(args) => explain::run(app, args).await,
        Verb::Export(args) => export::run(app, args).await,
        Verb::Credit(args) => credit::run(app, args).await,
    }
}
