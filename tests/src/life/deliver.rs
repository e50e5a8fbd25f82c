//! The event source mapping and the vendor's webhooks, on the harness's clock.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use aws_lambda_events::event::sqs::SqsEvent;
use local::sandbox::zendesk::Event;
use local::sqs::Sqs;
use ratchet_domain::stage::Stage;
use serde_json::{Value, json};

use crate::engine::{Invocation, Turns, Violation, in_turns};
use crate::host::Delivery;
use crate::invariants::{ACKED_IS_ENQUEUED, DELETED_IS_DURABLE, is_durable};
use crate::script::Pattern;
use crate::world::{Told, World};

/// How often the vendor tries one webhook.
const TRIES_MAX: u32 = 6;

/// How long it waits between tries, in ms.
const TRY_AGAIN_MS: u64 = 5_000;

/// What a queue handed out.
#[derive(Clone)]
struct Batch {
    stage: Stage,
    url: String,
    messages: Vec<Value>,
}

impl World {
    /// Puts what the vendor has to tell among the deliveries.
    pub(crate) fn announce(&self) {
        let events = self.hub.sandbox.edit(|world, _| world.zendesk.take_events());
        let now_ms = self.hub.now_ms();
        let mut inner = self.hub.lock();
        let host = &mut inner.at.host;
        let times = if self.script.pattern == Pattern::Twice {
            2
        } else {
            1
        };
        for event in events {
            for _ in 0..times {
                host.deliveries.push(Delivery {
                    event: host.events.len(),
                    due_ms: now_ms,
                    tries: 0,
                });
            }
            host.events.push(event);
        }
        if self.script.pattern == Pattern::Reversed && !host.acted {
            host.acted = true;
            host.deliveries.reverse();
        }
    }

    pub(super) fn deliver_webhook(&self, at: usize) -> Result<()> {
        self.deliver_webhook_at_once(at, self.script.at_once(), 0, &mut in_turns())
    }

    /// Posts one delivery so many times at once; each later one is cut off `later_ms` later.
    pub(crate) fn deliver_webhook_at_once(
        &self,
        at: usize,
        copies: usize,
        later_ms: u64,
        turns: Turns<'_>,
    ) -> Result<()> {
        let delivery = self.hub.lock().at.host.deliveries.remove(at);
        let now_ms = self.hub.now_ms();
        let mut deadline_ms = now_ms + self.timeout_ms("webhook");
        let mut invocations = Vec::new();
        for _ in 0..copies {
            let request = self.request(&delivery, now_ms)?;
            invocations.push(self.post(request, deadline_ms)?);
            deadline_ms += later_ms;
        }
        let told = self.drive(invocations, turns)?;
        self.line_up();
        self.take_answers(&delivery, told);
        Ok(())
    }

    /// What the vendor makes of the answers to one delivery.
    fn take_answers(&self, delivery: &Delivery, told: Vec<Option<Told>>) {
        let answers: Vec<(i64, Value)> = told
            .into_iter()
            .map(|told| match told {
                Some(Told::Http(response)) => (response.status_code, body_of(&response)),
                // A function that is gone answers 502 through the front.
                Some(Told::Batch(_) | Told::Failed) | None => (502, Value::Null),
            })
            .collect();
        let accepted = answers
            .iter()
            .any(|(code, body)| *code == 200 && body.get("status") == Some(&json!("accepted")));
        let taken = |(code, body): &(i64, Value)| {
            let status = body.get("status").and_then(Value::as_str).unwrap_or_default();
            *code == 200 && matches!(status, "accepted" | "duplicate")
        };
        for (code, body) in &answers {
            self.hub
                .note(|| format!("     {} webhook answers {code} {body}", self.hub.now_ms()));
            self.hub.lock().counters.hit(format!(
                "webhook {code} {}",
                body.get("status").and_then(Value::as_str).unwrap_or("-")
            ));
        }
        if accepted {
            self.check_enqueued(delivery);
        }
        let mut inner = self.hub.lock();
        if answers.iter().all(taken) {
            inner.at.host.acked.insert(delivery.event);
        } else if answers.iter().all(|(code, _)| *code == 200) {
            // Ignored: an event of ours.
        } else if delivery.tries + 1 < TRIES_MAX {
            let due_ms = self.hub.now_ms() + TRY_AGAIN_MS;
            inner.at.host.deliveries.push(Delivery {
                due_ms,
                tries: delivery.tries + 1,
                event: delivery.event,
            });
        }
    }

