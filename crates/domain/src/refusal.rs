//! Every way in which the rules say no. The list is closed: a new refusal does not build until every dialect has words
//! for it.

use crate::Timestamp;
use crate::catalog::Model;
use crate::id::MessageId;

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// What the command names does not exist, or not for this actor. The two look the same, so that ids reveal nothing.
    NotFound(Missing),
    /// A rule says no.
    Refused(Refusal),
}

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A chat.
    Chat,
    /// A message of the chat.
    Message,
    /// A product, or one that is not on sale.
    Product,
    /// An order.
    Order,
    /// A posting.
    Posting,
    /// A return.
    Return,
    /// An account.
    Account,
    /// An attachment.
    Attachment,
}

/// The rule that said no, with what a person needs to understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The text has no visible character.
    TextEmpty,
    /// The text has `length` code points, `limit` are allowed.
    TextTooLong {
        /// Code points.
        length: usize,
        /// Code points.
        limit: usize,
    },
    /// The text holds a character that cannot be kept.
    TextHasForbiddenCharacter {
        /// The first of them.
        character: char,
    },
    /// A message needs a text or an attachment.
    NothingToSend,
    /// More attachments than one message may carry.
    TooManyAttachments {
        /// How many are allowed.
        limit: usize,
    },
    /// The file has no bytes.
    FileEmpty,
    /// The file has `bytes`, `limit` are allowed.
    FileTooLarge {
        /// Bytes.
        bytes: u64,
        /// Bytes.
        limit: u64,
    },
    /// Only pictures that can be decoded are accepted here.
    NotAPicture,
    /// The seller may not begin a chat in this context.
    OpeningNotAllowed {
        /// The order's model; none when the context has no order.
        model: Option<Model>,
        /// The models with which the seller may; empty when it is not a question of models.
        allowed: Vec<Model>,
    },
    /// The time in which the seller may begin this chat is over, or has not begun.
    OpeningWindowClosed {
        /// When the last such time ended; none when there was none yet.
        closed_at: Option<Timestamp>,
    },
    /// The time in which the seller may write is over, or has not begun.
    SendingWindowClosed {
        /// When it ended; none when there was none yet.
        closed_at: Option<Timestamp>,
    },
    /// The chat is closed.
    ChatClosed,
    /// The dispute was decided; nobody writes here any more.
    DisputeEnded,
    /// The buyer has blocked the seller in this chat.
    BlockedByBuyer,
    /// Nobody opens a chat with themselves.
    OwnProduct,
    /// Only the buyer may block.
    OnlyTheBuyerBlocks,
    /// The chat moved on: its last message is another one than the sender has seen.
    LastMessageChanged {
        /// The newest message; none when the chat is empty.
        last: Option<MessageId>,
    },
    /// Only the account that wrote a message changes it.
    NotYourMessage,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// A chat that is not about an order or a return cannot become a dispute.
    NothingToDispute,
    /// The chat is in dispute already.
    AlreadyDisputed,
    /// The chat is not in dispute.
    NotDisputed,
    /// While a dispute runs or after it was decided, only the dispute's end changes the chat's state.
    StateSetByDispute,
}
