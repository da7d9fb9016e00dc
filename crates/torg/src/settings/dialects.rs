//! The settings of the dialects.

use confique::Config;

use super::values::{
    SubscriptionGate, TimeOffset, is_host_name, is_origin, is_path_prefix, is_within,
};

/// What an hourly limit of Yandex Market's may be.
const HOURLY: std::ops::RangeInclusive<u32> = 1..=1_000_000_000;

/// The chat methods of the Ozon Seller API.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct OzonSettings {
    /// Whether they are served: true or false.
    #[config(default = true)]
    pub enabled: bool,

    /// A host name on which only this API answers, without port: "ozon.example.com". Unset: none.
    #[config(validate = is_host_name)]
    pub host: Option<String>,

    /// Requests per second and Client-Id over all methods, 0 to 1000000; 0 lifts the limit (Ozon contract §4).
    #[config(default = 50, validate(is_within(0..=1_000_000, *requests_per_second), "out of bounds"))]
    pub requests_per_second: u32,

    /// The largest file, decoded, in bytes: 1 to 1073741824 (Ozon contract §11.13).
    #[config(default = 10_485_760, validate(is_within(1..=1 << 30, *file_bytes_max), "out of bounds"))]
    pub file_bytes_max: u32,

    /// Hours in which a seller may answer the buyer's latest message: 1 to 87600 (Ozon contract §5.2).
    #[config(default = 48, validate(is_within(1..=87_600, *reply_window_hours), "out of bounds"))]
    pub reply_window_hours: u32,

    /// Hours after payment, and after delivery, in which a seller may start a chat: 1 to 87600 (Ozon contract §5.2).
    #[config(default = 72, validate(is_within(1..=87_600, *start_window_hours), "out of bounds"))]
    pub start_window_hours: u32,

    /// What needs a subscription of the seller: `off` (nothing), `sends` (starting, sending, and read marks in buyers'
    /// chats), `sends_and_history` (also the history of buyers' chats) (Ozon contract §5.1, §11.4).
    #[config(default = "sends")]
    pub subscription_gate: SubscriptionGate,
}

/// The chat methods of the Yandex Market Partner API.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct YandexMarketSettings {
    /// Whether they are served: true or false.
    #[config(default = true)]
    pub enabled: bool,

    /// A host name on which only this API answers, without port: "market.example.com". Unset: none.
    #[config(validate = is_host_name)]
    pub host: Option<String>,

    /// Requests of one cabinet at the same time, 0 to 1000000; 0 lifts the limit (Yandex Market contract §4.2).
    #[config(default = 4, validate(is_within(0..=1_000_000, *parallel_requests), "out of bounds"))]
    pub parallel_requests: u32,

    /// The offset from UTC in the times of answers, from "-23:59" to "+23:59".
    #[config(default = "+03:00")]
    pub time_offset: TimeOffset,

    /// Requests per hour, for each cabinet and method.
    #[config(nested)]
    pub requests_per_hour: YandexMarketHourlyLimits,
}

/// Requests per hour, for each cabinet and method (Yandex Market contract §4.1).
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct YandexMarketHourlyLimits {
    /// createChat: 1 to 1000000000.
    #[config(default = 1_000, validate(is_within(HOURLY, *create_chat), "out of bounds"))]
    pub create_chat: u32,

    /// getChats: 1 to 1000000000.
    #[config(default = 5_000, validate(is_within(HOURLY, *get_chats), "out of bounds"))]
    pub get_chats: u32,

    /// getChat: 1 to 1000000000.
    #[config(default = 1_000, validate(is_within(HOURLY, *get_chat), "out of bounds"))]
    pub get_chat: u32,

    /// getChatHistory: 1 to 1000000000.
    #[config(default = 10_000, validate(is_within(HOURLY, *get_chat_history), "out of bounds"))]
    pub get_chat_history: u32,

    /// getChatMessage: 1 to 1000000000.
    #[config(default = 1_000, validate(is_within(HOURLY, *get_chat_message), "out of bounds"))]
    pub get_chat_message: u32,

    /// sendMessageToChat: 1 to 1000000000.
    #[config(default = 1_000, validate(is_within(HOURLY, *send_message_to_chat), "out of bounds"))]
    pub send_message_to_chat: u32,

    /// sendFileToChat: 1 to 1000000000.
    #[config(default = 1_000, validate(is_within(HOURLY, *send_file_to_chat), "out of bounds"))]
    pub send_file_to_chat: u32,

    /// The list of campaigns: 1 to 1000000000 (Yandex Market contract §11).
    #[config(default = 1_000, validate(is_within(HOURLY, *get_campaigns), "out of bounds"))]
    pub get_campaigns: u32,

    /// What a token may do: 1 to 1000000000 (Yandex Market contract §11).
    #[config(default = 100, validate(is_within(HOURLY, *get_token_info), "out of bounds"))]
    pub get_token_info: u32,
}

