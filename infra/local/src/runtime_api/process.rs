//! Signals to a child process.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, kill_process};
use tokio::process::Child;

/// What can be done to a process from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends it where it stands.
    Kill,
    /// Freezes it where it stands; its connections stay open.
    Stop,
    /// Lets it go on.
    Continue,
}

/// A child process, from anywhere.
#[derive(Debug, Clone)]
pub struct Process(Arc<Mutex<Option<Pid>>>);

impl Process {
    pub(super) fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Self(Arc::new(Mutex::new(pid)))
    }

    /// The process is gone, and its number may be another's.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        // The lock is held over the call, so that the number is not forgotten and given away in between.
        let pid = self.lock();
        let pid = pid.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the process has ended"))?;
        let signal = match signal {
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Continue => rustix::process::Signal::CONT,
        };
        kill_process(pid, signal).map_err(io::Error::from)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
