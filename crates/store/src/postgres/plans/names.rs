//! The plans of what is not a chat: facts, keys, sessions and webhooks.

use super::super::webhooks::{deliveries, leases, progress, subscriptions};
use super::super::{access, accounts, facts, orders};
use super::{FEW, MANY, Planner, check_with, steps};

/// Rows of a market with so many things of each kind, half of which belong to one account.
fn rows(things: u32) -> String {
    format!(
        "
    CREATE TEMPORARY TABLE things AS SELECT id, CASE WHEN id % 2 = 0 THEN 1 ELSE 1 + id % 197 END AS owner,
        sha256(id::TEXT::BYTEA) AS hash FROM generate_series(1, {things}) AS id;
    INSERT INTO accounts SELECT id, 1, '', NULL, NULL, NULL, 0, 0, 0, id::TEXT, FALSE, NULL, id % 100 <> 0, FALSE, '{{}}',
        id::TEXT, NULL FROM things;
    INSERT INTO members SELECT id, owner, '', 1 FROM things;
    INSERT INTO shops SELECT id, owner, '', 1 FROM things;
    INSERT INTO products SELECT id, owner, NULL, '', 1, NULL, '{{}}' FROM things;
    INSERT INTO orders SELECT id, owner, id, id, NULL, 0 FROM things;
    INSERT INTO order_items SELECT id, 0, id, 1 FROM things;
    INSERT INTO postings SELECT id::TEXT, id, NULL, NULL, NULL FROM things;
    INSERT INTO returns SELECT id, id, 0 FROM things;
    INSERT INTO api_keys SELECT gen_random_uuid(), CASE WHEN id % 10 <> 0 THEN owner END, NULL, '', '', hash, TRUE, TRUE,
        NULL, '', id, NULL, NULL FROM things;
    INSERT INTO sessions SELECT id::TEXT, owner, hash, '', '', 0, id, 0 FROM things;
    INSERT INTO webhooks (account_id, format, url, url_is_exact, name, types, secret, state, created_at)
        SELECT owner, 'native', id::TEXT, TRUE, '', '', hash, 1 + id % 3, 0 FROM things;
    INSERT INTO webhook_progress SELECT owner, id, 1, 0, NULL, FALSE, FALSE, 0, 0, 0, 0, NULL, 0 FROM things;
    INSERT INTO waiting_pushes SELECT owner, id, 1, NULL, 0, 0 FROM things;
    INSERT INTO deliveries (account_id, webhook_id, kind, attempt, at, duration_ms, outcome, reason, response)
        SELECT owner, 1 + id % 3, '', 1, id, 1, 1, '', '' FROM things;
    DROP TABLE things;
    ANALYZE accounts, members, shops, products, orders, order_items, postings, returns, api_keys, sessions, webhooks,
        webhook_progress, waiting_pushes, deliveries"
    )
}

#[tokio::test]
async fn facts_are_found_by_their_names() {
    check_with(
        rows,
        &[
            (accounts::ACCOUNTS, &["accounts_pkey (id = ANY ($1))"]),
            (accounts::ACCOUNT_BY_EMAIL, &["accounts_email_folded_key (email_folded = $1)"]),
            (facts::MEMBER, &["members_pkey (id = $1)"]),
            (facts::SHOPS, &["shops_pkey (id = ANY ($1))"]),
            (facts::SHOPS_OF_SELLER, &["shops_of_seller ((seller_id = $1) AND (id > $2))"]),
            (facts::PRODUCTS, &["products_pkey (id = ANY ($1))"]),
            (orders::ORDERS_OF_POSTINGS, &["postings_pkey (number = ANY ($1))"]),
            (orders::RETURNS, &["returns_pkey (id = ANY ($1))"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn keys_and_sessions_are_ranges_of_an_index() {
    check_with(
        rows,
        &[
            (
                access::KEYS_BY_HASH,
                &[
                    "api_keys_secret_hash_key (secret_hash = ANY ($1))",
                    "accounts_pkey (id = api_keys.account_id)",
                ],
            ),
            (access::KEYS_OF_ACCOUNT, &["api_keys_of_account (account_id = $1)"]),
            (access::KEYS_OF_MARKETPLACE, &["api_keys_of_account (account_id IS NULL)"]),
            (access::SESSION_BY_HASH, &["sessions_token_hash_key (token_hash = $1)"]),
            (access::SESSIONS_OF_ACCOUNT, &["sessions_of_account (account_id = $1)"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn webhooks_and_their_deliveries_are_ranges_of_an_index() {
    check_with(
        rows,
        &[
            (subscriptions::OF_ACCOUNT, &["webhooks_of_account (account_id = $1)"]),
            (
                progress::PROGRESS,
                &["webhook_progress_pkey ((account_id = $1) AND (webhook_id = $2))"],
            ),
            (progress::WAITING, &["waiting_pushes_pkey ((account_id = $1) AND (webhook_id = $2))"]),
            (
                deliveries::PAGE,
                &["deliveries_of_webhook ((account_id = $1) AND (webhook_id = $2) AND (id < $3))"],
            ),
            (deliveries::OLDEST, &["deliveries_pkey"]),
        ],
    )
    .await;
}

/// What these sort is what they answer: as much as the caller has asked for. (Who looks for webhooks that nobody holds
/// looks at all that are active, `leases::TAKE`.)
#[tokio::test]
async fn no_table_is_read_as_a_whole() {
    for rows in [rows(MANY), rows(FEW), String::new()] {
        let planner = Planner::with_rows(&rows).await;
        for sql in [
            orders::ORDERS,
            orders::ITEMS,
            orders::POSTINGS,
            accounts::STANDINGS,
            subscriptions::BY_ID,
            subscriptions::COUNT,
            subscriptions::WITH_URL,
            leases::RENEW,
        ] {
            let plan = planner.explain(sql, None).await;
            assert!(!plan.iter().any(|line| line.contains("Seq Scan")), "{sql}: {plan:#?}");
            let steps = steps(&plan);
            let are_searches =
                steps.iter().all(|step| step.contains(" (") || step == "active_webhooks");
            assert!(!steps.is_empty() && are_searches, "{sql}: {plan:#?}");
        }
    }
}
