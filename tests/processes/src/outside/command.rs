//! What the outside process is told, a line of JSON each, and what it answers, a line each, over one connection.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use local::mapping::{Batch, Unanswered};
use local::sqs::{Sqs, arn};
use local::template::Variable;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::{Outside, report};

/// When a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// It arrived, and nothing was done yet.
    Before,
    /// It was applied, and not answered yet.
    After,
}

/// What becomes of a call that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It goes on to its answer.
    Answered,
    /// Its connection closes.
    Dropped,
}

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// The variables of a function.
    Environment {
        /// Its binary.
        binary: String,
    },
    /// Keeps everything as it is now, under a name.
    Save {
        /// The name.
        name: String,
    },
    /// Puts everything back.
    Load {
        /// The name.
        name: String,
    },
    /// Takes a message out of a stage's queue, as an event; null when there is none.
    Poll {
        /// The stage.
        stage: String,
    },
    /// Deletes what the answer settles.
    Settle {
        /// The stage.
        stage: String,
        /// As it was handed out.
        event: SqsEvent,
        /// The function's answer.
        answer: SqsBatchResponse,
    },
    /// Every message that was received and not settled can be received again at once.
    Redeliver,
    /// How many messages are in the stages' queues, and when the next one is due.
    Depth,
    /// Holds the n-th call from now on; 0 holds none.
    Arm {
        /// From 1.
        n: u64,
        /// Before or after it is applied.
        when: When,
    },
    /// The name of the call that is held, or null.
    Reached,
    /// Lets go of it.
    Release {
        /// How.
        held: Held,
    },
    /// How many calls there were.
    Calls,
    /// The ticket's webhook, signed now.
    Delivery,
    /// Everything that the promises are checked against.
    Report,
    /// How many effects there are, and how many of them are repeated.
    Effects,
}

/// Answers every line of the first connection, until it closes.
pub(super) async fn obey(listener: TcpListener, outside: &Outside) -> Result<()> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let command: Command = serde_json::from_str(&line).with_context(|| format!("command {line}"))?;
        let answer = format!("{}\n", outside.obey(command)?);
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

impl Outside {
    fn obey(&self, command: Command) -> Result<Value> {
        Ok(match command {
            Command::Environment { binary } => json!(self.environment(&binary)?),
            Command::Save { name } => {
                let saved = (self.cloud.aws.snapshot()?, self.sandbox.snapshot());
                self.saved().insert(name, saved);
                Value::Null
            }
            Command::Load { name } => {
                let (aws, providers) = self.saved().get(&name).context("nothing is saved")?.clone();
                self.cloud.aws.restore(&aws)?;
                self.sandbox.restore(providers);
                Value::Null
            }
            Command::Poll { stage } => match self.mapping(&stage)?.poll() {
                Some(batch) => serde_json::to_value(batch.event)?,
                None => Value::Null,
            },
            Command::Settle { stage, event, answer } => {
                let answer: Result<SqsBatchResponse, Unanswered> = Ok(answer);
                self.mapping(&stage)?.settle(&Batch { event }, &answer);
                Value::Null
            }
            Command::Redeliver => self.redeliver(),
            Command::Depth => self.depth(),
            Command::Arm { n, when } => {
                self.gate.arm(n, when);
                Value::Null
            }
            Command::Reached => json!(self.gate.held()),
            Command::Release { held } => {
                self.gate.release(held == Held::Answered);
                Value::Null
            }
            Command::Calls => json!(self.gate.calls()),
            Command::Delivery => self.delivery()?,
            Command::Report => report::of(self)?,
            Command::Effects => {
                let (keys, repeated) = self.effects.count();
                json!({ "keys": keys, "repeated": repeated, "sealed": report::sealed(self)? })
            }
        })
    }

    fn saved(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, super::Saved>> {
        self.saved
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn mapping(&self, stage: &str) -> Result<&local::mapping::Mapping> {
        let stage = Stage::from_name(stage).context("no such stage")?;
        self.mappings.get(&stage).context("stage has no mapping")
    }

    fn environment(&self, binary: &str) -> Result<BTreeMap<String, String>> {
        let resolve = |variable: &Variable| match variable {
            Variable::Literal(text) => text.clone(),
            Variable::Reference(id) if self.cloud.template.queues.contains_key(id) => Sqs::queue_url(id),
            Variable::Reference(id) if id == "LogLevel" => "info".to_owned(),
            Variable::Reference(id) => id.clone(),
            Variable::Arn(id) => arn(id),
        };
        let mut variables = self.cloud.template.environment(binary, resolve)?;
        variables.extend(self.cloud.secrets.clone());
        for (name, value) in [
            ("AWS_ENDPOINT_URL", self.address.as_str()),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        Ok(variables)
    }

    fn redeliver(&self) -> Value {
        self.cloud.aws.sqs.edit(|state, now_ms| {
            let mut count = 0_u64;
            for message in state
                .queues
                .values_mut()
                .flat_map(|queue| queue.messages.values_mut())
            {
                if message.visible_ms > now_ms && message.receives > 0 {
                    message.visible_ms = now_ms;
                    count += 1;
                }
            }
            json!(count)
        })
    }

    fn depth(&self) -> Value {
        let queues: Vec<&str> = self
            .mappings
            .values()
            .map(local::mapping::Mapping::queue)
            .collect();
        let messages: usize = self.cloud.aws.sqs.read(|state| {
            let queues = queues.iter().filter_map(|name| state.queues.get(*name));
            queues.map(|queue| queue.messages.len()).sum()
        });
        let now_ms = SystemClock.now_ms();
        let due_ms = self.cloud.aws.sqs.next_due_ms(queues.iter().copied());
        json!({ "messages": messages, "due_in_ms": due_ms.map(|due_ms| due_ms.saturating_sub(now_ms)) })
    }

    fn delivery(&self) -> Result<Value> {
        let now_ms = SystemClock.now_ms();
        let delivery = self.sandbox.read(|outside| {
            let ticket = outside.zendesk.ticket_ids().first().copied()?;
            let event = outside.zendesk.events_of(ticket).next().cloned()?;
            Some(outside.zendesk.delivery(&event, now_ms, 1))
        });
        let delivery = delivery.context("the ticket has no event")?;
        let body = String::from_utf8(delivery.body.to_vec())?;
        Ok(json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/hooks/acme/zendesk", "rawQueryString": "",
            "headers": delivery.headers,
            "requestContext": {
                "accountId": "123456789012", "apiId": "local", "domainName": "hooks.example.com",
                "http": { "method": "POST", "path": "/hooks/acme/zendesk", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
                "requestId": "c6af9ac6", "routeKey": "$default", "stage": "$default", "timeEpoch": now_ms
            },
            "body": body, "isBase64Encoded": false
        }))
    }
}
