//! One case is written once and runs in every place.

use bytes::Bytes;
use media::{ContentHash, VaultError};

use crate::places::Place;

macro_rules! in_every_place {
    ($($case:ident,)*) => {
        mod in_a_folder {
            $(#[tokio::test] async fn $case() { super::$case(super::Place::folder()).await; })*
        }
        mod in_memory {
            $(#[tokio::test] async fn $case() { super::$case(super::Place::memory()).await; })*
        }
        mod in_a_bucket {
            $(#[tokio::test] async fn $case() { super::$case(super::Place::bucket().await).await; })*
        }
    };
}

in_every_place! {
    what_is_put_comes_back_under_its_hash,
    what_was_put_is_found_by_another_vault,
    parallel_puts_of_the_same_content_leave_one_blob,
    a_damaged_blob_is_not_served_and_is_mended_by_the_next_put,
    a_missing_blob_is_none,
    an_empty_blob_is_a_blob,
    a_check_leaves_one_blob_however_often,
}

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

async fn what_is_put_comes_back_under_its_hash(place: Place) {
    let vault = place.open();
    let hash = vault.put(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(hash.to_string(), HELLO);
    assert_eq!(vault.get(&hash).await.unwrap().as_deref(), Some(&b"hello"[..]));
    assert_eq!(place.keys().await, [format!("2c/{HELLO}")]);
}

async fn what_was_put_is_found_by_another_vault(place: Place) {
    let content = Bytes::from(vec![42; 3 << 20]);
    let hash = place.open().put(content.clone()).await.unwrap();
    assert_eq!(place.open().get(&hash).await.unwrap(), Some(content));
}

async fn parallel_puts_of_the_same_content_leave_one_blob(place: Place) {
    let content = Bytes::from(vec![7; 100_000]);
    let mut puts = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (vault, content) = (place.open(), content.clone());
        puts.spawn(async move { vault.put(content).await.unwrap() });
    }
    let hashes = puts.join_all().await;
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    assert_eq!(place.keys().await.len(), 1);
    assert_eq!(place.open().get(&hashes[0]).await.unwrap(), Some(content));
}

async fn a_damaged_blob_is_not_served_and_is_mended_by_the_next_put(place: Place) {
    let vault = place.open();
    let hash = vault.put(Bytes::from_static(b"hello")).await.unwrap();
    for damage in [&b"hullo"[..], b"hell", b"hello!", b""] {
        place.overwrite(&place.keys().await[0], damage).await;
        let got = vault.get(&hash).await;
        assert!(matches!(got, Err(VaultError::Damaged(damaged)) if damaged == hash), "{got:?}");
    }
    vault.put(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(vault.get(&hash).await.unwrap().as_deref(), Some(&b"hello"[..]));
}

async fn a_missing_blob_is_none(place: Place) {
    let vault = place.open();
    vault.put(Bytes::from_static(b"present")).await.unwrap();
    assert_eq!(vault.get(&ContentHash::of(b"absent")).await.unwrap(), None);
}

async fn an_empty_blob_is_a_blob(place: Place) {
    let vault = place.open();
    let hash = vault.put(Bytes::new()).await.unwrap();
    assert_eq!(vault.get(&hash).await.unwrap(), Some(Bytes::new()));
}

async fn a_check_leaves_one_blob_however_often(place: Place) {
    place.open().check().await.unwrap();
    place.open().check().await.unwrap();
    assert_eq!(place.keys().await.len(), 1);
}
