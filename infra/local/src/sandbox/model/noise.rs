//! Scores that stray a little, in a way that a seed repeats.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How far a score strays from what the model means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Not at all.
    Off,
    /// Up to 0.04 either way, another each time, and never across 0.7.
    #[default]
    Steady,
    /// Far enough to cross 0.7: of two answers in a row to one question, one is above and one below.
    /// Only scores meant to be 0.5 or more do so.
    Crossing,
}

/// The usual threshold, which steady noise respects.
const THRESHOLD: f64 = 0.7;
const AMPLITUDE: f64 = 0.04;

/// The noise of one answer.
pub(crate) struct Source {
    pub(crate) level: Noise,
    pub(crate) seed: u64,
    pub(crate) question: String,
    /// How often the question was asked before.
    pub(crate) time: u32,
}

impl Source {
    /// A score near `meant`, with three decimals, inside 0 to 1. `label` tells the scores of one answer
    /// apart.
    pub(crate) fn score(&self, meant: f64, label: &str) -> f64 {
        let stray = self.unit(label);
        let score = match self.level {
            Noise::Off => return meant,
            Noise::Steady => {
                let score = meant + stray * AMPLITUDE;
                if meant >= THRESHOLD {
                    score.max(THRESHOLD)
                } else {
                    score.min(THRESHOLD - 0.001)
                }
            }
            Noise::Crossing if meant >= 0.5 => {
                let above = (self.unit_of("side", 0) >= 0.0) == self.time.is_multiple_of(2);
                if above {
                    THRESHOLD + 0.01 + stray.abs() * 0.1
                } else {
                    THRESHOLD - 0.01 - stray.abs() * 0.1
                }
            }
            Noise::Crossing => meant + stray * AMPLITUDE,
        };
        (score.clamp(0.0, 1.0) * 1000.0).round() / 1000.0
    }

    /// From -1 to 1.
    fn unit(&self, label: &str) -> f64 {
        self.unit_of(label, self.time)
    }

    fn unit_of(&self, label: &str, time: u32) -> f64 {
        let digest = Sha256::digest(format!("{}/{}/{time}/{label}", self.seed, self.question));
        let raw = digest
            .iter()
            .take(4)
            .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        f64::from(raw) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(level: Noise, meant: f64) -> Vec<f64> {
        (0..200)
            .map(|time| {
                Source {
                    level,
                    seed: 7,
                    question: "q".to_owned(),
                    time,
                }
                .score(meant, "ai")
            })
            .collect()
    }

    #[test]
    fn steady_noise_strays_and_never_crosses() {
        for (meant, range) in [(0.72, 0.7..=0.76), (0.68, 0.64..=0.699), (0.99, 0.95..=1.0)] {
            let scores = scores(Noise::Steady, meant);
            assert!(
                scores.iter().all(|score| range.contains(score)),
                "{meant}: {scores:?}"
            );
            assert!(scores.windows(2).filter(|pair| pair[0] != pair[1]).count() > 100);
        }
    }

    #[test]
    fn crossing_noise_changes_sides_every_time() {
        let scores = scores(Noise::Crossing, 0.9);
        assert!(scores.windows(2).all(|pair| (pair[0] >= 0.7) != (pair[1] >= 0.7)));
        assert!(
            self::scores(Noise::Crossing, 0.2)
                .iter()
                .all(|score| *score < 0.3)
        );
    }
}
