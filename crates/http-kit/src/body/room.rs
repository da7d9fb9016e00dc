//! The room that large bodies take together, so that many callers at once cannot fill the memory.

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A body takes this much without asking.
pub(super) const FREE_BYTES: usize = 64 << 10;
/// How much all bodies of the process may take beyond that, in MiB.
const ROOM_MIB: u32 = 512;

static ROOM: Semaphore = Semaphore::const_new(ROOM_MIB as usize);

/// The room that one body has taken so far.
#[derive(Default)]
pub(super) struct Room(Option<SemaphorePermit<'static>>);

impl Room {
    /// Waits until there is room for a body of `bytes` bytes.
    pub(super) async fn reserve(&mut self, bytes: usize) {
        let needed_mib = bytes.saturating_sub(FREE_BYTES).div_ceil(1 << 20);
        let held_mib = self.0.as_ref().map_or(0, SemaphorePermit::num_permits);
        // No body is as large as all the room; one that were would have it alone.
        let more = u32::try_from(needed_mib.saturating_sub(held_mib)).unwrap_or(ROOM_MIB);
        if more == 0 {
            return;
        }
        // The semaphore is never closed.
        let Ok(permit) = ROOM.acquire_many(more.min(ROOM_MIB)).await else { return };
        match &mut self.0 {
            Some(held) => held.merge(permit),
            None => self.0 = Some(permit),
        }
    }

    /// `body`, which gives the room back when the last part of it is dropped.
    pub(super) fn hold(self, body: Bytes) -> Bytes {
        match self.0 {
            Some(permit) => Bytes::from_owner(Held { body, _room: permit }),
            None => body,
        }
    }
}

struct Held {
    body: Bytes,
    _room: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn large_bodies_share_the_room_and_small_ones_need_none() {
        let mut first = Room::default();
        first.reserve(500 * MIB).await;
        let body = first.hold(Bytes::from_static(b"first"));

        let mut small = Room::default();
        small.reserve(FREE_BYTES).await;
        let mut second = Room::default();
        {
            let mut waiting = std::pin::pin!(second.reserve(20 * MIB));
            assert!(futures_util::poll!(&mut waiting).is_pending());
            let part = body.slice(1..3);
            drop(body);
            assert!(
                futures_util::poll!(&mut waiting).is_pending(),
                "a part of the body is still in use"
            );
            drop(part);
            waiting.await;
        }
        // What is held counts.
        second.reserve(20 * MIB).await;
        assert_eq!(second.0.as_ref().map(SemaphorePermit::num_permits), Some(20));
    }
}
