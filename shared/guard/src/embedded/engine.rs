//! The store behind one lock, its copies, and the spare connections that make copies cheap.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use dynoxide::storage::Storage;

use super::EmbeddedError;
use super::dispatch::{self, Written};
use super::rows::{Rows, Shape};
use super::tokens::Tokens;
use crate::clock::Clock;

/// Prepared statements a connection keeps: a handful for each of a dozen tables and indexes.
const STATEMENTS_MAX: usize = 128;

/// Spare connections that one family of copies keeps.
const SPARES_MAX: usize = 32;

/// Where the header of an `SQLite` file names its journal: two bytes, 1 for a rollback journal, 2 for a log.
const JOURNAL_BYTES: std::ops::Range<usize> = 18..20;

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

/// A content of a store.
pub(super) struct Pages {
    shape: Arc<Shape>,
    rows: Vec<Rows>,
    tokens: Tokens,
}

/// Connections that copies of one store have given back.
///
/// Opening a connection costs more than filling one. A spare is taken only for the table definitions that it
/// last held, because the emulator remembers them per connection.
#[derive(Clone, Default)]
pub(super) struct Kin(Arc<Mutex<Vec<Spare>>>);

/// A connection, and the tables that it has.
type Spare = (Arc<Shape>, Storage);

impl Kin {
    fn take(&self, shape: &Arc<Shape>) -> Option<Storage> {
        let mut spares = self.0.lock().ok()?;
        let at = spares.iter().rposition(|(held, _)| Arc::ptr_eq(held, shape))?;
        Some(spares.swap_remove(at).1)
    }

    fn give(&self, shape: Arc<Shape>, storage: Storage) {
        if let Ok(mut spares) = self.0.lock() {
            if spares.len() >= SPARES_MAX {
                spares.remove(0);
            }
            spares.push((shape, storage));
        }
    }
}

/// What the lock guards.
struct Held {
    /// Taken out only by `Drop` and by a replacement.
    storage: Option<Storage>,
    /// The tables, once they were copied, until they are defined anew.
    shape: Option<Arc<Shape>>,
    /// The rows of each table of the shape; none of those that were changed since they were last read.
    rows: Vec<Option<Rows>>,
    tokens: Tokens,
}

impl Held {
    /// A store with this content.
    fn of(storage: Storage, pages: &Pages) -> Self {
        Self {
            storage: Some(storage),
            shape: Some(Arc::clone(&pages.shape)),
            rows: pages.rows.iter().cloned().map(Some).collect(),
            tokens: pages.tokens.clone(),
        }
    }

    /// An operation was answered with success.
    fn changed(&mut self, operation: &str, body: &[u8]) {
        if dispatch::redefines(operation) {
            self.shape = None;
            return;
        }
        let Some(shape) = &self.shape else { return };
        match dispatch::writes(operation, body) {
            Written::Nothing => {}
            Written::Tables(names) => {
                for at in names.iter().flat_map(|name| shape.touched(name)) {
                    if let Some(rows) = self.rows.get_mut(at) {
                        *rows = None;
                    }
                }
            }
            Written::Anything => self.rows.clear(),
        }
    }

    /// The tables and their rows, read where they are not known.
    fn content(&mut self) -> Result<(Arc<Shape>, Vec<Rows>), EmbeddedError> {
        let storage = self.storage.as_ref().ok_or_else(gone)?;
        let shape = match &self.shape {
            Some(shape) => Arc::clone(shape),
            None => {
                self.rows.clear();
                Arc::new(Shape::of(storage, bytes(storage)?)?)
            }
        };
        let rows = shape.read(storage, &self.rows)?;
        self.rows = rows.iter().cloned().map(Some).collect();
        self.shape = Some(Arc::clone(&shape));
        Ok((shape, rows))
    }
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
        let storage = filled(pages, kin, &clock)?;
        let held = Held::of(storage, pages);
        Ok(Self {
            held: Mutex::new(held),
            clock,
            kin: kin.clone(),
            in_file: false,
        })
    }

    fn around(storage: Storage, clock: Arc<dyn Clock>, kin: Kin, in_file: bool) -> Self {
        let held = Held {
            storage: Some(storage),
            shape: None,
            rows: Vec::new(),
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
        let Held { storage, tokens, .. } = &mut *held;
        let Some(storage) = storage else {
            return dispatch::broken();
        };
        let (_, operation) = target.rsplit_once('.').unwrap_or(("", target));
        let answer = if operation == "TransactWriteItems" {
            tokens.once(self.clock.now_ms(), body, || {
                dispatch::answer(storage, operation, body)
            })
        } else {
            dispatch::answer(storage, operation, body)
        };
        if answer.0 == 200 {
            held.changed(operation, body);
        }
        answer
    }

    pub(super) fn pages(&self) -> Result<(Pages, Kin), EmbeddedError> {
        let mut held = self.lock()?;
        let (shape, rows) = held.content()?;
        let tokens = held.tokens.clone();
        Ok((Pages { shape, rows, tokens }, self.kin.clone()))
    }

    pub(super) fn texts(&self, table: &str) -> Result<Vec<String>, EmbeddedError> {
        let (shape, rows) = self.lock()?.content()?;
        Ok(shape.texts(table, &rows))
    }

    pub(super) fn replace(&self, pages: &Pages) -> Result<(), EmbeddedError> {
        if self.in_file {
            return Err(EmbeddedError::new("restore", "the store is kept in a file"));
        }
        let mut held = self.lock()?;
        let same = held
            .shape
            .as_ref()
            .is_some_and(|shape| Arc::ptr_eq(shape, &pages.shape));
        let storage = if same {
            let (shape, rows) = held.content()?;
            let storage = held.storage.take().ok_or_else(gone)?;
            shape.turn(&storage, &rows, &pages.rows)?;
            storage
        } else {
            held.storage = None;
            filled(pages, &self.kin, &self.clock)?
        };
        *held = Held::of(storage, pages);
        Ok(())
    }

    pub(super) fn sweep_ttl(&self) -> Result<usize, EmbeddedError> {
        let mut held = self.lock()?;
        held.rows.clear();
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
            && let (Some(storage), Some(shape)) = (held.storage.take(), held.shape.take())
        {
            self.kin.give(shape, storage);
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

/// The whole database.
fn bytes(storage: &Storage) -> Result<Vec<u8>, EmbeddedError> {
    let data = storage.conn().serialize("main");
    let mut bytes = data
        .map_err(|error| EmbeddedError::new("snapshot", error))?
        .to_vec();
    // A copy lives in memory, where SQLite keeps no log.
    if let Some(journal) = bytes.get_mut(JOURNAL_BYTES) {
        journal.fill(1);
    }
    Ok(bytes)
}

/// A connection with this content: a spare one, or a new one.
fn filled(pages: &Pages, kin: &Kin, clock: &Arc<dyn Clock>) -> Result<Storage, EmbeddedError> {
    let shape = &pages.shape;
    let mut storage = match kin.take(shape) {
        Some(storage) => storage.with_clock(Arc::new(Seconds(Arc::clone(clock)))),
        None => fresh(clock)?,
    };
    fill(&mut storage, &shape.bytes)?;
    shape.turn(&storage, &shape.rows, &pages.rows)?;
    Ok(storage)
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
