//! The HTTP client of tests.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// A client that follows no redirects, knows no proxy and keeps no cookies. It trusts no certificate: tests speak plain
/// HTTP, also on machines without root certificates.
pub fn http_client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.unwrap().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    client.redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}
