//! Handing out a stored file so that no browser runs it.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use media::{FileName, MediaType, content_disposition};

/// The answer that carries a file: `bytes`, called `name`, of the type that was found from the bytes when they came.
///
/// A type that is not on [`MediaType`]'s list is served as `application/octet-stream`. Only pictures that browsers draw
/// safely are shown in place; everything else is to be saved. Nothing is sniffed, and nothing runs.
pub fn file_response(name: &str, media_type: &str, bytes: Bytes) -> Response {
    let media_type = MediaType::from_name(media_type).unwrap_or(MediaType::Unknown);
    let content_type = if media_type == MediaType::PlainText {
        "text/plain; charset=utf-8"
    } else {
        media_type.as_str()
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 4] = [
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        // What an address holds never changes, but only one account may see it.
        (CACHE_CONTROL, "private, max-age=86400, immutable"),
    ];
    for (header, value) in fixed {
        headers.insert(header, HeaderValue::from_static(value));
    }
    let disposition = content_disposition(&FileName::clean(name), media_type);
    // It is plain ASCII; should that ever fail, saving is the safe default.
    let disposition =
        HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(CONTENT_DISPOSITION, disposition);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, media_type: &str, content_type: &str, disposition: &str) {
        let response = file_response(name, media_type, Bytes::from_static(b"x"));
        let headers = response.headers();
        assert_eq!(headers[CONTENT_TYPE], content_type);
        assert_eq!(headers[CONTENT_DISPOSITION], disposition);
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn pictures_are_shown_and_everything_else_is_saved() {
        check(
            "a.png",
            "image/png",
            "image/png",
            "inline; filename=\"a.png\"; filename*=UTF-8''a.png",
        );
        check(
            "a.txt",
            "text/plain",
            "text/plain; charset=utf-8",
            "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt",
        );
    }

    #[test]
    fn a_type_that_a_browser_would_run_is_never_repeated() {
        for runs in ["text/html", "image/svg+xml", "application/javascript", "nonsense"] {
            check(
                "a.html",
                runs,
                "application/octet-stream",
                "attachment; filename=\"a.html\"; filename*=UTF-8''a.html",
            );
        }
    }
}
