//! Messages (Partizap contract §3.4, §3.5).

use domain::attachment::Attachment;
use domain::chat::Chat;
use domain::id::AccountId;
use domain::message::Role;
use serde::Serialize;

use super::Writer;

/// A message.
#[derive(Serialize)]
pub(crate) struct Message {
    id: i64,
    conversation_id: i64,
    sender_id: i64,
    text: Option<String>,
    image_url: Option<String>,
    is_read: bool,
    is_delivered: bool,
    created_at: String,
    #[serde(flatten)]
    legacy: Option<LegacyMessage>,
}

/// What older pages of the marketplace expect besides.
#[derive(Serialize)]
struct LegacyMessage {
    r#type: &'static str,
    status: &'static str,
    image_thumbnail: Option<String>,
}

impl Writer<'_> {
    /// A message of `chat`, as it stood when `chat` was read.
    pub(crate) fn message(&self, chat: &Chat, message: &domain::message::Message) -> Message {
        let side = self.side(chat);
        self.write(message, chat.is_read(message, side), chat.is_delivered(message, side))
    }

    /// A message that this answer hands over: to its recipient it is delivered now (Partizap contract §7.8).
    pub(crate) fn handed_over(&self, chat: &Chat, message: &domain::message::Message) -> Message {
        let side = self.side(chat);
        let is_recipient = message.author.role != Role::from(side);
        let is_delivered = is_recipient || chat.is_delivered(message, side);
        self.write(message, chat.is_read(message, side), is_delivered)
    }

    /// A message that was sent just now: nobody has it yet (Partizap contract §7.8).
    pub(crate) fn just_sent(&self, message: &domain::message::Message) -> Message {
        self.write(message, false, false)
    }

    fn write(
        &self,
        message: &domain::message::Message,
        is_read: bool,
        is_delivered: bool,
    ) -> Message {
        let picture = message.attachments.iter().find(|file| file.file.is_picture);
        let image_url = picture.map(|picture| self.engine.link(picture, self.reader));
        let others =
            message.attachments.iter().filter(|file| Some(file.id) != picture.map(|p| p.id));
        let legacy = self.settings.legacy_fields.then(|| LegacyMessage {
            r#type: type_of(message, image_url.is_some()),
            status: match (is_read, is_delivered) {
                (true, _) => "read",
                (false, true) => "delivered",
                (false, false) => "sent",
            },
            image_thumbnail: image_url.clone(),
        });
        Message {
            id: message.id.get(),
            conversation_id: message.chat.get(),
            sender_id: message.author.account.get(),
            text: self.text_with(message.text.as_deref(), others),
            image_url,
            is_read,
            is_delivered,
            created_at: self.time(message.created_at),
            legacy,
        }
    }

    /// The wire has one picture a message and no files. What came through another door beyond that stands below the
    /// text, a line each, with its address.
    fn text_with<'a>(
        &self,
        text: Option<&str>,
        others: impl Iterator<Item = &'a Attachment>,
    ) -> Option<String> {
        let others = others
            .map(|file| format!("{}: {}", file.file.name, self.engine.link(file, self.reader)));
        let lines: Vec<_> = text.map(str::to_owned).into_iter().chain(others).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn type_of(message: &domain::message::Message, is_image: bool) -> &'static str {
    if message.author.account == AccountId::MARKETPLACE {
        "system"
    } else if is_image {
        "image"
    } else {
        "text"
    }
}
