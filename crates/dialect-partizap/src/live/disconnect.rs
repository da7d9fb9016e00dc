//! Why the server ends a connection (Partizap contract §6.3). Codes from 3500 to 3999 and from 4500 to 4999 tell the
//! client to stay away, the others to come back.

use axum::extract::ws::CloseFrame;

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// The server stops. Another one, or the same one a moment later, takes over.
    Shutdown,
    /// The log could not be read; it can be tried again.
    ServerError,
    /// The client does not take what is sent.
    Slow,
    /// What the client has yet to get is no longer at hand; when it comes back it is told where it stands.
    InsufficientState,
    /// The client did not answer a ping.
    NoPong,
    /// The client does not speak the protocol.
    BadRequest,
    /// The client connected and then said nothing.
    Stale,
    /// There is no session, or no longer.
    Unauthorized,
}

impl Disconnect {
    /// The WebSocket's close code, and a word that says the same.
    pub(crate) fn code_and_reason(self) -> (u16, &'static str) {
        match self {
            Self::Shutdown => (3001, "shutdown"),
            Self::ServerError => (3004, "internal server error"),
            Self::Slow => (3008, "slow"),
            Self::InsufficientState => (3010, "insufficient state"),
            Self::NoPong => (3012, "no pong"),
            Self::BadRequest => (3501, "bad request"),
            Self::Stale => (3502, "stale"),
            Self::Unauthorized => (4501, "unauthorized"),
        }
    }
}

impl From<Disconnect> for CloseFrame {
    fn from(disconnect: Disconnect) -> Self {
        let (code, reason) = disconnect.code_and_reason();
        Self { code, reason: reason.into() }
    }
}
