//! What is wrong with a store that does not work.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

/// What is wrong with a store, as far as its answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreTrouble {
    /// There is no such bucket.
    NoBucket,
    /// The access key does not exist, or its secret is another.
    WrongKey,
    /// The key is right and may not do this.
    NotAllowed,
    /// The bucket is elsewhere: another region or another address.
    Elsewhere,
    /// The clocks of this machine and of the store differ by too much.
    ClocksDiffer,
    /// Nobody answers at the address, or not in time.
    NotReached,
    /// It fails in some other way.
    Failing,
}

impl StoreTrouble {
    /// What `error` means.
    pub(super) fn of(error: &object_store::Error) -> Self {
        if let Some(code) = code_of(error)
            && let Some(trouble) = Self::of_code(&code)
        {
            return trouble;
        }
        match kind_of(error) {
            Some(HttpErrorKind::Connect | HttpErrorKind::Timeout) => Self::NotReached,
            _ if matches!(error, object_store::Error::PermissionDenied { .. }) => Self::NotAllowed,
            _ if matches!(error, object_store::Error::Unauthenticated { .. }) => Self::WrongKey,
            _ => Self::Failing,
        }
    }

    /// The codes are those of the S3 protocol ("Error responses" in the API reference).
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "NoSuchBucket" => Self::NoBucket,
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "NotSignedUp" => Self::WrongKey,
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => Self::NotAllowed,
            "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "Redirect" => Self::Elsewhere,
            "RequestTimeTooSkewed" => Self::ClocksDiffer,
            _ => return None,
        })
    }
}

/// Whether `error` means that the bucket is missing; the library takes it for a missing object.
pub(super) fn is_missing_bucket(error: &object_store::Error) -> bool {
    code_of(error).as_deref() == Some("NoSuchBucket")
}

/// The code of an S3 error answer. The library keeps such answers to itself, but prints them.
fn code_of(error: &object_store::Error) -> Option<String> {
    let printed = error.to_string();
    let (_, after) = printed.split_once("<Code>")?;
    let (code, _) = after.split_once("</Code>")?;
    Some(code.to_owned())
}

fn kind_of(error: &object_store::Error) -> Option<HttpErrorKind> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(http) = this.downcast_ref::<HttpError>() {
            return Some(http.kind());
        }
        cause = this.source();
    }
    None
}
