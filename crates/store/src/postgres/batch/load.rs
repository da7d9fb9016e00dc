//! What a batch touches, locked and loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deadpool_postgres::Object;
use domain::attachment::Attachment;
use domain::batch::{Batch, Changes};
use domain::id::{AccountId, ChatId, MessageId, OrderId};
use domain::message::Message;
use domain::world::{IdsWanted, Landmark, LastIds, Receipt, Touches, World};
use engine::store::StoreError;
use futures_util::join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::cells::{PostgresCells, decode};
use super::super::database::{Database, Parties};
use super::super::{facts, orders};
use super::columns::Columns;
use super::reach::{accounts_of, leave_out_what_strangers_name};
use super::{Trouble, before_changes};
use crate::cells::{Cells as _, number};
use crate::codes::{Code as _, context_id};
use crate::rows::chats::{chat, chat_columns};
use crate::rows::messages::{attachment, attachment_columns, message, message_columns};

/// What a batch decides over. Nobody else changes any of it until the transaction ends.
pub(super) struct Loaded {
    pub(super) world: World,
    /// The accounts that are locked, and the newest sequence of each one's log.
    pub(super) locked: BTreeMap<AccountId, i64>,
    /// The last ids that the batch may use up.
    pub(super) reserved_up_to: LastIds,
}

const LOCK: &str = "SELECT locked, newest FROM lock_accounts($1)";
const RESERVE: &str = "SELECT CASE WHEN $1::BIGINT > 0 THEN reserve_ids('chat_ids', 0, $1) ELSE 0 END, \
    CASE WHEN $3::BIGINT > 0 THEN reserve_ids('message_ids', $2, $3) ELSE 0 END, \
    CASE WHEN $4::BIGINT > 0 THEN reserve_ids('attachment_ids', 0, $4) ELSE 0 END";
pub(in crate::postgres) const CHATS: &str = concat!(
    "SELECT ",
    chat_columns!(),
    " FROM unnest($1::bigint[], $2::bigint[]) AS wanted (seller, chat) \
     JOIN chats ON seller_id = wanted.seller AND id = wanted.chat"
);
/// The first chat from each key on, if it is the one of that key. Only the index of the keys has this order: asked for
/// equal values alone, the planner takes another index that begins with the buyer, and walks past all that he ever
/// bought.
pub(in crate::postgres) const CHATS_BY_KEY: &str = concat!(
    "SELECT ",
    chat_columns!(),
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS wanted (seller, buyer, kind, about) \
     CROSS JOIN LATERAL (SELECT ",
    chat_columns!(),
    " FROM chats WHERE seller_id = wanted.seller \
         AND (buyer_id, context_kind, context_id) >= (wanted.buyer, wanted.kind, wanted.about) \
         ORDER BY buyer_id, context_kind, context_id LIMIT 1) AS chats \
     WHERE buyer_id = wanted.buyer AND context_kind = wanted.kind AND context_id = wanted.about"
);
/// Whoever has received nothing more has nothing to look for: the search would run to the end of the history. The roles
/// are those of `codes.rs`: 1 is the buyer, 2 the seller.
pub(in crate::postgres) const LANDMARKS: &str = "SELECT chats.id, wanted.position, here.id, coalesce(here.received_by_seller, 0), \
     coalesce(here.received_by_buyer, 0), for_seller.id, for_buyer.id \
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS wanted (seller, chat, position) \
     JOIN chats ON chats.seller_id = wanted.seller AND chats.id = wanted.chat \
     LEFT JOIN LATERAL (SELECT id, received_by_seller, received_by_buyer FROM messages \
         WHERE seller_id = chats.seller_id AND chat_id = chats.id AND id <= wanted.position \
         ORDER BY id DESC LIMIT 1) AS here ON TRUE \
     LEFT JOIN LATERAL (SELECT id FROM messages \
         WHERE seller_id = chats.seller_id AND chat_id = chats.id AND id > wanted.position AND author_role <> 2 \
         AND coalesce(here.received_by_seller, 0) < chats.seller_received \
         ORDER BY id LIMIT 1) AS for_seller ON TRUE \
     LEFT JOIN LATERAL (SELECT id FROM messages \
         WHERE seller_id = chats.seller_id AND chat_id = chats.id AND id > wanted.position AND author_role <> 1 \
         AND coalesce(here.received_by_buyer, 0) < chats.buyer_received \
         ORDER BY id LIMIT 1) AS for_buyer ON TRUE";
pub(in crate::postgres) const MESSAGES: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS wanted (seller, chat, message) \
     JOIN messages ON seller_id = wanted.seller AND chat_id = wanted.chat AND id = wanted.message"
);
pub(in crate::postgres) const RECEIPTS: &str = "SELECT account_id, receipts.key, fingerprint, chat_id, message_id \
     FROM unnest($1::bigint[], $2::text[]) AS wanted (account, key) \
     JOIN receipts ON account_id = wanted.account AND receipts.key = wanted.key";
