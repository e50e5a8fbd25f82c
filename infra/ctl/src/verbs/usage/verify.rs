//! `ctl usage verify --org ORG`.

mod audit;
mod beside;
mod flags;
mod leaves;
mod reading;

use std::sync::Arc;

use ratchet_domain::bill::Sum;
use ratchet_domain::ids::OrgId;
use ratchet_domain::merkle::Hash;
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
  ctl usage verify --org acme --period 2026-11 --root 687dab0d..
  ctl usage verify --org acme --entries-only

Every entry is hashed again, the entries are added up against the totals, each one's flag is read from the ledger, the
Merkle tree is built again from its seals, and the ledger is searched for flags without an entry. The first difference ends
it, with exit code 1. It writes nothing. What came since the last seal is no difference: the next seal takes it, also a charge
that was claimed in a period and landed when it was signed off.

The search reads the whole ledger, of every org; --entries-only leaves it out, and then a bug that is flagged as billed and
that nobody pays for is not found. Keep the root that it tells elsewhere than in the table: whoever could change entries and
all of their seals at once is found with --root alone.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The month, as 2026-11; the org's current one unless said.
    #[arg(long, value_name = "YYYY-MM", value_parser = crate::cli::period)]
    pub period: Option<Period>,
    /// A root that was told before: the tree must have had it once, so that nothing behind it was changed or cut off since.
    #[arg(long, value_name = "ROOT", value_parser = |text: &str| Hash::try_from(text.to_owned()))]
    pub root: Option<Hash>,
    /// Do not search the whole ledger for flags that have no entry.
    #[arg(long)]
    pub entries_only: bool,
    /// How many entries are compared with their seals at once, 24 bytes of memory each; the seals are read as often.
    #[arg(long, value_name = "ENTRIES", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u64).range(1..))]
    pub at_once: u64,
}

/// Runs the verb. **JSON**: `{"org","period","verified":true,"entries","mapped_bugs","credits","sealed","unsealed",
/// "batches","root","signed_off","landed","flags","credit_flags"}`; `flags` and `credit_flags` are null with
/// `--entries-only`.
///
/// # Errors
/// [`Failure::Differs`] with the first difference; [`Failure::NotFound`] for an org that nobody knows;
/// [`Failure::Invalid`] for a period in the future; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let books = Arc::new(Books::open(&world, &args.org).await?);
    let period = books.period("--period", args.period.as_ref())?;
    let worlds = app.worlds;
    let tell = |progress: &str| worlds.tell(progress);
    let audit = Audit::of(&books, &period, args, &tell).await?;
    let flags = match args.entries_only {
        true => None,
        // Behind the entries, so that each of those has its flag by now: as many flags as entries are those flags.
        false => match flags::count(&books, &period).await? {
            flags if flags == audit.sum => Some(flags),
            _ => Some(flags::search(&books, &period).await?),
        },
    };
    if books.settings.is_none() && audit.sum.entries() == 0 && audit.batches == 0 {
        return Err(Failure::NotFound(format!(
            "org has no settings, and nothing is billed to it in {period} org=`{}`",
            args.org
        )));
    }
    Ok(report(&args.org, &period, &audit, flags))
}

/// What was verified, for people and for programs.
fn report(org: &OrgId, period: &Period, audit: &Audit, flags: Option<Sum>) -> Report {
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
    let searched = match flags {
        Some(flags) => format!(
            "{} bugs flagged as billed and {} as given back, each with its entry",
            flags.mapped_bugs, flags.credits
        ),
        None => "not searched for flags without an entry".to_owned(),
    };
    let landed = match audit.landed {
        0 => Vec::new(),
        landed => vec![format!(
            "{landed} entries landed while the others were read; run it again for them"
        )],
    };
    Report {
        text: format!(
            "{org} in {period}: verified\n  entries  {entries}, each with the hash of its fields, in its own place\n  \
             total    {sum}, the fold of the entries\n  flags    each entry has its flag on the ledger\n  ledger   {searched}\n  seal     {seal}",
            entries = audit.sum.entries(),
            sum = audit.sum,
        ),
        json: json!({
            "org": org,
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
            "flags": flags.map(|flags| flags.mapped_bugs),
            "credit_flags": flags.map(|flags| flags.credits),
        }),
        notes: landed,
    }
}
