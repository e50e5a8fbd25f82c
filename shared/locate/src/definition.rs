//! Whether a line starts a function or a type, and what it is called.
//!
//! A look at one line, not a parse: what it misses is indexed all the same, under a coarser symbol.

use crate::source::Family;

/// What a definition may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A function, method or constant: what is defined inside belongs to it.
    Leaf,
    /// A type, module or implementation: its members are symbols of their own.
    Holder,
}

/// The start of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
}

impl<'a> Definition<'a> {
    fn new(kind: Kind, name: &'a str) -> Option<Self> {
        (!name.is_empty()).then_some(Self { kind, name })
    }
}

/// Words that may stand before the one that defines.
const MODIFIERS: [&str; 27] = [
    "pub",
    "export",
    "default",
    "declare",
    "async",
    "unsafe",
    "extern",
    "static",
    "public",
    "private",
    "protected",
    "internal",
    "abstract",
    "final",
    "override",
    "open",
    "sealed",
    "virtual",
    "inline",
    "readonly",
    "data",
    "suspend",
    "partial",
    "get",
    "set",
    "crate",
    "const",
];

/// Words that look like a call or a function's head and are neither.
const STATEMENTS: [&str; 20] = [
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "return",
    "else",
    "do",
    "try",
    "match",
    "new",
    "throw",
    "await",
    "case",
    "yield",
    "with",
    "using",
    "lock",
    "synchronized",
    "elif",
];

/// The definition that starts on this line, if one does; `next` is the line after it.
pub(crate) fn definition<'a>(family: Family, line: &'a str, next: &str) -> Option<Definition<'a>> {
    let line = line.trim();
    match family {
        Family::Rust => rust(line),
        Family::Python => keyword(line, &["def"], &["class"]),
        Family::Script => script(line),
        Family::Go => go(line),
        Family::Ruby => keyword(line, &["def"], &["class", "module"]),
        Family::Braces => braces(line, next),
        Family::Plain => None,
    }
}

fn rust(line: &str) -> Option<Definition<'_>> {
    if let Some(rest) = line.strip_prefix("macro_rules!") {
        return Definition::new(Kind::Leaf, identifier(rest.trim_start()));
    }
    if let Some(rest) = line
        .strip_prefix("impl")
        .or_else(|| line.strip_prefix("unsafe impl"))
    {
        return Definition::new(Kind::Holder, implemented(rest)?);
    }
    if let Some((_, rest)) = constant(line) {
        return Definition::new(Kind::Leaf, identifier(rest));
    }
    keyword(
        line,
        &["fn", "type"],
        &["struct", "enum", "union", "trait", "mod"],
    )
}

/// `const NAME: ..` and `static NAME: ..`, which a search for a limit should find by name.
fn constant(line: &str) -> Option<(&str, &str)> {
    let bare = line
        .strip_prefix("pub ")
        .or_else(|| line.strip_prefix("pub(crate) "))
        .unwrap_or(line);
    let (word, rest) = bare.split_once(' ')?;
    let shouts = identifier(rest)
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    (matches!(word, "const" | "static") && shouts).then_some((word, rest))
}

/// The type of `impl<T> Trait for path::Type<T>`.
fn implemented(rest: &str) -> Option<&str> {
    if !rest.starts_with([' ', '<']) {
        return None;
    }
    let bare = after_generics(rest).trim_start();
    let bare = bare.split_once(" for ").map_or(bare, |(_, of)| of);
    let path_end = bare
        .find(|c: char| !(is_name(c) || c == ':'))
        .unwrap_or(bare.len());
    bare.get(..path_end)?.rsplit("::").next()
}

fn after_generics(rest: &str) -> &str {
    let mut depth = 0_u32;
    for (at, c) in rest.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let end = if c == '>' { at + 1 } else { at };
            return rest.get(end..).unwrap_or_default();
        }
    }
    ""
}

fn script(line: &str) -> Option<Definition<'_>> {
    let types = ["class", "interface", "enum", "namespace"];
    keyword(line, &["function", "type"], &types)
        .or_else(|| assigned_function(line))
        .or_else(|| bare_method(line, ""))
}

