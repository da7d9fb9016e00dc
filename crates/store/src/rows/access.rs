//! Rows of keys and of sessions.

use std::net::IpAddr;

use domain::id::{AccountId, MemberId, ShopId};
use engine::store::{ApiKey, Session};

use crate::cells::Cells;

/// The columns of [`key`].
macro_rules! key_columns {
    () => {
        "id, account_id, member_id, name, audience, secret_hash, can_read, can_write, shops, allowed_addresses, \
         created_at, expires_at, revoked_at"
    };
}
pub(crate) use key_columns;

pub(crate) fn key<C: Cells>(cells: &mut C) -> Result<ApiKey, C::Error> {
    Ok(ApiKey {
        id: cells.uuid()?,
        account: cells.optional_id(AccountId::new)?,
        member: cells.optional_id(MemberId::new)?,
        name: cells.take()?,
        audience: cells.take()?,
        secret_hash: cells.bytes_32()?,
        can_read: cells.take()?,
        can_write: cells.take()?,
        shops: shops(cells)?,
        allowed_addresses: addresses(cells)?,
        created_at: cells.time()?,
        expires_at: cells.optional_time()?,
        revoked_at: cells.optional_time()?,
    })
}

fn shops<C: Cells>(cells: &mut C) -> Result<Option<Vec<ShopId>>, C::Error> {
    let shops: Option<String> = cells.take()?;
    let listed = |shops: String| unspaced(&shops, |shop| ShopId::new(shop.parse().ok()?));
    shops.map(|shops| cells.known(listed(shops))).transpose()
}

fn addresses<C: Cells>(cells: &mut C) -> Result<Vec<IpAddr>, C::Error> {
    let addresses: String = cells.take()?;
    cells.known(unspaced(&addresses, |address| address.parse().ok()))
}

/// How ids or addresses are written: with one space between them.
pub(crate) fn spaced<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn unspaced<T>(text: &str, parse: fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split_whitespace().map(parse).collect()
}

/// The columns of [`session`].
macro_rules! session_columns {
    () => {
        "id, account_id, token_hash, ip_address, user_agent, created_at, last_activity, expires_at"
    };
}
pub(crate) use session_columns;

pub(crate) fn session<C: Cells>(cells: &mut C) -> Result<Session, C::Error> {
    Ok(Session {
        id: cells.take()?,
        account: cells.id(AccountId::new)?,
        token_hash: cells.bytes_32()?,
        ip_address: cells.take()?,
        user_agent: cells.take()?,
        created_at: cells.time()?,
        last_activity: cells.time()?,
        expires_at: cells.time()?,
    })
}
