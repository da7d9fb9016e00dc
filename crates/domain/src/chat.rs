//! A chat: two sides, what they talk about, whose turn it is, how far each has read.

use uuid::Uuid;

use crate::Timestamp;
use crate::event::Event;
use crate::id::{AccountId, ChatId, MemberId, MessageId, OrderId, ProductId, ReturnId};
use crate::marks::Marks;
use crate::message::{Message, Role};

/// A conversation of one seller and one buyer about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Chosen by Torg.
    pub id: ChatId,
    /// The same chat's name on wires that speak of UUIDs.
    pub public_id: Uuid,
    /// The seller's seat.
    pub seller: Seat,
    /// The buyer's seat.
    pub buyer: Seat,
    /// What the chat is about.
    pub context: Context,
    /// The order behind the context, for an order and for a return.
    pub order: Option<OrderId>,
    /// Open, closed, or in dispute.
    pub state: State,
    /// Who is to write next.
    pub turn: Turn,
    /// When the chat was opened.
    pub created_at: Timestamp,
    /// The newest message.
    pub last_message: Option<LastMessage>,
    /// When the buyer wrote last; the seller's time to answer runs from here.
    pub last_buyer_message_at: Option<Timestamp>,
    /// Since when the buyer waits for the seller.
    pub waiting_since: Option<Timestamp>,
    /// Whether the buyer wants to hear no more from the seller here.
    pub blocked_by_buyer: bool,
}

/// One side's place in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who sits here.
    pub account: AccountId,
    /// How far this side has come.
    pub marks: Marks,
    /// Whether this side has put the chat out of sight. The next message brings it back.
    pub hidden: bool,
}

/// Id and time of a chat's newest message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastMessage {
    /// Its id.
    pub id: MessageId,
    /// When it was committed.
    pub at: Timestamp,
}

/// The two sides of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Who sells.
    Seller,
    /// Who buys.
    Buyer,
}

/// What a chat is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Nothing in particular.
    None,
    /// A product.
    Product(ProductId),
    /// An order.
    Order(OrderId),
    /// A return.
    Return(ReturnId),
}

/// What makes a chat the one it is: there is at most one chat for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChatKey {
    /// Who sells.
    pub seller: AccountId,
    /// Who buys.
    pub buyer: AccountId,
    /// What it is about.
    pub context: Context,
}

/// Open, closed, or in dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Both sides write.
    Open,
    /// Over, until the buyer writes again or the marketplace reopens it.
    Closed,
    /// An arbiter decides.
    Disputed,
    /// An arbiter has decided; over for good.
    Settled,
}

/// Who is to write next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// Nobody has written, or nobody was asked.
    Nobody,
    /// The seller.
    Seller,
    /// The buyer.
    Buyer,
    /// The arbiter.
    Arbiter,
    /// The marketplace's support.
    Market,
}

/// Who asks for something to be done in chats, and in which of its chats it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// As which account.
    pub account: AccountId,
    /// The person behind it, where that is known.
    pub member: Option<MemberId>,
    /// Whether the actor reaches only the chats in which the account sells.
    pub acting_as: ActingAs,
}

/// In which of its chats an account acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActingAs {
    /// Only where it sells: the wires of Ozon and Yandex Market know no other side.
    Seller,
    /// Where it sells and where it buys.
    EitherSide,
}

impl Actor {
    /// The side of `chat` on which this actor sits. None for a stranger, to whom the chat does not exist.
    pub fn side_in(&self, chat: &Chat) -> Option<Side> {
        let side = chat.side_of(self.account)?;
        (self.acting_as == ActingAs::EitherSide || side == Side::Seller).then_some(side)
    }
}

impl Side {
    /// The one across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Seller => Self::Buyer,
            Self::Buyer => Self::Seller,
        }
    }
}

impl From<Side> for Turn {
    fn from(side: Side) -> Self {
        match side {
            Side::Seller => Self::Seller,
            Side::Buyer => Self::Buyer,
        }
    }
}

impl State {
    /// Whether nobody is expected to write any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Settled)
    }

    /// Whether an arbiter decides or has decided.
    pub fn is_dispute(self) -> bool {
        matches!(self, Self::Disputed | Self::Settled)
    }
}

impl Seat {
    pub(crate) fn new(account: AccountId) -> Self {
        Self { account, marks: Marks::default(), hidden: false }
    }
}

impl Chat {
    /// The chat's key.
    pub fn key(&self) -> ChatKey {
        ChatKey { seller: self.seller.account, buyer: self.buyer.account, context: self.context }
    }

    /// Where `account` sits.
    pub fn side_of(&self, account: AccountId) -> Option<Side> {
        if account == self.seller.account {
            Some(Side::Seller)
        } else if account == self.buyer.account {
            Some(Side::Buyer)
        } else {
            None
        }
    }

    /// The seat of `side`.
    pub fn seat(&self, side: Side) -> &Seat {
        match side {
            Side::Seller => &self.seller,
            Side::Buyer => &self.buyer,
        }
    }

    fn seat_mut(&mut self, side: Side) -> &mut Seat {
        match side {
            Side::Seller => &mut self.seller,
            Side::Buyer => &mut self.buyer,
        }
    }

    /// Whether the side across hears of what `side` does without writing, such as typing: not where the buyer wants to
    /// hear no more of the seller.
    pub fn is_noticed(&self, side: Side) -> bool {
        side == Side::Buyer || !self.blocked_by_buyer
    }

