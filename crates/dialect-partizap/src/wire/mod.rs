//! What answers are made of (Partizap contract §1.2, §3): exactly the documented keys, always all of them.

mod conversation;
mod message;
mod person;
mod product;

use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use domain::id::AccountId;
use engine::Engine;
use jiff::tz::TimeZone;
use serde::Serialize;

pub(crate) use conversation::{Conversation, Summary};
pub(crate) use message::Message;
pub(crate) use person::{OwnProfile, PublicUser};
pub(crate) use product::Extras;

use crate::Face;
use crate::settings::Settings;

/// `{"data": …}`.
#[derive(Serialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

/// `{"data": […], "meta": {…}}`.
#[derive(Serialize)]
pub(crate) struct Listing<T> {
    data: Vec<T>,
    meta: Meta,
}

#[derive(Serialize)]
struct Meta {
    has_more: bool,
    next_cursor: Option<String>,
}

/// `{"message": "…"}`: what calls say that have nothing to return.
#[derive(Serialize)]
pub(crate) struct Notice {
    message: &'static str,
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

impl<T: Serialize> IntoResponse for Listing<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

impl<T> Listing<T> {
    /// A page; `next_cursor` is there if and only if there are more rows.
    pub(crate) fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { data, meta: Meta { has_more: next_cursor.is_some(), next_cursor } }
    }
}

/// An answer that only says `message`.
pub(crate) fn notice(message: &'static str) -> Data<Notice> {
    Data { data: Notice { message } }
}

/// Writes the engine's nouns as objects of this wire, for one reader.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    engine: &'a Engine,
    settings: &'a Settings,
    reader: AccountId,
}

impl<'a> Writer<'a> {
    /// A writer for the account `reader`.
    pub(crate) fn new(face: &'a Face, reader: AccountId) -> Self {
        Self { engine: &face.engine, settings: &face.settings, reader }
    }

    /// ISO 8601 in whole seconds with a numeric offset (Partizap contract §1.1).
    pub(crate) fn time(&self, time: Timestamp) -> String {
        let zone = TimeZone::fixed(self.settings.time_offset);
        time.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}
