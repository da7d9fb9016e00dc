//! As much of an XMPP client (RFC 6120) as sends messages and waits for their acknowledgement.

use std::net::SocketAddr;

use data_encoding::BASE64;
use local_services::Ejabberd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::load::Client;

/// What follows a message: the question whether it was handled.
const ACKNOWLEDGE: &str = "<r xmlns='urn:xmpp:sm:3'/>";

/// Somebody who is connected.
pub(super) struct Session {
    socket: TcpStream,
    answer: Vec<u8>,
    /// Stanzas that were sent since acknowledgements were agreed on.
    sent: u64,
}

/// The stanza by which `text` is sent to an account, and the question whether it was handled.
pub(super) fn message(account: i64, text: &str) -> Vec<u8> {
    let host = Ejabberd::HOST;
    format!("<message to='account{account}@{host}' type='chat'><body>{text}</body></message>{ACKNOWLEDGE}")
        .into_bytes()
}

impl Session {
    /// Connects to the server at `address` as an account.
    pub(super) async fn open(
        address: SocketAddr,
        account: usize,
        password: &str,
    ) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let mut this = Self { socket, answer: Vec::new(), sent: 0 };
        this.begin_stream().await?;
        let credential = BASE64.encode(format!("\0account{account}\0{password}").as_bytes());
        let login = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{credential}</auth>"
        );
        this.say(&login, "<success").await?;
        this.begin_stream().await?;
        let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
        this.say(bind, "type='result'").await?;
        this.say("<enable xmlns='urn:xmpp:sm:3'/>", "<enabled").await?;
        Ok(this)
    }

    async fn begin_stream(&mut self) -> anyhow::Result<()> {
        let header = format!(
            "<stream:stream to='{}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
            Ejabberd::HOST
        );
        self.say(&header, "</stream:features>").await
    }

    async fn say(&mut self, words: &str, wanted: &str) -> anyhow::Result<()> {
        self.talk(words.as_bytes(), |answer| answer.contains(wanted)).await
    }

    /// Sends, and reads until the answer is complete.
    async fn talk(
        &mut self,
        words: &[u8],
        is_complete: impl Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        self.socket.write_all(words).await?;
        self.answer.clear();
        loop {
            let count = self.socket.read_buf(&mut self.answer).await?;
            let answer = String::from_utf8_lossy(&self.answer);
            let is_refused = answer.contains("error") || answer.contains("<fail");
            anyhow::ensure!(count != 0 && !is_refused, "refused: {answer}");
            if is_complete(&answer) {
                return Ok(());
            }
        }
    }
}

impl Client for Session {
    /// A [`message`]. Its answer is how many stanzas were handled, which must be all of them.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.sent += 1;
        let handled = format!("<a h='{}'", self.sent);
        self.talk(request, |answer| answer.contains(&handled) && answer.ends_with("/>")).await
    }
}
