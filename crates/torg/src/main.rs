//! The `torg` binary: reads the command line and hands over.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use engine::clock::SystemClock;
use engine::random::SystemRandom;
use torg::cli::{Command, CommandLine, ServeArguments, environment};
use torg::server::{Server, Surroundings};
use torg::{settings, stop_signal, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
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
        Command::Serve(arguments) => serve(&arguments),
        Command::ConfigReference => {
            write_line(&mut std::io::stdout(), settings::reference().trim_end());
            Ok(())
        }
        Command::Openapi => {
            write_line(&mut std::io::stdout(), &native::openapi().to_pretty_json()?);
            Ok(())
        }
        Command::Demo(_) | Command::Key { .. } => {
            anyhow::bail!("this command is not built yet")
        }
    }
}

fn serve(arguments: &ServeArguments) -> anyhow::Result<()> {
    let settings = settings::load(&arguments.sources(environment()))?;
    if arguments.check_config {
        write_line(&mut std::io::stdout(), "the settings are right");
        return Ok(());
    }
    telemetry::start_logs(&settings.log);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let stop = stop_signal::on_signals()?;
        let surroundings =
            Surroundings { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) };
        let server = Server::start(&settings, surroundings).await?;
        stop.cancelled().await;
        server.stop().await
    })
}

/// Writes to a stream that may be closed, as by `torg config-reference | head`; then there is nobody to tell.
fn write_line(stream: &mut impl std::io::Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}
