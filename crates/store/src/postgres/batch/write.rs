//! What has changed, written and committed: one statement for each table, whatever the number of rows.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Object;
use domain::attachment::Attachment;
use domain::batch::{AccountChange, Changes};
use domain::id::{AccountId, AttachmentId, ChatId, MemberId, MessageId, WebhookId};
use domain::message::Message;
use engine::store::{Growth, LogEntry, StoreError};
use futures_util::join;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::super::database::Parties;
use super::super::error::{commit_error, is_collision, store_error};
use super::Trouble;
use super::chats::{self, ChatColumns};
use super::columns::Columns;
use crate::cells::{millisecond, number, optional_millisecond};
use crate::codes::Code;
use crate::rows::messages::is_searchable;

const INSERT_MESSAGES: &str = "INSERT INTO messages (seller_id, chat_id, id, author_role, author_account, author_member, \
    created_at, edited_at, received_by_seller, received_by_buyer, attachments_count, text) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[])";
pub(in crate::postgres) const UPDATE_MESSAGES: &str = "UPDATE messages SET edited_at = new.edited_at, text = new.text \
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) \
    AS new (seller_id, chat_id, id, edited_at, text) \
    WHERE messages.seller_id = new.seller_id AND messages.chat_id = new.chat_id AND messages.id = new.id";
const PUT_ATTACHMENTS: &str = "INSERT INTO attachments (owner_id, id, bytes, width, height, created_at, chat_id, message_id, \
    position, is_picture, name, media_type, hash) \
    SELECT owner_id, id, bytes, width, height, created_at, chat_id, message_id, position, is_picture <> 0, name, \
    media_type, hash FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::bytea[]) \
    AS new (owner_id, id, bytes, width, height, created_at, chat_id, message_id, position, is_picture, name, \
    media_type, hash) \
    ON CONFLICT (owner_id, id) DO UPDATE SET chat_id = excluded.chat_id, message_id = excluded.message_id, \
    position = excluded.position";
const INSERT_RECEIPTS: &str = "INSERT INTO receipts (account_id, chat_id, message_id, key, fingerprint) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[])";
const QUEUE_FOR_SEARCH: &str = "INSERT INTO unindexed_messages (seller_id, buyer_id, chat_id, message_id) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])";
const APPEND: &str = "INSERT INTO log (account_id, sequence, kind, chat_id, message_id, side, webhook_id, at) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
    $7::bigint[], $8::bigint[])";
/// The rows are there and locked.
pub(in crate::postgres) const ADVANCE: &str = "UPDATE account_state SET log_sequence = account_state.log_sequence + new.entries, \
    unread_seller = account_state.unread_seller + new.unread_seller, \
    unread_seller_hidden = account_state.unread_seller_hidden + new.unread_seller_hidden, \
    unread_buyer = account_state.unread_buyer + new.unread_buyer, \
    unread_buyer_hidden = account_state.unread_buyer_hidden + new.unread_buyer_hidden \
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
    AS new (account_id, entries, unread_seller, unread_seller_hidden, unread_buyer, unread_buyer_hidden) \
    WHERE account_state.account_id = new.account_id";

