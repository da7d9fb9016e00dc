//! People (Partizap contract §2.2, §3.3).

use domain::Timestamp;
use domain::account::{Account, AccountKind};
use domain::id::AccountId;
use engine::related::Related;
use serde::Serialize;

use super::Writer;
use super::product::Extras;

/// What everybody may see of an account.
#[derive(Clone, Serialize)]
pub(crate) struct PublicUser {
    id: i64,
    display_name: String,
    avatar_url: Option<String>,
    city_id: Option<i64>,
    rating: String,
    reviews_count: i64,
    products_count: i64,
    created_at: String,
}

/// What people see of their own account.
#[derive(Serialize)]
pub(crate) struct OwnProfile {
    #[serde(flatten)]
    public: PublicUser,
    email: String,
    phone: Option<String>,
    account_type: &'static str,
    email_verified: bool,
    district_id: Option<i64>,
    metro_station_id: Option<i64>,
    is_active: bool,
    is_admin: bool,
}

impl PublicUser {
    /// The name that others see.
    pub(crate) fn display_name(&self) -> &str {
        &self.display_name
    }
}

impl Writer<'_> {
    /// The card of an account; a stand-in while the marketplace has not told who it is.
    pub(crate) fn person(&self, id: AccountId, related: &Related) -> PublicUser {
        match related.accounts.get(&id) {
            Some(account) => self.public_user(account),
            None => PublicUser {
                id: id.get(),
                display_name: format!("Пользователь {id}"),
                avatar_url: None,
                city_id: None,
                rating: rating(None),
                reviews_count: 0,
                products_count: 0,
                created_at: self.time(Timestamp::UNIX_EPOCH),
            },
        }
    }

    fn public_user(&self, account: &Account) -> PublicUser {
        PublicUser {
            id: account.id.get(),
            display_name: account.display_name.clone(),
            avatar_url: account.avatar_url.clone(),
            city_id: account.city_id,
            rating: rating(account.rating.as_deref()),
            reviews_count: account.reviews_count,
            products_count: account.products_count,
            created_at: self.time(account.created_at),
        }
    }

    /// The profile of the person who asks.
    pub(crate) fn own_profile(&self, account: &Account) -> OwnProfile {
        let extras = Extras::of(&account.attributes);
        OwnProfile {
            public: self.public_user(account),
            email: account.email.clone().unwrap_or_default(),
            phone: account.phone.clone(),
            account_type: match account.kind {
                AccountKind::Private => "private",
                AccountKind::Company => "company",
            },
            email_verified: account.email_verified,
            district_id: extras.integer("district_id"),
            metro_station_id: extras.integer("metro_station_id"),
            is_active: account.is_active,
            is_admin: account.is_admin,
        }
    }
}

/// Two decimals; `0.00` without reviews (Partizap contract §3.3).
fn rating(decimal: Option<&str>) -> String {
    let rating = decimal.and_then(|text| text.trim().parse::<f64>().ok());
    format!("{:.2}", rating.filter(|rating| rating.is_finite()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_has_two_decimals() {
        let cases =
            [(Some("4.85"), "4.85"), (Some("5"), "5.00"), (Some("4.5"), "4.50"), (None, "0.00")];
        for (decimal, expected) in cases {
            assert_eq!(rating(decimal), expected);
        }
        assert_eq!(rating(Some("NaN")), "0.00");
        assert_eq!(rating(Some("good")), "0.00");
    }
}
