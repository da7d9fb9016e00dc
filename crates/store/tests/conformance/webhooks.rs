//! Webhooks: what is kept of them, who holds them, how far they have come, what was delivered.

use std::time::Duration;

use domain::account::Account;
use domain::catalog::Fact;
use domain::id::{AccountId, WebhookId};
use engine::store::{
    Delivery, DeliveryOutcome, NotStored, ProgressChange, ResumeFrom, Store, UrlUse, WaitingPush,
    Webhook, WebhookHealth, WebhookState,
};

use crate::setup::{Place, a_chat, account_facts, at, buyer, chat_id, put, say, seller};

/// Longer than any case runs.
const LONG: Duration = Duration::from_mins(10);

pub(crate) fn webhook(account: AccountId, name: &str) -> Webhook {
    Webhook {
        id: WebhookId::LARGEST,
        account,
        format: "native".to_owned(),
        url: "https://shop.example.org/hook".to_owned(),
        url_is_exact: true,
        name: name.to_owned(),
        types: vec!["message.created".to_owned(), "chat.read".to_owned()],
        secret: [7; 32],
        previous_secret: Some(([6; 32], at(60))),
        state: WebhookState::Active,
        created_at: at(1),
    }
}

async fn create(store: &dyn Store, account: AccountId, name: &str) -> Webhook {
    store.create_webhook(&webhook(account, name), 10, UrlUse::Shared).await.unwrap().unwrap()
}

async fn replace(store: &dyn Store, before: &Webhook, after: &Webhook) -> Result<(), NotStored> {
    store.replace_webhook(before, after, UrlUse::Shared).await.unwrap()
}

/// The webhooks that are `holder`'s for `term`.
async fn lease(store: &dyn Store, holder: &str, term: Duration) -> Vec<Webhook> {
    let leased = store.lease_webhooks(holder, &["ozon", "native"], term).await.unwrap();
    leased.into_iter().map(|leased| leased.webhook).collect()
}

/// Nothing new, based on what stands there now.
async fn change(store: &dyn Store, webhook: &Webhook) -> ProgressChange {
    let (_, progress) = store.webhook(webhook.account, webhook.id).await.unwrap().unwrap();
    ProgressChange {
        account: webhook.account,
        webhook: webhook.id,
        revision: progress.revision,
        position: progress.position,
        health: progress.health,
        waiting: vec![],
        settled: vec![],
        deliveries: vec![],
        switches_off: false,
    }
}

fn waiting(sequence: i64, attempts: u32) -> WaitingPush {
    WaitingPush { sequence, chat: Some(chat_id(5)), attempts, next_attempt_at: at(sequence) }
}

fn delivery(webhook: &Webhook, second: i64) -> Delivery {
    Delivery {
        id: 0,
        webhook: webhook.id,
        sequence: Some(3),
        kind: "message.created".to_owned(),
        attempt: 2,
        at: at(second),
        duration_ms: 120,
        status: Some(503),
        outcome: DeliveryOutcome::Failed,
        reason: "HTTP".to_owned(),
        response: "закрыто".to_owned(),
    }
}

async fn seconds(store: &dyn Store, webhook: &Webhook) -> Vec<i64> {
    let deliveries = store.deliveries(webhook.account, webhook.id, None, 10_000).await.unwrap();
    deliveries.iter().map(|delivery| delivery.at.as_second() - at(0).as_second()).collect()
}

pub(crate) async fn webhooks_are_kept_whole(place: Place) {
    let store = place.open().await;
    let first = create(&*store, seller(), "first").await;
    let plain =
        Webhook {
            types: vec![], previous_secret: None, ..webhook(seller(), "second, без типов")
        };
    let second = store.create_webhook(&plain, 10, UrlUse::Shared).await.unwrap().unwrap();
    assert_eq!(second, Webhook { id: second.id, ..plain });
    let others = create(&*store, buyer(), "others").await;
    assert!(first.id < second.id && second.id < others.id);
    assert_eq!(store.webhooks_of(seller()).await.unwrap(), [first.clone(), second.clone()]);
    let (found, _) = store.webhook(seller(), first.id).await.unwrap().unwrap();
    assert_eq!(found, first);
    assert_eq!(store.webhook(buyer(), first.id).await.unwrap(), None);

    let changed = Webhook { url: "http://other.example.org/".to_owned(), ..first.clone() };
    assert_eq!(replace(&*store, &first, &changed).await, Ok(()));
    let outdated = replace(&*store, &first, &first).await;
    assert_eq!(outdated, Err(NotStored::Outdated), "another one stands there");
    assert_eq!(store.webhooks_of(seller()).await.unwrap(), [changed.clone(), second.clone()]);

    assert!(!store.delete_webhook(buyer(), first.id).await.unwrap());
    assert!(store.delete_webhook(seller(), first.id).await.unwrap());
    assert!(!store.delete_webhook(seller(), first.id).await.unwrap());
    assert_eq!(replace(&*store, &changed, &first).await, Err(NotStored::Outdated));
    assert!(store.delete_webhook(seller(), second.id).await.unwrap());
    // A number is never given out twice: the logs of accounts name it.
    assert!(others.id < create(&*store, seller(), "third").await.id);
}

