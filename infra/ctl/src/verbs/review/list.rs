//! `ctl review list`.

use std::collections::BTreeMap;

use ratchet_domain::ids::OrgId;
use ratchet_domain::park::Reason;
use ratchet_guard::{Ledger, Record, Unfinished};
use serde_json::{Value, json};

use super::{mend_word, org_of, reason_of, verbs};
use crate::App;
use crate::failure::Failure;
use crate::report::{Report, unreadable};
use crate::text::{table, time};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet review list
  ctl --stack ratchet review list --org acme --reason below_threshold
  ctl --stack ratchet review list --json | jq -r '.items[] | [.subject, .step, .reason] | @tsv'

It reads what waits and nothing that is finished. Reasons are a closed list; each has a section in the runbook.")]
pub struct Args {
    /// Only this org's.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: Option<OrgId>,
    /// Only for this reason.
    #[arg(long, value_parser = crate::cli::reason)]
    pub reason: Option<String>,
    /// Only of this stage.
    #[arg(long, value_parser = crate::cli::stage)]
    pub stage: Option<String>,
    /// Most items that are printed; all of them are counted.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// Runs the verb. **JSON**: `{"items":[{"subject","step","org","reason","mend","meaning","detail","stage","since_ms",
/// "attempts","fence","verbs"}],"found","by_reason":{reason: count},"unreadable":[key]}`, oldest first.
///
/// # Errors
/// [`Failure::NotFound`] for an org without settings; [`Failure::Ledger`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    if let Some(org) = &args.org {
        world.settings()?.known(org).await?;
    }
    let ledger = world.ledger()?;
    let mut found: Vec<Record> = Vec::new();
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    let mut damaged = Vec::new();
    for shard in Ledger::shards() {
        let mut start = None;
        loop {
            let page = ledger
                .unfinished(Unfinished::Review, shard, world.now_ms(), start)
                .await?;
            damaged.extend(page.unreadable);
            for record in page.records.into_iter().filter(|record| wanted(args, record)) {
                *by_reason
                    .entry(record.reason.clone().unwrap_or_default())
                    .or_default() += 1;
                found.push(record);
            }
            // Only the oldest are printed, so no more of them are held.
            found.sort_by_key(|record| (record.due_at, record.key.clone()));
            found.truncate(args.limit);
            start = page.next;
            if start.is_none() {
                break;
            }
        }
    }
    let all: u64 = by_reason.values().sum();
    let items: Vec<Value> = found.iter().map(item).collect();
    let (keys, notes) = unreadable(&damaged);
    Ok(Report {
        text: text(&found, all),
        json: json!({ "items": items, "found": all, "by_reason": by_reason, "unreadable": keys }),
        notes,
    })
}

fn wanted(args: &Args, record: &Record) -> bool {
    args.org
        .as_ref()
        .is_none_or(|org| org_of(record).as_deref() == Some(org.as_str()))
        && args
            .reason
            .as_ref()
            .is_none_or(|reason| record.reason.as_ref() == Some(reason))
        && args.stage.as_ref().is_none_or(|stage| record.stage == *stage)
}

fn item(record: &Record) -> Value {
    let reason = reason_of(record);
    json!({
        "subject": record.key.subject(),
        "step": record.key.step(),
        "org": org_of(record),
        "reason": record.reason,
        "mend": reason.map(|reason| mend_word(reason.mend())),
        "meaning": reason.map(Reason::meaning),
        "detail": record.detail,
        "stage": record.stage,
        "since_ms": record.settled_at,
        "attempts": record.attempts,
        "fence": record.fence,
        "verbs": verbs(record),
    })
}

fn text(found: &[Record], all: u64) -> String {
    if found.is_empty() {
        return "nothing waits for a person".to_owned();
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|record| {
            vec![
                time(record.settled_at),
                record.reason.clone().unwrap_or_default(),
                record.key.subject().to_owned(),
                record.key.step().to_owned(),
                verbs(record).join(", "),
            ]
        })
        .collect();
    let mut text = table(&["SINCE", "REASON", "SUBJECT", "STEP", "VERBS"], &rows);
    let left = all.saturating_sub(found.len() as u64);
    if left > 0 {
        text.push_str(&format!("\nand {left} more, see --limit"));
    }
    text
}
