//! What Ozon knows of a seller beyond what every marketplace knows: its subscription and its offer.

use domain::account::Account;
use serde_json::Value;

use crate::error::Error;
use crate::settings::SubscriptionGate;

/// How a seller stands with the marketplace. It is read from the account's attributes:
/// `{"ozon": {"subscription": "premium_plus" | "premium_pro" | "premium" | "none", "offer_signed": true}}`.
/// What is not said there is not held against the seller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    has_chat_subscription: bool,
    offer_signed: bool,
}

impl Standing {
    pub(crate) fn of(account: Option<&Account>) -> Self {
        let attributes = account.map_or("{}", |account| account.attributes.as_json());
        let attributes: Value = serde_json::from_str(attributes).unwrap_or_default();
        let ozon = &attributes["ozon"];
        Self {
            // Plain Premium does not open the chat methods (Ozon contract §5.1).
            has_chat_subscription: ozon["subscription"]
                .as_str()
                .is_none_or(|name| matches!(name, "premium_plus" | "premium_pro")),
            offer_signed: ozon["offer_signed"].as_bool().unwrap_or(true),
        }
    }

    /// The seller has accepted the current offer (Ozon contract §3.1).
    pub(crate) fn require_offer(self) -> Result<(), Error> {
        if self.offer_signed { Ok(()) } else { Err(Error::offer_not_signed()) }
    }

    /// The seller may start chats, send, and mark buyers' chats as read.
    pub(crate) fn require_for_sending(self, gate: SubscriptionGate) -> Result<(), Error> {
        match gate {
            SubscriptionGate::Off => Ok(()),
            SubscriptionGate::Sends | SubscriptionGate::SendsAndHistory => self.require(),
        }
    }

    /// The seller may read the history of buyers' chats.
    pub(crate) fn require_for_history(self, gate: SubscriptionGate) -> Result<(), Error> {
        match gate {
            SubscriptionGate::Off | SubscriptionGate::Sends => Ok(()),
            SubscriptionGate::SendsAndHistory => self.require(),
        }
    }

    fn require(self) -> Result<(), Error> {
        if self.has_chat_subscription { Ok(()) } else { Err(Error::subscription_missing()) }
    }
}
