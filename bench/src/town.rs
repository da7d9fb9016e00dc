//! The marketplace in which everybody writes: many sellers with as many chats each, none of them bigger than the others.

use std::sync::Arc;

use anyhow::Context as _;
use domain::account::Account;
use domain::catalog::Fact;
use domain::chat::Side;
use domain::commands::{Draft, Subject};
use domain::id::{AccountId, ChatId};
use domain::text::Text;
use engine::Engine;
use engine::access::{Caller, Host};
use futures_util::future::try_join_all;
use rand::seq::SliceRandom as _;

/// The account of the first seller; the others follow.
pub(crate) const FIRST_SELLER: i64 = 1;
/// The account of the first buyer; the others follow.
pub(crate) const FIRST_BUYER: i64 = 1_000_001;

/// What sellers write.
pub(crate) const TEXT: &str = "Здравствуйте! Да, в наличии, отправим сегодня.";
/// What buyers have asked.
const QUESTION: &str = "Здравствуйте! Ещё в наличии?";
/// So many commands wait for the commit at once while the town is built.
const AT_ONCE: usize = 512;
/// Keys are stored one after the other, so that more of them would only wait.
const KEYS_AT_ONCE: usize = 8;

/// How large a town is.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How many sell.
    pub(crate) sellers: i64,
    /// How many chats each of them has, each with another buyer.
    pub(crate) chats_of_seller: i64,
    /// How many buy: a multiple of `chats_of_seller`, so that the number of a chat follows from who sits in it.
    pub(crate) buyers: i64,
}

impl Plan {
    /// How many chats there are.
    pub(crate) const fn chats(&self) -> i64 {
        self.sellers * self.chats_of_seller
    }
}

/// A chat of the town, by its number from 0.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) id: ChatId,
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
    /// Has every buyer ask their sellers something, so that these may answer by the Ozon API.
    pub(crate) async fn build(engine: &Engine, plan: Plan) -> anyhow::Result<Self> {
        let sellers = (0..plan.sellers).map(|index| FIRST_SELLER + index);
        let buyers = (0..plan.buyers).map(|index| FIRST_BUYER + index);
        let facts = sellers.clone().chain(buyers).map(|account| {
            let account = Account::new(id(account)?, "Somebody".to_owned(), engine.now());
            Ok(Fact::Account(Box::new(account), None))
        });
        let facts = facts.collect::<anyhow::Result<Vec<_>>>()?;
        for stored in engine.put_facts(Host::operator(), facts).await? {
            stored?;
        }
        put_keys(engine, dialect_ozon::AUDIENCE, sellers).await?;
        let numbers: Vec<i64> = (0..plan.chats()).collect();
        let mut chats = Vec::new();
        for some in numbers.chunks(AT_ONCE) {
            chats.extend(try_join_all(some.iter().map(|&number| ask(engine, plan, number))).await?);
        }
        Ok(Self { chats })
    }

    /// Has buyers and sellers take turns until every chat has as many messages as `messages_of` its number says. All talk
    /// at the same time, so that nobody's messages lie side by side only because they came one after the other.
    pub(crate) async fn talk(
        &self,
        engine: &Engine,
        messages_of: impl Fn(usize) -> usize,
    ) -> anyhow::Result<()> {
        let mut talking: Vec<usize> = (0..self.chats.len()).collect();
        // One was said when the chat was opened.
        for said in 1.. {
            talking.retain(|&number| said < messages_of(number));
            if talking.is_empty() {
                break;
            }
            talking.shuffle(&mut rand::rng());
            for some in talking.chunks(AT_ONCE) {
                let posts = some.iter().map(|&number| self.chats[number].post(engine, said));
                try_join_all(posts).await?;
            }
        }
        Ok(())
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

    /// Writes the message that follows so many others.
    async fn post(&self, engine: &Engine, said: usize) -> anyhow::Result<()> {
        let (author, words) = match said % 2 {
            0 => (self.buyer, QUESTION),
            _ => (self.seller, TEXT),
        };
        let caller = Caller::account_holder(id(author)?);
        engine.post_message(&caller, self.id, Draft::text(text(engine, words)?)).await?;
        Ok(())
    }
}

/// The key of an account for one face: everybody knows it here.
pub(crate) fn secret(audience: &str, account: i64) -> String {
    if audience == dialect_yandex_market::AUDIENCE {
        // The only keys with a form.
        return format!("ACMA:{account:040}:00000000");
    }
    format!("bench-{audience}-{account}")
}

/// Gives each of some accounts its [`secret`].
pub(crate) async fn put_keys(
    engine: &Engine,
    audience: &str,
    accounts: impl IntoIterator<Item = i64>,
) -> anyhow::Result<()> {
    let accounts: Vec<i64> = accounts.into_iter().collect();
    for some in accounts.chunks(KEYS_AT_ONCE) {
        let put = some.iter().map(|&account| put_key(engine, audience, account));
        try_join_all(put).await?;
    }
    Ok(())
}

async fn put_key(engine: &Engine, audience: &str, account: i64) -> anyhow::Result<()> {
    let secret = secret(audience, account);
    engine.put_key(&engine.new_key(Some(id(account)?), audience, "bench", &secret)).await??;
    Ok(())
}

async fn ask(engine: &Engine, plan: Plan, number: i64) -> anyhow::Result<Chat> {
    let seller = FIRST_SELLER + number / plan.chats_of_seller;
    let buyer = FIRST_BUYER + number % plan.buyers;
    let subject = Subject::Account { other: id(seller)?, as_side: Side::Buyer };
    let caller = Caller::account_holder(id(buyer)?);
    let question = Draft::text(text(engine, QUESTION)?);
    let chat = engine.open_chat(&caller, subject, Some(question)).await?.chat;
    Ok(Chat { id: chat.id, seller, buyer, public_id: chat.public_id.to_string() })
}

fn text(engine: &Engine, words: &str) -> anyhow::Result<Text> {
    Text::new(words, &engine.policy().text).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
}

/// The account with this number.
pub(crate) fn id(account: i64) -> anyhow::Result<AccountId> {
    AccountId::new(account).context("an id")
}
