//! Images (Partizap contract §4.5).

use axum::extract::{FromRequest, Request, State};
use domain::refusal::Refusal;
use http::StatusCode;
use http_kit::body::BodyBounds;
use http_kit::multipart::{BESIDE_FILE_BYTES_MAX, FilePart, MultipartProblem, read_file_part};

use crate::Face;
use crate::body::BODY_BYTES_MAX;
use crate::chats::{ConversationId, in_sight};
use crate::error::Error;
use crate::pace::{Images, Visitor};
use crate::wire::{Data, Message, Writer};

/// Name of the form's part.
const PART: &str = "image";

/// The uploaded image, not looked at yet.
pub(crate) struct ImagePart(FilePart);

/// `POST /vendor/conversations/{id}/messages/image`
pub(crate) async fn send_image(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Images>,
    id: ConversationId,
    ImagePart(part): ImagePart,
) -> Result<(StatusCode, Data<Message>), Error> {
    let upload = face.engine.examine_file(part.name.as_deref(), part.bytes).await?;
    let chat = in_sight(&face, &caller, &id).await?;
    let posted = face.engine.post_file(&caller, chat.id, upload).await?;
    let message = Writer::new(&face, caller.account()).just_sent(&posted.message);
    Ok((StatusCode::CREATED, Data { data: message }))
}

impl FromRequest<Face> for ImagePart {
    type Rejection = Error;

    /// Reads bodies up to the hard cap, so that a file that is only somewhat too large is told so by the rules.
    async fn from_request(request: Request, face: &Face) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let bounds = BodyBounds::of(BODY_BYTES_MAX - BESIDE_FILE_BYTES_MAX);
        let part = read_file_part(&parts.headers, body, PART, bounds).await;
        part.map(Self).map_err(|problem| worded(&problem, face.settings.file_bytes_max))
    }
}

fn worded(problem: &MultipartProblem, file_bytes_max: u64) -> Error {
    match *problem {
        MultipartProblem::NotMultipart { .. } => Error::WrongContentType("multipart/form-data"),
        MultipartProblem::MissingPart => Error::of_field(PART, "Is required"),
        MultipartProblem::TooLarge { passed_bytes, .. } if BODY_BYTES_MAX < passed_bytes => {
            Error::BodyTooLarge
        }
        MultipartProblem::TooLarge { passed_bytes, .. } => {
            Error::Refused(Refusal::FileTooLarge { bytes: passed_bytes, limit: file_bytes_max })
        }
        MultipartProblem::TooSlow => Error::of_field("body", "Did not arrive in time"),
        MultipartProblem::Broken { .. } => Error::of_field("body", "Malformed form"),
    }
}
