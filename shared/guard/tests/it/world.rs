//! A store, a clock and the guard on them.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType};
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::effect::{Guarded, accept_duplicates};
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_guard::intake::{Events, Intake};
use ratchet_guard::store::Item;
use ratchet_guard::timing::Timing;
use ratchet_guard::{
    Acted, Claim, Decision, Ledger, Parked, Record, Sealed, StageError, Work, WorkKey, schema,
};

use crate::provider::{Provider, Receipt};
use crate::wire::{Plug, Wire};

pub(crate) const NOW: u64 = 1_800_000_000_000;
/// An invocation's time.
pub(crate) const INVOCATION_MS: u64 = 30_000;
pub(crate) const TIMING: Timing = Timing {
    request_life_ms_max: 60_000,
    lease_margin_ms: 5_000,
    backoff_ms_base: 2_000,
    backoff_ms_max: 900_000,
    attempts_max: 4,
};
pub(crate) const LEASE_MS: u64 = INVOCATION_MS + TIMING.request_life_ms_max + TIMING.lease_margin_ms;
pub(crate) const HAND_OVER_MS: u64 = 20_000;
pub(crate) const TTL_SECONDS: u64 = 3_600;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) client: Client,
    ids: Arc<CountedAttemptIds>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let dynamo = EmbeddedDynamo::memory_at(clock.clone()).unwrap();
        let wire = Wire::new(dynamo.clone());
        let client = Client::from_conf(dynamo.config().http_client(Plug(wire.clone())).build());
        schema::create_ledger_table(&client, "ledger").await.unwrap();
        schema::create_events_table(&client, "events").await.unwrap();
        let keys = [("org_period", KeyType::Hash), ("sk", KeyType::Range)];
        schema::create(&client, "usage", &keys, false).await.unwrap();
        wire.reset();
        Self {
            clock,
            wire,
            client,
            ids: Arc::new(CountedAttemptIds::new("a")),
        }
    }

    /// The ledger of an invocation that begins now.
    pub(crate) fn ledger(&self) -> Ledger {
        self.idle_ledger().until(self.clock.now_ms() + INVOCATION_MS)
    }

    /// A ledger that belongs to no invocation.
    pub(crate) fn idle_ledger(&self) -> Ledger {
        Ledger::new(
            self.client.clone(),
            "ledger",
            self.clock.clone(),
            self.ids.clone(),
            TIMING,
        )
    }

    pub(crate) fn events(&self) -> Events {
        Events::new(
            self.client.clone(),
            "events",
            self.clock.clone(),
            self.ids.clone(),
        )
    }

    pub(crate) fn intake(&self) -> Intake {
        Intake::new(
            self.client.clone(),
            "events",
            self.clock.clone(),
            self.ids.clone(),
            HAND_OVER_MS,
            TTL_SECONDS,
        )
    }

    pub(crate) async fn claim(&self, work: &Work) -> Claim {
        run(self.ledger().claim(work).await)
    }

    /// Claims and acts in an invocation that begins now.
    pub(crate) async fn act<G: Guarded>(
        &self,
        work: &Work,
        effect: G,
    ) -> Result<Acted<G::Receipt>, StageError> {
        self.claim(work).await.act(effect).await
    }

    /// An effect whose attempt slept past its lease, and was claimed again meanwhile: its result comes late.
    pub(crate) async fn overtaken(&self, provider: &Provider) -> Acted<Receipt> {
        let work = work();
        let effect = accept_duplicates(provider.post(), "the test counts them");
        let late = self.act(&work, effect).await.unwrap();
        self.pass_lease();
        drop(self.claim(&work).await);
        late
    }

    pub(crate) async fn record(&self, key: &WorkKey) -> Record {
        self.ledger().read(key).await.unwrap().unwrap()
    }

    /// Lets every lease run out.
    pub(crate) fn pass_lease(&self) {
        self.clock.advance(LEASE_MS);
    }

    pub(crate) async fn item(&self, table: &str, key: Item) -> Option<Item> {
        let answer = self.client.get_item().table_name(table).set_key(Some(key));
        answer.send().await.unwrap().item
    }
}

pub(crate) fn key() -> WorkKey {
    WorkKey::new("ticket#acme#zendesk#1", "comment")
}

pub(crate) fn work() -> Work {
    Work::new(key(), "content-1").intending("first words")
}

pub(crate) fn run(decision: Result<Decision, StageError>) -> Claim {
    match decision {
        Ok(Decision::Run(claim)) => claim,
        other => panic!("no claim but {other:?}"),
    }
}

pub(crate) fn replay(decision: Result<Decision, StageError>) -> Sealed {
    match decision {
        Ok(Decision::Replay(sealed)) => sealed,
        other => panic!("no replay but {other:?}"),
    }
}

pub(crate) fn parked(decision: Result<Decision, StageError>) -> Parked {
    match decision {
        Ok(Decision::Parked(parked)) => parked,
        other => panic!("not parked but {other:?}"),
    }
}

/// Until when it is busy.
pub(crate) fn busy<T: std::fmt::Debug>(result: Result<T, StageError>) -> u64 {
    match result {
        Err(StageError::Busy { until_ms, .. }) => until_ms,
        other => panic!("not busy but {other:?}"),
    }
}

/// When it is tried again.
pub(crate) fn retry<T: std::fmt::Debug>(result: Result<T, StageError>) -> u64 {
    match result {
        Err(StageError::Retry { at_ms, .. }) => at_ms,
        other => panic!("no retry but {other:?}"),
    }
}

/// The reason it was parked for.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, StageError>) -> String {
    match result {
        Err(StageError::Parked(parked)) => parked.reason().to_owned(),
        other => panic!("not parked but {other:?}"),
    }
}

pub(crate) fn s(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn item<const N: usize>(pairs: [(&str, AttributeValue); N]) -> Item {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl World {
    pub(crate) fn clock_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}