/// Writes `changes` and commits them; `parties` knows every chat in them. Answers by what the logs have grown.
pub(super) async fn write(
    client: &Object,
    changes: &Changes,
    locked: &BTreeMap<AccountId, i64>,
    parties: &HashMap<ChatId, Parties>,
) -> Result<Vec<Growth>, Trouble> {
    let accounts = changes.accounts();
    if accounts.is_empty() && changes.chats.is_empty() && changes.attachments.is_empty() {
        // Nothing has changed, so that there is nothing to wait for the disk for.
        let ended = client.batch_execute("ROLLBACK").await;
        return ended.map(|()| Vec::new()).map_err(|error| Trouble::Final(store_error(&error)));
    }

    let (begun, continued): (Vec<_>, Vec<_>) =
        changes.chats.values().partition(|change| change.before.is_none());
    let uuids: Vec<Uuid> = begun.iter().map(|change| change.after.public_id).collect();
    let begun = ChatColumns::of(begun.iter().map(|change| chats::cells(&change.after)));
    let continued = ChatColumns::of(continued.iter().map(|change| chats::cells(&change.after)));
    let attachments = Attachments::of(changes);
    let messages = Columns::of(changes.messages.iter().filter_map(|message| {
        let author = &message.author;
        Some([
            Some(parties.get(&message.chat)?.seller.get()),
            Some(message.chat.get()),
            Some(message.id.get()),
            Some(author.role.code()),
            Some(author.account.get()),
            author.member.map(MemberId::get),
            Some(millisecond(message.created_at)),
            optional_millisecond(message.edited_at),
            Some(message.received_by_seller),
            Some(message.received_by_buyer),
            Some(number(message.attachments.len())),
        ])
    }));
    let texts: Vec<_> = changes.messages.iter().map(|message| message.text.as_deref()).collect();
    // The last of several edits of one message is what it says.
    let edits: BTreeMap<_, _> =
        changes.updated_messages.iter().map(|message| (message.id, message)).collect();
    let edited = Columns::of(edits.values().filter_map(|message| {
        let seller = parties.get(&message.chat)?.seller;
        let edited_at = optional_millisecond(message.edited_at);
        Some([Some(seller.get()), Some(message.chat.get()), Some(message.id.get()), edited_at])
    }));
    let edited_texts: Vec<_> = edits.values().map(|message| message.text.as_deref()).collect();
    let said = changes.messages.iter().chain(edits.values().copied());
    let searchable = Columns::of(said.filter(|message| is_searchable(message)).filter_map(
        |Message { chat, id, .. }| {
            let Parties { seller, buyer, .. } = parties.get(chat)?;
            Some([Some(seller.get()), Some(buyer.get()), Some(chat.get()), Some(id.get())])
        },
    ));
    let receipts = Columns::of(changes.receipts.iter().map(|((account, _), receipt)| {
        let message = &receipt.message;
        [Some(account.get()), Some(message.chat.get()), Some(message.id.get())]
    }));
    let keys: Vec<_> = changes.receipts.iter().map(|((_, key), _)| key.as_str()).collect();
    let fingerprints: Vec<_> =
        changes.receipts.iter().map(|(_, receipt)| receipt.fingerprint.as_slice()).collect();
    let (entries, grown) = number_entries(&accounts, locked)?;
    let advances = Columns::of(accounts.iter().map(|(account, change)| {
        [
            Some(account.get()),
            Some(number(change.entries.len())),
            Some(change.as_seller.shown),
            Some(change.as_seller.hidden),
            Some(change.as_buyer.shown),
            Some(change.as_buyer.hidden),
        ]
    }));

    prepare_all(client).await?;
    // Sent in this order, and carried out in this order. After the first that fails the server refuses all others, and
    // makes a ROLLBACK of the COMMIT.
    let written = join!(
        run(client, &chats::INSERT, begun.are_empty(), with(begun.parameters(), &[&uuids])),
        run(client, &chats::UPDATE, continued.are_empty(), continued.parameters()),
        run(client, PUT_ATTACHMENTS, attachments.cells.are_empty(), attachments.parameters()),
        run(client, INSERT_MESSAGES, messages.are_empty(), with(messages.parameters(), &[&texts])),
        run(
            client,
            UPDATE_MESSAGES,
            edited.are_empty(),
            with(edited.parameters(), &[&edited_texts])
        ),
        run(
            client,
            INSERT_RECEIPTS,
            receipts.are_empty(),
            with(receipts.parameters(), &[&keys, &fingerprints])
        ),
        run(client, QUEUE_FOR_SEARCH, searchable.are_empty(), searchable.parameters()),
        run(client, APPEND, entries.are_empty(), entries.parameters()),
        run(client, ADVANCE, advances.are_empty(), advances.parameters()),
        async { client.batch_execute("COMMIT").await },
    );
    let (chats, updates, files, messages, edits, receipts, queue, log, totals, committed) = written;
    for written in [chats, updates, files, messages, edits, receipts, queue, log, totals] {
        written.map_err(|error| of_change(&error))?;
    }
    committed.map_err(|error| Trouble::Final(commit_error(&error)))?;
    Ok(grown)
}

/// What an error of a change means. The COMMIT is on its way behind it: when the server did not say that it refuses the
/// change, it may have carried out both.
fn of_change(error: &tokio_postgres::Error) -> Trouble {
    if error.code().is_none() {
        Trouble::Final(commit_error(error))
    } else if is_collision(error) {
        Trouble::Again(store_error(error))
    } else {
        Trouble::Final(store_error(error))
    }
}

