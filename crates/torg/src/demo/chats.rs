//! The chats of the demo marketplace, told through the engine at the times at which they happened.

use anyhow::Context as _;
use domain::chat::Side;
use domain::commands::{Draft, MarketplaceRole, Subject};
use domain::id::{AccountId, ChatId};
use domain::text::Text;
use domain::{SignedDuration, Timestamp};
use engine::Engine;
use engine::access::{Caller, Host};
use engine::clock::ShiftedClock;
use futures_util::future::try_join_all;

use super::market::{
    BIG_SELLER, BIG_SELLER_BUYERS, BIG_SELLER_PRODUCTS, DemoMarket, SELLERS, big_buyer,
    big_product, buyer,
};
use super::scripts::{
    ABOUT_A_PRODUCT, ABOUT_A_RETURN, ABOUT_AN_ORDER, ABOUT_NOTHING, PAUSES_MIN, Script, Voice,
};

/// So many conversations go on at the same time; each line of them is one group commit.
const AT_ONCE: usize = 32;
/// Every so many orders has no chat, so that there is something to begin.
const ORDERS_WITHOUT_CHAT_EVERY: usize = 3;

/// A conversation that is to be told.
struct Tale {
    seller: AccountId,
    buyer: AccountId,
    subject: TaleSubject,
    script: Script,
    product: String,
    order: String,
    read_to_the_end: bool,
    dispute: bool,
}

enum TaleSubject {
    Same(Subject),
    /// Each side names the other.
    Nothing,
}

/// Tells all conversations, the oldest ten days ago, the newest just now. `clock` is moved back and at the end put
/// right.
pub(super) async fn tell(
    engine: &Engine,
    clock: &ShiftedClock,
    market: &DemoMarket,
    now: Timestamp,
) -> anyhow::Result<usize> {
    let tales = tales(market)?;
    let count = tales.len();
    let rounds = i64::try_from(count.div_ceil(AT_ONCE))?;
    let first = now - SignedDuration::from_hours(24 * 10);
    let step = SignedDuration::from_secs(now.duration_since(first).as_secs() / rounds.max(1));
    for (round, tales) in (0..).zip(tales.chunks(AT_ONCE)) {
        let begin = first + step * round;
        tell_together(engine, clock, tales, begin, now).await?;
    }
    clock.shift_to(now);
    Ok(count)
}

async fn tell_together(
    engine: &Engine,
    clock: &ShiftedClock,
    tales: &[Tale],
    begin: Timestamp,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut chats: Vec<Option<ChatId>> = vec![None; tales.len()];
    let lines = tales.iter().map(|tale| tale.script.len()).max().unwrap_or(0);
    let mut minutes = 0;
    for line in 0..lines {
        minutes += PAUSES_MIN[line % PAUSES_MIN.len()];
        clock.shift_to((begin + SignedDuration::from_mins(minutes)).min(now));
        let told = tales.iter().zip(&chats).map(|(tale, &chat)| tale.say(engine, line, chat));
        chats = try_join_all(told).await?;
    }
    clock.shift_to((begin + SignedDuration::from_mins(minutes + 5)).min(now));
    try_join_all(tales.iter().zip(&chats).map(|(tale, &chat)| tale.end(engine, chat))).await?;
    Ok(())
}

impl Tale {
    /// Says the line with this number, in a chat that the first line opens.
    async fn say(
        &self,
        engine: &Engine,
        line: usize,
        chat: Option<ChatId>,
    ) -> anyhow::Result<Option<ChatId>> {
        let Some(&(voice, text)) = self.script.get(line) else { return Ok(chat) };
        let text = text.replace("{product}", &self.product).replace("{order}", &self.order);
        let text = Text::new(&text, &engine.policy().text)
            .map_err(|refusal| anyhow::anyhow!("a line of the demo is refused: {refusal:?}"))?;
        let draft = Draft::text(text);
        let author = match voice {
            Voice::Buyer => self.buyer,
            Voice::Seller => self.seller,
            Voice::Support => {
                let chat = chat.context("support does not begin a conversation")?;
                let role = MarketplaceRole::Support;
                engine.post_as_marketplace(Host::operator(), chat, role, draft, None).await?;
                return Ok(Some(chat));
            }
        };
        let caller = Caller::account_holder(author);
        let said = if let Some(chat) = chat {
            engine.post_message(&caller, chat, draft).await.map(|_| Some(chat))
        } else {
            let opened = engine.open_chat(&caller, self.subject(voice), Some(draft)).await;
            opened.map(|opened| Some(opened.chat.id))
        };
        said.with_context(|| {
            format!("a conversation of {} with {} failed", self.buyer, self.seller)
        })
    }

