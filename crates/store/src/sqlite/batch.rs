//! The way of a batch: load what it touches, let the domain decide, write what has changed.

use domain::attachment::Attachment;
use domain::batch::{Batch, Changes, Outcome};
use domain::chat::Chat;
use domain::id::{AccountId, ChatId, MessageId, OrderId};
use domain::world::{LastIds, Receipt, Touches, World};
use engine::store::{Committed, Growth, StoreError};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::cells::SqliteCells;
use super::writer::in_transaction;
use super::{accounts, chats, facts, log, messages, orders};
use crate::cells::Cells as _;
use crate::rows::messages::is_searchable;

/// Runs `batch` in one transaction. When the database refuses a statement, its commands are run one by one, so that the
/// one which cannot be stored fails alone.
pub(super) fn commit(connection: &mut Connection, batch: &Batch) -> Committed {
    match attempt(connection, batch) {
        Ok((outcome, logs)) => Committed::decided(outcome, logs),
        Err(StoreError::Failed(reason)) if 1 < batch.submissions.len() => {
            tracing::warn!(reason, "a batch failed; its commands are run one by one");
            let mut all = Committed::default();
            for single in batch.singly() {
                all.add(commit(connection, &single));
            }
            all
        }
        Err(failure) => Committed::failed(batch.submissions.len(), &failure),
    }
}

fn attempt(
    connection: &mut Connection,
    batch: &Batch,
) -> std::result::Result<(Outcome, Vec<Growth>), StoreError> {
    in_transaction(connection, |db| {
        let mut world = load(db, &batch.touches())?;
        for key in batch.keys(&world) {
            if let Some(chat) = chats::by_key(db, &key)? {
                world.chats_by_key.insert(key, chat.id);
                add_chat(db, &mut world, chat)?;
            }
        }
        let before = world.last_ids;
        let outcome = batch.run(world);
        let logs = write(db, &outcome.changes, before)?;
        Ok((outcome, logs))
    })
}

const LAST_IDS: &str = "SELECT chat, message, attachment FROM last_ids";

fn load(db: &Connection, touches: &Touches) -> Result<World> {
    let mut world = World::default();
    world.last_ids = db.prepare_cached(LAST_IDS)?.query_row([], |row| {
        Ok(LastIds { chat: row.get(0)?, message: row.get(1)?, attachment: row.get(2)? })
    })?;
    for &id in &touches.chats {
        if let Some(chat) = chats::by_id(db, id)? {
            add_chat(db, &mut world, chat)?;
        }
    }
    for &(chat, position) in &touches.positions {
        if let Some(chat) = world.chats.get(&chat) {
            let landmark = messages::landmark(db, chat, position)?;
            world.landmarks.insert((chat.id, position), landmark);
        }
    }
    let products: Vec<_> = touches.products.iter().copied().collect();
    for product in facts::products(db, &products)? {
        world.products.insert(product.id, product);
    }
    let returns: Vec<_> = touches.returns.iter().copied().collect();
    for returned in orders::returns(db, &returns)? {
        add_order(db, &mut world, returned.order)?;
        world.returns.insert(returned.id, returned);
    }
    for &order in &touches.orders {
        add_order(db, &mut world, order)?;
    }
    for number in &touches.postings {
        if let Some(order) = orders::order_of_posting(db, number)? {
            add_order(db, &mut world, order)?;
            world.postings.insert(number.clone(), order);
        }
    }
    for &account in &touches.accounts {
        if accounts::is_active(db, account)? {
            world.accounts.insert(account);
        }
    }
    for &id in &touches.attachments {
        if let Some(attachment) = messages::attachment_by_id(db, id)? {
            world.attachments.insert(id, attachment);
        }
    }
    for &(chat, id) in &touches.messages {
        if let Some(message) = messages::by_id(db, chat, id)? {
            world.messages.insert((chat, id), message);
        }
    }
    for (account, key) in &touches.idempotency_keys {
        if let Some(receipt) = receipt(db, *account, key)? {
            world.receipts.insert((*account, key.clone()), receipt);
        }
    }
    Ok(world)
}

fn add_chat(db: &Connection, world: &mut World, chat: Chat) -> Result<()> {
    if let Some(order) = chat.order {
        add_order(db, world, order)?;
    }
    world.chats.insert(chat.id, chat);
    Ok(())
}

fn add_order(db: &Connection, world: &mut World, id: OrderId) -> Result<()> {
    if !world.orders.contains_key(&id)
        && let Some(order) = orders::order(db, id)?
    {
        world.orders.insert(id, order);
    }
    Ok(())
}

const RECEIPT: &str =
    "SELECT fingerprint, chat_id, message_id FROM receipts WHERE account_id = ?1 AND key = ?2";

fn receipt(db: &Connection, account: AccountId, key: &str) -> Result<Option<Receipt>> {
    let found = db
        .prepare_cached(RECEIPT)?
        .query_row(params![account.get(), key], |row| {
            let mut cells = SqliteCells::of(row);
            let fingerprint = cells.bytes_32()?;
            Ok((fingerprint, cells.id(ChatId::new)?, cells.id(MessageId::new)?))
        })
        .optional()?;
    let Some((fingerprint, chat, message)) = found else { return Ok(None) };
    let message = messages::by_id(db, chat, message)?;
    Ok(message.map(|message| Receipt { fingerprint, message }))
}

const PUT_RECEIPT: &str = "INSERT INTO receipts (account_id, key, fingerprint, chat_id, message_id) VALUES (?1, ?2, ?3, ?4, ?5)";
const SEARCHABLE: &str = "INSERT INTO searchable_messages (message_id, chat_id) VALUES (?1, ?2)";
/// Gives the edit the next number of all.
const SEARCHABLE_AGAIN: &str = "INSERT INTO searchable_messages (message_id, chat_id, edit) VALUES (?1, ?2, \
    1 + coalesce((SELECT max(edit) FROM searchable_messages WHERE edit IS NOT NULL), 0)) \
    ON CONFLICT (message_id) DO UPDATE SET edit = excluded.edit";
const PUT_LAST_IDS: &str = "UPDATE last_ids SET chat = ?1, message = ?2, attachment = ?3";

fn write(db: &Connection, changes: &Changes, before: LastIds) -> Result<Vec<Growth>> {
    for change in changes.chats.values() {
        match &change.before {
            None => chats::insert(db, &change.after)?,
            Some(before) => chats::update(db, before, &change.after)?,
        }
    }
    changes
        .attachments
        .iter()
        .try_for_each(|attachment: &Attachment| messages::put_attachment(db, attachment))?;
    for message in &changes.messages {
        messages::insert(db, message)?;
        if is_searchable(message) {
            db.prepare_cached(SEARCHABLE)?.execute([message.id.get(), message.chat.get()])?;
        }
    }
    for message in &changes.updated_messages {
        messages::update(db, message)?;
        if is_searchable(message) {
            db.prepare_cached(SEARCHABLE_AGAIN)?.execute([message.id.get(), message.chat.get()])?;
        }
    }
    for ((account, key), receipt) in &changes.receipts {
        let message = &receipt.message;
        db.prepare_cached(PUT_RECEIPT)?.execute(params![
            account.get(),
            key,
            receipt.fingerprint,
            message.chat.get(),
            message.id.get()
        ])?;
    }
    let grown_logs = log::write(db, changes)?;
    if changes.last_ids != before {
        let LastIds { chat, message, attachment } = changes.last_ids;
        db.prepare_cached(PUT_LAST_IDS)?.execute([chat, message, attachment])?;
    }
    Ok(grown_logs)
}
