//! What somebody is about to say.

use crate::Timestamp;
use crate::attachment::{Attachment, File};
use crate::chat::{Chat, Side, Turn};
use crate::event::Event;
use crate::id::{AccountId, AttachmentId, MessageId};
use crate::message::{Author, Message, Role};
use crate::policy::FileRules;
use crate::refusal::{Denied, Missing, Refusal};
use crate::text::Text;
use crate::world::{IdsWanted, Receipt, Touches, World};

/// A message before it is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Checked text.
    pub text: Option<Text>,
    /// Files, in the order in which they are shown.
    pub attachments: Vec<Attached>,
    /// Makes repeats of the same request harmless.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Refuse unless this is the chat's newest message; the inner none means a chat without messages.
    pub if_last_message: Option<Option<MessageId>>,
}

/// A file of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// Brought with the message.
    New(File),
    /// Stored before, by the same account, and not sent yet.
    Stored(AttachmentId),
}

/// A key that the caller chose for a request, and the request's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Chosen by the caller; belongs to the account.
    pub key: String,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
}

impl Draft {
    /// A draft of text alone.
    pub fn text(text: Text) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    /// A draft of one new file.
    pub fn file(file: File) -> Self {
        Self { attachments: vec![Attached::New(file)], ..Self::default() }
    }

    pub(super) fn touches(&self, author: AccountId) -> Touches {
        let stored = self.attachments.iter().filter_map(|attached| match attached {
            Attached::Stored(id) => Some(*id),
            Attached::New(_) => None,
        });
        let keys = self.idempotency_key.iter().map(|key| (author, key.key.clone()));
        Touches {
            attachments: stored.collect(),
            idempotency_keys: keys.collect(),
            ..Touches::default()
        }
    }

    /// Whether it uses up an idempotency key or a file that was stored before.
    pub(super) fn uses_up_what_is_stored(&self) -> bool {
        self.idempotency_key.is_some()
            || self.attachments.iter().any(|attached| matches!(attached, Attached::Stored(_)))
    }

    /// How many new ids its message and its new files take.
    pub(super) fn ids_wanted(&self) -> IdsWanted {
        let new = self.attachments.iter().filter(|attached| matches!(attached, Attached::New(_)));
        let attachments = i64::try_from(new.count()).unwrap_or(i64::MAX);
        IdsWanted { chats: 0, messages: 1, attachments }
    }

    /// The message that the same request made before, if there is one.
    pub(super) fn earlier<'w>(
        &self,
        world: &'w World,
        author: AccountId,
    ) -> Result<Option<&'w Message>, Denied> {
        let Some(key) = &self.idempotency_key else { return Ok(None) };
        match world.receipts.get(&(author, key.key.clone())) {
            Some(receipt) if receipt.fingerprint == key.fingerprint => Ok(Some(&receipt.message)),
            Some(_) => Err(Denied::Refused(Refusal::IdempotencyKeyReused)),
            None => Ok(None),
        }
    }

    pub(super) fn receipt(&self, message: &Message) -> Option<((AccountId, String), Receipt)> {
        let key = self.idempotency_key.as_ref()?;
        let receipt = Receipt { fingerprint: key.fingerprint, message: message.clone() };
        Some(((message.author.account, key.key.clone()), receipt))
    }

    /// The message that this draft becomes in `chat`.
    pub(super) fn to_message(
        &self,
        world: &World,
        chat: &Chat,
        author: Author,
        files: &FileRules,
        now: Timestamp,
    ) -> Result<Message, Denied> {
        if self.text.is_none() && self.attachments.is_empty() {
            return Err(Denied::Refused(Refusal::NothingToSend));
        }
        files.check_count(self.attachments.len()).map_err(Denied::Refused)?;
        let id = world.last_ids.next_message(now).ok_or(Denied::NotFound(Missing::Chat))?;
        let mut attachments: Vec<Attachment> = Vec::with_capacity(self.attachments.len());
        let mut new = 0;
        for attached in &self.attachments {
            let attachment = match attached {
                Attached::New(file) => {
                    check_file(file, files)?;
                    new += 1;
                    new_attachment(world, new - 1, author.account, file, now)?
                }
                Attached::Stored(id) => waiting_attachment(world, *id, author.account)?,
            };
            if attachments.iter().any(|earlier| earlier.id == attachment.id) {
                return Err(Denied::NotFound(Missing::Attachment));
            }
            attachments.push(Attachment { message: Some((chat.id, id)), ..attachment });
        }
        let received = |side: Side| {
            chat.seat(side).marks.received + i64::from(author.role != Role::from(side))
        };
        Ok(Message {
            id,
            chat: chat.id,
            author,
            text: self.text.as_ref().map(|text| text.as_str().to_owned()),
            attachments,
            created_at: now,
            edited_at: None,
            received_by_seller: received(Side::Seller),
            received_by_buyer: received(Side::Buyer),
        })
    }
}

/// Refuses a file that breaks `rules`.
pub(super) fn check_file(file: &File, rules: &FileRules) -> Result<(), Denied> {
    rules.check(file.bytes).map_err(Denied::Refused)?;
    if rules.pictures_only && !file.is_picture {
        return Err(Denied::Refused(Refusal::NotAPicture));
    }
    Ok(())
}

impl FileRules {
    /// Refuses a file of `bytes` bytes that is empty or too large.
    pub fn check(&self, bytes: u64) -> Result<(), Refusal> {
        if bytes == 0 {
            return Err(Refusal::FileEmpty);
        }
        if self.bytes_max < bytes {
            return Err(Refusal::FileTooLarge { bytes, limit: self.bytes_max });
        }
        Ok(())
    }

    /// Refuses more files than one message may carry.
    pub fn check_count(&self, files: usize) -> Result<(), Refusal> {
        if self.per_message_max < files {
            return Err(Refusal::TooManyAttachments { limit: self.per_message_max });
        }
        Ok(())
    }
}

/// A file that comes to be stored, as the `index`th new one of its command.
pub(super) fn new_attachment(
    world: &World,
    index: usize,
    owner: AccountId,
    file: &File,
    now: Timestamp,
) -> Result<Attachment, Denied> {
    let id = world.last_ids.next_attachment(index).ok_or(Denied::NotFound(Missing::Attachment))?;
    Ok(Attachment { id, owner, file: file.clone(), created_at: now, message: None })
}

/// A file of `owner` that was stored before and waits to be sent.
fn waiting_attachment(
    world: &World,
    id: AttachmentId,
    owner: AccountId,
) -> Result<Attachment, Denied> {
    world
        .attachments
        .get(&id)
        .filter(|attachment| attachment.owner == owner && attachment.message.is_none())
        .cloned()
        .ok_or(Denied::NotFound(Missing::Attachment))
}

/// The event of `message` in `chat`, whose author may have asked one side something.
pub(super) fn created(chat: &Chat, message: Message, asks: Option<Side>) -> Event {
    let turn: Turn = chat.turn_after(message.author.role, asks);
    Event::MessageCreated { message: Box::new(message), turn }
}
