//! What happens in chats, and what of it each side's log keeps.

use crate::Timestamp;
use crate::attachment::Attachment;
use crate::chat::{Chat, Side, Turn};
use crate::id::{AccountId, ChatId, MessageId, WebhookId};
use crate::message::{Message, Role};

/// Something that happened. No change can be stored without its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A chat began.
    ChatOpened(Box<Chat>),
    /// Somebody wrote; it is `turn`'s turn now.
    MessageCreated {
        /// What was written.
        message: Box<Message>,
        /// Who is to write next.
        turn: Turn,
    },
    /// The text of a message was replaced.
    MessageUpdated {
        /// The message with its new text.
        message: Box<Message>,
        /// Who did it; none for the marketplace.
        by: Option<Side>,
    },
    /// One side has read up to a message.
    ChatRead {
        /// Where.
        chat: ChatId,
        /// Who.
        side: Side,
        /// The newest message read.
        up_to: MessageId,
        /// Messages still unread after this.
        unread: i64,
        /// The oldest of them.
        first_unread: Option<MessageId>,
    },
    /// Messages up to one reached a client of one side.
    ChatDelivered {
        /// Where.
        chat: ChatId,
        /// Whose client.
        side: Side,
        /// The newest message delivered.
        up_to: MessageId,
    },
    /// It became somebody's turn without a message.
    TurnChanged {
        /// Where.
        chat: ChatId,
        /// Whose turn.
        turn: Turn,
    },
    /// The chat was closed.
    ChatClosed {
        /// Which.
        chat: ChatId,
        /// By whom.
        by: Role,
    },
    /// The chat was opened again.
    ChatReopened {
        /// Which.
        chat: ChatId,
    },
    /// The chat became a dispute.
    DisputeStarted {
        /// Which.
        chat: ChatId,
    },
    /// The dispute was decided.
    DisputeEnded {
        /// Which.
        chat: ChatId,
    },
    /// One side put the chat out of its sight.
    ChatHidden {
        /// Which.
        chat: ChatId,
        /// Who.
        side: Side,
    },
    /// One side took the chat back into its sight: by opening it again, or by writing in it.
    ChatShown {
        /// Which.
        chat: ChatId,
        /// Who.
        side: Side,
    },
    /// The buyer blocked the seller in this chat.
    ChatBlocked {
        /// Which.
        chat: ChatId,
    },
    /// The buyer took the block back.
    ChatUnblocked {
        /// Which.
        chat: ChatId,
    },
    /// A file was stored that is to be sent later. No log tells of it.
    AttachmentStored(Box<Attachment>),
    /// Pushes to a webhook do not arrive.
    WebhookAlarmed {
        /// Whose webhook; nobody else hears of it.
        account: AccountId,
        /// Which.
        webhook: WebhookId,
        /// How bad it is.
        alarm: WebhookAlarm,
    },
}

/// What the owner of a webhook has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookAlarm {
    /// Pushes have failed for so long that the webhook will be switched off, if that goes on.
    Failing,
    /// Nothing is pushed to it any more, until somebody switches it on again.
    SwitchedOff,
}

/// The kinds of entries in an account's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// See [`Event::ChatOpened`].
    ChatOpened,
    /// See [`Event::MessageCreated`].
    MessageCreated,
    /// See [`Event::MessageUpdated`].
    MessageUpdated,
    /// See [`Event::ChatRead`].
    ChatRead,
    /// See [`Event::ChatDelivered`].
    ChatDelivered,
    /// See [`Event::TurnChanged`].
    ChatTurnChanged,
    /// See [`Event::ChatClosed`].
    ChatClosed,
    /// See [`Event::ChatReopened`].
    ChatReopened,
    /// See [`Event::DisputeStarted`].
    DisputeStarted,
    /// See [`Event::DisputeEnded`].
    DisputeEnded,
    /// See [`Event::ChatHidden`].
    ChatHidden,
    /// See [`Event::ChatShown`].
    ChatShown,
    /// See [`Event::ChatBlocked`].
    ChatBlocked,
    /// See [`Event::ChatUnblocked`].
    ChatUnblocked,
    /// See [`WebhookAlarm::Failing`].
    WebhookFailing,
    /// See [`WebhookAlarm::SwitchedOff`].
    WebhookSwitchedOff,
}

impl EntryKind {
    /// Whether it tells of what somebody said, so that a reader is shown the message itself.
    pub fn shows_message(self) -> bool {
        matches!(self, Self::MessageCreated | Self::MessageUpdated)
    }
}

/// An entry before it has its place in an account's log. It holds ids only and is rendered when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub kind: EntryKind,
    /// Where; none when it happened in no chat.
    pub chat: Option<ChatId>,
    /// The message in question: the new or changed one, or the newest read or delivered one.
    pub message: Option<MessageId>,
    /// The side in question: who wrote, edited, read, received, hid or showed; who closed, when it was a side.
    pub side: Option<Side>,
    /// The webhook in question.
    pub webhook: Option<WebhookId>,
    /// When.
    pub at: Timestamp,
}

