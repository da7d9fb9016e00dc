//! A way to a server that can be cut.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Listens on a port of its own and leads to another one of this machine, while it is open.
pub(super) struct Gate {
    address: SocketAddr,
    state: watch::Sender<State>,
    listening: JoinHandle<()>,
}

/// What happens to what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It passes.
    Open,
    /// Connections break, and no new ones are made.
    Shut,
    /// Nothing passes, and nobody is told: as when a cable is pulled.
    Silent,
}

impl Gate {
    /// An open gate to this port.
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Open);
        let listening = tokio::spawn(async move {
            loop {
                let (inside, _) = listener.accept().await.unwrap();
                if *seen.borrow() != State::Shut {
                    tokio::spawn(lead(inside, port, seen.clone()));
                }
            }
        });
        Self { address, state, listening }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn lead(mut inside: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    let Ok(mut outside) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    loop {
        let now = *state.borrow_and_update();
        let passing = async {
            match now {
                State::Open => {
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                }
                State::Silent => tokio::time::sleep(Duration::MAX).await,
                State::Shut => {}
            }
        };
        tokio::select! {
            () = passing => return,
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}
