//! `ctl usage export --org ORG`.
//!
//! Entries are written as they are read: what it keeps in memory is one read of seals and one of entries, however many are
//! exported.

mod cursor;
mod line;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::bill::{self, Recorded};
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_domain::settings::Problem;
use ratchet_guard::store::Item;
use ratchet_runtime::usage::recorded;
use ratchet_runtime::usage::seal::{BATCHES_A_READ, Leaf};
use serde_json::json;

use super::books::{Books, KEYS_MAX, rows};
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use line::{Line, Lines};

pub use cursor::Cursor;
pub use line::Format;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage export --org acme --from 2026-11 > entries.jsonl
  ctl usage export --org acme --since 2026-11=120,2026-12=4 --format csv

Sealed entries are exported in the order of their seals, which never changes: an entry that comes later stands behind. Each
line has the cursor to go on after it; a receiver that keys on org, key and period gets each entry once, however often it
reads. A quantity is 1 for a charge and -1 for a credit. An entry that does not verify, sealed or not, ends the export with
exit code 1 and its key; what stands before it is good.

Lines are written as they are read, so a failure stands behind whole lines, and an export may be cut short at any time. With
--json the document of a failure has the entries before it too.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// Go on after this cursor.
    #[arg(long, value_name = "CURSOR", value_parser = Cursor::parse, conflicts_with = "from")]
    pub since: Option<Cursor>,
    /// Begin with this month; the org's current one unless said.
    #[arg(long, value_name = "YYYY-MM", value_parser = crate::cli::period)]
    pub from: Option<Period>,
    /// How each entry is written, unless --json is given.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
    /// Most entries of this export; all that are sealed unless said.
    #[arg(long, value_name = "ENTRIES", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

/// How an export ends.
enum End {
    /// There is an entry behind the last one that was wanted.
    Limit,
    /// Nobody reads any more.
    Unread,
    /// The key of an entry that does not verify.
    Fault(String),
}

/// An export under way.
struct Export<'a, 'o> {
    books: &'a Books,
    lines: Lines<'a, 'o>,
    /// Behind what is written.
    cursor: Cursor,
    /// See [`next`].
    next: BTreeMap<Period, u64>,
    written: u64,
    limit: u64,
}

/// Runs the verb. **JSON**: `{"entries":[{"cursor","quantity",..}],"org","cursor","more"}`, the entries first, as they are
/// read; `more` says that `--limit` left some out.
///
/// # Errors
/// [`Failure::Differs`] at an entry that does not verify, behind what was written before it; [`Failure::Invalid`] for a
/// cursor in the future or beyond what is sealed; [`Failure::Output`]; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let books = Books::open(&world, &args.org).await?;
    let cursor = match &args.since {
        Some(cursor) => cursor.clone(),
        None => Cursor::before(books.period("--from", args.from.as_ref())?),
    };
    let mut export = Export {
        next: next(&books, &cursor).await?,
        books: &books,
        lines: Lines::new(&mut app.out, args.format),
        cursor,
        written: 0,
        limit: args.limit.unwrap_or(u64::MAX),
    };
    let end = export.periods().await?;
    let (written, cursor) = (export.written, export.cursor);
    let note = match &end {
        Some(End::Fault(key)) => {
            return Err(Failure::Differs(format!(
                "entry does not verify, the export ends before it key=`{key}`"
            )));
        }
        Some(End::Unread) => {
            "nobody reads any more; go on with --since and the cursor of the last line that was read"
                .to_owned()
        }
        Some(End::Limit) | None => format!("{written} entries, go on with --since {cursor}"),
    };
    Ok(Report {
        text: String::new(),
        json: json!({
            "org": args.org,
            "cursor": cursor.to_string(),
            "more": end.is_some(),
        }),
        notes: vec![note],
    })
}

/// The batch that comes next in each period whose sealed entries the cursor has all: those seals need not be read again.
///
/// # Errors
/// [`Failure::Invalid`] for a cursor that names a period in the future, or more entries than are sealed: entries that come
/// later would be passed over.
async fn next(books: &Books, cursor: &Cursor) -> Result<BTreeMap<Period, u64>, Failure> {
    let mut next = BTreeMap::new();
    for (period, &count) in cursor.periods() {
        books.period("--since", Some(period))?;
        if count == 0 {
            continue;
        }
        let last = books.usage.last_batch(&books.org, period).await?;
        let sealed = last.as_ref().map_or(0, |last| last.tree.size());
        if count > sealed {
            return Err(Failure::Invalid {
                what: "command line".to_owned(),
                problems: vec![Problem {
                    path: "--since".to_owned(),
                    problem: format!(
                        "is beyond what is sealed: {sealed} entries of {period}, and it counts {count}"
                    ),
                }],
            });
        }
        if let Some(last) = last.filter(|_| count == sealed) {
            next.insert(period.clone(), last.seq + 1);
        }
    }
    Ok(next)
}

