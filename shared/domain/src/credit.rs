//! A claim that a bug was mapped wrongly, and what became of it.

use serde::{Deserialize, Serialize};

use crate::bill::Flag;
use crate::ids::{TicketRef, digest_of};

/// Longest note of a claim, in characters. Reason: it stands in a message, a row and an entry.
pub const NOTE_CHARS_MAX: usize = 200;

/// Who claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A person, through the operator's command line.
    Operator,
    /// The merge of the bug's pull requests, none of which touched a mapped file.
    Merge,
}

impl Source {
    /// The word in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Merge => "merge",
        }
    }
}

/// A claim, as its message carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditAsked {
    /// The ticket of the bug.
    pub ticket: TicketRef,
    /// Who claims it.
    pub source: Source,
    /// A person's name, or what was merged.
    pub by: String,
    /// Why, in a person's words; at most [`NOTE_CHARS_MAX`].
    pub note: String,
    /// Hash of the charge that it is about, as the bug's flag has it; none where there was no charge yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
    /// When it was claimed, in ms.
    pub asked_at_ms: u64,
}

impl CreditAsked {
    /// Names the claim: the same words of the same person about the same charge are one claim, however often they come.
    /// What was claimed before there was a charge is another claim, since it was judged without one.
    #[must_use]
    pub fn id(&self) -> String {
        let mut parts = vec!["credit", self.source.as_str(), &self.by, &self.note];
        parts.extend(self.charge.as_deref());
        digest_of(&parts).chars().take(16).collect()
    }

    /// Whether it is about this charge. One that names none is about whatever charge there is.
    #[must_use]
    pub fn is_about(&self, charge: &Flag) -> bool {
        self.charge.as_ref().is_none_or(|hash| *hash == charge.hash)
    }
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The charge is given back by an entry of its own.
    Credited,
    /// Another claim was credited before; this one is on record.
    CreditedBefore,
    /// It came more than seven days after the charge.
    TooLate,
    /// There is no charge.
    NotBilled,
}

impl Verdict {
    /// In plain words, for a person.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Credited => "credited",
            Self::CreditedBefore => "on record; another claim was credited before",
            Self::TooLate => "on record; it came more than seven days after the charge",
            Self::NotBilled => "on record; there was no charge then",
        }
    }
}

/// The sealed result of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// What became of it.
    pub verdict: Verdict,
    /// The claim.
    pub claim: CreditAsked,
    /// Key of the credit's entry, where there is one.
    pub entry: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ContentHash, OrgId, Provider, TicketNumber};

    fn claim(charge: Option<&str>) -> CreditAsked {
        CreditAsked {
            ticket: TicketRef {
                org: OrgId::parse("acme").unwrap(),
                provider: Provider::Zendesk,
                number: TicketNumber::parse("5158").unwrap(),
            },
            source: Source::Operator,
            by: "ana".to_owned(),
            note: "wrong module".to_owned(),
            charge: charge.map(str::to_owned),
            asked_at_ms: 7,
        }
    }

    #[test]
    fn claim_before_and_after_the_charge_are_two_and_the_same_one_is_one() {
        let (before, after) = (claim(None), claim(Some("h1")));
        assert_ne!(before.id(), after.id());
        assert_ne!(after.id(), claim(Some("h2")).id());
        let later = CreditAsked {
            asked_at_ms: 8,
            ..after.clone()
        };
        assert_eq!(later.id(), after.id());
    }

    #[test]
    fn claim_of_an_older_build_parses_and_keeps_its_name() {
        let text = r#"{"ticket":{"org":"acme","provider":"zendesk","number":"5158"},"source":"operator","by":"ana","note":"wrong module","asked_at_ms":7}"#;
        let read: CreditAsked = serde_json::from_str(text).unwrap();
        assert_eq!(read, claim(None));
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            text,
            "and an older build reads it"
        );
        let id: String = digest_of(&["credit", "operator", "ana", "wrong module"])
            .chars()
            .take(16)
            .collect();
        assert_eq!(read.id(), id);
    }

    #[test]
    fn claim_is_about_the_charge_that_it_names_or_about_any() {
        let flag = Flag {
            hash: "h1".to_owned(),
            ..Flag::without_charge(ContentHash::of(&["x"]), 0)
        };
        let about = |charge| claim(charge).is_about(&flag);
        assert_eq!(
            (about(None), about(Some("h1")), about(Some("h2"))),
            (true, true, false)
        );
    }
}
