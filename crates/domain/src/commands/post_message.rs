//! Writing in a chat.

use super::draft::{Draft, created};
use super::{Answer, Decision, touches_chat};
use crate::Timestamp;
use crate::chat::{Actor, Chat, Side, State};
use crate::event::Event;
use crate::id::ChatId;
use crate::message::Author;
use crate::permission::may_write;
use crate::policy::Policy;
use crate::refusal::{Denied, Missing, Refusal};
use crate::world::{Touches, World};

/// Writes `draft` in `chat`.
#[derive(Clone, Debug)]
pub struct PostMessage {
    /// Who writes.
    pub actor: Actor,
    /// Where.
    pub chat: ChatId,
    /// What.
    pub draft: Draft,
}

impl PostMessage {
    pub(super) fn touches(&self) -> Touches {
        let mut touches = touches_chat(self.chat);
        touches.merge(self.draft.touches(self.actor.account));
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
        let side = self.actor.side_in(chat).ok_or(Denied::NotFound(Missing::Chat))?;
        if let Some(message) = self.draft.earlier(world, self.actor.account)? {
            return Ok(Decision::nothing(Answer::Posted {
                message: Box::new(message.clone()),
                chat: Box::new(chat.clone()),
                replayed: true,
            }));
        }
        may_write(chat, world.order_of(chat), side, policy, now)
            .require()
            .map_err(Denied::Refused)?;
        write(world, chat, &self.actor, side, &self.draft, policy, now)
    }
}

/// Lets `actor`, who may, write `draft` in `chat`.
pub(super) fn write(
    world: &World,
    chat: &Chat,
    actor: &Actor,
    side: Side,
    draft: &Draft,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, Denied> {
    if let Some(expected) = draft.if_last_message {
        let last = chat.last_message.map(|last| last.id);
        if expected != last {
            return Err(Denied::Refused(Refusal::LastMessageChanged { last }));
        }
    }
    let author = Author { role: side.into(), account: actor.account, member: actor.member };
    let message = draft.to_message(world, chat, author, &policy.files, now)?;
    let receipt = draft.receipt(&message);
    let answer = Answer::Posted {
        message: Box::new(message.clone()),
        chat: Box::new(chat.clone()),
        replayed: false,
    };

    let mut events = Vec::with_capacity(3);
    if chat.state == State::Closed {
        events.push(Event::ChatReopened { chat: chat.id });
    }
    if chat.seat(side).hidden {
        // The message itself shows the chat again. Its own side would not know that what is unread there counts again.
        events.push(Event::ChatShown { chat: chat.id, side });
    }
    events.push(created(chat, message, None));
    Ok(Decision { events, answer, receipt })
}
