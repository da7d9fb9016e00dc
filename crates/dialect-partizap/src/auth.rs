//! From a cookie to a person, and the proof that the person's own page asks (Partizap contract §2, §7.12, §7.13).

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::account::Account;
use engine::access::Caller;
use engine::sessions::{Browser, csrf_token, same_secret};
use engine::store::Session;
use http::{HeaderMap, HeaderValue, Method, header};
use http_kit::client_address::ClientAddress;

use crate::Face;
use crate::cookies;
use crate::error::Error;

const X_CSRF_TOKEN: &str = "x-csrf-token";
/// How much of a `User-Agent` is kept, in characters.
const USER_AGENT_CHARS_MAX: usize = 500;

/// A person with a running session: an extension of every request behind [`require_session`].
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// Who.
    pub(crate) account: Account,
    /// From which browser.
    pub(crate) session: Session,
}

impl SignedIn {
    /// The person as the engine knows callers: on both sides.
    pub(crate) fn caller(&self) -> Caller {
        Caller::account_holder(self.account.id)
    }
}

/// A middleware for the calls that need a session: 401 without one, 403 for a change without the CSRF token; nothing
/// was read or changed by then. Renews the cookies where that is due.
pub(crate) async fn require_session(
    State(face): State<Face>,
    ClientAddress(address): ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let browser = browser_of(request.headers(), address);
    let Some(token) = cookies::find(request.headers(), cookies::SESSION).map(str::to_owned) else {
        return sign_in_first(&face);
    };
    let asked_at = face.engine.now();
    let (session, account) = match face.engine.session(&token, &browser).await {
        Ok(Some(found)) => found,
        Ok(None) => return sign_in_first(&face),
        Err(error) => return Error::from(error).into_response(),
    };
    let csrf_token = csrf_token(&token);
    let csrf_cookie = cookies::find(request.headers(), cookies::CSRF_TOKEN);
    let has_cookie = csrf_cookie.is_some_and(|cookie| same_secret(cookie, &csrf_token));
    let has_header = request
        .headers()
        .get(X_CSRF_TOKEN)
        .is_some_and(|header| same_secret(header.to_str().unwrap_or_default(), &csrf_token));
    let was_renewed = asked_at <= session.last_activity;

    // Header and cookie equal the token that belongs to the session, and with that each other: a planted pair does not
    // pass.
    let mut answer = if is_reading(request.method()) || (has_cookie && has_header) {
        request.extensions_mut().insert(SignedIn { account, session });
        next.run(request).await
    } else {
        Error::WrongCsrfToken.into_response()
    };
    if (was_renewed || !has_cookie) && !answer.headers().contains_key(header::SET_COOKIE) {
        cookies::set(answer.headers_mut(), &token, &csrf_token, face.settings.secure_cookies);
    }
    answer
}

/// From where a request comes, for the list of sessions.
pub(crate) fn browser_of(headers: &HeaderMap, address: std::net::IpAddr) -> Browser {
    let user_agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    let user_agent = String::from_utf8_lossy(user_agent.unwrap_or_default());
    Browser {
        ip_address: address.to_string(),
        user_agent: user_agent.chars().take(USER_AGENT_CHARS_MAX).collect(),
    }
}

fn sign_in_first(face: &Face) -> Response {
    let mut answer = Error::NotSignedIn.into_response();
    cookies::clear(answer.headers_mut(), face.settings.secure_cookies);
    answer
}

fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
