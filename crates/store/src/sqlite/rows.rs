//! Reading rows: the cells of a row are taken from left to right, each as the type that it must be.

use std::collections::HashSet;
use std::hash::Hash;

use domain::Timestamp;
use jiff::Timestamp as Time;
use rusqlite::types::{FromSql, Type};
use rusqlite::{Error, Result, Row};
use uuid::Uuid;

use crate::codes::Code;

/// The cells of a row that were not taken yet.
pub(super) struct Cells<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Cells<'r> {
    pub(super) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next cell, as any type that SQLite's five types convert to.
    pub(super) fn take<T: FromSql>(&mut self) -> Result<T> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// An id; `new` is the id type's own constructor.
    pub(super) fn id<T>(&mut self, new: fn(i64) -> Option<T>) -> Result<T> {
        let value = self.take()?;
        self.known(new(value))
    }

    /// An id, or null.
    pub(super) fn optional_id<T>(&mut self, new: fn(i64) -> Option<T>) -> Result<Option<T>> {
        let value: Option<i64> = self.take()?;
        value.map(|value| self.known(new(value))).transpose()
    }

    /// An enum.
    pub(super) fn code<T: Code>(&mut self) -> Result<T> {
        self.id(T::from_code)
    }

    /// An enum, or null.
    pub(super) fn optional_code<T: Code>(&mut self) -> Result<Option<T>> {
        self.optional_id(T::from_code)
    }

    /// A time.
    pub(super) fn time(&mut self) -> Result<Timestamp> {
        self.id(time_at)
    }

    /// A time, or null.
    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>> {
        self.optional_id(time_at)
    }

    /// A UUID.
    pub(super) fn uuid(&mut self) -> Result<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    /// `value`, which was made of the cell taken last; none is an error, since only this program writes the database.
    pub(super) fn known<T>(&self, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            let column = self.next - 1;
            Error::FromSqlConversionFailure(column, Type::Integer, "a value out of range".into())
        })
    }
}

fn time_at(millisecond: i64) -> Option<Timestamp> {
    Time::from_millisecond(millisecond).ok()
}

/// How a time is written.
pub(super) fn millisecond(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// How a time or none is written.
pub(super) fn optional_millisecond(time: Option<Timestamp>) -> Option<i64> {
    time.map(millisecond)
}

/// How a number of things is written.
pub(super) fn number(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

/// `ids` without repetitions: each row is read once.
pub(super) fn distinct<T: Copy + Eq + Hash>(ids: &[T]) -> HashSet<T> {
    ids.iter().copied().collect()
}
