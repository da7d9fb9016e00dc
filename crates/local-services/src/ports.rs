//! Ports for servers.

use std::net::TcpListener;

use rand::RngExt as _;

use crate::Error;

/// Below the ports that systems give to outgoing connections: a server that is stopped for a minute finds its port free
/// again.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 100;

/// A port of this machine's loopback that nobody listens on.
pub fn free_port() -> Result<u16, Error> {
    let mut outcome = Ok(0);
    for _ in 0..ATTEMPTS {
        let port = rand::rng().random_range(RANGE);
        outcome = TcpListener::bind(("127.0.0.1", port)).map(|_| port);
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map_err(Error::system("no free port was found"))
}
