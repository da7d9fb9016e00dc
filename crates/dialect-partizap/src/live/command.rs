//! What clients say (Partizap contract §6.3). The socket is receive-only, so that is little: hello, and "still here".

use serde_json::{Map, Value};

/// The longest frame that a client may send, in bytes: it has to hold the `data` and `token` of a connect command, of
/// which nothing is used.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 10;

/// One line of a client's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The first command of every client.
    Connect(Connect),
    /// The answer to a ping: an empty object.
    Pong,
    /// Subscribing, publishing, history and whatever else is not offered.
    NotOffered {
        /// The number under which the client waits for an answer.
        id: u64,
    },
}

/// Hello. Token, data, name, version and headers are not needed: the session's cookie says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connect {
    /// The number under which the client waits for an answer.
    pub(crate) id: u64,
    subs: Map<String, Value>,
}

/// Where a client wants to go on in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Which stream of the channel it saw.
    pub(crate) epoch: String,
    /// The offset of the last publication that it has; 0 for none.
    pub(crate) offset: i64,
}

/// A frame that no client of the protocol sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The commands of a text frame: one JSON object a line.
pub(crate) fn commands(frame: &str) -> Result<Vec<Command>, Malformed> {
    let lines = frame.split('\n').filter(|line| !line.trim().is_empty());
    let commands: Vec<_> = lines.map(command).collect::<Result<_, _>>()?;
    if commands.is_empty() { Err(Malformed) } else { Ok(commands) }
}

fn command(line: &str) -> Result<Command, Malformed> {
    let Ok(Value::Object(mut command)) = serde_json::from_str(line) else { return Err(Malformed) };
    if command.is_empty() {
        return Ok(Command::Pong);
    }
    let id = command.get("id").and_then(Value::as_u64).filter(|&id| id > 0).ok_or(Malformed)?;
    match command.remove("connect") {
        None => Ok(Command::NotOffered { id }),
        Some(Value::Object(mut connect)) => {
            let subs = match connect.remove("subs") {
                Some(Value::Object(subs)) => subs,
                _ => Map::new(),
            };
            Ok(Command::Connect(Connect { id, subs }))
        }
        Some(_) => Err(Malformed),
    }
}

impl Connect {
    /// Where the client wants to go on in `channel`; none when it begins. An offset that no publication can have is
    /// negative.
    pub(crate) fn position(&self, channel: &str) -> Option<Position> {
        let sub = self.subs.get(channel)?;
        if sub.get("recover") != Some(&Value::Bool(true)) {
            return None;
        }
        let epoch = sub.get("epoch").and_then(Value::as_str).unwrap_or_default().to_owned();
        let offset = sub.get("offset").map_or(0, |offset| offset.as_i64().unwrap_or(-1));
        Some(Position { epoch, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(frame: &str) -> Command {
        let mut commands = commands(frame).unwrap();
        assert_eq!(commands.len(), 1, "{frame}");
        commands.remove(0)
    }

    fn connect(frame: &str) -> Connect {
        let command = only(frame);
        let Command::Connect(connect) = command else { panic!("{frame} is {command:?}") };
        connect
    }

    #[test]
    fn a_first_connect_begins_everywhere() {
        let hello = connect(r#"{"connect":{"name":"js","token":"x","data":{}},"id":1}"#);
        assert_eq!((hello.id, hello.position("personal:#42")), (1, None));
        assert_eq!(connect(r#"{"id":7,"connect":{}}"#).id, 7);
        // Of duplicate keys the last one wins, as everywhere on this wire (§7.19).
        assert_eq!(connect(r#"{"id":1,"id":2,"connect":{"subs":5}}"#).id, 2);
    }

    #[test]
    fn a_later_connect_says_where_it_was() {
        let hello = connect(
            r#"{"id":1,"connect":{"subs":{
                "a":{"recover":true,"offset":7,"epoch":"e"}, "b":{"recover":true,"epoch":"_"},
                "c":{"offset":7}, "d":{"recover":true,"offset":"7"}, "e":null
            }}}"#
                .replace('\n', " ")
                .as_str(),
        );
        let position = |epoch: &str, offset| Some(Position { epoch: epoch.to_owned(), offset });
        assert_eq!(hello.position("a"), position("e", 7));
        assert_eq!(hello.position("b"), position("_", 0));
        assert_eq!(hello.position("c"), None);
        assert_eq!(hello.position("d"), position("", -1));
        assert_eq!(hello.position("e"), None);
        assert_eq!(hello.position("f"), None);
    }

    #[test]
    fn a_frame_holds_one_command_a_line() {
        let frame = "{\"id\":2,\"subscribe\":{\"channel\":\"x\"}}\n{}\n\n{\"id\":3,\"rpc\":{}}\n";
        let expected =
            [Command::NotOffered { id: 2 }, Command::Pong, Command::NotOffered { id: 3 }];
        assert_eq!(commands(frame).unwrap(), expected);
    }

    #[test]
    fn what_no_client_sends_is_malformed() {
        for frame in [
            "",
            "\n",
            "hello",
            "[]",
            "5",
            "null",
            "{",
            "{}{}",
            r#"{"connect":{}}"#,
            r#"{"id":0,"connect":{}}"#,
            r#"{"id":-1,"connect":{}}"#,
            r#"{"id":"1","connect":{}}"#,
            r#"{"id":1.5,"connect":{}}"#,
            r#"{"id":1,"connect":null}"#,
            r#"{"id":1,"connect":[]}"#,
            r#"{"send":{"data":{}}}"#,
            "{}\nhello",
        ] {
            assert_eq!(commands(frame), Err(Malformed), "{frame}");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(commands(&format!(r#"{{"id":1,"connect":{deep}}}"#)), Err(Malformed));
    }
}
