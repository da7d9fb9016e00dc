//! Who trades: two sellers, and buyers who have a chat with each of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::recovery::call;

pub(super) const SELLERS: [i64; 2] = [7, 8];
pub(super) const BUYERS: [i64; 4] = [100, 101, 102, 103];

/// What a test knows of the market that it has made.
#[derive(Clone)]
pub(super) struct Market {
    /// By account.
    pub(super) keys: BTreeMap<i64, String>,
    /// One of each seller with each buyer.
    pub(super) chats: Vec<Chat>,
}

#[derive(Clone, Copy)]
pub(super) struct Chat {
    pub(super) id: i64,
    pub(super) seller: i64,
    pub(super) buyer: i64,
}

impl Market {
    pub(super) async fn build(http: &reqwest::Client, url: &str, host_key: &str) -> Self {
        let put = async |path: String, body: Value| {
            call(http, "PUT", &format!("{url}/api/v1/host/{path}"), host_key, Some(body)).await;
        };
        let mut keys = BTreeMap::new();
        for account in SELLERS.into_iter().chain(BUYERS) {
            let card = json!({"display_name": "Somebody", "created_at": "2026-01-01T00:00:00Z"});
            put(format!("accounts/{account}"), card).await;
            let made = make_key(http, url, host_key, account).await;
            keys.insert(account, made["secret"].as_str().unwrap().to_owned());
        }
        let mut chats = Vec::new();
        for seller in SELLERS {
            let product = json!({
                "seller_id": seller, "title": "Lamp", "price": 100,
                "published_at": "2026-01-01T00:00:00Z",
            });
            put(format!("products/{seller}"), product).await;
            for buyer in BUYERS {
                let opened = open_chat(http, url, &keys[&buyer], seller).await;
                let id = opened["chat"]["id"].as_i64().unwrap();
                chats.push(Chat { id, seller, buyer });
            }
        }
        Self { keys, chats }
    }
}

/// A key of an account, as the server shows it once.
pub(super) async fn make_key(
    http: &reqwest::Client,
    url: &str,
    host_key: &str,
    account: i64,
) -> Value {
    let wanted =
        json!({"name": "test", "audience": "native", "scopes": ["chats:read", "chats:write"]});
    let keys = format!("{url}/api/v1/host/accounts/{account}/keys");
    call(http, "POST", &keys, host_key, Some(wanted)).await
}

/// A buyer's chat about the product of `seller`, begun now or before.
pub(super) async fn open_chat(
    http: &reqwest::Client,
    url: &str,
    buyer_key: &str,
    seller: i64,
) -> Value {
    let body = json!({"context": {"type": "product", "id": seller}});
    call(http, "POST", &format!("{url}/api/v1/chats"), buyer_key, Some(body)).await
}
