//! What can be done to chats. Every call answers when its outcome is durable and visible to every later read.

use domain::catalog::Fact;
use domain::chat::{Chat, Side};
use domain::commands::{
    Answer, Command, Dispute, Draft, EditMessage, Editor, HideChat, MarkRead, MarketplaceRole,
    OpenChat, PostAsMarketplace, PostMessage, SetBlock, SteerChat, Steering, Subject,
};
use domain::id::{AccountId, ChatId, MessageId, OrderId, ReturnId};
use domain::message::Message;
use domain::text::Text;

use crate::access::{Caller, Host};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::FactConflict;

/// A chat that was opened or found.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The chat as it is now.
    pub chat: Chat,
    /// Whether it is new.
    pub created: bool,
    /// The message that was written in it at once.
    pub message: Option<Message>,
    /// Whether the same request had made the message before.
    pub replayed: bool,
}

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// As it is stored.
    pub message: Message,
    /// The chat as the message left it.
    pub chat: Chat,
    /// Whether the same request had made it before.
    pub replayed: bool,
}

/// A message whose text was replaced, or said that already.
#[derive(Clone, Debug)]
pub struct Edited {
    /// As it is now.
    pub message: Message,
    /// Its chat, which the edit left as it was.
    pub chat: Chat,
}

impl Engine {
    /// Opens the chat about `subject`, or finds it, and writes `first_message` in it.
    pub async fn open_chat(
        &self,
        caller: &Caller,
        subject: Subject,
        first_message: Option<Draft>,
    ) -> Result<Opened, EngineError> {
        self.check_attachments(first_message.as_ref())?;
        self.require_subject_in_reach(caller, &subject).await?;
        let public_id = self.random().uuid();
        let command = OpenChat { actor: caller.actor.clone(), subject, public_id, first_message };
        self.opened(Command::OpenChat(command)).await
    }

    /// Writes in a chat.
    pub async fn post_message(
        &self,
        caller: &Caller,
        chat: ChatId,
        draft: Draft,
    ) -> Result<Posted, EngineError> {
        self.check_attachments(Some(&draft))?;
        self.require_reach(caller, chat).await?;
        let command = PostMessage { actor: caller.actor.clone(), chat, draft };
        self.posted(Command::PostMessage(command)).await
    }

    /// Replaces the text of a message that the caller's account wrote.
    pub async fn edit_message(
        &self,
        caller: &Caller,
        chat: ChatId,
        message: MessageId,
        text: Text,
    ) -> Result<Edited, EngineError> {
        self.require_reach(caller, chat).await?;
        let editor = Editor::Account(caller.actor.clone());
        self.edited(EditMessage { editor, chat, message, text }).await
    }

    /// Notes that the caller's side has read everything up to `up_to` (none: everything). Answers how many messages of
    /// the chat it still has not read.
    pub async fn mark_read(
        &self,
        caller: &Caller,
        chat: ChatId,
        up_to: Option<MessageId>,
    ) -> Result<i64, EngineError> {
        self.require_reach(caller, chat).await?;
        let command = MarkRead { actor: caller.actor.clone(), chat, up_to };
        let answer = self.run(Command::MarkRead(command)).await?;
        let Answer::Read { unread } = answer else { return Err(unexpected(&answer)) };
        Ok(unread)
    }

    /// Puts a chat out of the caller's sight, until the next message.
    pub async fn hide_chat(&self, caller: &Caller, chat: ChatId) -> Result<(), EngineError> {
        self.require_reach(caller, chat).await?;
        self.done(Command::HideChat(HideChat { actor: caller.actor.clone(), chat })).await
    }

    /// Blocks the seller in a chat, or takes that back, for the buyer.
    pub async fn set_block(
        &self,
        caller: &Caller,
        chat: ChatId,
        blocked: bool,
    ) -> Result<(), EngineError> {
        self.require_reach(caller, chat).await?;
        self.done(Command::SetBlock(SetBlock { actor: caller.actor.clone(), chat, blocked })).await
    }

    /// Writes in a chat as the marketplace. `asks` names the side that is to answer.
    pub async fn post_as_marketplace(
        &self,
        _host: Host,
        chat: ChatId,
        role: MarketplaceRole,
        draft: Draft,
        asks: Option<Side>,
    ) -> Result<Posted, EngineError> {
        self.posted(Command::PostAsMarketplace(PostAsMarketplace { chat, role, draft, asks })).await
    }

