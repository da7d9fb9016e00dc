//! Rows of accounts.

use domain::account::{Account, Attributes};
use domain::id::AccountId;

use crate::cells::Cells;

/// The columns of [`account`].
macro_rules! account_columns {
    () => {
        "id, kind, display_name, avatar_url, city_id, rating, reviews_count, products_count, created_at, email, \
         email_verified, phone, is_active, is_admin, attributes, password_hash"
    };
}
pub(crate) use account_columns;

/// An account, and its password's hash.
pub(crate) fn account<C: Cells>(cells: &mut C) -> Result<(Account, Option<String>), C::Error> {
    let account = Account {
        id: cells.id(AccountId::new)?,
        kind: cells.code()?,
        display_name: cells.take()?,
        avatar_url: cells.take()?,
        city_id: cells.take()?,
        rating: cells.take()?,
        reviews_count: cells.take()?,
        products_count: cells.take()?,
        created_at: cells.time()?,
        email: cells.take()?,
        email_verified: cells.take()?,
        phone: cells.take()?,
        is_active: cells.take()?,
        is_admin: cells.take()?,
        attributes: Attributes::from_json_object(cells.take()?),
    };
    Ok((account, cells.take()?))
}

/// How two addresses are found to be the same. Both databases store what this makes: their own lower case differs.
pub(crate) fn folded(email: &str) -> String {
    email.to_lowercase()
}
