-- Torg on SQLite. Times are milliseconds since 1970 in UTC; enums are the small integers of src/codes.rs.
-- Facts of the marketplace come in any order, so nothing refers to them by a foreign key.

-- The ids that were given out last. One row, read and written in the transaction that gives them out.
CREATE TABLE last_ids (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    chat       INTEGER NOT NULL,
    message    INTEGER NOT NULL,
    attachment INTEGER NOT NULL,
    account    INTEGER NOT NULL
) STRICT;
INSERT INTO last_ids VALUES (1, 0, 0, 0, 0);

CREATE TABLE accounts (
    id             INTEGER PRIMARY KEY,
    kind           INTEGER NOT NULL,
    display_name   TEXT NOT NULL,
    avatar_url     TEXT,
    city_id        INTEGER,
    rating         TEXT,
    reviews_count  INTEGER NOT NULL,
    products_count INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    email          TEXT,
    email_verified INTEGER NOT NULL,
    phone          TEXT,
    is_active      INTEGER NOT NULL,
    is_admin       INTEGER NOT NULL,
    attributes     TEXT NOT NULL,
    -- In lower case by Rust's rules: SQLite's own know ASCII only.
    email_folded   TEXT UNIQUE,
    password_hash  TEXT
) STRICT;

CREATE TABLE members (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    name       TEXT NOT NULL,
    role       INTEGER NOT NULL
) STRICT;

CREATE TABLE shops (
    id        INTEGER PRIMARY KEY,
    seller_id INTEGER NOT NULL,
    name      TEXT NOT NULL,
    model     INTEGER NOT NULL
) STRICT;
CREATE INDEX shops_of_seller ON shops (seller_id);

