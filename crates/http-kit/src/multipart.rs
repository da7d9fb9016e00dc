//! File uploads: one named part of a `multipart/form-data` body.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use crate::body::{BodyBounds, BodyProblem, read_bounded};

/// How many bytes a body may have beside the file: boundaries, headers, and other parts, which are ignored.
pub const BESIDE_FILE_BYTES_MAX: u64 = 1 << 20;

/// How many parts are looked at in search of the file. Clients send one or a few; a body full of empty ones is work
/// without end.
pub const PARTS_MAX: usize = 100;

/// An uploaded file, as the client describes it. Neither name nor type is to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// The `filename`, as sent: it may contain path parts, spaces and any script.
    pub name: Option<String>,
    /// The `Content-Type` of the part.
    pub declared_type: Option<String>,
    /// The content.
    pub bytes: Bytes,
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartProblem {
    /// The request is not `multipart/form-data`.
    #[error("the content type is {}, not multipart/form-data", content_type.as_deref().unwrap_or("missing"))]
    NotMultipart {
        /// The request's `Content-Type`.
        content_type: Option<String>,
    },
    /// No part has the expected name.
    #[error("the form has no such part")]
    MissingPart,
    /// The file is longer than accepted.
    #[error("the file has {passed_bytes} bytes or more, the limit is {limit_bytes}")]
    TooLarge {
        /// The longest file that is accepted.
        limit_bytes: u64,
        /// The length of the file or, if even the body is too long to be read, of the body as far as known.
        passed_bytes: u64,
    },
    /// The client did not send the body in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the body is not what its boundary promises.
    #[error("the form is broken: {message}")]
    Broken {
        /// What is wrong, for people.
        message: String,
    },
}

/// Reads the first part called `part_name` of a form. `bounds.bytes_max` is the bound of the file, inclusive.
///
/// Accepts what real clients send (Yandex Market contract §7.7): the part's `Content-Type` before, behind or without
/// its `Content-Disposition`; names as raw UTF-8 with spaces, or percent-encoded by RFC 5987. An empty file is a file.
/// At most [`PARTS_MAX`] parts are looked at.
pub async fn read_file_part(
    headers: &HeaderMap,
    body: Body,
    part_name: &str,
    bounds: BodyBounds,
) -> Result<FilePart, MultipartProblem> {
    let boundary = boundary(headers)?;
    let file_bytes_max = bounds.bytes_max;
    let bounds =
        BodyBounds { bytes_max: file_bytes_max.saturating_add(BESIDE_FILE_BYTES_MAX), ..bounds };
    let whole = read_bounded(body, bounds).await.map_err(|problem| match problem {
        BodyProblem::TooLarge { passed_bytes, .. } => {
            MultipartProblem::TooLarge { limit_bytes: file_bytes_max, passed_bytes }
        }
        BodyProblem::TooSlow => MultipartProblem::TooSlow,
        BodyProblem::Broken => {
            MultipartProblem::Broken { message: BodyProblem::Broken.to_string() }
        }
    })?;
    if whole.is_empty() {
        // A form without parts is an empty form, and not everybody ends it with a boundary.
        return Err(MultipartProblem::MissingPart);
    }

    let mut form =
        multer::Multipart::new(stream::iter([Ok::<_, std::convert::Infallible>(whole)]), boundary);
    let mut parts = 0;
    while let Some(part) = form.next_field().await.map_err(|error| broken(&error))? {
        parts += 1;
        if parts > PARTS_MAX {
            return Err(MultipartProblem::Broken {
                message: format!("more than {PARTS_MAX} parts"),
            });
        }
        if part.name() != Some(part_name) {
            continue;
        }
        let name =
            part.file_name().map(ToOwned::to_owned).or_else(|| extended_file_name(part.headers()));
        let declared_type = header_text(part.headers(), header::CONTENT_TYPE);
        let bytes = part.bytes().await.map_err(|error| broken(&error))?;
        let passed_bytes = bytes.len() as u64;
        if passed_bytes > file_bytes_max {
            return Err(MultipartProblem::TooLarge { limit_bytes: file_bytes_max, passed_bytes });
        }
        return Ok(FilePart { name, declared_type, bytes });
    }
    Err(MultipartProblem::MissingPart)
}

