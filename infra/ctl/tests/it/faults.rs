//! A table service that loses replies, and processes that die between two calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use crate::bench::Bench;
use crate::line::Line;

/// What becomes of an invocation's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call lands and its reply is lost; the SDK sends it again.
    LoseReply,
    /// The process dies before the call.
    DieBefore,
    /// The process dies when the call has landed.
    DieAfter,
}

/// Which call of an invocation meets the fault, from 0.
pub(crate) type Point = (u8, Fault);

#[derive(Debug, Default)]
struct Armed {
    fault: Option<Point>,
    calls: u8,
    met: bool,
}

/// The line to the tables of a bench.
#[derive(Debug, Clone)]
pub(crate) struct Faults(Arc<Mutex<Armed>>);

impl Faults {
    /// Puts itself between the bench and its tables.
    pub(crate) fn on(bench: &mut Bench) -> Self {
        let faults = Self(Arc::default());
        let (armed, store) = (faults.clone(), bench.store.clone());
        let line = Line::to(move |target, body| armed.passes(|| store.answer(target, body)));
        let config = bench.store.config().http_client(line.client()).build();
        bench.world.deployment.dynamo = aws_sdk_dynamodb::Client::from_conf(config);
        faults
    }

    fn lock(&self) -> MutexGuard<'_, Armed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passes(&self, call: impl FnOnce() -> (u16, String)) -> Option<(u16, String)> {
        let mut armed = self.lock();
        let Some((at, fault)) = armed.fault else {
            return Some(call());
        };
        let number = armed.calls;
        armed.calls = number.saturating_add(1);
        armed.met |= number == at;
        match fault {
            Fault::LoseReply if number == at => {
                call();
                None
            }
            Fault::LoseReply => Some(call()),
            Fault::DieAfter if number == at => {
                call();
                None
            }
            Fault::DieBefore | Fault::DieAfter => (number < at).then(call),
        }
    }

    /// Runs an invocation under a fault; says whether it met it, and what it came to.
    pub(crate) async fn during<T>(
        &self,
        fault: Option<Point>,
        invocation: impl Future<Output = Result<T>>,
    ) -> (bool, Result<T>) {
        *self.lock() = Armed {
            fault,
            ..Armed::default()
        };
        let outcome = invocation.await;
        let met = std::mem::take(&mut *self.lock()).met;
        (met, outcome)
    }
}
