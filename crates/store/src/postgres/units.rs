//! Units of rate limits, which all replicas take out of the same windows. Every call is one statement of its own, so
//! that a lock on a window's row is held for no longer than its write takes.

use async_trait::async_trait;
use domain::Timestamp;
use engine::limits::{FORGOTTEN_AT_ONCE, Lease, UnitLedger, UnitWindow};
use engine::store::StoreError;

use super::PostgresStore;
use super::database::Parameters;
use crate::cells::{Cells, millisecond};

/// What of the `wanted` units ($5) the window of $4 units still has is taken, and remembered in the row: it cannot be
/// told from the sum alone.
///
/// Nobody waits for the disk: requests would wait as long as for a commit, and most of what a database does for a busy
/// marketplace would be this. What was leased in the last moments before the machine crashed may be leased again.
const LEASE: &str =
    "WITH no_wait AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', TRUE))
    INSERT INTO unit_leases AS held (what, subject, until, taken, granted)
    SELECT $1, $2, $3, least($4::BIGINT, $5::BIGINT), least($4, $5) FROM no_wait
    ON CONFLICT (what, subject, until) DO UPDATE SET
        taken = held.taken + greatest(least($4 - held.taken, $5), 0),
        granted = greatest(least($4 - held.taken, $5), 0)
    RETURNING granted, taken";

/// Moves the end of an interval that is over, and tells where it was.
const TAKE_ONCE: &str = "INSERT INTO unit_intervals AS held (what, subject, until, until_before)
    VALUES ($1, $2, $4, $3)
    ON CONFLICT (what, subject) DO UPDATE SET
        until = CASE WHEN held.until <= $3 THEN $4 ELSE held.until END,
        until_before = held.until
    RETURNING until_before";

macro_rules! forget {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY(ARRAY(SELECT ctid FROM ",
            $table,
            " WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))"
        )
    };
}

const FORGET: [&str; 2] = [forget!("unit_leases"), forget!("unit_intervals")];

#[async_trait]
impl UnitLedger for PostgresStore {
    async fn lease(&self, window: &UnitWindow, units: u32) -> Result<Lease, StoreError> {
        let (units_of_window, units) = (i64::from(window.units), i64::from(units));
        let (subject, until) = (window.subject.as_bytes(), millisecond(window.until));
        let parameters: &Parameters<'_> =
            &[&window.what, &subject, &until, &units_of_window, &units];
        let lease = self.db.query_one(LEASE, parameters, |cells| {
            Ok(Lease { granted: cells.number()?, taken: cells.number()? })
        });
        lease.await?.ok_or_else(no_row)
    }

    async fn take_once(
        &self,
        what: &'static str,
        subject: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (subject, now_ms, until_ms) =
            (subject.as_bytes(), millisecond(now), millisecond(until));
        let parameters: &Parameters<'_> = &[&what, &subject, &now_ms, &until_ms];
        let before = self.db.query_one(TAKE_ONCE, parameters, Cells::time);
        let before = before.await?.ok_or_else(no_row)?;
        Ok((now < before).then_some(before))
    }

    async fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        for forget in FORGET {
            let at_once = i64::from(FORGOTTEN_AT_ONCE);
            self.db.execute(forget, &[&millisecond(before), &at_once]).await?;
        }
        Ok(())
    }
}

fn no_row() -> StoreError {
    StoreError::Failed("a statement that always answers a row answered none".to_owned())
}
