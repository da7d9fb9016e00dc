//! Files: send one, fetch one.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use data_encoding::BASE64_NOPAD;
use domain::id::AttachmentId;
use domain::policy::Policy;
use http_kit::file_response;
use http_kit::json::Fields;
use media::FileName;
use uuid::Uuid;

use crate::Face;
use crate::auth::Seller;
use crate::body::{Body, WireRequest};
use crate::error::Error;
use crate::wire::Sent;

/// The first part of a file's path (Ozon contract §7.7).
pub(crate) const BUCKET: &str = "messenger";

/// `POST /v1/chat/send/file`
pub(crate) async fn send(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<SendFileRequest>,
) -> Result<Json<Sent>, Error> {
    let upload = face.engine.examine_file(Some(&request.name), request.content).await?;
    seller.standing.require_for_sending(face.settings.subscription_gate)?;
    let chat = face.engine.chat_by_public_id(&seller.caller, request.chat_id).await?;
    face.engine.post_file(&seller.caller, chat.id, upload).await?;
    Ok(Json(Sent::SUCCESS))
}

/// `GET /v2/chat/file/{bucket}/{path…}`. The path is a file's id and its name; the name is there for people.
pub(crate) async fn download(
    State(face): State<Face>,
    seller: Seller,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Error> {
    let id = path.ok().and_then(|Path((bucket, path))| attachment_id(&bucket, &path));
    let file = face.engine.file(&seller.caller, id.ok_or_else(Error::chat_not_found)?).await?;
    let about = file.attachment.file;
    Ok(file_response(&about.name, &about.media_type, file.bytes))
}

fn attachment_id(bucket: &str, path: &str) -> Option<AttachmentId> {
    let (id, _name) = path.split_once('/')?;
    let is_decimal = id.bytes().all(|byte| byte.is_ascii_digit());
    (bucket == BUCKET && is_decimal).then(|| id.parse().ok().and_then(AttachmentId::new))?
}

pub(crate) struct SendFileRequest {
    chat_id: Uuid,
    name: String,
    content: Bytes,
}

impl WireRequest for SendFileRequest {
    const NAME: &'static str = "ChatSendFileRequest";

    /// Base64 is a third longer than the bytes, line breaks add a little, and encoders that escape every `/` double
    /// what is nothing but slashes: white pixels.
    fn body_bytes_max(policy: &Policy) -> u64 {
        const OTHER_FIELDS_BYTES_MAX: u64 = 64 << 10;
        policy.files.bytes_max.saturating_mul(3).saturating_add(OTHER_FIELDS_BYTES_MAX)
    }

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let chat_id = Self::read_chat_id(fields)?;
        let name = fields.optional_text("name").map_err(Self::unreadable)?.unwrap_or_default();
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        if name.is_empty() || FileName::CHARS_MAX < name.chars().count() {
            let rule = format!(
                "value length must be between 1 and {} runes, inclusive",
                FileName::CHARS_MAX
            );
            return Err(Self::invalid("name", &rule));
        }
        let content = fields.optional_text("base64_content").map_err(Self::unreadable)?;
        let content = decode_base64(content.unwrap_or_default())
            .ok_or_else(|| Self::invalid("base64_content", "value must be valid base64"))?;
        Ok(Self { chat_id, name: name.to_owned(), content: Bytes::from(content) })
    }
}

/// Standard base64, with padding or without, in one line or in many (Ozon contract §11.13).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let is_line_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let joined: Vec<u8>;
    let digits = if text.bytes().any(|byte| is_line_break(&byte)) {
        joined = text.bytes().filter(|byte| !is_line_break(byte)).collect();
        &joined
    } else {
        text.as_bytes()
    };
    BASE64_NOPAD.decode(without_padding(digits)?).ok()
}

/// Padding is optional, but where it stands it fills the last group of four.
fn without_padding(digits: &[u8]) -> Option<&[u8]> {
    let bare = digits.strip_suffix(b"==").or_else(|| digits.strip_suffix(b"=")).unwrap_or(digits);
    (bare.len() == digits.len() || digits.len().is_multiple_of(4)).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_comes_with_padding_or_without_and_in_lines() {
        for (text, bytes) in [
            ("YQ==", "a"),
            ("YQ", "a"),
            ("YWI=", "ab"),
            ("YWJj", "abc"),
            ("YW\r\nJj\n", "abc"),
            ("", ""),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for text in
            ["YQ=", "Y", "YQ==YQ==", "====", "Y Q", "data:image/png;base64,YQ==", "-_-_", "ё"]
        {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_is_found_by_its_number_in_the_one_bucket() {
        let id = |bucket, path| attachment_id(bucket, path).map(AttachmentId::get);
        assert_eq!(id("messenger", "7/photo.png"), Some(7));
        assert_eq!(id("messenger", "7/a/b"), Some(7));
        for (bucket, path) in [
            ("other", "7/a"),
            ("messenger", "7"),
            ("messenger", "/a"),
            ("messenger", "+7/a"),
            ("messenger", "0/a"),
            ("messenger", "-1/a"),
            ("messenger", "99999999999999999999/a"),
            ("messenger", "../etc/passwd"),
        ] {
            assert_eq!(id(bucket, path), None, "{bucket}/{path}");
        }
    }
}
