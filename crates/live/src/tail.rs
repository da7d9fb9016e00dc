//! The end of one account's log, as its connections share it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex, Notify};

use crate::feed::{Failures, Frame};

/// So many frames of an account are kept for its other connections.
const KEPT_FRAMES: usize = 64;

/// The end of one account's log, as far as its connections have come.
///
/// Of those who have come that far, one at a time is on watch: it waits for the log to grow, and reads and renders what
/// is new. The others sleep until it has done so, and are woken once, to write.
pub(crate) struct Tail<C> {
    window: SyncMutex<Window<C>>,
    /// Tells that the window has moved.
    pub(crate) moved: Notify,
    /// Held by whoever is on watch, with what went wrong since the log was last read.
    pub(crate) on_watch: Mutex<Failures>,
}

pub(crate) struct Window<C> {
    /// Rising, without a gap, and ending at [`Self::end`].
    frames: VecDeque<Arc<Frame<C>>>,
    /// The last sequence that was read, or where the first reader began; none before.
    end: Option<i64>,
    /// Whether somebody has looked for what follows.
    is_explored: bool,
    /// How many connections of the account there are.
    pub(crate) readers: usize,
}

/// Where a position lies.
pub(crate) enum Place<C> {
    /// These frames follow it.
    Within(Vec<Arc<Frame<C>>>),
    /// What follows it is not in the window any more.
    Before {
        /// Where the window ends.
        end: i64,
    },
    /// Nothing that was read follows it.
    AtTheEnd,
}

impl<C> Tail<C> {
    /// Of a log of which nothing is known yet.
    pub(crate) fn new() -> Self {
        let frames = VecDeque::new();
        let window = Window { frames, end: None, is_explored: false, readers: 0 };
        Self { window: SyncMutex::new(window), moved: Notify::new(), on_watch: Mutex::default() }
    }

    /// What has been read.
    pub(crate) fn window(&self) -> MutexGuard<'_, Window<C>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the empty window to `position`, since what lies before is forgotten, and wakes whoever waits for that.
    pub(crate) fn skip_to(&self, position: i64) {
        let mut window = self.window();
        window.frames.clear();
        window.end = Some(position);
        window.is_explored = false;
        self.moved.notify_waiters();
    }

    /// Moves the window to the end of `frames`, which are what follows it, and wakes whoever sleeps.
    pub(crate) fn append(&self, frames: &[Arc<Frame<C>>]) {
        self.window().append(frames);
        if !frames.is_empty() {
            self.moved.notify_waiters();
        }
    }
}

impl<C> Window<C> {
    /// What of the window follows `position`.
    pub(crate) fn place_of(&self, position: i64) -> Place<C> {
        let (Some(end), first) = (self.end, self.frames.front()) else { return Place::AtTheEnd };
        if end <= position {
            return Place::AtTheEnd;
        }
        let skipped = first.map(|first| position + 1 - first.logged.sequence);
        match skipped.map(usize::try_from) {
            Some(Ok(skipped)) => Place::Within(self.frames.iter().skip(skipped).cloned().collect()),
            Some(Err(_)) | None => Place::Before { end },
        }
    }

    /// The end, if nothing that was read follows `position`. Who comes first says where it is.
    pub(crate) fn end_before(&mut self, position: i64) -> Option<i64> {
        let end = *self.end.get_or_insert(position);
        (end <= position).then_some(end)
    }

    /// Whether the log may go on behind the end, of which the last was heard that it ends at `newest`.
    pub(crate) fn may_go_on(&self, newest: i64) -> bool {
        !self.is_explored || self.end.is_some_and(|end| end < newest)
    }

    /// Goes on to the end of `frames`, which follow the window, and keeps the last of them and of those before; nothing for
    /// a single reader.
    fn append(&mut self, frames: &[Arc<Frame<C>>]) {
        self.is_explored = true;
        let Some(last) = frames.last() else { return };
        self.end = Some(last.logged.sequence);
        let kept_max = if self.readers == 1 { 0 } else { KEPT_FRAMES };
        self.frames.extend(frames.iter().cloned());
        let excess = self.frames.len().saturating_sub(kept_max);
        self.frames.drain(..excess);
    }
}