    /// Replaces the text of any message, as the marketplace.
    pub async fn edit_as_marketplace(
        &self,
        _host: Host,
        chat: ChatId,
        message: MessageId,
        text: Text,
    ) -> Result<Edited, EngineError> {
        self.edited(EditMessage { editor: Editor::Marketplace, chat, message, text }).await
    }

    /// Closes or reopens a chat, or passes the turn.
    pub async fn steer_chat(
        &self,
        _host: Host,
        chat: ChatId,
        steering: Steering,
    ) -> Result<(), EngineError> {
        self.done(Command::SteerChat(SteerChat { chat, steering })).await
    }

    /// Makes a chat a dispute.
    pub async fn start_dispute(&self, _host: Host, chat: ChatId) -> Result<Opened, EngineError> {
        self.opened(Command::Dispute(Dispute::StartInChat(chat))).await
    }

    /// Starts a dispute about an order. Its chat is made first, if there is none.
    pub async fn start_order_dispute(
        &self,
        _host: Host,
        order: OrderId,
    ) -> Result<Opened, EngineError> {
        let public_id = self.random().uuid();
        self.opened(Command::Dispute(Dispute::StartAboutOrder { order, public_id })).await
    }

    /// Starts a dispute about a return. Its chat is made first, if there is none.
    pub async fn start_return_dispute(
        &self,
        _host: Host,
        return_id: ReturnId,
    ) -> Result<Opened, EngineError> {
        let public_id = self.random().uuid();
        self.opened(Command::Dispute(Dispute::StartAboutReturn { return_id, public_id })).await
    }

    /// Ends a dispute.
    pub async fn end_dispute(&self, _host: Host, chat: ChatId) -> Result<(), EngineError> {
        self.done(Command::Dispute(Dispute::End(chat))).await
    }

    /// Stores facts, and says of each what was wrong with it, if anything.
    pub async fn put_facts(
        &self,
        _host: Host,
        facts: Vec<Fact>,
    ) -> Result<Vec<Result<(), FactConflict>>, EngineError> {
        let put_out_of_use = accounts_put_out_of_use(&facts);
        let stored = self.store().put_facts(facts).await?;
        for account in put_out_of_use {
            self.tell_credentials_changed(account);
        }
        Ok(stored)
    }

    /// Refuses too many attachments before the command is queued: the store looks up each that it names, while everybody
    /// else waits.
    fn check_attachments(&self, draft: Option<&Draft>) -> Result<(), EngineError> {
        let attachments = draft.map_or(0, |draft| draft.attachments.len());
        Ok(self.policy().files.check_count(attachments)?)
    }

    async fn opened(&self, command: Command) -> Result<Opened, EngineError> {
        let answer = self.run(command).await?;
        let Answer::Opened { chat, created, message, replayed } = answer else {
            return Err(unexpected(&answer));
        };
        Ok(Opened { chat: *chat, created, message: message.map(|message| *message), replayed })
    }

    async fn posted(&self, command: Command) -> Result<Posted, EngineError> {
        let answer = self.run(command).await?;
        let Answer::Posted { message, chat, replayed } = answer else {
            return Err(unexpected(&answer));
        };
        Ok(Posted { message: *message, chat: *chat, replayed })
    }

    async fn edited(&self, command: EditMessage) -> Result<Edited, EngineError> {
        let answer = self.run(Command::EditMessage(command)).await?;
        let Answer::Edited { message, chat } = answer else { return Err(unexpected(&answer)) };
        Ok(Edited { message: *message, chat: *chat })
    }

    async fn done(&self, command: Command) -> Result<(), EngineError> {
        let answer = self.run(command).await?;
        if answer == Answer::Done { Ok(()) } else { Err(unexpected(&answer)) }
    }
}

fn accounts_put_out_of_use(facts: &[Fact]) -> Vec<AccountId> {
    let mut accounts = Vec::new();
    for fact in facts {
        if let Fact::Account(account, _) = fact
            && !account.is_active
        {
            accounts.push(account.id);
        }
    }
    accounts
}

/// A store that mixes up its answers is broken.
pub(crate) fn unexpected(answer: &Answer) -> EngineError {
    tracing::error!(?answer, "the store answered another command");
    EngineError::Internal
}
