//! What a database must do for Torg.
//!
//! There is one way to change chats, [`Store::commit`], and it takes commands that the domain decides: no change can go
//! unheard. A store loads what a batch touches, lets [`Batch::run`] decide, and writes the outcome in one transaction.
//! To add a store, implement this trait and add it to the conformance suite (`crates/store/tests/conformance`).

use std::net::IpAddr;

use async_trait::async_trait;
use domain::Timestamp;
use domain::account::{Account, Member};
use domain::attachment::Attachment;
use domain::batch::Batch;
use domain::catalog::{Fact, OrderFacts, Product, Return, Shop};
use domain::chat::{Chat, Context, ContextKind, Phase, Side};
use domain::commands::Answer;
use domain::event::Entry;
use domain::id::{
    AccountId, AttachmentId, ChatId, MemberId, MessageId, OrderId, ProductId, ReturnId, ShopId,
};
use domain::message::Message;
use domain::refusal::Denied;
use uuid::Uuid;

/// Where everything is kept. Lookups by several ids answer in no particular order and leave out what does not exist.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs `batch` in one transaction and answers each command, in the same order. When it returns, everything is
    /// durable and visible to every later read. A command that the database cannot store fails alone: the others are
    /// then run one by one.
    async fn commit(&self, batch: Batch) -> Vec<Result<Answer, CommandError>>;

    /// Stores facts in one transaction, newer over older, and says of each what was wrong with it, if anything.
    async fn put_facts(
        &self,
        facts: Vec<Fact>,
    ) -> Result<Vec<Result<(), FactConflict>>, StoreError>;

    /// Stores an account for somebody who signs up at Torg, under a new id of at least
    /// [`FIRST_OWN_ACCOUNT`]; the id in `account` is ignored.
    async fn create_account(
        &self,
        account: Account,
        password_hash: String,
    ) -> Result<Result<Account, FactConflict>, StoreError>;

    /// Stores `after` where `before` stands; the password stays. False when something else stands there by now, and
    /// then nothing is stored.
    async fn replace_account(
        &self,
        before: Account,
        after: Account,
    ) -> Result<Result<bool, FactConflict>, StoreError>;

    /// One chat.
    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError>;

    /// Chats by id.
    async fn chats(&self, ids: &[ChatId]) -> Result<Vec<Chat>, StoreError>;

    /// One chat by its UUID.
    async fn chat_by_public_id(&self, id: Uuid) -> Result<Option<Chat>, StoreError>;

    /// Chats of one account, the one with the newest message first.
    async fn chats_by_activity(&self, query: &ActivityQuery) -> Result<Vec<Chat>, StoreError>;

    /// Chats in which one account sells, the oldest first.
    async fn chats_by_age(&self, query: &AgeQuery) -> Result<Vec<Chat>, StoreError>;

    /// A stretch of one chat's history, with attachments.
    async fn messages(&self, query: &MessageQuery) -> Result<Vec<Message>, StoreError>;

    /// Single messages, with attachments.
    async fn messages_by_id(&self, ids: &[(ChatId, MessageId)])
    -> Result<Vec<Message>, StoreError>;

    /// Messages whose text contains a needle, newest first.
    async fn search(&self, query: &SearchQuery) -> Result<Vec<Message>, StoreError>;

    /// How much `account` has not read.
    async fn unread(&self, account: AccountId) -> Result<UnreadTotals, StoreError>;

    /// Entries of the log of `account` with a sequence above `after`, rising, at most `limit`.
    async fn log(
        &self,
        account: AccountId,
        after: i64,
        limit: usize,
    ) -> Result<LogPage, StoreError>;

    /// One attachment.
    async fn attachment(&self, id: AttachmentId) -> Result<Option<Attachment>, StoreError>;

    /// One attachment and the chat of its message, if it belongs to one. In one round trip, so that a stranger cannot
    /// tell a file of somebody else's chat from none by the time that the answer takes.
    async fn attachment_in_chat(
        &self,
        id: AttachmentId,
    ) -> Result<Option<(Attachment, Option<Chat>)>, StoreError>;

    /// Accounts by id.
    async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError>;

    /// The account that signs in with `email` (compared in lower case), and its password's hash.
    async fn account_by_email(
        &self,
        email: &str,
    ) -> Result<Option<(Account, Option<String>)>, StoreError>;

    /// Replaces a password's hash.
    async fn put_password(
        &self,
        account: AccountId,
        password_hash: String,
    ) -> Result<(), StoreError>;

    /// The hash of a password, for somebody who is signed in.
    async fn password(&self, account: AccountId) -> Result<Option<String>, StoreError>;

    /// One member.
    async fn member(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// Shops by id.
    async fn shops(&self, ids: &[ShopId]) -> Result<Vec<Shop>, StoreError>;

    /// Shops of an account with an id above `after`, by rising id, at most `limit`.
    async fn shops_of(
        &self,
        seller: AccountId,
        after: Option<ShopId>,
        limit: usize,
    ) -> Result<Vec<Shop>, StoreError>;

    /// Products by id.
    async fn products(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError>;

    /// Orders by id.
    async fn orders(&self, ids: &[OrderId]) -> Result<Vec<OrderFacts>, StoreError>;

    /// The order of a posting.
    async fn order_by_posting(&self, number: &str) -> Result<Option<OrderFacts>, StoreError>;

    /// Returns by id.
    async fn returns(&self, ids: &[ReturnId]) -> Result<Vec<Return>, StoreError>;

    /// Stores a new key, or replaces the one with the same id. A secret belongs to one key only.
    async fn put_key(&self, key: &ApiKey) -> Result<Result<(), KeyConflict>, StoreError>;

    /// The key whose secret has this SHA-256, also when it is revoked or expired.
    async fn key_by_hash(&self, secret_hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError>;

    /// The keys of an account, or of the marketplace itself, by age.
    async fn keys_of(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, StoreError>;

    /// Stores a new session, or replaces the one with the same id. Forgets the account's sessions that are over when
    /// this one begins.
    async fn put_session(&self, session: &Session) -> Result<(), StoreError>;

    /// Notes the last use of a session, and until when it lives now. False when it was ended in the meantime: it stays
    /// ended.
    async fn renew_session(&self, session: &Session) -> Result<bool, StoreError>;

    /// The session whose cookie has this SHA-256.
    async fn session_by_hash(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError>;

    /// The sessions of an account, most recently used first.
    async fn sessions_of(&self, account: AccountId) -> Result<Vec<Session>, StoreError>;

    /// Ends a session of `account`. False when there is none.
    async fn delete_session(&self, account: AccountId, id: &str) -> Result<bool, StoreError>;

    /// Ends all sessions of `account` but the one called `kept`.
    async fn delete_other_sessions(&self, account: AccountId, kept: &str)
    -> Result<(), StoreError>;

    /// A secret of this installation, made from `fresh` when it is asked for the first time. All replicas get the same.
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Waits until everything handed over is finished, then closes the database.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Accounts that sign up at Torg get ids from here on, so that they do not meet those that the marketplace chooses.
pub const FIRST_OWN_ACCOUNT: i64 = 4_000_000_000_000;

/// Why a command was not carried out. Nothing of it was written, except as [`StoreError::OutcomeUnknown`] says.
#[derive(Clone, Debug)]
pub enum CommandError {
    /// The domain said no.
    Denied(Denied),
    /// The database did.
    Store(StoreError),
}

/// The database did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not there, or too busy. Nothing was written; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection broke while a transaction was being committed: it may or may not have been.
    #[error("it is not known whether the database has committed: {0}")]
    OutcomeUnknown(String),
    /// Something that should not happen. Nothing was written.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// Why a fact was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactConflict {
    /// Another account signs in with this address.
    #[error("another account has this e-mail address")]
    EmailTaken,
}

/// Why a key was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyConflict {
    /// Another key has this secret.
    #[error("another key has this secret")]
    SecretTaken,
    /// The person it is for does not work for its account.
    #[error("the account has no such member")]
    NoSuchMember,
}

/// A list of chats by newest message. Chats without a message come after all others, the newest of them first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityQuery {
    /// Whose chats.
    pub account: AccountId,
    /// Only those in which the account sits on this side; none for both.
    pub side: Option<Side>,
    /// Only chats that are over, or only chats that are not; none for both.
    pub over: Option<bool>,
    /// Only chats with messages that the account has not read.
    pub unread_only: bool,
    /// Whether chats that the account has hidden are left out.
    pub skip_hidden: bool,
    /// Only chats after this one.
    pub after: Option<ActivityPosition>,
    /// At most so many.
    pub limit: usize,
}

/// Where a chat stands in a list by activity: newest message, then newest chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActivityPosition {
    /// The newest message's id, 0 without one.
    pub last_message: i64,
    /// The chat's id.
    pub chat: i64,
}

impl ActivityPosition {
    /// Where `chat` stands.
    pub fn of(chat: &Chat) -> Self {
        Self {
            last_message: chat.last_message.map_or(0, |last| last.id.get()),
            chat: chat.id.get(),
        }
    }

    /// As the payload of a cursor.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.last_message.to_be_bytes());
        bytes[8..].copy_from_slice(&self.chat.to_be_bytes());
        bytes
    }

    /// Back from the payload of a cursor; none for what [`Self::to_bytes`] does not make.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (last_message, chat) = bytes.split_first_chunk()?;
        Some(Self {
            last_message: i64::from_be_bytes(*last_message),
            chat: i64::from_be_bytes(chat.try_into().ok()?),
        })
    }
}