pub(in crate::postgres) const ATTACHMENTS: &str =
    concat!("SELECT ", attachment_columns!(), " FROM attachments WHERE id = ANY($1)");
pub(in crate::postgres) const ATTACHMENTS_OF_MESSAGES: &str = concat!(
    "SELECT ",
    attachment_columns!(),
    " FROM unnest($1::bigint[], $2::bigint[]) AS wanted (chat, message) \
     JOIN attachments ON chat_id = wanted.chat AND message_id = wanted.message ORDER BY message_id, position"
);

/// Begins a transaction on `client`, locks what `batch` may change, and loads what it touches.
pub(super) async fn load(db: &Database, client: &Object, batch: &Batch) -> Result<Loaded, Trouble> {
    let touches = batch.touches();
    let mut parties: HashMap<ChatId, Parties> =
        db.parties(touches.chats.iter().copied()).await?.into_iter().collect();
    leave_out_what_strangers_name(batch, &mut parties);
    let mut world = load_facts(db, &touches, &parties).await?;
    let keys = batch.keys(&world);
    let accounts = accounts_of(batch, &parties, &keys);

    // How many chats are new is known when they have been looked for.
    let wanted = IdsWanted { chats: 0, ..batch.ids_wanted() };
    // Ids are times in microseconds, unless the last one was later.
    let at_least = batch.now.as_microsecond() - 1;
    let chats = Columns::of(
        parties.iter().map(|(chat, parties)| [Some(parties.seller.get()), Some(chat.get())]),
    );
    let by_key = Columns::of(keys.iter().map(|key| {
        let context = [Some(key.context.kind().code()), Some(context_id(key.context))];
        [Some(key.seller.get()), Some(key.buyer.get()), context[0], context[1]]
    }));
    let positions = in_chats(&parties, touches.positions.iter().copied());
    let messages = in_chats(&parties, touches.messages.iter().copied());
    let files: Vec<i64> = touches.attachments.iter().map(|id| id.get()).collect();
    let (key_accounts, key_texts): (Vec<i64>, Vec<&str>) =
        touches.idempotency_keys.iter().map(|(account, key)| (account.get(), key.as_str())).unzip();

    prepare_all(client).await?;
    // Sent in this order, and carried out in this order: a statement behind the locks sees what their last holders have
    // committed.
    let (begun, locked, ids, chats, by_key, landmarks, messages, files, receipts) = join!(
        begin(client),
        ask(client, LOCK, accounts.is_empty(), vec![&accounts]),
        ask(
            client,
            RESERVE,
            wanted == IdsWanted::default(),
            vec![&wanted.chats, &at_least, &wanted.messages, &wanted.attachments]
        ),
        ask(client, CHATS, chats.are_empty(), chats.parameters()),
        ask(client, CHATS_BY_KEY, by_key.are_empty(), by_key.parameters()),
        ask(client, LANDMARKS, positions.are_empty(), positions.parameters()),
        ask(client, MESSAGES, messages.are_empty(), messages.parameters()),
        ask(client, ATTACHMENTS, files.is_empty(), vec![&files]),
        ask(client, RECEIPTS, key_texts.is_empty(), vec![&key_accounts, &key_texts]),
    );
    begun?;
    // Looked at in this order too: whatever stands behind the first failure only says that something has failed.
    let (locked, ids, chats, by_key) = (locked?, ids?, chats?, by_key?);
    let (landmarks, messages, files, receipts) = (landmarks?, messages?, files?, receipts?);

    let locked = decode(locked, |cells| Ok((cells.id(AccountId::new)?, cells.take()?)))?;
    world.last_ids = decode(ids, last_ids)?.pop().unwrap_or_default();
    for (chat, position, landmark) in decode(landmarks, landmark)? {
        world.landmarks.insert((chat, position), landmark);
    }
    for found in decode(chats, chat)?.into_iter().chain(decode(by_key, chat)?) {
        if keys.contains(&found.key()) {
            world.chats_by_key.insert(found.key(), found.id);
        }
        world.chats.insert(found.id, found);
    }
    for file in decode(files, attachment)? {
        world.attachments.insert(file.id, file);
    }
    for message in with_attachments(client, messages).await? {
        world.messages.insert((message.chat, message.id), message);
    }
    world.receipts = load_receipts(db, client, receipts).await?;
    // A chat that was found by its key may have been begun after its order was looked for.
    let missing = world.chats.values().filter_map(|chat| chat.order);
    let missing = missing.filter(|order| !world.orders.contains_key(order)).collect();
    add_orders(db, &mut world, missing).await?;

    let newest = world.chats.values().filter_map(|chat| chat.last_message);
    if let Some(newest) = newest.map(|last| last.id.get()).max()
        && world.last_ids.message < newest
        && wanted.messages != 0
    {
        // Only after a counter was lost, as by a restored copy of the database.
        let again = ask(client, RESERVE, false, vec![&0_i64, &newest, &wanted.messages, &0_i64]);
        world.last_ids.message =
            decode(again.await?, last_ids)?.pop().map_or(newest, |ids| ids.message);
    }
    let absent: HashSet<_> =
        keys.iter().filter(|key| !world.chats_by_key.contains_key(key)).collect();
    let new_chats = number(absent.len());
    if new_chats != 0 {
        let none = 0_i64;
        let rows = ask(client, RESERVE, false, vec![&new_chats, &none, &none, &none]).await?;
        world.last_ids.chat = decode(rows, last_ids)?.pop().unwrap_or_default().chat;
    }
    let reserved_up_to = LastIds {
        chat: world.last_ids.chat + new_chats,
        message: world.last_ids.message + wanted.messages,
        attachment: world.last_ids.attachment + wanted.attachments,
    };
    Ok(Loaded { world, locked: locked.into_iter().collect(), reserved_up_to })
}

