//! Every list is read from an index that answers it in order: the plans of the very statements that the queries run, on
//! tables that hold something, on new ones, and on tables that held a few rows when PostgreSQL looked at them last. It
//! keeps the plans of these for a minute after they have begun to grow, so they must not be worse.

mod batch;
mod names;
mod search;

use deadpool_postgres::Object;
use domain::chat::{ContextKind, Side};
use domain::id::{AccountId, ProductId};
use engine::store::{ActivityQuery, AgeQuery};
use local_services::Schema;
use tokio_postgres::SimpleQueryMessage;

use super::database::Database;
use super::{chats, connections, log, messages, migrate};
use crate::ranges;

/// Rows of a market with so many chats. Half of them belong to one seller, and most are of a kind; some have no message,
/// some are unread, some hidden.
fn rows(chats: u32) -> String {
    format!(
        "
    INSERT INTO chats SELECT id, gen_random_uuid(), CASE WHEN id % 2 = 0 THEN 1 ELSE 1 + id % 197 END, 1000 + id,
        CASE WHEN id % 10 = 0 THEN 2 ELSE 1 END, id, CASE WHEN id % 10 = 0 THEN id END, 1, 1, 0,
        CASE WHEN id % 10 = 1 THEN 0 ELSE 1000000 + id * 7919 % 20000 END, 0, 0, 0, FALSE,
        NULL, NULL, 0, CASE WHEN id % 20 = 0 THEN 1 ELSE 0 END, NULL, id % 50 = 0,
        NULL, NULL, 0, CASE WHEN id % 20 = 5 THEN 1 ELSE 0 END, NULL, id % 50 = 5,
        id % 10 = 3, id % 100 = 7, CASE WHEN id % 7 = 0 THEN 1 + id % 6 ELSE 3 END,
        id % 20 = 0, id % 20 = 5
        FROM generate_series(1, {chats}) AS id;
    INSERT INTO messages SELECT 1, CASE WHEN id % 3 = 0 THEN 2 ELSE id / 10 * 2 END, id, 1 + id % 2, 1, NULL, 'text', 0,
        NULL, 0, 0, 0 FROM generate_series(1, {chats}) AS id;
    INSERT INTO attachments SELECT 1, id, 'file', 'image/png', 1, '', TRUE, NULL, NULL, 0, id / 10 * 2, id, 0
        FROM generate_series(1, {chats}) AS id;
    INSERT INTO orders SELECT id, 1, 1000 + id, 1 + id % 10, NULL, 0 FROM generate_series(1, {chats}) AS id;
    INSERT INTO account_state SELECT id, 100, 0, 0, 0, 0 FROM generate_series(1, {chats}) AS id;
    INSERT INTO credential_revisions SELECT id, 1 FROM generate_series(1, {chats}) AS id;
    INSERT INTO log SELECT CASE WHEN id % 2 = 0 THEN 1 ELSE 1 + id % 197 END, id, 1, 1, 1, 1, NULL, 0
        FROM generate_series(1, {chats}) AS id;
    {LOOK}"
    )
}

const MANY: u32 = 10_000;
/// PostgreSQL looks at a table by itself when that many rows have changed.
const FEW: u32 = 60;

/// Makes PostgreSQL look at the tables.
const LOOK: &str =
    "ANALYZE chats, messages, attachments, orders, account_state, credential_revisions, log";

/// A connection of the store's own kind to tables of its own.
struct Planner {
    client: Object,
    _schema: Schema,
}

impl Planner {
    async fn with_rows(rows: &str) -> Self {
        let schema = local_services::fresh_schema().unwrap();
        let db = Database::new(connections::pool(schema.url(), 1).unwrap());
        migrate::migrate(&db).await.unwrap();
        let client = db.connection().await.unwrap();
        client.batch_execute(rows).await.unwrap();
        Self { client, _schema: schema }
    }

    /// The lines of the plan of `sql`, carried out with `values` if there are any.
    async fn explain(&self, sql: &str, values: Option<&str>) -> Vec<String> {
        let parameters = self.client.prepare(sql).await.unwrap().params().len();
        let nulls = vec!["NULL"; parameters].join(", ");
        let options = if values.is_some() { "ANALYZE, BUFFERS, COSTS OFF" } else { "COSTS OFF" };
        let values = values.unwrap_or(&nulls);
        self.client.batch_execute(&format!("PREPARE planned AS {sql}")).await.unwrap();
        let values = if parameters == 0 { String::new() } else { format!("({values})") };
        let explain = format!("EXPLAIN ({options}) EXECUTE planned {values}");
        let answer = self.client.simple_query(&explain).await.unwrap();
        self.client.batch_execute("DEALLOCATE planned").await.unwrap();
        let line = |message: &SimpleQueryMessage| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            row.get(0).map(str::to_owned)
        };
        answer.iter().filter_map(line).collect()
    }

    /// How many pages of tables and indexes `sql` looks at with `values`.
    async fn pages(&self, sql: &str, values: &str) -> u64 {
        let plan = self.explain(sql, Some(values)).await;
        let buffers = plan.iter().find_map(|line| line.trim().strip_prefix("Buffers: shared "));
        let counts = buffers.unwrap().split(' ').filter_map(|count| count.split_once('='));
        counts.map(|(_, pages)| pages.parse::<u64>().unwrap()).sum()
    }
}

