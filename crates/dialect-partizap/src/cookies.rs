//! The two cookies: the session, and the CSRF token that scripts read (Partizap contract §2.1).

use engine::sessions::SESSION_LIFE;
use http::{HeaderMap, HeaderValue, header};

/// Name of the session's cookie.
pub(crate) const SESSION: &str = "PARTIZAP_SESSION";
/// Name of the cookie that scripts repeat in a header.
pub(crate) const CSRF_TOKEN: &str = "CSRF_TOKEN";

/// The value of the request's first cookie called `name`.
pub(crate) fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        // A neighbour's cookie may hold any bytes; browsers send what a script has set.
        .flat_map(|list| list.as_bytes().split(|&byte| byte == b';'))
        .filter_map(|cookie| cookie.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .find_map(|value| Some(std::str::from_utf8(value).ok()?.trim_matches('"')))
}

/// Gives a browser the session `token` and its CSRF token, for as long as an unused session lives.
pub(crate) fn set(headers: &mut HeaderMap, token: &str, csrf_token: &str, secure: bool) {
    let life_seconds = SESSION_LIFE.as_secs();
    append(headers, SESSION, token, life_seconds, "; HttpOnly", secure);
    append(headers, CSRF_TOKEN, csrf_token, life_seconds, "", secure);
}

/// Takes both cookies away from a browser.
pub(crate) fn clear(headers: &mut HeaderMap, secure: bool) {
    append(headers, SESSION, "", 0, "; HttpOnly", secure);
    append(headers, CSRF_TOKEN, "", 0, "", secure);
}

fn append(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
    life_seconds: i64,
    http_only: &str,
    secure: bool,
) {
    let secure = if secure { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={life_seconds}{http_only}{secure}; SameSite=Lax");
    // Tokens are URL-safe text; one that the marketplace brought came in as a cookie and fits into one.
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_in_any_of_several_headers() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; XCSRF_TOKEN=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("CSRF_TOKEN=\"3\";CSRF_TOKEN=4"));
        assert_eq!(find(&headers, CSRF_TOKEN), Some("3"));
        assert_eq!(find(&headers, "a"), Some("1"));
        assert_eq!(find(&headers, SESSION), None);
    }

    #[test]
    fn a_neighbour_with_strange_bytes_hides_no_cookie() {
        let mut headers = HeaderMap::new();
        let cookies = HeaderValue::from_bytes(b"city=\xd0\x9e\xff; PARTIZAP_SESSION=1").unwrap();
        headers.append(header::COOKIE, cookies);
        assert_eq!(find(&headers, SESSION), Some("1"));
    }

    #[test]
    fn only_the_session_is_kept_from_scripts() {
        let mut headers = HeaderMap::new();
        set(&mut headers, "s", "c", true);
        let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(
            cookies,
            [
                "PARTIZAP_SESSION=s; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
                "CSRF_TOKEN=c; Path=/; Max-Age=2592000; Secure; SameSite=Lax",
            ]
        );
        let mut headers = HeaderMap::new();
        clear(&mut headers, false);
        let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(
            cookies,
            [
                "PARTIZAP_SESSION=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
                "CSRF_TOKEN=; Path=/; Max-Age=0; SameSite=Lax",
            ]
        );
    }
}
