//! Search for text anywhere in messages: in the index, and in the messages themselves where they wait to be indexed.
//!
//! Every candidate is read and checked. The index only tells which messages to look at: the newest ones first, where a
//! page of what is frequent is found soon; behind them, those with all pairs of the needle, if they are few; otherwise
//! one message after the other.

use std::cmp::Reverse;

use deadpool_postgres::Transaction;
use domain::id::{AccountId, ChatId, MessageId};
use domain::message::{Message, Role};
use engine::store::{SearchQuery, StoreError};
use tokio_postgres::types::ToSql;

use super::database::{Database, query as select};
use super::messages;
use super::search_index::words;
use crate::cells::{Cells, number};
use crate::codes::Code;
use crate::rows::messages::{self as rows, message_columns};
use crate::substring::fold;

/// So many candidates are read at a time.
const CANDIDATES_AT_A_TIME: usize = 500;
/// What more messages than that have is frequent.
const RARE_MAX: i64 = 4_000;
/// So many rows of the index are walked at a time.
const WALKED_AT_A_TIME: i64 = 4_000;
/// So many messages of one chat are read before the index is asked about it.
const READ_IN_CHAT_MAX: usize = 4_000;
/// So many different pairs of a needle are enough to tell what to look at.
const WORDS_MAX: usize = 32;

/// Messages that hold the needle, newest first.
pub(super) async fn messages_with(
    db: &Database,
    query: &SearchQuery,
) -> Result<Vec<Message>, StoreError> {
    let needle = fold(&query.needle);
    let words: Vec<i32> = words(query.account.get(), &needle).into_iter().take(WORDS_MAX).collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let chat = match query.chat {
        None => None,
        Some(chat) => match db.parties([chat]).await?.first() {
            Some((_, parties)) if [parties.seller, parties.buyer].contains(&query.account) => {
                Some((parties.seller, chat.get()))
            }
            Some(_) | None => return Ok(Vec::new()),
        },
    };
    let before = query.before.map_or(i64::MAX, MessageId::get);
    let turn = db.turn_to_search().await?;
    // All is read from one state of the database: a message that goes from the queue into the index meanwhile is in
    // one of them.
    let found = db
        .snapshot(async |transaction| {
            let mut search = Search {
                transaction,
                account: query.account.get(),
                chat: query.chat.map(ChatId::get),
                needle,
                words,
                limit: query.limit,
                found: Vec::new(),
            };
            match chat {
                Some((seller, chat)) => search.in_chat(seller, chat, before).await?,
                None => search.in_account(before).await?,
            }
            Ok(search.found)
        })
        .await?;
    drop(turn);
    // Those of a message that was sent never change.
    messages::with_attachments(db, found).await
}

/// A message that may hold the needle.
#[derive(Clone, Copy)]
struct Candidate {
    message: i64,
    seller: i64,
    chat: i64,
}

fn candidate<C: Cells>(cells: &mut C) -> Result<Candidate, C::Error> {
    Ok(Candidate { message: cells.take()?, seller: cells.take()?, chat: cells.take()? })
}

/// A search on its way.
struct Search<'a> {
    transaction: &'a Transaction<'a>,
    account: i64,
    /// Without one, all chats in sight.
    chat: Option<i64>,
    needle: String,
    words: Vec<i32>,
    limit: usize,
    /// From new to old, with whether each carries attachments.
    found: Vec<(Message, bool)>,
}

macro_rules! select_queued {
    ($side:literal) => {
        concat!(
            "(SELECT DISTINCT ON (message_id) message_id, seller_id, chat_id FROM unindexed_messages WHERE ",
            $side,
            "_id = $1 AND message_id < $2 AND message_id > $3 AND ($5::BIGINT IS NULL OR chat_id = $5) \
             ORDER BY message_id DESC LIMIT $4)"
        )
    };
}

pub(super) const QUEUED: &str = concat!(
    select_queued!("seller"),
    " UNION ALL ",
    select_queued!("buyer"),
    " ORDER BY message_id DESC LIMIT $4"
);

/// Nothing but the index of words can be used: what is added to a column hides it from the others, of which the planner
/// knows too little.
pub(super) const RARE: &str = "SELECT message_id, seller_id, chat_id FROM message_index \
    WHERE words @> $6 AND account_id + 0 = $1 AND message_id + 0 < $2 AND message_id + 0 > $3 \
        AND ($5::BIGINT IS NULL OR chat_id = $5) LIMIT $4";

