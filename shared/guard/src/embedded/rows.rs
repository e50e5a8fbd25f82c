//! The content of a store, table by table and row by row: what a copy keeps, and how a copy is put back.
//!
//! To put whole databases back costs `SQLite` every statement and all that it knows of the tables; to put back the
//! rows that differ costs those rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use dynoxide::storage::Storage;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::EmbeddedError;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    /// The bits of a number, so that equal means the same.
    Real(u64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Self {
        match Value::from(value) {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number.to_bits()),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(number) => ToSqlOutput::from(*number),
            Self::Real(bits) => ToSqlOutput::from(f64::from_bits(*bits)),
            Self::Text(text) => ToSqlOutput::from(text.as_str()),
            Self::Blob(bytes) => ToSqlOutput::from(bytes.as_slice()),
        })
    }
}

/// A row, its key first.
pub(super) type Row = Vec<Cell>;

/// The rows of one table.
pub(super) type Rows = Arc<BTreeSet<Row>>;

/// A table of `SQLite`, and the statements that copy it.
#[derive(Debug)]
struct Table {
    name: String,
    /// How many values of a row are its key.
    keys: usize,
    read: String,
    put: String,
    delete: String,
}

/// One set of table definitions, and a whole database that has it.
#[derive(Debug)]
pub(super) struct Shape {
    tables: Vec<Table>,
    /// The database, as `SQLite` writes it.
    pub(super) bytes: Vec<u8>,
    /// What is in it.
    pub(super) rows: Vec<Rows>,
}

impl Shape {
    /// Of the database behind this connection; `bytes` is that database.
    pub(super) fn of(storage: &Storage, bytes: Vec<u8>) -> Result<Self, EmbeddedError> {
        let connection = storage.conn();
        let tables = tables(connection).map_err(|error| EmbeddedError::new("read the tables", error))?;
        let mut shape = Self {
            tables,
            bytes,
            rows: Vec::new(),
        };
        shape.rows = shape.read(storage, &[])?;
        Ok(shape)
    }

    /// The places of the tables that a change of the table `name` touches, its indexes among them.
    pub(super) fn touched<'s>(&'s self, name: &'s str) -> impl Iterator<Item = usize> + 's {
        let belongs = move |table: &Table| {
            let rest = table.name.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let tables = self.tables.iter().enumerate();
        tables.filter(move |(_, table)| belongs(table)).map(|(at, _)| at)
    }

    /// The items of the table `name`, in the order of their keys.
    pub(super) fn texts(&self, name: &str, rows: &[Rows]) -> Vec<String> {
        let table = self.tables.iter().zip(rows).find(|(table, _)| table.name == name);
        let rows = table.into_iter().flat_map(|(_, rows)| rows.iter());
        // Two values of key, then the item, as the emulator lays its tables out.
        let text = |row: &Row| match row.get(2) {
            Some(Cell::Text(text)) => Some(text.clone()),
            _ => None,
        };
        rows.filter_map(text).collect()
    }

    /// All rows; of a table that is `known` its known ones, unread.
    pub(super) fn read(&self, storage: &Storage, known: &[Option<Rows>]) -> Result<Vec<Rows>, EmbeddedError> {
        let connection = storage.conn();
        let mut all = Vec::with_capacity(self.tables.len());
        for (at, table) in self.tables.iter().enumerate() {
            let rows = match known.get(at).cloned().flatten() {
                Some(rows) => rows,
                None => table
                    .rows(connection)
                    .map_err(|error| EmbeddedError::new("read rows", error))?,
            };
            all.push(rows);
        }
        Ok(all)
    }

    /// Turns a content of `from` into one of `to`.
    pub(super) fn turn(&self, storage: &Storage, from: &[Rows], to: &[Rows]) -> Result<(), EmbeddedError> {
        let refused = |error| EmbeddedError::new("put rows back", error);
        let connection = storage.conn();
        let mut begun = false;
        for ((table, from), to) in self.tables.iter().zip(from).zip(to) {
            if Arc::ptr_eq(from, to) || from == to {
                continue;
            }
            if !begun {
                connection.execute_batch("BEGIN IMMEDIATE").map_err(refused)?;
                begun = true;
            }
            table.turn(connection, from, to).map_err(refused)?;
        }
        if begun {
            connection.execute_batch("COMMIT").map_err(refused)?;
        }
        Ok(())
    }
}

impl Table {
    fn rows(&self, connection: &Connection) -> rusqlite::Result<Rows> {
        let mut statement = connection.prepare_cached(&self.read)?;
        let width = statement.column_count();
        let mut found = statement.query([])?;
        let mut rows = BTreeSet::new();
        while let Some(row) = found.next()? {
            let cells = (0..width).map(|at| row.get_ref(at).map(Cell::of));
            rows.insert(cells.collect::<rusqlite::Result<Row>>()?);
        }
        Ok(Arc::new(rows))
    }

    fn turn(
        &self,
        connection: &Connection,
        from: &BTreeSet<Row>,
        to: &BTreeSet<Row>,
    ) -> rusqlite::Result<()> {
        let mut delete = connection.prepare_cached(&self.delete)?;
        for row in from.difference(to) {
            delete.execute(params_from_iter(row.iter().take(self.keys)))?;
        }
        let mut put = connection.prepare_cached(&self.put)?;
        for row in to.difference(from) {
            put.execute(params_from_iter(row))?;
        }
        Ok(())
    }
}

/// Every table of a database but `SQLite`'s own.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    names.map(|name| table(connection, name?)).collect()
}

fn table(connection: &Connection, name: String) -> rusqlite::Result<Table> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut statement = connection.prepare(&format!("PRAGMA table_info({})", quoted(&name)))?;
    let columns = statement.query_map([], |row| {
        Ok((row.get::<_, String>("name")?, row.get::<_, u32>("pk")?))
    })?;
    let columns = columns.collect::<rusqlite::Result<Vec<_>>>()?;
    let (mut key, rest): (Vec<_>, Vec<_>) = columns.into_iter().partition(|(_, place)| *place > 0);
    key.sort_by_key(|(_, place)| *place);
    // A table without a key has the number that SQLite gives its rows.
    let mut all: Vec<String> = key.iter().map(|(name, _)| quoted(name)).collect();
    if all.is_empty() {
        all.push("rowid".to_owned());
    }
    let keys = all.len();
    let same: Vec<String> = (1..)
        .zip(&all)
        .map(|(at, name)| format!("{name} = ?{at}"))
        .collect();
    all.extend(rest.iter().map(|(name, _)| quoted(name)));
    let places: Vec<String> = (1..=all.len()).map(|at| format!("?{at}")).collect();
    let (to, columns) = (quoted(&name), all.join(", "));
    Ok(Table {
        keys,
        read: format!("SELECT {columns} FROM {to}"),
        put: format!("INSERT INTO {to} ({columns}) VALUES ({})", places.join(", ")),
        delete: format!("DELETE FROM {to} WHERE {}", same.join(" AND ")),
        name,
    })
}
