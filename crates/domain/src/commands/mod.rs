//! One file a command. Each says what it needs to have loaded, and decides, purely, what happens.

mod alarm;
mod attach_file;
mod block;
mod draft;
mod edit_message;
mod hide_chat;
mod mark_delivered;
mod mark_read;
mod open_chat;
mod post_as_marketplace;
mod post_message;
mod steer_chat;

pub use alarm::RaiseAlarm;
pub use attach_file::AttachFile;
pub use block::SetBlock;
pub use draft::{Attached, Draft, IdempotencyKey};
pub use edit_message::{EditMessage, Editor};
pub use hide_chat::HideChat;
pub use mark_delivered::MarkDelivered;
pub use mark_read::MarkRead;
pub use open_chat::{OpenChat, Subject};
pub use post_as_marketplace::{MarketplaceRole, PostAsMarketplace};
pub use post_message::PostMessage;
pub use steer_chat::{Dispute, SteerChat, Steering};

use crate::Timestamp;
use crate::attachment::Attachment;
use crate::chat::{Chat, ChatKey};
use crate::event::Event;
use crate::id::{AccountId, ChatId};
use crate::message::Message;
use crate::policy::Policy;
use crate::refusal::Denied;
use crate::world::{IdsWanted, Receipt, Touches, World};

/// Everything that can be asked of the chats.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin a chat, or find the one that exists.
    OpenChat(OpenChat),
    /// Write in a chat.
    PostMessage(PostMessage),
    /// Write in a chat as the marketplace.
    PostAsMarketplace(PostAsMarketplace),
    /// Replace the text of a message.
    EditMessage(EditMessage),
    /// Note what one side has read.
    MarkRead(MarkRead),
    /// Note what reached a client of one side.
    MarkDelivered(MarkDelivered),
    /// Put a chat out of one side's sight.
    HideChat(HideChat),
    /// Block the seller in a chat, or take that back.
    SetBlock(SetBlock),
    /// Close or reopen a chat, or pass the turn, for the marketplace.
    SteerChat(SteerChat),
    /// Start or end a dispute, for the marketplace.
    Dispute(Dispute),
    /// Store a file that is to be sent later.
    AttachFile(AttachFile),
    /// Tell an account that pushes to a webhook do not arrive.
    RaiseAlarm(RaiseAlarm),
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`OpenChat`] and [`Dispute`].
    Opened {
        /// The chat, as the command leaves it.
        chat: Box<Chat>,
        /// Whether it is new.
        created: bool,
        /// The first message, if one was to be written.
        message: Option<Box<Message>>,
        /// Whether that message was stored before, under the same idempotency key.
        replayed: bool,
    },
    /// To [`PostMessage`] and [`PostAsMarketplace`].
    Posted {
        /// The message, as it is stored.
        message: Box<Message>,
        /// The chat as the message left it.
        chat: Box<Chat>,
        /// Whether it was stored before, under the same idempotency key.
        replayed: bool,
    },
    /// To [`EditMessage`].
    Edited {
        /// The message, as it is now.
        message: Box<Message>,
        /// Its chat, which the edit leaves as it was.
        chat: Box<Chat>,
    },
    /// To [`MarkRead`].
    Read {
        /// How many messages of the chat this side still has not read.
        unread: i64,
    },
    /// To [`AttachFile`].
    Attached(Box<Attachment>),
    /// To the others.
    Done,
}

/// What a command comes to.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What happens, in order.
    pub(crate) events: Vec<Event>,
    /// What the caller hears.
    pub(crate) answer: Answer,
    /// The idempotency key that is used up.
    pub(crate) receipt: Option<((AccountId, String), Receipt)>,
}

impl Decision {
    fn new(events: Vec<Event>, answer: Answer) -> Self {
        Self { events, answer, receipt: None }
    }

    /// Nothing happens.
    fn nothing(answer: Answer) -> Self {
        Self::new(Vec::new(), answer)
    }
}

impl Command {
    /// What must be loaded for it.
    pub fn touches(&self) -> Touches {
        match self {
            Self::OpenChat(command) => command.touches(),
            Self::PostMessage(command) => command.touches(),
            Self::PostAsMarketplace(command) => command.touches(),
            Self::EditMessage(command) => command.touches(),
            Self::MarkRead(command) => command.touches(),
            Self::MarkDelivered(command) => command.touches(),
            Self::HideChat(command) => touches_chat(command.chat),
            Self::SetBlock(command) => touches_chat(command.chat),
            Self::SteerChat(command) => touches_chat(command.chat),
            Self::Dispute(command) => command.touches(),
            Self::AttachFile(_) | Self::RaiseAlarm(_) => Touches::default(),
        }
    }

