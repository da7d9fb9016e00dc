//! How messages look on this wire: Markdown elements, authors, context (Ozon contract §6.2, §6.3).

use domain::attachment::Attachment;
use domain::chat::{Chat, Context};
use domain::message::{Author, Message, Role};
use engine::related::Related;
use http_kit::path_segment;

use crate::files::BUCKET;
use crate::wire::{MessageContext, User};

/// A message's `data`: the text, if there is one, then one element for each file.
pub(crate) fn elements(message: &Message, public_url: &str) -> Vec<String> {
    let files = message.attachments.iter().map(|attachment| file_element(attachment, public_url));
    message.text.iter().cloned().chain(files).collect()
}

fn file_element(attachment: &Attachment, public_url: &str) -> String {
    let file = &attachment.file;
    let name = path_segment(&file.name);
    let url = format!("{public_url}/v2/chat/file/{BUCKET}/{}/{name}", attachment.id);
    if file.is_picture {
        return format!("![]({url})");
    }
    let kilobytes = file.bytes.div_ceil(1024);
    format!("[{} ({kilobytes} KB)]({url})", escaped_label(&file.name))
}

/// A file's name must not be able to end its label and begin a link of its own.
fn escaped_label(name: &str) -> String {
    let mut label = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '[' | ']' | '<' | '\\') {
            label.push('\\');
        }
        label.push(character);
    }
    label
}

/// Who wrote a message.
pub(crate) fn user(author: Author) -> User {
    let kind = match author.role {
        Role::Buyer => "Customer",
        Role::Seller => "Seller",
        Role::Arbiter | Role::Support => "Support",
        Role::Market => {
            return User { id: "o3_notification_user_sc".to_owned(), kind: "NotificationUser" };
        }
    };
    User { id: author.account.to_string(), kind }
}

/// What a chat is about, as far as this wire can say it. An order of several products has no one `sku`.
pub(crate) fn context(chat: &Chat, related: &Related) -> MessageContext {
    let order = related.order_of(chat).map(|facts| &facts.order);
    let product = match chat.context {
        Context::Product(product) => Some(product),
        Context::Order(_) | Context::Return(_) => match order.map(|order| &order.items[..]) {
            Some([only]) => Some(only.product),
            Some(_) | None => None,
        },
        Context::None => None,
    };
    let sku = product.map(|id| {
        let known = related.products.get(&id).and_then(|product| product.sku.clone());
        known.unwrap_or_else(|| id.to_string())
    });
    MessageContext {
        order_number: order.and_then(|order| order.number.clone()).unwrap_or_default(),
        sku: sku.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_stays_inside_its_label() {
        assert_eq!(escaped_label(r"a](http://b)[c\.pdf"), r"a\](http://b)\[c\\.pdf");
        assert_eq!(escaped_label("<https:evil.example>"), r"\<https:evil.example>");
    }
}
