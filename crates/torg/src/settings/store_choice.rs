//! Which database, and what of its URL may be shown.

use std::fmt;

use serde::Deserialize;

use super::secrets::without_secrets;

/// Where everything but attachments is kept.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreChoice {
    /// In a file of the data directory.
    Sqlite,
    /// In a PostgreSQL database, at this URL.
    Postgres(String),
}

impl TryFrom<String> for StoreChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let after_scheme =
            ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match after_scheme {
            Some(rest) if !rest.is_empty() => {
                store::postgres::check_url(&text)?;
                Ok(Self::Postgres(text))
            }
            None if text == "sqlite" => Ok(Self::Sqlite),
            Some(_) | None => Err("neither sqlite nor a URL of PostgreSQL".to_owned()),
        }
    }
}

/// As the setting is written, without the secrets of a URL.
impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("sqlite"),
            Self::Postgres(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_sqlite_or_a_url_of_postgresql() {
        let read = |text: &str| StoreChoice::try_from(text.to_owned());
        assert_eq!(read("sqlite"), Ok(StoreChoice::Sqlite));
        for url in ["postgres://torg@localhost/torg", "postgresql://a,b:5433/torg"] {
            assert_eq!(read(url), Ok(StoreChoice::Postgres(url.to_owned())));
        }
        for wrong in ["", "SQLite", "postgres", "postgres://", "mysql://localhost/torg"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for (option, url) in [
            ("sslmode", "postgres://torg:hush@db/torg?sslmode=verify-full"),
            ("port", "postgres://torg:hush@db:port/torg"),
        ] {
            let reason = read(url).unwrap_err();
            assert!(reason.contains(option) && !reason.contains("hush"), "{reason}");
        }
        let shown = read("postgres://torg:hush@db.example/torg").unwrap();
        assert_eq!(format!("{shown} {shown:?}").matches("hush").count(), 0);
        assert!(shown.to_string().ends_with("@db.example/torg"), "{shown}");
    }
}
