//! What a database must do for Torg.
//!
//! There is one way to change chats, [`Store::commit`], and it takes commands that the domain decides: no change can go
//! unheard. A store loads what a batch touches, lets [`Batch::run`] decide, and writes the outcome in one transaction.
//! To add a store, implement this trait and add it to the conformance suite (`crates/store/tests/conformance`).

mod questions;
mod webhooks;

use std::net::IpAddr;

use async_trait::async_trait;
use domain::Timestamp;
use domain::account::{Account, Member};
use domain::attachment::Attachment;
use domain::batch::{Batch, Outcome};
use domain::catalog::{Fact, OrderFacts, Product, Return, Shop};
use domain::chat::Chat;
use domain::commands::Answer;
use domain::id::{
    AccountId, AttachmentId, ChatId, MemberId, MessageId, OrderId, ProductId, ReturnId, ShopId,
};
use domain::message::Message;
use domain::refusal::Denied;
use uuid::Uuid;

pub use questions::{
    ActivityPosition, ActivityQuery, AgeQuery, Grown, Growth, LogEntry, LogPage, MessageQuery,
    MessageRange, Pulse, Said, SearchQuery, UnreadTotals,
};
pub use webhooks::{
    Delivery, DeliveryOutcome, LeasedWebhook, NotStored, ProgressChange, ResumeFrom, UrlUse,
    WaitingPush, Webhook, WebhookHealth, WebhookProgress, WebhookState, WebhookStore,
};

/// Where everything is kept. Lookups by several ids answer in no particular order and leave out what does not exist.
#[async_trait]
pub trait Store: WebhookStore + Send + Sync + 'static {
    /// Runs `batch` in one transaction and answers each command, in the same order. When it returns, everything is
    /// durable and visible to every later read. A command that the database cannot store fails alone: the others are
    /// then run one by one.
    async fn commit(&self, batch: Batch) -> Committed;

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

    /// The id of the chat with this UUID, for who needs nothing else of it.
    async fn chat_id_by_public_id(&self, id: Uuid) -> Result<Option<ChatId>, StoreError>;

    /// Chats of one account, the one with the newest message first.
    async fn chats_by_activity(&self, query: &ActivityQuery) -> Result<Vec<Chat>, StoreError>;

    /// Chats in which one account sells, the oldest first.
    async fn chats_by_age(&self, query: &AgeQuery) -> Result<Vec<Chat>, StoreError>;

    /// A stretch of one chat's history, with attachments.
    async fn messages(&self, query: &MessageQuery) -> Result<Vec<Message>, StoreError>;

    /// Single messages, with attachments.
    async fn messages_by_id(&self, ids: &[(ChatId, MessageId)])
    -> Result<Vec<Message>, StoreError>;

    /// Single messages, with attachments, each with its chat.
    async fn messages_in_chats(
        &self,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<(Chat, Message)>, StoreError>;

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

    /// One pulse for each of `accounts`, which are distinct, also for those of which nothing is known. The database is asked
    /// even where there are none: so it is found out whether it answers.
    async fn pulses(&self, accounts: &[AccountId]) -> Result<Vec<Pulse>, StoreError>;

    /// Forgets the entries of some accounts' logs that were made before `before`: those of the next accounts behind
    /// `after`. Answers behind which account to go on; none when it has looked at all.
    async fn forget_log(
        &self,
        before: Timestamp,
        after: Option<AccountId>,
    ) -> Result<Option<AccountId>, StoreError>;

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

    /// The key whose secret has this SHA-256, also when it is revoked or expired, and its account, unless it is the
    /// marketplace's or of an account of which only the id is known.
    async fn key_by_hash(
        &self,
        secret_hash: &[u8; 32],
    ) -> Result<Option<(ApiKey, Option<Account>)>, StoreError>;

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

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// One answer for each command, in the same order.
    pub answers: Vec<Result<Answer, CommandError>>,
    /// The logs that have grown; their readers are to be woken.
    pub grown: Grown,
}

impl Committed {
    /// A batch was carried out with this `outcome`, by which the `logs` have grown.
    pub fn decided(outcome: Outcome, logs: Vec<Growth>) -> Self {
        let grown = Grown::by(logs, &outcome.changes);
        let answers = outcome.answers.into_iter();
        Self {
            answers: answers.map(|answer| answer.map_err(CommandError::Denied)).collect(),
            grown,
        }
    }

    /// Adds what became of the commands behind these.
    pub fn add(&mut self, next: Self) {
        self.answers.extend(next.answers);
        self.grown.add(next.grown);
    }

    /// None of `commands` commands was carried out.
    pub fn failed(commands: usize, failure: &StoreError) -> Self {
        Self {
            answers: vec![Err(CommandError::Store(failure.clone())); commands],
            grown: Grown::default(),
        }
    }
}

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
