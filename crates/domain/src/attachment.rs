//! Files that travel with messages. The bytes live elsewhere, under the hash of their content.

use crate::Timestamp;
use crate::id::{AccountId, AttachmentId, ChatId, MessageId};

/// What is known of a file before it belongs to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// File name without path parts, 1 to 255 code points.
    pub name: String,
    /// MIME type, found from the bytes.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub hash: [u8; 32],
    /// Whether the bytes are a picture.
    pub is_picture: bool,
    /// Width and height in pixels, where they are known.
    pub pixels: Option<(u32, u32)>,
}

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Chosen by Torg.
    pub id: AttachmentId,
    /// Who brought it.
    pub owner: AccountId,
    /// The file.
    pub file: File,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The message it belongs to; none while it waits to be sent.
    pub message: Option<(ChatId, MessageId)>,
}
