//! A file cut into chunks: one a symbol, with the comments above it, and windows where there is none.

use ratchet_domain::limits::{SNIPPET_BYTES_MAX, SNIPPET_LINES_MAX};

use crate::definition::{Kind, definition};
use crate::source::{Family, is_test};

/// Lines of a window over code that belongs to no symbol.
const WINDOW_LINES: usize = 60;

/// Deepest nesting of symbols that is told apart; deeper ones belong to the last. It bounds the scan.
const DEPTH_MAX: usize = 6;

/// Columns that a tab stands for.
const TAB_COLUMNS: usize = 4;

/// Some lines of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The symbol and what holds it, as `Cart::total`; empty where the lines belong to none.
    pub(crate) symbol: String,
    /// From 1.
    pub(crate) start_line: u32,
    /// Inclusive.
    pub(crate) end_line: u32,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte, without the last line's end.
    pub(crate) end: usize,
    /// Part of a test.
    pub(crate) test: bool,
}

/// Cuts the file. The chunks are in order and do not overlap; every line with a letter or a digit is in one.
pub(crate) fn chunks(path: &str, family: Family, text: &str) -> Vec<Chunk> {
    let lines = Lines::of(family, text);
    let (symbols, owners) = lines.owners(family);
    let test_file = is_test(path);
    let mut all = Vec::new();
    let mut from = 0;
    while from < owners.len() {
        let owner = owners.get(from).copied().flatten();
        let rest = owners.get(from..).unwrap_or_default();
        let run = rest.iter().take_while(|other| **other == owner).count().max(1);
        let symbol = owner.and_then(|owner| symbols.get(owner));
        lines.cut(from, from + run, symbol, test_file, &mut all);
        from += run;
    }
    all
}

/// A symbol, and the lines that it spans.
struct Symbol {
    name: String,
    leaf: bool,
    test: bool,
    indent: usize,
    /// One past its last line, from 0.
    end: usize,
}

/// A line and where it lies.
struct Line<'a> {
    text: &'a str,
    start: usize,
    indent: usize,
    blank: bool,
    /// Starts a symbol, were it in the right place.
    defines: Option<(Kind, &'a str)>,
}

struct Lines<'a> {
    lines: Vec<Line<'a>>,
}

impl<'a> Lines<'a> {
    fn of(family: Family, text: &'a str) -> Self {
        let raw: Vec<&str> = text.split('\n').collect();
        let mut lines = Vec::with_capacity(raw.len());
        let mut start = 0;
        for (at, line) in raw.iter().copied().enumerate() {
            let next = raw.get(at + 1).copied().unwrap_or_default();
            let defines = definition(family, line, next).map(|found| (found.kind, found.name));
            lines.push(Line {
                text: line,
                start,
                indent: indent(line),
                blank: line.trim().is_empty(),
                defines,
            });
            start += line.len() + 1;
        }
        Self { lines }
    }

