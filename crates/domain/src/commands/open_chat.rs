//! Beginning a chat, or finding the one that exists.

use uuid::Uuid;

use super::draft::Draft;
use super::post_message::write;
use super::{Answer, Decision};
use crate::Timestamp;
use crate::chat::{ActingAs, Actor, Chat, ChatKey, Context, Seat, Side, State, Turn};
use crate::event::Event;
use crate::id::{AccountId, OrderId, ProductId, ReturnId};
use crate::permission::{may_write, seller_may_open};
use crate::policy::Policy;
use crate::refusal::{Denied, Missing, Refusal};
use crate::world::{Touches, World};

/// Opens the chat about `subject`, and writes `first_message` in it.
#[derive(Clone, Debug)]
pub struct OpenChat {
    /// Who begins.
    pub actor: Actor,
    /// What about.
    pub subject: Subject,
    /// The name of a chat that has to be made.
    pub public_id: Uuid,
    /// What to write there at once, also when the chat exists already.
    pub first_message: Option<Draft>,
}

/// What a new chat is to be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A product. The seller names the buyer; a buyer names nobody.
    Product(ProductId, Option<AccountId>),
    /// An order.
    Order(OrderId),
    /// The order of a posting.
    Posting(String),
    /// A return.
    Return(ReturnId),
    /// Nothing in particular, with `other` on the other side.
    Account {
        /// The other account.
        other: AccountId,
        /// The side on which the actor sits.
        as_side: Side,
    },
}

impl Subject {
    fn missing(&self) -> Missing {
        match self {
            Self::Product(..) => Missing::Product,
            Self::Order(_) => Missing::Order,
            Self::Posting(_) => Missing::Posting,
            Self::Return(_) => Missing::Return,
            Self::Account { .. } => Missing::Account,
        }
    }
}

impl OpenChat {
    pub(super) fn touches(&self) -> Touches {
        let mut touches = match &self.subject {
            Subject::Product(product, buyer) => Touches {
                products: [*product].into(),
                accounts: buyer.iter().copied().collect(),
                ..Touches::default()
            },
            Subject::Order(order) => Touches { orders: [*order].into(), ..Touches::default() },
            Subject::Posting(number) => {
                Touches { postings: [number.clone()].into(), ..Touches::default() }
            }
            Subject::Return(id) => Touches { returns: [*id].into(), ..Touches::default() },
            Subject::Account { other, .. } => {
                Touches { accounts: [*other].into(), ..Touches::default() }
            }
        };
        if let Some(draft) = &self.first_message {
            touches.merge(draft.touches(self.actor.account));
        }
        touches
    }

    /// The key of the chat that is meant; none when the subject does not exist, or not for this actor.
    pub(super) fn key(&self, world: &World) -> Option<ChatKey> {
        let actor = self.actor.account;
        let (seller, buyer, context) = match &self.subject {
            Subject::Product(id, buyer) => {
                let seller = world.products.get(id)?.seller;
                let buyer = if seller == actor { (*buyer)? } else { actor };
                (seller, buyer, Context::Product(*id))
            }
            Subject::Order(id) => {
                let order = &world.orders.get(id)?.order;
                (order.seller, order.buyer, Context::Order(*id))
            }
            Subject::Posting(number) => {
                let id = *world.postings.get(number)?;
                let order = &world.orders.get(&id)?.order;
                (order.seller, order.buyer, Context::Order(id))
            }
            Subject::Return(id) => {
                let order = &world.orders.get(&world.returns.get(id)?.order)?.order;
                (order.seller, order.buyer, Context::Return(*id))
            }
            Subject::Account { other, as_side: Side::Seller } => (actor, *other, Context::None),
            Subject::Account { other, as_side: Side::Buyer } => (*other, actor, Context::None),
        };
        let key = ChatKey { seller, buyer, context };
        self.side_in(&key).map(|_| key)
    }

    fn side_in(&self, key: &ChatKey) -> Option<Side> {
        if key.seller == self.actor.account {
            Some(Side::Seller)
        } else if key.buyer == self.actor.account && self.actor.acting_as == ActingAs::EitherSide {
            Some(Side::Buyer)
        } else {
            None
        }
    }

