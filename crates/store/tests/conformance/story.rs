//! Random stories: whatever people do in chats, in any order.

use std::sync::Arc;

use domain::catalog::{Fact, Model, Return};
use domain::chat::{Context, Side, Turn};
use domain::commands::{
    Answer, Command, Dispute, Draft, EditMessage, Editor, HideChat, MarkDelivered, MarkRead,
    MarketplaceRole, PostAsMarketplace, SetBlock, SteerChat, Steering, Subject,
};
use domain::id::{AccountId, ChatId, MessageId, ProductId, ReturnId};
use domain::message::Message;
use engine::store::Store;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::setup::{
    account, actor, at, batch, draft, open_about, order, order_id, people, post, product, put,
    seller, shop,
};

/// What has come of a tale.
pub(crate) struct Story {
    /// The chats, by rising id.
    pub(crate) chats: Vec<ChatId>,
    /// The messages, by rising id.
    pub(crate) messages: Vec<Message>,
    random: StdRng,
    second: i64,
}

/// The buyers of the tale. The seller of most chats buys in some, too.
const BUYERS: [i64; 4] = [2, 3, 4, 5];
const ORDERS: std::ops::RangeInclusive<i64> = 100..=111;
const WORDS: [&str; 8] =
    ["фара", "Фары", "масло 5W-40", "100%", "a_b", "торг уместен?", "ДА", "ещё"];

impl Story {
    /// The beginning: people, shops, products, orders and returns, and no chat.
    pub(crate) async fn begin(store: &dyn Store, seed: u64) -> Self {
        people(store).await;
        let mut facts = Vec::new();
        for id in [4, 5] {
            let facts_of_account = crate::setup::account_facts(account(id));
            facts.push(Fact::Account(Box::new(facts_of_account), None));
        }
        facts.push(Fact::Shop(shop(1, seller(), Model::Fbs)));
        facts.push(Fact::Shop(shop(2, seller(), Model::Dbs)));
        for id in 1..=3 {
            facts.push(Fact::Product(Box::new(product(id, seller()))));
        }
        // The seller of the others buys here.
        facts.push(Fact::Product(Box::new(product(4, account(2)))));
        for id in ORDERS {
            let turn = usize::try_from(id).unwrap();
            let buyer = account(BUYERS[turn % BUYERS.len()]);
            let order = order(id, seller(), buyer, [None, Some(1), Some(2)][turn % 3]);
            let returned =
                Return { id: ReturnId::new(id).unwrap(), order: order.id, created_at: at(-1) };
            facts.push(Fact::Order(Box::new(order)));
            facts.push(Fact::Return(returned));
        }
        put(store, facts).await;
        let random = StdRng::seed_from_u64(seed);
        Self { chats: Vec::new(), messages: Vec::new(), random, second: 0 }
    }

    /// Lets `steps` more things happen, in batches of up to five.
    pub(crate) async fn go_on(&mut self, store: &dyn Store, steps: usize) {
        let mut left = steps;
        while 0 < left {
            let count = self.random.random_range(1..=left.min(5));
            let commands: Vec<Command> = (0..count).map(|_| self.next()).collect();
            self.second += 1;
            for answer in store.commit(batch(commands, at(self.second))).await.answers {
                // Refusals are part of the tale.
                match answer {
                    Ok(Answer::Opened { chat, created: true, .. }) => self.chats.push(chat.id),
                    Ok(Answer::Posted { message, replayed: false, .. }) => {
                        self.messages.push(*message);
                    }
                    Ok(Answer::Edited { message, .. }) => {
                        let known = self.messages.iter_mut().find(|known| known.id == message.id);
                        *known.unwrap() = *message;
                    }
                    Ok(_) | Err(engine::store::CommandError::Denied(_)) => {}
                    Err(engine::store::CommandError::Store(failure)) => panic!("{failure}"),
                }
            }
            left -= count;
        }
    }

