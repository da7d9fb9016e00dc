//! Rows of chats.

use domain::chat::{Chat, ContextKind, LastMessage, Seat};
use domain::id::{AccountId, ChatId, MessageId, OrderId};
use domain::marks::Marks;

use crate::cells::Cells;
use crate::codes::context;

/// The columns of [`chat`].
macro_rules! chat_columns {
    () => {
        "id, public_id, seller_id, buyer_id, context_kind, context_id, order_id, state, turn, created_at, \
         last_message_id, last_message_at, last_buyer_message_at, waiting_since, blocked_by_buyer, \
         seller_read_up_to, seller_delivered_up_to, seller_received, seller_unread, seller_first_unread, \
         seller_hidden, \
         buyer_read_up_to, buyer_delivered_up_to, buyer_received, buyer_unread, buyer_first_unread, buyer_hidden"
    };
}
pub(crate) use chat_columns;

pub(crate) fn chat<C: Cells>(cells: &mut C) -> Result<Chat, C::Error> {
    let id = cells.id(ChatId::new)?;
    let public_id = cells.uuid()?;
    let seller = cells.id(AccountId::new)?;
    let buyer = cells.id(AccountId::new)?;
    let kind: ContextKind = cells.code()?;
    let number = cells.take()?;
    let context = cells.known(context(kind, number))?;
    let order = cells.optional_id(OrderId::new)?;
    let state = cells.code()?;
    let turn = cells.code()?;
    let created_at = cells.time()?;
    let last_message = MessageId::new(cells.take()?);
    let last_message_at = cells.optional_time()?;
    Ok(Chat {
        id,
        public_id,
        context,
        order,
        state,
        turn,
        created_at,
        last_message: last_message.zip(last_message_at).map(|(id, at)| LastMessage { id, at }),
        last_buyer_message_at: cells.optional_time()?,
        waiting_since: cells.optional_time()?,
        blocked_by_buyer: cells.take()?,
        seller: seat(cells, seller)?,
        buyer: seat(cells, buyer)?,
    })
}

fn seat<C: Cells>(cells: &mut C, account: AccountId) -> Result<Seat, C::Error> {
    let marks = Marks {
        read_up_to: cells.optional_id(MessageId::new)?,
        delivered_up_to: cells.optional_id(MessageId::new)?,
        received: cells.take()?,
        unread: cells.take()?,
        first_unread: cells.optional_id(MessageId::new)?,
    };
    Ok(Seat { account, marks, hidden: cells.take()? })
}
