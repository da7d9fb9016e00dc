//! The URLs that accounts name.

use std::net::IpAddr;

use reqwest::Url;

use crate::address::is_public;

/// The longest URL of a webhook, in bytes.
pub const URL_BYTES_MAX: usize = 2000;

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It has more than [`URL_BYTES_MAX`] bytes.
    #[error("the URL is longer than 2000 bytes")]
    TooLong,
    /// It is none, or a part of one.
    #[error("this is no absolute URL with a host")]
    NotAbsolute,
    /// Its scheme is another one.
    #[error("the URL begins with neither http:// nor https://")]
    NotHttp,
    /// It holds a name or a password, which would stand in logs.
    #[error("the URL holds a user name or a password")]
    HasUser,
}

/// Whether `text` is a URL that can be pushed to; whether its address is allowed is another question.
pub fn check_url(text: &str) -> Result<(), UrlProblem> {
    Target::parse(text).map(|_| ())
}

/// Where a webhook's pushes go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: Url,
}

impl Target {
    /// Reads the URL of a webhook.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlProblem> {
        if URL_BYTES_MAX < text.len() {
            return Err(UrlProblem::TooLong);
        }
        // The parser would drop or encode them; the text is stored as it is.
        if text.chars().any(char::is_control) {
            return Err(UrlProblem::NotAbsolute);
        }
        let url = Url::parse(text).map_err(|_| UrlProblem::NotAbsolute)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlProblem::NotHttp);
        }
        if !url.has_host() {
            return Err(UrlProblem::NotAbsolute);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlProblem::HasUser);
        }
        Ok(Self { url })
    }

    /// Whether it names an address that is not public. A host name may still lead to one.
    pub(crate) fn names_private_address(&self) -> bool {
        // The parser has put every way to write an address (`0x7f.1`, `2130706433`) into the usual one.
        let host = self.url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host.parse::<IpAddr>().is_ok_and(|address| !is_public(address))
    }

    /// The URL, with `path` behind its own path.
    pub(crate) fn with_path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if !path.is_empty() {
            let own = url.path().trim_end_matches('/').to_owned();
            url.set_path(&(own + path));
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_the_web_is_read() {
        for text in [
            "https://shop.example.org",
            "http://shop.example.org:8080/push?key=1",
            "HTTPS://пример.рф/путь",
            "https://8.8.8.8/",
            "https://[2a02:6b8::1]:444/",
        ] {
            assert!(!Target::parse(text).unwrap().names_private_address(), "{text}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for (text, problem) in [
            ("", UrlProblem::NotAbsolute),
            ("/push", UrlProblem::NotAbsolute),
            ("shop.example.org/push", UrlProblem::NotAbsolute),
            ("https://", UrlProblem::NotAbsolute),
            ("https://bad host/", UrlProblem::NotAbsolute),
            ("https://shop.example.org/\0", UrlProblem::NotAbsolute),
            ("ftp://shop.example.org/", UrlProblem::NotHttp),
            ("file:///etc/passwd", UrlProblem::NotHttp),
            ("gopher://shop.example.org:25/", UrlProblem::NotHttp),
            ("https://user@shop.example.org/", UrlProblem::HasUser),
            ("https://user:secret@shop.example.org/", UrlProblem::HasUser),
            ("https://:secret@shop.example.org/", UrlProblem::HasUser),
        ] {
            assert_eq!(Target::parse(text).unwrap_err(), problem, "{text}");
        }
        let url = |bytes| format!("{:a<bytes$}", "https://shop.example.org/");
        assert!(Target::parse(&url(URL_BYTES_MAX)).is_ok());
        assert_eq!(Target::parse(&url(URL_BYTES_MAX + 1)).unwrap_err(), UrlProblem::TooLong);
    }

    #[test]
    fn private_addresses_are_seen_however_they_are_written() {
        for text in [
            "http://127.0.0.1/",
            "http://127.0.0.1./",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://0/",
            "http://10.0.0.1:8080/",
            "http://169.254.169.254/latest/meta-data/",
            "http://①②⑦.0.0.1/",
            "http://%31%32%37.0.0.1/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
        ] {
            assert!(Target::parse(text).unwrap().names_private_address(), "{text}");
        }
    }

    #[test]
    fn a_formats_path_comes_behind_the_urls_own() {
        let with_path = |text| Target::parse(text).unwrap().with_path("/notification").to_string();
        assert_eq!(with_path("https://a.example"), "https://a.example/notification");
        assert_eq!(with_path("https://a.example/"), "https://a.example/notification");
        assert_eq!(
            with_path("https://a.example/hook/?k=1"),
            "https://a.example/hook/notification?k=1"
        );
        let as_it_is = Target::parse("https://a.example/hook/?k=1").unwrap().with_path("");
        assert_eq!(as_it_is.as_str(), "https://a.example/hook/?k=1");
    }
}
