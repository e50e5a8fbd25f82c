//! Where every call passes, and one is held.

use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::oneshot;

use super::command::When;

/// The call's connection closes without an answer.
#[derive(Debug, Clone, Copy, Error)]
#[error("the call is dropped")]
pub(super) struct Dropped;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: u64,
    armed: Option<(u64, When)>,
    held: Option<(String, oneshot::Sender<bool>)>,
}

impl Gate {
    /// The `n`-th call from now is held; none for 0.
    pub(super) fn arm(&self, n: u64, when: When) {
        let mut state = self.lock();
        state.armed = (n > 0).then(|| (state.calls + n, when));
        state.held = None;
    }

    /// Which call is held, if one is.
    pub(super) fn held(&self) -> Option<String> {
        self.lock().held.as_ref().map(|(name, _)| name.clone())
    }

    /// Lets the held call go on to its answer, or drops it.
    pub(super) fn release(&self, answered: bool) {
        let held = self.lock().held.take();
        if let Some((_, release)) = held {
            // Whoever called may be gone.
            release.send(answered).unwrap_or_default();
        }
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// One call: applied and answered, unless it is the one that is held.
    pub(super) async fn pass<T>(&self, name: &str, apply: impl FnOnce() -> T) -> Result<T, Dropped> {
        let (when, released) = {
            let mut state = self.lock();
            state.calls += 1;
            let calls = state.calls;
            match state.armed.take_if(|(at, _)| *at == calls) {
                None => (None, None),
                Some((_, when)) => {
                    let (release, released) = oneshot::channel();
                    // A call that is held already is let go of: its connection closes.
                    state.held = Some((name.to_owned(), release));
                    (Some(when), Some(released))
                }
            }
        };
        let Some(released) = released else {
            return Ok(apply());
        };
        match when {
            Some(When::After) => {
                let answer = apply();
                if released.await == Ok(true) {
                    Ok(answer)
                } else {
                    Err(Dropped)
                }
            }
            Some(When::Before) | None => {
                if released.await == Ok(true) {
                    Ok(apply())
                } else {
                    Err(Dropped)
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