/// The rows of all new entries, each with its place in its log, and by what the logs grow with them.
fn number_entries(
    accounts: &BTreeMap<AccountId, AccountChange<'_>>,
    locked: &BTreeMap<AccountId, i64>,
) -> Result<(Columns<8>, Vec<Growth>), StoreError> {
    let mut rows = Vec::new();
    let mut grown = Vec::new();
    for (&account, change) in accounts {
        let Some(newest) = locked.get(&account) else {
            return Err(StoreError::Failed(format!("the account {account} was not locked")));
        };
        let growth = Growth::behind(*newest, account, &change.entries);
        for LogEntry { sequence, entry } in growth.iter().flat_map(|growth| &growth.entries) {
            rows.push([
                Some(account.get()),
                Some(*sequence),
                Some(entry.kind.code()),
                entry.chat.map(ChatId::get),
                entry.message.map(MessageId::get),
                entry.side.map(Code::code),
                entry.webhook.map(WebhookId::get),
                Some(millisecond(entry.at)),
            ]);
        }
        grown.extend(growth);
    }
    Ok((Columns::of(rows), grown))
}

/// The rows of attachments that are new, or belong to a message now.
struct Attachments<'c> {
    cells: Columns<10>,
    names: Vec<&'c str>,
    media_types: Vec<&'c str>,
    hashes: Vec<&'c [u8]>,
}

impl<'c> Attachments<'c> {
    fn of(changes: &'c Changes) -> Self {
        let positions: HashMap<AttachmentId, usize> = changes
            .messages
            .iter()
            .flat_map(|message| message.attachments.iter().enumerate())
            .map(|(position, attachment)| (attachment.id, position))
            .collect();
        // One that was stored and sent by commands of the same batch counts as it is at the end.
        let attachments: BTreeMap<AttachmentId, &Attachment> =
            changes.attachments.iter().map(|attachment| (attachment.id, attachment)).collect();
        let cells = Columns::of(attachments.values().map(|attachment| {
            let file = &attachment.file;
            [
                Some(attachment.owner.get()),
                Some(attachment.id.get()),
                i64::try_from(file.bytes).ok(),
                file.pixels.map(|(width, _)| width.into()),
                file.pixels.map(|(_, height)| height.into()),
                Some(millisecond(attachment.created_at)),
                attachment.message.map(|(chat, _)| chat.get()),
                attachment.message.map(|(_, message)| message.get()),
                positions.get(&attachment.id).copied().map(number),
                Some(i64::from(file.is_picture)),
            ]
        }));
        let files = || attachments.values().map(|attachment| &attachment.file);
        Self {
            cells,
            names: files().map(|file| file.name.as_str()).collect(),
            media_types: files().map(|file| file.media_type.as_str()).collect(),
            hashes: files().map(|file| file.hash.as_slice()).collect(),
        }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        with(self.cells.parameters(), &[&self.names, &self.media_types, &self.hashes])
    }
}

fn with<'p>(
    mut parameters: Vec<&'p (dyn ToSql + Sync)>,
    others: &[&'p (dyn ToSql + Sync)],
) -> Vec<&'p (dyn ToSql + Sync)> {
    parameters.extend(others);
    parameters
}

/// Has the statements ready, so that running one of them sends it at once and none overtakes another, least of all the
/// COMMIT.
async fn prepare_all(client: &Object) -> Result<(), Trouble> {
    for sql in [
        chats::INSERT.as_str(),
        chats::UPDATE.as_str(),
        PUT_ATTACHMENTS,
        INSERT_MESSAGES,
        UPDATE_MESSAGES,
        INSERT_RECEIPTS,
        QUEUE_FOR_SEARCH,
        APPEND,
        ADVANCE,
    ] {
        client.prepare_cached(sql).await.map_err(|error| super::before_changes(&error))?;
    }
    Ok(())
}

/// Runs a statement that changes something, unless it `is_needless`.
async fn run(
    client: &Object,
    sql: &str,
    is_needless: bool,
    parameters: Vec<&(dyn ToSql + Sync)>,
) -> Result<(), tokio_postgres::Error> {
    if is_needless {
        return Ok(());
    }
    let statement = client.prepare_cached(sql).await?;
    client.execute(&statement, &parameters).await?;
    Ok(())
}
