//! The rows of SQLite.

use std::collections::HashSet;
use std::hash::Hash;

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use uuid::Uuid;

use crate::cells::{Cell, Cells};

/// The cells of a row that were not taken yet.
pub(super) struct SqliteCells<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> SqliteCells<'r> {
    pub(super) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }
}

impl Cells for SqliteCells<'_> {
    type Error = Error;

    fn take<T: Cell>(&mut self) -> Result<T> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    fn out_of_range(&self) -> Error {
        let column = self.next - 1;
        Error::FromSqlConversionFailure(column, Type::Integer, "a value out of range".into())
    }

    fn uuid(&mut self) -> Result<Uuid> {
        let bytes: Vec<u8> = self.take()?;
        self.known(Uuid::from_slice(&bytes).ok())
    }
}

/// `ids` without repetitions: each row is read once.
pub(super) fn distinct<T: Copy + Eq + Hash>(ids: &[T]) -> HashSet<T> {
    ids.iter().copied().collect()
}
