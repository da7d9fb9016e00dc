//! Whose pages may open a connection. Browsers send the session's cookie along whatever page asks, and no CSRF token
//! protects an upgrade, so the page's origin decides (Partizap contract §6.3, §7.13).

use std::str::FromStr as _;

use http::uri::Authority;
use http::{HeaderMap, header};

/// Whether the request comes from a page of the site itself, of one of `others`, or from no page at all: programs other
/// than browsers send no `Origin`, and nobody else's cookies.
pub(crate) fn is_welcome<'o>(
    headers: &HeaderMap,
    others: impl IntoIterator<Item = &'o str>,
) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let is_alone = origins.next().is_none();
    let is_listed = others.into_iter().any(|other| origin.eq_ignore_ascii_case(other));
    is_alone && (is_listed || is_of_host(origin, headers))
}

/// Whether the page comes from the host that it asks now. The scheme is not compared: a proxy that ends TLS hides it.
fn is_of_host(origin: &str, headers: &HeaderMap) -> bool {
    let host =
        headers.get(header::HOST).and_then(|host| Authority::from_str(host.to_str().ok()?).ok());
    let (Some(host), Some((scheme, of_page))) = (host, parts(origin)) else { return false };
    let default_port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    host.host().eq_ignore_ascii_case(of_page.host()) && port(&host) == port(&of_page)
}

fn parts(origin: &str) -> Option<(&str, Authority)> {
    let (scheme, authority) = origin.split_once("://")?;
    let authority = Authority::from_str(authority).ok()?;
    (!authority.as_str().contains('@')).then_some((scheme, authority))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(origins: &[&'static str], host: &'static str, welcome: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_static(origin));
        }
        let others = ["https://market.example", "http://localhost:5173"];
        assert_eq!(is_welcome(&headers, others), welcome, "{origins:?} at {host}");
    }

    #[test]
    fn pages_of_the_site_are_welcome() {
        check(&["https://chat.example"], "chat.example", true);
        check(&["https://Chat.Example"], "chat.example:443", true);
        check(&["http://chat.example:8080"], "chat.example:8080", true);
        check(&["http://127.0.0.1:8080"], "127.0.0.1:8080", true);
        check(&["http://[::1]:8080"], "[::1]:8080", true);
    }

    #[test]
    fn pages_of_other_sites_are_welcome_if_they_are_listed() {
        check(&["https://market.example"], "chat.example", true);
        check(&["http://localhost:5173"], "chat.example", true);
        check(&["http://market.example"], "chat.example", false);
        check(&["http://localhost:5174"], "chat.example", false);
        check(&["https://evil.example"], "chat.example", false);
        check(&["https://chat.example.evil.example"], "chat.example", false);
        check(&["https://chat.example:444"], "chat.example", false);
        check(&["https://evil.example@chat.example"], "chat.example", false);
    }

    #[test]
    fn no_page_is_welcome_and_a_strange_one_is_not() {
        check(&[], "chat.example", true);
        check(&["null"], "chat.example", false);
        check(&[""], "chat.example", false);
        check(&["https://chat.example", "https://chat.example"], "chat.example", false);
        check(&["https://chat.example/"], "chat.example", false);
    }
}
