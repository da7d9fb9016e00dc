//! Lists of chats: complete, in order, and walked once.

use domain::chat::{Chat, ContextKind, Phase, Side};
use domain::id::{AccountId, ChatId, ShopId};
use engine::store::{ActivityPosition, ActivityQuery, AgeQuery, Store};
use std::collections::HashSet;

use crate::setup::{
    Place, account, account_facts, at, open, opened, people, put, run, say, seller,
};
use crate::story::{contexts, told};

async fn all_chats(store: &dyn Store, ids: &[ChatId]) -> Vec<Chat> {
    let mut chats = Vec::new();
    for &id in ids {
        chats.push(store.chat(id).await.unwrap().unwrap());
    }
    chats
}

fn ids(chats: &[Chat]) -> Vec<i64> {
    chats.iter().map(|chat| chat.id.get()).collect()
}

/// Walks a list by activity in pages of `limit`.
async fn walk_activity(store: &dyn Store, mut query: ActivityQuery) -> Vec<Chat> {
    let mut walked: Vec<Chat> = Vec::new();
    loop {
        let page = store.chats_by_activity(&query).await.unwrap();
        assert!(page.len() <= query.limit);
        let Some(last) = page.last() else { return walked };
        query.after = Some(ActivityPosition::of(last));
        walked.extend(page);
    }
}

fn activity(account: AccountId, limit: usize) -> ActivityQuery {
    ActivityQuery {
        account,
        side: None,
        over: None,
        unread_only: false,
        skip_hidden: false,
        after: None,
        limit,
    }
}

pub(crate) async fn every_list_by_activity_is_complete_and_in_order(place: Place) {
    let store = place.open().await;
    let tale = told(&store, 2, 400).await;
    let mut chats = all_chats(&*store, &tale.chats).await;
    chats.sort_by_key(|chat| std::cmp::Reverse(ActivityPosition::of(chat)));
    let mut found_any = 0;
    for account in [seller(), account(2), account(404)] {
        for side in [None, Some(Side::Seller), Some(Side::Buyer)] {
            for over in [None, Some(false), Some(true)] {
                for (unread_only, skip_hidden) in
                    [(false, false), (false, true), (true, false), (true, true)]
                {
                    let query = ActivityQuery {
                        side,
                        over,
                        unread_only,
                        skip_hidden,
                        ..activity(account, 3)
                    };
                    let expected: Vec<i64> = chats
                        .iter()
                        .filter(|chat| is_listed(chat, &query))
                        .map(|chat| chat.id.get())
                        .collect();
                    found_any += expected.len();
                    assert_eq!(ids(&walk_activity(&*store, query.clone()).await), expected);
                    let whole = ActivityQuery { limit: 1000, ..query };
                    assert_eq!(ids(&store.chats_by_activity(&whole).await.unwrap()), expected);
                }
            }
        }
    }
    assert!(100 < found_any);
}

fn is_listed(chat: &Chat, query: &ActivityQuery) -> bool {
    let Some(side) = chat.side_of(query.account) else { return false };
    let seat = chat.seat(side);
    query.side.is_none_or(|wanted| wanted == side)
        && query.over.is_none_or(|over| over == chat.state.is_over())
        && (!query.unread_only || 0 < seat.marks.unread)
        && !(query.skip_hidden && seat.hidden)
}

pub(crate) async fn every_list_by_age_is_complete_and_in_order(place: Place) {
    let store = place.open().await;
    let tale = told(&store, 3, 400).await;
    let chats = all_chats(&*store, &tale.chats).await;
    let contexts = contexts();
    let some_contexts: Vec<_> = contexts.iter().copied().step_by(3).collect();
    let twice = [&some_contexts[..], &some_contexts[..]].concat();
    let mut found_any = 0;
    for contexts in [None, Some(contexts), Some(twice), Some(vec![])] {
        for context_kinds in [None, Some(vec![ContextKind::Order, ContextKind::None])] {
            for dispute in [None, Some(false), Some(true)] {
                for phases in [None, Some(vec![Phase::WaitingForSeller, Phase::Over])] {
                    for shops in [None, Some(vec![1, 404]), Some(vec![])] {
                        let shops =
                            shops.map(|shops| shops.into_iter().filter_map(ShopId::new).collect());
                        let query = AgeQuery {
                            seller: seller(),
                            contexts: contexts.clone(),
                            context_kinds: context_kinds.clone(),
                            dispute,
                            phases: phases.clone(),
                            shops,
                            after: None,
                            limit: 3,
                        };
                        found_any += check_age(&*store, &chats, query).await;
                    }
                }
            }
        }
    }
    assert!(100 < found_any);
}

