//! What the marketplace does to a chat: close, reopen, pass the turn, start and end a dispute.

use uuid::Uuid;

use super::open_chat::new_chat;
use super::{Answer, Decision, touches_chat};
use crate::Timestamp;
use crate::chat::{Chat, ChatKey, Context, State, Turn};
use crate::event::Event;
use crate::id::{ChatId, OrderId, ReturnId};
use crate::message::Role;
use crate::refusal::{Denied, Missing, Refusal};
use crate::world::{Touches, World};

/// Does `steering` to `chat`. Repeating is harmless.
#[derive(Clone, Debug)]
pub struct SteerChat {
    /// Which chat.
    pub chat: ChatId,
    /// What to do.
    pub steering: Steering,
}

/// What the marketplace does to a chat that is not in dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steering {
    /// Close it.
    Close,
    /// Open it again.
    Reopen,
    /// Make it somebody's turn.
    PassTurn(Turn),
}

impl SteerChat {
    pub(super) fn decide(&self, world: &World) -> Result<Decision, Denied> {
        let chat = world.chats.get(&self.chat).ok_or(Denied::NotFound(Missing::Chat))?;
        let event = match (self.steering, chat.state) {
            (Steering::PassTurn(turn), State::Open | State::Disputed) if turn != chat.turn => {
                Event::TurnChanged { chat: chat.id, turn }
            }
            (Steering::PassTurn(_), State::Closed) => {
                return Err(Denied::Refused(Refusal::ChatClosed));
            }
            (Steering::PassTurn(_), State::Settled) => {
                return Err(Denied::Refused(Refusal::DisputeEnded));
            }
            (Steering::Close | Steering::Reopen, State::Disputed | State::Settled) => {
                return Err(Denied::Refused(Refusal::StateSetByDispute));
            }
            (Steering::Close, State::Open) => Event::ChatClosed { chat: chat.id, by: Role::Market },
            (Steering::Reopen, State::Closed) => Event::ChatReopened { chat: chat.id },
            (Steering::Close, State::Closed)
            | (Steering::Reopen, State::Open)
            | (Steering::PassTurn(_), State::Open | State::Disputed) => {
                return Ok(Decision::nothing(Answer::Done));
            }
        };
        Ok(Decision::new(vec![event], Answer::Done))
    }
}

/// Starts or ends a dispute. One that starts about an order or a return without a chat makes the chat first.
#[derive(Clone, Debug)]
pub enum Dispute {
    /// About a chat that exists.
    StartInChat(ChatId),
    /// About an order.
    StartAboutOrder {
        /// The order.
        order: OrderId,
        /// The name of a chat that has to be made.
        public_id: Uuid,
    },
    /// About a return.
    StartAboutReturn {
        /// The return.
        return_id: ReturnId,
        /// The name of a chat that has to be made.
        public_id: Uuid,
    },
    /// The arbiter has decided.
    End(ChatId),
}

impl Dispute {
    pub(super) fn touches(&self) -> Touches {
        match self {
            Self::StartInChat(chat) | Self::End(chat) => touches_chat(*chat),
            Self::StartAboutOrder { order, .. } => {
                Touches { orders: [*order].into(), ..Touches::default() }
            }
            Self::StartAboutReturn { return_id, .. } => {
                Touches { returns: [*return_id].into(), ..Touches::default() }
            }
        }
    }

    /// The chat that it names.
    pub(super) fn chat(&self) -> Option<ChatId> {
        match self {
            Self::StartInChat(chat) | Self::End(chat) => Some(*chat),
            Self::StartAboutOrder { .. } | Self::StartAboutReturn { .. } => None,
        }
    }

    pub(super) fn key(&self, world: &World) -> Option<ChatKey> {
        let (context, order) = match self {
            Self::StartInChat(_) | Self::End(_) => return None,
            Self::StartAboutOrder { order, .. } => (Context::Order(*order), *order),
            Self::StartAboutReturn { return_id, .. } => {
                (Context::Return(*return_id), world.returns.get(return_id)?.order)
            }
        };
        let order = &world.orders.get(&order)?.order;
        Some(ChatKey { seller: order.seller, buyer: order.buyer, context })
    }

    pub(super) fn decide(&self, world: &World, now: Timestamp) -> Result<Decision, Denied> {
        match self {
            Self::End(chat) => end(find(world, *chat)?),
            Self::StartInChat(chat) => start(find(world, *chat)?.clone(), false),
            Self::StartAboutOrder { public_id, .. } => {
                let key = self.key(world).ok_or(Denied::NotFound(Missing::Order))?;
                start_by_key(world, key, *public_id, now)
            }
            Self::StartAboutReturn { public_id, .. } => {
                let key = self.key(world).ok_or(Denied::NotFound(Missing::Return))?;
                start_by_key(world, key, *public_id, now)
            }
        }
    }
}

fn find(world: &World, chat: ChatId) -> Result<&Chat, Denied> {
    world.chats.get(&chat).ok_or(Denied::NotFound(Missing::Chat))
}

fn start_by_key(
    world: &World,
    key: ChatKey,
    public_id: Uuid,
    now: Timestamp,
) -> Result<Decision, Denied> {
    match world.chat_of(&key) {
        Some(chat) => start(chat.clone(), false),
        None => start(new_chat(world, key, public_id, now)?, true),
    }
}

fn start(chat: Chat, created: bool) -> Result<Decision, Denied> {
    if chat.state.is_dispute() {
        return Err(Denied::Refused(Refusal::AlreadyDisputed));
    }
    if chat.order.is_none() {
        return Err(Denied::Refused(Refusal::NothingToDispute));
    }
    let mut events = Vec::with_capacity(2);
    if created {
        events.push(Event::ChatOpened(Box::new(chat.clone())));
    }
    events.push(Event::DisputeStarted { chat: chat.id });
    Ok(Decision::new(
        events,
        Answer::Opened { chat: Box::new(chat), created, message: None, replayed: false },
    ))
}

fn end(chat: &Chat) -> Result<Decision, Denied> {
    if chat.state != State::Disputed {
        return Err(Denied::Refused(Refusal::NotDisputed));
    }
    Ok(Decision::new(vec![Event::DisputeEnded { chat: chat.id }], Answer::Done))
}