fn boundary(headers: &HeaderMap) -> Result<String, MultipartProblem> {
    let content_type = header_text(headers, header::CONTENT_TYPE);
    match content_type.as_deref().map(multer::parse_boundary) {
        Some(Ok(boundary)) => Ok(boundary),
        Some(Err(multer::Error::NoBoundary)) => Err(MultipartProblem::Broken {
            message: "the content type names no boundary".to_owned(),
        }),
        Some(Err(_)) | None => Err(MultipartProblem::NotMultipart { content_type }),
    }
}

/// The `filename*` of RFC 5987, which several client libraries use for names beyond ASCII.
fn extended_file_name(part: &HeaderMap) -> Option<String> {
    let disposition =
        String::from_utf8_lossy(part.get(header::CONTENT_DISPOSITION)?.as_bytes()).into_owned();
    let value = disposition.split(';').find_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim().eq_ignore_ascii_case("filename*").then(|| value.trim().to_owned())
    })?;
    let mut sections = value.trim_matches('"').splitn(3, '\'');
    let (charset, _language, encoded) = (sections.next()?, sections.next()?, sections.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_decode_str(encoded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn broken(error: &multer::Error) -> MultipartProblem {
    MultipartProblem::Broken { message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(form: impl Into<Vec<u8>>) -> Result<FilePart, MultipartProblem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=b7".parse().unwrap());
        read_file_part(&headers, Body::from(form.into()), "file", BodyBounds::of(1000)).await
    }

    fn form(part_headers: &str, content: &[u8]) -> Vec<u8> {
        [b"--b7\r\n", part_headers.as_bytes(), b"\r\n\r\n", content, b"\r\n--b7--\r\n"].concat()
    }

    #[tokio::test]
    async fn the_header_forms_of_real_clients_are_read() {
        let disposition = r#"Content-Disposition: form-data; name="file"; filename="label.png""#;
        let cases = [
            (format!("{disposition}\r\nContent-Type: image/png"), Some("label.png"), Some("image/png")),
            (format!("Content-Type: image/png\r\n{disposition}"), Some("label.png"), Some("image/png")),
            (disposition.to_owned(), Some("label.png"), None),
            (r#"content-disposition: form-data; name="file"; filename="file""#.to_owned(), Some("file"), None),
            (
                r#"Content-Disposition: form-data; name="file"; filename="Чек № 5 от вторника.pdf""#.to_owned(),
                Some("Чек № 5 от вторника.pdf"),
                None,
            ),
            (
                r#"Content-Disposition: form-data; filename="../../etc/pass\"wd"; name="file""#.to_owned(),
                Some("../../etc/pass\"wd"),
                None,
            ),
            (
                "Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%D1%87%D0%B5%D0%BA%20%E2%84%96.pdf".to_owned(),
                Some("чек №.pdf"),
                None,
            ),
            (r"Content-Disposition: form-data; name=file; filename=a.bin".to_owned(), Some("a.bin"), None),
            (r#"Content-Disposition: form-data; name="file""#.to_owned(), None, None),
        ];
        for (headers, name, declared_type) in cases {
            let part = read(form(&headers, b"...bytes\r\n...")).await;
            let expected = FilePart {
                name: name.map(str::to_owned),
                declared_type: declared_type.map(str::to_owned),
                bytes: Bytes::from_static(b"...bytes\r\n..."),
            };
            assert_eq!(part, Ok(expected), "{headers}");
        }
    }

    #[tokio::test]
    async fn other_parts_are_ignored_and_the_first_of_the_name_counts() {
        let form = "--b7\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nhello\r\n\
                    --b7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"1\"\r\n\r\none\r\n\
                    --b7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"2\"\r\n\r\ntwo\r\n--b7--";
        assert_eq!(read(form).await.unwrap().bytes, "one");
    }

    #[tokio::test]
    async fn a_file_behind_too_many_parts_is_not_searched_for() {
        let file = r#"Content-Disposition: form-data; name="file"; filename="a""#;
        let empty = "--b7\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
        let behind = |parts| [empty.repeat(parts).into_bytes(), form(file, b"x")].concat();
        assert_eq!(read(behind(PARTS_MAX - 1)).await.unwrap().bytes, "x");
        let message = "more than 100 parts".to_owned();
        assert_eq!(read(behind(PARTS_MAX)).await, Err(MultipartProblem::Broken { message }));
    }

    #[tokio::test]
    async fn the_bound_is_that_of_the_file() {
        let headers = r#"Content-Disposition: form-data; name="file"; filename="a""#;
        assert_eq!(read(form(headers, &[7; 1000])).await.unwrap().bytes.len(), 1000);
        assert_eq!(read(form(headers, b"")).await.unwrap().bytes.len(), 0);
        let too_large =
            |passed_bytes| Err(MultipartProblem::TooLarge { limit_bytes: 1000, passed_bytes });
        assert_eq!(read(form(headers, &[7; 1001])).await, too_large(1001));
        assert_eq!(read(vec![7; 2_000_000]).await, too_large(2_000_000));
    }

    #[tokio::test]
    async fn a_form_without_the_part_is_told_from_a_broken_one() {
        let other = form(r#"Content-Disposition: form-data; name="photo"; filename="a""#, b"x");
        assert_eq!(read(other).await, Err(MultipartProblem::MissingPart));
        assert_eq!(read("").await, Err(MultipartProblem::MissingPart));
        assert_eq!(read("--b7--\r\n").await, Err(MultipartProblem::MissingPart));
        let cut = "--b7\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhalf";
        assert!(matches!(read(cut).await, Err(MultipartProblem::Broken { .. })));
        assert!(matches!(read("{\"file\": 1}").await, Err(MultipartProblem::Broken { .. })));
    }

    #[tokio::test]
    async fn another_content_type_is_refused_before_the_body_is_read() {
        for content_type in
            [None, Some("application/json"), Some("text/plain; boundary=b7"), Some("\u{fffd}")]
        {
            let mut headers = HeaderMap::new();
            if let Some(content_type) = content_type {
                headers.insert(
                    header::CONTENT_TYPE,
                    http::HeaderValue::from_bytes(content_type.as_bytes()).unwrap(),
                );
            }
            let part = read_file_part(&headers, Body::from("x"), "file", BodyBounds::of(10)).await;
            let expected =
                MultipartProblem::NotMultipart { content_type: content_type.map(str::to_owned) };
            assert_eq!(part, Err(expected));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data".parse().unwrap());
        let part = read_file_part(&headers, Body::empty(), "file", BodyBounds::of(10)).await;
        assert!(matches!(part, Err(MultipartProblem::Broken { .. })));
    }

    proptest::proptest! {
        /// Whatever arrives, reading ends with a file of allowed length or a problem, and never panics.
        #[test]
        fn random_damage_is_survived(at in 0_usize..200, damage in proptest::collection::vec(0_u8.., 0..40), cut in 0_usize..200) {
            let headers = "Content-Disposition: form-data; name=\"file\"; filename=\"чек.png\"\r\nContent-Type: image/png";
            let mut form = form(headers, b"...bytes...");
            let at = at.min(form.len());
            form.splice(at..form.len().min(at + damage.len() / 2), damage);
            form.truncate(form.len().saturating_sub(cut));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            if let Ok(part) = runtime.block_on(read(form)) {
                proptest::prop_assert!(part.bytes.len() <= 1000);
            }
        }
    }
}
