//! How much is measured: enough to see whether something is wrong, or enough to tell somebody.

use std::time::Duration;

use crate::load::Span;

/// What all parts of a run are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Few, short rounds over little data.
    Quick,
    /// Many, long rounds over as much data as the goals speak of.
    Full,
}

impl Effort {
    /// One of two values, as this effort wants.
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// How often baseline and subject take turns.
    pub(crate) fn rounds(self) -> usize {
        self.pick(3, 5)
    }

    /// How long each of them is under load in a round.
    pub(crate) fn span(self) -> Span {
        let seconds = Duration::from_secs;
        self.pick(
            Span { warm_up: seconds(1), counted: seconds(4) },
            Span { warm_up: seconds(2), counted: seconds(10) },
        )
    }
}
