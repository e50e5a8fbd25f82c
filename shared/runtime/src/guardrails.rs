//! Pauses and limits, between a message and its stage: what is held back waits in its queue as a fresh message.
//!
//! A message that waits is sent again with a delay and then deleted. Two of it are harmless, none would be a loss, and
//! a receive that only found a closed gate must not bring it nearer to the dead letters.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::OrgId;
use ratchet_domain::stage::Stage;
use ratchet_guard::StageError;
use ratchet_guard::clock::{AttemptIds, Clock, Millis};

use crate::config::Reader;
use crate::deployment::Deployment;
use crate::orgs::Orgs;

/// The window of a rate, in ms.
const MINUTE_MS: Millis = 60_000;

/// Whether a message may be worked on now.
#[derive(Debug)]
pub enum Gate {
    /// It may; the slot is to be left afterwards.
    Open(Option<Slot>),
    /// It waits.
    Closed {
        /// For how long, in seconds.
        seconds: u64,
        /// `paused`, `rate` or `concurrency`.
        why: &'static str,
    },
}

/// One of an org's places at work. It is free again when it is left, or when its invocation's time is over.
#[derive(Debug)]
pub struct Slot {
    org: OrgId,
    number: u64,
    holder: String,
}

/// What is held back, and what was started lately.
///
/// **Shape** of its rows in the ledger's table, only for orgs with limits: subject `limit#<org>`; step `starts` with
/// `minute` (N, ms) and `started` (N); step `slot#<number>` with `until` (N, ms) and `holder` (S).
/// **Lifetime**: for ever, a handful an org. They hold no work: losing them loosens a limit for a minute.
#[derive(Clone)]
pub struct Guardrails {
    orgs: Orgs,
    client: Client,
    table: Arc<str>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn AttemptIds>,
    hold_seconds: u64,
}

impl Guardrails {
    /// Reads `LEDGER_TABLE` and `HOLD_SECONDS`.
    pub fn new(deployment: &Deployment, orgs: Orgs, reader: &mut Reader<'_>) -> Self {
        Self {
            orgs,
            client: deployment.dynamo.clone(),
            table: reader.text("LEDGER_TABLE").into(),
            clock: Arc::clone(&deployment.clock),
            ids: Arc::clone(&deployment.ids),
            hold_seconds: reader.positive("HOLD_SECONDS"),
        }
    }

    /// How long what is held waits before it is looked at again, in ms.
    #[must_use]
    pub fn hold_ms(&self) -> u64 {
        self.hold_seconds.saturating_mul(1000)
    }

    /// Whether a message of this org and stage may be worked on, until `deadline_ms` at most.
    ///
    /// # Errors
    /// [`StageError::NotRead`] while nobody can tell: the message comes back.
    pub async fn gate(&self, stage: Stage, org: &OrgId, deadline_ms: Millis) -> Result<Gate, StageError> {
        let controls = self.orgs.controls(org).await?;
        if controls.pauses(stage) {
            return Ok(Gate::Closed {
                seconds: self.hold_seconds,
                why: "paused",
            });
        }
        let slot = match controls.concurrency {
            None => None,
            Some(most) => match self.enter(org, most, deadline_ms).await? {
                Some(slot) => Some(slot),
                None => return Ok(self.at_limit("concurrency")),
            },
        };
        if let Some(most) = controls.starts_per_minute
            && !self.start(org, most).await?
        {
            self.leave(slot).await;
            return Ok(self.at_limit("rate"));
        }
        Ok(Gate::Open(slot))
    }

    /// A limit is looked at again within the minute that a rate is counted in.
    fn at_limit(&self, why: &'static str) -> Gate {
        let left_ms = MINUTE_MS - self.clock.now_ms() % MINUTE_MS;
        Gate::Closed {
            seconds: left_ms.div_ceil(1000).min(self.hold_seconds),
            why,
        }
    }

    /// Counts one start in this minute; false when the minute is full.
    async fn start(&self, org: &OrgId, most: u64) -> Result<bool, StageError> {
        let minute = number(self.clock.now_ms() / MINUTE_MS * MINUTE_MS);
        let counted = self
            .update(org, "starts")
            .condition_expression("#minute = :minute AND started < :most")
            .update_expression("SET started = started + :one")
            .expression_attribute_names("#minute", "minute")
            .expression_attribute_values(":minute", minute.clone())
            .expression_attribute_values(":most", number(most))
            .expression_attribute_values(":one", number(1));
        if applied(counted.send().await)? {
            return Ok(true);
        }
        // The minute is full, or it is a new one.
        let turned = self
            .update(org, "starts")
            .condition_expression("attribute_not_exists(#minute) OR #minute < :minute")
            .update_expression("SET #minute = :minute, started = :one")
            .expression_attribute_names("#minute", "minute")
            .expression_attribute_values(":minute", minute)
            .expression_attribute_values(":one", number(1));
        applied(turned.send().await)
    }

    /// Takes a free place, the first that there is.
    async fn enter(&self, org: &OrgId, most: u64, deadline_ms: Millis) -> Result<Option<Slot>, StageError> {
        let holder = self.ids.fresh();
        for place in 0..most {
            let taken = self
                .update(org, &format!("slot#{place}"))
                .condition_expression("attribute_not_exists(#until) OR #until <= :now OR holder = :me")
                .update_expression("SET #until = :until, holder = :me")
                .expression_attribute_names("#until", "until")
                .expression_attribute_values(":now", number(self.clock.now_ms()))
                .expression_attribute_values(":until", number(deadline_ms))
                .expression_attribute_values(":me", AttributeValue::S(holder.clone()));
            if applied(taken.send().await)? {
                return Ok(Some(Slot {
                    org: org.clone(),
                    number: place,
                    holder,
                }));
            }
        }
        Ok(None)
    }

    /// Leaves a place; one that cannot be left is free when its invocation's time is over.
    pub async fn leave(&self, slot: Option<Slot>) {
        let Some(slot) = slot else { return };
        let left = self
            .update(&slot.org, &format!("slot#{}", slot.number))
            .condition_expression("holder = :me")
            .update_expression("SET #until = :zero")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":me", AttributeValue::S(slot.holder));
        if let Err(error) = applied(left.send().await) {
            tracing::warn!("a place at work stays taken until its time is over: {error}");
        }
    }

    fn update(
        &self,
        org: &OrgId,
        step: &str,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&*self.table)
            .key("subject", AttributeValue::S(format!("limit#{org}")))
            .key("step", AttributeValue::S(step.to_owned()))
    }
}

impl std::fmt::Debug for Guardrails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guardrails")
            .field("table", &self.table)
            .field("hold_seconds", &self.hold_seconds)
            .finish_non_exhaustive()
    }
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Whether a conditional write was applied.
fn applied<T, R>(
    answer: Result<T, aws_sdk_dynamodb::error::SdkError<UpdateItemError, R>>,
) -> Result<bool, StageError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Some(other) => Err(not_counted(other.code().unwrap_or("Unknown"))),
            None => Err(not_counted("NoAnswer")),
        },
    }
}

fn not_counted(code: &str) -> StageError {
    StageError::NotRead {
        why: format!("limits could not be counted code=`{code}`"),
        retry_after_ms: None,
    }
}
