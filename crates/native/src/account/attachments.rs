//! Files: upload before sending, download.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::id::AttachmentId;
use http::{HeaderMap, StatusCode, header};
use http_kit::body::{BodyBounds, BodyProblem, read_bounded};
use http_kit::file_response;
use http_kit::multipart::{FilePart, MultipartProblem, read_file_part};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::auth::{Reader, Writer};
use crate::extract::{Params, PathId, body_problem, body_too_slow};
use crate::problem::Problem;
use crate::refusal::file_too_large;
use crate::values::FileBytes;
use crate::views::AttachmentView;

/// The part of a form that holds the file.
const PART: &str = "file";

/// How a file is called that comes as a bare body.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadParams {
    /// The file's name, when it is the whole body.
    name: Option<String>,
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form is read part by part; this is for the document")]
pub(crate) struct UploadForm {
    file: FileBytes,
}

/// Upload a file for a message
///
/// Either a form (`multipart/form-data`) with a part called `file`, or the bare file with a `Content-Type` of its own.
/// Name its id in `attachment_ids` of one message. At most 10 MiB unless the server is set up otherwise.
#[utoipa::path(
    post, path = "/api/v1/attachments", operation_id = "uploadAttachment", tag = "chats", params(UploadParams),
    request_body(content((UploadForm = "multipart/form-data"), (FileBytes = "application/octet-stream"))),
    responses((status = 201, body = AttachmentView), Problem),
)]
pub(crate) async fn upload(
    State(api): State<Api>,
    Writer(caller): Writer,
    Params(params): Params<UploadParams>,
    request: Request,
) -> Result<(StatusCode, Json<AttachmentView>), Problem> {
    let engine = &api.engine;
    let bytes_max = engine.policy().files.bytes_max;
    let (parts, body) = request.into_parts();
    let (name, bytes) = if is_form(&parts.headers) {
        let part = read_file_part(&parts.headers, body, PART, BodyBounds::of(bytes_max)).await;
        let FilePart { name, bytes, .. } = part.map_err(form_problem)?;
        (name.or(params.name), bytes)
    } else {
        let bytes = read_bounded(body, BodyBounds::of(bytes_max)).await;
        (params.name, bytes.map_err(bare_body_problem)?)
    };
    let upload = engine.examine_file(name.as_deref(), bytes).await?;
    let attachment = engine.attach_file(&caller, upload).await?;
    let view = AttachmentView::of(engine, caller.account(), &attachment);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Download a file of one of your chats, or one that you have uploaded
#[utoipa::path(
    get, path = "/api/v1/attachments/{id}", operation_id = "downloadAttachment", tag = "chats",
    params(("id" = i64, Path, description = "The attachment")),
    responses((status = 200, body = FileBytes, content_type = "application/octet-stream", description = "The bytes"), Problem),
)]
pub(crate) async fn download(
    State(api): State<Api>,
    Reader(caller): Reader,
    PathId(id): PathId<AttachmentId>,
) -> Result<Response, Problem> {
    let file = api.engine.file(&caller, id).await?;
    let known = &file.attachment.file;
    Ok(file_response(&known.name, &known.media_type, file.bytes))
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    content_type.is_some_and(|value| {
        value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
    })
}

fn form_problem(problem: MultipartProblem) -> Problem {
    let broken = |detail: String| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-form", "The form cannot be read", detail)
    };
    match problem {
        MultipartProblem::MissingPart => {
            Problem::invalid(PART, "is missing: the form needs a part with this name")
        }
        MultipartProblem::TooLarge { limit_bytes, passed_bytes } => {
            file_too_large(passed_bytes, limit_bytes)
        }
        MultipartProblem::TooSlow => body_too_slow(),
        MultipartProblem::NotMultipart { .. } => {
            broken("The content type is not multipart/form-data.".to_owned())
        }
        MultipartProblem::Broken { message } => broken(format!("{message}.")),
    }
}

/// A bare body that is too large is a file that is too large.
fn bare_body_problem(problem: BodyProblem) -> Problem {
    match problem {
        BodyProblem::TooLarge { limit_bytes, passed_bytes } => {
            file_too_large(passed_bytes, limit_bytes)
        }
        BodyProblem::TooSlow | BodyProblem::Broken => body_problem(problem),
    }
}
