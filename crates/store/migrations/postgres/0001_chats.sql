-- Torg on PostgreSQL. Times are milliseconds since 1970 in UTC; enums are the small integers of src/codes.rs. Both are
-- BIGINT like everything else that is a number: PostgreSQL aligns what stands beside them to eight bytes anyway.
-- Facts of the marketplace come in any order, so nothing refers to them by a foreign key.
--
-- What belongs to an account can be distributed by it (docs/scaling.md): chats and messages by the seller, logs, totals,
-- receipts and the index for search by their account, attachments by their owner. That column leads every primary key and unique index, no
-- foreign key crosses accounts, and a send locks the rows of accounts one by one, by rising id.

-- The first three hold the id that was given out last, as the next value: see reserve_ids. A sequence is outside of
-- transactions.
CREATE SEQUENCE chat_ids MINVALUE 0 START 0;
CREATE SEQUENCE message_ids MINVALUE 0 START 0;
CREATE SEQUENCE attachment_ids MINVALUE 0 START 0;
CREATE SEQUENCE account_ids;

-- Reserves the `wanted` ids behind the answer, which is `at_least` or larger. Ids that are reserved later are larger,
-- whatever becomes of the transactions: whoever reserves under the lock of a seller's account gives that seller's chats
-- ids that rise in the order of commits. Must not be called twice at the same time, hence the lock; it is held for no
-- longer than this takes.
CREATE FUNCTION reserve_ids(counter REGCLASS, at_least BIGINT, wanted BIGINT) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE
    last BIGINT;
BEGIN
    PERFORM pg_advisory_lock(counter::OID::BIGINT);
    last := greatest(nextval(counter), at_least);
    -- What nextval answers next time.
    PERFORM setval(counter, last + wanted, FALSE);
    PERFORM pg_advisory_unlock(counter::OID::BIGINT);
    RETURN last;
END
$$;

CREATE TABLE accounts (
    id             BIGINT PRIMARY KEY,
    kind           BIGINT NOT NULL,
    display_name   TEXT NOT NULL,
    avatar_url     TEXT,
    city_id        BIGINT,
    rating         TEXT,
    reviews_count  BIGINT NOT NULL,
    products_count BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    email          TEXT,
    email_verified BOOLEAN NOT NULL,
    phone          TEXT,
    is_active      BOOLEAN NOT NULL,
    is_admin       BOOLEAN NOT NULL,
    attributes     TEXT NOT NULL,
    -- In lower case by Rust's rules, as in every store.
    email_folded   TEXT UNIQUE,
    password_hash  TEXT
);

CREATE TABLE members (
    id         BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL,
    name       TEXT NOT NULL,
    role       BIGINT NOT NULL
);

CREATE TABLE shops (
    id        BIGINT PRIMARY KEY,
    seller_id BIGINT NOT NULL,
    name      TEXT NOT NULL,
    model     BIGINT NOT NULL
);
CREATE INDEX shops_of_seller ON shops (seller_id, id);

CREATE TABLE products (
    id           BIGINT PRIMARY KEY,
    seller_id    BIGINT NOT NULL,
    sku          TEXT,
    title        TEXT NOT NULL,
    price        BIGINT NOT NULL,
    published_at BIGINT,
    attributes   TEXT NOT NULL
);

