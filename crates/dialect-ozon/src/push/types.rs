//! The types of pushes (Ozon contract §9.5, §10).

/// A type that a seller can subscribe an address to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PushType {
    /// On the wire.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) description: &'static str,
}

pub(super) const NEW_MESSAGE: &str = "TYPE_NEW_MESSAGE";
pub(super) const UPDATE_MESSAGE: &str = "TYPE_UPDATE_MESSAGE";
pub(super) const MESSAGE_READ: &str = "TYPE_MESSAGE_READ";
pub(super) const CHAT_CLOSED: &str = "TYPE_CHAT_CLOSED";

/// What a receiver is sent to see whether it listens. Nobody subscribes to it.
pub(super) const PING: &str = "TYPE_PING";

/// Every type. The first four are those of chats; of the others, which tell of postings and products, this server knows
/// nothing to tell.
pub(crate) const PUSH_TYPES: [PushType; 14] = [
    of(NEW_MESSAGE, "New chat message"),
    of(UPDATE_MESSAGE, "Chat message changed"),
    of(MESSAGE_READ, "Chat message read"),
    of(CHAT_CLOSED, "Chat closed"),
    of("TYPE_NEW_POSTING", "New posting"),
    of("TYPE_POSTING_SHIPPED", "Posting shipped"),
    of("TYPE_POSTING_CANCELLED", "Posting cancelled"),
    of("TYPE_STATE_CHANGED", "Posting status changed"),
    of("TYPE_DELIVERY_DATE_CHANGED", "Delivery date changed"),
    of("TYPE_CUTOFF_DATE_CHANGED", "Shipping date changed"),
    of("TYPE_CREATE_ITEM", "Product created"),
    of("TYPE_UPDATE_ITEM", "Product updated"),
    of("TYPE_CREATE_OR_UPDATE_ITEM", "Product created or updated"),
    of("TYPE_STOCKS_CHANGED", "Stock changed"),
];

/// The names of [`PUSH_TYPES`].
pub(super) const NAMES: [&str; PUSH_TYPES.len()] = {
    let mut names = [""; PUSH_TYPES.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = PUSH_TYPES[index].name;
        index += 1;
    }
    names
};

const fn of(name: &'static str, description: &'static str) -> PushType {
    PushType { name, description }
}
