//! Paths of addresses: compared by whole segments, and written with any text as a segment.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const NOT_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether `path` is `root` or below it: `/v1/chat/start` is below `/v1/chat`, `/v1/chats` is not. `root` has no slash
/// at its end.
pub fn is_at_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `text` as one segment of a path. It ends neither the address nor a Markdown link round it.
pub fn path_segment(text: &str) -> impl Display {
    utf8_percent_encode(text, NOT_UNRESERVED)
}