/// `const total = (cart) =>`, `exports.total = function (cart) {`, and `export const LIMIT = ..`.
fn assigned_function(line: &str) -> Option<Definition<'_>> {
    let (left, right) = line.split_once('=')?;
    let right = right.trim_start();
    let is_function = right.starts_with("function")
        || right.starts_with("async")
        || (right.contains("=>") && right.starts_with(|c: char| c == '(' || is_name(c)));
    let is_exported_constant = left.starts_with("export const ");
    if !(is_function || is_exported_constant) || right.starts_with('=') {
        return None;
    }
    // Without the type that TypeScript puts after the name.
    let left = left.split_once(':').map_or(left, |(name, _)| name).trim_end();
    let name = left.rsplit(|c: char| !is_name(c)).next()?;
    Definition::new(Kind::Leaf, name)
}

/// `total(cart) {` in a class, and `public long total(Cart cart) {`: a name, balanced parentheses, a brace.
fn bare_method<'a>(line: &'a str, next: &str) -> Option<Definition<'a>> {
    let (head, rest) = line.split_once('(')?;
    let opens = line.ends_with('{') || (line.ends_with(')') && next.trim_start().starts_with('{'));
    if !opens || head.contains(['=', '"', '\'', '.', ';', '{']) || !closes_at_end(rest) {
        return None;
    }
    let name = head.trim_end().rsplit(|c: char| !is_name(c)).next()?;
    let first = head.split_whitespace().next()?;
    if STATEMENTS.contains(&name) || STATEMENTS.contains(&first) || name == "function" {
        return None;
    }
    Definition::new(Kind::Leaf, name)
}

/// Whether the parenthesis opened just before `rest` closes, and opens no other list after that.
fn closes_at_end(rest: &str) -> bool {
    let mut depth = 1_i32;
    for c in rest.chars() {
        match c {
            '(' if depth == 0 => return false,
            '(' => depth += 1,
            ')' => depth -= 1,
            ';' if depth == 0 => return false,
            _ => {}
        }
    }
    depth == 0
}

fn go(line: &str) -> Option<Definition<'_>> {
    let Some(rest) = line.strip_prefix("func ") else {
        return keyword(line, &[], &["type"]);
    };
    let rest = match rest.strip_prefix('(') {
        Some(receiver) => receiver.split_once(')')?.1,
        None => rest,
    };
    Definition::new(Kind::Leaf, identifier(rest.trim_start()))
}

fn braces<'a>(line: &'a str, next: &str) -> Option<Definition<'a>> {
    if line.starts_with(['*', '/', '#', '@', '"']) {
        return None;
    }
    let types = [
        "class",
        "interface",
        "enum",
        "struct",
        "record",
        "namespace",
        "object",
        "trait",
        "protocol",
        "extension",
        "union",
    ];
    bare_method(line, next)
        .filter(|_| line.contains(' '))
        .or_else(|| keyword(line, &["fun", "func", "function", "def"], &types))
}

/// A definition led by a word of its language, after any modifiers.
fn keyword<'a>(line: &'a str, leaves: &[&str], holders: &[&str]) -> Option<Definition<'a>> {
    let mut rest = line;
    loop {
        let word = identifier(rest);
        let after = rest.get(word.len()..)?;
        let kind = match word {
            "" => return None,
            word if leaves.contains(&word) => Some(Kind::Leaf),
            word if holders.contains(&word) => Some(Kind::Holder),
            _ => None,
        };
        if let Some(kind) = kind {
            let named = after.trim_start_matches('*').trim_start();
            // A word that only begins like the keyword, as `class:` or `type =`, names nothing.
            let named = named.strip_prefix("self.").unwrap_or(named);
            let spaced = after.starts_with([' ', '\t', '*']);
            return spaced
                .then(|| identifier(named))
                .and_then(|name| Definition::new(kind, name));
        }
        if !MODIFIERS.contains(&word) {
            return None;
        }
        rest = after_modifier(after);
    }
}

/// Past the blanks, and past `(crate)` or `"C"`.
fn after_modifier(after: &str) -> &str {
    let after = after.trim_start();
    let past = match after.chars().next() {
        Some('(') => after.split_once(')').map(|(_, rest)| rest),
        Some('"') => after.splitn(3, '"').nth(2),
        _ => Some(after),
    };
    past.unwrap_or_default().trim_start()
}

/// The name at the start of the text; empty where there is none.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests;
