//! The marketplace in which everybody writes: many sellers with a few chats each, none of them busier than the others.
//!
//! Its size is that of a marketplace which has grown out of one machine's file only in load: with fewer accounts the
//! transactions of the baseline would mostly wait for one another, with many more nothing would stay in any cache.

use std::sync::Arc;

use anyhow::Context as _;
use domain::account::Account;
use domain::catalog::Fact;
use domain::chat::Side;
use domain::commands::{Draft, Subject};
use domain::id::AccountId;
use domain::text::Text;
use engine::Engine;
use engine::access::{Caller, Host};
use futures_util::future::try_join_all;
use torg::faces::NATIVE_AUDIENCE;

/// How many sell.
pub(crate) const SELLERS: i64 = 1000;
/// How many chats each of them has, each with another buyer.
pub(crate) const CHATS_OF_SELLER: i64 = 20;
/// How many buy: a multiple of [`CHATS_OF_SELLER`], so that the number of a chat follows from who sits in it.
pub(crate) const BUYERS: i64 = 4000;
/// The first so many buyers, and the first seller, have a key to follow their logs by Torg's own API.
pub(crate) const READERS: i64 = 500;
/// All chats.
pub(crate) const CHATS: i64 = SELLERS * CHATS_OF_SELLER;
/// The account of the first seller; the others follow.
pub(crate) const FIRST_SELLER: i64 = 1;
/// The account of the first buyer; the others follow.
pub(crate) const FIRST_BUYER: i64 = 10_001;

/// What sellers write.
pub(crate) const TEXT: &str = "Здравствуйте! Да, в наличии, отправим сегодня.";
/// What buyers have asked.
const QUESTION: &str = "Здравствуйте! Ещё в наличии?";
/// So many commands wait for the commit at once while the town is built.
const AT_ONCE: usize = 512;
/// Keys are stored one after the other, so that more of them would only wait.
const KEYS_AT_ONCE: usize = 8;

/// A chat of the town, by its number from 0.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) seller: i64,
    pub(crate) buyer: i64,
    /// As a part of a seller's request.
    public_id: String,
}

/// The chats, by their numbers.
pub(crate) struct Town {
    pub(crate) chats: Vec<Chat>,
}

impl Town {
    /// Has every buyer ask their sellers something, so that these may answer.
    pub(crate) async fn build(engine: &Engine) -> anyhow::Result<Self> {
        let accounts = (0..SELLERS).map(|index| FIRST_SELLER + index);
        let accounts: Vec<i64> =
            accounts.chain((0..BUYERS).map(|index| FIRST_BUYER + index)).collect();
        let facts = accounts.iter().map(|&account| {
            let account = Account::new(id(account)?, "Somebody".to_owned(), engine.now());
            Ok(Fact::Account(Box::new(account), None))
        });
        let facts = facts.collect::<anyhow::Result<Vec<_>>>()?;
        for stored in engine.put_facts(Host::operator(), facts).await? {
            stored?;
        }
        let senders = (0..SELLERS).map(|index| (dialect_ozon::AUDIENCE, FIRST_SELLER + index));
        let readers = (0..READERS).map(|index| (NATIVE_AUDIENCE, FIRST_BUYER + index));
        let keys: Vec<_> =
            senders.chain(readers).chain([(NATIVE_AUDIENCE, FIRST_SELLER)]).collect();
        for some in keys.chunks(KEYS_AT_ONCE) {
            let put = some.iter().map(|&(audience, account)| put_key(engine, audience, account));
            try_join_all(put).await?;
        }
        let numbers: Vec<i64> = (0..CHATS).collect();
        let mut chats = Vec::new();
        for some in numbers.chunks(AT_ONCE) {
            chats.extend(try_join_all(some.iter().map(|&number| ask(engine, number))).await?);
        }
        Ok(Self { chats })
    }

    /// What sellers send in the chats for which `is_wanted`: whole requests of the Ozon API.
    pub(crate) fn sends(&self, is_wanted: impl Fn(&Chat) -> bool) -> Arc<[Vec<u8>]> {
        self.chats.iter().filter(|chat| is_wanted(chat)).map(|chat| chat.send(TEXT)).collect()
    }
}

impl Chat {
    /// The request by which the seller writes `text`.
    pub(crate) fn send(&self, text: &str) -> Vec<u8> {
        let Self { seller, public_id, .. } = self;
        let body = format!(r#"{{"chat_id":"{public_id}","text":"{text}"}}"#);
        format!(
            "POST /v1/chat/send/message HTTP/1.1\r\nHost: bench\r\nClient-Id: {seller}\r\nApi-Key: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            secret(dialect_ozon::AUDIENCE, *seller),
            body.len(),
        )
        .into_bytes()
    }
}

/// The key of an account for one face: everybody knows it here.
pub(crate) fn secret(audience: &str, account: i64) -> String {
    format!("bench-{audience}-{account}")
}

async fn put_key(engine: &Engine, audience: &str, account: i64) -> anyhow::Result<()> {
    let secret = secret(audience, account);
    engine.put_key(&engine.new_key(Some(id(account)?), audience, "bench", &secret)).await??;
    Ok(())
}

async fn ask(engine: &Engine, number: i64) -> anyhow::Result<Chat> {
    let (seller, buyer) = (FIRST_SELLER + number / CHATS_OF_SELLER, FIRST_BUYER + number % BUYERS);
    let subject = Subject::Account { other: id(seller)?, as_side: Side::Buyer };
    let question = Text::new(QUESTION, &engine.policy().text);
    let question = question.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    let caller = Caller::account_holder(id(buyer)?);
    let opened = engine.open_chat(&caller, subject, Some(Draft::text(question))).await?;
    Ok(Chat { seller, buyer, public_id: opened.chat.public_id.to_string() })
}

fn id(account: i64) -> anyhow::Result<AccountId> {
    AccountId::new(account).context("an id")
}
