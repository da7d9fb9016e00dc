//! Live events: a WebSocket that speaks the client protocol of Centrifugo, as much of it as the marketplace's pages
//! need (Partizap contract §6).
//!
//! Each connection follows its person's log. The offset of a publication is the sequence of its log entry, so a client
//! that comes back says by it what it has, and gets the rest.

mod command;
mod connection;
mod disconnect;
mod event;
mod heartbeat;
mod origin;
mod render;
mod reply;

use ::live::Feed;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http_kit::client_address::ClientAddress;
use http_kit::connection::{OpenConnection, Stopping};

use crate::Face;
use crate::auth::browser_of;
use crate::cookies;
use crate::error::Error;
use command::FRAME_BYTES_MAX;
use connection::{Connection, Person};
use disconnect::Disconnect;
use render::PublicationWriter;

/// Where the WebSocket is.
pub(crate) const PATH: &str = "/connection/websocket";
/// The one sub-protocol that is spoken; clients of the JSON kind mostly name none.
const SUB_PROTOCOL: &str = "centrifuge-json";
/// What a connection reads at once, in bytes: almost everything that clients send is the three bytes of a pong.
const READ_BUFFER_BYTES: usize = 1 << 8;
/// The most that may wait to be written to a connection, in bytes. More than one frame never waits.
const WRITE_BUFFER_BYTES_MAX: usize = 16 << 20;
/// What a person is told who has too many connections; one of them may end at any time.
const TOO_MANY_CONNECTIONS: Error = Error::TooOften { retry_after_seconds: 10 };

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Live {
    face: Face,
    feed: Feed<PublicationWriter>,
}

impl Live {
    pub(crate) fn new(face: &Face) -> Self {
        let writer = PublicationWriter { face: face.clone() };
        Self { face: face.clone(), feed: Feed::new(face.engine.clone(), writer) }
    }
}

/// `GET /connection/websocket`: pages of other sites are refused; whoever has no session is let in to hear why not.
pub(crate) async fn connect(
    State(live): State<Live>,
    ClientAddress(address): ClientAddress,
    Extension(open): Extension<OpenConnection>,
    Extension(Stopping(stopping)): Extension<Stopping>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let settings = &live.face.settings;
    let own_origins = settings.allowed_origins.iter().chain(&settings.public_origin);
    if !origin::is_welcome(&headers, own_origins.map(String::as_str)) {
        return Error::ForeignOrigin.into_response();
    }
    let Ok(upgrade) = upgrade else { return Error::NoUpgrade.into_response() };
    let session = match cookies::find(&headers, cookies::SESSION) {
        Some(token) => live.face.engine.session(token, &browser_of(&headers, address)).await,
        None => Ok(None),
    };
    let person = match session {
        Ok(Some((session, _))) => match Person::enter(&live.face, &session) {
            Some(person) => Some(person),
            None => return TOO_MANY_CONNECTIONS.into_response(),
        },
        Ok(None) => None,
        Err(error) => return Error::from(error).into_response(),
    };
    let upgrade = upgrade
        .protocols([SUB_PROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX);
    upgrade.on_upgrade(async move |socket: WebSocket| {
        let mut connection = Connection::new(live, socket);
        open.run(async move {
            match person {
                Some(person) => connection.serve(&person, &stopping).await,
                None => connection.close(Disconnect::Unauthorized).await,
            }
        })
        .await;
    })
}
