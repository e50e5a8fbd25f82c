//! The settings of an org: check a file, put it, get what is on record.

pub mod check;
pub mod get;
pub mod put;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::Subcommand;
use ratchet_domain::settings::{Problem, Settings};
use serde_json::Value;

use crate::App;
use crate::failure::Failure;
use crate::reach::{self, Warning};
use crate::report::Report;

/// Largest settings file, in bytes. Reason: it is one item of the store, which holds 400 KB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What to do with an org's settings.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say what is wrong with a settings file, and what will surprise; store nothing.
    Check(check::Args),
    /// Store a settings file, if nothing is wrong with it.
    Put(put::Args),
    /// Print the settings on record.
    Get(get::Args),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    match verb {
        Verb::Check(args) => check::run(app, args),
        Verb::Put(args) => put::run(app, args).await,
        Verb::Get(args) => get::run(app, args).await,
    }
}

/// A settings file that validates.
struct Document {
    /// As it is in the file.
    text: String,
    settings: Settings,
    warnings: Vec<Warning>,
}

/// Reads and checks a file, or standard input for `-`.
fn read(app: &mut App<'_>, path: &Path) -> Result<Document, Failure> {
    let (what, bytes) = if path == Path::new("-") {
        ("standard input".to_owned(), bounded(&mut *app.stdin))
    } else {
        (path.display().to_string(), File::open(path).and_then(bounded))
    };
    let invalid = |problem: String| Failure::Invalid {
        what: what.clone(),
        problems: vec![Problem {
            path: "$".to_owned(),
            problem,
        }],
    };
    let bytes = bytes.map_err(|error| invalid(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(invalid(format!("must be at most {FILE_BYTES_MAX} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("must be UTF-8".to_owned()))?;
    // The parser's own words may quote the file, which may hold a secret by mistake.
    let document: Value = serde_json::from_str(&text).map_err(|error| {
        invalid(format!(
            "is no JSON, line {} column {}",
            error.line(),
            error.column()
        ))
    })?;
    match Settings::parse(&document) {
        Ok(settings) => Ok(Document {
            warnings: reach::warnings(&settings),
            settings,
            text,
        }),
        Err(problems) => Err(Failure::Invalid { what, problems }),
    }
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn notes(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(Warning::to_string).collect()
}
