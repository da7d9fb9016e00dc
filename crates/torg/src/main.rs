//! The `torg` binary: reads the command line and hands over.

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Runtime;
use torg::cli::{
    Command, CommandLine, DemoArguments, KeyCommand, KeyCreateArguments, ListenArguments,
    MigrateStoreArguments, ServeArguments, environment,
};
use torg::server::{Server, Surroundings};
use torg::settings::Sources;
use torg::{demo, keys, listen, migrate_store, settings, stop_signal, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Only the first one counts; there is none before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_line(&mut std::io::stderr(), &format!("torg: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(arguments) => demo(&arguments),
        Command::Serve(arguments) => serve(&arguments),
        Command::Key { command: KeyCommand::Create(arguments) } => create_key(&arguments),
        Command::Listen(arguments) => listen(&arguments),
        Command::MigrateStore(arguments) => migrate_store(&arguments),
        Command::Openapi => {
            let document = native::openapi().to_pretty_json()?;
            write_line(&mut std::io::stdout(), &document);
            Ok(())
        }
        Command::ConfigReference => {
            write_line(&mut std::io::stdout(), settings::reference().trim_end());
            Ok(())
        }
    }
}

fn demo(arguments: &DemoArguments) -> anyhow::Result<()> {
    telemetry::start_logs(&settings::load(&Sources::default())?.log);
    Runtime::new()?.block_on(async {
        let stop = stop_signal::on_signals()?;
        demo::run(arguments, stop, |text| write_line(&mut std::io::stdout(), text)).await
    })
}

fn serve(arguments: &ServeArguments) -> anyhow::Result<()> {
    let settings = settings::load(&arguments.sources(environment()))?;
    if arguments.check_config {
        write_line(&mut std::io::stdout(), "the settings are right");
        return Ok(());
    }
    telemetry::start_logs(&settings.log);
    Runtime::new()?.block_on(async {
        let stop = stop_signal::on_signals()?;
        let server = Server::start(&settings, Surroundings::of_this_machine()).await?;
        stop.cancelled().await;
        server.stop().await
    })
}

fn listen(arguments: &ListenArguments) -> anyhow::Result<()> {
    let settings = settings::load(&arguments.settings.sources(environment()))?;
    telemetry::start_logs(&settings.log);
    Runtime::new()?.block_on(async {
        let stop = stop_signal::on_signals()?;
        let print = |text: &str| write_line(&mut std::io::stdout(), text);
        listen::run(arguments, &settings, Surroundings::of_this_machine(), stop, print).await
    })
}

fn migrate_store(arguments: &MigrateStoreArguments) -> anyhow::Result<()> {
    telemetry::start_logs(&settings::load(&Sources::default())?.log);
    let print = |text: &str| write_line(&mut std::io::stdout(), text);
    Runtime::new()?.block_on(migrate_store::run(arguments, print))
}

fn create_key(arguments: &KeyCreateArguments) -> anyhow::Result<()> {
    let settings = settings::load(&arguments.settings.sources(environment()))?;
    let made = keys::create(arguments, &settings, Surroundings::of_this_machine());
    let secret = Runtime::new()?.block_on(made)?;
    write_line(&mut std::io::stdout(), &secret);
    Ok(())
}

/// Writes to a stream that may be closed, as by `torg config-reference | head`; then there is nobody to tell.
fn write_line(stream: &mut impl std::io::Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}