/// The first messages of the account.
pub(super) const WITHOUT_WORDS: &str = "SELECT message_id, seller_id, chat_id FROM message_index \
    WHERE account_id = $1 AND words IS NULL AND message_id < $2 AND message_id > $3 \
        AND ($5::BIGINT IS NULL OR chat_id = $5) ORDER BY message_id DESC LIMIT $4";

/// The newest messages of the account: those that may hold the needle, and the last one; with how many they were.
pub(super) const WALK: &str = "WITH walked AS MATERIALIZED (\
        SELECT message_id, seller_id, chat_id, coalesce(words @> $5, TRUE) AS may_hold FROM message_index \
        WHERE account_id = $1 AND message_id < $2 AND message_id > $3 ORDER BY message_id DESC LIMIT $4) \
    SELECT message_id, seller_id, chat_id, may_hold, (SELECT count(*) FROM walked) FROM walked \
    WHERE may_hold OR message_id = (SELECT min(message_id) FROM walked) ORDER BY message_id DESC";

/// Candidates as they are now, if they can be found by their text and this search looks into their chats. Whatever
/// stands behind `LIMIT` is looked up for each of them.
pub(super) const CANDIDATES: &str = concat!(
    "SELECT found.* FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) AS wanted (message, seller, chat) \
     CROSS JOIN LATERAL (SELECT ",
    message_columns!(),
    " FROM messages WHERE seller_id = wanted.seller AND chat_id = wanted.chat AND id = wanted.message \
        AND text IS NOT NULL AND author_role <> $4 \
        AND ($6::BIGINT IS NOT NULL OR EXISTS (SELECT FROM chats WHERE seller_id = wanted.seller \
            AND chats.id = wanted.chat AND NOT CASE seller_id WHEN $5 THEN seller_hidden ELSE buyer_hidden END)) \
     LIMIT 1) AS found"
);

pub(super) const IN_CHAT: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages WHERE seller_id = $1 AND chat_id = $2 AND id < $3 AND text IS NOT NULL AND author_role <> $4 \
     ORDER BY id DESC LIMIT $5"
);

