//! A process that does units of guarded steps: each step has one effect at a service that keeps every one.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;
use ratchet_guard::clock::{Clock, RandomAttemptIds, SystemClock};
use ratchet_guard::effect::{Act, Effect, Probe, accept_duplicates, probed};
use ratchet_guard::timing::Timing;
use ratchet_guard::{Decision, Finding, Ledger, Outcome, StageError, Why, Work, WorkKey};
use ratchet_providers::transport::Transport;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::http::HttpTransport;
use serde_json::Value;

use crate::world::wait;

/// Steps of a unit.
pub const STEPS: u64 = 5;

/// How long one step's invocation may take, in ms.
const INVOCATION_MS: u64 = 250;

/// What the process is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The outside process.
    pub address: String,
    /// How many units.
    pub units: u64,
    /// Where it begins; it goes round.
    pub first: u64,
    /// Without the probe: what an effect without a guard comes to.
    pub unguarded: bool,
}

struct Post<'a> {
    transport: &'a HttpTransport,
    address: &'a str,
}

impl Post<'_> {
    async fn exchange(&self, method: &str, act: &Act) -> Option<Vec<Value>> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/effects/{}", self.address, act.effect().as_str()))
            .body(Bytes::new());
        let answer = self.transport.send(request.ok()?).await.ok()?;
        let body: Value = serde_json::from_slice(answer.body()).ok()?;
        body.get("ids")?.as_array().cloned()
    }
}

fn unanswered() -> Why {
    Why::new("no_answer", "the service did not answer")
}

impl Effect for Post<'_> {
    type Receipt = Value;

    async fn send(&self, act: &Act) -> Outcome<Value> {
        match self.exchange("POST", act).await {
            Some(ids) => Outcome::Done(ids.into_iter().next_back().unwrap_or_default()),
            None => Outcome::Unknown(unanswered()),
        }
    }
}

impl Probe for Post<'_> {
    async fn probe(&self, act: &Act) -> Finding<Value> {
        match self.exchange("GET", act).await {
            Some(ids) => ids.into_iter().next().map_or(Finding::Absent, Finding::Found),
            None => Finding::CannotTell(unanswered()),
        }
    }
}

/// Goes round until every step of every unit is sealed.
///
/// # Errors
/// When a step ends in a way that no attempt mends.
pub async fn run(options: &Options) -> Result<()> {
    let ledger = ledger();
    let transport = HttpTransport::new();
    let post = Post {
        transport: &transport,
        address: &options.address,
    };
    loop {
        let mut open = 0_u64;
        for index in 0..options.units {
            let unit = (options.first + index) % options.units;
            for step in 0..STEPS {
                let key = WorkKey::new(format!("unit#{unit}"), format!("step#{step}"));
                if !one(&ledger, &post, key, options.unguarded).await? {
                    // The steps of a unit follow on each other.
                    open += 1;
                    break;
                }
            }
        }
        if open == 0 {
            return Ok(());
        }
        wait(20).await;
    }
}

/// One step; whether it is sealed.
async fn one(ledger: &Ledger, post: &Post<'_>, key: WorkKey, unguarded: bool) -> Result<bool> {
    let ledger = ledger.until(SystemClock.now_ms() + INVOCATION_MS);
    let ended = attempt(&ledger, post, key, unguarded).await;
    match ended {
        Ok(()) => Ok(true),
        Err(StageError::Busy { .. } | StageError::Retry { .. } | StageError::Store(_)) => Ok(false),
        Err(error) => {
            ensure!(false, "a step ended for good: {error}");
            Ok(false)
        }
    }
}

async fn attempt(ledger: &Ledger, post: &Post<'_>, key: WorkKey, unguarded: bool) -> Result<(), StageError> {
    let work = Work::new(key, "content").driven_by("steps", "message");
    let claim = match ledger.claim(&work).await? {
        Decision::Run(claim) => claim,
        Decision::Replay(_) | Decision::Parked(_) => return Ok(()),
    };
    let acted = if unguarded {
        let post = Post { ..*post };
        claim.act(accept_duplicates(post, "to be counted")).await?
    } else {
        let post = Post { ..*post };
        claim.act(probed(post)).await?
    };
    acted.seal().await?;
    Ok(())
}

fn ledger() -> Ledger {
    // The addresses and the keys of the AWS services are in the process's variables, as in a function's.
    let deployment = Deployment::of_process();
    let timing = Timing {
        request_life_ms_max: 100,
        lease_margin_ms: 50,
        backoff_ms_base: 10,
        backoff_ms_max: 50,
        attempts_max: 1_000,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ledger::new(
        deployment.dynamo,
        "LedgerTable",
        clock,
        Arc::new(RandomAttemptIds),
        timing,
    )
}
