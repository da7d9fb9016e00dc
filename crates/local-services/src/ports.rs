//! Ports for servers.

use std::net::{Ipv4Addr, SocketAddr};

use rand::RngExt as _;
use socket2::{Domain, Socket, Type};

use crate::Error;

/// Below the ports that systems give to outgoing connections.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 100;

/// A port of this machine's loopback that nobody listens on, kept from other [`ReservedPort`]s while this lives: a server
/// that is stopped for a minute finds its port free again.
///
/// Servers that set `SO_REUSEADDR`, as nearly all do, may listen on it.
pub struct ReservedPort {
    number: u16,
    /// Bound, but not listening.
    _socket: Socket,
}

impl ReservedPort {
    /// Finds one.
    pub fn find() -> Result<Self, Error> {
        let mut outcome = Self::reserve(rand::rng().random_range(RANGE));
        for _ in 1..ATTEMPTS {
            if outcome.is_ok() {
                break;
            }
            outcome = Self::reserve(rand::rng().random_range(RANGE));
        }
        outcome.map_err(Error::system("no free port was found"))
    }

    fn reserve(number: u16) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // Without SO_REUSEADDR a port that is reserved counts as taken; with it the server may have it beside this.
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, number)).into())?;
        socket.set_reuse_address(true)?;
        Ok(Self { number, _socket: socket })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_is_its_servers_alone_again_and_again() {
        let port = ReservedPort::find().unwrap();
        for _ in 0..2 {
            assert!(ReservedPort::reserve(port.number()).is_err());
            let address = (Ipv4Addr::LOCALHOST, port.number());
            let server = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(address).unwrap();
            // The server ends first, so that its end of the connection lingers.
            drop(server.accept().unwrap());
            drop((server, client));
        }
        let number = port.number();
        drop(port);
        // What lingers is no reservation for a server, only for whoever looks for a port.
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
    }
}
