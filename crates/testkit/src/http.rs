//! The HTTP client of tests.

/// A client that follows no redirects, knows no proxy and keeps no cookies.
pub fn http_client() -> reqwest::Client {
    // The client is built with TLS in the tree, and asks for a provider. The first test of a process brings it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    client.build().unwrap()
}
