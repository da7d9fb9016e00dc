//! Messages as they travel, each with its chat.

use std::borrow::Cow;

use domain::Timestamp;
use domain::chat::{Chat, Context, LastMessage, Seat, State, Turn};
use domain::id::{ChatId, MemberId, MessageId, OrderId, ProductId, ReturnId};
use domain::marks::Marks;
use domain::message::{Author, Message, Role};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::names::names;
use super::{WireProblem, account, id, time};

/// A message without attachments. Without names, as entries.
#[derive(Serialize, Deserialize)]
pub(super) struct WireSaid<'a>(
    #[serde(borrow)] WireChat<'a>,
    /// The message.
    i64,
    WireRole,
    /// The author's account.
    i64,
    /// The author's member.
    Option<i64>,
    Option<Cow<'a, str>>,
    /// When it was written.
    i64,
    /// When it was edited.
    Option<i64>,
    /// How many messages of others the seller and the buyer had received with it.
    [i64; 2],
);

/// Times are in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct WireChat<'a>(
    i64,
    /// The UUID, as 32 hexadecimal digits.
    Cow<'a, str>,
    /// The seller's.
    WireSeat,
    /// The buyer's.
    WireSeat,
    WireContext,
    /// The order.
    Option<i64>,
    WireState,
    WireTurn,
    /// When it was begun.
    i64,
    /// The last message, and when it was written.
    Option<(i64, i64)>,
    /// When the buyer wrote last.
    Option<i64>,
    /// Since when the buyer waits.
    Option<i64>,
    /// Whether the buyer has blocked it.
    bool,
);

#[derive(Serialize, Deserialize)]
struct WireSeat(
    i64,
    /// Read up to.
    Option<i64>,
    /// Delivered up to.
    Option<i64>,
    /// Received, and unread.
    [i64; 2],
    /// The first unread.
    Option<i64>,
    /// Whether it is hidden.
    bool,
);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireContext {
    None,
    Product(i64),
    Order(i64),
    Return(i64),
}

names! {
    WireRole of Role {
        Buyer = "buyer", Seller = "seller", Arbiter = "arbiter", Support = "support", Market = "market",
    }
}
names! {
    WireState of State { Open = "open", Closed = "closed", Disputed = "disputed", Settled = "settled" }
}
names! {
    WireTurn of Turn {
        Nobody = "nobody", Seller = "seller", Buyer = "buyer", Arbiter = "arbiter", Market = "market",
    }
}

impl WireSaid<'_> {
    /// Whether it can be said so.
    pub(super) fn carries(message: &Message) -> bool {
        message.attachments.is_empty()
    }
}

impl<'a> From<&'a (Chat, Message)> for WireSaid<'a> {
    fn from((chat, message): &'a (Chat, Message)) -> Self {
        let Author { role, account, member } = message.author;
        Self(
            chat.into(),
            message.id.get(),
            role.into(),
            account.get(),
            member.map(MemberId::get),
            message.text.as_deref().map(Cow::Borrowed),
            message.created_at.as_millisecond(),
            message.edited_at.map(Timestamp::as_millisecond),
            [message.received_by_seller, message.received_by_buyer],
        )
    }
}

impl From<&Chat> for WireChat<'_> {
    fn from(chat: &Chat) -> Self {
        Self(
            chat.id.get(),
            Cow::Owned(chat.public_id.simple().to_string()),
            chat.seller.into(),
            chat.buyer.into(),
            match chat.context {
                Context::None => WireContext::None,
                Context::Product(id) => WireContext::Product(id.get()),
                Context::Order(id) => WireContext::Order(id.get()),
                Context::Return(id) => WireContext::Return(id.get()),
            },
            chat.order.map(OrderId::get),
            chat.state.into(),
            chat.turn.into(),
            chat.created_at.as_millisecond(),
            chat.last_message.map(|last| (last.id.get(), last.at.as_millisecond())),
            chat.last_buyer_message_at.map(Timestamp::as_millisecond),
            chat.waiting_since.map(Timestamp::as_millisecond),
            chat.blocked_by_buyer,
        )
    }
}

