//! Writing in a chat as the marketplace: support, an arbiter, or an automatic line.

use super::draft::{Draft, created};
use super::{Answer, Decision, touches_chat};
use crate::Timestamp;
use crate::chat::Side;
use crate::id::{AccountId, ChatId};
use crate::message::{Author, Role};
use crate::policy::FileRules;
use crate::refusal::{Denied, Missing};
use crate::world::{Touches, World};

/// Writes `draft` in `chat` as the marketplace, in any state of the chat and without any window.
#[derive(Clone, Debug)]
pub struct PostAsMarketplace {
    /// Where.
    pub chat: ChatId,
    /// In which role.
    pub role: MarketplaceRole,
    /// What.
    pub draft: Draft,
    /// The side that is asked something and is to write next.
    pub asks: Option<Side>,
}

/// The roles in which the marketplace itself writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketplaceRole {
    /// A person of the support.
    Support,
    /// Who decides the dispute.
    Arbiter,
    /// An automatic line.
    Market,
}

impl From<MarketplaceRole> for Role {
    fn from(role: MarketplaceRole) -> Self {
        match role {
            MarketplaceRole::Support => Self::Support,
            MarketplaceRole::Arbiter => Self::Arbiter,
            MarketplaceRole::Market => Self::Market,
        }
    }
}

/// The marketplace's own files are as large as its servers let them be.
const UNBOUND: FileRules =
    FileRules { bytes_max: u64::MAX, per_message_max: 10, pictures_only: false };

impl PostAsMarketplace {
    pub(super) fn touches(&self) -> Touches {
        let mut touches = touches_chat(self.chat);
        touches.merge(self.draft.touches(AccountId::MARKETPLACE));
        touches
    }

    pub(super) fn decide(&self, world: &World, now: Timestamp) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        if let Some(message) = self.draft.earlier(world, AccountId::MARKETPLACE)? {
            return Ok(Decision::nothing(Answer::Posted {
                message: Box::new(message.clone()),
                chat: Box::new(chat.clone()),
                replayed: true,
            }));
        }
        let author =
            Author { role: self.role.into(), account: AccountId::MARKETPLACE, member: None };
        let message = self.draft.to_message(world, chat, author, &UNBOUND, now)?;
        let receipt = self.draft.receipt(&message);
        let answer = Answer::Posted {
            message: Box::new(message.clone()),
            chat: Box::new(chat.clone()),
            replayed: false,
        };
        Ok(Decision { events: vec![created(chat, message, self.asks)], answer, receipt })
    }
}
