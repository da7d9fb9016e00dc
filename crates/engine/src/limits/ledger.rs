//! What replicas share so that a quota holds for all of them together.

use async_trait::async_trait;
use domain::Timestamp;

use crate::store::StoreError;

/// Hands out the units of windows to several replicas, never more than a window has. A replica leases some at a time
/// and spends them by itself, so that few of its requests wait for the ledger.
///
/// What was leased stays taken until its window ends, also when the replica dies before it has spent it.
#[async_trait]
pub trait UnitLedger: Send + Sync + 'static {
    /// Takes up to `units` of a window for this replica, in one step that no other replica can come between.
    async fn lease(&self, window: &UnitWindow, units: u32) -> Result<Lease, StoreError>;

    /// Takes the time from `now` to `until` for `subject`, unless some of it is taken. Answers until when it was taken
    /// before; none when it is the caller's.
    async fn take_once(
        &self,
        what: &'static str,
        subject: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Forgets some of what ended before `before`: at least [`FORGOTTEN_AT_ONCE`] windows if there are so many.
    async fn forget(&self, before: Timestamp) -> Result<(), StoreError>;
}

/// How many windows [`UnitLedger::forget`] forgets at least. It is called once in half as many leases, so that there
/// cannot be much more of windows that are over than of those that last.
pub const FORGOTTEN_AT_ONCE: u32 = 200;

/// A window of one subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnitWindow {
    /// What is counted.
    pub what: &'static str,
    /// Who is counted: any text of at most about 1,200 bytes.
    pub subject: String,
    /// When the window ends.
    pub until: Timestamp,
    /// How many units it has for all replicas together.
    pub units: u32,
}

/// What a ledger handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How many units are the caller's now, at most as many as it asked for; 0 only when the window has none left.
    pub granted: u32,
    /// How many units of the window are taken by all replicas together, these among them.
    pub taken: u32,
}