    fn next(&mut self) -> Command {
        if self.chats.is_empty() || self.random.random_range(0..10) == 0 {
            return self.opening();
        }
        let chat = self.chats[self.random.random_range(0..self.chats.len())];
        let who = self.somebody();
        match self.random.random_range(0..44) {
            0 => Command::HideChat(HideChat { actor: actor(who), chat }),
            1 => Command::SteerChat(SteerChat { chat, steering: Steering::Close }),
            2 => Command::SteerChat(SteerChat { chat, steering: Steering::Reopen }),
            3 => {
                let turn = [Turn::Nobody, Turn::Seller, Turn::Buyer, Turn::Market]
                    [self.random.random_range(0..4)];
                Command::SteerChat(SteerChat { chat, steering: Steering::PassTurn(turn) })
            }
            4 => Command::Dispute(Dispute::StartInChat(chat)),
            5 => Command::Dispute(Dispute::End(chat)),
            6 => {
                let blocked = self.random.random_bool(0.5);
                Command::SetBlock(SetBlock { actor: actor(who), chat, blocked })
            }
            7 => Command::PostAsMarketplace(PostAsMarketplace {
                chat,
                role: [MarketplaceRole::Support, MarketplaceRole::Market, MarketplaceRole::Arbiter]
                    [self.random.random_range(0..3)],
                draft: self.draft(),
                asks: [None, Some(Side::Seller), Some(Side::Buyer)][self.random.random_range(0..3)],
            }),
            8..=17 => {
                let up_to = self.position();
                Command::MarkRead(MarkRead { actor: actor(who), chat, up_to })
            }
            18..=20 => {
                let up_to = self.position().unwrap_or(MessageId::LARGEST);
                Command::MarkDelivered(MarkDelivered { actor: actor(who), chat, up_to })
            }
            21..=24 if !self.messages.is_empty() => self.edit(),
            _ => {
                let text = self.draft();
                post(who, chat, text.text.as_ref().unwrap().as_str())
            }
        }
    }

    /// An edit by the author, the other side, somebody else, or the marketplace.
    fn edit(&mut self) -> Command {
        let message = &self.messages[self.random.random_range(0..self.messages.len())];
        let (chat, message, author) = (message.chat, message.id, message.author.account);
        let editor = match self.random.random_range(0..4) {
            0 => Editor::Marketplace,
            1 => Editor::Account(actor(self.somebody())),
            _ => Editor::Account(actor(author)),
        };
        let text = self.draft().text.unwrap();
        Command::EditMessage(EditMessage { editor, chat, message, text })
    }

    fn opening(&mut self) -> Command {
        let id = self.random.random_range(ORDERS);
        let subject = match self.random.random_range(0..4) {
            0 => Subject::Order(order_id(id)),
            1 => Subject::Return(ReturnId::new(id).unwrap()),
            2 => Subject::Product(ProductId::new(id % 4 + 1).unwrap(), None),
            _ => Subject::Account { other: self.somebody(), as_side: Side::Buyer },
        };
        let name = self.random.random();
        open_about(self.somebody(), subject, name)
    }

    fn somebody(&mut self) -> AccountId {
        if self.random.random_bool(0.5) {
            seller()
        } else {
            account(BUYERS[self.random.random_range(0..BUYERS.len())])
        }
    }

    fn draft(&mut self) -> Draft {
        let words: Vec<&str> = (0..self.random.random_range(1..4))
            .map(|_| WORDS[self.random.random_range(0..WORDS.len())])
            .collect();
        draft(&words.join(" "))
    }

    /// Any position: a message, beside one, or the end.
    fn position(&mut self) -> Option<MessageId> {
        if self.messages.is_empty() {
            return None;
        }
        let message = &self.messages[self.random.random_range(0..self.messages.len())];
        MessageId::new(message.id.get() + self.random.random_range(-1..=1))
    }
}

/// Every context that a story's chat may be about.
pub(crate) fn contexts() -> Vec<Context> {
    let mut contexts = vec![Context::None];
    contexts.extend((1..=4).filter_map(ProductId::new).map(Context::Product));
    contexts.extend(ORDERS.map(|id| Context::Order(order_id(id))));
    contexts.extend(ORDERS.filter_map(ReturnId::new).map(Context::Return));
    contexts
}

/// A store and its story so far.
pub(crate) async fn told(store: &Arc<dyn Store>, seed: u64, steps: usize) -> Story {
    let mut tale = Story::begin(&**store, seed).await;
    tale.go_on(&**store, steps).await;
    tale
}
