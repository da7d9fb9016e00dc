//! Messages.

use crate::Timestamp;
use crate::attachment::Attachment;
use crate::chat::Side;
use crate::id::{AccountId, ChatId, MemberId, MessageId};

/// What someone said in a chat. Nothing of it ever changes but the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Rises in the order of commits.
    pub id: MessageId,
    /// Where it was said.
    pub chat: ChatId,
    /// Who said it.
    pub author: Author,
    /// The text; none when there are only attachments.
    pub text: Option<String>,
    /// The files.
    pub attachments: Vec<Attachment>,
    /// When it was committed, to the millisecond.
    pub created_at: Timestamp,
    /// When the text was last replaced, to the millisecond; none while it is the first.
    pub edited_at: Option<Timestamp>,
    /// How many messages of others the seller had received with this one.
    pub received_by_seller: i64,
    /// How many messages of others the buyer had received with this one.
    pub received_by_buyer: i64,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Author {
    /// In which role.
    pub role: Role,
    /// As which account; [`AccountId::MARKETPLACE`] for everyone but the two sides.
    pub account: AccountId,
    /// The person who typed it, where that is known.
    pub member: Option<MemberId>,
}

/// In which role somebody writes in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The buyer.
    Buyer,
    /// The seller.
    Seller,
    /// Who decides a dispute.
    Arbiter,
    /// A person of the marketplace's support.
    Support,
    /// The marketplace's automatic lines.
    Market,
}

impl Role {
    /// The side of the chat that has this role.
    pub fn side(self) -> Option<Side> {
        match self {
            Self::Buyer => Some(Side::Buyer),
            Self::Seller => Some(Side::Seller),
            Self::Arbiter | Self::Support | Self::Market => None,
        }
    }
}

impl From<Side> for Role {
    fn from(side: Side) -> Self {
        match side {
            Side::Buyer => Self::Buyer,
            Side::Seller => Self::Seller,
        }
    }
}

impl Message {
    /// How many messages of others `side` had received with this one.
    pub fn received_by(&self, side: Side) -> i64 {
        match side {
            Side::Seller => self.received_by_seller,
            Side::Buyer => self.received_by_buyer,
        }
    }
}
