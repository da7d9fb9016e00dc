//! How far each side of a chat has come: delivered, read, and what is still unread.

use crate::id::MessageId;

/// One side's position in a chat. Positions only move forward, and what was read was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The newest message that this side has read.
    pub read_up_to: Option<MessageId>,
    /// The newest message that reached a client of this side.
    pub delivered_up_to: Option<MessageId>,
    /// How many messages of others there are in the chat.
    pub received: i64,
    /// How many of those are not read.
    pub unread: i64,
    /// The oldest of the unread ones.
    pub first_unread: Option<MessageId>,
}

impl Marks {
    /// Another author's message `id` arrived.
    pub(crate) fn receive(&mut self, id: MessageId) {
        self.received += 1;
        self.unread += 1;
        self.first_unread.get_or_insert(id);
    }

    /// Everything up to `up_to` was read; `unread` messages remain, of which `first_unread` is the oldest.
    pub(crate) fn read(&mut self, up_to: MessageId, unread: i64, first_unread: Option<MessageId>) {
        self.read_up_to = self.read_up_to.max(Some(up_to));
        self.unread = unread;
        self.first_unread = first_unread;
        self.deliver(up_to);
    }

    /// Everything up to `up_to` reached a client.
    pub(crate) fn deliver(&mut self, up_to: MessageId) {
        self.delivered_up_to = self.delivered_up_to.max(Some(up_to));
    }

    /// Whether this side has something to read.
    pub fn has_unread(&self) -> bool {
        0 < self.unread
    }

    /// Whether this side has read message `id`.
    pub fn has_read(&self, id: MessageId) -> bool {
        Some(id) <= self.read_up_to
    }

    /// Whether message `id` reached a client of this side.
    pub fn has_received(&self, id: MessageId) -> bool {
        Some(id) <= self.delivered_up_to
    }
}
