//! Keys, tokens and passwords, wherever they stand.

use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::before;

/// Prefixes of vendors' credentials, by which redaction finds them, and how much follows a prefix at the least.
/// Sources: the vendors' pages on secret scanning.
const PREFIXES: [(&str, usize); 67] = [
    ("AKIA", 12), // AWS: access keys, and keys for a time
    ("ASIA", 12),
    ("ABIA", 12),
    ("ACCA", 12),
    ("ghp_", 8), // GitHub
    ("gho_", 8),
    ("ghu_", 8),
    ("ghs_", 8),
    ("ghr_", 8),
    ("github_pat_", 8),
    ("glpat-", 8), // GitLab
    ("gldt-", 8),
    ("glrt-", 8),
    ("glcbt-", 8),
    ("glptt-", 8),
    ("glft-", 8),
    ("glimt-", 8),
    ("glagent-", 8),
    ("gloas-", 8),
    ("glsoat-", 8),
    ("xoxa-", 8), // Slack
    ("xoxb-", 8),
    ("xoxc-", 8),
    ("xoxd-", 8),
    ("xoxe-", 8),
    ("xoxe.", 8),
    ("xoxo-", 8),
    ("xoxp-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xapp-", 8),
    ("sk_live_", 8), // Stripe
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("rk_test_", 8),
    ("whsec_", 8),
    ("sk-", 8),   // OpenAI, Anthropic
    ("AIza", 30), // Google
    ("ya29.", 16),
    ("GOCSPX-", 16),
    ("SG.", 40), // SendGrid
    ("npm_", 30),
    ("pypi-", 40),
    ("dckr_pat_", 16),
    ("hf_", 30),
    ("lin_api_", 16), // Linear
    ("lin_oauth_", 16),
    ("ATATT3", 30), // Atlassian
    ("shpat_", 16), // Shopify
    ("shpss_", 16),
    ("shppa_", 16),
    ("shpca_", 16),
    ("dop_v1_", 16), // DigitalOcean
    ("doo_v1_", 16),
    ("dor_v1_", 16),
    ("dapi", 32), // Databricks
    ("hvs.", 16), // Vault
    ("hvb.", 16),
    ("AGE-SECRET-KEY-", 16),
    ("NRAK-", 16), // New Relic
    ("glsa_", 16), // Grafana
    ("glc_", 24),
    ("PMAK-", 24),   // Postman
    ("sq0atp-", 16), // Square
    ("sq0csp-", 16),
    ("pscale_tkn_", 16), // PlanetScale
    ("eyJ", 12),         // a JSON Web Token, or any other JSON in base64
];

/// Fewest hex digits of a secret.
const HEX_MIN: usize = 32;

/// Fewest characters of a secret that only its disorder gives away.
const RANDOM_MIN: usize = 32;

/// Characters of a secret key of AWS.
const AWS_SECRET: usize = 40;

/// What may stand before hex digits and says that they are a commit or a digest.
const NAMES_OF_DIGESTS: [&str; 15] = [
    "commit",
    "commits",
    "sha",
    "sha1",
    "sha-1",
    "sha256",
    "sha-256",
    "sha384",
    "sha512",
    "revision",
    "rev",
    "tree",
    "blob",
    "md5",
    "integrity",
];

macro_rules! patterns {
    ($($name:ident = $pattern:literal;)+) => {
        $(static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());)+

        #[cfg(test)]
        pub(super) fn patterns_read() -> bool {
            [$($name.is_some(),)+].into_iter().all(|read| read)
        }
    };
}

