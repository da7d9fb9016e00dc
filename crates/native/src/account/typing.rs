//! Telling the side across that somebody is typing.

use axum::extract::State;
use domain::id::ChatId;
use http::StatusCode;

use crate::Api;
use crate::auth::Writer;
use crate::extract::PathId;
use crate::problem::Problem;

/// Tell the other side that you are typing
///
/// Its streams get the event `typing`. Nothing is stored. Repeat it while the person types: at most one every two seconds
/// is passed on, and the answer is always the same. Clients take the hint back after some five seconds.
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/typing", operation_id = "tellTyping", tag = "chats",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 204, description = "Told, if anybody listens"), Problem),
)]
pub(crate) async fn tell(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(chat): PathId<ChatId>,
) -> Result<StatusCode, Problem> {
    api.engine.tell_typing(&caller, chat).await?;
    Ok(StatusCode::NO_CONTENT)
}
