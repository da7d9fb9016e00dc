//! The facts around chats, loaded together.

use std::collections::{HashMap, HashSet};

use domain::account::Account;
use domain::catalog::{OrderFacts, Product, Return};
use domain::chat::{Chat, Context};
use domain::id::{AccountId, OrderId, ProductId, ReturnId};

use crate::engine::Engine;
use crate::error::EngineError;

/// The facts around some chats, for rendering. Facts that the marketplace has not pushed are absent.
#[derive(Clone, Debug, Default)]
pub struct Related {
    /// The accounts on both sides, and the sellers of the products.
    pub accounts: HashMap<AccountId, Account>,
    /// The products of the contexts, and of the orders' items.
    pub products: HashMap<ProductId, Product>,
    /// The orders of the contexts.
    pub orders: HashMap<OrderId, OrderFacts>,
    /// The returns of the contexts.
    pub returns: HashMap<ReturnId, Return>,
}

impl Related {
    /// The order behind `chat`.
    pub fn order_of(&self, chat: &Chat) -> Option<&OrderFacts> {
        self.orders.get(&chat.order?)
    }

    /// The product of `chat`: the one it is about, or the first of its order.
    pub fn product_of(&self, chat: &Chat) -> Option<&Product> {
        self.products.get(&product_of(chat, &self.orders)?)
    }
}

fn product_of(chat: &Chat, orders: &HashMap<OrderId, OrderFacts>) -> Option<ProductId> {
    match chat.context {
        Context::Product(product) => Some(product),
        Context::Order(_) | Context::Return(_) => {
            orders.get(&chat.order?)?.order.items.first().map(|item| item.product)
        }
        Context::None => None,
    }
}

impl Engine {
    /// The facts around `chats`.
    pub async fn related(&self, chats: &[Chat]) -> Result<Related, EngineError> {
        let orders: HashSet<_> = chats.iter().filter_map(|chat| chat.order).collect();
        let orders = self.store().orders(&collect(orders)).await?;
        let orders: HashMap<_, _> =
            orders.into_iter().map(|facts| (facts.order.id, facts)).collect();

        let products: HashSet<_> =
            chats.iter().filter_map(|chat| product_of(chat, &orders)).collect();
        let products = self.store().products(&collect(products)).await?;

        let returns = chats.iter().filter_map(|chat| match chat.context {
            Context::Return(id) => Some(id),
            Context::None | Context::Product(_) | Context::Order(_) => None,
        });
        let returns = self.store().returns(&collect(returns.collect::<HashSet<_>>())).await?;

        let sides = chats.iter().flat_map(|chat| [chat.seller.account, chat.buyer.account]);
        let accounts: HashSet<_> =
            sides.chain(products.iter().map(|product| product.seller)).collect();
        let accounts = self.store().accounts(&collect(accounts)).await?;

        Ok(Related {
            accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
            products: products.into_iter().map(|product| (product.id, product)).collect(),
            returns: returns.into_iter().map(|found| (found.id, found)).collect(),
            orders,
        })
    }
}

fn collect<T>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    ids.into_iter().collect()
}