    /// The symbols, and for each line the innermost one that it belongs to.
    fn owners(&self, family: Family) -> (Vec<Symbol>, Vec<Option<usize>>) {
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut owners: Vec<Option<usize>> = vec![None; self.lines.len()];
        let mut open: Vec<usize> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let Some((kind, name)) = line.defines else {
                continue;
            };
            open.retain(|symbol| {
                symbols
                    .get(*symbol)
                    .is_some_and(|symbol| symbol.end > at && symbol.indent < line.indent)
            });
            let holder = open.last().and_then(|symbol| symbols.get(*symbol));
            if open.len() >= DEPTH_MAX || holder.is_some_and(|holder| holder.leaf) {
                continue;
            }
            let test = holder.is_some_and(|holder| holder.test) || matches!(name, "tests" | "test");
            let symbol = Symbol {
                name: qualified(family, holder, name),
                leaf: kind == Kind::Leaf,
                test,
                indent: line.indent,
                end: self.end_of(at),
            };
            let start = self.lead_of(at, &owners, open.last().copied());
            let index = symbols.len();
            for owner in owners.iter_mut().take(symbol.end).skip(start) {
                *owner = Some(index);
            }
            symbols.push(symbol);
            open.push(index);
        }
        (symbols, owners)
    }

    /// The first of the comments, attributes and decorators right above a definition.
    fn lead_of(&self, at: usize, owners: &[Option<usize>], holder: Option<usize>) -> usize {
        let mut start = at;
        while let Some(above) = start.checked_sub(1) {
            let Some(line) = self.lines.get(above) else {
                break;
            };
            let leads = ["//", "/*", "*", "#", "@", "--", "\"\"\""]
                .iter()
                .any(|mark| line.text.trim_start().starts_with(mark));
            if !leads || line.defines.is_some() || owners.get(above).copied().flatten() != holder {
                break;
            }
            start = above;
        }
        start
    }

    /// One past the last line of the symbol that starts at `at`: up to the line that closes it, or to the next one
    /// that is not deeper.
    fn end_of(&self, at: usize) -> usize {
        let indent = self.lines.get(at).map_or(0, |line| line.indent);
        let mut depth = 0_i64;
        let mut opened = false;
        let mut end = at + 1;
        for (line_at, line) in self.lines.iter().enumerate().skip(at) {
            let trimmed = line.text.trim();
            if line_at > at && !line.blank && line.indent <= indent {
                if trimmed.starts_with('}') || trimmed == "end" {
                    return line_at + 1;
                }
                let goes_on = trimmed.starts_with(['{', ')', '>']) || trimmed.starts_with("where");
                if line.defines.is_some() || !(opened || goes_on) {
                    return end;
                }
            }
            if !line.blank {
                end = line_at + 1;
            }
            for c in trimmed.bytes() {
                depth += i64::from(c == b'{') - i64::from(c == b'}');
            }
            opened = opened || depth > 0;
        }
        end
    }

    /// Cuts lines `from..to`, all of one owner, into chunks that fit a snippet.
    fn cut(&self, from: usize, to: usize, symbol: Option<&Symbol>, test_file: bool, all: &mut Vec<Chunk>) {
        let lines_max = if symbol.is_some() {
            SNIPPET_LINES_MAX
        } else {
            WINDOW_LINES
        };
        let mut first = from;
        while first < to {
            let last = self.fitting(first, to, lines_max);
            let name = symbol.map_or("", |symbol| symbol.name.as_str());
            let test = test_file || symbol.is_some_and(|symbol| symbol.test);
            all.extend(self.chunk(first, last, name, test));
            first = last;
        }
    }

    /// One past the last line that still fits; always at least one line.
    fn fitting(&self, first: usize, to: usize, lines_max: usize) -> usize {
        let mut bytes = 0;
        let mut last = first;
        for line in self.lines.iter().take(to.min(first + lines_max)).skip(first) {
            bytes += line.text.len() + 1;
            if bytes > SNIPPET_BYTES_MAX && last > first {
                break;
            }
            last += 1;
        }
        last.max(first + 1)
    }

    /// The lines without blank ones at either end; none where no line has a letter or a digit.
    fn chunk(&self, first: usize, last: usize, symbol: &str, test: bool) -> Option<Chunk> {
        let lines = self.lines.get(first..last)?;
        if !lines.iter().any(|line| line.text.contains(char::is_alphanumeric)) {
            return None;
        }
        let leading = lines.iter().take_while(|line| line.blank).count();
        let trailing = lines.iter().rev().take_while(|line| line.blank).count();
        let (first, last) = (first + leading, last - trailing);
        let last_line = self.lines.get(last.checked_sub(1)?)?;
        Some(Chunk {
            symbol: symbol.to_owned(),
            start_line: number(first + 1),
            end_line: number(last),
            start: self.lines.get(first)?.start,
            end: last_line.start + last_line.text.trim_end_matches('\r').len(),
            test,
        })
    }
}

fn qualified(family: Family, holder: Option<&Symbol>, name: &str) -> String {
    let between = if family == Family::Rust { "::" } else { "." };
    holder.map_or_else(
        || name.to_owned(),
        |holder| format!("{}{between}{name}", holder.name),
    )
}

fn indent(line: &str) -> usize {
    line.chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .map(|c| if c == '\t' { TAB_COLUMNS } else { 1 })
        .sum()
}

