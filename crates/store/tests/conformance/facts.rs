//! What the marketplace pushes, and people who sign up.

use domain::account::{Account, Member, MemberRole};
use domain::catalog::{Fact, Model, Order, OrderFacts, Posting, Return};
use domain::chat::Side;
use domain::commands::Subject;
use domain::id::{MemberId, OrderId, ProductId, ReturnId, ShopId};
use domain::refusal::{Denied, Missing};
use engine::store::{CommandError, FIRST_OWN_ACCOUNT, FactConflict};

use crate::setup::{
    Place, account, account_facts, at, buyer, open, open_about, opened, order, order_id, people,
    product, put, run, seller, shop,
};

fn posting(number: &str, order: OrderId) -> Posting {
    Posting {
        number: number.to_owned(),
        order,
        paid_at: Some(at(-100)),
        delivered_at: Some(at(-50)),
        cancelled_at: None,
    }
}

pub(crate) async fn facts_come_in_any_order(place: Place) {
    let store = place.open().await;
    let returned = Return { id: ReturnId::new(5).unwrap(), order: order_id(7), created_at: at(-9) };
    let member = Member {
        id: MemberId::new(70).unwrap(),
        account: seller(),
        name: "Анна".to_owned(),
        role: MemberRole::Supervisor,
    };
    put(&*store, vec![Fact::Return(returned.clone()), Fact::Member(member.clone())]).await;
    put(&*store, vec![Fact::Posting(posting("52-2", order_id(7)))]).await;
    put(&*store, vec![Fact::Posting(posting("52-1", order_id(7)))]).await;
    // The order is not known yet.
    assert_eq!(store.orders(&[order_id(7)]).await.unwrap(), []);
    assert_eq!(store.order_by_posting("52-1").await.unwrap(), None);
    let early = open_about(seller(), Subject::Posting("52-1".to_owned()), 1);
    let missing = CommandError::Denied(Denied::NotFound(Missing::Posting));
    let answer = run(&*store, early, at(0)).await;
    assert_eq!(format!("{:?}", answer.unwrap_err()), format!("{missing:?}"));

    let sold = order(7, seller(), buyer(), Some(3));
    put(&*store, vec![Fact::Order(Box::new(sold.clone()))]).await;
    let mut expected = OrderFacts {
        order: sold,
        model: Model::Fbs,
        postings: vec![posting("52-1", order_id(7)), posting("52-2", order_id(7))],
    };
    assert_eq!(store.orders(&[order_id(7), order_id(8)]).await.unwrap(), [expected.clone()]);
    put(&*store, vec![Fact::Shop(shop(3, seller(), Model::Express))]).await;
    expected.model = Model::Express;
    assert_eq!(store.order_by_posting("52-2").await.unwrap(), Some(expected));
    assert_eq!(store.returns(&[returned.id]).await.unwrap()[0], returned);
    assert_eq!(store.member(member.id).await.unwrap(), Some(member));
    assert_eq!(store.member(MemberId::new(71).unwrap()).await.unwrap(), None);

    people(&*store).await;
    let subject = Subject::Posting("52-1".to_owned());
    let (chat, _) = opened(run(&*store, open_about(seller(), subject, 2), at(0)).await);
    assert_eq!((chat.order, chat.buyer.account), (Some(order_id(7)), buyer()));
    let subject = Subject::Return(returned.id);
    let (chat, _) = opened(run(&*store, open_about(buyer(), subject, 3), at(0)).await);
    assert_eq!((chat.order, chat.seller.account), (Some(order_id(7)), seller()));
}

pub(crate) async fn an_account_is_replaced_only_as_it_stood(place: Place) {
    let store = place.open().await;
    people(&*store).await;
    let before = account_facts(seller());
    let renamed = Account { display_name: "Новое имя".to_owned(), ..before.clone() };
    assert_eq!(store.replace_account(before.clone(), renamed.clone()).await.unwrap(), Ok(true));
    let inactive = Account { is_active: false, ..before.clone() };
    assert_eq!(store.replace_account(before.clone(), inactive).await.unwrap(), Ok(false));
    assert_eq!(store.accounts(&[seller()]).await.unwrap(), std::slice::from_ref(&renamed));

    let taken = Account { email: account_facts(buyer()).email, ..renamed.clone() };
    let conflict = Err(FactConflict::EmailTaken);
    assert_eq!(store.replace_account(renamed.clone(), taken).await.unwrap(), conflict);
    let unknown = Account { id: account(404), ..before };
    assert_eq!(store.replace_account(unknown.clone(), unknown).await.unwrap(), Ok(false));
    assert_eq!(store.accounts(&[seller(), account(404)]).await.unwrap(), [renamed]);
}

