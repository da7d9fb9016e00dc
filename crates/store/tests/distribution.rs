//! What docs/scaling.md promises to whoever distributes the tables over several servers, held against the schema.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use store::postgres::PostgresStore;
use tokio_postgres::{Client, NoTls};

const PROMISED: &str = include_str!("../../../docs/scaling.md");

/// The column by which each table is distributed, as the page says.
fn distributed() -> BTreeMap<String, String> {
    let calls =
        PROMISED.lines().filter_map(|line| line.strip_prefix("SELECT create_distributed_table("));
    calls
        .map(|call| {
            let mut quoted = call.split('\'').skip(1).step_by(2);
            (quoted.next().unwrap().to_owned(), quoted.next().unwrap().to_owned())
        })
        .collect()
}

/// The tables that stay where they are, as the page says.
fn undistributed() -> BTreeSet<String> {
    let (_, listed) = PROMISED.split_once("These stay undistributed").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

async fn names(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_table_has_its_place_and_every_unique_index_of_an_account_names_it() {
    let schema = local_services::fresh_schema().unwrap();
    let store = PostgresStore::open(schema.url()).await.unwrap();
    let (client, connection) = tokio_postgres::connect(schema.url(), NoTls).await.unwrap();
    tokio::spawn(connection);

    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
        AND relkind = 'r' ORDER BY 1";
    let tables: BTreeSet<_> = names(&client, tables).await.into_iter().collect();
    let mut placed: BTreeSet<_> = distributed().into_keys().collect();
    assert!(placed.is_disjoint(&undistributed()));
    placed.extend(undistributed());
    assert_eq!(tables, placed, "docs/scaling.md names every table once");

    for (table, column) in distributed() {
        let columns = format!(
            "SELECT attname::text FROM pg_index \
             JOIN pg_attribute ON attrelid = indexrelid WHERE indrelid = '{table}'::regclass AND indisprimary \
             ORDER BY attnum"
        );
        assert_eq!(
            names(&client, &columns).await.first(),
            Some(&column),
            "leads the key of {table}"
        );
        let without = format!(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = '{table}'::regclass AND indisunique \
             AND NOT EXISTS (SELECT 1 FROM pg_attribute \
                 WHERE attrelid = indexrelid AND attname = '{column}')"
        );
        assert_eq!(names(&client, &without).await, [""; 0], "unique without {column} in {table}");
    }
    let foreign = "SELECT conname::text FROM pg_constraint \
        WHERE connamespace = current_schema()::regnamespace AND contype = 'f'";
    assert_eq!(names(&client, foreign).await, [""; 0], "no foreign keys");
    drop(store);
}
