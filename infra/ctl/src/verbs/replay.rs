//! Plans of what to do again, and carrying them out.

pub mod apply;
mod book;
pub mod plan;
mod run;
pub mod selection;
mod sum;
mod walk;

use clap::Subcommand;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// What to do with a plan.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say what a replay would do, step by step, and name that plan by its hash.
    Plan(plan::Args),
    /// Carry out a plan, unless the world has moved since it was made.
    Apply(apply::Args),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    match verb {
        Verb::Plan(args) => plan::run(app, args).await,
        Verb::Apply(args) => apply::run(app, args).await,
    }
}