pub(crate) async fn newer_facts_replace_older_ones(place: Place) {
    let store = place.open().await;
    let mut account = account_facts(seller());
    let mut sold = order(7, seller(), buyer(), None);
    let mut good = product(4, seller());
    let all = |account: &Account, sold: &Order, good: &domain::catalog::Product| {
        vec![
            Fact::Account(Box::new(account.clone()), None),
            Fact::Order(Box::new(sold.clone())),
            Fact::Product(Box::new(good.clone())),
        ]
    };
    put(&*store, all(&account, &sold, &good)).await;
    account = Account {
        display_name: "Новое имя".to_owned(),
        email: None,
        rating: None,
        is_admin: true,
        ..account
    };
    sold.items.remove(0);
    sold.shop = ShopId::new(1);
    good.published_at = None;
    good.sku = None;
    put(&*store, all(&account, &sold, &good)).await;
    assert_eq!(store.accounts(&[seller(), buyer(), seller()]).await.unwrap(), [account]);
    assert_eq!(store.orders(&[sold.id]).await.unwrap()[0].order, sold);
    assert_eq!(store.products(&[good.id]).await.unwrap(), [good.clone()]);
    assert_eq!(store.products(&[ProductId::new(404).unwrap()]).await.unwrap(), []);
    // Of one call, the later fact counts.
    let twice = ["раз", "два"].map(|title| {
        Fact::Product(Box::new(domain::catalog::Product {
            title: title.to_owned(),
            ..good.clone()
        }))
    });
    put(&*store, twice.to_vec()).await;
    assert_eq!(store.products(&[good.id]).await.unwrap()[0].title, "два");
}

pub(crate) async fn an_address_belongs_to_one_account(place: Place) {
    let store = place.open().await;
    let with = |id, email: &str| {
        let facts = Account { email: Some(email.to_owned()), ..account_facts(account(id)) };
        Fact::Account(Box::new(facts), None)
    };
    let stored = store
        .put_facts(vec![
            with(1, "Ёжик@Example.org"),
            with(2, "ёжик@example.ORG"),
            with(3, "other@example.org"),
            with(1, "ЁЖИК@example.org"),
        ])
        .await
        .unwrap();
    assert_eq!(stored, [Ok(()), Err(FactConflict::EmailTaken), Ok(()), Ok(())]);
    assert_eq!(store.accounts(&[account(2)]).await.unwrap(), []);
    let (found, hash) = store.account_by_email("ёЖик@example.org").await.unwrap().unwrap();
    assert_eq!((found.id, found.email.as_deref()), (account(1), Some("ЁЖИК@example.org")));
    assert_eq!(hash, None);
    assert!(store.account_by_email("nobody@example.org").await.unwrap().is_none());
    // An address that was given up is free.
    let stored = store
        .put_facts(vec![with(1, "new@example.org"), with(2, "ёжик@example.org")])
        .await
        .unwrap();
    assert_eq!(stored, [Ok(()), Ok(())]);
    // Two change theirs in one call, whoever comes first by number.
    let stored = store
        .put_facts(vec![
            with(2, "third@example.org"),
            with(1, "ёжик@example.org"),
            with(2, "new@example.org"),
            with(3, "third@example.org"),
            with(3, "ёжик@example.org"),
        ])
        .await
        .unwrap();
    assert_eq!(stored, [Ok(()), Ok(()), Ok(()), Ok(()), Err(FactConflict::EmailTaken)]);
    let holders = ["ёжик@example.org", "NEW@example.org", "third@example.org"];
    for (id, email) in (1..).zip(holders) {
        let (found, _) = store.account_by_email(email).await.unwrap().unwrap();
        assert_eq!(found.id, account(id), "{email}");
    }
    assert!(store.account_by_email("other@example.org").await.unwrap().is_none());
}

