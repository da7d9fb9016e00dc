//! The list of campaigns and the token's own card (§11).

use dialect_yandex_market::{AUDIENCE, OAUTH_AUDIENCE};
use domain::catalog::{Fact, Model, Shop};
use domain::id::ShopId;
use serde_json::{Value, json};
use testkit::{OTHER_SELLER, SELLER, shop_of};

use super::{Cabinet, Reply, send};

async fn campaigns(cabinet: &Cabinet, query: &str) -> Reply {
    send(cabinet.bare("GET", &format!("/v2/campaigns{query}")).header("Api-Key", &cabinet.key))
        .await
}

fn ids(reply: &Value) -> Vec<i64> {
    reply["campaigns"].as_array().unwrap().iter().map(|shop| shop["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn campaigns_are_the_cabinet_s_shops_without_a_result_wrapper() {
    let cabinet = Cabinet::open().await;
    let reply = campaigns(&cabinet, "").await;
    assert_eq!(reply.status, 200);
    let shop = |model: Model, placement: &str| {
        json!({
            "id": shop_of(model).get(), "domain": format!("Магазин {model:?}"), "placementType": placement,
            "business": {"id": SELLER.get(), "name": "Невский Разбор"}, "apiAvailability": "AVAILABLE",
        })
    };
    let expected = json!({
        "campaigns": [
            shop(Model::Fbo, "FBY"), shop(Model::Fbs, "FBS"), shop(Model::Rfbs, "DBS"),
            shop(Model::Dbs, "DBS"), shop(Model::Express, "FBS"), shop(Model::Laas, "LAAS"),
        ],
        "paging": {},
    });
    assert_eq!(reply.json(), expected);
    for path in
        ["/campaigns", "/campaigns.json", "/v2/campaigns.json", "/yandex-market/v2/campaigns"]
    {
        let reply = send(cabinet.bare("GET", path).header("Api-Key", &cabinet.key)).await;
        assert_eq!(reply.json(), expected, "{path}");
    }
    let stranger = cabinet.server.key(OTHER_SELLER, AUDIENCE).await;
    let reply = send(cabinet.bare("GET", "/v2/campaigns").header("Api-Key", stranger)).await;
    assert_eq!(reply.json(), json!({"campaigns": [], "paging": {}}));
}

#[tokio::test]
async fn campaigns_are_paged_by_token_and_by_number() {
    let cabinet = Cabinet::open().await;
    let all = ids(&campaigns(&cabinet, "").await.json());
    let first = campaigns(&cabinet, "?limit=4").await.json();
    let token = first["paging"]["nextPageToken"].as_str().unwrap();
    let second = campaigns(&cabinet, &format!("?limit=4&pageToken={token}")).await.json();
    assert_eq!([ids(&first), ids(&second)].concat(), all);
    assert_eq!(second["paging"], json!({}));

    let first = campaigns(&cabinet, "?page=1&pageSize=4").await.json();
    let second = campaigns(&cabinet, "?page=2&pageSize=4").await.json();
    assert_eq!([ids(&first), ids(&second)].concat(), all);
    assert_eq!(
        second["pager"],
        json!({"total": 6, "from": 5, "to": 6, "currentPage": 2, "pagesCount": 2, "pageSize": 4})
    );
    // Each of the two has a default; beyond the last page there is nothing, from nowhere to nowhere.
    let sized = campaigns(&cabinet, "?pageSize=4").await.json();
    assert_eq!((ids(&sized), &sized["pager"]["currentPage"]), (ids(&first), &json!(1)));
    let beyond = campaigns(&cabinet, "?page=2147483647").await.json();
    assert_eq!(ids(&beyond), Vec::<i64>::new());
    assert_eq!(
        beyond["pager"],
        json!({
            "total": 6, "from": 0, "to": 0, "currentPage": 2_147_483_647, "pagesCount": 1, "pageSize": 100,
        })
    );

    for (query, message) in [
        ("?limit=0", "limit must be greater than or equal to 1 (rejected value: 0)"),
        ("?limit=101", "Parameter limit must be less than or equal to 100 (rejected value: 101)"),
        ("?pageToken=x", "Bad page token"),
        ("?page=0", "page must be greater than or equal to 1 (rejected value: 0)"),
        ("?page=1&pageSize=-1", "pageSize must be greater than or equal to 1 (rejected value: -1)"),
        ("?page=x", "Type mismatch: 'x'"),
        ("?pageSize=x", "Type mismatch: 'x'"),
    ] {
        campaigns(&cabinet, query).await.is_error(400, "BAD_REQUEST", message);
    }
}

#[tokio::test]
async fn an_oauth_user_sees_their_shops_on_full_pages() {
    let cabinet = Cabinet::open().await;
    let foreign = Shop {
        id: ShopId::new(5).unwrap(),
        seller: OTHER_SELLER,
        name: "Чужой".to_owned(),
        model: Model::Fbs,
    };
    cabinet.server.put(vec![Fact::Shop(foreign)]).await;
    let mine = [shop_of(Model::Fbo), shop_of(Model::Laas)];
    let shops = Some(vec![mine[1], ShopId::new(5).unwrap(), mine[0]]);
    let token = cabinet.server.key_with(SELLER, OAUTH_AUDIENCE, |key| key.shops = shops).await;
    let list = async |query: String| {
        let request = cabinet.bare("GET", &format!("/v2/campaigns{query}"));
        send(request.header("Authorization", format!("Bearer {token}"))).await.json()
    };
    let mine = mine.map(ShopId::get);
    assert_eq!(ids(&list(String::new()).await), mine);
    let first = list("?limit=1".to_owned()).await;
    let next = first["paging"]["nextPageToken"].as_str().unwrap();
    let second = list(format!("?limit=1&pageToken={next}")).await;
    assert_eq!([ids(&first), ids(&second)].concat(), mine);
    assert_eq!(second["paging"], json!({}));
}

#[tokio::test]
async fn a_token_tells_its_name_and_scopes() {
    let cabinet = Cabinet::open().await;
    let info =
        async |key: &str| send(cabinet.bare("POST", "/v2/auth/token").header("Api-Key", key)).await;
    for (name, shown, can_read, can_write, scope) in [
        ("CRM", "CRM".to_owned(), true, true, "COMMUNICATION"),
        ("Отчёты", "Отчёты".to_owned(), true, false, "ALL_METHODS_READ_ONLY"),
        ("", "Api-Key".to_owned(), false, true, "COMMUNICATION"),
        ("ж".repeat(150).leak(), "ж".repeat(100), true, true, "COMMUNICATION"),
    ] {
        let key = cabinet.server.key_with(SELLER, AUDIENCE, |key| {
            name.clone_into(&mut key.name);
            (key.can_read, key.can_write) = (can_read, can_write);
        });
        let reply = info(&key.await).await;
        let expected = json!({
            "status": "OK", "result": {"apiKey": {"name": shown, "authScopes": [scope]}},
        });
        assert_eq!(reply.json(), expected);
        assert_eq!(reply.header("X-RateLimit-Resource-Limit"), Some("100"));
    }
    let useless = cabinet
        .server
        .key_with(SELLER, AUDIENCE, |key| (key.can_read, key.can_write) = (false, false))
        .await;
    assert_eq!(info(&useless).await.status, 403);
}

#[tokio::test]
async fn only_an_api_key_has_a_card() {
    let cabinet = Cabinet::open().await;
    let oauth = format!("Bearer {}", cabinet.server.key(SELLER, OAUTH_AUDIENCE).await);
    let reply = send(cabinet.bare("POST", "/auth/token").header("Authorization", oauth)).await;
    reply.is_error(401, "UNAUTHORIZED", "Api-Key token is not specified");
    let reply = send(cabinet.bare("POST", "/auth/token")).await;
    reply.is_error(401, "UNAUTHORIZED", "Credentials are not specified");
}
