//! A batch of commands that a store runs in one transaction: decide each in order, then write what has changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::Timestamp;
use crate::attachment::Attachment;
use crate::chat::{Chat, ChatKey, Side};
use crate::commands::{Answer, Command};
use crate::event::{Entry, Event};
use crate::id::{AccountId, ChatId};
use crate::message::Message;
use crate::policy::Policy;
use crate::refusal::Denied;
use crate::world::{IdsWanted, LastIds, Receipt, Touches, World};

/// Commands in the order in which they are decided.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The commands.
    pub submissions: Vec<Submission>,
    /// The time at which all of them are decided, to the millisecond.
    pub now: Timestamp,
}

/// A command, and the rules of the door through which it came.
#[derive(Clone, Debug)]
pub struct Submission {
    /// What to do.
    pub command: Command,
    /// By whose rules.
    pub policy: Arc<Policy>,
}

/// One answer for each command of a batch, in the same order.
pub type Answers = Vec<Result<Answer, Denied>>;

/// What a batch comes to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One answer for each command.
    pub answers: Answers,
    /// What the store has to write.
    pub changes: Changes,
}

/// Everything that a store has to write, all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Chats that are new or not what they were, by id.
    pub chats: BTreeMap<ChatId, ChatChange>,
    /// New messages, by rising id. Their attachments stand in [`Self::attachments`] too.
    pub messages: Vec<Message>,
    /// Messages whose text was replaced, in order; some may be new themselves.
    pub updated_messages: Vec<Message>,
    /// Attachments that are new, or belong to a message now.
    pub attachments: Vec<Attachment>,
    /// New entries of the accounts' logs, in order. The store numbers them without a gap.
    pub entries: Vec<(AccountId, Entry)>,
    /// Idempotency keys that were used.
    pub receipts: Vec<((AccountId, String), Receipt)>,
    /// The ids that were given out last.
    pub last_ids: LastIds,
}

/// A chat before and after.
#[derive(Clone, Debug)]
pub struct ChatChange {
    /// None for a new chat.
    pub before: Option<Chat>,
    /// What to store.
    pub after: Chat,
}

/// What a batch changes for one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange<'a> {
    /// New entries of the account's log, in order.
    pub entries: Vec<&'a Entry>,
    /// Over the chats in which the account sells.
    pub as_seller: UnreadChange,
    /// Over the chats in which the account buys.
    pub as_buyer: UnreadChange,
}

/// By how much an account's unread totals change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadChange {
    /// Over the chats that are in sight.
    pub shown: i64,
    /// Over the hidden chats.
    pub hidden: i64,
}

impl Batch {
    /// What must be loaded before [`Self::keys`] can be asked.
    pub fn touches(&self) -> Touches {
        let mut touches = Touches::default();
        for submission in &self.submissions {
            touches.merge(submission.command.touches());
        }
        touches
    }

    /// The chats that the commands mean without knowing their ids; `world` holds what [`Self::touches`] names.
    pub fn keys(&self, world: &World) -> Vec<ChatKey> {
        self.submissions.iter().filter_map(|submission| submission.command.key(world)).collect()
    }

    /// A batch for each of the commands.
    pub fn singly(&self) -> impl Iterator<Item = Self> {
        self.submissions
            .iter()
            .map(|submission| Self { submissions: vec![submission.clone()], now: self.now })
    }

    /// How many new ids of each kind the commands use up at most.
    pub fn ids_wanted(&self) -> IdsWanted {
        self.submissions.iter().map(|submission| submission.command.ids_wanted()).sum()
    }

    /// Decides every command in order over `world`. A refused command leaves no trace and disturbs no neighbour.
    pub fn run(&self, mut world: World) -> Outcome {
        let mut changes = Changes::default();
        let mut answers = Answers::with_capacity(self.submissions.len());
        for Submission { command, policy } in &self.submissions {
            let decision = command.decide(&world, policy, self.now);
            answers.push(decision.map(|decision| {
                for event in &decision.events {
                    changes.record(event, &mut world, self.now);
                }
                if let Some((key, receipt)) = decision.receipt {
                    world.receipts.insert(key.clone(), receipt.clone());
                    changes.receipts.push((key, receipt));
                }
                as_it_is_now(decision.answer, &world)
            }));
        }
        for change in changes.chats.values_mut() {
            if let Some(after) = world.chats.remove(&change.after.id) {
                change.after = after;
            }
        }
        changes.chats.retain(|_, change| change.before.as_ref() != Some(&change.after));
        changes.last_ids = world.last_ids;
        Outcome { answers, changes }
    }
}

/// A command decides over a chat as it was before its events.
fn as_it_is_now(mut answer: Answer, world: &World) -> Answer {
    if let Answer::Opened { chat, .. } | Answer::Posted { chat, .. } = &mut answer
        && let Some(now) = world.chats.get(&chat.id)
    {
        Chat::clone_from(chat, now);
    }
    answer
}

impl Changes {
    fn record(&mut self, event: &Event, world: &mut World, now: Timestamp) {
        if let Some(chat) = event.chat()
            && !self.chats.contains_key(&chat)
            && let Some(before) = world.chats.get(&chat)
        {
            self.chats
                .insert(chat, ChatChange { before: Some(before.clone()), after: before.clone() });
        }
        world.apply(event, now);
        if let Some(chat) = event.opened() {
            self.chats.insert(chat.id, ChatChange { before: None, after: chat.clone() });
        }
        self.messages.extend(event.message().cloned());
        self.updated_messages.extend(event.updated().cloned());
        self.attachments.extend_from_slice(event.attachments());
        let chat = event.chat().and_then(|id| world.chats.get(&id));
        self.entries.extend(event.entries(chat, now));
    }

    /// What changes for each account, by rising id, for the accounts with a change.
    pub fn accounts(&self) -> BTreeMap<AccountId, AccountChange<'_>> {
        let mut accounts: BTreeMap<AccountId, AccountChange<'_>> = BTreeMap::new();
        for (account, entry) in &self.entries {
            accounts.entry(*account).or_default().entries.push(entry);
        }
        for ((account, side), unread) in self.unread() {
            let change = accounts.entry(account).or_default();
            match side {
                Side::Seller => change.as_seller = unread,
                Side::Buyer => change.as_buyer = unread,
            }
        }
        accounts
    }

    /// By how much the unread totals of each account change on each side, for the accounts with a change.
    pub fn unread(&self) -> HashMap<(AccountId, Side), UnreadChange> {
        let mut totals: HashMap<(AccountId, Side), UnreadChange> = HashMap::new();
        for change in self.chats.values() {
            for side in [Side::Seller, Side::Buyer] {
                let mut add = |chat: &Chat, sign: i64| {
                    let seat = chat.seat(side);
                    let total = totals.entry((seat.account, side)).or_default();
                    let counter = if seat.hidden { &mut total.hidden } else { &mut total.shown };
                    *counter += sign * seat.marks.unread;
                };
                if let Some(before) = &change.before {
                    add(before, -1);
                }
                add(&change.after, 1);
            }
        }
        totals.retain(|_, change| *change != UnreadChange::default());
        totals
    }
}
