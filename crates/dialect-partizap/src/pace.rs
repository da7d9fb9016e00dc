//! How often a person may do what (Partizap contract §7.15). A call is counted when its session is proved and before
//! its input is looked at (§2.1).

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use engine::access::Caller;
use engine::limits::{Quota, Taken};
use http::request::Parts;

use crate::Face;
use crate::auth::SignedIn;
use crate::error::Error;
use crate::settings::Limits;

/// Somebody who is signed in and has not asked too often. `P` says which calls are counted together.
pub(crate) struct Visitor<P> {
    pub(crate) signed_in: SignedIn,
    pub(crate) caller: Caller,
    taken: Option<Taken>,
    pace: PhantomData<P>,
}

/// Calls that are counted together.
pub(crate) trait Pace: Send + Sync {
    /// Its counter's name.
    const NAME: &'static str;

    /// How many are allowed; none for calls that nobody counts.
    fn quota(limits: &Limits) -> Option<Quota>;
}

macro_rules! paces {
    ($($(#[$doc:meta])* $pace:ident = $name:literal, $quota:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) enum $pace {}

        impl Pace for $pace {
            const NAME: &'static str = $name;

            fn quota(limits: &Limits) -> Option<Quota> {
                let quota: fn(&Limits) -> Option<Quota> = $quota;
                quota(limits)
            }
        }
    )*};
}

paces! {
    /// Sending text.
    Texts = "partizap texts", |limits| Some(limits.texts);
    /// Sending images.
    Images = "partizap images", |limits| Some(limits.images);
    /// Beginning conversations.
    NewConversations = "partizap new conversations", |limits| Some(limits.new_conversations);
    /// Searching.
    Searches = "partizap searches", |limits| Some(limits.searches);
    /// Every other reading call.
    Reads = "partizap reads", |limits| Some(limits.reads);
    /// Read marks, hiding, typing, and what concerns the own account: the contract names no number for them.
    Uncounted = "", |_| None;
}

impl<P: Pace> FromRequestParts<Face> for Visitor<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Error> {
        let signed_in = parts.extensions.remove::<SignedIn>().ok_or(Error::NotSignedIn)?;
        let caller = signed_in.caller();
        let taken = match P::quota(&face.settings.limits) {
            Some(quota) => Some(take(face, P::NAME, &caller.account().to_string(), quota).await?),
            None => None,
        };
        Ok(Self { signed_in, caller, taken, pace: PhantomData })
    }
}

impl<P: Pace> Visitor<P> {
    /// Counts one call of another kind, too. Where that is one too many, nothing is counted.
    pub(crate) async fn also<Q: Pace>(&self, face: &Face) -> Result<(), Error> {
        if let Some(quota) = Q::quota(&face.settings.limits) {
            take(face, Q::NAME, &self.caller.account().to_string(), quota)
                .await
                .inspect_err(|_| self.uncount(face))?;
        }
        Ok(())
    }

    /// Takes the count back: the call turned out to be of another kind.
    pub(crate) fn uncount(&self, face: &Face) {
        if let (Some(taken), Some(quota)) = (self.taken, P::quota(&face.settings.limits)) {
            let subject = self.caller.account().to_string();
            face.engine.limits().give_back(P::NAME, &subject, quota, taken);
        }
    }
}

/// Counts one attempt of `subject` to prove who they are.
pub(crate) async fn take_login(face: &Face, subject: &str) -> Result<(), Error> {
    take(face, "partizap logins", subject, face.settings.limits.logins).await.map(drop)
}

/// Counts a request for a verification mail, of which there may be one an interval.
pub(crate) async fn take_verification<P>(face: &Face, visitor: &Visitor<P>) -> Result<(), Error> {
    let subject = visitor.caller.account().to_string();
    let interval = face.settings.limits.verification_interval;
    let now = face.engine.now();
    let limits = face.engine.limits();
    let taken = limits.take_once("partizap verification", &subject, interval, now).await?;
    require(taken, face).map(drop)
}

async fn take(
    face: &Face,
    what: &'static str,
    subject: &str,
    quota: Quota,
) -> Result<Taken, Error> {
    require(face.engine.limits().take(what, subject, quota, face.engine.now()).await?, face)
}

fn require(taken: Taken, face: &Face) -> Result<Taken, Error> {
    if taken.allowed {
        return Ok(taken);
    }
    Err(Error::TooOften { retry_after_seconds: taken.retry_after_seconds(face.engine.now()) })
}
