//! Paths of requests, compared by whole segments.

/// Whether `path` is `root` or below it: `/v1/chat/start` is below `/v1/chat`, `/v1/chats` is not. `root` has no slash
/// at its end.
pub fn is_at_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
