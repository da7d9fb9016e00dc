//! The end of an engine: whoever was let in is answered.

use domain::commands::{Draft, Subject};
use domain::id::ChatId;
use domain::text::Text;
use engine::access::Caller;
use engine::{Engine, EngineError};
use testkit::{BUYER, PRODUCT, Server};
use tokio::task::JoinSet;

async fn post(engine: Engine, chat: ChatId) -> Result<(), EngineError> {
    let text = Text::new("до конца", &engine.policy().text)?;
    engine.post_message(&Caller::account_holder(BUYER), chat, Draft::text(text)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_answered_when_the_engine_stops() {
    let server = Server::start().await;
    let engine = server.engine();
    let buyer = Caller::account_holder(BUYER);
    let opened = engine.open_chat(&buyer, Subject::Product(PRODUCT, None), None).await.unwrap();
    let chat = opened.chat.id;
    let mut posts = JoinSet::new();
    for _ in 0..1000 {
        posts.spawn(post(engine.clone(), chat));
    }
    let first = posts.join_next().await.unwrap().unwrap();
    assert!(first.is_ok(), "{first:?}");
    engine.stop().await.unwrap();

    for outcome in posts.join_all().await {
        // Never "outcome unknown": what was taken is done, what came later is sent away.
        assert!(matches!(outcome, Ok(()) | Err(EngineError::Unavailable)), "{outcome:?}");
    }
    let late = post(engine.clone(), chat).await;
    assert!(matches!(late, Err(EngineError::Unavailable)), "{late:?}");
    engine.stop().await.unwrap();
}
