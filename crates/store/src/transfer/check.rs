//! Whether the copy is the original.

use std::fmt;

use super::TransferError;
use super::source::Source;
use super::tables::{Column, Kind, Table};
use super::target::Target;

/// Where a copy differs from its original.
#[derive(Debug)]
pub struct Difference {
    /// In which table.
    table: String,
    /// What was compared.
    what: String,
    /// What the original has.
    original: i64,
    /// What the copy has.
    copy: i64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, what, original, copy } = self;
        write!(f, "{what} of {table}: {original} in the original, {copy} in the copy")
    }
}

/// Counts the rows of a table and sums every column on both sides: numbers by their rest of a prime, texts and bytes by
/// their length.
pub(super) async fn compare(
    table: &Table,
    columns: &[Column],
    source: &Source,
    target: &Target,
) -> Result<(), TransferError> {
    let summed: Vec<&Column> = columns.iter().filter(|column| column.kind != Kind::Uuid).collect();
    let ours: Vec<_> =
        summed.iter().map(|column| sum(&table.expression(&column.name), column.kind)).collect();
    let ours = format!("SELECT count(*), {} FROM {}", ours.join(", "), table.source());
    let theirs: Vec<_> = summed
        .iter()
        .map(|column| match column.kind {
            Kind::Flag => sum(&format!("{}::int", column.name), column.kind),
            Kind::Whole | Kind::Text | Kind::Bytes | Kind::Uuid => sum(&column.name, column.kind),
        })
        .map(|sum| format!("({sum})::bigint"))
        .collect();
    let theirs = format!("SELECT count(*), {} FROM {}", theirs.join(", "), table.name);

    let originals = source.numbers(&ours, summed.len() + 1)?;
    let copies = target.numbers(&theirs, summed.len() + 1).await?;
    let names = std::iter::once("the number of rows".to_owned())
        .chain(summed.iter().map(|column| format!("the column {}", column.name)));
    for ((what, original), copy) in names.zip(originals).zip(copies) {
        if original != copy {
            let table = table.name.to_owned();
            return Err(TransferError::Different(Difference { table, what, original, copy }));
        }
    }
    Ok(())
}

/// The sum of a column in both dialects of SQL.
fn sum(column: &str, kind: Kind) -> String {
    match kind {
        Kind::Whole | Kind::Flag | Kind::Uuid => format!("sum({column} % 1000003)"),
        Kind::Text | Kind::Bytes => format!("sum(length({column}))"),
    }
}

/// Each is the number of things that must not be there.
const FAULTS: [(&str, &str, &str); 3] = [
    (
        "log",
        "gaps in sequences",
        "SELECT count(*) FROM (SELECT 1 FROM log GROUP BY account_id \
         HAVING max(sequence) - min(sequence) + 1 <> count(*)) AS torn",
    ),
    (
        "log",
        "ends that are not the newest entry",
        "SELECT count(*) FROM account_state \
         JOIN (SELECT account_id, max(sequence) AS newest FROM log GROUP BY account_id) AS logs USING (account_id) \
         WHERE newest <> log_sequence",
    ),
    (
        "chats",
        "chats whose last message is not their newest",
        "SELECT count(*) FROM chats WHERE last_message_id <> coalesce((SELECT max(id) FROM messages \
         WHERE messages.seller_id = chats.seller_id AND messages.chat_id = chats.id), 0)",
    ),
];

/// Whether the logs have no gap, and the chats end with their newest message.
pub(super) async fn logs_are_whole(target: &Target) -> Result<(), TransferError> {
    for (table, what, sql) in FAULTS {
        let copy = target.numbers(sql, 1).await?.first().copied().unwrap_or_default();
        if copy != 0 {
            let (table, what) = (table.to_owned(), what.to_owned());
            let difference = Difference { table, what, original: 0, copy };
            return Err(TransferError::Different(difference));
        }
    }
    Ok(())
}
