//! The index for search: what stands in it, and how messages come into it from their queue.
//!
//! A send only queues its message; numbers of pairs inside the commit would take most of its time. Until a message has
//! left the queue, a search reads the message itself (see `search.rs`), so nothing is ever missed. A queued message goes
//! into the index with the text that it has by then, and leaves the queue in the same transaction. One indexer works at
//! a time, of all servers: two that had read different texts of one message could write them in the wrong order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use deadpool_postgres::Transaction;
use domain::message::Role;
use engine::store::StoreError;

use super::database::{execute, query};
use crate::cells::{Cells, number};
use crate::codes::Code;
use crate::substring::{fold, neighbours};

/// So many messages of an account have no words: a search reads them all, which is about as quick as asking an index.
/// Most buyers never have more, and what a message costs is mostly its words.
const WITHOUT_WORDS_MAX: i64 = 256;

/// Of so many accounts is remembered how many more messages without words they may have.
const ROOM_KEPT: usize = 100_000;

/// The numbers that stand for the pairs of neighbouring code points of `folded` in messages of `account`, rising. They
/// are in the databases: they must stay what they are.
pub(super) fn words(account: i64, folded: &str) -> BTreeSet<i32> {
    neighbours(folded).map(|(first, second)| word(account, first, second)).collect()
}

/// Other pairs may have the same number, of this account or another: it tells what to look at, not what is found.
fn word(account: i64, first: char, second: char) -> i32 {
    let pair = (u64::from(u32::from(first)) << 32) | u64::from(u32::from(second));
    let mixed = mix(mix(account.cast_unsigned()) ^ pair);
    // The upper half fits.
    u32::try_from(mixed >> 32).unwrap_or_default().cast_signed()
}

/// The finalizer of `SplitMix64`, in which every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What is remembered from round to round.
#[derive(Default)]
pub(super) struct Rounds {
    /// How many more messages without words an account may have, as far as this server knows: an account of which several
    /// servers index messages may get as many from each of them, and a search reads these, too.
    room: HashMap<i64, i64>,
    /// The first row of the queue that the last round took.
    begun_at: Option<i64>,
}

/// What became of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// The indexer of another server is at work.
    OfAnother,
    /// So many rows of the queue were worked off.
    Done(i64),
}

/// A row of the queue.
struct Queued {
    place: i64,
    seller: i64,
    buyer: i64,
    chat: i64,
    message: i64,
}

/// Only one indexer of all is in a transaction with this lock.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock('message_index'::REGCLASS::OID::BIGINT)";
/// A round that is lost in a crash is done again: its messages are in the queue still.
const NO_WAIT_FOR_THE_DISK: &str = "SET LOCAL synchronous_commit = off";

pub(super) const QUEUED: &str = "SELECT place, seller_id, buyer_id, chat_id, message_id FROM unindexed_messages \
    WHERE place <> ALL($2) ORDER BY place LIMIT $1";
const UNQUEUE: &str = "DELETE FROM unindexed_messages WHERE place = ANY($1)";

impl Rounds {
    /// Puts the next messages into the index, at most `rows_max` rows of the queue, but not those at the places `left`.
    pub(super) async fn go(
        &mut self,
        transaction: &Transaction<'_>,
        rows_max: i64,
        left: &[i64],
    ) -> Result<Round, StoreError> {
        self.begun_at = None;
        if query(transaction, LOCK, &[], Cells::take::<bool>).await? != [true] {
            return Ok(Round::OfAnother);
        }
        let queued = query(transaction, QUEUED, &[&rows_max, &left], |cells| {
            Ok(Queued {
                place: cells.take()?,
                seller: cells.take()?,
                buyer: cells.take()?,
                chat: cells.take()?,
                message: cells.take()?,
            })
        })
        .await?;
        self.begun_at = queued.first().map(|queued| queued.place);
        if queued.is_empty() {
            return Ok(Round::Done(0));
        }
        execute(transaction, NO_WAIT_FOR_THE_DISK, &[]).await?;
        let messages: BTreeMap<i64, &Queued> =
            queued.iter().map(|queued| (queued.message, queued)).collect();
        let texts = texts_now(transaction, &messages).await?;
        self.find_room(transaction, &messages).await?;
        let mut rows = Rows::default();
        for (message, text) in texts {
            let Some(queued) = messages.get(&message) else { continue };
            let folded = fold(&text);
            for account in BTreeSet::from([queued.seller, queued.buyer]) {
                let is_to_have_words = match self.room.get_mut(&account) {
                    Some(room) if 0 < *room => {
                        *room -= 1;
                        false
                    }
                    Some(_) | None => true,
                };
                rows.add(account, queued, is_to_have_words.then(|| words(account, &folded)));
            }
        }
        rows.put(transaction).await?;
        let places: Vec<i64> = queued.iter().map(|queued| queued.place).collect();
        execute(transaction, UNQUEUE, &[&places]).await?;
        Ok(Round::Done(number(queued.len())))
    }

