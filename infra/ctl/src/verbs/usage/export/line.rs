//! How an exported entry is written.

use ratchet_domain::bill::{Kind, Recorded};
use serde_json::Value;

use super::super::explain::fields;
use crate::failure::Failure;
use crate::out::Out;

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

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

/// One entry of an export.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Go on behind it with this.
    pub(super) cursor: String,
    /// What it verified as.
    pub(super) kind: Kind,
    pub(super) entry: &'a Recorded,
}

impl Line<'_> {
    fn quantity(&self) -> i64 {
        match self.kind {
            Kind::Credit => -1,
            Kind::MappedBug => 1,
        }
    }

    fn json(&self) -> Value {
        let mut value = fields(self.entry);
        if let Some(object) = value.as_object_mut() {
            object.insert("quantity".to_owned(), Value::from(self.quantity()));
            object.insert("cursor".to_owned(), Value::from(self.cursor.as_str()));
        }
        value
    }

    fn csv(&self) -> String {
        let quantity = self.quantity().to_string();
        row(COLUMNS.map(|column| match column {
            "cursor" => &self.cursor,
            "quantity" => &quantity,
            "hash" => &self.entry.hash,
            name => self.entry.entry.get(name).unwrap_or_default(),
        }))
    }
}

/// The lines of an export, written whole and through to the reader.
#[derive(Debug)]
pub(super) struct Lines<'a, 'o> {
    out: &'a mut Out<'o>,
    format: Format,
}

impl<'a, 'o> Lines<'a, 'o> {
    pub(super) fn new(out: &'a mut Out<'o>, format: Format) -> Self {
        Self { out, format }
    }

    /// Writes what stands before the first entry; false where nobody reads any more.
    pub(super) fn begin(&mut self) -> Result<bool, Failure> {
        if self.out.is_json() {
            return self.write(&[]);
        }
        match self.format {
            Format::Jsonl => Ok(true),
            Format::Csv => self.out.text(&format!("{}\n", row(COLUMNS))),
        }
    }

    /// Writes entries; false where nobody reads any more.
    pub(super) fn write(&mut self, lines: &[Line<'_>]) -> Result<bool, Failure> {
        if self.out.is_json() {
            let entries: Vec<Value> = lines.iter().map(Line::json).collect();
            return self.out.list("entries", &entries);
        }
        let text = |line: &Line<'_>| match self.format {
            Format::Jsonl => format!("{}\n", line.json()),
            Format::Csv => format!("{}\n", line.csv()),
        };
        let text: String = lines.iter().map(text).collect();
        self.out.text(&text)
    }
}

/// One row; a cell is quoted where it has a comma, a quote or a line end.
///
/// **Source**: RFC 4180, with `\n` as its line end.
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
        let line = Line {
            cursor: "2026-11=1,2026-12=4".to_owned(),
            kind: Kind::Credit,
            entry: &entry,
        };
        let row_wanted = concat!(
            "\"2026-11=1,2026-12=4\",,,-1,\"\"\"\",,\"two\nlines\",\"say \"\"x\"\"\",=1+1,7,,,,,,",
            "\"a/b,a/c\",\"h,\""
        );
        assert_eq!(line.csv(), row_wanted);
        assert_eq!(row(COLUMNS), COLUMNS.join(","));
    }
}
