//! A store of the simplest kind: maps.

use std::collections::{HashMap, HashSet};

use domain::Timestamp;
use domain::account::Attributes;
use domain::attachment::Attachment;
use domain::batch::{Batch, Outcome, UnreadChange};
use domain::catalog::{Model, Order, OrderFacts, Posting, Product, Return};
use domain::chat::{Chat, Side};
use domain::event::{Entry, EntryKind};
use domain::id::{AccountId, AttachmentId, ChatId, MessageId, OrderId, ProductId, ReturnId};
use domain::message::{Message, Role};
use domain::world::{Landmark, LastIds, Receipt, World};

use crate::plan;

#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) chats: HashMap<ChatId, Chat>,
    pub(crate) messages: Vec<Message>,
    pub(crate) orders: HashMap<OrderId, OrderFacts>,
    pub(crate) attachments: HashMap<AttachmentId, Attachment>,
    pub(crate) unread: HashMap<(AccountId, Side), UnreadChange>,
    products: HashMap<ProductId, Product>,
    returns: HashMap<ReturnId, Return>,
    receipts: HashMap<(AccountId, String), Receipt>,
    logs: HashMap<AccountId, Vec<Entry>>,
    pub(crate) last_ids: LastIds,
}

impl Memory {
    /// Orders 1 to 6, one of each model, each paid at the story's beginning; order 2 was delivered then too. Each order
    /// has a return of the same number. Products 1 (seller 1) and 2 (not on sale).
    pub(crate) fn with_facts() -> Self {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut memory = Self::default();
        for (index, model) in (1..).zip(Model::ALL) {
            let id = OrderId::new(index).unwrap();
            let order = Order {
                id,
                seller: plan::account(1),
                buyer: plan::account(3),
                shop: None,
                number: None,
                created_at: start,
                items: Vec::new(),
            };
            let posting = Posting {
                number: format!("{index}-1"),
                order: id,
                paid_at: Some(start),
                delivered_at: (index == 2).then_some(start),
                cancelled_at: None,
            };
            memory.orders.insert(id, OrderFacts { order, model, postings: vec![posting] });
            let return_id = ReturnId::new(index).unwrap();
            memory
                .returns
                .insert(return_id, Return { id: return_id, order: id, created_at: start });
        }
        for id in [1, 2] {
            let id = ProductId::new(id).unwrap();
            let product = Product {
                id,
                seller: plan::account(1),
                sku: None,
                title: String::new(),
                price: 1,
                published_at: (id.get() == 1).then_some(start),
                attributes: Attributes::default(),
            };
            memory.products.insert(id, product);
        }
        memory
    }

    pub(crate) fn commit(&mut self, batch: &Batch) -> Outcome {
        let outcome = batch.run(self.load(batch));
        let changes = &outcome.changes;
        for ((account, side), change) in changes.unread() {
            let totals = self.unread.entry((account, side)).or_default();
            totals.shown += change.shown;
            totals.hidden += change.hidden;
        }
        for (id, change) in &changes.chats {
            assert_eq!(self.chats.insert(*id, change.after.clone()), change.before);
        }
        self.messages.extend(changes.messages.iter().cloned());
        for updated in &changes.updated_messages {
            let message = self.messages.iter_mut().find(|message| message.id == updated.id);
            message.unwrap().clone_from(updated);
        }
        self.attachments.extend(
            changes.attachments.iter().map(|attachment| (attachment.id, attachment.clone())),
        );
        self.receipts.extend(changes.receipts.iter().cloned());
        self.refresh_receipts();
        for (account, entry) in &changes.entries {
            self.logs.entry(*account).or_default().push(entry.clone());
        }
        self.last_ids = changes.last_ids;
        outcome
    }

