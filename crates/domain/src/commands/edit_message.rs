//! Replacing the text of a message.

use super::{Answer, Decision, touches_chat};
use crate::Timestamp;
use crate::chat::{Actor, Chat, Side};
use crate::event::Event;
use crate::id::{ChatId, MessageId};
use crate::message::Message;
use crate::permission::may_edit;
use crate::policy::Policy;
use crate::refusal::{Denied, Missing};
use crate::text::Text;
use crate::world::{Touches, World};

/// Replaces the text of `message` in `chat`; its files stay. Nothing else moves: no mark, no turn, no place in a list,
/// and a closed chat stays closed. The same text once more is no edit.
#[derive(Clone, Debug)]
pub struct EditMessage {
    /// Who edits.
    pub editor: Editor,
    /// Where.
    pub chat: ChatId,
    /// What.
    pub message: MessageId,
    /// What it says from now on.
    pub text: Text,
}

/// Who edits a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Editor {
    /// An account: what it wrote itself, for as long as it may write.
    Account(Actor),
    /// The marketplace, as a moderator: any message, in any state of the chat.
    Marketplace,
}

impl EditMessage {
    pub(super) fn touches(&self) -> Touches {
        let mut touches = touches_chat(self.chat);
        touches.messages.insert((self.chat, self.message));
        touches
    }

    pub(super) fn decide(
        &self,
        world: &World,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        // A stranger learns nothing.
        let by = self.editor.side_in(chat)?;
        let message =
            world.message(chat.id, self.message).ok_or(Denied::NotFound(Missing::Message))?;
        if let Some(side) = by {
            may_edit(message, chat, world.order_of(chat), side, policy, now)
                .require()
                .map_err(Denied::Refused)?;
        }

        let answer = |message| Answer::Edited { message, chat: Box::new(chat.clone()) };
        if message.text.as_deref() == Some(self.text.as_str()) {
            return Ok(Decision::nothing(answer(Box::new(message.clone()))));
        }
        let text = Some(self.text.as_str().to_owned());
        let message = Box::new(Message { text, edited_at: Some(now), ..message.clone() });
        let event = Event::MessageUpdated { message: message.clone(), by };
        Ok(Decision::new(vec![event], answer(message)))
    }
}

impl Editor {
    /// The side of `chat` on which the editor sits; none for the marketplace.
    fn side_in(&self, chat: &Chat) -> Result<Option<Side>, Denied> {
        match self {
            Self::Marketplace => Ok(None),
            Self::Account(actor) => match actor.side_in(chat) {
                Some(side) => Ok(Some(side)),
                None => Err(Denied::NotFound(Missing::Chat)),
            },
        }
    }
}

#[cfg(test)]
mod tests;
