//! Units of rate limits, which all replicas take out of the same windows. A lock on a window's row
//! is held for no longer than one statement takes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::Timestamp;
use engine::limits::{FORGOTTEN_AT_ONCE, Lease, UnitLedger, UnitWindow};
use engine::store::StoreError;

use super::PostgresStore;
use super::database::{Database, Parameters};
use super::gathering::{FoundByKey, Lookup};
use crate::cells::{Cells, millisecond};

/// Of each window, what it still has of the wanted units is taken, and remembered in the row: it cannot be told from the
/// sum alone. The windows come by rising key, so that servers do not wait for one another in a circle.
///
/// Nobody waits for the disk: requests would wait as long as for a commit, and most of what a database does for a busy
/// marketplace would be this. What was leased in the last moments before the machine crashed may be leased again.
const LEASE: &str =
    "WITH no_wait AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', TRUE))
    INSERT INTO unit_leases AS held (what, subject, until, units, wanted, taken, granted)
    SELECT what, subject, until, units, wanted, least(units, wanted), least(units, wanted) FROM no_wait
    CROSS JOIN unnest($1::TEXT[], $2::BYTEA[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[])
        AS asked (what, subject, until, units, wanted)
    ON CONFLICT (what, subject, until) DO UPDATE SET
        taken = held.taken + greatest(least(excluded.units - held.taken, excluded.wanted), 0),
        granted = greatest(least(excluded.units - held.taken, excluded.wanted), 0),
        wanted = excluded.wanted, units = excluded.units
    RETURNING what, subject, until, granted, taken";

/// Leases that go together: under load every second request has one.
pub(super) struct Leases;

impl Lookup for Leases {
    type Key = (UnitWindow, u32);
    type Found = Lease;

    async fn look_up(
        db: &Database,
        keys: &[(UnitWindow, u32)],
    ) -> Result<FoundByKey<Self>, StoreError> {
        // A server asks for one lease of a window at a time.
        let mut asked: BTreeMap<_, &(UnitWindow, u32)> = BTreeMap::new();
        for key @ (window, _) in keys {
            let until = millisecond(window.until);
            asked.insert((window.what.to_owned(), window.subject.clone().into_bytes(), until), key);
        }
        let whats: Vec<&str> = asked.keys().map(|(what, _, _)| what.as_str()).collect();
        let subjects: Vec<&[u8]> = asked.keys().map(|(_, subject, _)| subject.as_slice()).collect();
        let untils: Vec<i64> = asked.keys().map(|(_, _, until)| *until).collect();
        let units: Vec<i64> = asked.values().map(|(window, _)| window.units.into()).collect();
        let wanted: Vec<i64> = asked.values().map(|(_, wanted)| (*wanted).into()).collect();
        let leased = db
            .query(LEASE, &[&whats, &subjects, &untils, &units, &wanted], |cells| {
                let window = (cells.take::<String>()?, cells.take::<Vec<u8>>()?, cells.take()?);
                Ok((window, Lease { granted: cells.number()?, taken: cells.number()? }))
            })
            .await?;
        let known = leased.into_iter();
        Ok(known
            .filter_map(|(window, lease)| Some(((*asked.get(&window)?).clone(), lease)))
            .collect())
    }
}

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
        self.leases.get((window.clone(), units)).await?.ok_or_else(no_row)
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
