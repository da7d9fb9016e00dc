//! Noting what reached a client of one side.

use super::{Answer, Decision, touches_chat};
use crate::chat::Actor;
use crate::event::Event;
use crate::id::{ChatId, MessageId};
use crate::refusal::{Denied, Missing};
use crate::world::{Touches, World};

/// Everything up to `up_to` reached a client of the actor's side.
#[derive(Clone, Debug)]
pub struct MarkDelivered {
    /// Whose client.
    pub actor: Actor,
    /// Where.
    pub chat: ChatId,
    /// The newest message that was handed over.
    pub up_to: MessageId,
}

impl MarkDelivered {
    pub(super) fn touches(&self) -> Touches {
        touches_chat(self.chat)
    }

    pub(super) fn decide(&self, world: &World) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        let side = self.actor.side_in(chat).ok_or(Denied::NotFound(Missing::Chat))?;
        let up_to = chat.last_message.map(|last| last.id.min(self.up_to));
        match up_to {
            Some(up_to) if !chat.seat(side).marks.has_received(up_to) => Ok(Decision::new(
                vec![Event::ChatDelivered { chat: chat.id, side, up_to }],
                Answer::Done,
            )),
            Some(_) | None => Ok(Decision::nothing(Answer::Done)),
        }
    }
}
