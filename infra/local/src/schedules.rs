//! The template's schedules, on whatever clock a deployment runs on.

use anyhow::Result;
use ratchet_guard::clock::Millis;
use serde_json::Value;

use crate::template::{Schedule, Template};

/// One call that is due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// The function's binary.
    pub(crate) binary: String,
    /// What it is called with.
    pub(crate) input: Value,
}

/// Every schedule of every function, and when it is due next.
#[derive(Debug)]
pub(crate) struct Schedules(Vec<(String, Schedule, Millis)>);

impl Schedules {
    /// Those of the template. A period begins with the epoch, so that a restart neither skips a tick nor repeats one.
    pub(crate) fn of(template: &Template, now_ms: Millis) -> Self {
        let functions = template.functions.iter();
        let all = functions.flat_map(|(binary, function)| {
            let schedules = function.schedules.values();
            schedules.map(|schedule| (binary.clone(), schedule.clone(), next_ms(schedule, now_ms)))
        });
        Self(all.collect())
    }

    /// Those that call one function; the others are somebody else's to make.
    pub(crate) fn calling(mut self, binary: &str) -> Self {
        self.0.retain(|(called, _, _)| called == binary);
        self
    }

    /// When the next call is due.
    pub(crate) fn next_due_ms(&self) -> Option<Millis> {
        self.0.iter().map(|(_, _, at_ms)| *at_ms).min()
    }

    /// The shortest period of them; 0 without any.
    pub(crate) fn shortest_ms(&self) -> Millis {
        let periods = self.0.iter().map(|(_, schedule, _)| schedule.every_ms);
        periods.min().unwrap_or(0)
    }

    /// What is due; a tick that was missed meanwhile is not made up for.
    pub(crate) fn due(&mut self, now_ms: Millis) -> Result<Vec<Tick>> {
        let mut due = Vec::new();
        for (binary, schedule, at_ms) in &mut self.0 {
            if *at_ms > now_ms {
                continue;
            }
            *at_ms = next_ms(schedule, now_ms);
            due.push(Tick {
                binary: binary.clone(),
                input: schedule.input(at_ms.saturating_sub(schedule.every_ms))?,
            });
        }
        Ok(due)
    }
}

fn next_ms(schedule: &Schedule, now_ms: Millis) -> Millis {
    let period = now_ms.checked_div(schedule.every_ms).unwrap_or(0);
    period.saturating_add(1).saturating_mul(schedule.every_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T09:58:00Z.
    const NOW_MS: Millis = 1_795_168_680_000;

    #[test]
    fn every_schedule_of_the_template_is_due_once_a_period() {
        let template = Template::of_this_build().unwrap();
        let named: Vec<&str> = include_str!("../../template.yaml")
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix(r#"Input: '{"source":"schedule","schedule":""#)
            })
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(
            named.contains(&"sweep") && named.contains(&"seal-bills"),
            "{named:?}"
        );
        let mut schedules = Schedules::of(&template, NOW_MS);
        assert_eq!(schedules.due(NOW_MS).unwrap(), []);
        let mut called: Vec<String> = Vec::new();
        for minute in 1..=60 {
            for tick in schedules.due(NOW_MS + minute * 60_000).unwrap() {
                called.push(tick.input["schedule"].as_str().unwrap().to_owned());
            }
        }
        for name in named {
            let times = called.iter().filter(|other| *other == name).count();
            assert_eq!(times, if name == "sweep" { 12 } else { 1 }, "{name}");
        }
    }

    #[test]
    fn another_rate_in_the_template_is_another_period_of_the_sweep() {
        let text = include_str!("../../template.yaml");
        let sweep_ms = |text: &str| {
            let template = Template::parse(text).unwrap();
            let schedules = Schedules::of(&template, NOW_MS).calling("replay");
            (
                schedules.0.len(),
                schedules.shortest_ms(),
                schedules.next_due_ms(),
            )
        };
        assert_eq!(sweep_ms(text), (2, 300_000, Some(NOW_MS + 120_000)));
        let faster = text.replace("rate(5 minutes)", "rate(3 minutes)");
        assert_eq!(sweep_ms(&faster), (2, 180_000, Some(NOW_MS + 120_000)));
    }

    #[test]
    fn a_tick_carries_the_time_that_it_was_due_at() {
        let template = Template::of_this_build().unwrap();
        let mut schedules = Schedules::of(&template, NOW_MS);
        let ticks = schedules.due(NOW_MS + 121_500).unwrap();
        assert!(
            ticks
                .iter()
                .all(|tick| tick.input["time"] == "2026-11-20T10:00:00Z"),
            "{ticks:?}"
        );
        assert_eq!(schedules.due(NOW_MS + 122_000).unwrap(), []);
    }

    #[test]
    fn turns_that_were_missed_come_to_one_call_and_a_clock_that_goes_back_to_none() {
        let template = Template::of_this_build().unwrap();
        let mut schedules = Schedules::of(&template, NOW_MS);
        let all = template
            .functions
            .values()
            .map(|function| function.schedules.len())
            .sum::<usize>();
        let due = [3 * 3_600_000, 3 * 3_600_000 + 500, 0];
        let calls = due.map(|after_ms| schedules.due(NOW_MS + after_ms).unwrap().len());
        assert_eq!(calls, [all, 0, 0]);
    }
}
