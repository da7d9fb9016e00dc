use std::io::Write as _;

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn loaded(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Settings, SettingsProblems> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    load(&Sources {
        file: Some(written.path().to_owned()),
        environment: pairs(environment),
        flags: pairs(flags),
    })
}

fn refusal(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    loaded(file, environment, flags).expect_err("accepted").to_string()
}

#[test]
fn the_defaults_are_those_of_the_contracts() {
    let settings = load(&Sources::default()).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.store, StoreChoice::Sqlite);
    assert_eq!(
        (settings.ozon.requests_per_second, settings.ozon.subscription_gate),
        (50, SubscriptionGate::Sends)
    );
    assert_eq!((settings.ozon.reply_window_hours, settings.ozon.start_window_hours), (48, 72));
    assert_eq!(settings.yandex_market.requests_per_hour.get_chats, 5000);
    assert_eq!(settings.yandex_market.time_offset.offset(), jiff::tz::offset(3));
    assert_eq!(settings.partizap.prefix, "/api");
    assert!(settings.partizap.secure_cookies && !settings.partizap.legacy_fields);
    assert_eq!(settings.native.host, None);
}

#[test]
fn flags_weigh_more_than_the_environment_and_it_more_than_the_file() {
    let file = "data_dir = 'file'\n[ozon]\nrequests_per_second = 1\nfile_bytes_max = 1\nreply_window_hours = 1";
    let environment = [
        ("TORG_OZON_FILE_BYTES_MAX", "2"),
        ("TORG_OZON_REPLY_WINDOW_HOURS", "2"),
        ("PATH", "/bin"),
    ];
    let flags = [("ozon.reply_window_hours", "3"), ("data_dir", "a"), ("data_dir", "b")];
    let settings = loaded(file, &environment, &flags).unwrap();
    let ozon = &settings.ozon;
    assert_eq!((ozon.requests_per_second, ozon.file_bytes_max, ozon.reply_window_hours), (1, 2, 3));
    assert_eq!(settings.data_dir, PathBuf::from("b"));
}

#[test]
fn a_password_is_never_shown() {
    let flags =
        [("nats.url", "tls://torg:s3cret@nats.example"), ("store", "postgres://localhost/torg")];
    let settings = loaded("", &[], &flags).unwrap();
    assert!(format!("{settings:?}").contains("tls://nats.example"));
    assert!(!format!("{settings:?}").contains("s3cret"));
    let refusal = refusal("", &[], &[("nats.url", "http://torg:s3cret@nats.example")]);
    assert!(refusal.contains("nats.url") && refusal.contains("not a URL such as"), "{refusal}");
    assert!(!refusal.contains("s3cret"), "{refusal}");
}

#[test]
fn nats_is_for_servers_that_share_a_database() {
    let refusal = refusal("", &[], &[("nats.url", "nats://nats.example")]);
    assert!(refusal.contains("nats.url") && refusal.contains("'store' is sqlite"), "{refusal}");
}

#[test]
fn a_subject_prefix_has_no_wildcards() {
    for (prefix, is_good) in [
        ("torg", true),
        ("shop-1.torg_2", true),
        ("", false),
        ("a..b", false),
        ("a.*", false),
        (">", false),
    ] {
        let loaded = loaded("", &[], &[("nats.subject_prefix", prefix)]);
        assert_eq!(loaded.is_ok(), is_good, "{prefix}");
    }
}

#[test]
fn a_value_outside_the_file_may_be_bare() {
    let environment = [
        ("TORG_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("TORG_PARTIZAP_ALLOWED_ORIGINS", r#"["https://a.example"]"#),
        ("TORG_OZON_ENABLED", "false"),
        ("TORG_PUBLIC_URL", "https://chat.example.com/"),
        ("TORG_OZON_SUBSCRIPTION_GATE", "sends_and_history"),
        ("TORG_DATA_DIR", "2026"),
        ("TORG_LISTEN", "0.0.0.0:0"),
        ("TORG_SERVICE_HOST", "10.0.0.1"),
        ("TORG_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("TORG_TEST_POSTGRES", "postgres://localhost/test"),
        ("TORG_MIGRATE_TO", "postgres://localhost/torg"),
        ("TORG_STORE", "postgres://localhost/torg"),
    ];
    let settings = loaded("", &environment, &[("partizap.prefix", "")]).unwrap();
    assert_eq!(settings.trusted_proxies.len(), 2);
    assert_eq!(settings.partizap.allowed_origins, ["https://a.example"]);
    assert!(!settings.ozon.enabled);
    assert_eq!(settings.public_url.unwrap().as_str(), "https://chat.example.com");
    assert_eq!(settings.ozon.subscription_gate, SubscriptionGate::SendsAndHistory);
    assert_eq!(settings.data_dir, PathBuf::from("2026"));
    assert_eq!(settings.partizap.prefix, "");
    assert_eq!(settings.store, StoreChoice::Postgres("postgres://localhost/torg".to_owned()));
}

const KEY: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "shared"), ("AWS_SECRET_ACCESS_KEY", "the shared secret")];

