//! Messages and attachments.

use domain::attachment::Attachment;
use domain::chat::Chat;
use domain::id::{AttachmentId, ChatId, MessageId};
use domain::message::Message;
use engine::store::{MessageQuery, StoreError};

use super::database::{Database, unbuilt};

pub(super) async fn page(
    _db: &Database,
    _query: &MessageQuery,
) -> Result<Vec<Message>, StoreError> {
    unbuilt()
}

pub(super) async fn by_ids(
    _db: &Database,
    _ids: &[(ChatId, MessageId)],
) -> Result<Vec<Message>, StoreError> {
    unbuilt()
}

pub(super) async fn attachment_by_id(
    _db: &Database,
    _id: AttachmentId,
) -> Result<Option<Attachment>, StoreError> {
    unbuilt()
}

pub(super) async fn attachment_in_chat(
    _db: &Database,
    _id: AttachmentId,
) -> Result<Option<(Attachment, Option<Chat>)>, StoreError> {
    unbuilt()
}
