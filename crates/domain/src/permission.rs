//! Who may begin a chat and who may write and edit in it, until when, and why not. One answer serves the decision to accept a
//! message, the `can_send` of the native API and the countdown of an inbox.

use crate::catalog::{OrderFacts, Posting};
use crate::chat::{Chat, Context, Side, State};
use crate::message::{Message, Role};
use crate::policy::{Opening, PerModel, Policy, Writing};
use crate::refusal::Refusal;
use crate::time::later;
use crate::{SignedDuration, Timestamp};

/// Whether something is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It is.
    Allowed {
        /// The last millisecond at which it is, if nothing else happens; none without an end.
        until: Option<Timestamp>,
    },
    /// It is not.
    Denied(Refusal),
}

impl Permission {
    const FOR_EVER: Self = Self::Allowed { until: None };

    /// Turns a denial into an error.
    pub fn require(self) -> Result<(), Refusal> {
        match self {
            Self::Allowed { .. } => Ok(()),
            Self::Denied(refusal) => Err(refusal),
        }
    }
}

/// Whether `side` may write in `chat` at `now`. `order` holds the facts of the chat's order, where it has one.
pub fn may_write(
    chat: &Chat,
    order: Option<&OrderFacts>,
    side: Side,
    policy: &Policy,
    now: Timestamp,
) -> Permission {
    match (chat.state, side) {
        (State::Settled, _) => return Permission::Denied(Refusal::DisputeEnded),
        (State::Closed, Side::Seller) => return Permission::Denied(Refusal::ChatClosed),
        // The buyer's message opens the chat again.
        (State::Closed | State::Open | State::Disputed, Side::Buyer) => {
            return Permission::FOR_EVER;
        }
        // The arbiter must be able to hear the seller.
        (State::Disputed, Side::Seller) => return Permission::FOR_EVER,
        (State::Open, Side::Seller) => {}
    }
    if chat.blocked_by_buyer {
        return Permission::Denied(Refusal::BlockedByBuyer);
    }
    let rule = match (chat.context, order) {
        (Context::Order(_) | Context::Return(_), Some(order)) => {
            policy.seller.writes.get(order.model)
        }
        (Context::Order(_) | Context::Return(_) | Context::Product(_) | Context::None, _) => {
            policy.seller.writes_elsewhere
        }
    };
    let answered_until = |answer| chat.last_buyer_message_at.map(|at| later(at, answer));
    let windows = match rule {
        Writing::Always => return Permission::FOR_EVER,
        Writing::AnswerWithin(answer) => Windows::from_end(answered_until(answer), now),
        Writing::Windows { after_delivery, answer } => {
            let postings = order.map_or(&[][..], |order| &order.postings);
            let delivery =
                postings.iter().map(|posting| delivery_window(posting, after_delivery, now));
            delivery.fold(Windows::from_end(answered_until(answer), now), Windows::or)
        }
    };
    windows.permission(|closed_at| Refusal::SendingWindowClosed { closed_at })
}

/// Whether `side` may replace the text of `message`, which stands in `chat`, at `now`: of what it wrote itself, and while
/// it may write.
pub fn may_edit(
    message: &Message,
    chat: &Chat,
    order: Option<&OrderFacts>,
    side: Side,
    policy: &Policy,
    now: Timestamp,
) -> Permission {
    if message.author.role != Role::from(side) {
        return Permission::Denied(Refusal::NotYourMessage);
    }
    may_write(chat, order, side, policy, now)
}

/// Whether the seller may begin the chat about `context` at `now`.
pub fn seller_may_open(
    context: Context,
    order: Option<&OrderFacts>,
    policy: &Policy,
    now: Timestamp,
) -> Permission {
    let rules = match context {
        Context::Order(_) => &policy.seller.opens_order_chat,
        Context::Return(_) => &policy.seller.opens_return_chat,
        Context::Product(_) | Context::None => {
            if policy.seller.opens_other_chat {
                return Permission::FOR_EVER;
            }
            return Permission::Denied(Refusal::OpeningNotAllowed {
                model: None,
                allowed: Vec::new(),
            });
        }
    };
    let Some(order) = order else {
        return not_with_any(rules);
    };
    match rules.get(order.model) {
        Opening::Never => Permission::Denied(Refusal::OpeningNotAllowed {
            model: Some(order.model),
            allowed: rules.models(),
        }),
        Opening::Always => Permission::FOR_EVER,
        Opening::After(window) => order
            .postings
            .iter()
            .flat_map(|posting| opening_windows(posting, window, now))
            .fold(Windows::NONE, Windows::or)
            .permission(|closed_at| Refusal::OpeningWindowClosed { closed_at }),
    }
}

fn not_with_any(rules: &PerModel<Opening>) -> Permission {
    Permission::Denied(Refusal::OpeningNotAllowed { model: None, allowed: rules.models() })
}

/// A posting's own windows end with its cancellation.
fn is_cancelled(posting: &Posting, now: Timestamp) -> bool {
    posting.cancelled_at.is_some_and(|at| at <= now)
}

fn delivery_window(posting: &Posting, after_delivery: SignedDuration, now: Timestamp) -> Windows {
    let paid = posting.paid_at.is_some_and(|at| at <= now);
    if !paid || is_cancelled(posting, now) {
        return Windows::NONE;
    }
    match posting.delivered_at {
        None => Windows::WITHOUT_END,
        Some(at) => Windows::from_end(Some(later(at, after_delivery)), now),
    }
}

fn opening_windows(posting: &Posting, window: SignedDuration, now: Timestamp) -> [Windows; 2] {
    [posting.paid_at, posting.delivered_at].map(|start| match start {
        Some(start) if start <= now && !is_cancelled(posting, now) => {
            Windows::from_end(Some(later(start, window)), now)
        }
        Some(_) | None => Windows::NONE,
    })
}

/// The union of several closed time windows that began before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Windows {
    /// At least one is open, and the last of them ends at this time, if at all.
    Open(Option<Timestamp>),
    /// All are over; the last ended at this time. None if there was not any.
    Closed(Option<Timestamp>),
}

impl Windows {
    const NONE: Self = Self::Closed(None);
    const WITHOUT_END: Self = Self::Open(None);

    fn from_end(end: Option<Timestamp>, now: Timestamp) -> Self {
        if end.is_some_and(|end| now <= end) { Self::Open(end) } else { Self::Closed(end) }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Open(None), Self::Open(_)) | (Self::Open(_), Self::Open(None)) => {
                Self::WITHOUT_END
            }
            (Self::Open(a), Self::Open(b)) => Self::Open(a.max(b)),
            (Self::Open(end), Self::Closed(_)) | (Self::Closed(_), Self::Open(end)) => {
                Self::Open(end)
            }
            (Self::Closed(a), Self::Closed(b)) => Self::Closed(a.max(b)),
        }
    }

    fn permission(self, refusal: impl FnOnce(Option<Timestamp>) -> Refusal) -> Permission {
        match self {
            Self::Open(until) => Permission::Allowed { until },
            Self::Closed(closed_at) => Permission::Denied(refusal(closed_at)),
        }
    }
}

#[cfg(test)]
mod tests;