    /// The chat it means, when it does not name the chat's id.
    pub fn key(&self, world: &World) -> Option<ChatKey> {
        match self {
            Self::OpenChat(command) => command.key(world),
            Self::Dispute(command) => command.key(world),
            Self::PostMessage(_)
            | Self::PostAsMarketplace(_)
            | Self::EditMessage(_)
            | Self::MarkRead(_)
            | Self::MarkDelivered(_)
            | Self::HideChat(_)
            | Self::SetBlock(_)
            | Self::SteerChat(_)
            | Self::AttachFile(_)
            | Self::RaiseAlarm(_) => None,
        }
    }

    /// The chat that it names.
    pub fn chat(&self) -> Option<ChatId> {
        match self {
            Self::PostMessage(command) => Some(command.chat),
            Self::PostAsMarketplace(command) => Some(command.chat),
            Self::EditMessage(command) => Some(command.chat),
            Self::MarkRead(command) => Some(command.chat),
            Self::MarkDelivered(command) => Some(command.chat),
            Self::HideChat(command) => Some(command.chat),
            Self::SetBlock(command) => Some(command.chat),
            Self::SteerChat(command) => Some(command.chat),
            Self::Dispute(command) => command.chat(),
            Self::OpenChat(_) | Self::AttachFile(_) | Self::RaiseAlarm(_) => None,
        }
    }

    /// The account that acts, and must sit in the chat that it names; none where the marketplace acts.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::OpenChat(command) => Some(command.actor.account),
            Self::PostMessage(command) => Some(command.actor.account),
            Self::EditMessage(command) => match &command.editor {
                Editor::Account(actor) => Some(actor.account),
                Editor::Marketplace => None,
            },
            Self::MarkRead(command) => Some(command.actor.account),
            Self::MarkDelivered(command) => Some(command.actor.account),
            Self::HideChat(command) => Some(command.actor.account),
            Self::SetBlock(command) => Some(command.actor.account),
            Self::AttachFile(command) => Some(command.owner),
            Self::PostAsMarketplace(_)
            | Self::SteerChat(_)
            | Self::Dispute(_)
            | Self::RaiseAlarm(_) => None,
        }
    }

    /// How many new ids it uses up at most.
    pub(crate) fn ids_wanted(&self) -> IdsWanted {
        match self {
            Self::OpenChat(command) => {
                let message = command.first_message.as_ref().map(Draft::ids_wanted);
                IdsWanted { chats: 1, ..message.unwrap_or_default() }
            }
            Self::PostMessage(command) => command.draft.ids_wanted(),
            Self::PostAsMarketplace(command) => command.draft.ids_wanted(),
            Self::Dispute(_) => IdsWanted { chats: 1, ..IdsWanted::default() },
            Self::AttachFile(_) => IdsWanted { attachments: 1, ..IdsWanted::default() },
            Self::EditMessage(_)
            | Self::MarkRead(_)
            | Self::MarkDelivered(_)
            | Self::HideChat(_)
            | Self::SetBlock(_)
            | Self::SteerChat(_)
            | Self::RaiseAlarm(_) => IdsWanted::default(),
        }
    }

    /// The account, besides those of its chat, whose things it uses up or in whose log it writes.
    pub fn claims_from(&self) -> Option<AccountId> {
        match self {
            Self::PostAsMarketplace(command) => {
                command.draft.uses_up_what_is_stored().then_some(AccountId::MARKETPLACE)
            }
            Self::RaiseAlarm(command) => Some(command.account),
            Self::OpenChat(_)
            | Self::PostMessage(_)
            | Self::EditMessage(_)
            | Self::MarkRead(_)
            | Self::MarkDelivered(_)
            | Self::HideChat(_)
            | Self::SetBlock(_)
            | Self::SteerChat(_)
            | Self::Dispute(_)
            | Self::AttachFile(_) => None,
        }
    }

    /// Decides what happens at `now` by the rules of `policy`.
    pub fn decide(
        &self,
        world: &World,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, Denied> {
        match self {
            Self::OpenChat(command) => command.decide(world, policy, now),
            Self::PostMessage(command) => command.decide(world, policy, now),
            Self::PostAsMarketplace(command) => command.decide(world, now),
            Self::EditMessage(command) => command.decide(world, policy, now),
            Self::MarkRead(command) => command.decide(world),
            Self::MarkDelivered(command) => command.decide(world),
            Self::HideChat(command) => command.decide(world),
            Self::SetBlock(command) => command.decide(world),
            Self::SteerChat(command) => command.decide(world),
            Self::Dispute(command) => command.decide(world, now),
            Self::AttachFile(command) => command.decide(world, policy, now),
            Self::RaiseAlarm(command) => Ok(command.decide()),
        }
    }
}

fn touches_chat(chat: ChatId) -> Touches {
    Touches { chats: [chat].into(), ..Touches::default() }
}
