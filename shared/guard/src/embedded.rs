//! A DynamoDB in this process, for tests, examples and a laptop.
//!
//! The store is dynoxide, an emulator over `SQLite` that is checked against the real service; the AWS SDK reaches
//! it through an HTTP client that answers without a socket.
//! So a test runs the code that runs in production, down to the bytes that the SDK sends, in about the time that
//! the SDK itself needs.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ratchet_guard::embedded::EmbeddedDynamo;
//!
//! let dynamo = EmbeddedDynamo::memory()?;
//! let client = dynamo.client();
//! assert!(client.list_tables().send().await?.table_names().is_empty());
//!
//! // What happens to one world does not happen to the other.
//! let other = dynamo.fork()?.client();
//! # let _ = other;
//! # Ok(())
//! # }
//! ```

mod connector;
mod dispatch;
mod engine;
mod rows;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::clock::{Clock, SystemClock};
use engine::{Engine, Kin, Pages};

pub use connector::{InstantSleep, REGION};

/// The store could not be opened, copied or replaced.
#[derive(Debug, Error)]
#[error("embedded store failed doing=`{doing}` cause=`{cause}`")]
pub struct EmbeddedError {
    doing: &'static str,
    cause: String,
}

impl EmbeddedError {
    fn new(doing: &'static str, cause: impl ToString) -> Self {
        Self {
            doing,
            cause: cause.to_string(),
        }
    }
}

/// The whole content of a store at one instant: tables, rows, and the tokens of recent transactions.
///
/// Clones share the bytes.
#[derive(Clone)]
pub struct Snapshot {
    pages: Arc<Pages>,
    kin: Kin,
}

impl Snapshot {
    /// A new store in memory with this content, on `clock`.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn start(&self, clock: Arc<dyn Clock>) -> Result<EmbeddedDynamo, EmbeddedError> {
        let engine = Engine::from_pages(&self.pages, &self.kin, clock)?;
        Ok(EmbeddedDynamo {
            engine: Arc::new(engine),
        })
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

/// A DynamoDB in this process. Clones are handles to the same store.
#[derive(Clone)]
pub struct EmbeddedDynamo {
    engine: Arc<Engine>,
}

impl std::fmt::Debug for EmbeddedDynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedDynamo")
    }
}

impl EmbeddedDynamo {
    /// An empty store in memory, on the machine's clock.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn memory() -> Result<Self, EmbeddedError> {
        Self::memory_at(Arc::new(SystemClock))
    }

    /// An empty store in memory, on `clock`. Nothing but expiry reads it: of rows in [`Self::sweep_ttl`], and of
    /// the tokens that make a repeated transaction harmless for ten minutes.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn memory_at(clock: Arc<dyn Clock>) -> Result<Self, EmbeddedError> {
        Ok(Self {
            engine: Arc::new(Engine::memory(clock)?),
        })
    }

    /// The store kept in the file at `path`, made if it is missing, on the machine's clock.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the file cannot be opened or is no store.
    pub fn open(path: &Path) -> Result<Self, EmbeddedError> {
        Ok(Self {
            engine: Arc::new(Engine::open(path, Arc::new(SystemClock))?),
        })
    }

    /// Answers one request of the wire protocol (AWS JSON 1.0): HTTP status and body.
    ///
    /// `target` is the `x-amz-target` header, as `DynamoDB_20120810.PutItem`.
    #[must_use]
    pub fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        self.engine.answer(target, body)
    }

    /// Every row of a table as JSON, in the order of the keys, as no operation of the service would tell it: for a
    /// harness that looks at all of it after each step.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn rows(&self, table: &str) -> Result<Vec<String>, EmbeddedError> {
        self.engine.texts(table)
    }

    /// The content now; later changes do not touch it.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn snapshot(&self) -> Result<Snapshot, EmbeddedError> {
        let (pages, kin) = self.engine.pages()?;
        Ok(Snapshot {
            pages: Arc::new(pages),
            kin,
        })
    }

    /// Replaces the whole content by the snapshot's; clients of this store go on with it.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses, or for a store that is kept in a file.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), EmbeddedError> {
        self.engine.replace(&snapshot.pages)
    }

    /// A second store in memory that starts as this one and goes its own way, on the same clock.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn fork(&self) -> Result<Self, EmbeddedError> {
        self.snapshot()?.start(self.engine.clock())
    }

    /// Deletes the rows whose time to live has passed, as the service does at its leisure; says how many.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `SQLite` refuses.
    pub fn sweep_ttl(&self) -> Result<usize, EmbeddedError> {
        self.engine.sweep_ttl()
    }
}
