//! Scores and thresholds: numbers from 0 to 1.

/// What is less is nought. Reason: no model means it, and no table keeps it (DynamoDB refuses less than 1e-130).
const LEAST: f64 = 1e-9;

/// A score; none where it is not from 0 to 1. Nought has no sign.
#[must_use]
pub fn score(value: f64) -> Option<f64> {
    let is_one = (0.0..=1.0).contains(&value);
    is_one.then_some(if value < LEAST { 0.0 } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_from_nought_to_one_and_nought_is_nought() {
        for (value, wanted) in [
            (0.7, 0.7),
            (1.0, 1.0),
            (1e-9, 1e-9),
            (1e-300, 0.0),
            (0.0, 0.0),
            (-0.0, 0.0),
        ] {
            let score = score(value).unwrap();
            assert_eq!(score.to_string(), wanted.to_string(), "{value}");
        }
        for value in [-0.1, 1.000_001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(score(value), None, "{value}");
        }
    }
}
