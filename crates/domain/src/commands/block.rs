//! The buyer's way to hear no more from a seller.

use super::{Answer, Decision};
use crate::chat::{Actor, Side};
use crate::event::Event;
use crate::id::ChatId;
use crate::refusal::{Denied, Missing, Refusal};
use crate::world::World;

/// Blocks the seller in `chat`, or takes that back. Repeating is harmless.
#[derive(Clone, Debug)]
pub struct SetBlock {
    /// The buyer.
    pub actor: Actor,
    /// Where.
    pub chat: ChatId,
    /// Whether the seller is blocked from now on.
    pub blocked: bool,
}

impl SetBlock {
    pub(super) fn decide(&self, world: &World) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        match self.actor.side_in(chat).ok_or(Denied::NotFound(Missing::Chat))? {
            Side::Seller => Err(Denied::Refused(Refusal::OnlyTheBuyerBlocks)),
            Side::Buyer if chat.blocked_by_buyer == self.blocked => {
                Ok(Decision::nothing(Answer::Done))
            }
            Side::Buyer if self.blocked => {
                Ok(Decision::new(vec![Event::ChatBlocked { chat: chat.id }], Answer::Done))
            }
            Side::Buyer => {
                Ok(Decision::new(vec![Event::ChatUnblocked { chat: chat.id }], Answer::Done))
            }
        }
    }
}
