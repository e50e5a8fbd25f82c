//! How the naive version lives: it is run when a webhook comes, and again by its people for as long as it fails.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use ratchet_guard::clock::Millis;

use super::naive::{Mistake, Naive};
use super::workflow::api::Door;
use super::{Hub, Shop};

/// Its people try again after that, in ms.
const AGAIN_MS: Millis = 200_000;

/// And so often.
const AGAIN_MAX: u32 = 6;

impl Shop {
    pub(super) fn naive_run(&self, mistake: Mistake) -> Pin<Box<dyn Future<Output = Result<()>>>> {
        let points = Arc::clone(&self.hub.points);
        let door: Arc<dyn Door> = Arc::<Hub>::clone(&self.hub);
        let naive = Naive::new(mistake, door, Arc::clone(&points.clock), Arc::clone(&self.memory));
        // A run that crashes does not come to its end, and is tried again like one that fails.
        let now_ms = points.now_ms();
        points.lock().at.host.again_ms = Some(now_ms + AGAIN_MS);
        Box::pin(async move {
            if naive.run().await.is_ok() {
                points.lock().at.host.again_ms = None;
            }
            Ok(())
        })
    }

    pub(super) fn naive_due(&self) -> Option<Millis> {
        let inner = self.hub.points.lock();
        let host = &inner.at.host;
        host.again_ms.filter(|_| host.delivered < AGAIN_MAX)
    }
}
