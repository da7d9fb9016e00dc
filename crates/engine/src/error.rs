//! What can go wrong with a command or a query. Every face of the server finds its own words for each.

use domain::refusal::{Denied, Missing, Refusal};
use media::VaultError;

use crate::store::{CommandError, StoreError};

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// It does not exist, or not for this caller.
    #[error("not found: {0:?}")]
    NotFound(Missing),
    /// A rule says no; nothing happened.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// Too much is waiting; nothing happened. The same call may succeed in some seconds.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The database, or the store of the files, is not there; nothing happened. The same call may succeed later.
    #[error("the database or the store of the files is not available")]
    Unavailable,
    /// The database went away while it committed: the command may or may not have been carried out.
    #[error("it is not known whether the command was carried out")]
    OutcomeUnknown,
    /// A fault of the server; nothing happened.
    #[error("internal error")]
    Internal,
}

impl From<Denied> for EngineError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotFound(missing) => Self::NotFound(missing),
            Denied::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
        match error {
            StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::OutcomeUnknown(_) => Self::OutcomeUnknown,
            StoreError::Failed(_) => Self::Internal,
        }
    }
}

impl From<VaultError> for EngineError {
    fn from(error: VaultError) -> Self {
        let trouble = error.trouble();
        tracing::error!(
            ?trouble,
            error = &error as &dyn std::error::Error,
            "the store of the files failed"
        );
        match error {
            VaultError::Damaged(_) => Self::Internal,
            VaultError::Folder(_)
            | VaultError::Setup(_)
            | VaultError::Store(_)
            | VaultError::TooSlow
            | VaultError::Interrupted => Self::Unavailable,
        }
    }
}

impl From<CommandError> for EngineError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Denied(denied) => denied.into(),
            CommandError::Store(error) => error.into(),
        }
    }
}