impl Event {
    /// The chat in which this happened, if it was in one.
    pub fn chat(&self) -> Option<ChatId> {
        match self {
            Self::ChatOpened(chat) => Some(chat.id),
            Self::MessageCreated { message, .. } | Self::MessageUpdated { message, .. } => {
                Some(message.chat)
            }
            Self::ChatRead { chat, .. }
            | Self::ChatDelivered { chat, .. }
            | Self::TurnChanged { chat, .. }
            | Self::ChatClosed { chat, .. }
            | Self::ChatReopened { chat }
            | Self::DisputeStarted { chat }
            | Self::DisputeEnded { chat }
            | Self::ChatHidden { chat, .. }
            | Self::ChatShown { chat, .. }
            | Self::ChatBlocked { chat }
            | Self::ChatUnblocked { chat } => Some(*chat),
            Self::AttachmentStored(_) | Self::WebhookAlarmed { .. } => None,
        }
    }

    /// The chat that began with this.
    pub(crate) fn opened(&self) -> Option<&Chat> {
        if let Self::ChatOpened(chat) = self { Some(chat) } else { None }
    }

    /// The message that was created.
    pub(crate) fn message(&self) -> Option<&Message> {
        if let Self::MessageCreated { message, .. } = self { Some(message) } else { None }
    }

    /// The message that was changed, as it is now.
    pub(crate) fn updated(&self) -> Option<&Message> {
        if let Self::MessageUpdated { message, .. } = self { Some(message) } else { None }
    }

    /// The files that were stored, or belong to a message from now on.
    pub(crate) fn attachments(&self) -> &[Attachment] {
        match (self, self.message()) {
            (Self::AttachmentStored(attachment), _) => std::slice::from_ref(attachment),
            (_, Some(message)) => &message.attachments,
            (_, None) => &[],
        }
    }

    /// What the logs keep of this event, and whose logs. `chat` is where it happened. Both of its sides hear of
    /// everything, except that hiding a chat is nobody else's business, and that nobody needs to be told what reached
    /// their own clients.
    pub(crate) fn entries(&self, chat: Option<&Chat>, at: Timestamp) -> Vec<(AccountId, Entry)> {
        let (kind, message, side) = match self {
            Self::ChatOpened(_) => (EntryKind::ChatOpened, None, None),
            Self::MessageCreated { message, .. } => {
                (EntryKind::MessageCreated, Some(message.id), message.author.role.side())
            }
            Self::MessageUpdated { message, by } => {
                (EntryKind::MessageUpdated, Some(message.id), *by)
            }
            Self::ChatRead { side, up_to, .. } => (EntryKind::ChatRead, Some(*up_to), Some(*side)),
            Self::ChatDelivered { side, up_to, .. } => {
                (EntryKind::ChatDelivered, Some(*up_to), Some(*side))
            }
            Self::TurnChanged { .. } => (EntryKind::ChatTurnChanged, None, None),
            Self::ChatClosed { by, .. } => (EntryKind::ChatClosed, None, by.side()),
            Self::ChatReopened { .. } => (EntryKind::ChatReopened, None, None),
            Self::DisputeStarted { .. } => (EntryKind::DisputeStarted, None, None),
            Self::DisputeEnded { .. } => (EntryKind::DisputeEnded, None, None),
            Self::ChatHidden { side, .. } => (EntryKind::ChatHidden, None, Some(*side)),
            Self::ChatShown { side, .. } => (EntryKind::ChatShown, None, Some(*side)),
            Self::ChatBlocked { .. } => (EntryKind::ChatBlocked, None, Some(Side::Buyer)),
            Self::ChatUnblocked { .. } => (EntryKind::ChatUnblocked, None, Some(Side::Buyer)),
            Self::AttachmentStored(_) => return Vec::new(),
            Self::WebhookAlarmed { account, webhook, alarm } => {
                return vec![(*account, Entry::of_webhook(*webhook, *alarm, at))];
            }
        };
        let Some(chat) = chat else { return Vec::new() };
        let entry = Entry { kind, chat: Some(chat.id), message, side, webhook: None, at };
        let concerns = |reader: Side| match kind {
            EntryKind::ChatHidden | EntryKind::ChatShown => side == Some(reader),
            EntryKind::ChatDelivered => side != Some(reader),
            EntryKind::ChatOpened
            | EntryKind::MessageCreated
            | EntryKind::MessageUpdated
            | EntryKind::ChatRead
            | EntryKind::ChatTurnChanged
            | EntryKind::ChatClosed
            | EntryKind::ChatReopened
            | EntryKind::DisputeStarted
            | EntryKind::DisputeEnded
            | EntryKind::ChatBlocked
            | EntryKind::ChatUnblocked
            | EntryKind::WebhookFailing
            | EntryKind::WebhookSwitchedOff => true,
        };
        [Side::Seller, Side::Buyer]
            .into_iter()
            .filter(|&reader| concerns(reader))
            .map(|reader| (chat.seat(reader).account, entry.clone()))
            .collect()
    }
}

impl Entry {
    fn of_webhook(webhook: WebhookId, alarm: WebhookAlarm, at: Timestamp) -> Self {
        let kind = match alarm {
            WebhookAlarm::Failing => EntryKind::WebhookFailing,
            WebhookAlarm::SwitchedOff => EntryKind::WebhookSwitchedOff,
        };
        Self { kind, chat: None, message: None, side: None, webhook: Some(webhook), at }
    }
}
