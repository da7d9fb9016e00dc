//! Which faces the server shows, and what each takes from the settings.

use std::sync::Arc;
use std::time::Duration;

use domain::SignedDuration;
use domain::policy::{Opening, PerModel, Policy, SellerRules, Writing};
use engine::Engine;
use engine::limits::Quota;
use engine::random::Random;
use native::{KeyAudience, StreamSettings};
use webhooks::{PushFormat, Receive, WebhookRules, Webhooks};

use crate::front::Face;
use crate::settings::{
    ModelName, OzonSettings, SellerSettings, Settings, SubscriptionGate, WebUrl,
    YandexMarketSettings,
};

pub use native::{AUDIENCE as NATIVE_AUDIENCE, HOST_AUDIENCE};

/// The faces whose keys belong to an account, each with the form of key that its clients know.
fn account_audiences() -> Vec<KeyAudience> {
    let audience = |name: &str, new_secret| KeyAudience {
        name: name.to_owned(),
        new_secret,
        // On that wire alone a token reaches what its user may see; on the others a key is its account's.
        knows_shops: name == dialect_yandex_market::OAUTH_AUDIENCE,
    };
    vec![
        audience(NATIVE_AUDIENCE, native::new_secret),
        audience(dialect_ozon::AUDIENCE, dialect_ozon::new_secret),
        audience(dialect_yandex_market::AUDIENCE, dialect_yandex_market::new_secret),
        audience(dialect_yandex_market::OAUTH_AUDIENCE, dialect_yandex_market::new_secret),
    ]
}

/// Every face that accepts keys.
fn audiences() -> Vec<KeyAudience> {
    let host = KeyAudience {
        name: HOST_AUDIENCE.to_owned(),
        new_secret: native::new_host_secret,
        knows_shops: false,
    };
    account_audiences().into_iter().chain([host]).collect()
}

/// The text of a fresh key for the face with this audience, in the form its clients know; none where there is no such
/// face.
pub fn new_secret(audience: &str, random: &dyn Random) -> Option<String> {
    let known = audiences().into_iter().find(|known| known.name == audience)?;
    Some((known.new_secret)(random))
}

/// The formats of pushes, each with the way in which a receiver answers them.
pub fn receivers() -> Vec<(&'static str, Receive)> {
    vec![
        (native::PUSH_FORMAT, native::receive),
        (dialect_ozon::PUSH_FORMAT, dialect_ozon::receive),
        (dialect_yandex_market::PUSH_FORMAT, dialect_yandex_market::receive),
    ]
}

/// The names of the faces that accept keys.
pub fn audience_names() -> Vec<String> {
    audiences().into_iter().map(|audience| audience.name).collect()
}

/// The rules of the native API.
pub fn native_policy(settings: &Settings) -> Policy {
    native::policy(&native_settings(settings))
}

/// The faces that are switched on.
pub fn faces(settings: &Settings, engine: &Engine, webhooks: &Webhooks) -> Vec<Face> {
    let mut faces = vec![files(engine)];
    if settings.native.enabled {
        faces.push(native(settings, engine, webhooks));
    }
    if settings.ozon.enabled {
        faces.push(ozon(&settings.ozon, engine, webhooks));
    }
    if settings.yandex_market.enabled {
        faces.push(yandex_market(&settings.yandex_market, engine));
    }
    if settings.partizap.enabled {
        faces.push(partizap(settings, engine));
    }
    faces
}

/// In whose words webhooks can be told: those of the faces that are switched on.
pub fn push_formats(settings: &Settings, engine: &Engine) -> Vec<Arc<dyn PushFormat>> {
    let mut formats: Vec<Arc<dyn PushFormat>> = Vec::new();
    if settings.native.enabled {
        formats.push(Arc::new(native::push_format(engine)));
    }
    if settings.ozon.enabled {
        formats.push(Arc::new(dialect_ozon::push_format(engine)));
    }
    if settings.yandex_market.enabled {
        formats.push(Arc::new(dialect_yandex_market::push_format(engine)));
    }
    formats
}

/// What binds webhooks.
pub fn webhook_rules(settings: &Settings) -> WebhookRules {
    WebhookRules {
        allow_private_addresses: settings.webhooks.allow_private_addresses,
        webhooks_per_account_max: settings.webhooks.webhooks_per_account,
    }
}

/// Signed links to files, which all faces hand out.
fn files(engine: &Engine) -> Face {
    Face {
        name: "files",
        routes: http_kit::files::router(engine),
        owns: Arc::new(http_kit::files::owns),
        prefix: None,
        host: None,
    }
}

fn native(settings: &Settings, engine: &Engine, webhooks: &Webhooks) -> Face {
    Face {
        name: native::AUDIENCE,
        routes: native::router(engine, webhooks, native_settings(settings)),
        owns: Arc::new(native::owns),
        prefix: None,
        host: settings.native.host.clone(),
    }
}

fn native_settings(settings: &Settings) -> native::Settings {
    let Settings { native: settings, events, .. } = settings;
    native::Settings {
        text_chars_max: settings.text_chars_max as usize,
        file_bytes_max: settings.file_bytes_max.into(),
        quota: Quota { units: settings.requests_per_minute, window: SignedDuration::from_mins(1) },
        audiences: account_audiences(),
        seller: seller_rules(&settings.seller),
        streams: StreamSettings {
            heartbeat: Duration::from_secs(events.heartbeat_seconds.into()),
            per_key_max: settings.streams_per_key,
        },
        ..native::Settings::default()
    }
}

