//! `ctl usage export --org ORG`.

use std::collections::BTreeMap;

use ratchet_domain::bill::{Kind, Recorded};
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_runtime::usage::seal::Leaf;
use serde_json::{Value, json};

use super::books::Books;
use super::explain::fields;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// The columns of the CSV, in their order; it only grows at its end.
const COLUMNS: [&str; 17] = [
    "cursor",
    "key",
    "kind",
    "quantity",
    "org",
    "period",
    "bug",
    "ticket",
    "plan",
    "billed_at",
    "credited_at",
    "ai_confidence",
    "ai_threshold",
    "location_confidence",
    "location_threshold",
    "repos",
    "hash",
];

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage export --org acme --from 2026-11 > entries.jsonl
  ctl usage export --org acme --since 2026-11=120,2026-12=4 --format csv

Sealed entries are exported in the order of their seals, which never changes: an entry that comes later stands behind. Each
line has the cursor to go on after it; a receiver that keys on org, key and period gets each entry once, however often it
reads. A quantity is 1 for a charge and -1 for a credit. An entry that does not verify, sealed or not, ends the export with
exit code 1 and its key; what stands before it is good.")]
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
    /// How each entry is written.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
    /// Most entries of this export.
    #[arg(long, default_value_t = 10_000)]
    pub limit: usize,
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

/// How many entries of each period have been exported: `2026-11=120,2026-12=4`. Periods that are not named and lie between
/// the first and now are at nought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(BTreeMap<Period, u64>);

impl Cursor {
    /// Reads a cursor.
    ///
    /// # Errors
    /// The form that it must have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let (period, count) = part.split_once('=')?;
            Some((Period::parse(period)?, count.parse().ok()?))
        };
        let parts: Option<Vec<(Period, u64)>> = text.split(',').map(part).collect();
        let parts =
            parts.ok_or_else(|| "must be a cursor of an export, as 2026-11=120,2026-12=4".to_owned())?;
        Ok(Self(parts.into_iter().collect()))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(period, count)| format!("{period}={count}"))
            .collect();
        f.write_str(&parts.join(","))
    }
}

/// An export under way.
struct Export<'a> {
    books: &'a Books,
    cursor: Cursor,
    lines: Vec<(String, Recorded)>,
    limit: usize,
}

/// Runs the verb. **JSON**: `{"org","format","entries":[{"cursor","quantity",..}],"cursor","more"}`.
///
/// # Errors
/// [`Failure::Stopped`] with what was exported before an entry that does not verify; [`Failure::Invalid`] for a cursor in
/// the future; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let books = Books::open(&world, &args.org).await?;
    let cursor = match &args.since {
        Some(cursor) => cursor.clone(),
        None => Cursor(BTreeMap::from([(books.period("--from", args.from.as_ref())?, 0)])),
    };
    let last = books.current();
    if let Some(period) = cursor.0.keys().next_back() {
        books.period("--since", Some(period))?;
    }
    let mut export = Export {
        books: &books,
        cursor,
        lines: Vec::new(),
        limit: args.limit,
    };
    let mut period = export
        .cursor
        .0
        .keys()
        .next()
        .cloned()
        .unwrap_or_else(|| last.clone());
    let mut fault = None;
    while period <= last && fault.is_none() && export.lines.len() < export.limit {
        fault = export.period(&period).await?;
        period = period.next();
    }
    let text = written(args.format, &export.lines);
    if let Some(key) = fault {
        return Err(Failure::Stopped {
            stdout: text,
            what: format!("entry does not verify, the export ends before it key=`{key}`"),
        });
    }
    let entries: Vec<Value> = export
        .lines
        .iter()
        .map(|(cursor, entry)| line(cursor, entry))
        .collect();
    let cursor = export.cursor.to_string();
    Ok(Report {
        text,
        json: json!({
            "org": args.org,
            "entries": entries,
            "cursor": cursor,
            "more": export.lines.len() >= args.limit,
        }),
        notes: vec![format!(
            "{} entries, go on with --since {cursor}",
            export.lines.len()
        )],
    })
}