CREATE TABLE orders (
    id         BIGINT PRIMARY KEY,
    seller_id  BIGINT NOT NULL,
    buyer_id   BIGINT NOT NULL,
    shop_id    BIGINT,
    number     TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE order_items (
    order_id   BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity   BIGINT NOT NULL,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE postings (
    -- Compared byte by byte, whatever the language of the database: its order must be the same in every store.
    number       TEXT COLLATE "C" PRIMARY KEY,
    order_id     BIGINT NOT NULL,
    paid_at      BIGINT,
    delivered_at BIGINT,
    cancelled_at BIGINT
);
CREATE INDEX postings_of_order ON postings (order_id, number);

CREATE TABLE returns (
    id         BIGINT PRIMARY KEY,
    order_id   BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE chats (
    id                     BIGINT NOT NULL,
    public_id              UUID NOT NULL,
    seller_id              BIGINT NOT NULL,
    buyer_id               BIGINT NOT NULL,
    context_kind           BIGINT NOT NULL,
    -- 0 where the context is nothing in particular.
    context_id             BIGINT NOT NULL,
    order_id               BIGINT,
    state                  BIGINT NOT NULL,
    turn                   BIGINT NOT NULL,
    created_at             BIGINT NOT NULL,
    -- 0 before the first message, so that such chats have a place in lists by activity.
    last_message_id        BIGINT NOT NULL,
    last_message_at        BIGINT,
    last_buyer_message_at  BIGINT,
    waiting_since          BIGINT,
    blocked_by_buyer       BOOLEAN NOT NULL,
    seller_read_up_to      BIGINT,
    seller_delivered_up_to BIGINT,
    seller_received        BIGINT NOT NULL,
    seller_unread          BIGINT NOT NULL,
    seller_first_unread    BIGINT,
    seller_hidden          BOOLEAN NOT NULL,
    buyer_read_up_to       BIGINT,
    buyer_delivered_up_to  BIGINT,
    buyer_received         BIGINT NOT NULL,
    buyer_unread           BIGINT NOT NULL,
    buyer_first_unread     BIGINT,
    buyer_hidden           BOOLEAN NOT NULL,
    -- What the domain derives from the columns above, for the indexes below.
    is_over                BOOLEAN NOT NULL,
    is_dispute             BOOLEAN NOT NULL,
    phase                  BIGINT NOT NULL,
    seller_has_unread      BOOLEAN NOT NULL,
    buyer_has_unread       BOOLEAN NOT NULL,
    PRIMARY KEY (seller_id, id)
-- What no index knows, as how far a side has received, is written beside the old row: no index is touched then.
) WITH (fillfactor = 70);
-- Both are unique as well: the ids come from one counter, and the names are random.
CREATE INDEX chats_by_id ON chats (id);
CREATE INDEX chats_by_public_id ON chats (public_id);
CREATE UNIQUE INDEX chats_by_key ON chats (seller_id, buyer_id, context_kind, context_id);
CREATE INDEX chats_of_seller_by_context ON chats (seller_id, context_kind, context_id, id);
CREATE INDEX chats_of_seller_by_facets ON chats (seller_id, is_dispute, context_kind, phase, id);
CREATE INDEX chats_of_seller_by_activity ON chats (seller_id, seller_hidden, is_over, seller_has_unread, last_message_id, id);
CREATE INDEX chats_of_buyer_by_activity ON chats (buyer_id, buyer_hidden, is_over, buyer_has_unread, last_message_id, id);

CREATE TABLE messages (
    seller_id          BIGINT NOT NULL,
    chat_id            BIGINT NOT NULL,
    id                 BIGINT NOT NULL,
    author_role        BIGINT NOT NULL,
    author_account     BIGINT NOT NULL,
    author_member      BIGINT,
    text               TEXT,
    created_at         BIGINT NOT NULL,
    -- Null while the text is the first.
    edited_at          BIGINT,
    received_by_seller BIGINT NOT NULL,
    received_by_buyer  BIGINT NOT NULL,
    attachments_count  BIGINT NOT NULL,
    PRIMARY KEY (seller_id, chat_id, id)
);

CREATE TABLE attachments (
    owner_id   BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes      BIGINT NOT NULL,
    hash       BYTEA NOT NULL,
    is_picture BOOLEAN NOT NULL,
    width      BIGINT,
    height     BIGINT,
    created_at BIGINT NOT NULL,
    -- All three are null while the attachment waits to be sent.
    chat_id    BIGINT,
    message_id BIGINT,
    position   BIGINT,
    PRIMARY KEY (owner_id, id)
);
CREATE INDEX attachments_by_id ON attachments (id);
CREATE INDEX attachments_of_messages ON attachments (chat_id, message_id, position) WHERE chat_id IS NOT NULL;

-- What became of idempotency keys.
CREATE TABLE receipts (
    account_id  BIGINT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    chat_id     BIGINT NOT NULL,
    message_id  BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);

-- One row for each account that ever sat in a chat. Whoever writes in chats holds the rows of all their sellers and
-- buyers locked, until the end of the transaction.
CREATE TABLE account_state (
    account_id           BIGINT PRIMARY KEY,
    log_sequence         BIGINT NOT NULL,
    unread_seller        BIGINT NOT NULL,
    unread_seller_hidden BIGINT NOT NULL,
    unread_buyer         BIGINT NOT NULL,
    unread_buyer_hidden  BIGINT NOT NULL
) WITH (fillfactor = 50);

-- Locks the rows of `accounts`, which rise, one by one in their order, and makes those that are missing.
CREATE FUNCTION lock_accounts(accounts BIGINT[]) RETURNS TABLE (locked BIGINT, newest BIGINT)
LANGUAGE plpgsql AS $$
BEGIN
    FOREACH locked IN ARRAY accounts LOOP
        SELECT log_sequence INTO newest FROM account_state WHERE account_id = locked FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            INSERT INTO account_state VALUES (locked, 0, 0, 0, 0, 0) ON CONFLICT (account_id) DO NOTHING;
            SELECT log_sequence INTO newest FROM account_state WHERE account_id = locked FOR NO KEY UPDATE;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

CREATE TABLE log (
    account_id BIGINT NOT NULL,
    sequence   BIGINT NOT NULL,
    kind       BIGINT NOT NULL,
    chat_id    BIGINT,
    message_id BIGINT,
    side       BIGINT,
    webhook_id BIGINT,
    at         BIGINT NOT NULL,
    PRIMARY KEY (account_id, sequence)
);

-- Messages that the index for search does not know, or not with their newest text: a queue, see
-- src/postgres/search_index.rs. A message may stand in it several times.
CREATE TABLE unindexed_messages (
    place      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_id  BIGINT NOT NULL,
    buyer_id   BIGINT NOT NULL,
    chat_id    BIGINT NOT NULL,
    message_id BIGINT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX unindexed_messages_of_seller ON unindexed_messages (seller_id, message_id);
CREATE INDEX unindexed_messages_of_buyer ON unindexed_messages (buyer_id, message_id);

-- The index for search, once for each account of a chat. It is written beside the commits, not inside them, and can be
-- made anew from the messages at any time.
CREATE TABLE message_index (
    account_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    seller_id  BIGINT NOT NULL,
    chat_id    BIGINT NOT NULL,
    -- A number for each pair of neighbouring letters, different for each account: a list of the messages with a pair is
    -- an account's own, and does not grow with the server. Null for the first messages of an account, which are so few
    -- that a search reads them all.
    words      INTEGER[],
    PRIMARY KEY (account_id, message_id)
);
CREATE INDEX message_index_without_words ON message_index (account_id, message_id) WHERE words IS NULL;
CREATE INDEX message_index_by_words ON message_index USING gin (words) WHERE words IS NOT NULL;

CREATE TABLE api_keys (
    id                UUID PRIMARY KEY,
    -- Null for a key of the marketplace's own backend.
    account_id        BIGINT,
    member_id         BIGINT,
    name              TEXT NOT NULL,
    audience          TEXT NOT NULL,
    secret_hash       BYTEA NOT NULL UNIQUE,
    can_read          BOOLEAN NOT NULL,
    can_write         BOOLEAN NOT NULL,
    -- Ids and addresses with one space between them.
    shops             TEXT,
    allowed_addresses TEXT NOT NULL,
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT,
    revoked_at        BIGINT
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, created_at, id);

CREATE TABLE sessions (
    id            TEXT COLLATE "C" PRIMARY KEY,
    account_id    BIGINT NOT NULL,
    token_hash    BYTEA NOT NULL UNIQUE,
    ip_address    TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    last_activity BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX sessions_of_account ON sessions (account_id, last_activity, id);

CREATE TABLE webhooks (
    id                    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id            BIGINT NOT NULL,
    format                TEXT NOT NULL,
    url                   TEXT NOT NULL,
    url_is_exact          BOOLEAN NOT NULL,
    name                  TEXT NOT NULL,
    -- With one space between them.
    types                 TEXT NOT NULL,
    secret                BYTEA NOT NULL,
    previous_secret       BYTEA,
    previous_secret_until BIGINT,
    state                 BIGINT NOT NULL,
    created_at            BIGINT NOT NULL
);
CREATE INDEX webhooks_of_account ON webhooks (account_id, id);
-- 1: active.
CREATE INDEX active_webhooks ON webhooks (id) WHERE state = 1;

-- How far each webhook has come, and who pushes to it: one row for each.
CREATE TABLE webhook_progress (
    account_id    BIGINT NOT NULL,
    webhook_id    BIGINT NOT NULL,
    revision      BIGINT NOT NULL,
    position      BIGINT NOT NULL,
    failing_since BIGINT,
    was_reached   BOOLEAN NOT NULL,
    has_alarmed   BOOLEAN NOT NULL,
    pinged_at     BIGINT NOT NULL,
    counted_since BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    answered_200  BIGINT NOT NULL,
    -- Null while nobody does.
    holder        TEXT,
    -- By the clock of this database, which is not the server's in demos.
    held_until    BIGINT NOT NULL,
    PRIMARY KEY (account_id, webhook_id)
) WITH (fillfactor = 50);
CREATE INDEX webhook_progress_of_holder ON webhook_progress (holder) WHERE holder IS NOT NULL;

-- Entries of logs that were taken up and are not settled.
CREATE TABLE waiting_pushes (
    account_id      BIGINT NOT NULL,
    webhook_id      BIGINT NOT NULL,
    sequence        BIGINT NOT NULL,
    chat_id         BIGINT,
    attempts        BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, webhook_id, sequence)
);

CREATE TABLE deliveries (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  BIGINT NOT NULL,
    webhook_id  BIGINT NOT NULL,
    -- Null for a ping.
    sequence    BIGINT,
    kind        TEXT NOT NULL,
    attempt     BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status      BIGINT,
    outcome     BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    response    TEXT NOT NULL
);
CREATE INDEX deliveries_of_webhook ON deliveries (account_id, webhook_id, id);

-- Secrets of this installation.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

-- Moves whenever a key or a session of the account ends or changes: whoever is connected with one looks at it again.
CREATE TABLE credential_revisions (
    account_id BIGINT PRIMARY KEY,
    revision   BIGINT NOT NULL
) WITH (fillfactor = 50);

-- Units of rate limits that servers have taken out of windows. Like a queue: rows come and go all the time, and a
-- distributed database keeps this table in one place.
CREATE TABLE unit_leases (
    what    TEXT COLLATE "C" NOT NULL,
    -- UTF-8. Not TEXT, since it may be made of whatever a stranger has sent.
    subject BYTEA NOT NULL,
    -- When the window ends.
    until   BIGINT NOT NULL,
    taken   BIGINT NOT NULL,
    -- How many of them the last lease got, of how many that it wanted, and how many the window has.
    granted BIGINT NOT NULL,
    wanted  BIGINT NOT NULL,
    units   BIGINT NOT NULL,
    PRIMARY KEY (what, subject, until)
) WITH (fillfactor = 50);
CREATE INDEX unit_leases_by_end ON unit_leases (until);

-- What somebody may do once an interval, which begins when they do it.
CREATE TABLE unit_intervals (
    what         TEXT COLLATE "C" NOT NULL,
    subject      BYTEA NOT NULL,
    -- When the interval ends.
    until        BIGINT NOT NULL,
    -- What the last statement that wanted it has found.
    until_before BIGINT NOT NULL,
    PRIMARY KEY (what, subject)
);
CREATE INDEX unit_intervals_by_end ON unit_intervals (until);
