//! Messages and their files.

use domain::attachment::Attachment;
use domain::chat::{Chat, Side};
use domain::id::AccountId;
use domain::message::Message;
use engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

use crate::names::RoleName;
use crate::values::Time;

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageView {
    /// Rises in the order in which messages were accepted.
    pub(crate) id: i64,
    pub(crate) chat_id: i64,
    author: AuthorView,
    text: Option<String>,
    attachments: Vec<AttachmentView>,
    created_at: Time,
    /// When the text was last replaced; null while it is the first.
    edited_at: Option<Time>,
    /// Whether it was read: your own by the other side, any other by you.
    read: bool,
    /// Whether it reached a client: your own one of the other side, any other one of yours.
    delivered: bool,
}

/// Who wrote a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthorView {
    role: RoleName,
    /// Null for the marketplace's own people and automatic lines.
    account_id: Option<i64>,
    /// The person who typed it, where that is known; only on your own side.
    member_id: Option<i64>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachmentView {
    id: i64,
    name: String,
    /// Found from the bytes.
    media_type: String,
    bytes: u64,
    is_picture: bool,
    width: Option<u32>,
    height: Option<u32>,
    /// Works without a key, for at least six days. Whoever has it can read the file.
    url: String,
}

impl MessageView {
    /// The message as `viewer` sees it; links to files are made for the viewer's account.
    pub(crate) fn of(engine: &Engine, chat: &Chat, viewer: Side, message: &Message) -> Self {
        let account = chat.seat(viewer).account;
        let mut view = Self::with_links_for(engine, account, message);
        view.read = chat.is_read(message, viewer);
        view.delivered = chat.is_delivered(message, viewer);
        if message.author.account != account {
            view.author.member_id = None;
        }
        view
    }

    /// The message as the marketplace sees it: read and delivered where every side but its author has read and
    /// received it.
    pub(crate) fn for_host(engine: &Engine, chat: &Chat, message: &Message) -> Self {
        let mut view = Self::with_links_for(engine, AccountId::MARKETPLACE, message);
        let mut recipients = [Side::Seller, Side::Buyer]
            .into_iter()
            .filter(|side| message.author.role.side() != Some(*side))
            .map(|side| chat.seat(side).marks);
        view.read = recipients.clone().all(|marks| marks.has_read(message.id));
        view.delivered = recipients.all(|marks| marks.has_received(message.id));
        view
    }

    fn with_links_for(engine: &Engine, account: AccountId, message: &Message) -> Self {
        let attachments =
            message.attachments.iter().map(|file| AttachmentView::of(engine, account, file));
        let author = &message.author;
        Self {
            id: message.id.get(),
            chat_id: message.chat.get(),
            author: AuthorView {
                role: author.role.into(),
                account_id: author.role.side().map(|_| author.account.get()),
                member_id: author.member.map(domain::id::MemberId::get),
            },
            text: message.text.clone(),
            attachments: attachments.collect(),
            created_at: Time(message.created_at),
            edited_at: Time::of(message.edited_at),
            read: false,
            delivered: false,
        }
    }
}

impl AttachmentView {
    pub(crate) fn of(engine: &Engine, account: AccountId, attachment: &Attachment) -> Self {
        let file = &attachment.file;
        Self {
            id: attachment.id.get(),
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            bytes: file.bytes,
            is_picture: file.is_picture,
            width: file.pixels.map(|(width, _)| width),
            height: file.pixels.map(|(_, height)| height),
            url: engine.link(attachment, account),
        }
    }
}
