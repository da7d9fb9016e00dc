//! What the operator may set: by file, environment and flags, in that order of growing weight.
//!
//! The doc comment of each setting is its reference: `torg config-reference` prints it, and a refusal of a wrong value
//! quotes it.

mod attachments;
mod dialects;
mod load;
mod secrets;
mod store_choice;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;

use confique::Config;
use domain::SignedDuration;
use engine::housekeeping::Retention;
use http_kit::client_address::AddressBlock;

pub use attachments::AttachmentSettings;
pub use dialects::{
    OzonSettings, PartizapLimits, PartizapSettings, YandexMarketHourlyLimits, YandexMarketSettings,
};
pub use load::{Origin, SettingsProblem, SettingsProblems, Sources, load, reference};
pub use store_choice::StoreChoice;
pub use values::{
    AttachmentsUrl, LogFormat, ModelName, NatsUrl, Secret, SubscriptionGate, TimeOffset, WebUrl,
};
use values::{is_host_name, is_log_filter, is_subject, is_within};

/// Settings of the Torg server.
///
/// Each can be given in this file, as an environment variable (`TORG_` and the name in capitals, with underscores for
/// dots: `TORG_OZON_ENABLED=false`) and as a flag (`--set ozon.enabled=false`). Flags weigh more than the environment,
/// which weighs more than this file. An unknown name or a wrong value is refused at the start.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    #[config(default = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Where clients reach this server, the base of the links in its answers: an http or https URL without query, such
    /// as `https://chat.example.com`. Unset: taken from the listening address.
    pub public_url: Option<WebUrl>,

    /// The folder of the database and the attachments; made at the first start.
    #[config(default = "data")]
    pub data_dir: PathBuf,

    /// Where everything but attachments is kept: "sqlite", a file in the data directory that one server uses at a time; or
    /// a PostgreSQL database, "postgres://USER:PASSWORD@HOST:PORT/DATABASE", which any number of servers may share. Its
    /// "?sslmode=" is "disable", "prefer" (encrypted if the database offers it; the default) or "require".
    #[config(default = "sqlite")]
    pub store: StoreChoice,

    /// Proxies in front of this server whose X-Forwarded-For is believed: addresses or blocks, such as "10.0.0.0/8".
    #[config(default = [])]
    pub trusted_proxies: Vec<AddressBlock>,

    /// Where attachments lie. Several servers need one place that all of them reach.
    #[config(nested)]
    pub attachments: AttachmentSettings,

    /// What is logged, and how. Texts of chats and keys never are.
    #[config(nested)]
    pub log: LogSettings,

    /// What clients may cost.
    #[config(nested)]
    pub limits: LimitSettings,

    /// NATS, by which several servers on one store wake one another's readers.
    #[config(nested)]
    pub nats: NatsSettings,

    /// The log of each account, and those who follow it.
    #[config(nested)]
    pub events: EventSettings,

    /// Pushes to URLs that accounts name.
    #[config(nested)]
    pub webhooks: WebhookSettings,

    /// Torg's own API.
    #[config(nested)]
    pub native: NativeSettings,

    /// The chat methods of the Ozon Seller API.
    #[config(nested)]
    pub ozon: OzonSettings,

    /// The chat methods of the Yandex Market Partner API.
    #[config(nested)]
    pub yandex_market: YandexMarketSettings,

    /// The Partizap chat API.
    #[config(nested)]
    pub partizap: PartizapSettings,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct LogSettings {
    /// "text" for people, "json" for machines (one object a line). Logs go to the standard error stream.
    #[config(default = "text")]
    pub format: LogFormat,

    /// From "error", "warn", "info", "debug", "trace", also per module: "info,torg=debug".
    #[config(default = "info", validate = is_log_filter)]
    pub level: String,
}

/// What clients may cost.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct LimitSettings {
    /// Connections served at once, 1 to 1000000; further ones wait.
    #[config(default = 10_000, validate(is_within(1..=1_000_000, *connections), "out of bounds"))]
    pub connections: u32,

    /// Seconds for the head of a request, and for idling between requests: 1 to 3600.
    #[config(default = 30, validate(is_within(1..=3600, *header_timeout_seconds), "out of bounds"))]
    pub header_timeout_seconds: u32,

    /// Seconds after which a client that does not take its answer is dropped: 1 to 3600.
    #[config(default = 30, validate(is_within(1..=3600, *stalled_timeout_seconds), "out of bounds"))]
    pub stalled_timeout_seconds: u32,

    /// Seconds that running requests get to finish when the server stops: 0 to 3600.
    #[config(default = 20, validate(is_within(0..=3600, *shutdown_grace_seconds), "out of bounds"))]
    pub shutdown_grace_seconds: u32,
}

/// NATS, by which several servers on one store wake one another's readers.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct NatsSettings {
    /// Where NATS is: `nats://host:4222`, `tls://user:password@host`, `nats://token@host`; several servers of one
    /// installation with commas. Only with PostgreSQL. Unset: servers on one store find by looking what the others did,
    /// about once a second.
    pub url: Option<NatsUrl>,

    /// What the subjects begin with: letters, digits, "-" and "_", with single dots between them. All servers on one store
    /// have the same; those on a copy of it, such as one for tests, have another.
    #[config(default = "torg", validate = is_subject)]
    pub subject_prefix: String,
}