/// Makes sure that no id was given out that was not reserved: it would be somebody else's.
pub(super) fn require_reserved(up_to: LastIds, changes: &Changes) -> Result<(), StoreError> {
    let LastIds { chat, message, attachment } = changes.last_ids;
    if chat <= up_to.chat && message <= up_to.message && attachment <= up_to.attachment {
        Ok(())
    } else {
        Err(StoreError::Failed("more ids were used than were reserved".to_owned()))
    }
}

/// What is said of places in chats, with the seller of each chat in front: nothing of chats that do not exist.
fn in_chats(
    parties: &HashMap<ChatId, Parties>,
    places: impl Iterator<Item = (ChatId, MessageId)>,
) -> Columns<3> {
    Columns::of(places.filter_map(|(chat, message)| {
        let seller = parties.get(&chat)?.seller;
        Some([Some(seller.get()), Some(chat.get()), Some(message.get())])
    }))
}

/// The marketplace's facts, which are as they are: nobody locks them.
async fn load_facts(
    db: &Database,
    touches: &Touches,
    parties: &HashMap<ChatId, Parties>,
) -> Result<World, StoreError> {
    let mut world = World::default();
    if !touches.products.is_empty() {
        let products: Vec<_> = touches.products.iter().copied().collect();
        let products = facts::products(db, &products).await?;
        world.products = products.into_iter().map(|product| (product.id, product)).collect();
    }
    if !touches.returns.is_empty() {
        let returns: Vec<_> = touches.returns.iter().copied().collect();
        let returns = orders::returns(db, &returns).await?;
        world.returns = returns.into_iter().map(|returned| (returned.id, returned)).collect();
    }
    if !touches.postings.is_empty() {
        let numbers: Vec<_> = touches.postings.iter().map(String::as_str).collect();
        world.postings = orders::orders_of_postings(db, &numbers).await?.into_iter().collect();
    }
    if !touches.accounts.is_empty() {
        let accounts: Vec<i64> = touches.accounts.iter().map(|id| id.get()).collect();
        let sql = "SELECT id FROM accounts WHERE id = ANY($1) AND is_active";
        let active = db.query(sql, &[&accounts], |cells| cells.id(AccountId::new)).await?;
        world.accounts = active.into_iter().collect();
    }
    let mut wanted: BTreeSet<OrderId> = touches.orders.iter().copied().collect();
    wanted.extend(parties.values().filter_map(|parties| parties.order));
    wanted.extend(world.returns.values().map(|returned| returned.order));
    wanted.extend(world.postings.values());
    add_orders(db, &mut world, wanted).await?;
    Ok(world)
}

