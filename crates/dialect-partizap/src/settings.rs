//! What the operator may set.

use std::time::Duration;

use domain::SignedDuration;
use engine::limits::Quota;
use jiff::tz::{Offset, offset};

/// Settings of the wire; the defaults are the contract's.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the operator, not states"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Under which path everything answers as well as bare: `/api`; empty for none (Partizap contract §1.1).
    pub prefix: String,
    /// Whether cookies are `Secure`; off only for development over plain HTTP (Partizap contract §2.1).
    pub secure_cookies: bool,
    /// Whether objects also carry the keys of older pages (Partizap contract §3.5).
    pub legacy_fields: bool,
    /// Whether people may sign up by themselves.
    pub registration: bool,
    /// The offset in which times are written (Partizap contract §1.1).
    pub time_offset: Offset,
    /// Origins of other sites whose pages may call with credentials, and open live connections.
    pub allowed_origins: Vec<String>,
    /// The site's own origin, where it is known: its pages open live connections, also through a proxy that changes the
    /// `Host`.
    pub public_origin: Option<String>,
    /// Whether people hear of their own messages, too, for pages on several devices (Partizap contract §6.2).
    pub echo_messages: bool,
    /// Whether people hear who comes and goes of those with whom they share a conversation (Partizap contract §6.2).
    pub online_events: bool,
    /// How long a client of live events may take to receive a frame.
    pub send_time_max: Duration,
    /// The longest text, in code points (Partizap contract §7.5).
    pub text_chars_max: usize,
    /// The largest image, in bytes; at most 11 MiB, so that it fits below the hard cap (Partizap contract §1.3, §4.5).
    pub file_bytes_max: u64,
    /// How often a person may do what.
    pub limits: Limits,
}

/// How often a person may do what (Partizap contract §7.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Text messages.
    pub texts: Quota,
    /// Images.
    pub images: Quota,
    /// Conversations that did not exist before.
    pub new_conversations: Quota,
    /// Searches of either kind.
    pub searches: Quota,
    /// Every other reading call.
    pub reads: Quota,
    /// Attempts to sign in, for each address and e-mail.
    pub logins: Quota,
    /// The time between two requests for another verification mail.
    pub verification_interval: SignedDuration,
    /// Live connections at once; 0 for any number.
    pub live_connections: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "/api".to_owned(),
            secure_cookies: true,
            legacy_fields: false,
            registration: true,
            time_offset: offset(3),
            allowed_origins: Vec::new(),
            public_origin: None,
            echo_messages: false,
            online_events: false,
            send_time_max: Duration::from_secs(15),
            text_chars_max: 2000,
            file_bytes_max: 10_485_760,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let in_minutes =
            |units, minutes| Quota { units, window: SignedDuration::from_mins(minutes) };
        Self {
            texts: in_minutes(60, 1),
            images: in_minutes(20, 1),
            new_conversations: in_minutes(20, 60),
            searches: in_minutes(30, 1),
            reads: in_minutes(300, 1),
            logins: in_minutes(10, 15),
            verification_interval: SignedDuration::from_secs(60),
            live_connections: 100,
        }
    }
}

impl Settings {
    /// Whether `path` is this wire's when several share one listener: bare, or under the prefix. The live events are
    /// never under the prefix.
    pub fn owns(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.prefix.as_str()).filter(|_| !self.prefix.is_empty());
        path.starts_with("/connection/") || is_own(path) || below.is_some_and(is_own)
    }
}

/// `/auth` is shared with other wires, so only the names of this one count there.
fn is_own(path: &str) -> bool {
    const AUTH: [&str; 8] = [
        "login",
        "register",
        "logout",
        "logout-all",
        "resend-verification",
        "forgot-password",
        "reset-password",
        "validate-reset-token",
    ];
    path == "/vendor"
        || path.starts_with("/vendor/")
        || path.strip_prefix("/auth/").is_some_and(|name| AUTH.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_owned_bare_and_under_the_prefix() {
        let settings = Settings::default();
        for path in ["/vendor/conversations", "/auth/login"] {
            assert!(settings.owns(path), "{path}");
            assert!(settings.owns(&format!("/api{path}")), "{path}");
            assert!(!settings.owns(&format!("/other{path}")), "{path}");
        }
        assert!(settings.owns("/connection/websocket"));
        for path in [
            "/api/connection/websocket",
            "/auth/token",
            "/api/v1/chats",
            "/vendors",
            "/api",
            "/",
            "/files/7",
        ] {
            assert!(!settings.owns(path), "{path}");
        }
        let bare = Settings { prefix: String::new(), ..settings };
        assert!(bare.owns("/vendor/me") && !bare.owns("/api/vendor/me"));
    }
}
