//! The hours of a deployment on a clock that jumps from one due thing to the next: deliveries, queues, the sweep's
//! schedule, the alarms that call it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, SecondsFormat, Utc};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, Millis};
use ratchet_runtime::serve::Function;
use serde_json::{Value, json};

use super::alarms::Alarms;
use super::storm::Storm;
use crate::demo::setup::{ORG, World};
use crate::demo::story::request;
use crate::mapping::{Mapping, Unanswered};
use crate::process::Process;
use crate::schedules::Schedules;

/// How often a provider delivers one event, and how long it waits in between, in ms.
const DELIVERIES_MAX: u32 = 3;
const REDELIVERY_MS: Millis = 60_000;
/// Invocations after which it counts as endless.
const INVOCATIONS_MAX: u64 = 200_000;

/// A message whose process was killed, and when it was settled after that.
#[derive(Debug, Clone)]
pub(super) struct Kill {
    pub(super) at_ms: Millis,
    pub(super) healed_ms: Option<Millis>,
    /// It had not made its first call: nothing tells of it but the queue's own visibility.
    pub(super) unseen: bool,
}

/// Messages that lost their process, by stage and body.
pub(super) type Kills = Arc<Mutex<BTreeMap<(Stage, String), Vec<Kill>>>>;

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sweeps: u64,
    pub(super) sweeps_failed: u64,
    pub(super) alarms: BTreeMap<String, u64>,
    pub(super) resent: u64,
    pub(super) lost_deliveries: u64,
}

/// A running deployment.
pub(super) struct Hours<'w> {
    pub(super) world: &'w World,
    pub(super) process: Arc<Process>,
    pub(super) storm: Arc<Storm>,
    pub(super) kills: Kills,
    pub(super) tally: Tally,
    mappings: Vec<Mapping>,
    deliveries: BTreeMap<(Millis, u64), u32>,
    schedules: Schedules,
    alarms: Alarms,
    /// How many deliveries the intake answered with 5xx, by their time.
    refused: BTreeMap<Millis, u64>,
    invocations: u64,
}

impl<'w> Hours<'w> {
    pub(super) fn new(world: &'w World, process: Arc<Process>, storm: Arc<Storm>) -> Result<Self> {
        let kills = Kills::default();
        let mappings = Stage::ALL
            .into_iter()
            .map(|stage| mapping(world, &process, &storm, stage, &kills))
            .collect::<Result<_>>()?;
        let now_ms = world.now_ms();
        Ok(Self {
            world,
            process,
            storm,
            kills,
            tally: Tally::default(),
            mappings,
            deliveries: BTreeMap::new(),
            // What the comparison finds is carried out at the end, where the story counts it.
            schedules: Schedules::of(&world.cloud.template, now_ms).calling("replay"),
            alarms: Alarms::of(&world.cloud.template, now_ms),
            refused: BTreeMap::new(),
            invocations: 0,
        })
    }

    /// The provider will deliver the ticket's events.
    pub(super) fn deliver(&mut self, ticket: u64) {
        self.deliveries.insert((self.world.now_ms(), ticket), 1);
    }

    /// Lives until `end_ms`: does whatever is due, and moves the clock to what is due next.
    pub(super) async fn until(&mut self, end_ms: Millis) -> Result<()> {
        loop {
            if Box::pin(self.step()).await? {
                continue;
            }
            let queues = self.mappings.iter().map(Mapping::queue);
            let due = [
                self.world.cloud.aws.sqs.next_due_ms(queues),
                self.deliveries.keys().next().map(|(at_ms, _)| *at_ms),
                self.schedules.next_due_ms(),
                self.alarms.next_due_ms(),
                Some(end_ms),
            ];
            let next_ms = due.into_iter().flatten().min().unwrap_or(end_ms);
            let now_ms = self.world.now_ms();
            if now_ms >= end_ms && next_ms >= end_ms {
                return Ok(());
            }
            self.world.clock.set(next_ms.max(now_ms).min(end_ms));
        }
    }

