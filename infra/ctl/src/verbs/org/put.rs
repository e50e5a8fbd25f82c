//! `ctl org put FILE`.

use std::path::PathBuf;

use serde_json::json;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::settings::Put;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet org put acme.json
  ctl org put acme.json --dry-run
  ctl org get acme > acme.json && vi acme.json && ctl org put acme.json --over 3

Every problem is printed with its path, and nothing is stored then (exit 2). A put raises the version by one, and is
refused (exit 4) when somebody else put a version since the one that it replaces was read. The functions read the new
settings within SETTINGS_CACHE_SECONDS.")]
pub struct Args {
    /// Settings as JSON; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only in the place of this version; 0 only for an org without settings.
    #[arg(long, value_name = "VERSION")]
    pub over: Option<u64>,
    /// Say what would be stored and store nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the verb. **JSON**: `{"org","version","replaces","stored","warnings":[{"path","warning"}]}`.
///
/// # Errors
/// [`Failure::Invalid`] with every problem; [`Failure::Refused`] when another version is on record; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let document = super::read(app, &args.file)?;
    let org = &document.settings.org;
    let table = app.worlds.open().await?.settings()?;
    let on_record = table.read(org).await?;
    let found = on_record.map_or(0, |on_record| on_record.version);
    let replaces = args.over.unwrap_or(found);
    let refused = |found: u64| {
        Failure::Refused(format!(
            "another version is on record, get it and merge org=`{org}` expected=`{replaces}` found=`{found}`"
        ))
    };
    if replaces != found {
        return Err(refused(found));
    }
    let version = if args.dry_run {
        replaces.saturating_add(1)
    } else {
        match table.put(org, &document.text, replaces).await? {
            Put::Written { version } => version,
            Put::Changed { found } => return Err(refused(found)),
        }
    };
    let text = if args.dry_run {
        format!("{org}: settings are valid and would be version {version}; nothing is stored")
    } else {
        format!("{org}: settings are stored, version {version}")
    };
    Ok(Report {
        text,
        json: json!({
            "org": org,
            "version": version,
            "replaces": replaces,
            "stored": !args.dry_run,
            "warnings": document.warnings,
        }),
        notes: super::notes(&document.warnings),
    })
}