pub(crate) async fn an_account_has_so_many_webhooks_and_no_more(place: Place) {
    let store = place.open().await;
    let new = webhook(seller(), "");
    let creating = (0..8).map(|_| store.create_webhook(&new, 3, UrlUse::Shared));
    let created = futures_util::future::join_all(creating).await;
    let count = created.into_iter().filter(|created| created.as_ref().unwrap().is_ok()).count();
    assert_eq!((count, store.webhooks_of(seller()).await.unwrap().len()), (3, 3));
    let others = store.create_webhook(&webhook(buyer(), ""), 3, UrlUse::Shared).await.unwrap();
    assert!(others.is_ok());
}

pub(crate) async fn a_url_that_is_to_be_told_once_is_stored_once(place: Place) {
    let store = place.open().await;
    let new = webhook(seller(), "");
    let creating = (0..8).map(|_| store.create_webhook(&new, 10, UrlUse::Sole));
    let created = futures_util::future::join_all(creating).await;
    let stored: Vec<_> = created.into_iter().map(Result::unwrap).filter_map(Result::ok).collect();
    let [first] = &*stored else { panic!("{stored:#?}") };

    // Another account, another format, another URL.
    let create = async |new: Webhook| store.create_webhook(&new, 10, UrlUse::Sole).await.unwrap();
    assert!(create(webhook(buyer(), "")).await.is_ok());
    assert!(create(Webhook { format: "ozon".to_owned(), ..new.clone() }).await.is_ok());
    let url = "https://shop.example.org/second".to_owned();
    let second = create(Webhook { url, ..new.clone() }).await.unwrap();

    let same = Webhook { url: first.url.clone(), ..second.clone() };
    let sole = async |before: &Webhook, after: &Webhook| {
        store.replace_webhook(before, after, UrlUse::Sole).await.unwrap()
    };
    assert_eq!(sole(&second, &same).await, Err(NotStored::UrlTaken));
    let renamed =
        Webhook { name: "its own URL does not stand in its way".to_owned(), ..second.clone() };
    assert_eq!(sole(&second, &renamed).await, Ok(()));
    assert!(store.delete_webhook(seller(), first.id).await.unwrap());
    assert_eq!(sole(&renamed, &same).await, Ok(()));
}

pub(crate) async fn nobody_pushes_for_an_account_that_is_out_of_use(place: Place) {
    let store = place.open().await;
    let [one, two] =
        [create(&*store, seller(), "one").await, create(&*store, buyer(), "two").await];
    assert_eq!(lease(&*store, "a", LONG).await, [one.clone(), two.clone()]);
    let put_in_use = async |is_active| {
        let account = Account { is_active, ..account_facts(seller()) };
        put(&*store, vec![Fact::Account(Box::new(account), None)]).await;
    };
    put_in_use(false).await;
    assert_eq!(lease(&*store, "a", LONG).await, std::slice::from_ref(&two));
    put_in_use(true).await;
    assert_eq!(lease(&*store, "a", LONG).await, [one, two]);
}

pub(crate) async fn a_webhook_begins_behind_the_newest_entry(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    say(&*store, buyer(), chat, "ну", 1).await;
    let webhook = create(&*store, seller(), "").await;
    let (_, progress) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!((progress.position, progress.waiting), (2, vec![]));
    assert_eq!(progress.health, WebhookHealth::unknown(webhook.created_at));
    let nobodys = create(&*store, crate::setup::account(404), "").await;
    let (_, progress) = store.webhook(nobodys.account, nobodys.id).await.unwrap().unwrap();
    assert_eq!(progress.position, 0);
}

