//! Text for a terminal: aligned columns, times, and nothing that steers the terminal.

use chrono::{DateTime, SecondsFormat, Utc};

/// Columns two spaces apart, each as wide as its widest cell; cells are made [`plain`].
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(&head)
        .chain(rows)
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let mut widths = vec![0; header.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let aligned: Vec<String> = lines
        .iter()
        .map(|line| {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    aligned.join("\n")
}

/// The text on one line without control characters: what a provider or a customer wrote must not move the cursor.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The text without control characters but line ends and tabs.
#[must_use]
pub fn plain_lines(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// A time (ms since the Unix epoch) as `2026-11-01T09:30:00Z`; `-` for none.
#[must_use]
pub fn time(at_ms: Option<u64>) -> String {
    at_ms
        .filter(|at_ms| *at_ms > 0)
        .and_then(|at_ms| i64::try_from(at_ms).ok())
        .and_then(DateTime::<Utc>::from_timestamp_millis)
        .map_or_else(
            || "-".to_owned(),
            |at| at.to_rfc3339_opts(SecondsFormat::Secs, true),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_control_characters_are_gone() {
        let rows = vec![
            vec!["a\u{1b}[2J".to_owned(), "1".to_owned()],
            vec!["bcd\n".to_owned(), String::new()],
        ];
        assert_eq!(table(&["X", "NO"], &rows), "X      NO\na [2J  1\nbcd");
    }

    #[test]
    fn a_time_is_utc_and_none_is_a_dash() {
        assert_eq!(time(Some(1_768_471_200_000)), "2026-01-15T10:00:00Z");
        assert_eq!((time(None), time(Some(0))), ("-".to_owned(), "-".to_owned()));
        assert_eq!(time(Some(u64::MAX)), "-");
    }
}
