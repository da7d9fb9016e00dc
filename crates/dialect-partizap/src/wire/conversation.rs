//! Conversations (Partizap contract §3.1, §4.4).

use domain::chat::{Chat, Side};
use engine::related::Related;
use serde::Serialize;

use super::product::ProductSummary;
use super::{Message, PublicUser, Writer};

/// A conversation.
#[derive(Serialize)]
pub(crate) struct Conversation {
    id: i64,
    product_id: i64,
    product: ProductSummary,
    participants: [PublicUser; 2],
    last_message: Option<Message>,
    unread_count: i64,
    created_at: String,
    updated_at: String,
    /// Only for older pages of the marketplace (Partizap contract §3.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    companion: Option<PublicUser>,
}

/// What a hit of the search over all conversations says about where it was found.
#[derive(Serialize)]
pub(crate) struct Summary {
    id: i64,
    companion: Companion,
    product: ProductTitle,
}

#[derive(Serialize)]
struct Companion {
    id: i64,
    name: String,
}

#[derive(Serialize)]
struct ProductTitle {
    id: i64,
    title: String,
}

impl Writer<'_> {
    /// A conversation, with its newest message.
    pub(crate) fn conversation(
        &self,
        chat: &Chat,
        related: &Related,
        last_message: Option<Message>,
    ) -> Conversation {
        let side = self.side(chat);
        let product = self.product(chat, related);
        let people = [chat.buyer.account, chat.seller.account];
        let companion = chat.seat(side.other()).account;
        Conversation {
            id: chat.id.get(),
            product_id: product.id,
            product,
            participants: people.map(|account| self.person(account, related)),
            last_message,
            unread_count: chat.seat(side).marks.unread,
            created_at: self.time(chat.created_at),
            updated_at: self.time(chat.active_at()),
            companion: self.settings.legacy_fields.then(|| self.person(companion, related)),
        }
    }

    /// A conversation in which something was found.
    pub(crate) fn summary(&self, chat: &Chat, related: &Related) -> Summary {
        let companion = chat.seat(self.side(chat).other()).account;
        let product = self.product(chat, related);
        Summary {
            id: chat.id.get(),
            companion: Companion {
                id: companion.get(),
                name: self.person(companion, related).display_name().to_owned(),
            },
            product: ProductTitle { id: product.id, title: product.title },
        }
    }

    /// The reader's side. The engine hands out chats of the reader's only.
    pub(super) fn side(&self, chat: &Chat) -> Side {
        chat.side_of(self.reader).unwrap_or(Side::Buyer)
    }
}
