//! Putting a chat out of one side's sight.

use super::{Answer, Decision};
use crate::chat::Actor;
use crate::event::Event;
use crate::id::ChatId;
use crate::refusal::{Denied, Missing};
use crate::world::World;

/// Hides `chat` for the actor's side only. The next message brings it back.
#[derive(Clone, Debug)]
pub struct HideChat {
    /// Who hides.
    pub actor: Actor,
    /// What.
    pub chat: ChatId,
}

impl HideChat {
    pub(super) fn decide(&self, world: &World) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        let side = self.actor.side_in(chat).ok_or(Denied::NotFound(Missing::Chat))?;
        if chat.seat(side).hidden {
            // What is out of sight is not there (Partizap contract §5.6).
            return Err(Denied::NotFound(Missing::Chat));
        }
        Ok(Decision::new(vec![Event::ChatHidden { chat: chat.id, side }], Answer::Done))
    }
}
