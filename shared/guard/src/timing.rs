//! The durations that the guard acts on, and the order they must keep.

use thiserror::Error;

use crate::clock::Millis;
use crate::work::{WorkKey, digest};

/// Durations and bounds, all from configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a request may still land at a provider after its client gave up.
    pub request_life_ms_max: u64,
    /// How far two machines' clocks may be apart, and the store's own delays.
    pub lease_margin_ms: u64,
    /// First delay after an attempt that did not succeed.
    pub backoff_ms_base: u64,
    /// Longest such delay.
    pub backoff_ms_max: u64,
    /// Claims of one work before it is parked.
    pub attempts_max: u64,
}

/// Durations that do not keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimingError {
    /// A first delay longer than the longest.
    #[error("backoff base must not exceed its maximum backoff_ms_base=`{base}` backoff_ms_max=`{max}`")]
    Backoff {
        /// First delay.
        base: u64,
        /// Longest delay.
        max: u64,
    },
    /// No attempt allowed at all.
    #[error("attempts must be at least 1 attempts_max=`0`")]
    NoAttempts,
    /// A lease that does not cover what may still land, or no difference of clocks at all.
    #[error(
        "a lease must outlive its requests and allow for clocks that differ request_life_ms_max=`{request_life}` lease_margin_ms=`{margin}`"
    )]
    Lease {
        /// How long a request may still land.
        request_life: u64,
        /// How far clocks may be apart.
        margin: u64,
    },
    /// A record that is gone before its source's last redelivery.
    #[error("a dedup record must outlive every redelivery kept_seconds=`{kept}` horizon_seconds=`{horizon}`")]
    Window {
        /// How long the record is kept.
        kept: u64,
        /// How long its source may bring the same thing again.
        horizon: u64,
    },
}

impl Timing {
    /// Checks the order of the durations; call it at start-up.
    ///
    /// # Errors
    /// [`TimingError`], naming the values.
    pub fn check(&self) -> Result<(), TimingError> {
        if self.backoff_ms_base > self.backoff_ms_max {
            return Err(TimingError::Backoff {
                base: self.backoff_ms_base,
                max: self.backoff_ms_max,
            });
        }
        if self.request_life_ms_max == 0 || self.lease_margin_ms == 0 {
            return Err(TimingError::Lease {
                request_life: self.request_life_ms_max,
                margin: self.lease_margin_ms,
            });
        }
        if self.attempts_max == 0 {
            return Err(TimingError::NoAttempts);
        }
        Ok(())
    }

    /// When a lease ends that is taken in an invocation with this deadline.
    /// Nothing that the invocation sent can still land then, so a probe made after it sees every earlier effect.
    #[must_use]
    pub fn lease_until(&self, deadline_ms: Millis) -> Millis {
        deadline_ms
            .saturating_add(self.request_life_ms_max)
            .saturating_add(self.lease_margin_ms)
    }

    /// The delay before attempt `attempt + 1`: exponential, with a jitter that is derived from the key, between half
    /// and the whole of the step.
    #[must_use]
    pub fn backoff_ms(&self, key: &WorkKey, attempt: u64) -> u64 {
        let doublings = u32::try_from(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .min(30);
        let step = self
            .backoff_ms_base
            .saturating_mul(1 << doublings)
            .min(self.backoff_ms_max);
        let [a, b, c, d, ..] = digest(&["backoff", key.subject(), key.step(), &attempt.to_string()]);
        let spread = u64::from(u32::from_be_bytes([a, b, c, d]));
        let half = step / 2;
        half + spread % (step - half).max(1)
    }
}

/// Checks that a dedup record outlives the last redelivery of its source.
///
/// # Errors
/// [`TimingError::Window`] when it does not.
pub fn check_window(kept_seconds: u64, horizon_seconds: u64) -> Result<(), TimingError> {
    if kept_seconds < horizon_seconds {
        return Err(TimingError::Window {
            kept: kept_seconds,
            horizon: horizon_seconds,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        request_life_ms_max: 60_000,
        lease_margin_ms: 5_000,
        backoff_ms_base: 2_000,
        backoff_ms_max: 900_000,
        attempts_max: 8,
    };

    #[test]
    fn backoff_doubles_stays_in_bounds_and_repeats_itself() {
        let key = WorkKey::new("s", "t");
        for attempt in 1..40 {
            let delay = TIMING.backoff_ms(&key, attempt);
            let step = (2_000_u64 << (attempt - 1).min(20)).min(900_000);
            assert!(
                (step / 2..=step).contains(&delay),
                "attempt {attempt} delay {delay}"
            );
            assert_eq!(delay, TIMING.backoff_ms(&key, attempt));
        }
    }

    #[test]
    fn backoff_of_many_keys_spreads_over_the_upper_half_of_its_step() {
        let delays = (0..100).map(|number| TIMING.backoff_ms(&WorkKey::new("s", number.to_string()), 10));
        let (mut least, mut most) = (u64::MAX, 0);
        for delay in delays {
            (least, most) = (least.min(delay), most.max(delay));
        }
        assert!((450_000..500_000).contains(&least), "least {least}");
        assert!((850_000..900_000).contains(&most), "most {most}");
    }

    #[test]
    fn windows_and_orders_that_do_not_hold_are_refused() {
        assert!(check_window(10, 11).is_err());
        assert!(check_window(11, 11).is_ok());
        assert!(TIMING.check().is_ok());
        let steady = Timing {
            backoff_ms_base: TIMING.backoff_ms_max,
            ..TIMING
        };
        assert!(steady.check().is_ok());
        let wrong = [
            Timing {
                attempts_max: 0,
                ..TIMING
            },
            Timing {
                backoff_ms_base: 1_000_000,
                ..TIMING
            },
            Timing {
                request_life_ms_max: 0,
                ..TIMING
            },
            Timing {
                lease_margin_ms: 0,
                ..TIMING
            },
        ];
        for timing in wrong {
            assert!(timing.check().is_err(), "{timing:?}");
        }
    }
}
