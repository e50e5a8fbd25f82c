//! Finds secrets and e-mail addresses in third-party text, and strips them before it reaches a repository, a chat, a
//! tracker or a customer.
//!
//! It is a filter by shape, not by meaning: a password that looks like a plain word passes. What stands around a find
//! (Markdown, quotes, brackets, an address of the web) does not hide it.
//!
//! A run of 32 and more hex digits is a secret unless the word before it names it a commit or a digest: a key and a
//! commit have the same shape, and a text that needs the commit says that it is one.

mod address;
mod credential;

use std::fmt;
use std::ops::Range;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Private {
    /// An e-mail address.
    Address,
    /// A key, a token, a password in an address, or anything else that opens something.
    Credential,
}

impl Private {
    fn stand_in(self) -> &'static str {
        match self {
            Self::Address => "[e-mail removed]",
            Self::Credential => "[secret removed]",
        }
    }
}

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "an e-mail address",
            Self::Credential => "a credential",
        })
    }
}

/// Where something private stands in a text, in bytes.
type Found = (Range<usize>, Private);

/// The text with every e-mail address and everything that looks like a credential replaced by a word that says so.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut found = by_shape(text);
    found.extend(credential::named(text).map(|range| (range, Private::Credential)));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, private) in apart(found) {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(private.stand_in());
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The first address or credential in `after` that stands nowhere in `before`: what a change adds.
///
/// What is a secret only by the name in front of it (`password = ..`) is not looked for: code has such lines.
#[must_use]
pub fn added(before: &str, after: &str) -> Option<Private> {
    apart(by_shape(after))
        .into_iter()
        .find(|(range, _)| {
            after
                .get(range.clone())
                .is_some_and(|text| !before.contains(text))
        })
        .map(|(_, private)| private)
}

fn by_shape(text: &str) -> Vec<Found> {
    let user_infos = credential::user_infos(text);
    // A password before a host looks like an address; the host stays.
    let is_own = |(range, _): &Found| {
        let overlaps = |info: &Range<usize>| range.start < info.end && info.start < range.end;
        !user_infos.iter().any(overlaps)
    };
    let mut found: Vec<Found> = address::of(text).into_iter().filter(is_own).collect();
    let credentials = credential::of(text).into_iter().chain(user_infos);
    found.extend(credentials.map(|range| (range, Private::Credential)));
    found
}

/// In order of their places, those that overlap as one; a credential hides what else it holds.
fn apart(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|(range, _)| (range.start, range.end));
    let mut apart: Vec<Found> = Vec::new();
    for (range, private) in found {
        match apart.last_mut() {
            Some((last, kind)) if range.start < last.end => {
                last.end = last.end.max(range.end);
                *kind = (*kind).max(private);
            }
            _ => apart.push((range, private)),
        }
    }
    apart
}

/// The character right before a place.
fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at).and_then(|text| text.chars().next_back())
}

/// The character at a place.
fn at(text: &str, at: usize) -> Option<char> {
    text.get(at..).and_then(|text| text.chars().next())
}

#[cfg(test)]
mod tests;
