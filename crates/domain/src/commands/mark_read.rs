//! Noting what one side has read.

use super::{Answer, Decision, touches_chat};
use crate::chat::Actor;
use crate::event::Event;
use crate::id::{ChatId, MessageId};
use crate::refusal::{Denied, Missing};
use crate::world::{LookBack, Touches, World};

/// Everything up to `up_to` was read by the actor's side. Never un-reads; reading is allowed at any time.
#[derive(Clone, Debug)]
pub struct MarkRead {
    /// Who has read.
    pub actor: Actor,
    /// Where.
    pub chat: ChatId,
    /// A position: it need not name a message of the chat. None is the end.
    pub up_to: Option<MessageId>,
}

impl MarkRead {
    fn position(&self) -> MessageId {
        self.up_to.unwrap_or(MessageId::LARGEST)
    }

    pub(super) fn touches(&self) -> Touches {
        let mut touches = touches_chat(self.chat);
        touches.positions.extend(self.up_to.map(|position| (self.chat, position)));
        touches
    }

    pub(super) fn decide(&self, world: &World) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        let side = self.actor.side_in(chat).ok_or(Denied::NotFound(Missing::Chat))?;
        let marks = chat.seat(side).marks;

        let last = chat.last_message.map(|last| last.id);
        let LookBack { at_or_before, unread, first_unread } = if last <= Some(self.position()) {
            LookBack { at_or_before: last, unread: 0, first_unread: None }
        } else {
            world.look_back(chat, side, self.position())
        };
        match at_or_before {
            Some(up_to) if marks.read_up_to < Some(up_to) => {
                let event = Event::ChatRead { chat: chat.id, side, up_to, unread, first_unread };
                Ok(Decision::new(vec![event], Answer::Read { unread }))
            }
            Some(_) | None => Ok(Decision::nothing(Answer::Read { unread: marks.unread })),
        }
    }
}
