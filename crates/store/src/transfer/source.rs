//! The original, in SQLite.

use std::path::Path;

use domain::world::LastIds;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::TransferError;
use super::tables::{Column, Kind, Table};
use crate::sqlite::SqliteStore;

/// So many rows are copied in one transaction.
pub(super) const ROWS_AT_ONCE: usize = 5_000;

/// The original. Nothing is written in it.
pub(super) struct Source {
    connection: Connection,
}

/// Some rows, as PostgreSQL's COPY reads them.
pub(super) struct Page {
    pub(super) text: Vec<u8>,
    pub(super) rows: usize,
    /// The key of the last row, see [`key_to_text`].
    pub(super) last_key: Option<String>,
}

/// The ids that were given out last.
pub(super) struct GivenIds {
    pub(super) last: LastIds,
    pub(super) account: i64,
}

impl Source {
    /// Opens the database in `file`, which must exist, and brings it to the schema of this program.
    pub(super) fn open(file: &Path) -> Result<Self, TransferError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // Before anything is made there: a wrong name is not a new database.
        drop(Connection::open_with_flags(file, flags)?);
        drop(SqliteStore::open(file)?);
        Ok(Self { connection: Connection::open_with_flags(file, flags)? })
    }

    /// What tells this installation from others: the hash of its secrets, of its own making.
    pub(super) fn name(&self) -> Result<[u8; 32], TransferError> {
        let mut hash = Sha256::new();
        let mut secrets = self.connection.prepare("SELECT value FROM secrets ORDER BY name")?;
        let mut rows = secrets.query([])?;
        while let Some(row) = rows.next()? {
            hash.update(row.get_ref(0)?.as_blob().unwrap_or_default());
        }
        Ok(hash.finalize().into())
    }

    /// The next rows of `table` behind the key `after`.
    pub(super) fn page(
        &self,
        table: &Table,
        columns: &[Column],
        after: Option<&str>,
    ) -> Result<Page, TransferError> {
        let of = |columns: &mut dyn Iterator<Item = &str>| {
            columns.map(|column| table.expression(column)).collect::<Vec<_>>().join(", ")
        };
        let key = of(&mut table.key.iter().copied());
        let cells = of(&mut columns.iter().map(|column| column.name.as_str()));
        let after: Vec<Box<dyn ToSql>> = after.map(key_from_text).unwrap_or_default();
        let behind = if after.is_empty() {
            String::new()
        } else {
            format!("WHERE ({key}) > ({})", vec!["?"; after.len()].join(", "))
        };
        let sql = format!(
            "SELECT {key}, {cells} FROM {} {behind} ORDER BY {key} LIMIT {ROWS_AT_ONCE}",
            table.source(),
        );

        let mut page = Page { text: Vec::new(), rows: 0, last_key: None };
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(after))?;
        while let Some(row) = rows.next()? {
            for (index, column) in columns.iter().enumerate() {
                if index != 0 {
                    page.text.push(b'\t');
                }
                write_cell(&mut page.text, row.get_ref(table.key.len() + index)?, column.kind);
            }
            page.text.push(b'\n');
            page.rows += 1;
            if page.rows == ROWS_AT_ONCE {
                let key = (0..table.key.len()).map(|index| row.get_ref(index));
                page.last_key = Some(key_to_text(key.collect::<Result<Vec<_>, _>>()?));
            }
        }
        Ok(page)
    }

    /// The ids that were given out last.
    pub(super) fn last_ids(&self) -> Result<GivenIds, TransferError> {
        let sql = "SELECT chat, message, attachment, account FROM last_ids";
        Ok(self.connection.query_row(sql, [], |row| {
            let last = LastIds { chat: row.get(0)?, message: row.get(1)?, attachment: row.get(2)? };
            Ok(GivenIds { last, account: row.get(3)? })
        })?)
    }

    /// What a query answers in its only row, all whole numbers.
    pub(super) fn numbers(&self, sql: &str, count: usize) -> Result<Vec<i64>, TransferError> {
        Ok(self.connection.query_row(sql, [], |row| {
            (0..count)
                .map(|index| row.get::<_, Option<i64>>(index).map(Option::unwrap_or_default))
                .collect()
        })?)
    }
}

/// A cell in the text format of COPY.
fn write_cell(text: &mut Vec<u8>, value: ValueRef<'_>, kind: Kind) {
    match (value, kind) {
        (ValueRef::Integer(number), Kind::Flag) => text.push(if number == 0 { b'f' } else { b't' }),
        (ValueRef::Integer(number), _) => text.extend_from_slice(number.to_string().as_bytes()),
        (ValueRef::Text(value), _) => {
            for &byte in value {
                match byte {
                    b'\\' => text.extend_from_slice(b"\\\\"),
                    b'\t' => text.extend_from_slice(b"\\t"),
                    b'\n' => text.extend_from_slice(b"\\n"),
                    b'\r' => text.extend_from_slice(b"\\r"),
                    _ => text.push(byte),
                }
            }
        }
        (ValueRef::Blob(value), Kind::Uuid) => {
            let name = Uuid::from_slice(value).unwrap_or_default();
            text.extend_from_slice(name.to_string().as_bytes());
        }
        (ValueRef::Blob(value), _) => {
            text.extend_from_slice(b"\\\\x");
            text.extend_from_slice(data_encoding::HEXLOWER.encode(value).as_bytes());
        }
        // The tables are strict, and have no column of floating-point numbers.
        (ValueRef::Null | ValueRef::Real(_), _) => text.extend_from_slice(b"\\N"),
    }
}

/// A key as it is noted between two runs: a letter for the type of each cell, and what it holds.
fn key_to_text(cells: Vec<ValueRef<'_>>) -> String {
    let cells = cells.into_iter().map(|cell| match cell {
        ValueRef::Integer(number) => format!("i{number}"),
        ValueRef::Text(text) => format!("t{}", data_encoding::HEXLOWER.encode(text)),
        ValueRef::Blob(bytes) => format!("b{}", data_encoding::HEXLOWER.encode(bytes)),
        ValueRef::Null | ValueRef::Real(_) => String::from("n"),
    });
    cells.collect::<Vec<_>>().join(" ")
}

fn key_from_text(text: &str) -> Vec<Box<dyn ToSql>> {
    let bytes = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap_or_default();
    text.split(' ')
        .map(|cell| match cell.split_at_checked(1) {
            Some(("i", number)) => Box::new(number.parse::<i64>().ok()) as Box<dyn ToSql>,
            Some(("t", hex)) => Box::new(String::from_utf8(bytes(hex)).ok()),
            Some(("b", hex)) => Box::new(bytes(hex)),
            _ => Box::new(None::<i64>),
        })
        .collect()
}