impl From<Seat> for WireSeat {
    fn from(Seat { account, marks, hidden }: Seat) -> Self {
        Self(
            account.get(),
            marks.read_up_to.map(MessageId::get),
            marks.delivered_up_to.map(MessageId::get),
            [marks.received, marks.unread],
            marks.first_unread.map(MessageId::get),
            hidden,
        )
    }
}

impl TryFrom<WireSaid<'_>> for (Chat, Message) {
    type Error = WireProblem;

    fn try_from(said: WireSaid<'_>) -> Result<Self, Self::Error> {
        let WireSaid(chat, number, role, author, member, text, created_at, edited_at, received) =
            said;
        let chat = Chat::try_from(chat)?;
        let author = Author {
            role: role.into(),
            account: account(author)?,
            member: member.map(|member| id(MemberId::new, member, "a member")).transpose()?,
        };
        let message = Message {
            id: message(number)?,
            chat: chat.id,
            author,
            text: text.map(Cow::into_owned),
            attachments: Vec::new(),
            created_at: time(created_at)?,
            edited_at: edited_at.map(time).transpose()?,
            received_by_seller: received[0],
            received_by_buyer: received[1],
        };
        Ok((chat, message))
    }
}

impl TryFrom<WireChat<'_>> for Chat {
    type Error = WireProblem;

    fn try_from(chat: WireChat<'_>) -> Result<Self, Self::Error> {
        let WireChat(
            number,
            public_id,
            seller,
            buyer,
            context,
            order,
            state,
            turn,
            created_at,
            last_message,
            last_buyer_message_at,
            waiting_since,
            blocked_by_buyer,
        ) = chat;
        let last_message = last_message
            .map(|(id, at)| Ok::<_, WireProblem>(LastMessage { id: message(id)?, at: time(at)? }));
        Ok(Self {
            id: id(ChatId::new, number, "a chat")?,
            public_id: Uuid::try_parse(&public_id)
                .map_err(|_| WireProblem::Impossible("a UUID"))?,
            seller: seller.try_into()?,
            buyer: buyer.try_into()?,
            context: match context {
                WireContext::None => Context::None,
                WireContext::Product(number) => {
                    Context::Product(id(ProductId::new, number, "a product")?)
                }
                WireContext::Order(number) => Context::Order(id(OrderId::new, number, "an order")?),
                WireContext::Return(number) => {
                    Context::Return(id(ReturnId::new, number, "a return")?)
                }
            },
            order: order.map(|order| id(OrderId::new, order, "an order")).transpose()?,
            state: state.into(),
            turn: turn.into(),
            created_at: time(created_at)?,
            last_message: last_message.transpose()?,
            last_buyer_message_at: last_buyer_message_at.map(time).transpose()?,
            waiting_since: waiting_since.map(time).transpose()?,
            blocked_by_buyer,
        })
    }
}

impl TryFrom<WireSeat> for Seat {
    type Error = WireProblem;

    fn try_from(seat: WireSeat) -> Result<Self, Self::Error> {
        let WireSeat(number, read_up_to, delivered_up_to, [received, unread], first_unread, hidden) =
            seat;
        let marks = Marks {
            read_up_to: read_up_to.map(message).transpose()?,
            delivered_up_to: delivered_up_to.map(message).transpose()?,
            received,
            unread,
            first_unread: first_unread.map(message).transpose()?,
        };
        Ok(Self { account: account(number)?, marks, hidden })
    }
}

fn message(number: i64) -> Result<MessageId, WireProblem> {
    id(MessageId::new, number, "a message")
}

#[cfg(test)]
mod tests {
    use domain::id::AccountId;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seat(account: i64, marks: Marks) -> Seat {
        Seat { account: AccountId::new(account).unwrap(), marks, hidden: marks.received == 3 }
    }

    /// A message with nothing that can be left out, in a chat of which the same is true.
    fn bare() -> (Chat, Message) {
        let chat = Chat {
            id: ChatId::new(1).unwrap(),
            public_id: Uuid::from_u128(0x0123_4567_89ab_cdef),
            seller: seat(10, Marks::default()),
            buyer: seat(20, Marks::default()),
            context: Context::None,
            order: None,
            state: State::Open,
            turn: Turn::Nobody,
            created_at: at(1),
            last_message: None,
            last_buyer_message_at: None,
            waiting_since: None,
            blocked_by_buyer: false,
        };
        let message = Message {
            id: MessageId::new(7).unwrap(),
            chat: chat.id,
            author: Author { role: Role::Market, account: AccountId::MARKETPLACE, member: None },
            text: None,
            attachments: Vec::new(),
            created_at: at(2),
            edited_at: None,
            received_by_seller: 0,
            received_by_buyer: 1,
        };
        (chat, message)
    }