    /// Does what is due now; false when nothing is.
    async fn step(&mut self) -> Result<bool> {
        let now_ms = self.world.now_ms();
        if self.schedules.next_due_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            for tick in self.schedules.due(now_ms)? {
                Box::pin(self.sweep(tick.input)).await;
            }
            return Ok(true);
        }
        if self.alarms.next_due_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            Box::pin(self.look()).await?;
            return Ok(true);
        }
        if let Some((&(at_ms, ticket), &time)) = self.deliveries.first_key_value()
            && at_ms <= now_ms
        {
            self.deliveries.remove(&(at_ms, ticket));
            Box::pin(self.post(ticket, time)).await?;
            return Ok(true);
        }
        let mut worked = false;
        for mapping in &self.mappings {
            if mapping.step().await {
                worked = true;
                self.invocations += 1;
            }
        }
        if self.invocations > INVOCATIONS_MAX {
            bail!("queues are not empty after {INVOCATIONS_MAX} invocations");
        }
        Ok(worked)
    }

    async fn sweep(&mut self, event: Value) {
        let functions = self.process.functions();
        let deadline_ms = self.world.now_ms() + self.world.cloud.timeout_ms("replay");
        let swept = self
            .process
            .surviving(Box::pin(functions.replay.call(event, deadline_ms)))
            .await;
        match swept {
            Ok(Ok(summary)) => {
                self.tally.sweeps += 1;
                self.tally.resent += summary.events + summary.claims + summary.waiting + summary.resumed;
            }
            Ok(Err(_)) | Err(_) => self.tally.sweeps_failed += 1,
        }
    }

    /// Looks at what the template's alarms look at; one that turns calls `replay`.
    async fn look(&mut self) -> Result<()> {
        let now_ms = self.world.now_ms();
        for name in self.alarms.look(self.world, &self.refused).await? {
            let event = json!({
                "source": "aws.cloudwatch",
                "alarmArn": format!("arn:aws:cloudwatch:eu-central-1:000000000000:alarm:ratchet-{name}"),
                "alarmData": {"state": {"value": "ALARM", "timestamp": printed(now_ms)}},
            });
            *self.tally.alarms.entry(name).or_default() += 1;
            Box::pin(self.sweep(event)).await;
        }
        Ok(())
    }

    /// The period of the sweep's schedule, in ms.
    pub(super) fn sweep_ms(&self) -> Millis {
        self.schedules.shortest_ms()
    }

    /// Posts the ticket's events; what is not taken is delivered again a few times, and then never.
    async fn post(&mut self, ticket: u64, time: u32) -> Result<()> {
        let now_ms = self.world.now_ms();
        let deliveries = self.world.sandbox.read(|outside| {
            let events: Vec<_> = outside.zendesk.events_of(ticket).cloned().collect();
            let sign = |event| outside.zendesk.delivery(event, now_ms, time);
            events.iter().map(sign).collect::<Vec<_>>()
        });
        let deadline_ms = now_ms + self.world.cloud.timeout_ms("webhook");
        let mut taken = true;
        for delivery in &deliveries {
            let functions = self.process.functions();
            let call = functions.webhook.call(request(ORG, delivery), deadline_ms);
            let answer = self.process.surviving(Box::pin(call)).await;
            let status = answer.ok().and_then(Result::ok).map(|answer| answer.status_code);
            taken &= status == Some(200);
            // A function that dies is a 502 of the gateway in front of it.
            if status.is_none_or(|status| status >= 500) {
                *self.refused.entry(now_ms).or_default() += 1;
            }
        }
        if !taken && time < DELIVERIES_MAX {
            self.deliveries.insert((now_ms + REDELIVERY_MS, ticket), time + 1);
        } else if !taken {
            self.tally.lost_deliveries += 1;
        }
        Ok(())
    }
}

fn mapping(
    world: &World,
    process: &Arc<Process>,
    storm: &Arc<Storm>,
    stage: Stage,
    kills: &Kills,
) -> Result<Mapping> {
    let function = world.cloud.template.functions.get(stage.as_str());
    let Some(source) = function.and_then(|function| function.source.as_ref()) else {
        bail!("stage `{stage}` has no queue in the template");
    };
    let timeout_ms = world.cloud.timeout_ms(stage.as_str());
    let (process, kills, clock) = (Arc::clone(process), Arc::clone(kills), Arc::clone(&world.clock));
    let storm = Arc::clone(storm);
    Ok(Mapping::new(
        world.cloud.aws.sqs.clone(),
        source,
        Arc::new(move |event| {
            let (process, kills, clock) = (Arc::clone(&process), Arc::clone(&kills), Arc::clone(&clock));
            let storm = Arc::clone(&storm);
            Box::pin(async move {
                let before = storm.applied();
                let answer = process.invoke(stage, event.clone(), timeout_ms).await;
                let unseen = storm.applied() == before;
                note(&kills, stage, &event, &answer, (clock.now_ms(), unseen));
                answer
            })
        }),
    ))
}

/// The messages of a batch without an answer lost their process; those that an answer settles have healed.
fn note(
    kills: &Kills,
    stage: Stage,
    event: &SqsEvent,
    answer: &Result<SqsBatchResponse, Unanswered>,
    (now_ms, unseen): (Millis, bool),
) {
    let mut kills = kills.lock().unwrap_or_else(PoisonError::into_inner);
    for record in &event.records {
        let key = (stage, record.body.clone().unwrap_or_default());
        match answer {
            Err(_) => kills.entry(key).or_default().push(Kill {
                at_ms: now_ms,
                healed_ms: None,
                unseen,
            }),
            Ok(answer) => {
                let mut failed = answer.batch_item_failures.iter();
                if !failed.any(|failure| record.message_id.as_ref() == Some(&failure.item_identifier)) {
                    for kill in kills.get_mut(&key).into_iter().flatten() {
                        kill.healed_ms.get_or_insert(now_ms);
                    }
                }
            }
        }
    }
}

/// A time as events have it.
pub(super) fn printed(at_ms: Millis) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(DateTime::<Utc>::from_timestamp_millis);
    at.unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
