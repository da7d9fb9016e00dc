//! Several servers that share a store and want the same at the same moment.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::account::Account;
use domain::catalog::{Fact, Model, Order};
use engine::store::{
    ApiKey, FIRST_OWN_ACCOUNT, FactConflict, KeyConflict, NotStored, ProgressChange, Session,
    UrlUse, WaitingPush, Webhook, WebhookState,
};

use crate::access::{key, session};
use crate::setup::{
    Opened, Place, account, account_facts, at, buyer, order, product, put, seller, shop,
};
use crate::webhooks::webhook;

/// Longer than any case runs.
const LONG: Duration = Duration::from_mins(10);

/// Two servers on one store.
async fn servers(place: &Place) -> [Opened; 2] {
    [place.open().await, place.open().await]
}

/// What `count` tasks answer that run at the same time, on one server and the other in turns.
async fn at_once<F>(
    servers: &[Opened; 2],
    count: usize,
    task: impl Fn(usize, Opened) -> F,
) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let stores = servers.iter().cycle().map(Arc::clone);
    let tasks: Vec<_> =
        (0..count).zip(stores).map(|(nth, store)| tokio::spawn(task(nth, store))).collect();
    futures_util::future::try_join_all(tasks).await.unwrap()
}

fn with_email(id: i64, email: &str) -> Account {
    Account { email: Some(email.to_owned()), ..account_facts(account(id)) }
}

pub(crate) async fn the_same_facts_are_pushed_by_many(place: Place) {
    /// Of each kind.
    const FACTS: i64 = 60;
    let servers = servers(&place).await;
    at_once(&servers, 8, |nth, store| async move {
        let mut facts = Vec::new();
        for id in 1..=FACTS {
            facts.push(Fact::Account(Box::new(account_facts(account(id))), None));
            facts.push(Fact::Shop(shop(id, seller(), Model::Express)));
            facts.push(Fact::Product(Box::new(product(id, seller()))));
            facts.push(Fact::Order(Box::new(order(id, seller(), buyer(), Some(id)))));
        }
        // Everybody in another order, and each thing twice.
        facts.rotate_left(nth * 20);
        facts.extend(facts.clone().into_iter().rev());
        put(&*store, facts).await;
    })
    .await;
    let ids: Vec<_> = (1..=FACTS).map(|id| order(id, seller(), buyer(), None).id).collect();
    let orders = servers[0].orders(&ids).await.unwrap();
    assert_eq!(orders.len(), ids.len());
    for found in orders {
        let id = found.order.id.get();
        let expected: Order = order(id, seller(), buyer(), Some(id));
        assert_eq!((found.order, found.model), (expected, Model::Express));
    }
}