impl Search<'_> {
    /// Looks into all chats that the account has not hidden. What is frequent is found among the newest messages; most
    /// accounts have no others.
    async fn in_account(&mut self, before: i64) -> Result<(), StoreError> {
        self.look_at(QUEUED, before).await?;
        let Some(mut rest) = self.walk(before).await? else { return Ok(()) };
        if !self.in_rare(rest).await? {
            while let Some(next) = self.walk(rest).await? {
                rest = next;
            }
        }
        Ok(())
    }

    /// Looks into one chat. Most are so short that nothing else is needed than to read them.
    async fn in_chat(
        &mut self,
        seller: AccountId,
        chat: i64,
        before: i64,
    ) -> Result<(), StoreError> {
        let Some(rest) = self.read_chat(seller, chat, before, READ_IN_CHAT_MAX).await? else {
            return Ok(());
        };
        self.look_at(QUEUED, rest).await?;
        if !self.in_rare(rest).await? {
            self.read_chat(seller, chat, rest, usize::MAX).await?;
        }
        Ok(())
    }

    /// Looks at all candidates that `sql` selects, page by page.
    async fn look_at(&mut self, sql: &str, mut before: i64) -> Result<(), StoreError> {
        loop {
            let at_most = number(CANDIDATES_AT_A_TIME);
            let page: [&(dyn ToSql + Sync); 5] =
                [&self.account, &before, &self.floor(), &at_most, &self.chat];
            let candidates = select(self.transaction, sql, &page, candidate).await?;
            self.check(&candidates).await?;
            match candidates.last() {
                Some(last) if candidates.len() == CANDIDATES_AT_A_TIME => before = last.message,
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Looks at the messages with all pairs of the needle, if they are few; says whether they are.
    async fn in_rare(&mut self, before: i64) -> Result<bool, StoreError> {
        let rare: [&(dyn ToSql + Sync); 6] =
            [&self.account, &before, &self.floor(), &RARE_MAX, &self.chat, &self.words];
        let mut candidates = select(self.transaction, RARE, &rare, candidate).await?;
        if number(candidates.len()) == RARE_MAX {
            return Ok(false);
        }
        candidates.sort_unstable_by_key(|candidate| Reverse(candidate.message));
        for page in candidates.chunks(CANDIDATES_AT_A_TIME) {
            if page.first().is_some_and(|newest| newest.message <= self.floor()) {
                break;
            }
            self.check(page).await?;
        }
        self.look_at(WITHOUT_WORDS, before).await?;
        Ok(true)
    }

    /// Looks at the next messages of the account, from new to old. Says at which one it stopped if there are others.
    async fn walk(&mut self, before: i64) -> Result<Option<i64>, StoreError> {
        let page: [&(dyn ToSql + Sync); 5] =
            [&self.account, &before, &self.floor(), &WALKED_AT_A_TIME, &self.words];
        let walked = select(self.transaction, WALK, &page, |cells| {
            Ok((candidate(cells)?, cells.take::<bool>()?, cells.take::<i64>()?))
        })
        .await?;
        let candidates: Vec<Candidate> = walked
            .iter()
            .filter_map(|(candidate, may_hold, _)| may_hold.then_some(*candidate))
            .collect();
        for page in candidates.chunks(CANDIDATES_AT_A_TIME) {
            if page.first().is_some_and(|newest| newest.message <= self.floor()) {
                return Ok(None);
            }
            self.check(page).await?;
        }
        let last = walked.last().filter(|(_, _, all)| *all == WALKED_AT_A_TIME);
        Ok(last.map(|(last, _, _)| last.message).filter(|&last| self.floor() < last))
    }

    /// Reads the newest messages of `chat`, at most `at_most`. Says which one was read last if there may be others.
    async fn read_chat(
        &mut self,
        seller: AccountId,
        chat: i64,
        mut before: i64,
        mut at_most: usize,
    ) -> Result<Option<i64>, StoreError> {
        while 0 < at_most && self.found.len() < self.limit {
            let page = number(CANDIDATES_AT_A_TIME);
            let wanted: [&(dyn ToSql + Sync); 5] =
                [&seller.get(), &chat, &before, &Role::Market.code(), &page];
            let read = select(self.transaction, IN_CHAT, &wanted, rows::message).await?;
            match read.last() {
                Some((last, _)) if read.len() == CANDIDATES_AT_A_TIME => before = last.id.get(),
                Some(_) | None => at_most = 0,
            }
            let is_rest = 0 < at_most;
            self.keep(read);
            if !is_rest {
                return Ok(None);
            }
            at_most = at_most.saturating_sub(CANDIDATES_AT_A_TIME);
        }
        Ok((self.found.len() < self.limit).then_some(before))
    }

    /// Reads `candidates` and keeps those that hold the needle.
    async fn check(&mut self, candidates: &[Candidate]) -> Result<(), StoreError> {
        if candidates.is_empty() {
            return Ok(());
        }
        let messages: Vec<i64> = candidates.iter().map(|candidate| candidate.message).collect();
        let sellers: Vec<i64> = candidates.iter().map(|candidate| candidate.seller).collect();
        let chats: Vec<i64> = candidates.iter().map(|candidate| candidate.chat).collect();
        let market = Role::Market.code();
        let wanted: [&(dyn ToSql + Sync); 6] =
            [&messages, &sellers, &chats, &market, &self.account, &self.chat];
        let read = select(self.transaction, CANDIDATES, &wanted, rows::message).await?;
        self.keep(read);
        Ok(())
    }

    /// Keeps the newest of `messages` that hold the needle, and of those that were found before.
    fn keep(&mut self, messages: Vec<(Message, bool)>) {
        self.found.extend(messages.into_iter().filter(|(message, _)| {
            message.text.as_deref().is_some_and(|text| fold(text).contains(&self.needle))
        }));
        self.found.sort_unstable_by_key(|(message, _)| Reverse(message.id));
        // One may wait to be indexed anew.
        self.found.dedup_by_key(|(message, _)| message.id);
        self.found.truncate(self.limit);
    }

    /// The message behind which nothing is looked for any more: all that was asked for is found among newer ones.
    fn floor(&self) -> i64 {
        match self.found.last() {
            Some((last, _)) if self.found.len() == self.limit => last.id.get(),
            Some(_) | None => 0,
        }
    }
}
