//! What is copied, table by table. The tables are the same in both stores, but for what is noted here.

/// A table to copy.
pub(super) struct Table {
    /// Its name in both stores.
    pub(super) name: &'static str,
    /// Its columns in SQLite that tell a row from all others, in whose order it is copied.
    pub(super) key: &'static [&'static str],
    /// A column that only PostgreSQL has, and from which other table of SQLite it comes.
    pub(super) added: Option<Added>,
}

/// A column that only PostgreSQL has.
pub(super) struct Added {
    /// Its name.
    pub(super) column: &'static str,
    /// What joins the table that has it.
    pub(super) join: &'static str,
    /// Its value there.
    pub(super) value: &'static str,
}

/// Copied in this order: what a reader would look for first comes last, so that half a copy is nothing whole.
pub(super) static TABLES: [Table; 22] = [
    plain("accounts", &["id"]),
    plain("members", &["id"]),
    plain("shops", &["id"]),
    plain("products", &["id"]),
    plain("orders", &["id"]),
    plain("order_items", &["order_id", "position"]),
    plain("postings", &["number"]),
    plain("returns", &["id"]),
    Table {
        name: "messages",
        key: &["chat_id", "id"],
        added: Some(Added {
            column: "seller_id",
            join: "JOIN chats ON chats.id = messages.chat_id",
            value: "chats.seller_id",
        }),
    },
    plain("attachments", &["id"]),
    plain("receipts", &["account_id", "key"]),
    plain("log", &["account_id", "sequence"]),
    plain("account_state", &["account_id"]),
    plain("chats", &["id"]),
    plain("webhooks", &["id"]),
    plain("webhook_progress", &["account_id", "webhook_id"]),
    plain("waiting_pushes", &["account_id", "webhook_id", "sequence"]),
    plain("deliveries", &["id"]),
    plain("credential_revisions", &["account_id"]),
    plain("sessions", &["id"]),
    plain("api_keys", &["id"]),
    plain("secrets", &["name"]),
];

const fn plain(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key, added: None }
}

/// A column of PostgreSQL.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    Flag,
    Text,
    Bytes,
    Uuid,
}

impl Kind {
    /// The kind of a type, by PostgreSQL's name for it.
    pub(super) fn of_type(name: &str) -> Option<Self> {
        match name {
            "bigint" => Some(Self::Whole),
            "boolean" => Some(Self::Flag),
            "text" => Some(Self::Text),
            "bytea" => Some(Self::Bytes),
            "uuid" => Some(Self::Uuid),
            _ => None,
        }
    }
}

impl Table {
    /// The expression of a column in a query of SQLite.
    pub(super) fn expression(&self, column: &str) -> String {
        match &self.added {
            Some(added) if added.column == column => added.value.to_owned(),
            _ => format!("{}.{column}", self.name),
        }
    }

    /// What stands behind FROM in SQLite.
    pub(super) fn source(&self) -> String {
        let join = self.added.as_ref().map_or("", |added| added.join);
        format!("{} {join}", self.name)
    }
}