    /// A receipt holds its message as it is now: a store keeps the id and looks the message up.
    fn refresh_receipts(&mut self) {
        for receipt in self.receipts.values_mut() {
            let id = receipt.message.id;
            let message = self.messages.iter().find(|message| message.id == id);
            receipt.message.clone_from(message.unwrap());
        }
    }

    /// Loads what the batch asks for and nothing else, so that a command which asks for too little is found out.
    fn load(&self, batch: &Batch) -> World {
        let touches = batch.touches();
        let mut world = World::default();
        world.last_ids = self.last_ids;
        world.products = pick(&self.products, &touches.products);
        world.returns = pick(&self.returns, &touches.returns);
        world.attachments = pick(&self.attachments, &touches.attachments);
        world.receipts = pick(&self.receipts, &touches.idempotency_keys);
        world.messages = self
            .messages
            .iter()
            .map(|message| ((message.chat, message.id), message.clone()))
            .filter(|(key, _)| touches.messages.contains(key))
            .collect();
        world.accounts =
            touches.accounts.iter().copied().filter(|&id| id != plan::account(5)).collect();
        world.postings = touches
            .postings
            .iter()
            .filter_map(|number| {
                let facts =
                    self.orders.values().find(|facts| facts.postings[0].number == *number)?;
                Some((number.clone(), facts.order.id))
            })
            .collect();
        let mut orders = touches.orders.clone();
        orders.extend(world.postings.values());
        orders.extend(world.returns.values().map(|found| found.order));
        world.orders = pick(&self.orders, &orders);

        let mut chats = pick(&self.chats, &touches.chats);
        let keys: HashSet<_> = batch.keys(&world).into_iter().collect();
        let by_key = self.chats.values().filter(|chat| keys.contains(&chat.key()));
        chats.extend(by_key.map(|chat| (chat.id, chat.clone())));
        let orders: HashSet<_> = chats.values().filter_map(|chat| chat.order).collect();
        world.orders.extend(pick(&self.orders, &orders));
        world.chats_by_key = chats.values().map(|chat| (chat.key(), chat.id)).collect();
        world.chats = chats;
        world.landmarks = touches
            .positions
            .iter()
            .map(|&(chat, at)| ((chat, at), self.landmark(chat, at)))
            .collect();
        world
    }

    fn landmark(&self, chat: ChatId, at: MessageId) -> Landmark {
        let messages = || self.messages.iter().filter(move |message| message.chat == chat);
        let before = messages().rfind(|message| message.id <= at);
        let next = |role| {
            messages()
                .find(|message| at < message.id && message.author.role != role)
                .map(|message| message.id)
        };
        Landmark {
            at_or_before: before.map(|message| message.id),
            received_by_seller: before.map_or(0, |message| message.received_by_seller),
            received_by_buyer: before.map_or(0, |message| message.received_by_buyer),
            next_for_seller: next(Role::Seller),
            next_for_buyer: next(Role::Buyer),
        }
    }

    pub(crate) fn messages_in_log(&self, account: AccountId) -> usize {
        let log = self.logs.get(&account).map_or(&[][..], Vec::as_slice);
        log.iter().filter(|entry| entry.kind == EntryKind::MessageCreated).count()
    }

    /// How many edits the log of `account` tells of.
    pub(crate) fn edits_in_log(&self, account: AccountId) -> usize {
        let log = self.logs.get(&account).map_or(&[][..], Vec::as_slice);
        log.iter().filter(|entry| entry.kind == EntryKind::MessageUpdated).count()
    }

    pub(crate) fn messages_in_chats(&self, account: AccountId) -> usize {
        self.messages
            .iter()
            .filter(|message| self.chats[&message.chat].side_of(account).is_some())
            .count()
    }
}

fn pick<K: Clone + Eq + std::hash::Hash, V: Clone>(
    all: &HashMap<K, V>,
    wanted: &HashSet<K>,
) -> HashMap<K, V> {
    wanted.iter().filter_map(|key| Some((key.clone(), all.get(key)?.clone()))).collect()
}