    pub(super) fn decide(
        &self,
        world: &World,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, Denied> {
        let not_found = Denied::NotFound(self.subject.missing());
        if self.is_own_product(world) {
            return Err(Denied::Refused(Refusal::OwnProduct));
        }
        let key = self.key(world).ok_or(not_found.clone())?;
        let side = self.side_in(&key).ok_or(not_found.clone())?;
        if key.seller == key.buyer {
            return Err(not_found);
        }
        match world.chat_of(&key) {
            Some(chat) => self.return_to(world, chat, side, policy, now),
            None => self.begin(world, key, side, policy, now),
        }
    }

    fn is_own_product(&self, world: &World) -> bool {
        match &self.subject {
            Subject::Product(id, buyer) => {
                let mine = world
                    .products
                    .get(id)
                    .is_some_and(|product| product.seller == self.actor.account);
                mine && buyer.is_none_or(|buyer| buyer == self.actor.account)
            }
            Subject::Order(_)
            | Subject::Posting(_)
            | Subject::Return(_)
            | Subject::Account { .. } => false,
        }
    }

    /// The chat exists: nothing is made, and nothing but what has to change does.
    fn return_to(
        &self,
        world: &World,
        chat: &Chat,
        side: Side,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, Denied> {
        if let Some(draft) = &self.first_message {
            if let Some(message) = draft.earlier(world, self.actor.account)? {
                if message.chat != chat.id {
                    return Err(Denied::Refused(Refusal::IdempotencyKeyReused));
                }
                let answer = Answer::Opened {
                    chat: Box::new(chat.clone()),
                    created: false,
                    message: Some(Box::new(message.clone())),
                    replayed: true,
                };
                return Ok(Decision::nothing(answer));
            }
            may_write(chat, world.order_of(chat), side, policy, now)
                .require()
                .map_err(Denied::Refused)?;
            let decision = write(world, chat, &self.actor, side, draft, policy, now)?;
            return Ok(opened(decision, chat.clone(), false));
        }
        let mut events = Vec::new();
        if side == Side::Seller && policy.seller.opening_reopens {
            match chat.state {
                State::Open | State::Disputed => {}
                State::Closed => {
                    let order = world.order_of(chat);
                    let permission = seller_may_open(chat.context, order, policy, now);
                    permission.require().map_err(Denied::Refused)?;
                    events.push(Event::ChatReopened { chat: chat.id });
                }
                State::Settled => return Err(Denied::Refused(Refusal::DisputeEnded)),
            }
        }
        if chat.seat(side).hidden {
            events.push(Event::ChatShown { chat: chat.id, side });
        }
        let answer = Answer::Opened {
            chat: Box::new(chat.clone()),
            created: false,
            message: None,
            replayed: false,
        };
        Ok(Decision::new(events, answer))
    }

    fn begin(
        &self,
        world: &World,
        key: ChatKey,
        side: Side,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, Denied> {
        self.require_subject(world)?;
        let chat = new_chat(world, key, self.public_id, now)?;
        let order = world.order_of(&chat);
        if side == Side::Seller {
            seller_may_open(key.context, order, policy, now).require().map_err(Denied::Refused)?;
        }
        let opening = Event::ChatOpened(Box::new(chat.clone()));
        let mut decision = match &self.first_message {
            Some(draft) => {
                if draft.earlier(world, self.actor.account)?.is_some() {
                    // The key belongs to a message of another chat.
                    return Err(Denied::Refused(Refusal::IdempotencyKeyReused));
                }
                may_write(&chat, order, side, policy, now).require().map_err(Denied::Refused)?;
                write(world, &chat, &self.actor, side, draft, policy, now)?
            }
            None => Decision::nothing(Answer::Done),
        };
        decision.events.insert(0, opening);
        Ok(opened(decision, chat, true))
    }

    /// A new chat needs a product that is on sale, or another account that exists.
    fn require_subject(&self, world: &World) -> Result<(), Denied> {
        let exists = match &self.subject {
            Subject::Product(id, buyer) => {
                world.products.get(id).is_some_and(|product| product.published_at.is_some())
                    && buyer.is_none_or(|buyer| {
                        buyer == self.actor.account || world.accounts.contains(&buyer)
                    })
            }
            Subject::Account { other, .. } => world.accounts.contains(other),
            Subject::Order(_) | Subject::Posting(_) | Subject::Return(_) => true,
        };
        if exists { Ok(()) } else { Err(Denied::NotFound(self.subject.missing())) }
    }
}

fn opened(decision: Decision, chat: Chat, created: bool) -> Decision {
    let message = match decision.answer {
        Answer::Posted { message, .. } => Some(message),
        Answer::Opened { .. }
        | Answer::Edited { .. }
        | Answer::Read { .. }
        | Answer::Attached(_)
        | Answer::Done => None,
    };
    Decision {
        answer: Answer::Opened { chat: Box::new(chat), created, message, replayed: false },
        ..decision
    }
}

/// The chat of `key`, before anything was said in it.
pub(super) fn new_chat(
    world: &World,
    key: ChatKey,
    public_id: Uuid,
    now: Timestamp,
) -> Result<Chat, Denied> {
    let order = match key.context {
        Context::Order(order) => Some(order),
        Context::Return(id) => world.returns.get(&id).map(|found| found.order),
        Context::Product(_) | Context::None => None,
    };
    Ok(Chat {
        id: world.last_ids.next_chat().ok_or(Denied::NotFound(Missing::Chat))?,
        public_id,
        seller: Seat::new(key.seller),
        buyer: Seat::new(key.buyer),
        context: key.context,
        order,
        state: State::Open,
        turn: Turn::Nobody,
        created_at: now,
        last_message: None,
        last_buyer_message_at: None,
        waiting_since: None,
        blocked_by_buyer: false,
    })
}
