//! The alarms of the template that call `replay`: each looks once a period, as CloudWatch would, and calls when it turns.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use ratchet_guard::clock::Millis;
use ratchet_guard::{Ledger, Record, Unfinished};

use crate::demo::row::reading_ledger;
use crate::demo::setup::World;
use crate::template::{Alarm, Template};

/// Logical id of the function that the alarms call.
const REPLAY: &str = "ReplayFunction";

/// One alarm, and what it has seen.
#[derive(Debug)]
struct Watched {
    alarm: Alarm,
    next_ms: Millis,
    /// Looks in a row that were over the threshold.
    over: u64,
    /// In state ALARM: it called, and does not again until it was OK.
    raised: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Alarms(Vec<Watched>);

impl Alarms {
    /// Those of the template. A look ends with its period, which begins with the epoch.
    pub(super) fn of(template: &Template, now_ms: Millis) -> Self {
        let calling = template
            .alarms
            .values()
            .filter(|alarm| alarm.calls.iter().any(|called| called == REPLAY));
        let watched = calling.map(|alarm| Watched {
            next_ms: after(now_ms, alarm.period_ms),
            alarm: alarm.clone(),
            over: 0,
            raised: false,
        });
        Self(watched.collect())
    }

    /// When the next look is due.
    pub(super) fn next_due_ms(&self) -> Option<Millis> {
        self.0.iter().map(|watched| watched.next_ms).min()
    }

    /// Looks where a look is due; the names of the alarms that turned.
    pub(super) async fn look(
        &mut self,
        world: &World,
        refused: &BTreeMap<Millis, u64>,
    ) -> Result<Vec<String>> {
        let now_ms = world.now_ms();
        let mut turned = Vec::new();
        for watched in self.0.iter_mut().filter(|watched| watched.next_ms <= now_ms) {
            watched.next_ms = after(now_ms, watched.alarm.period_ms);
            let value = value(&watched.alarm, world, refused).await?;
            if watched.turns_at(value) {
                turned.push(watched.alarm.name.clone());
            }
        }
        Ok(turned)
    }
}

impl Watched {
    /// Takes the value of one more look; whether the alarm turned by it.
    fn turns_at(&mut self, value: u64) -> bool {
        self.over = if value > self.alarm.threshold {
            self.over.saturating_add(1)
        } else {
            0
        };
        let before = self.raised;
        self.raised = self.over >= self.alarm.looks;
        self.raised && !before
    }
}

fn after(now_ms: Millis, period_ms: Millis) -> Millis {
    let period = now_ms.checked_div(period_ms).unwrap_or(0);
    period.saturating_add(1).saturating_mul(period_ms)
}

/// What the alarm's metric says of the period that is over. `refused` counts the intake's answers of 5xx, by their time.
async fn value(alarm: &Alarm, world: &World, refused: &BTreeMap<Millis, u64>) -> Result<u64> {
    let now_ms = world.now_ms();
    let since_ms = now_ms.saturating_sub(alarm.period_ms);
    let sqs = &world.cloud.aws.sqs;
    let queues = alarm.of.iter();
    Ok(match alarm.metric.as_str() {
        "ApproximateNumberOfMessagesVisible" => queues.map(|name| sqs.depth(name).visible as u64).sum(),
        "ApproximateAgeOfOldestMessage" => {
            let oldest = queues.filter_map(|name| {
                sqs.read(|state| {
                    let messages = state.queues.get(name)?.messages.values();
                    messages.map(|message| message.sent_ms).min()
                })
            });
            oldest
                .min()
                .map_or(0, |sent_ms| now_ms.saturating_sub(sent_ms) / 1000)
        }
        "5xx" => refused
            .range(since_ms.saturating_add(1)..=now_ms)
            .map(|(_, count)| count)
            .sum(),
        "Parked" => parked(world, since_ms, &alarm.of).await?,
        other => bail!(
            "alarm watches what no storm tells of alarm=`{}` metric=`{other}`",
            alarm.name
        ),
    })
}

/// How much work was parked after `since_ms` for one of these reasons: what the metric counts.
async fn parked(world: &World, since_ms: Millis, reasons: &[String]) -> Result<u64> {
    let ledger = reading_ledger(world);
    let counts = |record: &&Record| {
        record
            .reason
            .as_ref()
            .is_some_and(|reason| reasons.contains(reason))
            && record.settled_at.is_some_and(|at_ms| at_ms > since_ms)
    };
    let mut found = 0;
    for shard in Ledger::shards() {
        let mut start = None;
        loop {
            let page = ledger
                .unfinished(Unfinished::Review, shard, Millis::MAX / 2, start)
                .await?;
            ensure!(
                page.unreadable.is_empty(),
                "rows do not read: {:?}",
                page.unreadable
            );
            found += page.records.iter().filter(counts).count() as u64;
            start = page.next;
            if start.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T09:58:00Z.
    const NOW_MS: Millis = 1_795_168_680_000;

    #[test]
    fn every_alarm_of_the_template_that_calls_replay_is_watched_at_its_own_period() {
        let template = Template::of_this_build().unwrap();
        let calls = include_str!("../../../template.yaml")
            .lines()
            .filter(|line| line.trim() == "- !GetAtt ReplayFunction.Arn")
            .count();
        let alarms = Alarms::of(&template, NOW_MS);
        assert_eq!(alarms.0.len(), calls);
        for watched in &alarms.0 {
            let alarm = &watched.alarm;
            let until_ms = watched.next_ms - NOW_MS;
            assert!((1..=alarm.period_ms).contains(&until_ms), "{alarm:?}");
            assert_eq!(watched.next_ms % alarm.period_ms, 0, "{alarm:?}");
        }
        assert_eq!(
            alarms.next_due_ms(),
            Some(NOW_MS + 60_000),
            "the shortest period is a minute"
        );
    }

    #[test]
    fn alarm_turns_once_when_enough_looks_in_a_row_are_over_its_threshold() {
        let template = Template::of_this_build().unwrap();
        let mut watched = Watched {
            alarm: Alarm {
                looks: 2,
                threshold: 5,
                ..template.alarms["MapAgeAlarm"].clone()
            },
            next_ms: 0,
            over: 0,
            raised: false,
        };
        let values = [6, 5, 6, 6, 7, 0, 9, 9];
        let turned: Vec<bool> = values.map(|value| watched.turns_at(value)).into();
        assert_eq!(turned, [false, false, false, true, false, false, false, true]);
    }

    #[test]
    fn template_with_another_period_threshold_and_queue_gives_another_alarm() {
        let text = include_str!("../../../template.yaml");
        let before = Template::parse(text).unwrap();
        let age = |template: &Template| {
            let alarm = template.alarms["MapAgeAlarm"].clone();
            (alarm.name, alarm.of, alarm.period_ms, alarm.threshold)
        };
        let name = "map-oldest-message".to_owned();
        let of = vec!["MapQueue".to_owned()];
        assert_eq!(age(&before), (name.clone(), of.clone(), 300_000, 3_600));
        let changed = text
            .replace("      Period: 300\n", "      Period: 120\n")
            .replace("      Threshold: 3600\n", "      Threshold: 60\n");
        assert_eq!(age(&Template::parse(&changed).unwrap()), (name, of, 120_000, 60));
        let parked = &before.alarms["ParkedRetryableAlarm"];
        assert_eq!((parked.metric.as_str(), parked.period_ms), ("Parked", 60_000));
        assert!(parked.of.contains(&"answer_lost".to_owned()), "{:?}", parked.of);
    }
}
