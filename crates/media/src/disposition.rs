//! How a browser is told to treat a file.

use std::fmt::Write as _;

use crate::{FileName, MediaType};

/// The value of `Content-Disposition` for a file: shown in place if [its type allows](MediaType::is_inline_safe),
/// saved under `name` otherwise.
///
/// It is plain ASCII, whatever the name holds: the name is given twice, with `_` for what old clients cannot read and
/// percent-encoded (RFC 6266). Serve it together with `X-Content-Type-Options: nosniff`.
pub fn content_disposition(name: &FileName, media_type: MediaType) -> String {
    let kind = if media_type.is_inline_safe() { "inline" } else { "attachment" };
    let plain: String = name
        .as_str()
        .chars()
        .map(|c| {
            if (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut value = format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            value.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, media_type: MediaType, expected: &str) {
        assert_eq!(content_disposition(&FileName::clean(name), media_type), expected);
    }

    #[test]
    fn only_pictures_are_shown_in_place() {
        check("a.png", MediaType::Png, "inline; filename=\"a.png\"; filename*=UTF-8''a.png");
        check("a.pdf", MediaType::Pdf, "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf");
        check(
            "a.html",
            MediaType::Unknown,
            "attachment; filename=\"a.html\"; filename*=UTF-8''a.html",
        );
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        check(
            "a\"; b=1.txt",
            MediaType::PlainText,
            "attachment; filename=\"a_; b=1.txt\"; filename*=UTF-8''a%22%3B%20b%3D1.txt",
        );
    }

    #[test]
    fn a_cyrillic_name_is_percent_encoded() {
        check(
            "Шар.jpg",
            MediaType::Jpeg,
            "inline; filename=\"___.jpg\"; filename*=UTF-8''%D0%A8%D0%B0%D1%80.jpg",
        );
    }
}
