//! The rows of PostgreSQL.

use engine::store::StoreError;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::store_error;
use crate::cells::{Cell, Cells};

/// The cells of a row that were not taken yet.
pub(crate) struct PostgresCells {
    row: Row,
    next: usize,
}

impl PostgresCells {
    pub(super) fn of(row: Row) -> Self {
        Self { row, next: 0 }
    }
}

impl Cells for PostgresCells {
    type Error = StoreError;

    fn take<T: Cell>(&mut self) -> Result<T, StoreError> {
        let value = self.row.try_get(self.next).map_err(|error| store_error(&error))?;
        self.next += 1;
        Ok(value)
    }

    fn out_of_range(&self) -> StoreError {
        let column = self.row.columns().get(self.next - 1).map_or("?", |column| column.name());
        StoreError::Failed(format!("the column {column} has a value out of range"))
    }

    fn uuid(&mut self) -> Result<Uuid, StoreError> {
        let value = self.row.try_get(self.next).map_err(|error| store_error(&error))?;
        self.next += 1;
        Ok(value)
    }
}

/// Makes something of each row.
pub(super) fn decode<T>(
    rows: Vec<Row>,
    decode: impl Fn(&mut PostgresCells) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(|row| decode(&mut PostgresCells::of(row))).collect()
}