/// The indexes that a plan reads with what it looks for in each, from top to bottom.
fn steps(plan: &[String]) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for line in plan {
        if let Some((_, index)) = line.split_once(" using ") {
            steps.push(index.split(' ').next().unwrap().to_owned());
        } else if let Some((_, index)) = line.split_once("Bitmap Index Scan on ") {
            steps.push(index.to_owned());
        } else if let Some(condition) = line.trim().strip_prefix("Index Cond: ") {
            let step = steps.last_mut().unwrap();
            // PostgreSQL calls a table that is read twice by another name the second time.
            *step = format!("{step} {}", condition.replace("chats_1.", "chats."));
        }
    }
    steps
}

/// The indexes of `steps` alone.
fn indexes_of(steps: &[String]) -> Vec<&str> {
    let indexes = steps.iter().map(|step| match step.split(' ').next().unwrap() {
        // Either finds one chat.
        "chats_by_id" => "chats_pkey",
        index => index,
    });
    indexes.collect()
}

/// Whether a plan reads only what it needs: no whole table, no more of a list than its limit, and what it sorts is the
/// outcome of something with a limit.
fn is_bounded(plan: &[String]) -> bool {
    let depth = |line: &str| line.find(|sign| sign != ' ').unwrap_or(0);
    // What stands above a line: by how much it is indented, and whether it wants all that is below.
    let mut above: Vec<(usize, bool)> = Vec::new();
    for line in plan {
        let depth = depth(line);
        while above.pop_if(|(upper, _)| depth <= *upper).is_some() {}
        let node = line.trim_start_matches([' ', '-', '>']);
        let is_whole = node.starts_with("Bitmap Heap Scan") && !above.is_empty();
        if node.starts_with("Seq Scan") || is_whole {
            return false;
        }
        if node == "Sort" {
            above.push((depth, true));
        } else if ["Limit", "InitPlan", "SubPlan"].iter().any(|less| node.starts_with(less)) {
            above.push((depth, false));
        } else if node.contains(" using ") && matches!(above.last(), Some((_, true))) {
            return false;
        }
    }
    true
}

async fn check(cases: &[(&str, &[&str])]) {
    check_with(rows, cases).await;
}

async fn check_with(rows: fn(u32) -> String, cases: &[(&str, &[&str])]) {
    for rows in [rows(MANY), rows(FEW), String::new()] {
        let planner = Planner::with_rows(&rows).await;
        for (sql, indexes) in cases {
            let plan = planner.explain(sql, None).await;
            assert_eq!(steps(&plan), *indexes, "{sql}: {plan:#?}");
            assert!(is_bounded(&plan), "{sql}: {plan:#?}");
        }
    }
}

fn activity(side: Option<Side>, unread_only: bool) -> String {
    chats::select_by_activity(&ActivityQuery {
        account: AccountId::new(1).unwrap(),
        side,
        over: None,
        unread_only,
        skip_hidden: side.is_some(),
        after: None,
        limit: 20,
    })
}

fn age(of_kinds: bool, of_things: bool, of_shops: bool) -> String {
    let thing = domain::chat::Context::Product(ProductId::new(1).unwrap());
    let query = AgeQuery {
        seller: AccountId::new(1).unwrap(),
        contexts: of_things.then(|| vec![thing]),
        context_kinds: of_kinds.then(|| vec![ContextKind::Product]),
        dispute: None,
        phases: None,
        shops: None,
        after: None,
        limit: 20,
    };
    chats::select_by_age(&ranges::by_age(&query), of_shops)
}

#[tokio::test]
async fn single_chats_are_found_by_each_of_their_names() {
    check(&[
        (chats::BY_IDS, &["chats_by_id (id = ANY ($1))"]),
        (chats::BY_PUBLIC_IDS, &["chats_by_public_id (public_id = ANY ($1))"]),
    ])
    .await;
}

#[tokio::test]
async fn lists_by_activity_are_ranges_of_an_index() {
    let range = |side: &str, hidden: bool, is_over: bool, has_unread: bool| {
        format!(
            "chats_of_{side}_by_activity (({side}_id = $1) AND ({side}_hidden = {hidden}) AND (is_over = {is_over}) \
             AND ({side}_has_unread = {has_unread}) AND (ROW(last_message_id, id) < ROW($2, $3)))"
        )
    };
    let mut of_both = Vec::new();
    for side in ["seller", "buyer"] {
        for hidden in [false, true] {
            for is_over in [false, true] {
                of_both.extend([false, true].map(|unread| range(side, hidden, is_over, unread)));
            }
        }
    }
    let unread = |side| [false, true].map(|is_over| range(side, false, is_over, true));
    let (unread, unread_bought) = (unread("seller"), unread("buyer"));
    let of_both: Vec<&str> = of_both.iter().map(String::as_str).collect();
    check(&[
        (&activity(None, false), &of_both),
        (&activity(Some(Side::Seller), true), &unread.each_ref().map(String::as_str)),
        (&activity(Some(Side::Buyer), true), &unread_bought.each_ref().map(String::as_str)),
    ])
    .await;
}