/// A list of a seller's chats by rising id. Values of one filter are alternatives; different filters all apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgeQuery {
    /// Who sells.
    pub seller: AccountId,
    /// Only about one of these things.
    pub contexts: Option<Vec<Context>>,
    /// Only about things of one of these kinds.
    pub context_kinds: Option<Vec<ContextKind>>,
    /// Only chats that are or were disputes, or only chats that never were.
    pub dispute: Option<bool>,
    /// Only chats in one of these phases.
    pub phases: Option<Vec<Phase>>,
    /// Only chats about orders and returns of these shops, and chats about neither.
    pub shops: Option<Vec<ShopId>>,
    /// Only chats with a larger id.
    pub after: Option<ChatId>,
    /// At most so many.
    pub limit: usize,
}

/// A stretch of a chat's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageQuery {
    /// Which chat.
    pub chat: ChatId,
    /// From where, and which way.
    pub range: MessageRange,
    /// At most so many.
    pub limit: usize,
}

/// A direction in a history, and where it begins; both bounds are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRange {
    /// Old to new, from this id on.
    Forward(Option<MessageId>),
    /// New to old, from this id down.
    Backward(Option<MessageId>),
}

/// A search for text anywhere in messages. Upper and lower case are the same, in every alphabet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    /// Only in chats of this account.
    pub account: AccountId,
    /// Only in this chat, which may be hidden; without it, in all chats that the account has not hidden.
    pub chat: Option<ChatId>,
    /// What the text must contain: at least two code points, every one of which stands for itself.
    pub needle: String,
    /// Only messages older than this.
    pub before: Option<MessageId>,
    /// At most so many.
    pub limit: usize,
}

