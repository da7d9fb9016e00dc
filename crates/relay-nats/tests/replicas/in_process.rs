//! A relay between engines of one process, which can be cut.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::relay::{News, Relay, RelayState, Traffic};
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

/// What the relays of one test have between them.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<Vec<Line>>>);

struct Line {
    state: watch::Receiver<RelayState>,
    news: mpsc::UnboundedSender<News>,
}

/// One end.
pub(crate) struct InProcess {
    network: Network,
    place: usize,
    state: watch::Sender<RelayState>,
    heard: AsyncMutex<mpsc::UnboundedReceiver<News>>,
}

impl Network {
    pub(crate) fn join(&self) -> Arc<InProcess> {
        let (news, heard) = mpsc::unbounded_channel();
        let state = watch::Sender::new(RelayState::Connected);
        let mut lines = self.0.lock().unwrap();
        lines.push(Line { state: state.subscribe(), news });
        let (network, place) = (self.clone(), lines.len() - 1);
        Arc::new(InProcess { network, place, state, heard: AsyncMutex::new(heard) })
    }
}

impl InProcess {
    pub(crate) fn cut(&self) {
        self.state.send_replace(RelayState::Away);
    }

    pub(crate) fn mend(&self) {
        self.state.send_replace(RelayState::Connected);
    }
}

#[async_trait]
impl Relay for InProcess {
    fn tell(&self, news: News) {
        if *self.state.borrow() != RelayState::Connected {
            return;
        }
        for (place, line) in self.network.0.lock().unwrap().iter().enumerate() {
            if place != self.place && *line.state.borrow() == RelayState::Connected {
                // Nobody may be left there.
                let _ = line.news.send(news.clone());
            }
        }
    }

    async fn hear(&self) -> News {
        self.heard.lock().await.recv().await.unwrap()
    }

    fn state(&self) -> watch::Receiver<RelayState> {
        self.state.subscribe()
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    async fn close(&self) {}
}
