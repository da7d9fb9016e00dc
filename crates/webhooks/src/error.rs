//! Why a call of [`crate::Webhooks`] did not do what it was asked.

use engine::EngineError;
use engine::store::StoreError;

use crate::attempt::Attempt;
use crate::target::UrlProblem;

/// Why nothing was done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such webhook, or not of this account.
    #[error("no such webhook")]
    NotFound,
    /// No face of this server pushes in this format.
    #[error("no such format; there are: {}", known.join(", "))]
    UnknownFormat {
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The format has no such type of pushes.
    #[error("no such type '{given}'; there are: {}", known.join(", "))]
    UnknownType {
        /// What was asked for.
        given: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// The URL is none to push to.
    #[error("{0}")]
    BadUrl(#[from] UrlProblem),
    /// The URL names a private address, and the server pushes to public ones only.
    #[error("the URL names a private address, to which nothing is pushed")]
    AddressNotAllowed,
    /// Another webhook of the account has the URL, and the format wants each once.
    #[error("another webhook has this URL")]
    UrlTaken,
    /// The receiver did not answer a ping as it should.
    #[error("the receiver did not confirm: {}", .0.reason())]
    NotConfirmed(Box<Attempt>),
    /// There is no secret to replace: pushes in this format are not signed.
    #[error("pushes in this format are not signed")]
    NotSigned,
    /// The account has as many webhooks as it may have.
    #[error("an account has at most {max} webhooks")]
    TooMany {
        /// How many.
        max: u32,
    },
    /// What was asked for is no longer kept.
    #[error("the log is kept from entry {oldest} on")]
    CutOff {
        /// The oldest entry that is.
        oldest: i64,
    },
    /// What was asked for has not happened yet.
    #[error("the log ends with entry {newest}")]
    BeyondNewest {
        /// The newest entry.
        newest: i64,
    },
    /// Somebody else changes the same webhook all the time.
    #[error("the webhook is being changed by somebody else")]
    Conflict,
    /// The engine could not.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for WebhookError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}
