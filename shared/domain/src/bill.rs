//! Bills: entries that carry what proves them, and how they add up.
//!
//! An entry is a row of the usage table under a sort key that begins with `entry#`. It never changes; a credit is an
//! entry of its own. The words here are shared by whoever writes, seals, checks, explains and exports entries; only
//! `qualify` writes them.

mod digits;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{BugId, ContentHash, OrgId, digest_of};
use crate::merkle::Hash;
use crate::period::{Period, Zone};

/// What begins every entry's sort key.
pub const ENTRY: &str = "entry#";

/// The sort key of a partition's total.
pub const TOTAL: &str = "total";

/// Most partitions that a period's charges are spread over. Reason: each of them is a Query for whoever adds up a bill.
pub const SPREAD_MAX: u64 = 64;

/// How long after a charge a claim that the bug was mapped wrongly is credited, in ms: 7 days.
pub const CREDIT_WINDOW_MS: u64 = 7 * 24 * 3_600_000;

/// The usage table's partition of an org and period: `<org>#<YYYY-MM>`, and `<org>#<YYYY-MM>+<part>` for the parts after
/// the first of an org whose charges are spread. One `#`, so that no pattern of a role that has two can match it.
#[must_use]
pub fn partition(org: &OrgId, period: &Period, part: u64) -> String {
    match part {
        0 => format!("{org}#{period}"),
        part => format!("{org}#{period}+{part}"),
    }
}

/// The partition of an org's seals in a period.
#[must_use]
pub fn seals_partition(org: &OrgId, period: &Period) -> String {
    format!("seals#{org}#{period}")
}

/// The part that a bug's charge goes to first.
#[must_use]
pub fn home_part(bug: &BugId, spread: u64) -> u64 {
    let digits: String = bug.as_str().chars().take(8).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0) % spread.max(1)
}

/// What one part may have charged in all, from what each part has charged, so that no more than the cap is ever charged.
///
/// The open parts, those below `spread`, are filled level by level like vessels side by side; what closed parts have, or an
/// open one has above the level, is taken off for all. A charge that it lets a part make moves no other part's limit, so
/// parts may charge at once, and a cap or a spread that changes within a period is kept from then on.
#[must_use]
pub fn limit_of(cap: u64, spread: u64, counted: &[u64], part: u64) -> u64 {
    let spread = usize::try_from(spread.clamp(1, SPREAD_MAX)).unwrap_or(1);
    let count = |part: usize| counted.get(part).copied().unwrap_or(0);
    let closed: u64 = counted.iter().skip(spread).sum();
    let open = cap.saturating_sub(closed);
    let filled_to = |level: u64| -> u64 {
        let parts = (0..spread).map(|part| count(part).max(level));
        parts.fold(0, u64::saturating_add)
    };
    let part = usize::try_from(part).unwrap_or(usize::MAX);
    let own = count(part);
    if part >= spread || filled_to(0) > open {
        return own;
    }
    let (mut level, mut above) = (0, open.saturating_add(1));
    while above - level > 1 {
        let middle = level + (above - level) / 2;
        if filled_to(middle) <= open {
            level = middle;
        } else {
            above = middle;
        }
    }
    // What is left is less than one for each part that stands no higher: the first ones have it.
    let left = open - filled_to(level);
    let before = (0..part).filter(|part| count(*part) <= level).count() as u64;
    own.max(level + u64::from(own <= level && before < left))
}

/// The sort key of a bug's charge.
#[must_use]
pub fn charge_key(bug: &BugId) -> String {
    format!("{ENTRY}{bug}")
}

/// The sort key of a bug's one credit.
#[must_use]
pub fn credit_key(bug: &BugId) -> String {
    format!("{ENTRY}{bug}#credit")
}

/// The result of the step `bill`: the billable flag of a bug. A bug that a person let through below a threshold has one
/// without a charge, so that no later words of its customer are charged either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The usage table's partition that has the charge; empty without one.
    pub org_period: String,
    /// The charge's sort key there; empty without one.
    pub entry: String,
    /// The charge's own hash; empty without one.
    pub hash: String,
    /// When it was billed or let through, in ms.
    pub billed_at: u64,
    /// The customer content that qualified.
    pub content: ContentHash,
}

impl Flag {
    /// The flag of a bug that goes on without a charge.
    #[must_use]
    pub fn without_charge(content: ContentHash, at_ms: u64) -> Self {
        Self {
            org_period: String::new(),
            entry: String::new(),
            hash: String::new(),
            billed_at: at_ms,
            content,
        }
    }

    /// There is a charge.
    #[must_use]
    pub fn is_charge(&self) -> bool {
        !self.entry.is_empty()
    }

    /// Whether a claim of that time is early enough to be credited: within [`CREDIT_WINDOW_MS`].
    #[must_use]
    pub fn is_in_time(&self, asked_at_ms: u64) -> bool {
        asked_at_ms.saturating_sub(self.billed_at) <= CREDIT_WINDOW_MS
    }
}

/// The result of the step `credit`: where a bug's one credit is, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditFlag {
    /// The usage table's partition that has the credit.
    pub org_period: String,
    /// The credit's sort key there.
    pub entry: String,
    /// The credit's own hash.
    pub hash: String,
}

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A text.
    Text(String),
    /// A number, as its digits; made by [`Field::number`].
    Number(String),
}

