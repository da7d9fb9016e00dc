//! Reading rows, whatever the database: the cells of a row are taken from left to right, each as the type that it must
//! be. What the rows of a table mean is said once, in [`crate::rows`].

use domain::Timestamp;
use uuid::Uuid;

use crate::codes::Code;

/// The cells of a row that were not taken yet.
pub(crate) trait Cells {
    /// What goes wrong when a cell is not what it must be.
    type Error;

    /// The next cell, as a type that both databases know.
    fn take<T: Cell>(&mut self) -> Result<T, Self::Error>;

    /// The cell taken last is out of range. Only this program writes the database, so that this is an error.
    fn out_of_range(&self) -> Self::Error;

    /// A UUID.
    fn uuid(&mut self) -> Result<Uuid, Self::Error>;

    /// `value`, which was made of the cell taken last.
    fn known<T>(&self, value: Option<T>) -> Result<T, Self::Error> {
        value.ok_or_else(|| self.out_of_range())
    }

    /// An id; `new` is the id type's own constructor.
    fn id<T>(&mut self, new: fn(i64) -> Option<T>) -> Result<T, Self::Error> {
        let value = self.take()?;
        self.known(new(value))
    }

    /// An id, or null.
    fn optional_id<T>(&mut self, new: fn(i64) -> Option<T>) -> Result<Option<T>, Self::Error> {
        let value: Option<i64> = self.take()?;
        value.map(|value| self.known(new(value))).transpose()
    }

    /// A whole number smaller than a database's.
    fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Self::Error> {
        self.id(|value| T::try_from(value).ok())
    }

    /// A whole number smaller than a database's, or null.
    fn optional_number<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, Self::Error> {
        self.optional_id(|value| T::try_from(value).ok())
    }

    /// An enum.
    fn code<T: Code>(&mut self) -> Result<T, Self::Error> {
        self.id(T::from_code)
    }

    /// An enum, or null.
    fn optional_code<T: Code>(&mut self) -> Result<Option<T>, Self::Error> {
        self.optional_id(T::from_code)
    }

    /// A time.
    fn time(&mut self) -> Result<Timestamp, Self::Error> {
        self.id(time_at)
    }

    /// A time, or null.
    fn optional_time(&mut self) -> Result<Option<Timestamp>, Self::Error> {
        self.optional_id(time_at)
    }

    /// A SHA-256, or a secret of the same length.
    fn bytes_32(&mut self) -> Result<[u8; 32], Self::Error> {
        let bytes: Vec<u8> = self.take()?;
        self.known(bytes.try_into().ok())
    }

    /// A SHA-256, or a secret of the same length, or null.
    fn optional_bytes_32(&mut self) -> Result<Option<[u8; 32]>, Self::Error> {
        let bytes: Option<Vec<u8>> = self.take()?;
        bytes.map(|bytes| self.known(bytes.try_into().ok())).transpose()
    }
}

/// What a cell of either database can be read as.
pub(crate) trait Cell:
    rusqlite::types::FromSql + for<'row> tokio_postgres::types::FromSql<'row>
{
}

impl<T> Cell for T where T: rusqlite::types::FromSql + for<'row> tokio_postgres::types::FromSql<'row>
{}

fn time_at(millisecond: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millisecond).ok()
}

/// How a time is written.
pub(crate) fn millisecond(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// How a time or none is written.
pub(crate) fn optional_millisecond(time: Option<Timestamp>) -> Option<i64> {
    time.map(millisecond)
}

/// How a number of things is written.
pub(crate) fn number(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}