patterns! {
    PEM = r"(?s)-----BEGIN [A-Z0-9 ]{1,40}-----(?:.*?-----END [A-Z0-9 ]{1,40}-----|(?:(?:[ \t>]|\\n|\\r|\r?\n)*[A-Za-z0-9+/=]{16,})+)";
    AUTHORITY = r#"[A-Za-z][A-Za-z0-9+.\-]*://([^\s"'`<>]+)"#;
    HOOK = r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_\-]{8,})";
    BEARER = r"(?i)\b(?:bearer|basic)[ \t]+([A-Za-z0-9+/_.=~\-]{16,})";
    BOT = r"\b[0-9]{8,10}:[A-Za-z0-9_\-]{35}\b";
    RUN = r"[A-Za-z0-9+/_=.\-]+";
    NAMED = r#"(?i)(?:passw(?:or)?d|passwort|pwd|passphrase|secret|token|api[_\-]?key|access[_\-]?key|private[_\-]?key)["'`*_]{0,3}[ \t]*(?:=>|=|:|[ \t]is[ \t])[ \t]*["'`*]{0,3}([^\s"'`*<>,;&(){}\[\]]{6,})"#;
}

/// Every credential that its own shape gives away.
pub(super) fn of(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    found.extend(whole(&PEM, text));
    found.extend(whole(&BOT, text));
    found.extend(groups(&HOOK, text));
    found.extend(groups(&BEARER, text).filter(|range| is_mixed(part(text, range))));
    for run in whole(&RUN, text) {
        of_run(text, &run, &mut found);
    }
    found
}

/// What stands before the `@` of every address of the web.
pub(super) fn user_infos(text: &str) -> Vec<Range<usize>> {
    groups(&AUTHORITY, text)
        .filter_map(|range| user_info(part(text, &range), range.start))
        .collect()
}

/// Values behind a name such as `password`, with a letter and a digit; a call or a path of code is none.
pub(super) fn named(text: &str) -> impl Iterator<Item = Range<usize>> {
    groups(&NAMED, text).filter(|range| {
        let value = part(text, range);
        is_mixed(value) && !value.contains("::") && super::at(text, range.end) != Some('(')
    })
}

fn whole(pattern: &LazyLock<Option<Regex>>, text: &str) -> impl Iterator<Item = Range<usize>> {
    let finds = pattern.as_ref().map(|pattern| pattern.find_iter(text));
    finds.into_iter().flatten().map(|found| found.range())
}

fn groups(pattern: &LazyLock<Option<Regex>>, text: &str) -> impl Iterator<Item = Range<usize>> {
    let finds = pattern.as_ref().map(|pattern| pattern.captures_iter(text));
    finds
        .into_iter()
        .flatten()
        .filter_map(|found| found.get(1).map(|group| group.range()))
}

fn part<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
    text.get(range.clone()).unwrap_or_default()
}

/// The same of one address, whose scheme is cut off; `git` alone opens nothing.
fn user_info(rest: &str, start: usize) -> Option<Range<usize>> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let end = authority.rfind('@').or_else(|| {
        // A password with a `/` in it, which is no port.
        let (_, behind) = authority.split_once(':')?;
        let is_port = behind.chars().all(|c| c.is_ascii_digit()) || authority.starts_with('[');
        if is_port { None } else { rest.rfind('@') }
    })?;
    let info = rest.get(..end)?;
    (!info.is_empty() && info != "git").then(|| start..start.saturating_add(end))
}