pub(crate) async fn a_lease_is_respected_until_it_runs_out(place: Place) {
    let store = place.open().await;
    let [one, two] =
        [create(&*store, seller(), "one").await, create(&*store, buyer(), "two").await];
    let paused = create(&*store, seller(), "paused").await;
    let pausing = Webhook { state: WebhookState::Paused, ..paused.clone() };
    assert_eq!(replace(&*store, &paused, &pausing).await, Ok(()));
    let both = [one.clone(), two.clone()];

    assert_eq!(lease(&*store, "a", LONG).await, both);
    assert_eq!(lease(&*store, "b", LONG).await, []);
    assert_eq!(lease(&*store, "a", LONG).await, both, "renewed");
    store.release_webhook("b", seller(), one.id).await.unwrap();
    assert_eq!(lease(&*store, "b", LONG).await, [], "it was not b's to release");
    store.release_webhook("a", seller(), one.id).await.unwrap();
    assert_eq!(lease(&*store, "b", LONG).await, [one]);

    let foreign = store.lease_webhooks("c", &["yandex-market"], Duration::ZERO).await.unwrap();
    assert_eq!(foreign, [], "nobody can push in their format there");
    // A holder that is gone in a moment.
    assert_eq!(lease(&*store, "a", Duration::ZERO).await, std::slice::from_ref(&two));
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(lease(&*store, "b", LONG).await.len(), 2);
    assert!(!store.save_progress("a", change(&*store, &two).await).await.unwrap());
}

pub(crate) async fn one_of_many_gets_the_lease(place: Place) {
    let store = place.open().await;
    create(&*store, seller(), "").await;
    let holders: Vec<_> = (0..8).map(|holder| holder.to_string()).collect();
    let leasing = holders.iter().map(|holder| lease(&*store, holder, LONG));
    let leased = futures_util::future::join_all(leasing).await;
    assert_eq!(leased.iter().filter(|leased| leased.len() == 1).count(), 1);
}

pub(crate) async fn progress_is_saved_by_who_holds_the_lease(place: Place) {
    let store = place.open().await;
    let webhook = create(&*store, seller(), "").await;
    let first = ProgressChange {
        position: 9,
        health: WebhookHealth {
            failing_since: Some(at(30)),
            was_reached: true,
            has_alarmed: true,
            pinged_at: at(31),
            counted_since: at(32),
            attempts: 12,
            answered_200: 5,
        },
        waiting: vec![waiting(3, 2), WaitingPush { chat: None, ..waiting(9, 1) }, waiting(7, 0)],
        deliveries: vec![delivery(&webhook, 1)],
        ..change(&*store, &webhook).await
    };
    assert!(!store.save_progress("a", first.clone()).await.unwrap(), "nobody holds it");
    assert_eq!(seconds(&*store, &webhook).await, [0_i64; 0]);
    lease(&*store, "a", LONG).await;
    assert!(!store.save_progress("b", first.clone()).await.unwrap());
    assert!(store.save_progress("a", first.clone()).await.unwrap());
    let (_, progress) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!((progress.position, progress.health), (9, first.health));
    let by_sequence = [waiting(3, 2), waiting(7, 0), WaitingPush { chat: None, ..waiting(9, 1) }];
    assert_eq!(progress.waiting, by_sequence);

    let second = ProgressChange {
        position: 10,
        waiting: vec![waiting(7, 4), waiting(10, 1)],
        settled: vec![3, 9],
        deliveries: vec![delivery(&webhook, 2), delivery(&webhook, 3)],
        ..change(&*store, &webhook).await
    };
    assert!(store.save_progress("a", second).await.unwrap());
    let (_, progress) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!(progress.waiting, [waiting(7, 4), waiting(10, 1)]);
    assert_eq!(seconds(&*store, &webhook).await, [3, 2, 1]);
}

pub(crate) async fn what_was_read_before_a_move_cannot_be_saved(place: Place) {
    let store = place.open().await;
    let webhook = create(&*store, seller(), "").await;
    lease(&*store, "a", LONG).await;
    let begun = ProgressChange {
        position: 20,
        waiting: vec![waiting(3, 8)],
        ..change(&*store, &webhook).await
    };
    assert!(store.save_progress("a", begun.clone()).await.unwrap());

    assert!(!store.move_webhook(buyer(), webhook.id, 4).await.unwrap());
    assert!(store.move_webhook(seller(), webhook.id, 4).await.unwrap());
    let (_, progress) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!((progress.position, progress.waiting), (4, vec![]));
    assert_ne!(progress.revision, begun.revision);
    let leased = store.lease_webhooks("a", &["native"], LONG).await.unwrap();
    assert_eq!(leased[0].revision, progress.revision);
    assert!(!store.save_progress("a", begun).await.unwrap(), "outdated");
    assert!(store.save_progress("a", change(&*store, &webhook).await).await.unwrap());
}

