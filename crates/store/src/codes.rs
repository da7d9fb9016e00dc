//! How enums are written down: as small integers, the same in every store. A number that was ever written keeps its
//! meaning; new values get new numbers.

use domain::account::{AccountKind, MemberRole};
use domain::catalog::Model;
use domain::chat::{Context, ContextKind, Phase, Side, State, Turn};
use domain::event::EntryKind;
use domain::id::{OrderId, ProductId, ReturnId};
use domain::message::Role;
use engine::store::{DeliveryOutcome, WebhookState};

/// An enum with a number for each value.
pub(crate) trait Code: Copy {
    /// The number of this value.
    fn code(self) -> i64;

    /// The value of a number.
    fn from_code(code: i64) -> Option<Self>;
}

macro_rules! codes {
    ($($name:ident { $($value:ident = $code:literal),+ $(,)? })+) => {$(
        impl Code for $name {
            fn code(self) -> i64 {
                match self { $(Self::$value => $code),+ }
            }

            fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some(Self::$value),)+ _ => None }
            }
        }
    )+};
}

codes! {
    AccountKind { Private = 1, Company = 2 }
    MemberRole { Operator = 1, Supervisor = 2 }
    Model { Fbo = 1, Fbs = 2, Rfbs = 3, Dbs = 4, Express = 5, Laas = 6 }
    Side { Seller = 1, Buyer = 2 }
    Role { Buyer = 1, Seller = 2, Arbiter = 3, Support = 4, Market = 5 }
    ContextKind { None = 0, Product = 1, Order = 2, Return = 3 }
    State { Open = 1, Closed = 2, Disputed = 3, Settled = 4 }
    Turn { Nobody = 1, Seller = 2, Buyer = 3, Arbiter = 4, Market = 5 }
    Phase {
        New = 1, WaitingForBuyer = 2, WaitingForSeller = 3, WaitingForArbiter = 4, WaitingForMarket = 5, Over = 6,
    }
    EntryKind {
        ChatOpened = 1, MessageCreated = 2, ChatRead = 3, ChatDelivered = 4, ChatTurnChanged = 5, ChatClosed = 6,
        ChatReopened = 7, DisputeStarted = 8, DisputeEnded = 9, ChatHidden = 10, ChatShown = 11, ChatBlocked = 12,
        ChatUnblocked = 13, WebhookFailing = 14, WebhookSwitchedOff = 15, MessageUpdated = 16,
    }
    WebhookState { Active = 1, Paused = 2, SwitchedOff = 3 }
    DeliveryOutcome { Accepted = 1, Declined = 2, Failed = 3, Dropped = 4 }
}

/// The number of what a context is about; 0 for nothing in particular.
pub(crate) fn context_id(context: Context) -> i64 {
    match context {
        Context::None => 0,
        Context::Product(id) => id.get(),
        Context::Order(id) => id.get(),
        Context::Return(id) => id.get(),
    }
}

/// The context of a kind and a number.
pub(crate) fn context(kind: ContextKind, id: i64) -> Option<Context> {
    match kind {
        ContextKind::None => Some(Context::None),
        ContextKind::Product => ProductId::new(id).map(Context::Product),
        ContextKind::Order => OrderId::new(id).map(Context::Order),
        ContextKind::Return => ReturnId::new(id).map(Context::Return),
    }
}