CREATE TABLE products (
    id           INTEGER PRIMARY KEY,
    seller_id    INTEGER NOT NULL,
    sku          TEXT,
    title        TEXT NOT NULL,
    price        INTEGER NOT NULL,
    published_at INTEGER,
    attributes   TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
    id         INTEGER PRIMARY KEY,
    seller_id  INTEGER NOT NULL,
    buyer_id   INTEGER NOT NULL,
    shop_id    INTEGER,
    number     TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE order_items (
    order_id   INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    quantity   INTEGER NOT NULL,
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE postings (
    number       TEXT PRIMARY KEY,
    order_id     INTEGER NOT NULL,
    paid_at      INTEGER,
    delivered_at INTEGER,
    cancelled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX postings_of_order ON postings (order_id, number);

CREATE TABLE returns (
    id         INTEGER PRIMARY KEY,
    order_id   INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE chats (
    id                    INTEGER PRIMARY KEY,
    public_id             BLOB NOT NULL UNIQUE,
    seller_id             INTEGER NOT NULL,
    buyer_id              INTEGER NOT NULL,
    context_kind          INTEGER NOT NULL,
    -- 0 where the context is nothing in particular.
    context_id            INTEGER NOT NULL,
    order_id              INTEGER,
    state                 INTEGER NOT NULL,
    turn                  INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    -- 0 before the first message, so that such chats have a place in lists by activity.
    last_message_id       INTEGER NOT NULL,
    last_message_at       INTEGER,
    last_buyer_message_at INTEGER,
    waiting_since         INTEGER,
    blocked_by_buyer      INTEGER NOT NULL,
    seller_read_up_to      INTEGER,
    seller_delivered_up_to INTEGER,
    seller_received        INTEGER NOT NULL,
    seller_unread          INTEGER NOT NULL,
    seller_first_unread    INTEGER,
    seller_hidden          INTEGER NOT NULL,
    buyer_read_up_to       INTEGER,
    buyer_delivered_up_to  INTEGER,
    buyer_received         INTEGER NOT NULL,
    buyer_unread           INTEGER NOT NULL,
    buyer_first_unread     INTEGER,
    buyer_hidden           INTEGER NOT NULL,
    -- What the domain derives from the columns above, for the indexes below.
    is_over               INTEGER NOT NULL,
    is_dispute            INTEGER NOT NULL,
    phase                 INTEGER NOT NULL,
    seller_has_unread     INTEGER NOT NULL,
    buyer_has_unread      INTEGER NOT NULL
) STRICT;
-- Every index ends in the row's id, which SQLite appends: lists are ordered by it where all before is equal.
CREATE UNIQUE INDEX chats_by_key ON chats (seller_id, buyer_id, context_kind, context_id);
CREATE INDEX chats_of_seller_by_age ON chats (seller_id);
CREATE INDEX chats_of_seller_by_context ON chats (seller_id, context_kind, context_id);
CREATE INDEX chats_of_seller_by_facets ON chats (seller_id, is_dispute, context_kind, phase);
CREATE INDEX chats_of_seller_by_activity ON chats (seller_id, seller_hidden, is_over, seller_has_unread, last_message_id);
CREATE INDEX chats_of_buyer_by_activity ON chats (buyer_id, buyer_hidden, is_over, buyer_has_unread, last_message_id);

-- Clustered by chat: a page of a history lies in a few neighbouring pages of the file.
CREATE TABLE messages (
    chat_id            INTEGER NOT NULL,
    id                 INTEGER NOT NULL,
    author_role        INTEGER NOT NULL,
    author_account     INTEGER NOT NULL,
    author_member      INTEGER,
    text               TEXT,
    created_at         INTEGER NOT NULL,
    -- Null while the text is the first.
    edited_at          INTEGER,
    received_by_seller INTEGER NOT NULL,
    received_by_buyer  INTEGER NOT NULL,
    attachments_count  INTEGER NOT NULL,
    PRIMARY KEY (chat_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
    id         INTEGER PRIMARY KEY,
    owner_id   INTEGER NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    is_picture INTEGER NOT NULL,
    width      INTEGER,
    height     INTEGER,
    created_at INTEGER NOT NULL,
    -- All three are null while the attachment waits to be sent.
    chat_id    INTEGER,
    message_id INTEGER,
    position   INTEGER
) STRICT;
CREATE INDEX attachments_of_messages ON attachments (chat_id, message_id, position)
    WHERE chat_id IS NOT NULL;

-- What became of idempotency keys.
CREATE TABLE receipts (
    account_id  INTEGER NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    chat_id     INTEGER NOT NULL,
    message_id  INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

-- One row for each account that ever sat in a chat.
CREATE TABLE account_state (
    account_id           INTEGER PRIMARY KEY,
    log_sequence         INTEGER NOT NULL,
    unread_seller        INTEGER NOT NULL,
    unread_seller_hidden INTEGER NOT NULL,
    unread_buyer         INTEGER NOT NULL,
    unread_buyer_hidden  INTEGER NOT NULL
) STRICT;

CREATE TABLE log (
    account_id INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    chat_id    INTEGER,
    message_id INTEGER,
    side       INTEGER,
    webhook_id INTEGER,
    at         INTEGER NOT NULL,
    PRIMARY KEY (account_id, sequence)
) STRICT, WITHOUT ROWID;

-- Messages that can be found by their text, in the order of commits: the index for search follows this table.
CREATE TABLE searchable_messages (
    message_id INTEGER PRIMARY KEY,
    chat_id    INTEGER NOT NULL,
    -- Rises over all edits of the server, which the index follows too; null while the text is the first.
    edit       INTEGER
) STRICT;
CREATE UNIQUE INDEX searchable_edits ON searchable_messages (edit) WHERE edit IS NOT NULL;

CREATE TABLE api_keys (
    id                BLOB NOT NULL PRIMARY KEY,
    -- Null for a key of the marketplace's own backend.
    account_id        INTEGER,
    member_id         INTEGER,
    name              TEXT NOT NULL,
    audience          TEXT NOT NULL,
    secret_hash       BLOB NOT NULL UNIQUE,
    can_read          INTEGER NOT NULL,
    can_write         INTEGER NOT NULL,
    -- Ids and addresses with one space between them.
    shops             TEXT,
    allowed_addresses TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER,
    revoked_at        INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_of_account ON api_keys (account_id, created_at);

CREATE TABLE sessions (
    id            TEXT NOT NULL PRIMARY KEY,
    account_id    INTEGER NOT NULL,
    token_hash    BLOB NOT NULL UNIQUE,
    ip_address    TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (account_id, last_activity);

-- How often a key or a session of the account was ended or changed, or the account put out of use or back: whoever is
-- connected with one has it checked again when this moves.
CREATE TABLE credential_revisions (
    account_id INTEGER NOT NULL PRIMARY KEY,
    revision   INTEGER NOT NULL
) STRICT;

CREATE TABLE webhooks (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id            INTEGER NOT NULL,
    format                TEXT NOT NULL,
    url                   TEXT NOT NULL,
    url_is_exact          INTEGER NOT NULL,
    name                  TEXT NOT NULL,
    -- With one space between them.
    types                 TEXT NOT NULL,
    secret                BLOB NOT NULL,
    previous_secret       BLOB,
    previous_secret_until INTEGER,
    state                 INTEGER NOT NULL,
    created_at            INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_of_account ON webhooks (account_id);
-- 1: active.
CREATE INDEX active_webhooks ON webhooks (id) WHERE state = 1;

-- How far each webhook has come, and who pushes to it: one row for each.
CREATE TABLE webhook_progress (
    account_id    INTEGER NOT NULL,
    webhook_id    INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    failing_since INTEGER,
    was_reached   INTEGER NOT NULL,
    has_alarmed   INTEGER NOT NULL,
    pinged_at     INTEGER NOT NULL,
    counted_since INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    answered_200  INTEGER NOT NULL,
    -- Null while nobody does.
    holder        TEXT,
    -- By the clock of this machine, which is not the server's in demos.
    held_until    INTEGER NOT NULL,
    PRIMARY KEY (account_id, webhook_id)
) STRICT, WITHOUT ROWID;

-- Entries of logs that were taken up and are not settled.
CREATE TABLE waiting_pushes (
    account_id      INTEGER NOT NULL,
    webhook_id      INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    chat_id         INTEGER,
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, webhook_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  INTEGER NOT NULL,
    webhook_id  INTEGER NOT NULL,
    -- Null for a ping.
    sequence    INTEGER,
    kind        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status      INTEGER,
    outcome     INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    response    TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_of_webhook ON deliveries (account_id, webhook_id);

-- Secrets of this installation.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
