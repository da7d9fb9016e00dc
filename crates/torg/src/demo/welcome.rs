//! What the demo prints: addresses, credentials, and lines that work when they are pasted.

use anyhow::Context as _;
use domain::chat::{Chat, ContextKind, Side};
use domain::id::AccountId;
use domain::permission::Permission;
use engine::Engine;
use engine::access::Caller;
use engine::queries::ActivityFilter;

use super::credentials::Credentials;

/// So many of the seller's newest chats are looked at for one in which the seller may write.
const CHATS_LOOKED_AT: usize = 100;
/// Where the Partizap lines keep their cookies.
const COOKIES: &str = "/tmp/torg-demo.cookies";

/// The text for the terminal.
pub(super) async fn text(engine: &Engine, credentials: &Credentials) -> anyhow::Result<String> {
    let chat = chat_to_write_in(engine, credentials).await?;
    let sections = [
        ozon(credentials, &chat),
        yandex_market(credentials, &chat),
        partizap(credentials),
        native(credentials, &chat),
    ];
    let big_seller = credentials.big_seller.as_ref().map_or_else(String::new, |keys| {
        format!(
            "The seller with 50,000 chats is {} (big-seller@demo.test); Ozon {}, Yandex Market {}, Torg {}\n\n",
            keys.client_id, keys.ozon_api_key, keys.yandex_api_key, keys.native_key
        )
    });
    Ok(format!(
        "Torg's demo marketplace listens on {}. Everybody's password is \"{}\".\n\n{}\n{big_seller}Stop it with Ctrl-C.",
        credentials.base_url,
        credentials.partizap.seller.password,
        sections.join("\n"),
    ))
}

/// A chat about an order in which the seller may write by the strictest of the wires' rules.
async fn chat_to_write_in(engine: &Engine, credentials: &Credentials) -> anyhow::Result<Chat> {
    let engine = engine.under(dialect_ozon::policy(&dialect_ozon::Settings::default()));
    let seller = AccountId::new(credentials.native.seller_id).context("a seller")?;
    let caller = Caller::account_holder(seller);
    let filter =
        ActivityFilter { side: Some(Side::Seller), over: Some(false), ..ActivityFilter::default() };
    let chats = engine.chats_by_activity(&caller, filter, None, CHATS_LOOKED_AT).await?.items;
    let related = engine.related(&chats).await?;
    for chat in chats {
        let allowed =
            matches!(engine.may_write(&caller, &chat, &related)?, Permission::Allowed { .. });
        if allowed && chat.context.kind() == ContextKind::Order {
            return Ok(chat);
        }
    }
    anyhow::bail!(
        "the windows of all chats of this folder are over; start the demo with a fresh folder"
    )
}

fn ozon(credentials: &Credentials, chat: &Chat) -> String {
    let ozon = &credentials.ozon;
    let call = |path: &str, body: &str| {
        format!(
            "curl -s {}{path} -H 'Client-Id: {}' -H 'Api-Key: {}' -H 'Content-Type: application/json' -d '{body}'",
            ozon.base_url, ozon.client_id, ozon.api_key
        )
    };
    section(
        "Ozon Seller",
        &[
            ("base address", ozon.base_url.clone()),
            ("Client-Id", ozon.client_id.clone()),
            ("Api-Key", ozon.api_key.clone()),
        ],
        &[
            call("/v3/chat/list", r#"{"limit": 3}"#),
            call("/v1/chat/start", &format!(r#"{{"posting_number": "{}"}}"#, ozon.posting_number)),
            call(
                "/v1/chat/send/message",
                &format!(
                    r#"{{"chat_id": "{}", "text": "Здравствуйте! Отправим сегодня."}}"#,
                    chat.public_id
                ),
            ),
        ],
    )
}

fn yandex_market(credentials: &Credentials, chat: &Chat) -> String {
    let market = &credentials.yandex_market;
    let call = |path: &str, body: &str| {
        format!(
            "curl -s '{}/v2/businesses/{}{path}' -H 'Api-Key: {}' -H 'Content-Type: application/json' -d '{body}'",
            market.base_url, market.business_id, market.api_key
        )
    };
    section(
        "Yandex Market Partner",
        &[
            ("base address", market.base_url.clone()),
            ("businessId", market.business_id.to_string()),
            ("Api-Key", market.api_key.clone()),
        ],
        &[
            call("/chats?limit=3", r#"{"statuses": ["WAITING_FOR_PARTNER"]}"#),
            call(
                "/chats/new",
                &format!(r#"{{"context": {{"type": "RETURN", "id": {}}}}}"#, market.return_id),
            ),
            call(
                &format!("/chats/message?chatId={}", chat.id),
                r#"{"message": "Спасибо за фото, заменим товар."}"#,
            ),
        ],
    )
}

fn partizap(credentials: &Credentials) -> String {
    let partizap = &credentials.partizap;
    let (base, buyer) = (&partizap.base_url, &partizap.buyer);
    section(
        "Partizap",
        &[
            ("base address", base.clone()),
            ("buyer", format!("{} (user {})", buyer.email, buyer.user_id)),
            ("seller", format!("{} (user {})", partizap.seller.email, partizap.seller.user_id)),
        ],
        &[
            format!(
                "curl -s -c {COOKIES} {base}/auth/login -H 'Content-Type: application/json' -d '{{\"email\": \"{}\", \"password\": \"{}\"}}'",
                buyer.email, buyer.password
            ),
            format!(
                "curl -s -b {COOKIES} {base}/vendor/conversations -H \"X-CSRF-TOKEN: $(awk '$6 == \"CSRF_TOKEN\" {{ print $7 }}' {COOKIES})\" -H 'Content-Type: application/json' -d '{{\"product_id\": {}, \"message\": \"Здравствуйте! Ещё в наличии?\"}}'",
                partizap.product_id
            ),
            format!("curl -s -b {COOKIES} '{base}/vendor/conversations?limit=2'"),
        ],
    )
}

fn native(credentials: &Credentials, chat: &Chat) -> String {
    let native = &credentials.native;
    let base = format!("{}/api/v1", native.base_url);
    let seller = format!("-H 'Authorization: Bearer {}'", native.seller_key);
    section(
        "Torg's own API",
        &[
            ("base address", base.clone()),
            ("host key", native.host_key.clone()),
            ("seller key", format!("{} (account {})", native.seller_key, native.seller_id)),
            ("buyer key", format!("{} (account {})", native.buyer_key, native.buyer_id)),
        ],
        &[
            format!("curl -s '{base}/chats?limit=2' {seller}"),
            format!(
                "curl -s {base}/chats/{}/messages {seller} -H 'Idempotency-Key: first-try' -H 'Content-Type: application/json' -d '{{\"text\": \"Отправили, трек-номер в заказе.\"}}'",
                chat.id
            ),
            format!("curl -s '{base}/events?after=0&limit=3' {seller}"),
            format!(
                "torg listen --format ozon --server {} --key {}",
                native.base_url, native.seller_key
            ),
        ],
    )
}

fn section(title: &str, credentials: &[(&str, String)], lines: &[String]) -> String {
    let credentials: Vec<_> =
        credentials.iter().map(|(name, value)| format!("  {name:<13} {value}")).collect();
    format!("{title}\n{}\n\n{}\n", credentials.join("\n"), lines.join("\n"))
}
