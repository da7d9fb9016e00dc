//! sendFileToChat (contract §7.7), and the download of what was sent (contract §9 row 32).

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::attachment::Attachment;
use domain::id::{AccountId, AttachmentId};
use domain::refusal::Missing;
use engine::files::StoredFile;
use engine::links::LinkClaims;
use engine::{Engine, EngineError};
use http_kit::body::BodyBounds;
use http_kit::file_response;
use http_kit::multipart::read_file_part;
use http_kit::path_segment;

use crate::Face;
use crate::admission::admit_download;
use crate::auth::Cabinet;
use crate::chats::existing_chat_id;
use crate::error::{Error, Named};
use crate::policy::FILE_BYTES_MAX;
use crate::request::{Parameters, path_id};
use crate::wire::Answer;

/// The longest address of a file (contract §6.7).
const URL_BYTES_MAX: usize = 2000;

const NOT_FOUND: Result<StoredFile, EngineError> = Err(EngineError::NotFound(Missing::Attachment));

/// `POST …/chats/file/send`: one file, which is one message without text.
pub(crate) async fn send_file(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
    request: Request,
) -> Result<Answer<()>, Error> {
    let id = parameters.chat_id()?;
    let (parts, body) = request.into_parts();
    let bounds = BodyBounds::of(FILE_BYTES_MAX);
    let part = read_file_part(&parts.headers, body, "file", bounds).await?;
    let upload = face.engine.examine_file(part.name.as_deref(), part.bytes).await?;
    let chat = existing_chat_id(id)?;
    let posted = face.engine.post_file(&cabinet.caller, chat, upload).await;
    posted.map_err(|error| Error::about(Named::Chat(id), error))?;
    Ok(Answer::EMPTY)
}

/// `GET …/chats/files/{attachmentId}/{name}`: a file, for whoever has its signed address or a credential of the
/// cabinet. The name in the address is for people; the number alone decides.
pub(crate) async fn download_file(
    State(face): State<Face>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Error> {
    let (mut parts, _body) = request.into_parts();
    let cabinet = path_id(&mut parts, "businessId").await?;
    let number = path_id(&mut parts, "attachmentId").await?;
    let id = AttachmentId::new(number);
    let claims = claims(&parameters).filter(|claims| claims.account.get() == cabinet);

    let linked = match (id, claims) {
        (Some(id), Some(claims)) => face.engine.file_by_link(id, &claims).await,
        (_, _) => NOT_FOUND,
    };
    let found = match linked {
        // Nothing to be had by the address alone.
        Err(EngineError::NotFound(_)) => {
            let cabinet = admit_download(&face, &mut parts).await?;
            match id {
                Some(id) => face.engine.file(&cabinet.caller, id).await,
                None => NOT_FOUND,
            }
        }
        decided => decided,
    };
    let stored = found.map_err(|error| Error::about(Named::File(number), error))?;
    let file = stored.attachment.file;
    let mut answer = file_response(&file.name, &file.media_type, stored.bytes);
    // A signed address is a credential, and is not told to other sites.
    let no_referrer = HeaderValue::from_static("no-referrer");
    answer.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
    Ok(answer)
}

/// The address of `attachment` for the cabinet `account`, good for some days without any credential.
pub(crate) fn link(engine: &Engine, account: AccountId, attachment: &Attachment) -> String {
    let base =
        format!("{}/businesses/{account}/chats/files/{}", engine.public_url(), attachment.id);
    let query = engine.sign_link(attachment, account).to_query();
    let name = &attachment.file.name;
    let url = format!("{base}/{}?{query}", path_segment(name));
    if url.len() <= URL_BYTES_MAX { url } else { format!("{base}/file?{query}") }
}

/// What a signed address carries; none if it is not a signed one.
fn claims(parameters: &Parameters) -> Option<LinkClaims> {
    let query = &parameters.0;
    Some(LinkClaims {
        account: AccountId::new(query.optional_i64("account").ok()??)?,
        expires: query.optional_i64("expires").ok()??,
        signature: query.optional_text("signature").ok()??.to_owned(),
    })
}