async fn check_age(store: &dyn Store, chats: &[Chat], mut query: AgeQuery) -> usize {
    let mut expected = Vec::new();
    for chat in chats {
        let order = match chat.order {
            Some(order) => store.orders(&[order]).await.unwrap().pop(),
            None => None,
        };
        let kind = chat.context.kind();
        let in_shops = match (&query.shops, order) {
            (Some(shops), Some(order)) => order.order.shop.is_some_and(|s| shops.contains(&s)),
            (None, _) | (Some(_), None) => true,
        };
        if chat.seller.account == query.seller
            && query.contexts.as_ref().is_none_or(|wanted| wanted.contains(&chat.context))
            && query.context_kinds.as_ref().is_none_or(|wanted| wanted.contains(&kind))
            && query.dispute.is_none_or(|wanted| wanted == chat.state.is_dispute())
            && query.phases.as_ref().is_none_or(|wanted| wanted.contains(&chat.phase()))
            && in_shops
        {
            expected.push(chat.id.get());
        }
    }
    let mut walked = Vec::new();
    loop {
        let page = store.chats_by_age(&query).await.unwrap();
        assert!(page.len() <= query.limit);
        let Some(last) = page.last() else { break };
        query.after = Some(last.id);
        walked.extend(ids(&page));
    }
    assert_eq!(walked, expected, "{query:?}");
    expected.len()
}

pub(crate) async fn a_list_is_walked_once_while_new_messages_arrive(place: Place) {
    let store = place.open().await;
    people(&*store).await;
    let mut chats = Vec::new();
    for id in 10..30 {
        let facts = domain::catalog::Fact::Account(Box::new(account_facts(account(id))), None);
        put(&*store, vec![facts]).await;
        let name = u128::from(id.unsigned_abs());
        let command = open(account(id), Side::Buyer, seller(), name);
        let chat = opened(run(&*store, command, at(0)).await).0.id;
        say(&*store, account(id), chat, "ну", id).await;
        chats.push((chat, account(id)));
    }
    let mut query = activity(seller(), 4);
    let mut seen = HashSet::new();
    let mut second = 100;
    loop {
        let page = store.chats_by_activity(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(ActivityPosition::of(last));
        for chat in &page {
            assert!(seen.insert(chat.id), "a chat was listed twice");
        }
        // A chat that was listed moves to the top, and one whose turn has not come yet stays.
        let (chat, who) = chats[chats.len() - seen.len()];
        second += 1;
        say(&*store, who, chat, "ещё", second).await;
    }
    assert_eq!(seen.len(), chats.len());
}

pub(crate) async fn chats_without_a_message_come_last(place: Place) {
    let store = place.open().await;
    people(&*store).await;
    let mut expected = Vec::new();
    for id in 10..20 {
        let facts = domain::catalog::Fact::Account(Box::new(account_facts(account(id))), None);
        put(&*store, vec![facts]).await;
        let name = u128::from(id.unsigned_abs());
        let command = open(account(id), Side::Buyer, seller(), name);
        expected.insert(0, opened(run(&*store, command, at(0)).await).0.id);
    }
    let spoken = expected.remove(4);
    say(&*store, account(15), spoken, "ну", 1).await;
    expected.insert(0, spoken);
    let walked = walk_activity(&*store, activity(seller(), 3)).await;
    assert_eq!(walked.iter().map(|chat| chat.id).collect::<Vec<_>>(), expected);
}
