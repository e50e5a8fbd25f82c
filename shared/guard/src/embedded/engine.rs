//! The store behind one lock, its copies, and the spare connections that make copies cheap.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use dynoxide::storage::Storage;

use super::EmbeddedError;
use super::dispatch;
use super::tokens::Tokens;
use crate::clock::Clock;

/// Prepared statements a connection keeps: a handful for each of a dozen tables and indexes.
const STATEMENTS_MAX: usize = 128;

/// Spare connections that one family of copies keeps.
const SPARES_MAX: usize = 32;

/// Where the header of an `SQLite` file names its journal: two bytes, 1 for a rollback journal, 2 for a log.
const JOURNAL_BYTES: std::ops::Range<usize> = 18..20;

/// Tells one set of table definitions from every other set in this process.
static SCHEMAS: AtomicU64 = AtomicU64::new(0);

/// The emulator's clock counts seconds; ours counts milliseconds.
struct Seconds(Arc<dyn Clock>);

impl dynoxide::storage_backend::Clock for Seconds {
    fn now_unix_secs(&self) -> u64 {
        self.0.now_ms() / 1000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        std::time::Duration::from_millis(self.0.now_ms()).as_secs_f64()
    }
}

/// A database as bytes.
pub(super) struct Pages {
    bytes: Vec<u8>,
    schema: u64,
    tokens: Tokens,
}

impl Pages {
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// Connections that copies of one store have given back.
///
/// Opening a connection costs more than filling one. A spare is taken only for the table definitions that it
/// last held, because the emulator remembers them per connection.
#[derive(Clone, Default)]
pub(super) struct Kin(Arc<Mutex<Vec<(u64, Storage)>>>);

impl Kin {
    fn take(&self, schema: u64) -> Option<Storage> {
        let mut spares = self.0.lock().ok()?;
        let at = spares.iter().rposition(|(held, _)| *held == schema)?;
        Some(spares.swap_remove(at).1)
    }

    fn give(&self, schema: u64, storage: Storage) {
        if let Ok(mut spares) = self.0.lock() {
            if spares.len() >= SPARES_MAX {
                spares.remove(0);
            }
            spares.push((schema, storage));
        }
    }
}

/// What the lock guards.
struct Held {
    /// Taken out only by `Drop` and by a replacement.
    storage: Option<Storage>,
    schema: u64,
    tokens: Tokens,
}

/// One store.
pub(super) struct Engine {
    held: Mutex<Held>,
    clock: Arc<dyn Clock>,
    kin: Kin,
    in_file: bool,
}

impl Engine {
    pub(super) fn memory(clock: Arc<dyn Clock>) -> Result<Self, EmbeddedError> {
        let storage = fresh(&clock)?;
        Ok(Self::around(storage, clock, Kin::default(), false))
    }

    pub(super) fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, EmbeddedError> {
        let name = path
            .to_str()
            .ok_or_else(|| EmbeddedError::new("open", "path is not UTF-8"))?;
        let storage = Storage::new(name).map_err(|error| EmbeddedError::new("open", error))?;
        let storage = prepared(storage, &clock);
        Ok(Self::around(storage, clock, Kin::default(), true))
    }

    pub(super) fn from_pages(pages: &Pages, kin: &Kin, clock: Arc<dyn Clock>) -> Result<Self, EmbeddedError> {
        let spare = kin.take(pages.schema);
        let mut storage = match spare {
            Some(storage) => storage.with_clock(Arc::new(Seconds(Arc::clone(&clock)))),
            None => fresh(&clock)?,
        };
        fill(&mut storage, &pages.bytes)?;
        let engine = Self::around(storage, clock, kin.clone(), false);
        {
            let mut held = engine.lock()?;
            held.schema = pages.schema;
            held.tokens = pages.tokens.clone();
        }
        Ok(engine)
    }