pub(crate) async fn a_webhook_is_switched_off_and_on(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let webhook = create(&*store, seller(), "").await;
    lease(&*store, "a", LONG).await;
    let failing = ProgressChange {
        position: 20,
        health: WebhookHealth { failing_since: Some(at(3)), ..WebhookHealth::unknown(at(2)) },
        waiting: vec![waiting(3, 8)],
        switches_off: true,
        ..change(&*store, &webhook).await
    };
    assert!(store.save_progress("a", failing.clone()).await.unwrap());
    let (off, _) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!(off, Webhook { state: WebhookState::SwitchedOff, ..webhook.clone() });
    assert_eq!(lease(&*store, "a", LONG).await, []);
    assert!(!store.save_progress("a", failing).await.unwrap());

    // By the one who saw it switched off, and only once.
    assert!(!store.switch_on_webhook(&webhook, ResumeFrom::Position, at(50)).await.unwrap());
    assert!(store.switch_on_webhook(&off, ResumeFrom::Position, at(50)).await.unwrap());
    assert!(!store.switch_on_webhook(&off, ResumeFrom::Position, at(51)).await.unwrap());
    let (on, progress) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!(on, webhook);
    assert_eq!((progress.position, progress.health), (20, WebhookHealth::unknown(at(50))));
    assert_eq!(progress.waiting, [WaitingPush { next_attempt_at: at(50), ..waiting(3, 0) }]);
    // Others may take it at once.
    assert_eq!(lease(&*store, "b", LONG).await, std::slice::from_ref(&on));

    say(&*store, buyer(), chat, "ну", 60).await;
    assert!(store.switch_on_webhook(&on, ResumeFrom::Newest, at(61)).await.unwrap());
    let (_, progress) = store.webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!((progress.position, progress.waiting), (2, vec![]));
}

pub(crate) async fn deliveries_are_paged_from_new_to_old(place: Place) {
    let store = place.open().await;
    let [one, two] = [create(&*store, seller(), "").await, create(&*store, seller(), "").await];
    let ping = Delivery { sequence: None, status: None, ..delivery(&one, 1) };
    store.add_delivery(seller(), &ping).await.unwrap();
    for second in 2..=5 {
        store.add_delivery(seller(), &delivery(&one, second)).await.unwrap();
        store.add_delivery(seller(), &delivery(&two, second + 100)).await.unwrap();
    }
    let first = store.deliveries(seller(), one.id, None, 2).await.unwrap();
    let rest = store.deliveries(seller(), one.id, Some(first[1].id), 9).await.unwrap();
    assert!(first[0].id > first[1].id);
    assert_eq!(rest.len(), 3);
    assert_eq!(rest[2], Delivery { id: rest[2].id, ..ping });
    assert_eq!(store.deliveries(buyer(), one.id, None, 9).await.unwrap(), []);

    assert!(store.delete_webhook(seller(), one.id).await.unwrap());
    assert_eq!(seconds(&*store, &one).await, [0_i64; 0]);
    assert_eq!(seconds(&*store, &two).await, [105, 104, 103, 102]);
}

pub(crate) async fn old_deliveries_are_forgotten(place: Place) {
    let store = place.open().await;
    let webhook = create(&*store, seller(), "").await;
    lease(&*store, "a", LONG).await;
    // More than are forgotten at once, and then some of which one lies behind a younger one.
    let many = (0..1200).map(|_| delivery(&webhook, 1));
    let deliveries = many.chain([20, 40, 30, 50].map(|second| delivery(&webhook, second)));
    let change =
        ProgressChange { deliveries: deliveries.collect(), ..change(&*store, &webhook).await };
    assert!(store.save_progress("a", change).await.unwrap());
    store.forget_deliveries(at(35)).await.unwrap();
    assert_eq!(seconds(&*store, &webhook).await, [50, 30, 40]);
    store.forget_deliveries(at(51)).await.unwrap();
    assert_eq!(seconds(&*store, &webhook).await, [0_i64; 0]);
}
