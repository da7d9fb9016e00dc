//! A bucket that is wrong, away, or slow.

use std::time::{Duration, Instant};

use bytes::Bytes;
use local_s3::{Key, LocalS3, READER, WRITER};
use media::{Bucket, StoreTrouble, Vault, VaultError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::places::bucket_at;

async fn trouble_with(bucket: &Bucket) -> Option<StoreTrouble> {
    Vault::in_bucket(bucket).unwrap().check().await.unwrap_err().trouble()
}

#[tokio::test]
async fn a_check_tells_what_is_wrong() {
    let server = LocalS3::start().await.unwrap();
    let with_key = |key: Key| bucket_at(server.endpoint(), key);

    let wrong_secret = Key { secret: "writes/with+that", ..WRITER };
    assert_eq!(trouble_with(&with_key(wrong_secret)).await, Some(StoreTrouble::WrongKey));
    let unknown_key = Key { id: "AKIANOBODY", ..WRITER };
    assert_eq!(trouble_with(&with_key(unknown_key)).await, Some(StoreTrouble::WrongKey));
    assert_eq!(trouble_with(&with_key(READER)).await, Some(StoreTrouble::NotAllowed));

    let no_bucket = Bucket { name: "not-there".to_owned(), ..with_key(WRITER) };
    assert_eq!(trouble_with(&no_bucket).await, Some(StoreTrouble::NoBucket));
    assert_eq!(server.objects().unwrap().len(), 0);
    assert!(!server.bucket_folder().with_file_name("not-there").exists());

    assert!(Vault::in_bucket(&with_key(WRITER)).unwrap().check().await.is_ok());
}

#[tokio::test]
async fn nobody_at_the_address_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let began = Instant::now();
    let trouble = trouble_with(&bucket_at(format!("http://{free}"), WRITER)).await;
    assert_eq!(trouble, Some(StoreTrouble::NotReached));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_missing_bucket_is_not_taken_for_a_missing_blob() {
    let server = LocalS3::start().await.unwrap();
    let bucket = bucket_at(server.endpoint(), WRITER);
    let hash = Vault::in_bucket(&bucket).unwrap().put(Bytes::from_static(b"hello")).await.unwrap();
    let elsewhere = Bucket { name: "not-there".to_owned(), ..bucket };
    let got = Vault::in_bucket(&elsewhere).unwrap().get(&hash).await;
    assert_eq!(got.unwrap_err().trouble(), Some(StoreTrouble::NoBucket));
}

#[tokio::test]
async fn what_was_put_is_there_when_the_store_is_back() {
    let mut server = LocalS3::start().await.unwrap();
    let vault = Vault::in_bucket(&bucket_at(server.endpoint(), WRITER)).unwrap();
    let hash = vault.put(Bytes::from_static(b"hello")).await.unwrap();

    server.go_down().await;
    let away = vault.get(&hash).await.unwrap_err();
    assert_eq!(away.trouble(), Some(StoreTrouble::NotReached), "{away:?}");
    assert!(vault.put(Bytes::from_static(b"other")).await.is_err());

    server.come_up().await.unwrap();
    assert_eq!(vault.get(&hash).await.unwrap().as_deref(), Some(&b"hello"[..]));
    assert_eq!(server.objects().unwrap().len(), 1, "what failed left something");
    vault.put(Bytes::from_static(b"other")).await.unwrap();
}

/// A store that breaks off in the middle of an answer must not make a shorter file of it.
#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\netag: \"1\"\r\n\
                        last-modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n\r\n";
            let _ = socket.write_all(head.as_bytes()).await;
            let _ = socket.write_all(&[7; 50]).await;
        }
    });
    let vault = Vault::in_bucket(&bucket_at(format!("http://{address}"), WRITER)).unwrap();
    let got = vault.get(&media::ContentHash::of(&[7; 50])).await;
    assert!(matches!(got, Err(VaultError::Store(_))), "{got:?}");
}

/// The time stands still but for what everybody waits for, so the test does not wait itself.
#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let vault = Vault::in_bucket(&bucket_at(format!("http://{address}"), WRITER)).unwrap();
    let began = tokio::time::Instant::now();
    let put = vault.put(Bytes::from_static(b"hello")).await;
    assert_eq!(put.unwrap_err().trouble(), Some(StoreTrouble::NotReached));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
