//! E-mail addresses, wherever they stand.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::{Found, Private, at, before};

/// Typographic quotes, dashes and spaces, and the signs of Asian scripts: they end an address as ASCII's do.
const SIGNS: &str = r"\u{ab}\u{bb}\u{2000}-\u{206f}\u{3000}-\u{303f}\u{ff00}-\u{ff0f}\u{ff1a}-\u{ff20}";

/// A name, the sign in one of its spellings, and a domain with a dot or an address in brackets.
/// A `'` is part of a name only within it, so that quotes around an address are none of it.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = format!("[^\\s@\"'`<>()\\[\\]{{}}|\\\\/,;:=*!?#&~$^{SIGNS}]+");
    let letter = format!(r"[^\x00-\x40\x5b-\x60\x7b-\x7f{SIGNS}]");
    let label = format!(r"[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7f{SIGNS}]");
    Regex::new(&format!(
        "(?:\"[^\"\\n@]{{1,64}}\"|{name}(?:'{name})*)\
         (?:@|＠|%40|&#64;|&#x40;|&commat;)\
         (?:(?P<domain>(?:{label}+\\.)+{letter}{label}*)|\\[[0-9A-Fa-f.:IPv]{{3,60}}\\])"
    ))
    .ok()
});

/// Every address in a text.
pub(super) fn of(text: &str) -> Vec<Found> {
    let Some(address) = &*ADDRESS else {
        return Vec::new();
    };
    address
        .captures_iter(text)
        .filter_map(|found| {
            let whole = found.get(0)?;
            let domain = found.name("domain").map_or("", |domain| domain.as_str());
            let name = whole.as_str().split('@').next().unwrap_or_default();
            let is_address = !is_version(domain)
                && !is_label(name, text, whole.end())
                && !is_remote(name, text, whole.range().start, whole.end());
            is_address.then(|| (whole.range(), Private::Address))
        })
        .collect()
}

/// `package@15.0.0-canary.next`, `action@v4.1.x`.
fn is_version(domain: &str) -> bool {
    let mut parts = domain.strip_prefix('v').unwrap_or(domain).split('.');
    let mut is_number = || {
        parts
            .next()
            .is_some_and(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    };
    is_number() && is_number()
}

/// `this@Activity.binding`: Kotlin names the class that it means.
fn is_label(name: &str, text: &str, end: usize) -> bool {
    matches!(name, "this" | "super") && at(text, end) != Some('@')
}

/// `git@host:owner/name`: the account of a Git host, which is nobody's.
fn is_remote(name: &str, text: &str, start: usize, end: usize) -> bool {
    name == "git" && (matches!(at(text, end), Some(':' | '/')) || before(text, start) == Some('/'))
}
