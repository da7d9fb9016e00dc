//! The log of each account, and the totals that are kept beside its sequence.

use std::time::Duration;

use domain::Timestamp;
use domain::id::AccountId;
use engine::store::{LogPage, Pulse, StoreError, UnreadTotals};

use super::database::Database;
use super::gathering::Lookup;
use crate::cells::{Cells as _, millisecond, number};
use crate::rows::log::{entry, entry_columns};

/// At so many accounts is looked in one round of forgetting.
const FORGET_ACCOUNTS: usize = 500;
/// So many entries of a log are forgotten in one transaction.
const FORGET_ENTRIES: u64 = 500;

/// Of each log its two ends and the entries, all as of the same moment; one row without an entry where there is none.
pub(super) const PAGES: &str = concat!(
    "SELECT place, coalesce((SELECT log_sequence FROM account_state WHERE account_id = wanted.account), 0), \
     (SELECT sequence FROM log WHERE account_id = wanted.account ORDER BY sequence LIMIT 1), \
     entries.sequence IS NOT NULL, entries.* \
     FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) WITH ORDINALITY AS wanted (account, after, entries_max, place) \
     LEFT JOIN LATERAL (SELECT ",
    entry_columns!(),
    " FROM log WHERE account_id = wanted.account AND sequence > wanted.after ORDER BY sequence LIMIT wanted.entries_max) \
     AS entries ON TRUE \
     ORDER BY place, entries.sequence"
);

/// Stretches of logs.
pub(super) struct LogPages;

/// A stretch of a log, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stretch {
    /// Whose log.
    pub(super) account: AccountId,
    /// Behind which sequence.
    pub(super) after: i64,
    /// At most so many entries.
    pub(super) limit: usize,
}

impl Lookup for LogPages {
    type Key = Stretch;
    type Found = LogPage;
    /// Most who ask are live streams that a commit has woken.
    const PATIENCE: Duration = Duration::from_millis(5);

    async fn look_up(
        db: &Database,
        stretches: &[Stretch],
    ) -> Result<Vec<(Stretch, LogPage)>, StoreError> {
        let accounts: Vec<i64> = stretches.iter().map(|stretch| stretch.account.get()).collect();
        let afters: Vec<i64> = stretches.iter().map(|stretch| stretch.after).collect();
        let limits: Vec<i64> = stretches.iter().map(|stretch| number(stretch.limit)).collect();
        let rows = db
            .query(PAGES, &[&accounts, &afters, &limits], |cells| {
                let place: i64 = cells.take()?;
                let newest: i64 = cells.take()?;
                let oldest: Option<i64> = cells.take()?;
                let is_entry: bool = cells.take()?;
                let entry = if is_entry { Some(entry(cells)?) } else { None };
                Ok((place, oldest.unwrap_or(newest + 1), newest, entry))
            })
            .await?;
        let pages = stretches.iter().zip(1_i64..).scan(
            rows.into_iter().peekable(),
            |rows, (&stretch, place)| {
                let mut page = LogPage { entries: Vec::new(), oldest: 1, newest: 0 };
                while let Some((_, oldest, newest, entry)) = rows.next_if(|row| row.0 == place) {
                    (page.oldest, page.newest) = (oldest, newest);
                    page.entries.extend(entry);
                }
                Some((stretch, page))
            },
        );
        Ok(pages.collect())
    }
}

// Looked up row by row, however many accounts are asked for and however small the tables seem to the planner.
pub(super) const PULSES: &str = "SELECT account, \
    coalesce((SELECT log_sequence FROM account_state WHERE account_id = account), 0), \
    coalesce((SELECT revision FROM credential_revisions WHERE account_id = account), 0) \
    FROM unnest($1::BIGINT[]) AS account";

/// Where logs end, and how often credentials were changed.
pub(super) async fn pulses(
    db: &Database,
    accounts: &[AccountId],
) -> Result<Vec<Pulse>, StoreError> {
    let accounts: Vec<i64> = accounts.iter().map(|account| account.get()).collect();
    db.query(PULSES, &[&accounts], |cells| {
        let account = cells.id(AccountId::new)?;
        Ok(Pulse { account, newest: cells.take()?, credentials: cells.take()? })
    })
    .await
}

pub(super) const UNREAD: &str = "SELECT unread_seller, unread_seller_hidden, unread_buyer, \
    unread_buyer_hidden FROM account_state WHERE account_id = $1";

/// What an account has not read.
pub(super) async fn unread(db: &Database, account: AccountId) -> Result<UnreadTotals, StoreError> {
    let totals = db
        .query_one(UNREAD, &[&account.get()], |cells| {
            Ok(UnreadTotals {
                as_seller: cells.take()?,
                as_seller_hidden: cells.take()?,
                as_buyer: cells.take()?,
                as_buyer_hidden: cells.take()?,
            })
        })
        .await?;
    Ok(totals.unwrap_or_default())
}

pub(super) const NEXT_ACCOUNTS: &str = "SELECT account_id, \
    coalesce((SELECT at FROM log WHERE log.account_id = account_state.account_id ORDER BY sequence LIMIT 1) < $1, FALSE) \
    FROM account_state WHERE account_id > $2 ORDER BY account_id LIMIT $3";

// The first entries up to the first of them that is young enough: an entry behind a younger one stays until that one
// goes. Sequences have no gap, so what is deleted is the beginning of the log, and at once: nobody sees a hole.
pub(super) const FORGET: &str = "WITH first AS MATERIALIZED \
    (SELECT sequence, at FROM log WHERE account_id = $1 ORDER BY sequence LIMIT $3) \
    DELETE FROM log WHERE account_id = $1 AND sequence <= \
    coalesce((SELECT min(sequence) - 1 FROM first WHERE at >= $2), (SELECT max(sequence) FROM first))";

/// Forgets the entries of the next accounts' logs that were made before `before`. Answers behind which account to go on;
/// none when it has looked at all. Several servers may do so at the same time.
pub(super) async fn forget(
    db: &Database,
    before: Timestamp,
    after: Option<AccountId>,
) -> Result<Option<AccountId>, StoreError> {
    let before = millisecond(before);
    let after = after.map_or(0, AccountId::get);
    let accounts = db
        .query(NEXT_ACCOUNTS, &[&before, &after, &number(FORGET_ACCOUNTS)], |cells| {
            Ok((cells.id(AccountId::new)?, cells.take::<bool>()?))
        })
        .await?;
    let entries_max = i64::try_from(FORGET_ENTRIES).unwrap_or(i64::MAX);
    for (account, _) in accounts.iter().filter(|(_, has_old)| *has_old) {
        // Each a transaction of its own, and short.
        while db.execute(FORGET, &[&account.get(), &before, &entries_max]).await? == FORGET_ENTRIES
        {
        }
    }
    Ok(accounts.last().map(|&(account, _)| account).filter(|_| accounts.len() == FORGET_ACCOUNTS))
}