impl Field {
    /// A text.
    #[must_use]
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    /// A number, in the one form of its digits that every store gives the same hash.
    #[must_use]
    pub fn number(value: impl ToString) -> Self {
        Self::Number(digits::canonical(&value.to_string()))
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }

    fn tag(&self) -> &'static str {
        match self {
            Self::Text(_) => "S",
            Self::Number(_) => "N",
        }
    }
}

/// The fields of one entry, without its hash and its place in the table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    fields: BTreeMap<String, Field>,
}

impl Entry {
    /// An entry of these fields.
    pub fn new<N: Into<String>>(fields: impl IntoIterator<Item = (N, Field)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value));
        Self {
            fields: fields.collect(),
        }
    }

    /// Every field, by name.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, Field> {
        &self.fields
    }

    /// A field's characters; nothing where it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(Field::as_str)
    }

    /// SHA-256 over every field's name, type and value, in the order of their names.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut parts = vec!["entry/1"];
        for (name, value) in &self.fields {
            parts.extend([name.as_str(), value.tag(), value.as_str()]);
        }
        digest_of(&parts)
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bug that was charged.
    MappedBug,
    /// A charge that was given back.
    Credit,
}

impl Kind {
    /// The word in the entry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MappedBug => "mapped_bug",
            Self::Credit => "credit",
        }
    }

    /// The field that has the entry's own time.
    fn time(self) -> &'static str {
        match self {
            Self::MappedBug => "billed_at",
            Self::Credit => "credited_at",
        }
    }
}

/// Why an entry does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// A field was changed, added or taken away.
    #[error("its hash is not that of its fields")]
    Hash,
    /// It was copied or moved.
    #[error("it names another key, org or period than its place in the table")]
    Place,
    /// Nobody writes such an entry.
    #[error("it is of no known kind")]
    Kind,
    /// Its own time lies in another month.
    #[error("its period is not the month of its time in its time zone")]
    Period,
}

/// An entry as it stands in the usage table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The partition.
    pub partition: String,
    /// The sort key.
    pub key: String,
    /// The hash that it carries.
    pub hash: String,
    /// Its fields.
    pub entry: Entry,
}

impl Recorded {
    /// What it is.
    ///
    /// # Errors
    /// [`Fault`]: its hash, its place, or its kind is not as it should be.
    pub fn verified(&self) -> Result<Kind, Fault> {
        if self.entry.hash() != self.hash {
            return Err(Fault::Hash);
        }
        let get = |name: &str| self.entry.get(name).unwrap_or_default();
        let place = format!("{}#{}", get("org"), get("period"));
        let whole = self.partition.split('+').next();
        let bug = get("bug");
        let (kind, key) = match get("kind") {
            "mapped_bug" => (Kind::MappedBug, format!("{ENTRY}{bug}")),
            "credit" => (Kind::Credit, format!("{ENTRY}{bug}#credit")),
            _ => return Err(Fault::Kind),
        };
        let month = Zone::named(get("time_zone")).zip(get(kind.time()).parse().ok());
        let month = month.map(|(zone, at_ms)| Period::of(at_ms, &zone));
        if month.is_none_or(|month| month.as_str() != get("period")) {
            return Err(Fault::Period);
        }
        if whole != Some(place.as_str()) || self.key != key || get("key") != key {
            return Err(Fault::Place);
        }
        Ok(kind)
    }

    /// Its leaf in the period's tree.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf(&self.key, &self.hash)
    }
}

/// The leaf of an entry in its period's tree.
#[must_use]
pub fn leaf(key: &str, hash: &str) -> Hash {
    Hash::leaf(&[key, hash])
}

/// What a period comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sum {
    /// Bugs charged.
    pub mapped_bugs: u64,
    /// Charges given back.
    pub credits: u64,
}

impl Sum {
    /// Counts one entry in.
    pub fn add(&mut self, kind: Kind) {
        match kind {
            Kind::MappedBug => self.mapped_bugs += 1,
            Kind::Credit => self.credits += 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            mapped_bugs: self.mapped_bugs.saturating_add(other.mapped_bugs),
            credits: self.credits.saturating_add(other.credits),
        }
    }

    /// How many entries.
    #[must_use]
    pub fn entries(self) -> u64 {
        self.mapped_bugs.saturating_add(self.credits)
    }

    /// What is charged after credits, and how much of it the plan does not include. Credits of earlier periods' charges
    /// may be more than this one charges: it never comes to less than nought, and what is over has a name of its own.
    #[must_use]
    pub fn due(self, included: u64) -> Due {
        let net = self.mapped_bugs.saturating_sub(self.credits);
        Due {
            net,
            overage: net.saturating_sub(included),
            unused_credits: self.credits.saturating_sub(self.mapped_bugs),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} charges and {} credits", self.mapped_bugs, self.credits)
    }
}

/// What is to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Charges less credits.
    pub net: u64,
    /// Of those, what the plan does not include.
    pub overage: u64,
    /// Credits that found no charge in this period to be taken from: to be carried over to a later bill.
    pub unused_credits: u64,
}

#[cfg(test)]
mod tests;
