//! The sealer: links the entries of each org and period into a Merkle tree, every hour and once a period is over.
//!
//! It reads bills and writes seals; its role can write nothing else. At an entry that does not verify the period's sealing
//! stops, its key is on record, and nothing behind it is sealed or exported until somebody has looked. To run again is
//! harmless: a batch is only put where none is, and where nothing came since the last one it costs two reads.
//!
//! Each period's root goes to the log and into the answer at every run: who could write all of the table cannot write there.

use std::sync::Arc;

use lambda_runtime::Error;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_guard::clock::Clock;
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::orgs::Orgs;
use ratchet_runtime::serve::Function;
use ratchet_runtime::usage::Usage;
use ratchet_runtime::usage::seal::{Sealing, Terms};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

/// How many periods are looked at, the org's current one included. Reason: a message waits 28 days at most, so a charge
/// lands in the period of its claim or in the next; one more is room for a schedule that stood still.
const PERIODS: usize = 3;

/// The part of an invocation's time that is kept for what is under way when it stops.
const RESERVE_PART: u64 = 4;

/// An entry that nobody may rely on.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error(
    "an entry does not verify, its period is not sealed beyond it, see `ctl usage verify` partition=`{partition}` key=`{key}` periods=`{periods}`"
)]
pub struct Unproved {
    partition: String,
    key: String,
    periods: usize,
}

/// Who calls: the schedule, or an operator who names an org.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// Only this org; all of them unless said.
    #[serde(default)]
    pub org: Option<OrgId>,
}

/// What one call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// Each period in which something is sealed.
    pub periods: Vec<SealedPeriod>,
    /// Orgs whose settings or bills could not be read; the next call takes them up.
    pub unread: u64,
    /// Time was up; the next call goes on.
    pub more: bool,
}

/// One org's period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealedPeriod {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub period: Period,
    /// What came of it.
    #[serde(flatten)]
    pub sealing: Sealing,
}

/// The function.
#[derive(Clone)]
pub struct SealBills {
    orgs: Orgs,
    usage: Usage,
    clock: Arc<dyn Clock>,
    settle_ms: u64,
}

impl SealBills {
    /// Reads `SETTINGS_TABLE`, `SETTINGS_CACHE_SECONDS`, `USAGE_TABLE` and `SEAL_SETTLE_SECONDS`.
    ///
    /// # Errors
    /// Every variable that is missing or bad, at once.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let seal_bills = Self {
            orgs: deployment.orgs(&mut reader),
            usage: Usage::new(deployment.dynamo.clone(), reader.text("USAGE_TABLE")),
            clock: Arc::clone(&deployment.clock),
            settle_ms: reader.number("SEAL_SETTLE_SECONDS").saturating_mul(1000),
        };
        reader.done(seal_bills)
    }

    async fn org(&self, org: &OrgId, now_ms: u64) -> Result<Vec<SealedPeriod>, Error> {
        let settings = self.orgs.settings(org).await?;
        let zone = &settings.billing.time_zone;
        let mut period = Period::of(now_ms, zone);
        // A period is over when nothing that was under way at its end still is.
        let settled = Period::of(now_ms.saturating_sub(self.settle_ms), zone);
        let usage = self.usage.clone().with_terms(Terms::of(&settings.billing));
        let mut found = Vec::new();
        for _ in 0..PERIODS {
            let sealing = usage.seal(org, &period, period < settled, now_ms).await?;
            if let Some(stop) = &sealing.stopped {
                let (key, fault) = (&stop.key, &stop.fault);
                tracing::error!(stage = "seal-bills", outcome = "entry_unproved", %org, %period, key, "sealing stopped: {fault}");
            }
            if let Some(root) = &sealing.root {
                let (added, size, is_final) = (sealing.added, sealing.size, sealing.is_final);
                tracing::info!(stage = "seal-bills", outcome = "root", %org, %period, %root, size, added, is_final, "root of the period's seals");
            }
            let before = period.before();
            found.push(SealedPeriod {
                org: org.clone(),
                period,
                sealing,
            });
            period = before;
        }
        found.retain(|period| period.sealing != Sealing::default());
        Ok(found)
    }
}

impl Function for SealBills {
    type Event = Call;
    type Answer = Sealed;

    async fn call(&self, event: Call, deadline_ms: u64) -> Result<Sealed, Error> {
        let started_ms = self.clock.now_ms();
        let stop_at = deadline_ms.saturating_sub(deadline_ms.saturating_sub(started_ms) / RESERVE_PART);
        let orgs = match event.org {
            Some(org) => vec![org],
            None => self.orgs.all().await?,
        };
        let mut sealed = Sealed {
            periods: Vec::new(),
            unread: 0,
            more: false,
        };
        for org in &orgs {
            if self.clock.now_ms() >= stop_at {
                sealed.more = true;
                break;
            }
            match self.org(org, started_ms).await {
                Ok(periods) => sealed.periods.extend(periods),
                Err(error) => {
                    sealed.unread += 1;
                    tracing::warn!(stage = "seal-bills", %org, "bills are not sealed: {error}");
                }
            }
        }
        let added: u64 = sealed.periods.iter().map(|period| period.sealing.added).sum();
        let (unread, more) = (sealed.unread, sealed.more);
        tracing::info!(stage = "seal-bills", added, unread, more, "bills are sealed");
        let mut stops = sealed
            .periods
            .iter()
            .filter_map(|period| period.sealing.stopped.as_ref());
        match stops.next() {
            // What could be sealed is; the error is what the alarm counts.
            Some(first) => Err(Unproved {
                partition: first.partition.clone(),
                key: first.key.clone(),
                periods: stops.count() + 1,
            }
            .into()),
            None => Ok(sealed),
        }
    }
}

impl std::fmt::Debug for SealBills {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealBills")
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}
