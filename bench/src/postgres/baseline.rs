//! What somebody who knows PostgreSQL would write at first: a transaction of four statements for each send, run by
//! `pgbench` with prepared statements, in tables like Torg's with the same rows and indexes.
//!
//! It does less than Torg: nobody is authenticated, no rule is asked, no limit counted, no idempotency looked up, and
//! nothing is queued for search.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use local_services::{Postgres, Schema};
use tokio_postgres::Client;

use super::PLAN;
use crate::load::Span;
use crate::town::{FIRST_BUYER, FIRST_SELLER, Plan, TEXT};

/// Threads of `pgbench`.
const THREADS: &str = "2";

/// Tables like Torg's, filled like Torg's.
pub(crate) struct Baseline<'p> {
    postgres: &'p Postgres,
    schema: Schema,
    script: tempfile::NamedTempFile,
}

impl<'p> Baseline<'p> {
    /// Copies what stands in `original` to `schema`, in which Torg has made its tables.
    pub(crate) async fn copy(
        postgres: &'p Postgres,
        client: &Client,
        original: &Schema,
        schema: Schema,
    ) -> anyhow::Result<Self> {
        client.batch_execute(&copying(original.name(), schema.name())).await?;
        let script = tempfile::NamedTempFile::new()?;
        std::fs::write(script.path(), transaction())?;
        Ok(Self { postgres, schema, script })
    }

    /// Transactions in a second, with so many clients. Blocks.
    pub(crate) fn run(&self, clients: usize, span: Span) -> anyhow::Result<f64> {
        let mut pgbench = Command::new(self.postgres.program("pgbench"));
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--progress=1", "--jobs", THREADS]);
        pgbench.arg("--client").arg(clients.to_string());
        // Until it has told enough. Its own clock runs while it connects.
        pgbench.arg("--time").arg("3600");
        pgbench.arg("--file").arg(self.script.path()).arg(self.schema.url());
        pgbench.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut pgbench = pgbench.spawn().context("pgbench cannot be run")?;
        let told = pgbench.stderr.take().context("no progress of pgbench")?;
        let rate = rate(BufReader::new(told), span);
        pgbench.kill()?;
        pgbench.wait()?;
        rate
    }
}

/// The transactions in a second, from what pgbench tells every second:
/// `progress: 3.0 s, 4711.0 tps, lat 13.4 ms stddev 4.1, 0 failed`.
fn rate(told: impl BufRead, span: Span) -> anyhow::Result<f64> {
    let mut transactions = 0.0;
    let mut seconds_since_begin = 0.0;
    let mut counted = 0.0;
    let mut last_second = 0.0;
    let mut before = String::new();
    for line in told.lines() {
        let line = line?;
        let Some(progress) = line.strip_prefix("progress: ") else {
            before.push_str(&line);
            continue;
        };
        anyhow::ensure!(progress.ends_with(", 0 failed"), "transactions failed: {line}");
        let mut numbers =
            progress.split(", ").filter_map(|part| part.split(' ').next()?.parse().ok());
        let (second, rate): (f64, f64) =
            numbers.next().zip(numbers.next()).with_context(|| line.clone())?;
        let passed = second - last_second;
        last_second = second;
        if rate == 0.0 && seconds_since_begin == 0.0 {
            // It connects still.
            continue;
        }
        if span.warm_up.as_secs_f64() <= seconds_since_begin {
            transactions += rate * passed;
            counted += passed;
        }
        seconds_since_begin += passed;
        if span.counted.as_secs_f64() <= counted {
            return Ok(transactions / counted);
        }
    }
    anyhow::bail!("pgbench has ended: {before}")
}

/// A chat's number, from 1, where the columns say who sits in it.
fn number_of_chat() -> String {
    let Plan { chats_of_seller, .. } = PLAN;
    format!(
        "(seller_id - {FIRST_SELLER}) * {chats_of_seller} + (buyer_id - {FIRST_BUYER}) % {chats_of_seller} + 1"
    )
}

/// The rows of the tables that a send writes. Chats get the numbers that `pgbench` reckons from what it has chosen.
fn copying(from: &str, to: &str) -> String {
    let number = number_of_chat();
    let mut statements = format!(
        "CREATE TEMP TABLE numbers AS SELECT id, {number} AS number FROM {from}.chats;\n\
         CREATE TEMP TABLE chats AS SELECT * FROM {from}.chats;\n\
         UPDATE pg_temp.chats SET id = {number};\n\
         CREATE TEMP TABLE messages AS SELECT * FROM {from}.messages;\n\
         UPDATE pg_temp.messages SET chat_id = number FROM numbers WHERE numbers.id = chat_id;\n\
         SELECT setval('{to}.message_ids', (SELECT max(id) FROM {from}.messages));\n"
    );
    for table in ["pg_temp.chats", "pg_temp.messages"] {
        let name = table.trim_start_matches("pg_temp.");
        let _ = writeln!(
            statements,
            "INSERT INTO {to}.{name} SELECT * FROM {table} ORDER BY seller_id, id;"
        );
    }
    for (table, order) in [("account_state", "account_id"), ("log", "account_id, sequence")] {
        let _ = writeln!(
            statements,
            "INSERT INTO {to}.{table} SELECT * FROM {from}.{table} ORDER BY {order};"
        );
    }
    statements
}

/// A send, as a script of `pgbench`. The seller stands before the buyer in the index of `account_state`, so that nobody
/// locks them the other way round.
fn transaction() -> String {
    const NOW: &str = "(extract(epoch FROM now()) * 1000)::bigint";
    let Plan { chats_of_seller, buyers, .. } = PLAN;
    let chats = PLAN.chats();
    format!(
        "\\set number random(0, {chats} - 1)
\\set chat :number + 1
\\set seller {FIRST_SELLER} + :number / {chats_of_seller}
\\set buyer {FIRST_BUYER} + :number % {buyers}
BEGIN;
INSERT INTO messages (seller_id, chat_id, id, author_role, author_account, text, created_at, received_by_seller, \
received_by_buyer, attachments_count) \
VALUES (:seller, :chat, nextval('message_ids'), 2, :seller, '{TEXT}', {NOW}, 1, 1, 0);
UPDATE chats SET last_message_id = currval('message_ids'), last_message_at = {NOW}, waiting_since = NULL, turn = 3, \
buyer_received = buyer_received + 1, buyer_unread = buyer_unread + 1, \
buyer_first_unread = coalesce(buyer_first_unread, currval('message_ids')) WHERE seller_id = :seller AND id = :chat;
UPDATE account_state SET log_sequence = log_sequence + 1, \
unread_buyer = unread_buyer + CASE WHEN account_id = :buyer THEN 1 ELSE 0 END WHERE account_id IN (:seller, :buyer);
INSERT INTO log (account_id, sequence, kind, chat_id, message_id, side, at) \
SELECT account_id, log_sequence, 2, :chat, currval('message_ids'), 1, {NOW} \
FROM account_state WHERE account_id IN (:seller, :buyer);
COMMIT;
"
    )
}