/// The log of each account, and those who follow it.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct EventSettings {
    /// For how many days an entry of a log is kept: 1 to 36500; 0 for ever. Whoever comes back later has to list the
    /// chats again.
    #[config(default = 30, validate(is_within(0..=36_500, *retention_days), "out of bounds"))]
    pub retention_days: u32,

    /// Seconds between two signs of life on a stream, at each of which its key is checked again: 1 to 300.
    #[config(default = 15, validate(is_within(1..=300, *heartbeat_seconds), "out of bounds"))]
    pub heartbeat_seconds: u32,
}

/// Pushes to URLs that accounts name.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct WebhookSettings {
    /// Whether receivers may have private addresses, those of this machine and of its cloud included: true or false.
    /// Whoever may name a URL can then reach what this server can reach.
    #[config(default = false)]
    pub allow_private_addresses: bool,

    /// How many webhooks an account may have: 1 to 1000.
    #[config(default = 50, validate(is_within(1..=1000, *webhooks_per_account), "out of bounds"))]
    pub webhooks_per_account: u32,

    /// For how many days it is kept what was pushed, with the receivers' answers: 1 to 3650.
    #[config(default = 30, validate(is_within(1..=3650, *delivery_log_days), "out of bounds"))]
    pub delivery_log_days: u32,
}

/// Torg's own API.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct NativeSettings {
    /// Whether it is served: true or false.
    #[config(default = true)]
    pub enabled: bool,

    /// A host name on which only this API answers, without port: "api.example.com". Unset: none.
    #[config(validate = is_host_name)]
    pub host: Option<String>,

    /// The longest text of a message, in Unicode code points: 1 to 100000.
    #[config(default = 4096, validate(is_within(1..=100_000, *text_chars_max), "out of bounds"))]
    pub text_chars_max: u32,

    /// The largest attachment, in bytes: 1 to 1073741824 (1 GiB).
    #[config(default = 10_485_760, validate(is_within(1..=1 << 30, *file_bytes_max), "out of bounds"))]
    pub file_bytes_max: u32,

    /// How many requests a key may make in a minute, reading and writing together. From 0 to 1000000000; 0 lifts the
    /// limit.
    #[config(default = 6_000, validate(is_within(0..=1_000_000_000, *requests_per_minute), "out of bounds"))]
    pub requests_per_minute: u32,

    /// How many streams of events may be open with one key, 0 to 1000000; 0 lifts the limit.
    #[config(default = 1_000, validate(is_within(0..=1_000_000, *streams_per_key), "out of bounds"))]
    pub streams_per_key: u32,

    /// What binds the seller.
    #[config(nested)]
    pub seller: SellerSettings,
}

/// What binds sellers who use Torg's own API. Buyers begin chats and write whenever they like.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct SellerSettings {
    /// With which fulfilment models the seller may begin a chat about an order: a list of "fbo", "fbs", "rfbs", "dbs",
    /// "express", "laas".
    #[config(default = ["fbo", "fbs", "rfbs", "dbs", "express", "laas"])]
    pub opens_order_chats: Vec<ModelName>,

    /// With which fulfilment models the seller may begin a chat about a return: the same names.
    #[config(default = ["fbo", "fbs", "rfbs", "dbs", "express", "laas"])]
    pub opens_return_chats: Vec<ModelName>,

    /// Whether the seller may begin a chat about a product, or about nothing in particular: true or false.
    #[config(default = false)]
    pub opens_other_chats: bool,

    /// For how many hours after payment, and again after delivery, the seller may begin a chat: 1 to 87600; 0 for any
    /// time.
    #[config(default = 0, validate(is_within(0..=87_600, *opening_window_hours), "out of bounds"))]
    pub opening_window_hours: u32,

    /// For how many hours after the buyer's latest message the seller may answer: 1 to 87600; 0 for any time.
    #[config(default = 0, validate(is_within(0..=87_600, *reply_window_hours), "out of bounds"))]
    pub reply_window_hours: u32,

    /// With a reply window: for how many hours after delivery the seller may write unasked, from payment on, in chats
    /// about orders and returns: 1 to 87600; 0 for never.
    #[config(default = 0, validate(is_within(0..=87_600, *delivery_window_hours), "out of bounds"))]
    pub delivery_window_hours: u32,
}

impl Settings {
    /// For how long things are kept.
    pub fn retention(&self) -> Retention {
        let days =
            |days: u32| (days != 0).then(|| SignedDuration::from_hours(24 * i64::from(days)));
        Retention {
            log: days(self.events.retention_days),
            deliveries: days(self.webhooks.delivery_log_days),
        }
    }
}

impl LimitSettings {
    /// The same, as the accept loop wants it.
    pub fn connection_bounds(&self) -> crate::serve::ConnectionBounds {
        let seconds = |seconds: u32| std::time::Duration::from_secs(seconds.into());
        crate::serve::ConnectionBounds {
            connections_max: usize::try_from(self.connections).unwrap_or(usize::MAX),
            header_time_max: seconds(self.header_timeout_seconds),
            stalled_time_max: seconds(self.stalled_timeout_seconds),
            shutdown_grace: seconds(self.shutdown_grace_seconds),
        }
    }

    /// How long a client may take to receive a part of an answer that never ends: half of the time after which the
    /// system gives the connection up, so that there is a chance to say goodbye.
    pub fn send_time_max(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.stalled_timeout_seconds.into()) / 2
    }
}

#[cfg(test)]
mod tests;
