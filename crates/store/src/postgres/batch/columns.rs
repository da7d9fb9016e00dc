//! Rows as columns: what `unnest` makes rows of again, so that one statement writes any number of them.

use tokio_postgres::types::ToSql;

/// The columns of some rows, all of whole numbers or null.
pub(super) struct Columns<const COLUMNS: usize> {
    columns: [Vec<Option<i64>>; COLUMNS],
}

impl<const COLUMNS: usize> Columns<COLUMNS> {
    /// The columns of `rows`.
    pub(super) fn of(rows: impl IntoIterator<Item = [Option<i64>; COLUMNS]>) -> Self {
        let mut columns = [const { Vec::new() }; COLUMNS];
        for row in rows {
            for (column, cell) in columns.iter_mut().zip(row) {
                column.push(cell);
            }
        }
        Self { columns }
    }

    /// Whether there are no rows.
    pub(super) fn are_empty(&self) -> bool {
        self.columns.iter().all(Vec::is_empty)
    }

    /// As the first parameters of a statement, `$1::bigint[], $2::bigint[], …`.
    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect()
    }
}
