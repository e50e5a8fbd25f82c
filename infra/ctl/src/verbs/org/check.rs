//! `ctl org check FILE`.

use std::path::PathBuf;

use serde_json::json;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl org check acme.json
  ctl org get acme | ctl org check - --json

Prints every problem with its path and exits with 2, or says that the file is valid. Warnings name what this build
does not do with it. Nothing outside is asked.")]
pub struct Args {
    /// Settings as JSON; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Runs the verb. **JSON**: `{"org","valid":true,"warnings":[{"path","warning"}]}`.
///
/// # Errors
/// [`Failure::Invalid`] with every problem.
pub fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let document = super::read(app, &args.file)?;
    let org = document.settings.org;
    Ok(Report {
        text: format!("{org}: settings are valid"),
        json: json!({ "org": org, "valid": true, "warnings": document.warnings }),
        notes: super::notes(&document.warnings),
    })
}