pub(crate) async fn one_of_many_gets_an_address(place: Place) {
    let servers = servers(&place).await;
    for round in 0..5_i64 {
        let email = format!("Round{round}@example.org");
        let outcomes = at_once(&servers, 12, |nth, store| {
            let email = email.clone();
            async move {
                let id = 100 * (round + 1) + i64::try_from(nth).unwrap();
                let wanted = with_email(id, &email);
                if nth % 3 == 0 {
                    store.create_account(wanted, "hash".to_owned()).await.unwrap().map(|_| ())
                } else {
                    let bystander = account_facts(account(id + 50));
                    let facts = [bystander, wanted].map(|facts| Fact::Account(facts.into(), None));
                    let stored = store.put_facts(facts.to_vec()).await.unwrap();
                    assert_eq!(stored[0], Ok(()));
                    stored[1].clone()
                }
            }
        })
        .await;
        let (stored, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(stored.len(), 1);
        assert!(refused.iter().all(|refused| *refused == Err(FactConflict::EmailTaken)));
    }
}

pub(crate) async fn everybody_who_signs_up_gets_another_id(place: Place) {
    let servers = servers(&place).await;
    let created = at_once(&servers, 16, |nth, store| async move {
        let wanted = with_email(1, &format!("person{nth}@example.org"));
        store.create_account(wanted, "hash".to_owned()).await.unwrap().unwrap()
    })
    .await;
    let ids: HashSet<_> = created.iter().map(|account| account.id).collect();
    assert_eq!(ids.len(), 16);
    assert!(ids.iter().all(|id| FIRST_OWN_ACCOUNT <= id.get()));
}

pub(crate) async fn one_of_many_replaces_an_account(place: Place) {
    let servers = servers(&place).await;
    let before = account_facts(seller());
    put(&*servers[0], vec![Fact::Account(Box::new(before.clone()), None)]).await;
    let replaced = at_once(&servers, 12, |nth, store| {
        let before = before.clone();
        async move {
            let after = Account { display_name: format!("Name {nth}"), ..before.clone() };
            let replaced = store.replace_account(before, after.clone()).await.unwrap().unwrap();
            replaced.then_some(after)
        }
    })
    .await;
    let replaced: Vec<_> = replaced.into_iter().flatten().collect();
    assert_eq!(replaced.len(), 1);
    assert_eq!(servers[1].accounts(&[seller()]).await.unwrap(), replaced);
}

pub(crate) async fn one_of_many_keys_gets_a_secret(place: Place) {
    let servers = servers(&place).await;
    let stored = at_once(&servers, 12, |nth, store| async move {
        let key = ApiKey { secret_hash: [9; 32], ..key(u128::try_from(nth).unwrap(), 20) };
        store.put_key(&key).await.unwrap()
    })
    .await;
    let (stored, refused): (Vec<_>, Vec<_>) = stored.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    assert!(refused.iter().all(|refused| *refused == Err(KeyConflict::SecretTaken)));
}

pub(crate) async fn a_session_that_is_ended_while_it_is_used_stays_ended(place: Place) {
    let servers = servers(&place).await;
    for round in 0..10 {
        let begun = Session { created_at: at(round), ..session("a", 10) };
        servers[0].put_session(&begun).await.unwrap();
        let ended = at_once(&servers, 8, |nth, store| {
            let used = Session { last_activity: at(60), ..begun.clone() };
            async move {
                if nth < 2 {
                    return store.delete_session(buyer(), "a").await.unwrap();
                }
                store.renew_session(&used).await.unwrap();
                false
            }
        })
        .await;
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
        assert_eq!(servers[1].sessions_of(buyer()).await.unwrap(), []);
    }
}

pub(crate) async fn all_servers_get_the_same_secret(place: Place) {
    let servers = servers(&place).await;
    let secrets = at_once(&servers, 12, |nth, store| async move {
        store.secret("cursors", [u8::try_from(nth).unwrap(); 32]).await.unwrap()
    })
    .await;
    assert_eq!(secrets.into_iter().collect::<HashSet<_>>().len(), 1);
}

pub(crate) async fn webhooks_are_counted_over_all_servers(place: Place) {
    let servers = servers(&place).await;
    let created = at_once(&servers, 12, |_, store| async move {
        store.create_webhook(&webhook(seller(), ""), 3, UrlUse::Shared).await.unwrap()
    })
    .await;
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 3);
    let created = at_once(&servers, 12, |_, store| async move {
        store.create_webhook(&webhook(buyer(), ""), 10, UrlUse::Sole).await.unwrap()
    })
    .await;
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1);
}

pub(crate) async fn one_of_many_webhooks_moves_to_an_url(place: Place) {
    let servers = servers(&place).await;
    let mut webhooks = Vec::new();
    for name in 0..6 {
        let url = format!("https://shop.example.org/{name}");
        let new = Webhook { url, ..webhook(seller(), "") };
        let created = servers[0].create_webhook(&new, 10, UrlUse::Sole).await.unwrap();
        webhooks.push(created.unwrap());
    }
    let moved = at_once(&servers, 6, |nth, store| {
        let before = webhooks[nth].clone();
        async move {
            let after =
                Webhook { url: "https://shop.example.org/one".to_owned(), ..before.clone() };
            store.replace_webhook(&before, &after, UrlUse::Sole).await.unwrap()
        }
    })
    .await;
    assert_eq!(moved.iter().filter(|moved| moved.is_ok()).count(), 1);
    assert_eq!(moved.iter().filter(|moved| **moved == Err(NotStored::UrlTaken)).count(), 5);

    let before = servers[0].webhooks_of(seller()).await.unwrap().remove(0);
    let replaced = at_once(&servers, 8, |nth, store| {
        let before = before.clone();
        async move {
            let after = Webhook { name: format!("name {nth}"), ..before.clone() };
            store.replace_webhook(&before, &after, UrlUse::Shared).await.unwrap()
        }
    })
    .await;
    assert_eq!(replaced.iter().filter(|replaced| replaced.is_ok()).count(), 1);
}

