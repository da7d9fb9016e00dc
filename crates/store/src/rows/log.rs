//! Rows of the accounts' logs.

use domain::event::Entry;
use domain::id::{ChatId, MessageId, WebhookId};
use engine::store::LogEntry;

use crate::cells::Cells;

/// The columns of [`entry`].
macro_rules! entry_columns {
    () => {
        "sequence, kind, chat_id, message_id, side, webhook_id, at"
    };
}
pub(crate) use entry_columns;

pub(crate) fn entry<C: Cells>(cells: &mut C) -> Result<LogEntry, C::Error> {
    Ok(LogEntry {
        sequence: cells.take()?,
        entry: Entry {
            kind: cells.code()?,
            chat: cells.optional_id(ChatId::new)?,
            message: cells.optional_id(MessageId::new)?,
            side: cells.optional_code()?,
            webhook: cells.optional_id(WebhookId::new)?,
            at: cells.time()?,
        },
    })
}