#[test]
fn attachments_lie_in_a_folder_or_a_bucket() {
    let folder = |file: &str| {
        let settings = loaded(file, &[], &[]).unwrap();
        settings.attachments.folder(&settings.data_dir).unwrap()
    };
    assert_eq!(folder("data_dir = '/srv'"), PathBuf::from("/srv/attachments"));
    assert_eq!(
        folder("[attachments]\nurl = 'file:///srv/my%20files'"),
        PathBuf::from("/srv/my files")
    );

    let file = "[attachments]\nurl = 's3://files/shop/one/'\nendpoint = 'https://storage.example/'";
    let settings = loaded(file, &[("AWS_REGION", "ru-central1"), KEY[0], KEY[1]], &[]).unwrap();
    assert_eq!(settings.attachments.folder(&settings.data_dir), None);
    let bucket = settings.attachments.bucket().unwrap();
    assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), ("files", "shop/one"));
    assert_eq!(bucket.endpoint.as_deref(), Some("https://storage.example"));
    assert_eq!((bucket.region.as_str(), bucket.path_style), ("ru-central1", true));
    assert_eq!((bucket.key.id.as_str(), bucket.key.secret.as_str()), (KEY[0].1, KEY[1].1));
}

#[test]
fn the_shared_key_of_the_machine_is_for_buckets_without_a_key_of_their_own() {
    let own = "[attachments]\nurl = 's3://files'\naccess_key_id = 'own'\nsecret_access_key = 'own'";
    let bucket = loaded(own, &KEY, &[]).unwrap().attachments.bucket().unwrap();
    assert_eq!((bucket.key.id.as_str(), bucket.region.as_str()), ("own", "us-east-1"));
    assert_eq!(loaded("", &KEY, &[]).unwrap(), load(&Sources::default()).unwrap());
    let half = "[attachments]\nurl = 's3://files'\naccess_key_id = 'own'";
    assert!(refusal(half, &KEY, &[]).contains("attachments.secret_access_key"));
}

#[test]
fn settings_of_attachments_that_do_not_go_together_are_refused() {
    let cases = [
        ("endpoint = 'https://a.example'", "attachments.url"),
        ("url = 'file:///srv'\nregion = 'here'", "attachments.region"),
        ("url = 's3://files'", "AWS_ACCESS_KEY_ID"),
        (
            "url = 's3://files'\nendpoint = 'http://a.example'\naccess_key_id = 'a'\nsecret_access_key = 'b'",
            "attachments.allow_http",
        ),
        ("url = 's3://'", "name of a bucket"),
        ("url = 's3://key:secret@files'", "name of a bucket"),
        ("url = 's3://files/../up'", "prefix"),
        ("url = 'file://srv'", "absolute path"),
        ("url = '/srv'", "neither"),
        ("region = 'a b'", "not a region"),
    ];
    for (settings, reason) in cases {
        let refusal = refusal(&format!("[attachments]\n{settings}"), &[], &[]);
        assert!(refusal.contains(reason), "{settings}: {refusal}");
    }
}

