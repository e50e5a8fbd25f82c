//! Which work a plan is about.

use ratchet_domain::ids::OrgId;
use ratchet_guard::Record;
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};

/// Longest window, in ms: 31 days. Reason: a bill's period; what is older is replayed by `--subject`.
pub const WINDOW_MS_MAX: Millis = 31 * 24 * 3_600_000;

/// What a plan looks at. Everything given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Whose work.
    pub org: OrgId,
    /// Steps that were claimed, sealed or parked since, ms; none with a subject alone.
    pub since_ms: Option<Millis>,
    /// And before, ms.
    pub until_ms: Option<Millis>,
    /// Steps of this stage.
    pub stage: Option<String>,
    /// Steps that are parked for this reason.
    pub reason: Option<String>,
    /// Steps of this ledger subject.
    pub subject: Option<String>,
    /// One sealed step of the subject to be done once more.
    pub refire: Option<String>,
}

impl Selection {
    /// The beginning of the subjects of the org's tickets.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("ticket#{}#", self.org)
    }

    /// Whether a row is selected.
    #[must_use]
    pub fn has(&self, record: &Record) -> bool {
        let times = [
            Some(record.first_claimed_at),
            Some(record.claimed_at),
            record.settled_at,
        ];
        times.into_iter().flatten().any(|at_ms| self.has_time(at_ms))
            && self.has_stage(&record.stage)
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| record.reason.as_ref() == Some(reason))
    }

    /// Whether a step without a row is selected: its stage, and when the step before it was sealed.
    #[must_use]
    pub fn has_missing(&self, stage: &str, since_ms: Millis) -> bool {
        self.reason.is_none() && self.has_stage(stage) && self.has_time(since_ms)
    }

    fn has_stage(&self, stage: &str) -> bool {
        self.stage.as_deref().is_none_or(|wanted| wanted == stage)
    }

    fn has_time(&self, at_ms: Millis) -> bool {
        self.since_ms.is_none_or(|since_ms| since_ms <= at_ms)
            && self.until_ms.is_none_or(|until_ms| at_ms < until_ms)
    }

    /// Whether both may be about the same step.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        fn may_agree<T: PartialEq>(one: Option<&T>, two: Option<&T>) -> bool {
            match (one, two) {
                (Some(one), Some(two)) => one == two,
                (None, _) | (_, None) => true,
            }
        }
        let begins_before_end = |one: &Self, two: &Self| match (one.since_ms, two.until_ms) {
            (Some(since_ms), Some(until_ms)) => since_ms < until_ms,
            (None, _) | (_, None) => true,
        };
        self.org == other.org
            && may_agree(self.subject.as_ref(), other.subject.as_ref())
            && may_agree(self.stage.as_ref(), other.stage.as_ref())
            && begins_before_end(self, other)
            && begins_before_end(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(org: &str, since_ms: u64, until_ms: u64) -> Selection {
        Selection {
            org: OrgId::parse(org).unwrap(),
            since_ms: Some(since_ms),
            until_ms: Some(until_ms),
            stage: None,
            reason: None,
            subject: None,
            refire: None,
        }
    }

    #[test]
    fn windows_that_touch_do_not_overlap_and_windows_that_cross_do() {
        let first = of("acme", 10, 20);
        assert!(!first.overlaps(&of("acme", 20, 30)));
        assert!(first.overlaps(&of("acme", 19, 30)) && of("acme", 19, 30).overlaps(&first));
        assert!(!first.overlaps(&of("other", 10, 20)));
    }

    #[test]
    fn what_one_of_two_leaves_open_overlaps_and_what_differs_does_not() {
        let all = of("acme", 10, 20);
        let map = Selection {
            stage: Some("map".to_owned()),
            ..all.clone()
        };
        let notify = Selection {
            stage: Some("notify".to_owned()),
            ..all.clone()
        };
        assert!(all.overlaps(&map) && map.overlaps(&map));
        assert!(!map.overlaps(&notify));
        let one = Selection {
            since_ms: None,
            until_ms: None,
            subject: Some("ticket#acme#zendesk#1".to_owned()),
            ..all.clone()
        };
        assert!(all.overlaps(&one) && one.overlaps(&all));
    }
}
