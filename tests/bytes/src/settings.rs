//! An org's settings document.

use ratchet_domain::settings::Settings;
use serde_json::Value;

use crate::Verdict;

/// Longest problem that an operator is told.
const PROBLEM_CHARS_MAX: usize = 400;

/// Reads a document: settings that hold their own rules, or problems that each name a path.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let Ok(document) = serde_json::from_slice::<Value>(input) else {
        return Ok("not JSON".to_owned());
    };
    let settings = match Settings::parse(&document) {
        Ok(settings) => settings,
        Err(problems) => {
            let first = problems.first().ok_or("refused without a problem")?;
            for problem in &problems {
                if problem.path.is_empty() || problem.problem.is_empty() {
                    return Err(format!("a problem names no place or no rule: {problem}"));
                }
                if problem.problem.chars().count() > PROBLEM_CHARS_MAX {
                    return Err(format!(
                        "a problem is as long as a document path=`{}`",
                        problem.path
                    ));
                }
            }
            let what: String = first.problem.chars().take(24).collect();
            // A name that is no setting is the sender's, and there are as many as there are names.
            let is_known = !first.problem.starts_with("is not a setting");
            let letters = first.path.chars().filter(|c| !c.is_ascii_digit());
            let path = letters.take(if is_known { 40 } else { 0 });
            return Ok(format!("{} {what}", path.collect::<String>()));
        }
    };
    let thresholds = settings.thresholds;
    for share in [thresholds.ai_confidence, thresholds.location_confidence] {
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("a threshold is no share: {share}"));
        }
    }
    let providers = [
        settings.zendesk.is_some(),
        settings.intercom.is_some(),
        settings.github.is_some(),
    ];
    Ok(format!("valid {providers:?}"))
}