/// How many messages of others an account has not read, by the side on which it sits and by whether the chat is in
/// sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadTotals {
    /// Where it sells.
    pub as_seller: i64,
    /// Where it sells, in chats that it has hidden.
    pub as_seller_hidden: i64,
    /// Where it buys.
    pub as_buyer: i64,
    /// Where it buys, in chats that it has hidden.
    pub as_buyer_hidden: i64,
}

/// An entry of an account's log, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// 1 for the account's first entry; rises by 1 with each.
    pub sequence: i64,
    /// What happened.
    pub entry: Entry,
}

/// A stretch of an account's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// Rising, without a gap.
    pub entries: Vec<LogEntry>,
    /// The newest sequence of the log; 0 while it is empty.
    pub newest: i64,
}

/// A key for programs. Only the hash of its secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Public name of the key.
    pub id: Uuid,
    /// Whose key; none for a key of the marketplace's own backend.
    pub account: Option<AccountId>,
    /// The person it was made for.
    pub member: Option<MemberId>,
    /// For people.
    pub name: String,
    /// The face of the server that accepts it, for instance `native`.
    pub audience: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Whether it may read chats.
    pub can_read: bool,
    /// Whether it may write in chats.
    pub can_write: bool,
    /// Only chats about orders of these shops, and chats about no order; none for all.
    pub shops: Option<Vec<ShopId>>,
    /// Only callers at these addresses; empty for all.
    pub allowed_addresses: Vec<IpAddr>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops to work by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A person's signed-in browser. Only the hash of its cookie is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Public name of the session.
    pub id: String,
    /// Who is signed in.
    pub account: AccountId,
    /// SHA-256 of the cookie's value.
    pub token_hash: [u8; 32],
    /// Address of the last request.
    pub ip_address: String,
    /// `User-Agent` of the last request.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_activity: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}
