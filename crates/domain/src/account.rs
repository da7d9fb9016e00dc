//! Accounts: whoever takes part in chats, and the people who work for them.

use crate::Timestamp;
use crate::id::{AccountId, MemberId};

/// A person or a business. The same account may sell in one chat and buy in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Chosen by the marketplace.
    pub id: AccountId,
    /// Person or business.
    pub kind: AccountKind,
    /// The name that others see.
    pub display_name: String,
    /// Absolute address of the picture.
    pub avatar_url: Option<String>,
    /// The marketplace's number of a city.
    pub city_id: Option<i64>,
    /// Decimal text, for instance `4.85`; none without reviews.
    pub rating: Option<String>,
    /// How many reviews the rating stands on.
    pub reviews_count: i64,
    /// How many products are on sale.
    pub products_count: i64,
    /// Since when the account exists.
    pub created_at: Timestamp,
    /// For signing in; never shown to others. Unique over accounts, compared in lower case.
    pub email: Option<String>,
    /// Whether the address was confirmed.
    pub email_verified: bool,
    /// International form, for instance `+79991234567`; never shown to others.
    pub phone: Option<String>,
    /// An inactive account can neither sign in nor use a key.
    pub is_active: bool,
    /// Whether the person administers the marketplace.
    pub is_admin: bool,
    /// What only one marketplace knows of.
    pub attributes: Attributes,
}

impl Account {
    /// A private person of whom nothing but a name is known. The account is active and has no e-mail address to sign in
    /// with.
    pub fn new(id: AccountId, display_name: String, created_at: Timestamp) -> Self {
        Self {
            id,
            kind: AccountKind::Private,
            display_name,
            avatar_url: None,
            city_id: None,
            rating: None,
            reviews_count: 0,
            products_count: 0,
            created_at,
            email: None,
            email_verified: false,
            phone: None,
            is_active: true,
            is_admin: false,
            attributes: Attributes::default(),
        }
    }
}

/// Person or business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A private person.
    Private,
    /// A business.
    Company,
}

/// A person who works for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Chosen by the marketplace.
    pub id: MemberId,
    /// Whom the person works for.
    pub account: AccountId,
    /// Shown to colleagues.
    pub name: String,
    /// What the person may do in the inbox.
    pub role: MemberRole,
}

/// What a member may do in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    /// Answers chats.
    Operator,
    /// Answers chats and sees the work of the operators.
    Supervisor,
}

/// A JSON object as text. Torg keeps it; the dialect that knows the fields reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(String);

impl Attributes {
    /// Takes the text of a JSON object. The caller has parsed it.
    pub fn from_json_object(text: String) -> Self {
        Self(text)
    }

    /// The text of the JSON object.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}