impl Export<'_, '_> {
    /// Every period from the cursor's first to now; what ends it before it is through.
    async fn periods(&mut self) -> Result<Option<End>, Failure> {
        if !self.lines.begin()? {
            return Ok(Some(End::Unread));
        }
        let last = self.books.current();
        let first = self.cursor.periods().keys().next();
        let mut period = first.cloned().unwrap_or_else(|| last.clone());
        while period <= last {
            let end = self.period(&period).await?;
            if end.is_some() {
                return Ok(end);
            }
            period = period.next();
        }
        Ok(None)
    }

    /// The period's entries behind the cursor, as many at once as one call reads, whichever batches they are of.
    async fn period(&mut self, period: &Period) -> Result<Option<End>, Failure> {
        let done = self.cursor.count(period);
        let (mut seq, mut at) = match self.next.get(period) {
            Some(seq) => (*seq, done),
            None => (0, 0),
        };
        let mut page = Vec::with_capacity(KEYS_MAX);
        loop {
            let batches = self
                .books
                .usage
                .batches(&self.books.org, period, seq, BATCHES_A_READ)
                .await?;
            if batches.is_empty() {
                break;
            }
            for batch in batches {
                seq = batch.seq + 1;
                for leaf in batch.leaves {
                    at += 1;
                    if at <= done {
                        continue;
                    }
                    page.push(leaf);
                    if page.len() < KEYS_MAX {
                        continue;
                    }
                    let end = self.page(period, &page).await?;
                    if end.is_some() {
                        return Ok(end);
                    }
                    page.clear();
                }
            }
        }
        let end = self.page(period, &page).await?;
        if end.is_some() {
            return Ok(end);
        }
        // What the sealer would not seal is not passed over in silence.
        let stop = self.books.usage.stop(&self.books.org, period, seq).await?;
        Ok(stop.map(|stop| End::Fault(stop.key)))
    }

    /// Writes the entries of these leaves up to the limit, or to one that is not what was sealed.
    async fn page(&mut self, period: &Period, leaves: &[Leaf]) -> Result<Option<End>, Failure> {
        let room = usize::try_from(self.limit - self.written).unwrap_or(usize::MAX);
        let wanted = leaves.get(..room).unwrap_or(leaves);
        let mut end = (wanted.len() < leaves.len()).then_some(End::Limit);
        if wanted.is_empty() {
            return Ok(end);
        }
        let entries = self.entries(wanted).await?;
        let place = bill::partition(&self.books.org, period, 0);
        let mut lines = Vec::with_capacity(wanted.len());
        for leaf in wanted {
            let entry = entries.get(&(leaf.partition.clone(), leaf.key.clone()));
            let is_of_period = leaf.partition.split('+').next() == Some(place.as_str());
            let sealed = entry.filter(|entry| is_of_period && entry.hash == leaf.hash);
            let Some((entry, kind)) = sealed.and_then(|entry| Some((entry, entry.verified().ok()?))) else {
                end = Some(End::Fault(leaf.key.clone()));
                break;
            };
            self.cursor.advance(period);
            let cursor = self.cursor.to_string();
            lines.push(Line { cursor, kind, entry });
        }
        self.written += lines.len() as u64;
        if !self.lines.write(&lines)? {
            return Ok(Some(End::Unread));
        }
        Ok(end)
    }

    /// The entries of these leaves that there are, by partition and key.
    async fn entries(&self, leaves: &[Leaf]) -> Result<BTreeMap<(String, String), Recorded>, Failure> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        // A seal that somebody rewrote may have a leaf twice, and the store refuses to be asked for one row twice.
        let places: BTreeSet<(&str, &str)> = leaves
            .iter()
            .map(|leaf| (leaf.partition.as_str(), leaf.key.as_str()))
            .collect();
        let keys: Vec<Item> = places
            .into_iter()
            .map(|(partition, key)| {
                Item::from([
                    ("org_period".to_owned(), text(partition)),
                    ("sk".to_owned(), text(key)),
                ])
            })
            .collect();
        let table = self.books.world.table("USAGE_TABLE")?;
        let rows = rows(&self.books.world, &table, &keys, &[]).await?;
        let entries = rows.into_iter().map(recorded);
        Ok(entries
            .map(|entry| ((entry.partition.clone(), entry.key.clone()), entry))
            .collect())
    }
}
