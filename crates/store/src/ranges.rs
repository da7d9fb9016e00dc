//! The ranges of indexes that lists of chats are read from. An index answers in order where the values of its leading
//! columns are given, so where a query leaves some of them open there is one range for each of their values. Every range
//! is read no further than the list's limit, then they are merged: a page costs the same in a list of any length.

use std::collections::BTreeSet;

use domain::chat::{Context, ContextKind, Phase, Side};
use engine::store::{ActivityQuery, AgeQuery};

use crate::codes::{Code, context_id};

/// The chats in which an account sits on one side, and whose flags have these values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActivityRange {
    pub(crate) side: Side,
    /// Whether the account has hidden them.
    pub(crate) hidden: bool,
    pub(crate) is_over: bool,
    /// Whether the account has something to read in them.
    pub(crate) has_unread: bool,
}

/// At most sixteen.
pub(crate) fn by_activity(query: &ActivityQuery) -> Vec<ActivityRange> {
    let hidden = one_or_both(query.skip_hidden.then_some(false), [false, true]);
    let over = one_or_both(query.over, [false, true]);
    let unread = one_or_both(query.unread_only.then_some(true), [false, true]);
    let mut ranges = Vec::with_capacity(16);
    for side in one_or_both(query.side, [Side::Seller, Side::Buyer]) {
        for &hidden in &hidden {
            for &is_over in &over {
                let range = |&has_unread| ActivityRange { side, hidden, is_over, has_unread };
                ranges.extend(unread.iter().map(range));
            }
        }
    }
    ranges
}

/// Where the chats of an [`AgeQuery`] stand. Shops are looked up while a range is read: there is no index for them, since
/// a chat's order may be moved to another shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgeRanges {
    /// In one range: all chats of the seller.
    Whole,
    /// In one range for each combination of facets.
    Cells(Vec<Cell>),
    /// In one range for each context; the facets are filters while it is read.
    Contexts(ContextRanges),
}

/// One value of each facet, by their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) dispute: bool,
    pub(crate) kind: i64,
    pub(crate) phase: i64,
}

/// Contexts by the codes of their kinds and their numbers, and the facets of the chats that are wanted of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContextRanges {
    pub(crate) contexts: Vec<(i64, i64)>,
    pub(crate) disputes: Vec<bool>,
    pub(crate) phases: Vec<i64>,
}

/// None of the ranges shares a chat with another.
pub(crate) fn by_age(query: &AgeQuery) -> AgeRanges {
    let kinds = codes(query.context_kinds.as_deref().unwrap_or(&ContextKind::ALL));
    let phases = codes(query.phases.as_deref().unwrap_or(&Phase::ALL));
    let disputes = one_or_both(query.dispute, [false, true]);
    if let Some(contexts) = &query.contexts {
        let place = |context: &Context| (context.kind().code(), context_id(*context));
        let contexts: BTreeSet<_> = contexts.iter().map(place).collect();
        let contexts = contexts.into_iter().filter(|(kind, _)| kinds.contains(kind)).collect();
        return AgeRanges::Contexts(ContextRanges { contexts, disputes, phases });
    }
    if query.context_kinds.is_none() && query.phases.is_none() && query.dispute.is_none() {
        return AgeRanges::Whole;
    }
    let mut cells = Vec::with_capacity(kinds.len() * phases.len() * disputes.len());
    for &kind in &kinds {
        for &phase in &phases {
            cells.extend(disputes.iter().map(|&dispute| Cell { dispute, kind, phase }));
        }
    }
    AgeRanges::Cells(cells)
}

/// The codes of `values`, each once.
fn codes<T: Code>(values: &[T]) -> Vec<i64> {
    let codes: BTreeSet<i64> = values.iter().map(|value| value.code()).collect();
    codes.into_iter().collect()
}

fn one_or_both<T>(wanted: Option<T>, all: [T; 2]) -> Vec<T> {
    wanted.map_or_else(|| all.into(), |one| vec![one])
}