/// What a run of letters, digits and the signs of base64 holds.
fn of_run(text: &str, run: &Range<usize>, found: &mut Vec<Range<usize>>) {
    let token = part(text, run);
    for (prefix, least) in PREFIXES {
        for (index, _) in token.match_indices(prefix) {
            let starts = before(text, run.start + index).is_none_or(|c| !c.is_ascii_alphanumeric());
            let tail = token.get(index + prefix.len()..).unwrap_or_default();
            let tail = tail.trim_end_matches(['.', '=', '-', '_', '/']);
            // `sk-loading-wrapper` is a class of a style sheet.
            let is_words = prefix == "sk-" && tail.contains('-') && !is_varied(tail);
            if starts && tail.len() >= least && !is_words {
                let start = run.start + index;
                found.push(start..start + prefix.len() + tail.len());
            }
        }
    }
    for hex in pieces(token, |c| c.is_ascii_hexdigit()) {
        let place = run.start + hex.start..run.start + hex.end;
        let digits = part(token, &hex);
        let is_alone = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
        if digits.len() >= HEX_MIN
            && is_mixed(digits)
            && is_alone(before(text, place.start))
            && is_alone(super::at(text, place.end))
            && !is_named_digest(text, place.start)
        {
            found.push(place);
        }
    }
    for piece in pieces(token, |c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/')) {
        let value = part(token, &piece);
        if is_random(value) {
            found.push(run.start + piece.start..run.start + piece.end);
        }
    }
    // The alphabet of base64 in addresses has `-` and `_` in place of `+` and `/`.
    for piece in pieces(token, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        let value = part(token, &piece);
        if is_random(value) {
            found.push(run.start + piece.start..run.start + piece.end);
        }
    }
}

/// The longest pieces of a text that are made of these characters.
fn pieces(text: &str, belongs: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = None;
    for (index, c) in text.char_indices() {
        match (belongs(c), start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                pieces.push(from..index);
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    pieces.extend(start.map(|from| from..text.len()));
    pieces
}

fn is_mixed(value: &str) -> bool {
    value.chars().any(|c| c.is_ascii_digit()) && value.chars().any(|c| c.is_ascii_alphabetic())
}

fn is_varied(value: &str) -> bool {
    value
        .chars()
        .any(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// Small letters, capitals and digits in no order. Words joined to an identifier or a path change their kind of
/// character once a word, what a machine drew changes it at every second one.
fn is_random(value: &str) -> bool {
    if value.len() < RANDOM_MIN || !is_mixed(value) {
        return false;
    }
    let has = |is: fn(&char) -> bool| value.chars().any(|c| is(&c));
    if !has(char::is_ascii_lowercase) || !has(char::is_ascii_uppercase) {
        return false;
    }
    let mut changes = 0_usize;
    let mut last = None;
    for c in value.chars() {
        let kind = Kind::of(c);
        // A capital begins a word, and a sign ends it.
        let is_plain = matches!(
            (last, kind),
            (None | Some(Kind::Capital), Kind::Small) | (Some(Kind::Sign), _) | (_, Kind::Sign)
        );
        if last != Some(kind) && !is_plain {
            changes += 1;
        }
        last = Some(kind);
    }
    let is_disorder = |share: usize| changes.saturating_mul(share) >= value.len();
    is_disorder(4) || (value.len() == AWS_SECRET && is_disorder(5) && !has_word(value))
}

/// Small letters in a row that make it likely that a person wrote them.
fn has_word(value: &str) -> bool {
    value
        .split(|c: char| !c.is_ascii_lowercase())
        .any(|word| word.len() >= 5)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Capital,
    Digit,
    Sign,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Small,
            'A'..='Z' => Self::Capital,
            '0'..='9' => Self::Digit,
            _ => Self::Sign,
        }
    }
}

/// Whether the word before a place names what follows as a commit or a digest, as in `commit 1f..`, `/commit/1f..`,
/// `sha256:1f..` and `checkout@1f..`.
fn is_named_digest(text: &str, start: usize) -> bool {
    let head = text.get(..start).unwrap_or_default();
    let bare = head.trim_end_matches([' ', '`', '*', '"', '\'', '(', '[', ':', '=', '/', '-', '_']);
    if head.ends_with('@') {
        return bare.strip_suffix('@').is_some_and(|name| {
            name.chars()
                .next_back()
                .is_some_and(|c| c.is_ascii_alphanumeric())
        });
    }
    let gap = head.len().saturating_sub(bare.len());
    let word = bare
        .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .next();
    let word = word.unwrap_or_default().to_ascii_lowercase();
    (1..=4).contains(&gap) && NAMES_OF_DIGESTS.contains(&word.as_str())
}
