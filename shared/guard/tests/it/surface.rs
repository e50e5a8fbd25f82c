//! The crate's public face, line by line, against the committed list: a change of it is seen where it is reviewed.
//!
//! There is no published version to compare with yet. Until there is one, a line that leaves `public-api.txt` is a
//! breaking change, and one that joins it is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const COMMITTED: &str = include_str!("../../public-api.txt");

/// What begins a public item.
const ITEMS: [&str; 8] = [
    "pub fn ",
    "pub async fn ",
    "pub struct ",
    "pub enum ",
    "pub trait ",
    "pub type ",
    "pub const ",
    "pub mod ",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// `<file>: <signature>` of every public item, field and variant of the sources, in one line each.
fn surface() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut found = BTreeSet::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        if name.contains("tests") {
            continue;
        }
        items(&name, text.split("#[cfg(test)]").next().unwrap(), &mut found);
    }
    found
}

fn items(name: &str, text: &str, found: &mut BTreeSet<String>) {
    let lines: Vec<&str> = text.lines().collect();
    // The type, trait or implementation that a line stands in, and whether its members are public by themselves.
    let mut within = (String::new(), false);
    for (at, line) in lines.iter().enumerate() {
        let words = line.trim_start();
        let depth = line.len() - words.len();
        if depth == 0 && !words.is_empty() {
            let opens = ["impl", "pub trait ", "pub enum ", "pub struct "];
            if opens.iter().any(|word| words.starts_with(word)) {
                let open_members = words.starts_with("pub trait ") || words.starts_with("pub enum ");
                within = (signature(&lines, at), open_members);
            }
        }
        let member = depth == 4 && within.1 && is_member(words);
        let field = depth == 4 && words.starts_with("pub ") && words.ends_with(',');
        let reexport = depth == 0 && words.starts_with("pub use ");
        if member || field || reexport || ITEMS.iter().any(|item| words.starts_with(item)) {
            let place = if depth == 0 { "" } else { within.0.as_str() };
            found.insert(format!("{name}: {place} {}", signature(&lines, at)));
        }
        if *line == "}" {
            within = (String::new(), false);
        }
    }
}

/// A method of a trait, or a variant.
fn is_member(words: &str) -> bool {
    words.starts_with("fn ")
        || words.starts_with("type ")
        || words.starts_with(|first: char| first.is_ascii_uppercase())
}

/// The item's text up to its body, on one line.
fn signature(lines: &[&str], at: usize) -> String {
    let mut text = String::new();
    for line in lines.iter().skip(at) {
        text.push_str(line.trim());
        text.push(' ');
        if line.contains('{') || line.ends_with(';') || (line.ends_with(',') && !text.contains('(')) {
            break;
        }
        if line.ends_with(',') && text.matches('(').count() == text.matches(')').count() {
            break;
        }
    }
    let end = if text.starts_with("pub use") {
        text.len()
    } else {
        text.find('{').unwrap_or(text.len())
    };
    text[..end].trim().to_owned()
}

#[test]
fn public_face_is_the_committed_one() {
    let committed: BTreeSet<String> = COMMITTED.lines().map(str::to_owned).collect();
    let now = surface();
    let gone: Vec<_> = committed
        .difference(&now)
        .map(|line| format!("-{line}"))
        .collect();
    let new: Vec<_> = now
        .difference(&committed)
        .map(|line| format!("+{line}"))
        .collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "public-api.txt differs (- is a breaking change):\n{}\n{}",
        gone.join("\n"),
        new.join("\n")
    );
}

#[test]
fn what_is_public_is_found_and_what_is_not_is_left_out() {
    let mut found = BTreeSet::new();
    let text = "pub struct A {\n    pub a: u8,\n    b: u8,\n}\n\nimpl A {\n    /// Text.\n    pub fn f(\n        self,\n    \
                ) -> u8 {\n        1\n    }\n    fn g() {}\n    pub(crate) fn h() {}\n}\n\npub trait T {\n    fn t(&self);\n}\n\n\
                pub enum E {\n    One,\n}\n";
    items("x.rs", text, &mut found);
    let expected = [
        "x.rs:  pub enum E",
        "x.rs:  pub struct A",
        "x.rs:  pub trait T",
        "x.rs: impl A pub fn f( self, ) -> u8",
        "x.rs: pub enum E One,",
        "x.rs: pub struct A pub a: u8,",
        "x.rs: pub trait T fn t(&self);",
    ];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}