#[test]
fn a_secret_is_shown_to_nobody() {
    let secret = ("TORG_ATTACHMENTS_SECRET_ACCESS_KEY", "hush");
    let environment =
        [("TORG_ATTACHMENTS_URL", "s3://files"), ("TORG_ATTACHMENTS_ACCESS_KEY_ID", "a"), secret];
    let settings = loaded("", &environment, &[]).unwrap();
    assert_eq!(settings.attachments.bucket().unwrap().key.secret, "hush");
    assert!(!format!("{settings:?}").contains("hush"));
    assert!(!format!("{:?}", settings.attachments.bucket()).contains("hush"));
    for wrong in ["secret_access_key = 4711", "secret_access_key = ['4711']"] {
        let refusal = refusal(&format!("[attachments]\n{wrong}"), &[], &[]);
        assert!(refusal.contains("attachments.secret_access_key"), "{refusal}");
        assert!(!refusal.contains("'4711'") && !refusal.contains("= 4711"), "{refusal}");
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_names_that_exist() {
    let cases = [
        refusal("lisen = '127.0.0.1:1'", &[], &[]),
        refusal("[log]\ncolour = true", &[], &[]),
        refusal("[ozonn]\nenabled = true", &[], &[]),
        refusal("", &[("TORG_LISEN", "127.0.0.1:1")], &[]),
        refusal("", &[], &[("log.colour", "true")]),
        refusal("", &[], &[("log", "true")]),
    ];
    let expected = [
        ("'lisen'", "listen"),
        ("'log.colour'", "format, level"),
        ("'ozonn'", "ozon"),
        ("TORG_LISEN", "listen"),
        ("'log.colour'", "format, level"),
        ("'log'", "format, level"),
    ];
    for (refusal, (name, allowed)) in cases.iter().zip(expected) {
        assert!(refusal.contains("unknown setting") && refusal.contains(name), "{refusal}");
        assert!(refusal.contains(allowed), "{refusal}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_name_the_value_and_what_is_allowed() {
    let cases = [
        ("listen = 'localhost'", "'listen' = \"localhost\"", "Address and port"),
        ("public_url = 'chat.example.com'", "chat.example.com", "http or https URL"),
        ("trusted_proxies = ['10.0.0.0/33']", "10.0.0.0/33", "addresses or blocks"),
        ("log.format = 'xml'", "'log.format' = \"xml\"", "\"json\" for machines"),
        ("log.level = 'loud=very'", "loud=very", "\"debug\""),
        ("store = 'mysql'", "'store' = \"mysql\"", "postgres://USER"),
        ("limits.connections = 0", "'limits.connections' = 0", "1 to 1000000"),
        ("limits.connections = -1", "'limits.connections' = -1", "1 to 1000000"),
        ("ozon.enabled = 'yes'", "'ozon.enabled' = \"yes\"", "true or false"),
        ("ozon.host = 'http://a.example'", "http://a.example", "without port"),
        ("ozon.host = 'a.example:80'", "a.example:80", "without port"),
        ("ozon.subscription_gate = 'on'", "\"on\"", "sends_and_history"),
        ("ozon.reply_window_hours = 1.5", "= 1.5", "1 to 87600"),
        ("yandex_market.time_offset = 'Moscow'", "Moscow", "+23:59"),
        ("yandex_market.time_offset = '+24:00'", "+24:00", "+23:59"),
        ("yandex_market.requests_per_hour = 5", "= 5", "Requests per hour"),
        ("partizap.prefix = 'api/'", "api/", "\"/api\""),
        (
            "partizap.allowed_origins = ['https://a.example/']",
            "https://a.example/",
            "Origins of other sites",
        ),
        ("ozon = 5", "'ozon' = 5", "Ozon Seller API"),
    ];
    for (file, value, allowed) in cases {
        let refusal = refusal(file, &[], &[]);
        assert!(refusal.contains(value) && refusal.contains(allowed), "{file}: {refusal}");
    }
}

#[test]
fn a_refusal_says_where_the_value_stands() {
    let variable = refusal("", &[("TORG_OZON_ENABLED", "maybe")], &[]);
    assert!(variable.contains("TORG_OZON_ENABLED") && variable.contains("\"maybe\""), "{variable}");
    let flag = refusal("", &[], &[("limits.connections", "many")]);
    assert!(flag.contains("(flag)") && flag.contains("\"many\""), "{flag}");
    let all = refusal("lisen = 1\nozon.enabled = 2", &[("TORG_LOG_LEVEL", "=")], &[]);
    assert_eq!(all.lines().count(), 3, "{all}");
}

#[test]
fn a_refusal_shows_no_password() {
    let url = "mysql://torg:hush@db.example/torg";
    for refusal in [
        refusal(&format!("store = '{url}'"), &[], &[]),
        refusal(&format!("store = '{url}"), &[], &[]),
        refusal("", &[("TORG_STORE", url)], &[]),
        refusal("", &[], &[("store", url)]),
        refusal("", &[], &[("listen", url)]),
    ] {
        assert!(!refusal.contains("hush") && refusal.contains("db.example"), "{refusal}");
    }
}

#[test]
fn a_missing_or_broken_file_is_refused() {
    let sources =
        Sources { file: Some(PathBuf::from("/nonexistent/torg.toml")), ..Sources::default() };
    assert!(load(&sources).unwrap_err().to_string().contains("/nonexistent/torg.toml"));
    assert!(refusal("listen = ", &[], &[]).contains("line 1"));
}

#[test]
fn two_faces_cannot_share_a_host() {
    let refusal = refusal("ozon.host = 'a.example'\npartizap.host = 'A.example'", &[], &[]);
    assert!(refusal.contains("A.example"), "{refusal}");
}

#[test]
fn the_reference_file_is_the_code_s() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../torg.example.toml");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(written == reference(), "run: cargo run -- config-reference > torg.example.toml");
}

#[test]
fn the_origin_of_a_url_ends_before_its_path() {
    for (url, origin) in [
        ("https://chat.example", "https://chat.example"),
        ("https://chat.example/", "https://chat.example"),
        ("http://chat.example:8080/torg/one", "http://chat.example:8080"),
        ("http://[::1]:8080/torg", "http://[::1]:8080"),
    ] {
        assert_eq!(WebUrl::try_from(url.to_owned()).unwrap().origin(), origin, "{url}");
    }
}