async fn add_orders(
    db: &Database,
    world: &mut World,
    wanted: BTreeSet<OrderId>,
) -> Result<(), StoreError> {
    if !wanted.is_empty() {
        let wanted: Vec<_> = wanted.into_iter().collect();
        let found = orders::orders(db, &wanted).await?;
        world.orders.extend(found.into_iter().map(|facts| (facts.order.id, facts)));
    }
    Ok(())
}

/// What became of idempotency keys, with the messages as they are now.
async fn load_receipts(
    db: &Database,
    client: &Object,
    rows: Vec<Row>,
) -> Result<HashMap<(AccountId, String), Receipt>, Trouble> {
    let found = decode(rows, |cells| {
        let key = (cells.id(AccountId::new)?, cells.take::<String>()?);
        let fingerprint = cells.bytes_32()?;
        Ok((key, fingerprint, (cells.id(ChatId::new)?, cells.id(MessageId::new)?)))
    })?;
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let chats = found.iter().map(|(_, _, (chat, _))| *chat);
    let parties = db.parties(chats).await?.into_iter().collect();
    let places = in_chats(&parties, found.iter().map(|(_, _, place)| *place));
    let rows = ask(client, MESSAGES, false, places.parameters()).await?;
    let messages: HashMap<_, _> = with_attachments(client, rows)
        .await?
        .into_iter()
        .map(|message| ((message.chat, message.id), message))
        .collect();
    let receipts = found.into_iter().filter_map(|(key, fingerprint, place)| {
        let message = messages.get(&place)?.clone();
        Some((key, Receipt { fingerprint, message }))
    });
    Ok(receipts.collect())
}

/// The messages of `rows`, with their attachments.
async fn with_attachments(client: &Object, rows: Vec<Row>) -> Result<Vec<Message>, Trouble> {
    let messages = decode(rows, message)?;
    let carriers = Columns::of(
        messages
            .iter()
            .filter(|(_, carries)| *carries)
            .map(|(message, _)| [Some(message.chat.get()), Some(message.id.get())]),
    );
    let files =
        ask(client, ATTACHMENTS_OF_MESSAGES, carriers.are_empty(), carriers.parameters()).await?;
    let mut by_message: HashMap<(ChatId, MessageId), Vec<Attachment>> = HashMap::new();
    for file in decode(files, attachment)? {
        if let Some(message) = file.message {
            by_message.entry(message).or_default().push(file);
        }
    }
    Ok(messages
        .into_iter()
        .map(|(message, _)| {
            let attachments = by_message.remove(&(message.chat, message.id));
            Message { attachments: attachments.unwrap_or_default(), ..message }
        })
        .collect())
}

fn landmark(cells: &mut PostgresCells) -> Result<(ChatId, MessageId, Landmark), StoreError> {
    Ok((
        cells.id(ChatId::new)?,
        cells.id(MessageId::new)?,
        Landmark {
            at_or_before: cells.optional_id(MessageId::new)?,
            received_by_seller: cells.take()?,
            received_by_buyer: cells.take()?,
            next_for_seller: cells.optional_id(MessageId::new)?,
            next_for_buyer: cells.optional_id(MessageId::new)?,
        },
    ))
}

fn last_ids(cells: &mut PostgresCells) -> Result<LastIds, StoreError> {
    Ok(LastIds { chat: cells.take()?, message: cells.take()?, attachment: cells.take()? })
}

async fn begin(client: &Object) -> Result<(), Trouble> {
    let begun = client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await;
    begun.map_err(|error| before_changes(&error))
}

/// Has the statements of [`load`] ready, so that asking one of them sends it at once and none overtakes another.
async fn prepare_all(client: &Object) -> Result<(), Trouble> {
    for sql in [
        LOCK,
        RESERVE,
        CHATS,
        CHATS_BY_KEY,
        LANDMARKS,
        MESSAGES,
        RECEIPTS,
        ATTACHMENTS,
        ATTACHMENTS_OF_MESSAGES,
    ] {
        client.prepare_cached(sql).await.map_err(|error| before_changes(&error))?;
    }
    Ok(())
}

/// What a statement answers that changes nothing; nothing when it `is_needless`.
async fn ask(
    client: &Object,
    sql: &str,
    is_needless: bool,
    parameters: Vec<&(dyn ToSql + Sync)>,
) -> Result<Vec<Row>, Trouble> {
    if is_needless {
        return Ok(Vec::new());
    }
    let asked = async {
        let statement = client.prepare_cached(sql).await?;
        client.query(&statement, &parameters).await
    };
    asked.await.map_err(|error| before_changes(&error))
}
