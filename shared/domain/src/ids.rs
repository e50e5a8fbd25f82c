//! Identities: made from stable inputs only, never from a clock, a random, an attempt or a model's words.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// An id that is not of its form; names the kind, the value's length and the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} must be {rule} length=`{length}`")]
pub struct IdError {
    kind: &'static str,
    rule: &'static str,
    length: usize,
}

fn checked(
    kind: &'static str,
    rule: &'static str,
    value: &str,
    length_max: usize,
    form: impl Fn(&str) -> bool,
) -> Result<(), IdError> {
    if value.is_empty() || value.len() > length_max || !form(value) {
        return Err(IdError {
            kind,
            rule,
            length: value.len(),
        });
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $max:literal, $form:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the form and wraps it.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long, or has a character that the rule excludes.
            pub fn parse(value: impl Into<String>) -> Result<Self, IdError> {
                let value = value.into();
                checked($kind, $rule, &value, $max, $form)?;
                Ok(Self(value))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                Self::parse(value)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A customer of this deployment. It stands in every key and in the webhook's path.
    OrgId, "org", "1 to 64 of a-z, 0-9, `-` and `_`", 64,
    |text| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
);
text_id!(
    /// The provider's id of a ticket, as text: digits at Zendesk and Intercom.
    TicketNumber, "ticket id", "1 to 64 of A-Z, a-z, 0-9, `-` and `_`", 64,
    |text| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
);
text_id!(
    /// A repository as `owner/name`.
    RepoName, "repository", "owner/name of A-Z, a-z, 0-9, `-`, `_`, `.` and one `/`", 140,
    |text| text.split_once('/').is_some_and(|(owner, name)| is_path_part(owner) && is_path_part(name))
);

/// A part of a path that names what it says: `.` and `..` would lead elsewhere in an API's address.
fn is_path_part(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

impl RepoName {
    /// The owner, the part before the slash.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(owner, _)| owner)
    }
}

/// Where a ticket lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Zendesk Support.
    Zendesk,
    /// Intercom conversations.
    Intercom,
}

impl Provider {
    /// The name in paths, keys and settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Intercom => "intercom",
        }
    }

    /// The provider of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Zendesk, Self::Intercom]
            .into_iter()
            .find(|provider| provider.as_str() == name)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One ticket of one org: the subject that every record of its life hangs from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketRef {
    /// Whose ticket it is.
    pub org: OrgId,
    /// Where it lives.
    pub provider: Provider,
    /// Its id there.
    pub number: TicketNumber,
}

impl TicketRef {
    /// The ledger's partition key: `ticket#<org>#<provider>#<id>`.
    /// All steps of the ticket and of its bug share it, so one Query shows the whole life.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("ticket#{}#{}#{}", self.org, self.provider, self.number)
    }

    /// `<provider>:<id>`, as usage entries and people name it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}:{}", self.provider, self.number)
    }

    /// The org's ticket of a [`Self::label`]; nothing for another text.
    #[must_use]
    pub fn labelled(org: &OrgId, label: &str) -> Option<Self> {
        let (provider, number) = label.split_once(':')?;
        Some(Self {
            org: org.clone(),
            provider: Provider::from_name(provider)?,
            number: TicketNumber::parse(number).ok()?,
        })
    }

    /// The id of the bug that this ticket reports.
    /// It exists before any extraction ran, and no extraction can change it.
    #[must_use]
    pub fn bug(&self) -> BugId {
        let digest = digest_of(&[
            "bug",
            self.org.as_str(),
            self.provider.as_str(),
            self.number.as_str(),
            "0", // the ordinal: one bug a ticket
        ]);
        BugId(digest.chars().take(BUG_DIGITS).collect())
    }
}

/// Digits of a bug's id.
const BUG_DIGITS: usize = 20;

/// A bug: 20 hex digits of a hash over (org, provider, ticket, ordinal).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BugId(String);

impl BugId {
    /// Reads an id: 20 lower-case hex digits. It names a bug if one has it; nothing for another text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let is_id = text.len() == BUG_DIGITS && text.chars().all(is_digit);
        is_id.then(|| Self(text.to_owned()))
    }

    /// The id as text: 20 lower-case hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The branch its pull requests come from, the same in every repository.
    #[must_use]
    pub fn branch(&self) -> String {
        format!("ratchet/{}", self.0)
    }
}

impl fmt::Display for BugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the customer said, hashed: 64 hex digits over the ticket's customer-written text.
/// New customer content is new work; anything else on the ticket is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Hashes the parts, each with its length in front, so that no two lists of parts collide.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        Self(digest_of(parts))
    }

    /// The hash as text: 64 lower-case hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 16 digits, as step keys carry it.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.chars().take(16).collect()
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 over the parts, each preceded by its length as 8 big-endian bytes; lower-case hex.
#[must_use]
pub fn digest_of(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(framed(&[], parts)))
}

/// The parts behind a prefix, each preceded by its length as 8 big-endian bytes: no two lists of parts have the same bytes.
/// They are hashed as a whole, because many short updates cost more than the hash.
pub(crate) fn framed(prefix: &[u8], parts: &[&str]) -> Vec<u8> {
    let length = parts.iter().map(|part| 8 + part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(prefix.len() + length);
    bytes.extend_from_slice(prefix);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(org: &str, number: &str) -> TicketRef {
        TicketRef {
            org: OrgId::parse(org).unwrap(),
            provider: Provider::Zendesk,
            number: TicketNumber::parse(number).unwrap(),
        }
    }

    #[test]
    fn parts_that_concatenate_alike_hash_apart() {
        assert_ne!(ContentHash::of(&["ab", "c"]), ContentHash::of(&["a", "bc"]));
    }

    #[test]
    fn equal_ticket_numbers_of_two_orgs_are_two_bugs() {
        assert_ne!(ticket("acme", "1").bug(), ticket("globex", "1").bug());
        assert_eq!(ticket("acme", "1").bug(), ticket("acme", "1").bug());
        let bug = ticket("acme", "1").bug();
        assert_eq!(BugId::parse(bug.as_str()), Some(bug));
        for text in ["", "5158", "0123456789abcdef012", "0123456789ABCDEF0123"] {
            assert_eq!(BugId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_label_names_its_ticket_and_another_text_names_none() {
        let acme = OrgId::parse("acme").unwrap();
        let one = ticket("acme", "5158");
        assert_eq!(TicketRef::labelled(&acme, &one.label()), Some(one));
        for text in ["", "5158", "zendesk", "zendesk:", "telegraph:5158", "zendesk:5#8"] {
            assert_eq!(TicketRef::labelled(&acme, text), None, "{text}");
        }
    }

    #[test]
    fn an_org_with_a_separator_is_refused() {
        assert!(OrgId::parse("acme#1").is_err());
        assert!(OrgId::parse("").is_err());
        assert!(serde_json::from_str::<OrgId>("\"a/b\"").is_err());
    }

    #[test]
    fn a_repository_is_an_owner_and_a_name_and_leads_nowhere_else() {
        assert_eq!(RepoName::parse("acme/shop.js").unwrap().owner(), "acme");
        for wrong in [
            "acme",
            "acme/",
            "/shop",
            "acme/shop/src",
            "acme/..",
            "./shop",
            "acme/a b",
            "",
        ] {
            assert!(RepoName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
