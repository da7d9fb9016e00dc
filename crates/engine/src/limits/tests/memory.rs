//! A ledger for several replicas of one test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;

use super::super::*;
use crate::store::StoreError;

/// Keeps what was taken in memory, counts how often it is asked, and can be away. Each answer takes a number of turns of
/// the runtime that differs from one to the next, before and after the units are taken.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    taken: Mutex<HashMap<UnitWindow, u32>>,
    taken_once: Mutex<HashMap<(&'static str, String), Timestamp>>,
    pub(super) leases: AtomicU32,
    pub(super) is_away: AtomicBool,
    /// From which the delays of answers follow.
    seed: u32,
}

impl Ledger {
    pub(super) fn with_delays(seed: u32) -> Arc<Self> {
        Arc::new(Self { seed, ..Self::default() })
    }

    pub(super) fn asked(&self) -> u32 {
        self.leases.load(Ordering::Relaxed)
    }

    pub(super) fn put_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    pub(super) fn windows(&self) -> usize {
        lock(&self.taken).len()
    }

    fn require_there(&self) -> Result<(), StoreError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        Ok(())
    }

    async fn delay(&self, call: u32) {
        for _ in 0..self.seed.wrapping_mul(call.wrapping_add(1)).wrapping_mul(0x9E37_79B9) >> 29 {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl UnitLedger for Ledger {
    async fn lease(&self, window: &UnitWindow, units: u32) -> Result<Lease, StoreError> {
        let call = self.leases.fetch_add(1, Ordering::Relaxed);
        self.delay(call).await;
        self.require_there()?;
        let lease = {
            let mut windows = lock(&self.taken);
            let taken = windows.entry(window.clone()).or_default();
            let granted = units.min(window.units - *taken);
            *taken += granted;
            Lease { granted, taken: *taken }
        };
        self.delay(!call).await;
        Ok(lease)
    }

    async fn take_once(
        &self,
        what: &'static str,
        subject: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.require_there()?;
        let mut taken = lock(&self.taken_once);
        let held = taken.entry((what, subject.to_owned())).or_insert(Timestamp::MIN);
        if now < *held {
            return Ok(Some(*held));
        }
        *held = until;
        Ok(None)
    }

    async fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        self.require_there()?;
        lock(&self.taken).retain(|window, _| before <= window.until);
        Ok(())
    }
}