/// The Partizap chat API.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the operator, not states"
)]
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct PartizapSettings {
    /// Whether it is served: true or false.
    #[config(default = true)]
    pub enabled: bool,

    /// A host name on which only this API answers, without port: "partizap.example.com". Unset: none.
    #[config(validate = is_host_name)]
    pub host: Option<String>,

    /// The prefix under which every path answers as well as bare: "/api"; "" for none (Partizap contract §1.1).
    #[config(default = "/api", validate = is_path_prefix)]
    pub prefix: String,

    /// Whether cookies are for HTTPS only: true or false. Set to false only for development over plain HTTP.
    #[config(default = true)]
    pub secure_cookies: bool,

    /// Whether answers also carry the fields of older clients: true or false (Partizap contract §3.5).
    #[config(default = false)]
    pub legacy_fields: bool,

    /// Whether people may register by themselves: true or false.
    #[config(default = true)]
    pub registration: bool,

    /// The offset from UTC in the times of answers, from "-23:59" to "+23:59".
    #[config(default = "+03:00")]
    pub time_offset: TimeOffset,

    /// Origins of other sites whose pages may call this API with credentials and open live connections, such as
    /// `https://shop.example.com`.
    #[config(default = [], validate = is_origin)]
    pub allowed_origins: Vec<String>,

    /// Whether live events tell people of their own messages, too: true or false. For pages that are open on several
    /// devices (Partizap contract §6.2).
    #[config(default = false)]
    pub echo_messages: bool,

    /// Whether live events tell people who comes and goes of those with whom they share a conversation: true or false
    /// (Partizap contract §6.2).
    #[config(default = false)]
    pub online_events: bool,

    /// How often a person may do what.
    #[config(nested)]
    pub limits: PartizapLimits,
}

/// How often a person may do what (Partizap contract §7.15).
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct PartizapLimits {
    /// Text messages a minute: 1 to 1000000.
    #[config(default = 60, validate(is_within(1..=1_000_000, *texts_per_minute), "out of bounds"))]
    pub texts_per_minute: u32,

    /// Images a minute: 1 to 1000000.
    #[config(default = 20, validate(is_within(1..=1_000_000, *images_per_minute), "out of bounds"))]
    pub images_per_minute: u32,

    /// New conversations an hour: 1 to 1000000.
    #[config(default = 20, validate(is_within(1..=1_000_000, *new_conversations_per_hour), "out of bounds"))]
    pub new_conversations_per_hour: u32,

    /// Searches a minute: 1 to 1000000.
    #[config(default = 30, validate(is_within(1..=1_000_000, *searches_per_minute), "out of bounds"))]
    pub searches_per_minute: u32,

    /// Other reads a minute: 1 to 1000000.
    #[config(default = 300, validate(is_within(1..=1_000_000, *reads_per_minute), "out of bounds"))]
    pub reads_per_minute: u32,

    /// Attempts to log in, in 15 minutes, for each address and e-mail: 1 to 1000000.
    #[config(default = 10, validate(is_within(1..=1_000_000, *logins_per_15_minutes), "out of bounds"))]
    pub logins_per_15_minutes: u32,

    /// Seconds between two requests for another verification mail: 1 to 86400.
    #[config(default = 60, validate(is_within(1..=86_400, *verification_interval_seconds), "out of bounds"))]
    pub verification_interval_seconds: u32,

    /// Live connections at once: 0 to 1000000; 0 lifts the limit.
    #[config(default = 100, validate(is_within(0..=1_000_000, *live_connections), "out of bounds"))]
    pub live_connections: u32,
}
