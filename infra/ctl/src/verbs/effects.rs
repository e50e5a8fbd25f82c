//! `ctl effects`: the switch for what others see, and what was planned while it was off.

use clap::Subcommand;
use ratchet_domain::ids::OrgId;
use ratchet_domain::park::Reason;
use ratchet_domain::settings::Effects;
use ratchet_guard::{Ledger, Record, Unfinished};
use serde_json::{Value, json};

use super::control::{change, invalid};
use crate::App;
use crate::failure::Failure;
use crate::report::{Report, unreadable};

/// What to do with outside effects.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make them again; what was planned meanwhile is made by the next sweep.
    On(Args),
    /// Make none: everything decides and records, effects are planned and made when they are on again.
    Off(Args),
    /// Make none, ever: everything decides and records what would have been made.
    Shadow(Args),
    /// Print what is planned, or would have been made.
    Planned(Planned),
}

/// Arguments of the switch.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl effects off                    what would be changed, for every org
  ctl effects off --apply            the kill switch
  ctl effects shadow --org acme-trial --apply

Without --apply nothing is written. Functions follow within SETTINGS_CACHE_SECONDS.")]
pub struct Args {
    /// Only this org; every org of the deployment unless said.
    #[arg(long, value_name = "ORG")]
    pub org: Option<String>,
    /// Write it.
    #[arg(long)]
    pub apply: bool,
}

/// Arguments of the list.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl effects planned
  ctl effects planned --org acme-trial --json

It reads the index of unfinished work, so it costs what waits.")]
pub struct Planned {
    /// Only this org.
    #[arg(long, value_name = "ORG")]
    pub org: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    let (args, effects) = match verb {
        Verb::On(args) => (args, Effects::On),
        Verb::Off(args) => (args, Effects::Off),
        Verb::Shadow(args) => (args, Effects::Shadow),
        Verb::Planned(args) => return planned(app, args).await,
    };
    change(app, args.org.as_deref(), args.apply, |controls| {
        controls.insert("effects".to_owned(), json!(effects.as_str()));
    })
    .await
}

/// Reads the waiting rows. **JSON**: `{"planned":[{"subject","step","reason","since_ms"}],"unreadable":[key]}`.
async fn planned(app: &mut App<'_>, args: &Planned) -> Result<Report, Failure> {
    let org = args.org.as_deref().map(OrgId::parse).transpose();
    let org = org.map_err(|error| invalid("--org", error.to_string()))?;
    let world = app.worlds.open().await?;
    let prefix = match &org {
        None => "ticket#".to_owned(),
        Some(org) => {
            world.settings()?.known(org).await?;
            format!("ticket#{org}#")
        }
    };
    let ledger = world.ledger()?;
    let (mut rows, mut damaged): (Vec<Record>, Vec<_>) = (Vec::new(), Vec::new());
    for kind in [Unfinished::Waiting, Unfinished::Review] {
        for shard in Ledger::shards() {
            let mut start = None;
            loop {
                let page = ledger.unfinished(kind, shard, u64::MAX / 4, start).await?;
                damaged.extend(page.unreadable);
                rows.extend(page.records.into_iter().filter(|record| {
                    let reason = record.reason.as_deref().and_then(Reason::from_word);
                    matches!(reason, Some(Reason::EffectsOff | Reason::Shadow))
                        && record.key.subject().starts_with(&prefix)
                }));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
    }
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let line = |record: &Record| {
        let reason = record.reason.as_deref().unwrap_or_default();
        format!("{} {} {reason}", record.key.subject(), record.key.step())
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.push(format!("{} effects are planned and not made", rows.len()));
    let planned: Vec<Value> = rows
        .iter()
        .map(|record| {
            json!({
                "subject": record.key.subject(), "step": record.key.step(),
                "reason": record.reason, "since_ms": record.first_claimed_at,
            })
        })
        .collect();
    let (keys, notes) = unreadable(&damaged);
    Ok(Report {
        text: lines.join("\n"),
        json: json!({ "planned": planned, "unreadable": keys }),
        notes,
    })
}