pub(crate) async fn a_password_stays_unless_it_is_replaced(place: Place) {
    let store = place.open().await;
    let push = |hash: Option<&str>| {
        let facts = Box::new(account_facts(seller()));
        vec![Fact::Account(facts, hash.map(ToOwned::to_owned))]
    };
    put(&*store, push(Some("hash 1"))).await;
    put(&*store, push(None)).await;
    assert_eq!(store.password(seller()).await.unwrap().as_deref(), Some("hash 1"));
    store.put_password(seller(), "hash 2".to_owned()).await.unwrap();
    let found = store.account_by_email("person1@example.org").await.unwrap();
    assert_eq!(found.unwrap().1.as_deref(), Some("hash 2"));
    put(&*store, push(Some("hash 3"))).await;
    assert_eq!(store.password(seller()).await.unwrap().as_deref(), Some("hash 3"));
    assert_eq!(store.password(buyer()).await.unwrap(), None);
}

pub(crate) async fn people_who_sign_up_get_ids_of_their_own(place: Place) {
    let store = place.open().await;
    let sign_up = |email: &str| {
        let facts = Account { email: Some(email.to_owned()), ..account_facts(account(1)) };
        store.create_account(facts, "hash".to_owned())
    };
    let first = sign_up("a@example.org").await.unwrap().unwrap();
    assert_eq!(first.id, account(FIRST_OWN_ACCOUNT));
    assert_eq!(sign_up("A@example.org").await.unwrap(), Err(FactConflict::EmailTaken));
    // The marketplace has chosen the next one already.
    let facts = Account { email: None, ..account_facts(account(FIRST_OWN_ACCOUNT + 1)) };
    put(&*store, vec![Fact::Account(Box::new(facts), None)]).await;
    let second = sign_up("b@example.org").await.unwrap().unwrap();
    assert_eq!(second.id, account(FIRST_OWN_ACCOUNT + 2));
    assert_eq!(store.accounts(&[second.id]).await.unwrap()[0], second);
    assert_eq!(store.password(second.id).await.unwrap().as_deref(), Some("hash"));
    assert_eq!(store.accounts(&[account(1)]).await.unwrap(), []);
}

/// A client may ask for anything.
pub(crate) async fn nothing_has_a_name_with_u0000(place: Place) {
    let store = place.open().await;
    people(&*store).await;
    assert_eq!(store.order_by_posting("52-1\0").await.unwrap(), None);
    assert!(store.account_by_email("person1@example.org\0").await.unwrap().is_none());
    assert!(!store.delete_session(seller(), "\0").await.unwrap());
    let subject = Subject::Posting("52-1\0".to_owned());
    let missing = CommandError::Denied(Denied::NotFound(Missing::Posting));
    let answer = run(&*store, open_about(seller(), subject, 1), at(0)).await;
    assert_eq!(format!("{:?}", answer.unwrap_err()), format!("{missing:?}"));
}

pub(crate) async fn shops_are_listed_by_rising_id(place: Place) {
    let store = place.open().await;
    let mut shops: Vec<_> = [5, 3, 9, 1].map(|id| shop(id, seller(), Model::Dbs)).to_vec();
    let mut facts: Vec<_> = shops.iter().cloned().map(Fact::Shop).collect();
    facts.push(Fact::Shop(shop(4, buyer(), Model::Laas)));
    put(&*store, facts).await;
    shops.sort_by_key(|shop| shop.id);
    assert_eq!(store.shops_of(seller(), None, 10).await.unwrap(), shops);
    assert_eq!(store.shops_of(seller(), None, 2).await.unwrap(), shops[..2]);
    assert_eq!(store.shops_of(seller(), ShopId::new(3), 10).await.unwrap(), shops[2..]);
    let found = store.shops(&[shops[1].id, ShopId::new(404).unwrap()]).await.unwrap();
    assert_eq!(found, shops[1..2]);
}

pub(crate) async fn an_inactive_account_is_no_counterpart(place: Place) {
    let store = place.open().await;
    people(&*store).await;
    let gone = Account { is_active: false, ..account_facts(seller()) };
    put(&*store, vec![Fact::Account(Box::new(gone.clone()), None)]).await;
    let answer = run(&*store, open(buyer(), Side::Buyer, seller(), 1), at(0)).await;
    let missing = CommandError::Denied(Denied::NotFound(Missing::Account));
    assert_eq!(format!("{:?}", answer.unwrap_err()), format!("{missing:?}"));
    assert_eq!(store.accounts(&[seller()]).await.unwrap(), [gone]);
}
