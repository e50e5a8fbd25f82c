//! What a provider's client is made from.

use std::sync::Arc;

use ratchet_guard::clock::{Clock, Millis};
use ratchet_providers::transport::Transport;
use ratchet_providers::wire::Wire;

use crate::config::Reader;

/// What is allowed for providers that keep another time, or ask for some without saying how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    limit_wait_ms: u64,
    clock_margin_ms: u64,
}

impl Patience {
    pub(super) fn of(reader: &mut Reader<'_>) -> Self {
        Self {
            limit_wait_ms: reader.number("PROVIDER_LIMIT_WAIT_MS"),
            clock_margin_ms: reader
                .number("PROVIDER_CLOCK_MARGIN_SECONDS")
                .saturating_mul(1000),
        }
    }
}

/// A transport and a clock: what a provider's client is made from.
#[derive(Clone)]
pub struct Door {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) patience: Patience,
}

impl Door {
    /// For one call.
    #[must_use]
    pub fn wire(&self) -> Wire<'_> {
        Wire::new(&*self.transport, self.clock.now_ms()).waiting(self.patience.limit_wait_ms)
    }

    /// A time of ours by a provider's clock, at the earliest.
    pub(super) fn since_ms(&self, at_ms: Millis) -> Millis {
        at_ms.saturating_sub(self.patience.clock_margin_ms)
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door")
    }
}

#[cfg(test)]
mod tests {
    use ratchet_guard::clock::ManualClock;

    use super::*;
    use crate::config::Env;
    use crate::http::HttpTransport;

    #[test]
    fn a_search_begins_before_the_time_by_what_clocks_may_differ() {
        let env = Env::from_iter([
            ("PROVIDER_LIMIT_WAIT_MS", "60000"),
            ("PROVIDER_CLOCK_MARGIN_SECONDS", "60"),
        ]);
        let mut reader = Reader::new(&env);
        let patience = Patience::of(&mut reader);
        reader.done(()).unwrap();
        let door = Door {
            transport: Arc::new(HttpTransport::new()),
            clock: Arc::new(ManualClock::at(0)),
            patience,
        };
        assert_eq!(door.since_ms(100_000), 40_000);
        assert_eq!(door.since_ms(1_000), 0);
    }
}