    fn check_enqueued(&self, delivery: &Delivery) {
        let id = self
            .event(delivery.event)
            .map(|event| event.id)
            .unwrap_or_default();
        let sent = self
            .hub
            .lock()
            .at
            .host
            .sent
            .iter()
            .any(|(_, body)| body.contains(&id));
        if !sent {
            let detail = format!("event {id} was accepted and no message was sent");
            self.hub.violated(vec![Violation {
                invariant: ACKED_IS_ENQUEUED,
                detail,
            }]);
        }
    }

    fn event(&self, at: usize) -> Option<Event> {
        self.hub.lock().at.host.events.get(at).cloned()
    }

    /// The subjects of the tickets that these events are about.
    pub(super) fn tickets_of(&self, events: &BTreeSet<usize>) -> BTreeSet<String> {
        let numbers = events.iter().filter_map(|at| Some(self.event(*at)?.ticket));
        numbers
            .map(|number| format!("ticket#acme#zendesk#{number}"))
            .collect()
    }

    fn request(
        &self,
        delivery: &Delivery,
        now_ms: u64,
    ) -> Result<aws_lambda_events::event::apigw::ApiGatewayV2httpRequest> {
        let event = self
            .event(delivery.event)
            .context("the vendor has no such event")?;
        let sent = self
            .hub
            .sandbox
            .read(|world| world.zendesk.delivery(&event, now_ms, 1));
        let request = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/hooks/acme/zendesk", "rawQueryString": "",
            "headers": sent.headers, "isBase64Encoded": false, "body": String::from_utf8_lossy(&sent.body),
            "requestContext": { "http": { "method": "POST", "path": "/hooks/acme/zendesk", "protocol": "HTTP/1.1" },
                "timeEpoch": 0 },
        });
        Ok(serde_json::from_value(request)?)
    }

    pub(super) fn deliver_messages(&self, stage: Stage) -> Result<()> {
        let batch = self.receive(stage)?;
        let mut copies = self.script.at_once();
        if copies > 1 {
            let raced = &mut self.hub.lock().at.host.raced;
            for message in &batch.messages {
                let body = message.get("Body").and_then(Value::as_str).unwrap_or_default();
                if !raced.insert(body.to_owned()) {
                    copies = 1;
                }
            }
        }
        self.deliver(vec![batch; copies], 0, &mut in_turns())
    }

    /// Hands the stage's next batch to so many invocations at once; each later one is cut off `later_ms` later.
    pub(crate) fn deliver_at_once(
        &self,
        stage: Stage,
        copies: usize,
        later_ms: u64,
        turns: Turns<'_>,
    ) -> Result<()> {
        let batch = self.receive(stage)?;
        let batches = vec![batch; copies];
        self.deliver(batches, later_ms, turns)
    }

    /// Hands one batch of each of these stages to an invocation of its own, all at once.
    pub(crate) fn deliver_together(&self, stages: &[Stage], turns: Turns<'_>) -> Result<()> {
        let batches = stages
            .iter()
            .map(|stage| self.receive(*stage))
            .collect::<Result<Vec<_>>>()?;
        self.deliver(batches, 0, turns)
    }

    /// Polls invocations on the world's runtime.
    pub(super) fn drive(
        &self,
        invocations: Vec<Invocation<Told>>,
        turns: Turns<'_>,
    ) -> Result<Vec<Option<Told>>> {
        let _entered = self.runtime.enter();
        self.hub.points.drive(invocations, turns)
    }

    fn deliver(&self, mut batches: Vec<Batch>, later_ms: u64, turns: Turns<'_>) -> Result<()> {
        // What is empty was given up: its dead letters have it now.
        batches.retain(|batch| !batch.messages.is_empty());
        let mut invocations = Vec::new();
        let mut later = 0;
        for batch in &batches {
            let name = batch.stage.as_str();
            let deadline_ms = self.hub.now_ms() + self.timeout_ms(name) + later;
            let invocation = self.invoke(batch.stage, event_of(&batch.messages)?, deadline_ms)?;
            invocations.push(invocation);
            later += later_ms;
        }
        let told = self.drive(invocations, turns)?;
        self.line_up();
        for (batch, told) in batches.iter().zip(told) {
            self.settle(batch.stage, &batch.url, &batch.messages, told);
        }
        Ok(())
    }

    /// The URL of the stage's queue, and what it hands out now.
    fn receive(&self, stage: Stage) -> Result<Batch> {
        let queue = self.queues.get(&stage).context("stage has no queue")?;
        let most = match stage {
            Stage::Qualify | Stage::FanOut => 10,
            Stage::Extract | Stage::Map | Stage::OpenPr | Stage::PublishRca | Stage::Notify => 1,
        };
        let url = Sqs::queue_url(queue);
        let request =
            json!({ "QueueUrl": url, "MaxNumberOfMessages": most, "MessageSystemAttributeNames": ["All"] });
        let received = self.hub.ask_sqs("ReceiveMessage", &request);
        let messages = received
            .get("Messages")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        Ok(Batch { stage, url, messages })
    }

    /// Deletes what the invocation did not report as failed.
    fn settle(&self, stage: Stage, url: &str, messages: &[Value], told: Option<Told>) {
        let failed: Option<BTreeSet<String>> = match told {
            Some(Told::Batch(response)) => Some(
                response
                    .batch_item_failures
                    .into_iter()
                    .map(|failure| failure.item_identifier)
                    .collect(),
            ),
            Some(Told::Failed | Told::Http(_)) | None => None,
        };
        for message in messages {
            let field = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
            let done = match &failed {
                Some(failed) => {
                    !failed.contains(field("MessageId")) || self.hub.variant.deletes_what_failed()
                }
                None => false,
            };
            let word = if done { "deleted" } else { "comes back" };
            self.hub.lock().counters.hit(format!("message {word}"));
            self.hub
                .note(|| format!("     {} {stage} message {word}", self.hub.now_ms()));
            if !done {
                continue;
            }
            let durable = is_durable(&self.hub.lock().at.host.shadow, stage, field("Body"));
            if !durable {
                let detail = format!("{stage} {} was deleted", field("Body"));
                self.hub.violated(vec![Violation {
                    invariant: DELETED_IS_DURABLE,
                    detail,
                }]);
            }
            self.hub.ask_sqs(
                "DeleteMessage",
                &json!({ "QueueUrl": url, "ReceiptHandle": field("ReceiptHandle") }),
            );
        }
    }

    /// Notes what was newly sent, doubles it where the pattern says so, and puts it on the grid.
    pub(super) fn line_up(&self) {
        let mut fresh: Vec<(String, String)> = Vec::new();
        let twice = self.script.pattern == Pattern::Twice;
        let mut inner = self.hub.lock();
        let mut there = BTreeSet::new();
        self.hub.aws.sqs.edit(|state, _| {
            for (name, queue) in &mut state.queues {
                for message in queue.messages.values_mut() {
                    there.insert(message.id.clone());
                    if inner.at.host.seen.contains(&message.id) {
                        continue;
                    }
                    if message.receives == 0 {
                        message.visible_ms = message.visible_ms.max(self.mark_after(message.sent_ms));
                    }
                    fresh.push((name.clone(), message.body.clone()));
                }
            }
        });
        inner.at.host.seen = there;
        // Only what was never sent before is doubled, or the copies would breed.
        fresh.retain(|one| inner.at.host.sent.insert(one.clone()));
        drop(inner);
        if twice && !fresh.is_empty() {
            self.send_copies(&fresh);
        }
    }

    fn send_copies(&self, messages: &[(String, String)]) {
        for (queue, body) in messages.iter().filter(|(queue, _)| !queue.contains("Dlq")) {
            self.hub.ask_sqs(
                "SendMessage",
                &json!({ "QueueUrl": Sqs::queue_url(queue), "MessageBody": body }),
            );
        }
        let mut inner = self.hub.lock();
        self.hub.aws.sqs.edit(|state, _| {
            for message in state
                .queues
                .values_mut()
                .flat_map(|queue| queue.messages.values_mut())
            {
                if inner.at.host.seen.insert(message.id.clone()) && message.receives == 0 {
                    message.visible_ms = message.visible_ms.max(self.mark_after(message.sent_ms));
                }
            }
        });
    }
}

fn body_of(response: &aws_lambda_events::event::apigw::ApiGatewayV2httpResponse) -> Value {
    let text = serde_json::to_value(&response.body).unwrap_or_default();
    text.as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Received messages as the event source hands them to a function.
fn event_of(messages: &[Value]) -> Result<SqsEvent> {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.get("MessageId"),
                "receiptHandle": message.get("ReceiptHandle"),
                "body": message.get("Body"),
                "md5OfBody": message.get("MD5OfBody"),
                "attributes": message.get("Attributes"),
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "awsRegion": "eu-central-1",
            })
        })
        .collect();
    Ok(serde_json::from_value(json!({ "Records": records }))?)
}
