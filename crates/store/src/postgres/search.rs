//! Search for text anywhere in messages.

use domain::message::Message;
use engine::store::{SearchQuery, StoreError};

use super::database::{Database, unbuilt};

pub(super) async fn messages_with(
    _db: &Database,
    _query: &SearchQuery,
) -> Result<Vec<Message>, StoreError> {
    unbuilt()
}