    fn around(storage: Storage, clock: Arc<dyn Clock>, kin: Kin, in_file: bool) -> Self {
        let held = Held {
            storage: Some(storage),
            schema: SCHEMAS.fetch_add(1, Ordering::Relaxed),
            tokens: Tokens::default(),
        };
        Self {
            held: Mutex::new(held),
            clock,
            kin,
            in_file,
        }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(super) fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        let Ok(mut held) = self.lock() else {
            return dispatch::broken();
        };
        let Held {
            storage,
            schema,
            tokens,
        } = &mut *held;
        let Some(storage) = storage else {
            return dispatch::broken();
        };
        let (_, operation) = target.rsplit_once('.').unwrap_or(("", target));
        if operation == "TransactWriteItems" {
            return tokens.once(self.clock.now_ms(), body, || {
                dispatch::answer(storage, operation, body)
            });
        }
        let answer = dispatch::answer(storage, operation, body);
        if answer.0 == 200 && dispatch::redefines(operation) {
            *schema = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    pub(super) fn pages(&self) -> Result<(Pages, Kin), EmbeddedError> {
        let held = self.lock()?;
        let storage = held.storage.as_ref().ok_or_else(gone)?;
        let mut bytes = storage
            .conn()
            .serialize("main")
            .map_err(|error| EmbeddedError::new("snapshot", error))?
            .to_vec();
        // A copy lives in memory, where SQLite keeps no log.
        if let Some(journal) = bytes.get_mut(JOURNAL_BYTES) {
            journal.fill(1);
        }
        let pages = Pages {
            bytes,
            schema: held.schema,
            tokens: held.tokens.clone(),
        };
        Ok((pages, self.kin.clone()))
    }

    pub(super) fn replace(&self, pages: &Pages) -> Result<(), EmbeddedError> {
        if self.in_file {
            return Err(EmbeddedError::new("restore", "the store is kept in a file"));
        }
        let mut held = self.lock()?;
        let same = held.schema == pages.schema;
        let mut storage = match held.storage.take() {
            Some(storage) if same => storage,
            _ => match self.kin.take(pages.schema) {
                Some(spare) => spare.with_clock(Arc::new(Seconds(self.clock()))),
                None => fresh(&self.clock)?,
            },
        };
        fill(&mut storage, &pages.bytes)?;
        *held = Held {
            storage: Some(storage),
            schema: pages.schema,
            tokens: pages.tokens.clone(),
        };
        Ok(())
    }

    pub(super) fn sweep_ttl(&self) -> Result<usize, EmbeddedError> {
        let held = self.lock()?;
        let storage = held.storage.as_ref().ok_or_else(gone)?;
        dispatch::at_once(dynoxide::ttl::sweep_expired_items(storage))
            .map_err(|error| EmbeddedError::new("sweep", error))
    }

    fn lock(&self) -> Result<MutexGuard<'_, Held>, EmbeddedError> {
        self.held
            .lock()
            .map_err(|error| EmbeddedError::new("lock", error))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.in_file {
            return;
        }
        if let Ok(held) = self.held.get_mut()
            && let Some(storage) = held.storage.take()
        {
            self.kin.give(held.schema, storage);
        }
    }
}

fn gone() -> EmbeddedError {
    EmbeddedError::new("use", "an earlier replacement failed")
}

fn fresh(clock: &Arc<dyn Clock>) -> Result<Storage, EmbeddedError> {
    let storage = Storage::memory().map_err(|error| EmbeddedError::new("open", error))?;
    Ok(prepared(storage, clock))
}

fn prepared(storage: Storage, clock: &Arc<dyn Clock>) -> Storage {
    storage
        .conn()
        .set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    storage.with_clock(Arc::new(Seconds(Arc::clone(clock))))
}

/// Puts `bytes` in the place of whatever the connection holds.
///
/// Statements are forgotten first: `SQLite` compiles them against the content that it is about to lose.
fn fill(storage: &mut Storage, bytes: &[u8]) -> Result<(), EmbeddedError> {
    let connection = storage.conn_mut();
    connection.flush_prepared_statement_cache();
    connection
        .deserialize_read_exact("main", bytes, bytes.len(), false)
        .map_err(|error| EmbeddedError::new("fill", error))
}
