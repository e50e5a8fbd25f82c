//! The gate: two recorded scores against two thresholds.

use ratchet_domain::bug::{Bug, Mapping};
use ratchet_domain::decision::{Decision, Gate};
use ratchet_domain::settings::Thresholds;

/// Decides from what is on record; equal records and thresholds decide alike.
pub(crate) fn decide(bug: &Bug, mapping: &Mapping, thresholds: Thresholds) -> Decision {
    let location_confidence = mapping.best_confidence();
    let repos = mapping.repos_at(thresholds.location_confidence);
    let passes = bug.ai_confidence >= thresholds.ai_confidence && !repos.is_empty();
    Decision {
        gate: if passes { Gate::Billed } else { Gate::Held },
        ai_confidence: bug.ai_confidence,
        location_confidence,
        ai_threshold: thresholds.ai_confidence,
        location_threshold: thresholds.location_confidence,
        repos,
        entry: None,
    }
}

/// What passes on a person's word alone goes on, and nothing is charged for it.
pub(crate) fn without_charge(decision: Decision) -> Decision {
    let gate = match decision.gate {
        Gate::Billed => Gate::Approved,
        other @ (Gate::BilledBefore | Gate::Capped | Gate::Held | Gate::Approved) => other,
    };
    Decision { gate, ..decision }
}

/// One sentence with the scores, for the person who decides.
pub(crate) fn reason(decision: &Decision) -> String {
    format!(
        "a score is below its threshold ai_confidence=`{}` of `{}` location_confidence=`{}` of `{}`",
        decision.ai_confidence,
        decision.ai_threshold,
        decision.location_confidence,
        decision.location_threshold
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_domain::bug::{Location, Severity};
    use ratchet_domain::ids::RepoName;

    fn bug(ai_confidence: f64) -> Bug {
        Bug {
            title: String::new(),
            severity: Severity::Low,
            steps_to_reproduce: Vec::new(),
            expected: String::new(),
            actual: String::new(),
            affected_feature: String::new(),
            customer_impact: String::new(),
            quote: String::new(),
            quote_note: None,
            ai_confidence,
        }
    }

    fn mapping(confidences: &[(&str, f64)]) -> Mapping {
        let locations = confidences
            .iter()
            .map(|(repo, confidence)| Location {
                repo: RepoName::parse(*repo).unwrap(),
                file: "src/lib.rs".to_owned(),
                symbol: String::new(),
                start_line: 1,
                end_line: 1,
                explanation: String::new(),
                confidence: *confidence,
                executable: false,
            })
            .collect();
        Mapping {
            trees: Vec::new(),
            unusable: Vec::new(),
            locations,
            candidates_hash: String::new(),
        }
    }

    #[test]
    fn a_score_at_its_threshold_passes_and_one_below_does_not() {
        let at = Thresholds::default();
        assert_eq!(
            decide(&bug(0.7), &mapping(&[("a/b", 0.7)]), at).gate,
            Gate::Billed
        );
        assert_eq!(decide(&bug(0.69), &mapping(&[("a/b", 0.9)]), at).gate, Gate::Held);
        assert_eq!(decide(&bug(0.9), &mapping(&[("a/b", 0.69)]), at).gate, Gate::Held);
        assert_eq!(decide(&bug(0.9), &mapping(&[]), at).gate, Gate::Held);
    }

    #[test]
    fn only_repositories_at_the_threshold_get_a_pull_request() {
        let decision = decide(
            &bug(0.9),
            &mapping(&[("a/b", 0.9), ("a/c", 0.2), ("a/b", 0.8)]),
            Thresholds::default(),
        );
        assert_eq!(decision.repos, vec![RepoName::parse("a/b").unwrap()]);
    }

    #[test]
    fn a_threshold_of_nought_without_any_location_still_holds() {
        let thresholds = Thresholds {
            ai_confidence: 0.0,
            location_confidence: 0.0,
        };
        assert_eq!(decide(&bug(0.0), &mapping(&[]), thresholds).gate, Gate::Held);
    }
}
