//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::settings::{Settings, Sources};

/// A self-hosted chat server for marketplaces.
#[derive(Debug, Parser)]
#[command(name = "torg", version)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a server with a demo marketplace and print how to talk to it
    Demo(DemoArguments),
    /// Start a server on a data directory, or on a database
    Serve(ServeArguments),
    /// Manage API keys
    Key {
        /// What to do with keys.
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Copy everything from an SQLite database to a PostgreSQL one; can be interrupted and run again
    MigrateStore(MigrateStoreArguments),
    /// Receive an account's pushes at the terminal, and answer them as their format asks
    Listen(ListenArguments),
    /// Print the OpenAPI document of the native API
    Openapi,
    /// Print every setting with its documentation and default, as a TOML file
    ConfigReference,
}

/// `torg demo`
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7080")]
    pub listen: SocketAddr,
    /// Keep the data here [default: a temporary folder, gone at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep everything but attachments in a PostgreSQL database, at this URL
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Write addresses and credentials to this file as JSON, once ready
    #[arg(long, value_name = "FILE")]
    pub info: Option<PathBuf>,
    /// Add a seller with 50,000 chats
    #[arg(long)]
    pub big_seller: bool,
}

/// `torg serve`
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Where the settings come from.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Where NATS is, which wakes readers on other servers of the same store; `TORG_NATS_URL` keeps a password from
    /// others on this machine
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    /// Check the settings, say what is wrong, and do not start
    #[arg(long)]
    pub check_config: bool,
}

/// The flags of every command that works on a server's data.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingsArguments {
    /// The file of settings [default: torg.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of the database and the attachments
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Where everything but attachments is kept: sqlite, or the URL of a PostgreSQL database. Others on this machine can
    /// read a command line: `TORG_STORE` keeps a password from them
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// One setting, such as ozon.enabled=false; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

/// `torg key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it; it cannot be shown again
    Create(KeyCreateArguments),
}

/// `torg key create`
#[derive(Debug, Args)]
pub struct KeyCreateArguments {
    /// Where the settings come from.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// The account that the key speaks for; without one the key is the host's, and may everything
    #[arg(long, value_name = "ID")]
    pub account: Option<i64>,
    /// The API that accepts the key, such as ozon or yandex-market [default: native, or host without an account]
    #[arg(long, value_name = "NAME")]
    pub audience: Option<String>,
    /// What the key is for, in the operator's words
    #[arg(long)]
    pub name: String,
    /// What the key may do, such as chats:read; can be repeated [default: everything its owner may]
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
}

/// `torg migrate-store`
#[derive(Debug, Args)]
pub struct MigrateStoreArguments {
    /// The database to copy, such as sqlite:data/torg.sqlite; no server may use it meanwhile
    #[arg(long, value_name = "SQLITE:PATH")]
    pub from: String,
    /// An empty database, such as `postgres://torg:password@db.internal/torg`. Others on this machine can read a command
    /// line: the variable keeps a password from them
    #[arg(long, value_name = "URL", env = "TORG_MIGRATE_TO", hide_env_values = true)]
    pub to: String,
}

/// `torg listen`
#[derive(Debug, Args)]
pub struct ListenArguments {
    /// Where the settings of the server come from.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Whose pushes; a key is made in the data directory and revoked at the end
    #[arg(long, value_name = "ID", required_unless_present = "key")]
    pub account: Option<i64>,
    /// A key of the account for the native API, instead of one that is made
    #[arg(long, value_name = "KEY", conflicts_with = "account")]
    pub key: Option<String>,
    /// In whose words: native, ozon or yandex-market
    #[arg(long, value_name = "NAME", default_value = "native")]
    pub format: String,
    /// Only pushes of this type, in the format's words; can be repeated [default: all]
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// The running server [default: where the settings say that it listens]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Address and port to receive on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The URL under which the server reaches this receiver [default: the address it receives on]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Print each push as one line
    #[arg(long)]
    pub json: bool,
}

/// The file that is read when none is named.
const USUAL_FILE: &str = "torg.toml";

impl SettingsArguments {
    /// The sources of settings, with `environment` as given by the system. Special flags weigh more than `--set`.
    pub fn sources(&self, environment: impl Iterator<Item = (String, String)>) -> Sources {
        let usual_file = PathBuf::from(USUAL_FILE);
        let mut flags = self.set.clone();
        for (name, flag) in [("data_dir", &self.data_dir), ("store", &self.store)] {
            flags.extend(flag.iter().map(|value| (name.to_owned(), value.clone())));
        }
        Sources {
            file: self.config.clone().or_else(|| usual_file.exists().then_some(usual_file)),
            environment: environment.collect(),
            flags,
        }
    }
}

impl ListenArguments {
    /// Where the server is.
    pub fn server_url(&self, settings: &Settings) -> String {
        let listens = || format!("http://{}", settings.listen);
        self.server.clone().unwrap_or_else(listens)
    }
}

impl ServeArguments {
    /// Like [`SettingsArguments::sources`], with this command's own flags.
    pub fn sources(&self, environment: impl Iterator<Item = (String, String)>) -> Sources {
        let mut sources = self.settings.sources(environment);
        sources
            .flags
            .extend(self.listen.iter().map(|address| ("listen".to_owned(), address.clone())));
        sources.flags.extend(self.nats.iter().map(|url| ("nats.url".to_owned(), url.clone())));
        sources
    }
}

/// The environment as text; variables that are not UTF-8 are nobody's settings.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn flags_become_settings() {
        let line = [
            "torg",
            "serve",
            "--config",
            "a.toml",
            "--set",
            "ozon.enabled=false",
            "--listen",
            "1.2.3.4:5",
            "--nats",
            "nats://a",
            "--store",
            "sqlite",
        ];
        let Command::Serve(arguments) = CommandLine::try_parse_from(line).unwrap().command else {
            panic!("another command");
        };
        let sources = arguments.sources(std::iter::empty());
        assert_eq!(sources.file, Some(PathBuf::from("a.toml")));
        let flag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let flags = [
            ("ozon.enabled", "false"),
            ("store", "sqlite"),
            ("listen", "1.2.3.4:5"),
            ("nats.url", "nats://a"),
        ];
        assert_eq!(sources.flags, flags.map(|(name, value)| flag(name, value)));
        assert!(CommandLine::try_parse_from(["torg", "serve", "--set", "ozon.enabled"]).is_err());
    }
}