/// Files are far smaller than four thousand million lines, by the limit on their bytes.
fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(path: &str, text: &str) -> Vec<(String, u32, u32)> {
        let family = crate::source::family(path).unwrap();
        chunks(path, family, text)
            .into_iter()
            .map(|chunk| (chunk.symbol, chunk.start_line, chunk.end_line))
            .collect()
    }

    fn named(symbol: &str, start: u32, end: u32) -> (String, u32, u32) {
        (symbol.to_owned(), start, end)
    }

    #[test]
    fn rust_is_cut_at_methods_with_their_comments() {
        let text = "use a::B;\n\n/// A cart.\n#[derive(Debug)]\npub struct Cart {\n    lines: u8,\n}\n\nimpl Cart {\n    /// Sum.\n    \
                    fn total(\n        &self,\n    ) -> u8 {\n        fn inner() {}\n        0\n    }\n}\n\nconst MAX: u8 = 3;\n";
        assert_eq!(
            cut("src/cart.rs", text),
            [
                named("", 1, 1),
                named("Cart", 3, 7),
                named("Cart", 9, 9),
                named("Cart::total", 10, 16),
                named("MAX", 19, 19)
            ]
        );
    }

    #[test]
    fn python_is_cut_by_indent() {
        let text = "import x\n\nclass Cart:\n    size = 3\n\n    @property\n    def total(self):\n        return 1\n\n    def \
                    add(\n        self, a\n    ):\n        pass\n\nprint(1)\n";
        assert_eq!(
            cut("cart.py", text),
            [
                named("", 1, 1),
                named("Cart", 3, 4),
                named("Cart.total", 6, 8),
                named("Cart.add", 10, 13),
                named("", 15, 15)
            ]
        );
    }

    #[test]
    fn script_functions_end_where_their_brace_does() {
        let text = "export function a(x) {\n  return x;\n}\n\nregister(a);\n\nexport const b = (x) => {\n  const c = () => 1;\n};\n";
        assert_eq!(
            cut("a.js", text),
            [named("a", 1, 3), named("", 5, 5), named("b", 7, 9)]
        );
    }

    #[test]
    fn a_long_function_is_cut_into_windows_of_one_symbol() {
        let text = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(100));
        assert_eq!(cut("a.rs", &text), [named("long", 1, 80), named("long", 81, 102)]);
    }

    #[test]
    fn lines_of_a_test_module_are_marked() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\n";
        let marks: Vec<(String, bool)> = chunks("src/a.rs", Family::Rust, text)
            .into_iter()
            .map(|chunk| (chunk.symbol, chunk.test))
            .collect();
        assert_eq!(
            marks,
            [
                ("a".to_owned(), false),
                ("tests".to_owned(), true),
                ("tests::b".to_owned(), true)
            ]
        );
    }

    const EXTENSIONS: [&str; 7] = ["a.rs", "a.py", "a.js", "a.go", "a.rb", "a.java", "a.sql"];

    fn code() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "fn ", "def ", "class ", "impl ", "impl<", "func (", "type ", "x", "(", ")", "{", "}", "\n",
            "\n    ", "\n\t", "\r\n", " ", "=", "=>", "é", "\"", "//", "end", "where", "struct ", "for ",
            "pub(", "::", "<", ">", ";",
        ]);
        prop_oneof![
            any::<String>(),
            prop::collection::vec(word, 0..200).prop_map(|words| words.concat())
        ]
    }

    proptest! {
        #[test]
        fn any_text_is_cut_in_order_without_gaps(text in code(), path in prop::sample::select(&EXTENSIONS[..])) {
            let family = crate::source::family(path).unwrap();
            let all = chunks(path, family, &text);
            let lines: Vec<&str> = text.split('\n').collect();
            let mut covered = vec![false; lines.len()];
            let mut last_line = 0;
            for chunk in &all {
                prop_assert!(chunk.start_line > last_line && chunk.end_line >= chunk.start_line);
                prop_assert!((chunk.end_line - chunk.start_line) as usize <= SNIPPET_LINES_MAX);
                last_line = chunk.end_line;
                let whole = lines[chunk.start_line as usize - 1..chunk.end_line as usize].join("\n");
                prop_assert_eq!(&text[chunk.start..chunk.end], whole.trim_end_matches('\r'));
                for line in chunk.start_line..=chunk.end_line {
                    covered[line as usize - 1] = true;
                }
            }
            for (line, covered) in lines.iter().zip(covered) {
                prop_assert!(covered || !line.contains(char::is_alphanumeric));
            }
        }
    }
}
