//! Signing in and out, and the list of signed-in browsers (Partizap contract §2.2).

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::account::Account;
use engine::sessions::{Browser, csrf_token};
use engine::store::Session;
use http::{HeaderMap, StatusCode};
use http_kit::client_address::ClientAddress;
use serde::Serialize;

use crate::Face;
use crate::account::{EMAIL_CHARS_MAX, PASSWORD_CHARS_MAX, required_within};
use crate::auth::browser_of;
use crate::body::Object;
use crate::cookies;
use crate::error::{Details, Error};
use crate::pace::{Reads, Uncounted, Visitor, take_login};
use crate::wire::{Data, Notice, Writer, notice};

/// A signed-in browser.
#[derive(Serialize)]
pub(crate) struct SessionView {
    id: String,
    ip_address: String,
    user_agent: String,
    last_activity: String,
    is_current: bool,
}

/// `POST /auth/login`: a session under a new id, whatever cookies the request carries.
pub(crate) async fn login(
    State(face): State<Face>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Object,
) -> Result<Response, Error> {
    let fields = body.fields()?;
    let mut details = Details::default();
    let email = required_within(&fields, "email", EMAIL_CHARS_MAX, &mut details);
    let password = required_within(&fields, "password", PASSWORD_CHARS_MAX, &mut details);
    let (Some(email), Some(password)) = (email, password) else {
        return Err(Error::Invalid(details));
    };
    let email = email.trim();
    take_login(&face, &format!("{address} {}", email.to_lowercase())).await?;

    let account = face.engine.sign_in(email, password.to_owned()).await?;
    let account = account.ok_or(Error::WrongCredentials)?;
    begin(&face, StatusCode::OK, &account, browser_of(&headers, address)).await
}

/// Begins a session of `account`, and answers its profile with both cookies.
pub(crate) async fn begin(
    face: &Face,
    status: StatusCode,
    account: &Account,
    browser: Browser,
) -> Result<Response, Error> {
    let begun = face.engine.begin_session(account.id, browser).await?;
    let profile = Writer::new(face, account.id).own_profile(account);
    let mut answer = (status, Data { data: profile }).into_response();
    let csrf_token = csrf_token(&begun.token);
    let secure = face.settings.secure_cookies;
    cookies::set(answer.headers_mut(), &begun.token, &csrf_token, secure);
    Ok(answer)
}

/// `POST /auth/logout`
pub(crate) async fn logout(
    State(face): State<Face>,
    visitor: Visitor<Uncounted>,
) -> Result<Response, Error> {
    let session = &visitor.signed_in.session;
    face.engine.end_session(session.account, &session.id).await?;
    Ok(without_cookies(&face, Data { data: () }))
}

/// `POST /auth/logout-all`: ends all other sessions.
pub(crate) async fn logout_all(
    State(face): State<Face>,
    visitor: Visitor<Uncounted>,
) -> Result<Data<()>, Error> {
    let current = &visitor.signed_in.session;
    face.engine.end_other_sessions(current.account, &current.id).await?;
    Ok(Data { data: () })
}

/// `GET /vendor/sessions`
pub(crate) async fn list(
    State(face): State<Face>,
    visitor: Visitor<Reads>,
) -> Result<Data<Vec<SessionView>>, Error> {
    let current = &visitor.signed_in.session;
    let writer = Writer::new(&face, current.account);
    let view = |session: Session| SessionView {
        is_current: session.id == current.id,
        last_activity: writer.time(session.last_activity),
        id: session.id,
        ip_address: session.ip_address,
        user_agent: session.user_agent,
    };
    let sessions = face.engine.sessions_of(current.account).await?;
    Ok(Data { data: sessions.into_iter().map(view).collect() })
}

/// `DELETE /vendor/sessions/{id}`. The session of somebody else looks like none.
pub(crate) async fn end(
    State(face): State<Face>,
    visitor: Visitor<Uncounted>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let current = &visitor.signed_in.session;
    if !face.engine.end_session(current.account, &id).await? {
        return Err(Error::NoSuchSession);
    }
    let terminated: Data<Notice> = notice("Session terminated");
    if id == current.id {
        Ok(without_cookies(&face, terminated))
    } else {
        Ok(terminated.into_response())
    }
}

fn without_cookies(face: &Face, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    cookies::clear(answer.headers_mut(), face.settings.secure_cookies);
    answer
}
