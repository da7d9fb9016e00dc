//! Status and type through the life of a chat (table 9.1, rows 9, 10, 12 to 14).

use domain::catalog::Model;
use domain::chat::{Side, Turn};
use domain::commands::{Draft, MarketplaceRole, Steering};
use domain::text::Text;
use engine::access::Host;
use serde_json::json;
use testkit::BUYER;

use super::{Cabinet, chat_id};

impl Cabinet {
    async fn is(&self, chat: i64, kind: &str, status: &str) {
        let info = self.info(chat).await;
        assert_eq!((&info["type"], &info["status"]), (&json!(kind), &json!(status)));
    }

    async fn seller_writes(&self, chat: i64) -> super::Reply {
        self.post(&format!("/chats/message?chatId={chat}"), json!({"message": "Ответ"})).await
    }

    async fn marketplace_writes(&self, chat: i64, role: MarketplaceRole, asks: Option<Side>) {
        let engine = self.server.engine();
        let draft = Draft::text(Text::new("Вопрос", &engine.policy().text).unwrap());
        engine
            .post_as_marketplace(Host::operator(), chat_id(chat), role, draft, asks)
            .await
            .unwrap();
    }

    async fn steer(&self, chat: i64, steering: Steering) {
        let engine = self.server.engine();
        engine.steer_chat(Host::operator(), chat_id(chat), steering).await.unwrap();
    }
}

#[tokio::test]
async fn an_ordinary_chat_waits_for_whom_the_table_says() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.is(chat, "CHAT", "NEW").await;
    cabinet.seller_writes(chat).await.result();
    cabinet.is(chat, "CHAT", "WAITING_FOR_CUSTOMER").await;
    cabinet.say(BUYER, chat, "Спасибо").await;
    cabinet.is(chat, "CHAT", "WAITING_FOR_PARTNER").await;
    for role in [MarketplaceRole::Market, MarketplaceRole::Support] {
        cabinet.marketplace_writes(chat, role, None).await;
        cabinet.is(chat, "CHAT", "WAITING_FOR_PARTNER").await;
    }
    cabinet.marketplace_writes(chat, MarketplaceRole::Support, Some(Side::Buyer)).await;
    cabinet.is(chat, "CHAT", "WAITING_FOR_CUSTOMER").await;
    cabinet.marketplace_writes(chat, MarketplaceRole::Support, Some(Side::Seller)).await;
    cabinet.is(chat, "CHAT", "WAITING_FOR_PARTNER").await;
    cabinet.steer(chat, Steering::PassTurn(Turn::Market)).await;
    cabinet.is(chat, "CHAT", "WAITING_FOR_MARKET").await;
    cabinet.close(chat).await;
    cabinet.is(chat, "CHAT", "FINISHED").await;

    let refused = cabinet.seller_writes(chat).await;
    refused.is_error(400, "BAD_REQUEST", &format!("Chat {chat} is finished"));
    let messages = cabinet.messages(chat).await.len();
    cabinet.say(BUYER, chat, "Ещё вопрос").await;
    cabinet.is(chat, "CHAT", "WAITING_FOR_PARTNER").await;
    assert_eq!(cabinet.messages(chat).await.len(), messages + 1);
    cabinet.seller_writes(chat).await.result();
}

#[tokio::test]
async fn row_9_a_chat_that_the_buyer_opens_waits_for_the_shop_at_once() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.direct_chat("Есть в наличии?").await;
    cabinet.is(chat, "CHAT", "WAITING_FOR_PARTNER").await;
    cabinet.seller_writes(chat).await.result();
    cabinet.is(chat, "CHAT", "WAITING_FOR_CUSTOMER").await;
}

#[tokio::test]
async fn rows_13_and_14_a_dispute_keeps_its_chat_and_ends_finished() {
    let cabinet = Cabinet::open().await;
    let engine = cabinet.server.engine();
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.say(BUYER, chat, "Обман").await;
    engine.start_dispute(Host::operator(), chat_id(chat)).await.unwrap();
    cabinet.is(chat, "ARBITRAGE", "WAITING_FOR_ARBITER").await;
    assert_eq!(cabinet.texts(chat).await, ["Обман"]);
    cabinet.seller_writes(chat).await.result();
    cabinet.is(chat, "ARBITRAGE", "WAITING_FOR_ARBITER").await;
    cabinet.say(BUYER, chat, "Верните").await;
    cabinet.is(chat, "ARBITRAGE", "WAITING_FOR_ARBITER").await;
    for (asks, status) in [
        (None, "WAITING_FOR_ARBITER"),
        (Some(Side::Seller), "WAITING_FOR_PARTNER"),
        (Some(Side::Buyer), "WAITING_FOR_CUSTOMER"),
        (None, "WAITING_FOR_CUSTOMER"),
    ] {
        cabinet.marketplace_writes(chat, MarketplaceRole::Arbiter, asks).await;
        cabinet.is(chat, "ARBITRAGE", status).await;
    }
    cabinet.steer(chat, Steering::PassTurn(Turn::Market)).await;
    cabinet.is(chat, "ARBITRAGE", "WAITING_FOR_MARKET").await;
    engine.end_dispute(Host::operator(), chat_id(chat)).await.unwrap();
    cabinet.is(chat, "ARBITRAGE", "FINISHED").await;
    let refused = cabinet.seller_writes(chat).await;
    refused.is_error(400, "BAD_REQUEST", &format!("Chat {chat} is finished"));
}

#[tokio::test]
async fn row_13_a_dispute_about_something_without_a_chat_makes_one() {
    let cabinet = Cabinet::open().await;
    let engine = cabinet.server.engine();
    let order = cabinet.server.order(Model::Dbs).await;
    let opened = engine.start_return_dispute(Host::operator(), order.return_id).await.unwrap();
    let chat = opened.chat.id.get();
    cabinet.is(chat, "ARBITRAGE", "WAITING_FOR_ARBITER").await;
    // The chat exists, so createChat gives it even where this model could not begin it.
    assert_eq!(cabinet.create("RETURN", order.return_id.get()).await, chat);
}