impl Export<'_> {
    /// The period's entries behind the cursor; the key of one that does not verify.
    async fn period(&mut self, period: &Period) -> Result<Option<String>, Failure> {
        let done = self.cursor.0.get(period).copied().unwrap_or(0);
        let (mut seq, mut at) = (0, 0);
        loop {
            let batches = self.books.usage.batches(&self.books.org, period, seq, 4).await?;
            if batches.is_empty() {
                // What the sealer would not seal is not passed over in silence.
                let stop = self.books.usage.stop(&self.books.org, period, seq).await?;
                return Ok(stop.map(|stop| stop.key));
            }
            for batch in batches {
                seq = batch.seq + 1;
                for leaf in &batch.leaves {
                    at += 1;
                    if at <= done {
                        continue;
                    }
                    if self.lines.len() >= self.limit {
                        return Ok(None);
                    }
                    let Some(entry) = self.good(leaf).await? else {
                        return Ok(Some(leaf.key.clone()));
                    };
                    self.cursor.0.insert(period.clone(), at);
                    self.lines.push((self.cursor.to_string(), entry));
                }
            }
        }
    }

    /// The entry of a leaf, where it is still what was sealed.
    async fn good(&self, leaf: &Leaf) -> Result<Option<Recorded>, Failure> {
        let entry = self.books.usage.entry(&leaf.partition, &leaf.key).await?;
        Ok(entry.filter(|entry| entry.verified().is_ok() && entry.hash == leaf.hash))
    }
}

fn quantity(entry: &Recorded) -> i64 {
    match entry.verified() {
        Ok(Kind::Credit) => -1,
        Ok(Kind::MappedBug) | Err(_) => 1,
    }
}

fn line(cursor: &str, entry: &Recorded) -> Value {
    let mut value = fields(entry);
    if let Some(object) = value.as_object_mut() {
        object.insert("quantity".to_owned(), Value::from(quantity(entry)));
        object.insert("cursor".to_owned(), Value::from(cursor));
    }
    value
}

fn written(format: Format, lines: &[(String, Recorded)]) -> String {
    match format {
        Format::Jsonl => {
            let lines: Vec<String> = lines
                .iter()
                .map(|(cursor, entry)| line(cursor, entry).to_string())
                .collect();
            lines.join("\n")
        }
        Format::Csv => csv(lines),
    }
}

/// **Source**: RFC 4180, with `\n` as its line end.
fn csv(lines: &[(String, Recorded)]) -> String {
    let mut rows = vec![row(COLUMNS)];
    for (cursor, entry) in lines {
        let quantity = quantity(entry).to_string();
        rows.push(row(COLUMNS.map(|column| match column {
            "cursor" => cursor,
            "quantity" => &quantity,
            "hash" => &entry.hash,
            name => entry.entry.get(name).unwrap_or_default(),
        })));
    }
    rows.join("\n")
}

/// One row; a cell is quoted where it has a comma, a quote or a line end.
fn row(cells: [&str; COLUMNS.len()]) -> String {
    let mut writer = csv_core::Writer::new();
    // Room for cells of quotes alone: each is doubled, two stand around a cell, and a comma behind it.
    let most = cells.iter().map(|cell| 2 * cell.len() + 3).sum();
    let mut written = vec![0; most];
    let mut end = 0;
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            end += writer.delimiter(rest(&mut written, end)).1;
        }
        end += writer.field(cell.as_bytes(), rest(&mut written, end)).2;
    }
    end += writer.finish(rest(&mut written, end)).1;
    written.truncate(end);
    String::from_utf8_lossy(&written).into_owned()
}

fn rest(written: &mut [u8], from: usize) -> &mut [u8] {
    written.get_mut(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ratchet_domain::bill::{Entry, Field};

    use super::*;

    #[test]
    fn a_cell_with_a_comma_a_quote_or_a_line_end_is_quoted() {
        let entry = Recorded {
            partition: "acme#2026-11".to_owned(),
            key: "entry#b".to_owned(),
            hash: "h,".to_owned(),
            entry: Entry::new([
                ("bug", Field::text("two\nlines")),
                ("org", Field::text("\"")),
                ("plan", Field::text("=1+1")),
                ("repos", Field::text("a/b,a/c")),
                ("ticket", Field::text("say \"x\"")),
                ("billed_at", Field::number(7)),
            ]),
        };
        let text = csv(&[("2026-11=1,2026-12=4".to_owned(), entry)]);
        let (header, row) = text.split_once('\n').unwrap();
        assert_eq!(header, COLUMNS.join(","));
        let row_wanted = concat!(
            "\"2026-11=1,2026-12=4\",,,1,\"\"\"\",,\"two\nlines\",\"say \"\"x\"\"\",=1+1,7,,,,,,",
            "\"a/b,a/c\",\"h,\""
        );
        assert_eq!(row, row_wanted);
    }

    #[test]
    fn a_cursor_is_read_back_and_nonsense_is_not() {
        let text = "2026-11=120,2026-12=4";
        assert_eq!(
            Cursor::parse(text).map(|cursor| cursor.to_string()).as_deref(),
            Ok(text)
        );
        for text in ["", "2026-11", "2026-13=1", "2026-11=-1", "x=1"] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }
}