pub(crate) async fn every_webhook_is_leased_once(place: Place) {
    let servers = servers(&place).await;
    let mut all = HashSet::new();
    for owner in 1..=20 {
        let new = webhook(account(owner), "");
        let created = servers[0].create_webhook(&new, 10, UrlUse::Shared).await.unwrap();
        all.insert(created.unwrap().id);
    }
    let mut held = vec![HashSet::new(); 8];
    // What somebody has left to another who was about to take it is taken by the next who asks; what is held is renewed.
    for _ in 0..5 {
        let leased = at_once(&servers, 8, |nth, store| async move {
            store.lease_webhooks(&format!("holder {nth}"), &["native"], LONG).await.unwrap()
        })
        .await;
        for (held, leased) in held.iter_mut().zip(leased) {
            let leased: HashSet<_> = leased.iter().map(|leased| leased.webhook.id).collect();
            assert!(held.is_subset(&leased), "a lease was lost");
            *held = leased;
        }
        assert_eq!(held.iter().flatten().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(held.iter().map(HashSet::len).sum::<usize>(), all.len(), "one has two holders");
    }
}

pub(crate) async fn a_webhook_stays_where_it_was_moved_to(place: Place) {
    let servers = servers(&place).await;
    let new = webhook(seller(), "");
    let webhook = servers[0].create_webhook(&new, 10, UrlUse::Shared).await.unwrap().unwrap();
    servers[0].lease_webhooks("a", &["native"], LONG).await.unwrap();
    for round in 0..20 {
        let id = webhook.id;
        let (_, progress) = servers[0].webhook(seller(), id).await.unwrap().unwrap();
        let saving = |sequence| ProgressChange {
            account: seller(),
            webhook: id,
            revision: progress.revision,
            position: 1000 + sequence,
            health: progress.health,
            waiting: vec![WaitingPush {
                sequence,
                chat: None,
                attempts: 1,
                next_attempt_at: at(1),
            }],
            settled: vec![],
            deliveries: vec![],
            switches_off: false,
        };
        at_once(&servers, 6, |nth, store| {
            let change = saving(i64::try_from(nth).unwrap());
            async move {
                if nth == 3 {
                    assert!(store.move_webhook(seller(), id, round).await.unwrap());
                } else {
                    store.save_progress("a", change).await.unwrap();
                }
            }
        })
        .await;
        let (_, progress) = servers[1].webhook(seller(), id).await.unwrap().unwrap();
        assert_eq!((progress.position, progress.waiting), (round, vec![]));
    }

    // Switched off by who pushes, renamed by its owner and leased by others at the same moment: all of it in some order.
    let (_, progress) = servers[0].webhook(seller(), webhook.id).await.unwrap().unwrap();
    let off = ProgressChange {
        account: seller(),
        webhook: webhook.id,
        revision: progress.revision,
        position: 1,
        health: progress.health,
        waiting: vec![],
        settled: vec![],
        deliveries: vec![],
        switches_off: true,
    };
    at_once(&servers, 9, |nth, store| {
        let (before, off) = (webhook.clone(), off.clone());
        async move {
            match nth % 3 {
                0 => drop(store.save_progress("a", off).await.unwrap()),
                1 => drop(store.lease_webhooks("b", &["native"], LONG).await.unwrap()),
                _ => {
                    let after = Webhook { name: "renamed".to_owned(), ..before.clone() };
                    let stored = store.replace_webhook(&before, &after, UrlUse::Shared);
                    // Stored or outdated: another one may have been faster.
                    let _ = stored.await.unwrap();
                }
            }
        }
    })
    .await;
    let (found, _) = servers[1].webhook(seller(), webhook.id).await.unwrap().unwrap();
    assert_eq!(found.state, WebhookState::SwitchedOff);
    assert_eq!(servers[0].lease_webhooks("c", &["native"], LONG).await.unwrap(), []);
}
