//! TLS of the connections that this server makes: one provider (ring), and one answer to whom it believes.
//!
//! It must never be told to believe everybody.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// TLS by ring, believing in the root certificates of the machine; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
///
/// A machine without any is warned about: plain connections work, and every TLS handshake will fail.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        tracing::warn!("this machine has no root certificates: connections with TLS fail");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
