//! Which chats a caller reaches: those where its account sits, on its side, of its shops.

use std::collections::HashSet;

use domain::catalog::OrderFacts;
use domain::chat::Chat;
use domain::commands::Subject;
use domain::id::{ChatId, ShopId};
use domain::refusal::Missing;

use crate::access::Caller;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The chat, if there is one and the caller may see it.
    pub(crate) async fn in_reach(
        &self,
        caller: &Caller,
        chat: Option<Chat>,
    ) -> Result<Chat, EngineError> {
        let mut found = self.all_in_reach(caller, Vec::from_iter(chat), |chat| chat).await?;
        found.pop().ok_or(EngineError::NotFound(Missing::Chat))
    }

    /// Those of `found` of which the caller may see the chat.
    pub(crate) async fn all_in_reach<T>(
        &self,
        caller: &Caller,
        mut found: Vec<T>,
        chat_of: impl Fn(&T) -> &Chat,
    ) -> Result<Vec<T>, EngineError> {
        found.retain(|found| caller.actor.side_in(chat_of(found)).is_some());
        if let Some(shops) = &caller.shops {
            let orders: Vec<_> = found.iter().filter_map(|found| chat_of(found).order).collect();
            let mut orders = self.store().orders(&orders).await?;
            orders.retain(|facts| is_of_shops(facts, shops));
            let orders: HashSet<_> = orders.into_iter().map(|facts| facts.order.id).collect();
            found.retain(|found| chat_of(found).order.is_none_or(|order| orders.contains(&order)));
        }
        Ok(found)
    }

    /// A command proves the caller's side itself; only callers that are bound to shops need a look first.
    pub(crate) async fn require_reach(
        &self,
        caller: &Caller,
        chat: ChatId,
    ) -> Result<(), EngineError> {
        if caller.shops.is_some() {
            self.chat(caller, chat).await?;
        }
        Ok(())
    }

    /// Callers that are bound to shops open chats about orders of these shops only.
    pub(crate) async fn require_subject_in_reach(
        &self,
        caller: &Caller,
        subject: &Subject,
    ) -> Result<(), EngineError> {
        let Some(shops) = &caller.shops else { return Ok(()) };
        let (order, missing) = match subject {
            Subject::Order(id) => (self.store().orders(&[*id]).await?.pop(), Missing::Order),
            Subject::Posting(number) => {
                (self.store().order_by_posting(number).await?, Missing::Posting)
            }
            Subject::Return(id) => {
                let order = self.store().returns(&[*id]).await?.pop().map(|found| found.order);
                (self.store().orders(&Vec::from_iter(order)).await?.pop(), Missing::Return)
            }
            Subject::Product(..) | Subject::Account { .. } => return Ok(()),
        };
        if order.is_some_and(|facts| is_of_shops(&facts, shops)) {
            Ok(())
        } else {
            Err(EngineError::NotFound(missing))
        }
    }
}

fn is_of_shops(facts: &OrderFacts, shops: &[ShopId]) -> bool {
    facts.order.shop.is_some_and(|shop| shops.contains(&shop))
}
