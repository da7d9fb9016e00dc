//! Asking the ledger: one lease at a time for each window, for which everybody who found nothing in hand waits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use domain::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::ledger::{FORGOTTEN_AT_ONCE, UnitLedger, UnitWindow};
use super::windows::{Subject, Window, Windows, timestamp};
use super::{Quota, lock};
use crate::error::EngineError;
use crate::store::StoreError;

/// For how long a ledger remembers windows that are over. Clocks of replicas may differ by less than this.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(1);

/// How a quota is leased: `1 / SHARE` of it at a time, so that most requests find a unit in hand.
const SHARE: u32 = 50;
/// Small quotas are leased in larger shares, or else every request of them would wait for the ledger: so many units at
/// a time, if that is not more than `1 / LAST_SHARE` of the quota.
const UNITS_AT_LEAST: u32 = 5;
/// The last `1 / LAST_SHARE` of a window is leased unit by unit, so that hardly anything stays unspent in the hand of a
/// replica that is asked no more.
const LAST_SHARE: u32 = 10;

/// A ledger, and how often it was asked.
pub(super) struct Leasing {
    pub(super) ledger: Arc<dyn UnitLedger>,
    leases: AtomicU32,
}

/// A lease that was asked for: ends with what became of it.
#[derive(Clone, Debug)]
pub(super) struct LeaseInFlight(watch::Receiver<Option<Result<(), EngineError>>>);

impl LeaseInFlight {
    /// Waits until the ledger has answered, and its units are in hand.
    pub(super) async fn ended(mut self) -> Result<(), EngineError> {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            // The ledger panicked, which has been told where it happened.
            Err(_) => Err(EngineError::Internal),
        }
    }

    fn is_running(&self) -> bool {
        self.0.has_changed().is_ok()
    }
}

impl Leasing {
    pub(super) fn of(ledger: Arc<dyn UnitLedger>) -> Self {
        Self { ledger, leases: AtomicU32::new(0) }
    }

    /// The lease for which a request waits that found nothing in hand in `window`: the one that runs, or a new one.
    pub(super) fn join(
        self: &Arc<Self>,
        windows: &Arc<Mutex<Windows>>,
        window: &mut Window,
        subject: &Subject,
        quota: Quota,
        now: Timestamp,
    ) -> LeaseInFlight {
        if let Some(running) = window.lease.as_ref().filter(|lease| lease.is_running()) {
            return running.clone();
        }
        let waiting = u32::try_from(std::mem::take(&mut window.unmet)).unwrap_or(u32::MAX);
        let units = units_at_once(quota, window.untaken).max(waiting);
        let (sender, receiver) = watch::channel(None);
        let lease = LeaseInFlight(receiver);
        window.lease = Some(lease.clone());
        let wanted = UnitWindow {
            what: subject.0,
            subject: subject.1.clone(),
            until: timestamp(window.until_ms),
            units: quota.units,
        };
        // A task of its own, since whoever asked first may go away, and what was leased would be lost with it.
        tokio::spawn(Arc::clone(self).lease(Arc::clone(windows), wanted, units, now, sender));
        lease
    }

    async fn lease(
        self: Arc<Self>,
        windows: Arc<Mutex<Windows>>,
        wanted: UnitWindow,
        units: u32,
        now: Timestamp,
        sender: watch::Sender<Option<Result<(), EngineError>>>,
    ) {
        let leased = self.ledger.lease(&wanted, units).await;
        let subject = (wanted.what, wanted.subject);
        let until_ms = wanted.until.as_millisecond();
        // Where the window has ended meanwhile, the units have ended with it.
        if let Some(window) = lock(&windows).ending_at(&subject, until_ms) {
            window.lease = None;
            if let Ok(lease) = &leased {
                window.in_hand = window.in_hand.saturating_add(lease.granted);
                window.untaken = wanted.units.saturating_sub(lease.taken);
                // Those who wait hold the receivers. Who gets nothing of this lease is sure to want the next.
                let in_hand = usize::try_from(window.in_hand).unwrap_or(usize::MAX);
                window.unmet = sender.receiver_count().saturating_sub(in_hand);
            }
        }
        sender.send_replace(Some(leased.map(drop).map_err(|error| failure(&error))));
        self.forget_sometimes(now).await;
    }

    /// Keeps the ledger bounded by what is leased in the current windows.
    async fn forget_sometimes(&self, now: Timestamp) {
        let leases = self.leases.fetch_add(1, Ordering::Relaxed);
        if !leases.is_multiple_of(FORGOTTEN_AT_ONCE / 2) {
            return;
        }
        let Ok(before) = now.checked_sub(REMEMBERED) else { return };
        if let Err(error) = self.ledger.forget(before).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "limits of windows that are over were not forgotten; they will be later"
            );
        }
    }
}

impl std::fmt::Debug for Leasing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leasing").field("leases", &self.leases).finish_non_exhaustive()
    }
}

/// How many units are leased at once when `untaken` are nobody's yet.
fn units_at_once(quota: Quota, untaken: u32) -> u32 {
    let last_share = quota.units / LAST_SHARE;
    if untaken <= last_share {
        return 1;
    }
    (quota.units / SHARE).max(UNITS_AT_LEAST.min(last_share)).max(1)
}

/// Why a request was not counted. It has not been carried out, whatever became of its units.
pub(super) fn failure(error: &StoreError) -> EngineError {
    tracing::error!(error = error as &dyn std::error::Error, "requests cannot be counted");
    match error {
        StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) => EngineError::Unavailable,
        StoreError::Failed(_) => EngineError::Internal,
    }
}
