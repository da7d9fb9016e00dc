//! The names that the domain's closed lists have on this wire, in both directions.

use domain::account::{AccountKind, MemberRole};
use domain::catalog::Model;
use domain::chat::{Side, State, Turn};
use domain::commands::MarketplaceRole;
use domain::event::EntryKind;
use domain::message::Role;
use engine::store::{DeliveryOutcome, WebhookState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An enum of the wire and its twin in the domain, converted in the directions that are needed.
macro_rules! twins {
    ($($(#[$doc:meta])* $wire:ident = $domain:ident $variants:tt $($direction:ident)+;)+) => {$(
        twins!(@list $(#[$doc])* $wire $variants);
        $(twins!(@$direction $wire $domain $variants);)+
    )+};
    (@list $(#[$doc:meta])* $wire:ident { $($variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $wire { $($variant),+ }
    };
    (@out $wire:ident $domain:ident { $($variant:ident),+ }) => {
        impl From<$domain> for $wire {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant),+ }
            }
        }
    };
    (@into $wire:ident $domain:ident { $($variant:ident),+ }) => {
        impl From<$wire> for $domain {
            fn from(value: $wire) -> Self {
                match value { $($wire::$variant => Self::$variant),+ }
            }
        }
    };
}

twins! {
    /// A side of a chat.
    SideName = Side { Seller, Buyer } out into;
    /// Whether a chat is open, closed, in dispute, or over after a dispute.
    StateName = State { Open, Closed, Disputed, Settled } out;
    /// Who is to write next.
    TurnName = Turn { Nobody, Seller, Buyer, Arbiter, Market } out into;
    /// In which role somebody writes.
    RoleName = Role { Buyer, Seller, Arbiter, Support, Market } out;
    /// The roles in which the marketplace itself writes.
    MarketplaceRoleName = MarketplaceRole { Support, Arbiter, Market } into;
    /// Whether a webhook is pushed to: `paused` until its owner wants it again, `switched_off` because its receiver did
    /// not answer as it should.
    WebhookStateName = WebhookState { Active, Paused, SwitchedOff } out;
    /// What came of an attempt to push: taken, not wanted, to be repeated, or given up.
    DeliveryOutcomeName = DeliveryOutcome { Accepted, Declined, Failed, Dropped } out;
    /// Person or business.
    AccountKindName = AccountKind { Private, Company } out into;
    /// What a member may do in the inbox.
    MemberRoleName = MemberRole { Operator, Supervisor } into;
    /// Who stores, packs and delivers an order.
    ModelName = Model { Fbo, Fbs, Rfbs, Dbs, Express, Laas } out into;
}

/// A model's name.
pub(crate) fn model_name(model: Model) -> &'static str {
    match model {
        Model::Fbo => "fbo",
        Model::Fbs => "fbs",
        Model::Rfbs => "rfbs",
        Model::Dbs => "dbs",
        Model::Express => "express",
        Model::Laas => "laas",
    }
}

/// The kinds of entries of a log, each with its name on this wire.
macro_rules! event_kinds {
    ($($kind:ident = $name:literal),+ $(,)?) => {
        /// What an entry of a log tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        pub(crate) enum EventKind {
            $(#[serde(rename = $name)] $kind),+
        }

        impl EventKind {
            /// All kinds.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),+];
            /// All names.
            pub(crate) const NAMES: &[&str] = &[$($name),+];

            /// The kind's name.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }

        impl From<EntryKind> for EventKind {
            fn from(kind: EntryKind) -> Self {
                match kind { $(EntryKind::$kind => Self::$kind),+ }
            }
        }
    };
}

event_kinds! {
    ChatOpened = "chat.opened",
    MessageCreated = "message.created",
    MessageUpdated = "message.updated",
    ChatRead = "chat.read",
    ChatDelivered = "chat.delivered",
    ChatTurnChanged = "chat.turn_changed",
    ChatClosed = "chat.closed",
    ChatReopened = "chat.reopened",
    DisputeStarted = "dispute.started",
    DisputeEnded = "dispute.ended",
    ChatHidden = "chat.hidden",
    ChatShown = "chat.shown",
    ChatBlocked = "chat.blocked",
    ChatUnblocked = "chat.unblocked",
    WebhookFailing = "webhook.failing",
    WebhookSwitchedOff = "webhook.switched_off",
}
