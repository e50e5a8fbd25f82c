//! `ctl org get ORG`.

use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::Settings;
use serde_json::{Value, json};

use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet org get acme > acme.json
  ctl org get acme --json

Prints the document as it was put; its version goes to standard error, or into the JSON. Settings hold references to
secrets and no secret.")]
pub struct Args {
    /// The org.
    #[arg(value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
}

/// Runs the verb. **JSON**: `{"org","version","put_at_ms","document","problems":[{"path","problem"}]}`; the problems are
/// those of a document that an earlier build took and this one does not.
///
/// # Errors
/// [`Failure::NotFound`] for an org without settings; [`Failure::Row`] when what is on record is no JSON;
/// [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let org = &args.org;
    let table = app.worlds.open().await?.settings()?;
    let Some(on_record) = table.read(org).await? else {
        return Err(Failure::NotFound(format!("org has no settings org=`{org}`")));
    };
    let document: Value = serde_json::from_str(&on_record.document)
        .map_err(|_| Failure::Row(format!("settings on record are no JSON org=`{org}`")))?;
    let problems = Settings::parse(&document).err().unwrap_or_default();
    let put_at = text::time(on_record.put_at_ms);
    let mut notes = vec![format!("version {}, put at {put_at}", on_record.version)];
    notes.extend(
        problems
            .iter()
            .map(|problem| format!("does not validate any more: {problem}")),
    );
    Ok(Report {
        text: on_record.document.trim_end().to_owned(),
        json: json!({
            "org": org,
            "version": on_record.version,
            "put_at_ms": on_record.put_at_ms,
            "document": document,
            "problems": problems,
        }),
        notes,
    })
}
