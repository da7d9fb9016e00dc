//! Identifiers: positive integers below 2^53, so that every JavaScript client holds them exactly.

use std::fmt;

/// The largest id that exists: 2^53 - 1.
pub const LARGEST_ID: i64 = 9_007_199_254_740_991;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The largest id of this kind.
            pub const LARGEST: Self = Self(LARGEST_ID);

            /// Takes `value` when it is between 1 and [`LARGEST_ID`].
            pub const fn new(value: i64) -> Option<Self> {
                if 1 <= value && value <= LARGEST_ID { Some(Self(value)) } else { None }
            }

            /// The number itself.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// Who takes part in chats. Chosen by the marketplace; Ozon calls it `Client-Id`, Yandex Market `businessId`.
    AccountId,
    /// A person who works for an account. Chosen by the marketplace.
    MemberId,
    /// A storefront of an account. Chosen by the marketplace; Yandex Market calls it `campaignId`.
    ShopId,
    /// A product. Chosen by the marketplace.
    ProductId,
    /// An order. Chosen by the marketplace.
    OrderId,
    /// A return of (a part of) an order. Chosen by the marketplace.
    ReturnId,
    /// A chat. Chosen by Torg.
    ChatId,
    /// A message. Chosen by Torg: it rises with every message of the server, in the order of commits.
    MessageId,
    /// A stored file. Chosen by Torg.
    AttachmentId,
    /// A subscription to an account's log, by pushes to a URL. Chosen by Torg.
    WebhookId,
}

impl AccountId {
    /// The marketplace itself: the author's account of what its support, its arbiters and its automatic lines say.
    pub const MARKETPLACE: Self = Self::LARGEST;
}

impl MessageId {
    /// The position `value` names. Wires send any unsigned number; beyond the largest id lies nothing, so it is the
    /// end.
    pub fn at_most(value: u64) -> Option<Self> {
        Self::new(i64::try_from(value).unwrap_or(LARGEST_ID).min(LARGEST_ID))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_and_exact_in_javascript() {
        assert!(ChatId::new(0).is_none());
        assert!(ChatId::new(-1).is_none());
        assert!(ChatId::new(LARGEST_ID + 1).is_none());
        assert_eq!(ChatId::new(LARGEST_ID), Some(ChatId::LARGEST));
    }

    #[test]
    fn a_position_beyond_every_id_is_the_end() {
        assert_eq!(MessageId::at_most(u64::MAX), Some(MessageId::LARGEST));
        assert_eq!(MessageId::at_most(0), None);
        assert_eq!(MessageId::at_most(7).map(MessageId::get), Some(7));
    }
}
