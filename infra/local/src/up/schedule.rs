//! The schedules of the template, on the laptop's clock.

/// Something that is called again and again. **Source**: `rate(..)` of the function in the template.
#[derive(Debug)]
pub(super) struct Schedule {
    every_ms: u64,
    last: u64,
}

impl Schedule {
    /// Called at every full `minutes` of the clock, the first time at the next one.
    pub(super) fn of_minutes(minutes: u64, now_ms: u64) -> Self {
        let every_ms = minutes.max(1) * 60_000;
        Self {
            every_ms,
            last: now_ms / every_ms,
        }
    }

    /// Whether it is time; what was missed is made good by one call.
    pub(super) fn is_due(&mut self, now_ms: u64) -> bool {
        let turn = now_ms / self.every_ms;
        let is_due = turn > self.last;
        self.last = self.last.max(turn);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_due_once_a_turn_and_once_for_turns_that_were_missed() {
        let mut hourly = Schedule::of_minutes(60, 3_600_000 + 5);
        let due = [
            3_600_006, 7_199_999, 7_200_000, 7_200_001, 7_100_000, 18_000_000, 18_000_500,
        ];
        assert_eq!(
            due.map(|now_ms| hourly.is_due(now_ms)),
            [false, false, true, false, false, true, false]
        );
    }
}
