//! `ctl usage verify --org ORG`.

mod audit;
mod flags;
mod leaves;

use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_runtime::usage::slice::AT_ONCE;
use serde_json::json;

use super::books::Books;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use audit::Audit;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage verify --org acme
  ctl usage verify --org acme --period 2026-11 --ledger

Every entry is hashed again, the entries are added up against the totals, each one's flag is read from the ledger, and the
Merkle tree is built again from its seals. The first difference ends it, with exit code 1. It reads and writes nothing; what
came since the last seal counts as not sealed yet, which is no difference unless the period is signed off. With --ledger the
flags are counted too: as many bugs are flagged as billed as there are charges.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The month, as 2026-11; the org's current one unless said.
    #[arg(long, value_name = "YYYY-MM", value_parser = crate::cli::period)]
    pub period: Option<Period>,
    /// Also look for flags on the ledger that have no entry. It reads the whole ledger.
    #[arg(long)]
    pub ledger: bool,
    /// How many entries are compared with their seals at once, 24 bytes of memory each; the seals are read as often.
    #[arg(long, value_name = "ENTRIES", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u64).range(1..))]
    pub at_once: u64,
}

/// Runs the verb. **JSON**: `{"org","period","verified":true,"entries","mapped_bugs","credits","sealed","unsealed",
/// "batches","root","signed_off","landed","flags"}`; `flags` is null without `--ledger`.
///
/// # Errors
/// [`Failure::Differs`] with the first difference; [`Failure::Invalid`] for a period in the future; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let mut books = Books::open(&world, &args.org).await?;
    books.usage = books.usage.with_at_once(args.at_once);
    let period = books.period("--period", args.period.as_ref())?;
    let audit = Audit::of(&books, &period).await?;
    let flags = match args.ledger {
        true => Some(flags::search(&books, &period).await?),
        false => None,
    };
    let root = audit.root.map(|root| root.to_string());
    let seal = match (&root, audit.is_final) {
        (Some(root), true) => format!(
            "{} of {} entries in {} batches, signed off, root {root}",
            audit.sealed,
            audit.sum.entries(),
            audit.batches
        ),
        (Some(root), false) => format!(
            "{} of {} entries in {} batches, root {root}; the period is open",
            audit.sealed,
            audit.sum.entries(),
            audit.batches
        ),
        (None, _) => "not sealed yet".to_owned(),
    };
    let searched = flags.map_or_else(String::new, |flags| {
        format!("\n  ledger   {flags} bugs flagged as billed, each with its entry")
    });
    let landed = match audit.landed {
        0 => Vec::new(),
        landed => vec![format!(
            "{landed} entries landed while the others were read; run it again for them"
        )],
    };
    Ok(Report {
        text: format!(
            "{org} in {period}: verified\n  entries  {entries}, each with the hash of its fields, in its own place\n  \
             total    {sum}, the fold of the entries\n  flags    each entry has its flag on the ledger{searched}\n  seal     {seal}",
            org = args.org,
            entries = audit.sum.entries(),
            sum = audit.sum,
        ),
        json: json!({
            "org": args.org,
            "period": period,
            "verified": true,
            "entries": audit.sum.entries(),
            "mapped_bugs": audit.sum.mapped_bugs,
            "credits": audit.sum.credits,
            "sealed": audit.sealed,
            "unsealed": audit.sum.entries() - audit.sealed,
            "batches": audit.batches,
            "root": root,
            "signed_off": audit.is_final,
            "landed": audit.landed,
            "flags": flags,
        }),
        notes: landed,
    })
}
