//! The same search over another workflow: the guard's example, orders to invoices, with the engine as it is.
//!
//! One order is paid; its webhook comes twice; whatever is unfinished is run again when it is due; where nobody can
//! tell, a person looks at accounting. Every call to the ledger, the store, accounting and the mailer is a point.

mod calls;
mod check;
mod life;
mod likeness;
mod naive_life;
mod tally;

#[path = "../../shared/guard/tests/orders/naive.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "a fixture of the guard's own tests; not all of it is played here"
)]
mod naive;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the example as it is; not all of it is played here"
)]
mod workflow;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use local::aws::{Aws, AwsSnapshot, Choke};
use ratchet_guard::clock::{Clock, ManualClock, Millis};
use ratchet_guard::timing::Timing;
use ratchet_guard::{Ledger, schema};
use tokio::runtime::Runtime;

use crate::engine::{Ids, Mark, Points};
use crate::shadow::Shadow;
use naive::{Memory, Mistake};
use workflow::api::{Api, Door};
use workflow::backend::in_process;
use workflow::doubles::{Doubles, Face};
use workflow::orders::Orders;

pub use tally::{Part, Sum, replay};

/// When every schedule begins: 2026-11-10T10:00:00Z.
const START_MS: Millis = 1_794_304_800_000;

/// How long an invocation runs at most.
const INVOCATION_MS: Millis = 30_000;

const TIMING: Timing = Timing {
    request_life_ms_max: 60_000,
    lease_margin_ms: 5_000,
    backoff_ms_base: 2_000,
    backoff_ms_max: 60_000,
    attempts_max: 6,
};

const TABLE: &str = "LedgerTable";

/// Which workflow is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The guarded one, with an accounting that treats repeats like this.
    Sound(Face),
    /// The guarded one, which takes an accounting without keys for one with keys.
    FalsePromise,
    /// The naive one, with this mistake.
    Naive(Mistake),
}

impl Variant {
    fn name(self) -> String {
        match self {
            Self::Sound(Face::Keys) => "keys".to_owned(),
            Self::Sound(Face::Bare) => "bare".to_owned(),
            Self::FalsePromise => "false-promise".to_owned(),
            Self::Naive(mistake) => format!("{mistake:?}"),
        }
    }

    fn face(self) -> Face {
        match self {
            Self::Sound(face) => face,
            Self::FalsePromise => Face::Bare,
            Self::Naive(_) => Face::Keys,
        }
    }
}

/// What the world remembers beside its services.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// Webhooks that are still to come.
    hooks: u32,
    /// Invocations that were delivered.
    delivered: u32,
    /// How often a person looked.
    looks: u32,
    /// Faults so far.
    faults: usize,
    /// The next time at which the naive version is run again.
    again_ms: Option<Millis>,
    /// The ledger as it was last seen.
    shadow: Shadow,
}

/// A request that lands later.
#[derive(Debug, Clone)]
pub(crate) enum Late {
    /// To the tables.
    Aws(local::aws::Call, local::aws::Next),
    /// To a service.
    Service(http::Request<bytes::Bytes>),
}

/// Everything at one instant.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    aws: AwsSnapshot,
    doubles: Doubles,
    memory: Memory,
    mark: Mark<Host, Late>,
    now_ms: Millis,
}

/// The services behind the points.
pub(crate) struct Hub {
    points: Arc<Points<Host, Late>>,
    aws: Aws,
    doubles: Mutex<Doubles>,
}

/// One shop in one process.
pub(crate) struct Shop {
    hub: Arc<Hub>,
    variant: Variant,
    memory: Arc<Mutex<Memory>>,
    /// Every call of this one passes the points.
    orders: Orders,
    /// Calls of this one meet no fault: a person's.
    beside: Orders,
    runtime: Runtime,
    start: Node,
}

impl Shop {
    pub(crate) fn new(variant: Variant) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let clock = Arc::new(ManualClock::at(START_MS));
        let shown: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let aws = Aws::memory(Arc::clone(&shown))?;
        runtime.block_on(schema::create_ledger_table(&aws.link().dynamo(), TABLE))?;
        let points = Arc::new(Points::new(clock));
        let doubles = Doubles {
            face: variant.face(),
            ..Doubles::with_orders(1)
        };
        let hub = Arc::new(Hub {
            points: Arc::clone(&points),
            aws,
            doubles: Mutex::new(doubles.clone()),
        });
        let choke: Arc<dyn Choke> = Arc::<Hub>::clone(&hub);
        let door: Arc<dyn Door> = Arc::<Hub>::clone(&hub);
        let beside: Arc<dyn Door> = Arc::new(calls::Beside(Arc::clone(&hub)));
        let ledger = |client| {
            let ids = Arc::new(Ids(Arc::clone(&points)));
            Ledger::new(client, TABLE, Arc::clone(&shown), ids, TIMING)
        };
        let orders = |client, door| Orders {
            ledger: ledger(client),
            api: Api::new(door, in_process()),
            accounting_has_keys: !matches!(variant, Variant::Sound(Face::Bare)),
        };
        let mark = Mark {
            host: Host {
                hooks: 2,
                ..Host::default()
            },
            ..Mark::default()
        };
        let start = Node {
            aws: hub.aws.snapshot()?,
            doubles,
            memory: Memory::default(),
            mark,
            now_ms: START_MS,
        };
        Ok(Self {
            orders: orders(hub.aws.choked(choke).dynamo(), door),
            beside: orders(hub.aws.link().dynamo(), beside),
            hub,
            variant,
            memory: Arc::default(),
            runtime,
            start,
        })
    }
}

impl Hub {
    fn doubles(&self) -> MutexGuard<'_, Doubles> {
        locked(&self.doubles)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub")
    }
}