#[tokio::test]
async fn lists_by_age_are_ranges_of_an_index() {
    const WHOLE: &str = "chats_pkey ((ROW(seller_id, id) > ROW($1, $2)) AND (seller_id <= $1))";
    const CELL: &str = "chats_of_seller_by_facets ((seller_id = $1) AND (is_dispute = cell.dispute) \
         AND (context_kind = cell.kind) AND (ROW(phase, id) > ROW(cell.phase, $2)) AND (phase <= cell.phase))";
    const THING: &str = "chats_of_seller_by_context ((seller_id = $1) AND (context_kind = context.kind) \
         AND (ROW(context_id, id) > ROW(context.id, $2)) AND (context_id <= context.id))";
    const SHOP: &str = "orders_pkey (id = chats.order_id)";
    const CHAT: &str = "chats_pkey ((seller_id = $1) AND (id >= chats.id))";
    check(&[
        (&age(false, false, false), &[WHOLE]),
        (&age(false, false, true), &[WHOLE, SHOP]),
        (&age(true, false, false), &[CELL, CHAT]),
        (&age(true, false, true), &[CELL, SHOP, CHAT]),
        (&age(true, true, false), &[THING, CHAT]),
        (&age(true, true, true), &[THING, SHOP, CHAT]),
    ])
    .await;
}

#[tokio::test]
async fn histories_and_attachments_are_found_by_their_chat() {
    check(&[
        (
            messages::FORWARD,
            &["messages_pkey ((seller_id = $1) AND (chat_id = $2) AND (id >= $3))"],
        ),
        (
            messages::BACKWARD,
            &["messages_pkey ((seller_id = $1) AND (chat_id = $2) AND (id <= $3))"],
        ),
        (
            messages::BY_IDS,
            &["messages_pkey ((seller_id = wanted.seller) AND (chat_id = wanted.chat) AND (id = wanted.message))"],
        ),
        (
            messages::WITH_CHATS,
            &[
                "messages_pkey ((seller_id = wanted.seller) AND (chat_id = wanted.chat) AND (id = wanted.message))",
                "chats_pkey ((seller_id = wanted.seller) AND (id >= wanted.chat))",
            ],
        ),
        (
            messages::ATTACHMENTS_OF,
            &["attachments_of_messages ((chat_id = wanted.chat) AND (message_id = wanted.message))"],
        ),
        (messages::ATTACHMENT_BY_ID, &["attachments_by_id (id = $1)"]),
        (
            messages::ATTACHMENT_IN_CHAT,
            &["attachments_by_id (id = $1)", "chats_by_id (id = attachments.chat_id)"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn logs_are_ranges_of_their_table() {
    check(&[
        (
            log::PAGES,
            &[
                "log_pkey ((account_id = wanted.account) AND (sequence > wanted.after))",
                "account_state_pkey (account_id = wanted.account)",
                "log_pkey (account_id = wanted.account)",
            ],
        ),
        (
            log::PULSES,
            &[
                "account_state_pkey (account_id = account.account)",
                "credential_revisions_pkey (account_id = account.account)",
            ],
        ),
        (log::UNREAD, &["account_state_pkey (account_id = $1)"]),
        (
            log::NEXT_ACCOUNTS,
            &[
                "account_state_pkey (account_id > $2)",
                "log_pkey (account_id = account_state.account_id)",
            ],
        ),
        (
            log::FORGET,
            &[
                "log_pkey (account_id = $1)",
                "log_pkey ((account_id = $1) AND (sequence <= COALESCE($1, $2)))",
            ],
        ),
    ])
    .await;
}

/// Twenty chats of the seller of five thousand, from the middle of the list.
#[tokio::test]
async fn a_page_of_a_long_list_costs_what_it_shows() {
    const PAGES_MAX: u64 = 400;
    let planner = Planner::with_rows(&rows(MANY)).await;
    for (sql, values) in [
        (activity(None, false), "1, 1010000, 1, 20"),
        (activity(None, false), "1, 0, 5000, 20"),
        (activity(Some(Side::Seller), true), "1, 1010000, 1, 20"),
        (age(false, false, false), "1, 5000, 20"),
        (age(true, false, false), "1, 5000, 20, '{f,f,t,t}', '{1,2,1,2}', '{3,4,3,4}'"),
        (age(true, true, false), "1, 10, 20, '{1,1}', '{4000,4002}', '{f,t}', '{1,2,3}'"),
    ] {
        let pages = planner.pages(&sql, values).await;
        assert!(pages < PAGES_MAX, "{pages} pages for {sql}");
    }
}
