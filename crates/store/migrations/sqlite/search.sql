-- The index for search, in a file of its own: it is written beside the commits, not inside them, and can be made anew
-- from the messages at any time. Its version stands in `user_version`; another one is thrown away.

-- The row's id is the message's. `places` names both accounts and the chat. `pairs` has a word for each pair of
-- neighbouring letters (src/substring.rs), once for each account and marked with the account's shelf: FTS5 reads all that
-- it knows of a word, so the words of all accounts together would cost each search more with every message of the server.
-- No text is stored a second time.
CREATE VIRTUAL TABLE message_index USING fts5 (
    places, pairs, content = '', contentless_delete = 1, tokenize = 'ascii'
);

-- What is added becomes a segment of its own, and segments are merged later. With SQLite's own settings (1 MB, four at a
-- time) the merges were half of the work: a search looks into a few more segments instead.
INSERT INTO message_index (message_index, rank) VALUES ('hashsize', 8388608);
INSERT INTO message_index (message_index, rank) VALUES ('automerge', 16);

-- Every message up to this one is in the index, with what every edit up to this one has made of its text.
CREATE TABLE indexed (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    message_id INTEGER NOT NULL,
    edit       INTEGER NOT NULL
) STRICT;
INSERT INTO indexed VALUES (1, 0, 0);
