//! Keys, sessions and secrets.

use domain::account::Account;
use domain::catalog::Fact;
use domain::id::{MemberId, ShopId};
use engine::store::{ApiKey, KeyConflict, Session};
use uuid::Uuid;

use crate::setup::{Place, account, account_facts, at, buyer, put, seller};

pub(crate) fn key(name: u128, second: i64) -> ApiKey {
    ApiKey {
        id: Uuid::from_u128(name),
        account: Some(seller()),
        member: MemberId::new(5),
        name: "Склад".to_owned(),
        audience: "native".to_owned(),
        secret_hash: [u8::try_from(name).unwrap(); 32],
        can_read: true,
        can_write: false,
        shops: Some(vec![ShopId::new(3).unwrap(), ShopId::new(1).unwrap()]),
        allowed_addresses: vec!["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        created_at: at(second),
        expires_at: Some(at(1000)),
        revoked_at: None,
    }
}

pub(crate) async fn keys_are_kept_whole(place: Place) {
    let store = place.open().await;
    let mut first = key(1, 20);
    let second = ApiKey {
        member: None,
        shops: None,
        allowed_addresses: vec![],
        expires_at: None,
        ..key(2, 10)
    };
    let third = ApiKey { shops: Some(vec![]), ..key(3, 30) };
    let marketplaces = ApiKey { account: None, ..key(4, 5) };
    for key in [&first, &second, &third, &marketplaces] {
        store.put_key(key).await.unwrap().unwrap();
        let found = store.key_by_hash(&key.secret_hash).await.unwrap();
        assert_eq!(found, Some((key.clone(), None)), "no account has a card yet");
    }
    first.revoked_at = Some(at(40));
    first.secret_hash = [99; 32];
    store.put_key(&first).await.unwrap().unwrap();
    let card = account_facts(seller());
    put(&*store, vec![Fact::Account(Box::new(card.clone()), None)]).await;
    let found = store.key_by_hash(&[99; 32]).await.unwrap().unwrap();
    assert_eq!(found.0, first);
    assert_eq!(found.1, Some(card), "its account comes along");
    let found = store.key_by_hash(&marketplaces.secret_hash).await.unwrap();
    assert_eq!(found, Some((marketplaces.clone(), None)));
    assert_eq!(store.key_by_hash(&[1; 32]).await.unwrap(), None);
    assert_eq!(store.keys_of(Some(seller())).await.unwrap(), [second, first, third]);
    assert_eq!(store.keys_of(None).await.unwrap(), [marketplaces]);
    assert_eq!(store.keys_of(Some(buyer())).await.unwrap(), []);
}

pub(crate) async fn a_secret_belongs_to_one_key(place: Place) {
    let store = place.open().await;
    let first = key(1, 20);
    let same_secret = ApiKey { secret_hash: first.secret_hash, account: None, ..key(2, 30) };
    let (a, b) = tokio::join!(store.put_key(&first), store.put_key(&same_secret));
    let stored = [a.unwrap(), b.unwrap()];
    assert_eq!(stored.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(stored.contains(&Err(KeyConflict::SecretTaken)));
    let keys = [store.keys_of(Some(seller())).await.unwrap(), store.keys_of(None).await.unwrap()];
    assert_eq!(keys.concat().len(), 1);
}

pub(crate) fn session(id: &str, second: i64) -> Session {
    Session {
        id: id.to_owned(),
        account: buyer(),
        token_hash: [id.as_bytes()[0]; 32],
        ip_address: "2001:db8::1".to_owned(),
        user_agent: "Браузер/1.0".to_owned(),
        created_at: at(0),
        last_activity: at(second),
        expires_at: at(10_000),
    }
}

pub(crate) async fn sessions_are_kept_whole(place: Place) {
    let store = place.open().await;
    let (mut a, b, c) = (session("a", 10), session("b", 20), session("c", 15));
    for session in [&a, &b, &c] {
        store.put_session(session).await.unwrap();
    }
    assert_eq!(store.session_by_hash(&[b'b'; 32]).await.unwrap(), Some(b.clone()));
    assert_eq!(store.sessions_of(buyer()).await.unwrap(), [b.clone(), c.clone(), a.clone()]);
    a.last_activity = at(60);
    assert!(store.renew_session(&a).await.unwrap());
    assert_eq!(store.sessions_of(buyer()).await.unwrap(), [a.clone(), b.clone(), c]);
    assert_eq!(store.sessions_of(account(404)).await.unwrap(), []);

    assert!(!store.delete_session(seller(), "b").await.unwrap(), "not the seller's");
    assert!(store.delete_session(buyer(), "b").await.unwrap());
    assert!(!store.delete_session(buyer(), "b").await.unwrap());
    assert_eq!(store.session_by_hash(&[b'b'; 32]).await.unwrap(), None);
}

pub(crate) async fn an_ended_session_stays_ended(place: Place) {
    let store = place.open().await;
    let (a, b, c) = (session("a", 10), session("b", 20), session("c", 15));
    let other = Session { account: seller(), ..session("d", 20) };
    for session in [&a, &b, &c, &other] {
        store.put_session(session).await.unwrap();
    }
    store.delete_other_sessions(buyer(), "b").await.unwrap();
    // Somebody who asked with it just before must not bring it back.
    assert!(!store.renew_session(&Session { last_activity: at(60), ..a }).await.unwrap());
    assert_eq!(store.sessions_of(buyer()).await.unwrap(), [b]);
    assert_eq!(store.sessions_of(seller()).await.unwrap(), [other]);
}

pub(crate) async fn sessions_that_are_over_are_forgotten_when_another_begins(place: Place) {
    let store = place.open().await;
    let over = Session { expires_at: at(100), ..session("a", 10) };
    let running = Session { expires_at: at(101), ..session("b", 20) };
    let another = Session { created_at: at(100), ..session("c", 100) };
    for session in [&over, &running, &another] {
        store.put_session(session).await.unwrap();
    }
    assert_eq!(store.sessions_of(buyer()).await.unwrap(), [another, running]);
}

/// Another process finds by it within a second that somebody who is connected is to be sent away.
pub(crate) async fn the_pulse_moves_when_credentials_end_or_change(place: Place) {
    let store = place.open().await;
    put(&*store, vec![Fact::Account(Box::new(account_facts(buyer())), None)]).await;
    let mut known = 0;
    let mut has_moved = async || {
        let pulses = store.pulses(&[buyer()]).await.unwrap();
        std::mem::replace(&mut known, pulses[0].credentials) < pulses[0].credentials
    };

    // What is new ends nothing.
    let key = ApiKey { account: Some(buyer()), ..key(1, 20) };
    store.put_key(&key).await.unwrap().unwrap();
    for id in ["a", "b", "c", "d"] {
        store.put_session(&session(id, 10)).await.unwrap();
    }
    assert!(!has_moved().await);
    assert!(store.renew_session(&session("b", 80)).await.unwrap());
    assert!(!has_moved().await);
    assert!(!store.delete_session(buyer(), "nobody's").await.unwrap());
    assert!(!has_moved().await);

    let revoked = ApiKey { revoked_at: Some(at(30)), ..key };
    store.put_key(&revoked).await.unwrap().unwrap();
    assert!(has_moved().await);
    assert!(store.delete_session(buyer(), "a").await.unwrap());
    assert!(has_moved().await);
    // The browser of somebody who signs in as another.
    store.put_session(&Session { account: seller(), ..session("b", 90) }).await.unwrap();
    assert!(has_moved().await);
    store.delete_other_sessions(buyer(), "c").await.unwrap();
    assert!(has_moved().await);
    store.delete_other_sessions(buyer(), "c").await.unwrap();
    assert!(!has_moved().await);

    let away = Account { is_active: false, ..account_facts(buyer()) };
    put(&*store, vec![Fact::Account(Box::new(away.clone()), None)]).await;
    assert!(has_moved().await);
    put(&*store, vec![Fact::Account(Box::new(away.clone()), None)]).await;
    assert!(!has_moved().await);
    let back = account_facts(buyer());
    store.replace_account(away, back).await.unwrap().unwrap();
    assert!(has_moved().await);
    assert_eq!(store.pulses(&[seller()]).await.unwrap()[0].credentials, 0);
}

pub(crate) async fn a_secret_is_made_once(place: Place) {
    let store = place.open().await;
    assert_eq!(store.secret("cursors", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("cursors", [2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("links", [2; 32]).await.unwrap(), [2; 32]);
    drop(store);
    assert_eq!(place.open().await.secret("cursors", [3; 32]).await.unwrap(), [1; 32]);
}
