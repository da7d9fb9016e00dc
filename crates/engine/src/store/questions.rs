//! What a store is asked, and what it answers where that is more than rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::batch::Changes;
use domain::chat::{Chat, Context, ContextKind, Phase, Side};
use domain::event::Entry;
use domain::id::{AccountId, ChatId, MessageId, ShopId};
use domain::message::Message;

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
    /// The oldest sequence that is still kept; one more than the newest when none is.
    pub oldest: i64,
    /// The newest sequence of the log; 0 while it is empty.
    pub newest: i64,
}

impl LogPage {
    /// Whether a reader that has seen everything up to `after` can no longer go on there: what comes next is forgotten.
    pub fn is_cut_off(&self, after: i64) -> bool {
        after + 1 < self.oldest
    }
}

/// By what a log has grown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Whose log.
    pub account: AccountId,
    /// The new entries, rising and without a gap: at least one.
    pub entries: Vec<LogEntry>,
}

impl Growth {
    /// The `entries` of `account` in their places behind `newest`, where the log ended; none where there are none.
    pub fn behind(newest: i64, account: AccountId, entries: &[&Entry]) -> Option<Self> {
        let logged = (newest + 1..).zip(entries);
        let entries: Vec<_> =
            logged.map(|(sequence, &entry)| LogEntry { sequence, entry: entry.clone() }).collect();
        (!entries.is_empty()).then_some(Self { account, entries })
    }

    /// Where the log ends now.
    pub fn newest(&self) -> i64 {
        self.entries.last().map_or(0, |last| last.sequence)
    }
}

/// A message and its chat, as a commit has left them.
pub type Said = Arc<(Chat, Message)>;

/// What a commit has added to logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// By what each log has grown.
    pub logs: Vec<Growth>,
    /// Messages that the new entries show, by rising id: whoever is told of an entry need not look up its message. Long
    /// ones, and those with files, are not among them.
    pub said: Vec<Said>,
}

/// A text of more bytes is not told with its entry: what is told is kept for readers who may not come.
const SAID_BYTES_MAX: usize = 1_024;

impl Grown {
    /// The `logs` have grown by a commit of `changes`.
    pub(crate) fn by(logs: Vec<Growth>, changes: &Changes) -> Self {
        // Of a message that was edited at once, the last text.
        let messages: BTreeMap<_, _> = changes
            .messages
            .iter()
            .chain(&changes.updated_messages)
            .map(|message| (message.id, message))
            .collect();
        let said = messages.into_values().filter_map(|message| {
            let chat = &changes.chats.get(&message.chat)?.after;
            let text_bytes = message.text.as_ref().map_or(0, String::len);
            let is_light = message.attachments.is_empty() && text_bytes <= SAID_BYTES_MAX;
            is_light.then(|| Said::new((chat.clone(), message.clone())))
        });
        Self { logs, said: said.collect() }
    }

    /// What was said in `entry`, if that was told.
    pub fn said_in(&self, entry: &Entry) -> Option<&Said> {
        let message = entry.message.filter(|_| entry.kind.shows_message())?;
        let place = self.said.binary_search_by_key(&message, |said| said.1.id).ok()?;
        Some(&self.said[place])
    }

    /// Adds what another commit has added to logs.
    pub fn add(&mut self, next: Self) {
        self.logs.extend(next.logs);
        self.said.extend(next.said);
    }
}

/// What of an account moves when its readers have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Whose.
    pub account: AccountId,
    /// The newest sequence of its log; 0 while it is empty.
    pub newest: i64,
    /// How often its credentials were changed; 0 before the first time. It moves in the transaction that ends or changes
    /// a key or a session of the account, or puts the account out of use or back.
    pub credentials: i64,
}