    /// The same with all that there can be.
    fn full() -> (Chat, Message) {
        let (chat, message) = bare();
        let number = MessageId::new;
        let marks = Marks {
            read_up_to: number(4),
            delivered_up_to: number(5),
            received: 3,
            unread: 2,
            first_unread: number(6),
        };
        let chat = Chat {
            seller: seat(10, marks),
            buyer: seat(20, Marks { first_unread: number(3), ..marks }),
            context: Context::Return(ReturnId::new(30).unwrap()),
            order: OrderId::new(40),
            state: State::Disputed,
            turn: Turn::Arbiter,
            last_message: Some(LastMessage { id: message.id, at: at(2) }),
            last_buyer_message_at: Some(at(3)),
            waiting_since: Some(at(4)),
            blocked_by_buyer: true,
            ..chat
        };
        let account = AccountId::new(10).unwrap();
        let message = Message {
            author: Author { role: Role::Seller, account, member: MemberId::new(70) },
            text: Some("«Да»,\n\"нет\" \\ \u{0}".to_owned()),
            edited_at: Some(at(5)),
            ..message
        };
        (chat, message)
    }

    fn written(said: &(Chat, Message)) -> String {
        serde_json::to_string(&WireSaid::from(said)).unwrap()
    }

    fn read(written: &str) -> Result<(Chat, Message), WireProblem> {
        serde_json::from_str::<WireSaid<'_>>(written)?.try_into()
    }

    #[test]
    fn messages_and_chats_arrive_as_they_were_sent() {
        for said in [bare(), full()] {
            assert_eq!(read(&written(&said)).unwrap(), said);
        }
        assert_eq!(
            written(&bare()),
            r#"[[1,"00000000000000000123456789abcdef",[10,null,null,[0,0],null,false],[20,null,null,[0,0],null,false],"none",null,"open","nobody",1000,null,null,null,false],7,"market",9007199254740991,null,null,2000,null,[0,1]]"#
        );
    }

    #[test]
    fn every_value_has_a_name_of_its_own() {
        let (chat, message) = bare();
        let contexts = [
            Context::Product(ProductId::new(30).unwrap()),
            Context::Order(OrderId::new(30).unwrap()),
            Context::Return(ReturnId::new(30).unwrap()),
        ];
        for context in contexts {
            let said = (Chat { context, ..chat.clone() }, message.clone());
            assert_eq!(read(&written(&said)).unwrap(), said);
        }
        for state in [State::Open, State::Closed, State::Disputed, State::Settled] {
            let said = (Chat { state, ..chat.clone() }, message.clone());
            assert_eq!(read(&written(&said)).unwrap(), said);
        }
        for turn in [Turn::Nobody, Turn::Seller, Turn::Buyer, Turn::Arbiter, Turn::Market] {
            let said = (Chat { turn, ..chat.clone() }, message.clone());
            assert_eq!(read(&written(&said)).unwrap(), said);
        }
        for role in [Role::Buyer, Role::Seller, Role::Arbiter, Role::Support, Role::Market] {
            let author = Author { role, ..message.author };
            let said = (chat.clone(), Message { author, ..message.clone() });
            assert_eq!(read(&written(&said)).unwrap(), said);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let sound = written(&full());
        let wrong = [
            ("[[1,", "[[0,"),
            ("89abcdef", "89abcdeg"),
            ("[10,4,", "[-10,4,"),
            ("[10,4,", "[10,0,"),
            (r#"{"return":30}"#, r#"{"return":0}"#),
            ("],7,", "],0,"),
            (",70,", ",-1,"),
        ];
        for (right, wrong) in wrong {
            let broken = sound.replacen(right, wrong, 1);
            assert_ne!(broken, sound);
            let problem = read(&broken).unwrap_err();
            assert!(matches!(problem, WireProblem::Impossible(_)), "{broken}: {problem}");
        }
    }
}