    /// When something was last said here; the chat's own beginning while nothing was.
    pub fn active_at(&self) -> Timestamp {
        self.last_message.map_or(self.created_at, |last| last.at)
    }

    /// Whether `message` was read, as `viewer` sees it: a message of the viewer's own by the other side, any other by
    /// the viewer.
    pub fn is_read(&self, message: &Message, viewer: Side) -> bool {
        self.recipient(message.author.role, viewer).marks.has_read(message.id)
    }

    /// Whether `message` reached a client, as `viewer` sees it; see [`Self::is_read`].
    pub fn is_delivered(&self, message: &Message, viewer: Side) -> bool {
        self.recipient(message.author.role, viewer).marks.has_received(message.id)
    }

    fn recipient(&self, author: Role, viewer: Side) -> &Seat {
        if author == Role::from(viewer) { self.seat(viewer.other()) } else { self.seat(viewer) }
    }

    /// Whose turn it is after `author` has written. The marketplace's people may ask one of the sides something; else
    /// their lines change nothing. In a dispute everything goes to the arbiter.
    pub(crate) fn turn_after(&self, author: Role, asks: Option<Side>) -> Turn {
        match (author.side(), asks) {
            (None, Some(asked)) => asked.into(),
            (None, None) => self.turn,
            (Some(_), _) if self.state == State::Disputed => Turn::Arbiter,
            (Some(side), _) => side.other().into(),
        }
    }

    /// What the chat is after `event`, which happened at `at`.
    pub(crate) fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::ChatOpened(opened) => self.clone_from(opened),
            Event::MessageCreated { message, turn } => {
                self.last_message = Some(LastMessage { id: message.id, at: message.created_at });
                for side in [Side::Seller, Side::Buyer] {
                    let seat = self.seat_mut(side);
                    seat.hidden = false;
                    if message.author.role != Role::from(side) {
                        seat.marks.receive(message.id);
                    }
                }
                if message.author.role == Role::Buyer {
                    self.last_buyer_message_at = Some(message.created_at);
                }
                self.pass_turn(*turn, at);
            }
            Event::ChatRead { side, up_to, unread, first_unread, .. } => {
                self.seat_mut(*side).marks.read(*up_to, *unread, *first_unread);
            }
            Event::ChatDelivered { side, up_to, .. } => self.seat_mut(*side).marks.deliver(*up_to),
            Event::TurnChanged { turn, .. } => self.pass_turn(*turn, at),
            Event::ChatClosed { .. } => self.end(State::Closed),
            Event::ChatReopened { .. } => {
                self.state = State::Open;
                self.pass_turn(self.turn, at);
            }
            Event::DisputeStarted { .. } => {
                self.state = State::Disputed;
                self.pass_turn(Turn::Arbiter, at);
            }
            Event::DisputeEnded { .. } => self.end(State::Settled),
            Event::ChatHidden { side, .. } => self.seat_mut(*side).hidden = true,
            Event::ChatShown { side, .. } => self.seat_mut(*side).hidden = false,
            Event::ChatBlocked { .. } => self.blocked_by_buyer = true,
            Event::ChatUnblocked { .. } => self.blocked_by_buyer = false,
            Event::MessageUpdated { .. }
            | Event::AttachmentStored(_)
            | Event::WebhookAlarmed { .. } => {}
        }
    }

    /// The turn is kept: a chat that is opened again goes on where it stopped.
    fn end(&mut self, state: State) {
        self.state = state;
        self.waiting_since = None;
    }

    fn pass_turn(&mut self, turn: Turn, at: Timestamp) {
        self.turn = turn;
        let waiting = turn == Turn::Seller && !self.state.is_over();
        self.waiting_since = waiting.then(|| self.waiting_since.unwrap_or(at));
    }
}

/// Whom a chat waits for, as one value. Every wire's status names are derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// For nobody: nobody has written, or nobody was asked.
    New,
    /// For the buyer.
    WaitingForBuyer,
    /// For the seller.
    WaitingForSeller,
    /// For the arbiter.
    WaitingForArbiter,
    /// For the marketplace's support.
    WaitingForMarket,
    /// For nobody any more.
    Over,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 6] = [
        Self::New,
        Self::WaitingForBuyer,
        Self::WaitingForSeller,
        Self::WaitingForArbiter,
        Self::WaitingForMarket,
        Self::Over,
    ];
}

impl Chat {
    /// Whom the chat waits for.
    pub fn phase(&self) -> Phase {
        if self.state.is_over() {
            return Phase::Over;
        }
        match self.turn {
            Turn::Nobody => Phase::New,
            Turn::Buyer => Phase::WaitingForBuyer,
            Turn::Seller => Phase::WaitingForSeller,
            Turn::Arbiter => Phase::WaitingForArbiter,
            Turn::Market => Phase::WaitingForMarket,
        }
    }
}

/// The kinds of [`Context`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextKind {
    /// See [`Context::None`].
    None,
    /// See [`Context::Product`].
    Product,
    /// See [`Context::Order`].
    Order,
    /// See [`Context::Return`].
    Return,
}

impl ContextKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::None, Self::Product, Self::Order, Self::Return];
}

impl Context {
    /// Which kind this is.
    pub fn kind(self) -> ContextKind {
        match self {
            Self::None => ContextKind::None,
            Self::Product(_) => ContextKind::Product,
            Self::Order(_) => ContextKind::Order,
            Self::Return(_) => ContextKind::Return,
        }
    }
}