    /// Where the first row of the queue stands that the last round took.
    pub(super) fn begun_at(&self) -> Option<i64> {
        self.begun_at
    }

    /// Finds out how many more messages without words the accounts of `messages` may have, where that is not known:
    /// counting them takes longer than everything else of a round.
    async fn find_room(
        &mut self,
        transaction: &Transaction<'_>,
        messages: &BTreeMap<i64, &Queued>,
    ) -> Result<(), StoreError> {
        if ROOM_KEPT < self.room.len() {
            self.room.clear();
        }
        let accounts: BTreeSet<i64> = messages
            .values()
            .flat_map(|queued| [queued.seller, queued.buyer])
            .filter(|account| !self.room.contains_key(account))
            .collect();
        if accounts.is_empty() {
            return Ok(());
        }
        let asked: Vec<i64> = accounts.into_iter().collect();
        let room = query(transaction, WITHOUT_WORDS, &[&asked, &WITHOUT_WORDS_MAX], |cells| {
            let account = cells.take()?;
            Ok((account, WITHOUT_WORDS_MAX - cells.take::<i64>()?))
        })
        .await?;
        self.room.extend(room);
        Ok(())
    }
}

pub(super) const WITHOUT_WORDS: &str = "SELECT account_id, (SELECT count(*) FROM (SELECT FROM message_index \
    WHERE message_index.account_id = asked.account_id AND words IS NULL LIMIT $2) AS without_words) \
    FROM unnest($1::BIGINT[]) AS asked (account_id)";

/// What queued messages say now. Whatever stands behind `LIMIT` is looked up for each of them.
pub(super) const TEXTS_NOW: &str = "SELECT id, text \
    FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) AS wanted (seller, chat, message) \
    CROSS JOIN LATERAL (SELECT id, text FROM messages WHERE seller_id = wanted.seller AND chat_id = wanted.chat \
        AND id = wanted.message AND text IS NOT NULL AND author_role <> $4 LIMIT 1) AS found";

/// The texts of those among `messages` that can be found by one.
async fn texts_now(
    transaction: &Transaction<'_>,
    messages: &BTreeMap<i64, &Queued>,
) -> Result<Vec<(i64, String)>, StoreError> {
    let column = |of: fn(&Queued) -> i64| -> Vec<i64> {
        messages.values().map(|queued| of(queued)).collect()
    };
    let (sellers, chats) = (column(|queued| queued.seller), column(|queued| queued.chat));
    let ids = column(|queued| queued.message);
    query(transaction, TEXTS_NOW, &[&sellers, &chats, &ids, &Role::Market.code()], |cells| {
        Ok((cells.take()?, cells.take()?))
    })
    .await
}

/// Rows for the index, column by column.
#[derive(Default)]
struct Rows {
    accounts: Vec<i64>,
    messages: Vec<i64>,
    sellers: Vec<i64>,
    chats: Vec<i64>,
    /// As PostgreSQL writes arrays: an array of arrays of different lengths cannot be told apart again.
    words: Vec<Option<String>>,
}

/// A message of whose texts none had words needs none for its next text.
const PUT: &str = "INSERT INTO message_index (account_id, message_id, seller_id, chat_id, words) \
    SELECT account_id, message_id, seller_id, chat_id, words::INTEGER[] \
    FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[]) \
        AS new (account_id, message_id, seller_id, chat_id, words) \
    ON CONFLICT (account_id, message_id) DO UPDATE SET words = excluded.words WHERE message_index.words IS NOT NULL";

impl Rows {
    fn add(&mut self, account: i64, queued: &Queued, words: Option<BTreeSet<i32>>) {
        self.accounts.push(account);
        self.messages.push(queued.message);
        self.sellers.push(queued.seller);
        self.chats.push(queued.chat);
        self.words.push(words.map(|words| array(&words)));
    }

    async fn put(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let Self { accounts, messages, sellers, chats, words } = self;
        execute(transaction, PUT, &[accounts, messages, sellers, chats, words]).await?;
        Ok(())
    }
}

/// `words` as PostgreSQL writes an array of numbers.
fn array(words: &BTreeSet<i32>) -> String {
    let mut array = String::from("{");
    for word in words {
        if array.len() > 1 {
            array.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(array, "{word}");
    }
    array.push('}');
    array
}