    fn subject(&self, voice: Voice) -> Subject {
        match &self.subject {
            TaleSubject::Same(subject) => subject.clone(),
            TaleSubject::Nothing if voice == Voice::Seller => {
                Subject::Account { other: self.buyer, as_side: Side::Seller }
            }
            TaleSubject::Nothing => Subject::Account { other: self.seller, as_side: Side::Buyer },
        }
    }

    async fn end(&self, engine: &Engine, chat: Option<ChatId>) -> anyhow::Result<()> {
        let Some(chat) = chat else { return Ok(()) };
        if self.read_to_the_end {
            for account in [self.seller, self.buyer] {
                engine.mark_read(&Caller::account_holder(account), chat, None).await?;
            }
        }
        if self.dispute {
            engine.start_dispute(Host::operator(), chat).await?;
        }
        Ok(())
    }
}

fn tales(market: &DemoMarket) -> anyhow::Result<Vec<Tale>> {
    let mut tales = Vec::new();
    for (index, product) in market.products.iter().enumerate() {
        for turn in 0..4 {
            let number = index * 4 + turn;
            let buyer = buyer(i64::try_from(number)? * 3).context("a buyer")?;
            let subject = TaleSubject::Same(Subject::Product(product.id, None));
            tales.push(Tale {
                seller: product.seller,
                buyer,
                subject,
                script: ABOUT_A_PRODUCT[number % ABOUT_A_PRODUCT.len()],
                product: product.title.to_owned(),
                order: String::new(),
                read_to_the_end: number % 4 != 0,
                dispute: false,
            });
        }
    }
    for (index, order) in market.orders.iter().enumerate() {
        let (subject, scripts) = match order.return_id {
            _ if index % ORDERS_WITHOUT_CHAT_EVERY == 0 => continue,
            Some(return_id) if index % 2 == 0 => (Subject::Return(return_id), ABOUT_A_RETURN),
            Some(_) | None => (Subject::Order(order.id), ABOUT_AN_ORDER),
        };
        let script = scripts[index % scripts.len()];
        tales.push(Tale {
            seller: order.seller,
            buyer: order.buyer,
            subject: TaleSubject::Same(subject),
            script,
            product: String::new(),
            order: order.number.clone(),
            read_to_the_end: index % 5 != 0,
            dispute: script.last().is_some_and(|(voice, _)| *voice == Voice::Support),
        });
    }
    for (index, seller) in (0..).zip(&SELLERS) {
        tales.push(Tale {
            seller: AccountId::new(seller.id).context("a seller")?,
            buyer: buyer(index * 11).context("a buyer")?,
            subject: TaleSubject::Nothing,
            script: ABOUT_NOTHING[usize::try_from(index)? % ABOUT_NOTHING.len()],
            product: String::new(),
            order: String::new(),
            read_to_the_end: false,
            dispute: false,
        });
    }
    // Contexts and sellers alternate in time, as they would.
    let count = tales.len();
    let mut mixed: Vec<(usize, Tale)> = tales.into_iter().enumerate().collect();
    mixed.sort_by_key(|(index, _)| (index * 37) % count);
    Ok(mixed.into_iter().map(|(_, tale)| tale).collect())
}

/// Lets every buyer of the big seller ask about every product of it.
pub(super) async fn tell_big_seller(engine: &Engine) -> anyhow::Result<()> {
    let text = Text::new("Здравствуйте! Ещё в наличии?", &engine.policy().text)
        .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    for product in 0..BIG_SELLER_PRODUCTS {
        let product = big_product(product).context("a product")?;
        let askers: Vec<i64> = (0..BIG_SELLER_BUYERS).collect();
        // As many as the engine lets wait at once, and some room for others.
        for askers in askers.chunks(1024) {
            let opened = askers.iter().map(async |&index| -> anyhow::Result<()> {
                let caller = Caller::account_holder(big_buyer(index).context("a buyer")?);
                let draft = Some(Draft::text(text.clone()));
                engine.open_chat(&caller, Subject::Product(product, None), draft).await?;
                Ok(())
            });
            try_join_all(opened).await?;
        }
    }
    tracing::info!(seller = BIG_SELLER, "the big seller has its chats");
    Ok(())
}