fn seller_rules(settings: &SellerSettings) -> SellerRules {
    let hours = |hours: u32| SignedDuration::from_hours(hours.into());
    let opening = match settings.opening_window_hours {
        0 => Opening::Always,
        window => Opening::After(hours(window)),
    };
    let opens = |models: &[ModelName]| {
        PerModel::each(
            |model| if models.contains(&model.into()) { opening } else { Opening::Never },
        )
    };
    let (answer, after_delivery) = (settings.reply_window_hours, settings.delivery_window_hours);
    let (writes, writes_elsewhere) = match (hours(answer), after_delivery) {
        _ if answer == 0 => (Writing::Always, Writing::Always),
        (answer, 0) => (Writing::AnswerWithin(answer), Writing::AnswerWithin(answer)),
        (answer, after) => {
            let windows = Writing::Windows { after_delivery: hours(after), answer };
            (windows, Writing::AnswerWithin(answer))
        }
    };
    SellerRules {
        opens_order_chat: opens(&settings.opens_order_chats),
        opens_return_chat: opens(&settings.opens_return_chats),
        opens_other_chat: settings.opens_other_chats,
        writes: PerModel::all(writes),
        writes_elsewhere,
        ..SellerRules::UNBOUND
    }
}

fn ozon(settings: &OzonSettings, engine: &Engine, webhooks: &Webhooks) -> Face {
    let dialect = dialect_ozon::Settings {
        requests_per_second: settings.requests_per_second,
        file_bytes_max: settings.file_bytes_max.into(),
        reply_window_hours: settings.reply_window_hours,
        start_window_hours: settings.start_window_hours,
        subscription_gate: match settings.subscription_gate {
            SubscriptionGate::Off => dialect_ozon::SubscriptionGate::Off,
            SubscriptionGate::Sends => dialect_ozon::SubscriptionGate::Sends,
            SubscriptionGate::SendsAndHistory => dialect_ozon::SubscriptionGate::SendsAndHistory,
        },
    };
    Face {
        name: dialect_ozon::AUDIENCE,
        routes: dialect_ozon::router(engine, webhooks, dialect),
        owns: Arc::new(dialect_ozon::owns),
        prefix: Some("/ozon"),
        host: settings.host.clone(),
    }
}

fn yandex_market(settings: &YandexMarketSettings, engine: &Engine) -> Face {
    let hourly = &settings.requests_per_hour;
    let dialect = dialect_yandex_market::Settings {
        parallel_requests: settings.parallel_requests,
        time_offset: settings.time_offset.offset(),
        requests_per_hour: dialect_yandex_market::HourlyLimits {
            create_chat: hourly.create_chat,
            get_chats: hourly.get_chats,
            get_chat: hourly.get_chat,
            get_chat_history: hourly.get_chat_history,
            get_chat_message: hourly.get_chat_message,
            send_message_to_chat: hourly.send_message_to_chat,
            send_file_to_chat: hourly.send_file_to_chat,
            get_campaigns: hourly.get_campaigns,
            get_token_info: hourly.get_token_info,
        },
    };
    Face {
        name: dialect_yandex_market::AUDIENCE,
        routes: dialect_yandex_market::router(engine, dialect),
        owns: Arc::new(dialect_yandex_market::owns),
        prefix: Some("/yandex-market"),
        host: settings.host.clone(),
    }
}

fn partizap(all: &Settings, engine: &Engine) -> Face {
    let settings = &all.partizap;
    let limits = &settings.limits;
    let in_minutes = |units, minutes| Quota { units, window: SignedDuration::from_mins(minutes) };
    let dialect = dialect_partizap::Settings {
        prefix: settings.prefix.clone(),
        secure_cookies: settings.secure_cookies,
        legacy_fields: settings.legacy_fields,
        registration: settings.registration,
        time_offset: settings.time_offset.offset(),
        allowed_origins: settings.allowed_origins.clone(),
        public_origin: all.public_url.as_ref().map(WebUrl::origin),
        echo_messages: settings.echo_messages,
        online_events: settings.online_events,
        send_time_max: all.limits.send_time_max(),
        limits: dialect_partizap::Limits {
            texts: in_minutes(limits.texts_per_minute, 1),
            images: in_minutes(limits.images_per_minute, 1),
            new_conversations: in_minutes(limits.new_conversations_per_hour, 60),
            searches: in_minutes(limits.searches_per_minute, 1),
            reads: in_minutes(limits.reads_per_minute, 1),
            logins: in_minutes(limits.logins_per_15_minutes, 15),
            verification_interval: SignedDuration::from_secs(
                limits.verification_interval_seconds.into(),
            ),
            live_connections: limits.live_connections,
        },
        ..dialect_partizap::Settings::default()
    };
    let owner = dialect.clone();
    Face {
        name: "partizap",
        routes: dialect_partizap::router(engine, dialect),
        owns: Arc::new(move |path| owner.owns(path)),
        prefix: Some("/partizap"),
        host: settings.host.clone(),
    }
}
