//! From the arguments of the process to a command that runs: parsing, settings, logs, app, exit code.
//!
//! Everything that can be wrong about the command line or a setting is found here, before anything is
//! connected.

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use clap::{ColorChoice, CommandFactory, FromArgMatches};
use taskq_core::{app::AppBuilder, config::Sources};
use tokio::runtime;

use crate::{
    cli::{Cli, Command, Exit, Failure, Global, LogArgs, Output, Session, SettingFlag},
    spans::Spans,
    telemetry::{LogLevel, Logging},
};

/// How long threads that still block may hold up the end of the program.
const LINGER: Duration = Duration::from_millis(500);

/// Runs on a runtime of its own.
pub(crate) fn main(builder: AppBuilder) -> ExitCode {
    let runtime = match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(builder, std::env::args_os()));
    runtime.shutdown_timeout(LINGER);
    code
}

/// Parses `args`, the program's name first, and runs the command.
pub(crate) async fn run(builder: AppBuilder, args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let program = program_name(&args);
    let cli = match parse(&program, &args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" to clap; it knows which stream and code each gets.
            let code = if error.use_stderr() { Exit::Usage as u8 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let out = Output::new(cli.global.json, cli.global.quiet, cli.global.no_color);
    let done = match Spans::of(&program) {
        Ok(spans) => {
            let done = execute(spans.around(builder), cli, program, out, &spans).await;
            spans.finish().await;
            done
        }
        Err(error) => Err(Failure::from(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.render(out.notes));
            ExitCode::from(failure.exit() as u8)
        }
    }
}

fn program_name(args: &[OsString]) -> String {
    let name = args.first().and_then(|path| Path::new(path).file_name());
    name.map_or_else(|| "taskq".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn parse(program: &str, args: &[OsString]) -> Result<Cli, clap::Error> {
    // Known before parsing: help and errors are coloured, too.
    let plain = args.iter().any(|arg| arg == "-C" || arg == "--no-color");
    let command = Cli::command().name(program.to_owned()).bin_name(program.to_owned()).color(if plain {
        ColorChoice::Never
    } else {
        ColorChoice::Auto
    });
    Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}

async fn execute(
    builder: AppBuilder,
    cli: Cli,
    program: String,
    out: Output,
    spans: &Spans,
) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    if let Command::Completions(completions) = &command {
        return completions.run(&program, out);
    }
    // A child of the process pool has the command line of its worker, and its folder already.
    let is_child = taskq_worker::is_child();
    if let Some(dir) = global.workdir.as_ref().filter(|_| !is_child) {
        std::env::set_current_dir(dir)
            .map_err(|error| Failure::usage(format!("could not change to `{}`: {error}", dir.display())))?;
    }
    if global.app.is_some() {
        out.note("`-A` is not needed: the app is this program");
    }
    let flags = flags(&global, &command)?;
    install_logging(&global, command.logs().as_ref(), out, spans)?;
    let sources = |sources: Sources| {
        let sources = match &global.config {
            Some(file) => sources.file(file),
            None => sources,
        };
        flags
            .into_iter()
            .fold(sources, |sources, SettingFlag { flag, name, text }| sources.flag_text(flag, name, text))
    };
    let app = builder.map_sources(sources).build()?;
    app.install();
    let session = Session { app, out, program };
    let done = match is_child {
        true => taskq_worker::serve_child(&session.app).await.map_err(Failure::from),
        false => command.run(&session).await,
    };
    // What is unsent by now was reported by its call; a connection that does not close in order is gone.
    let _ = session.app.close().await;
    done
}

/// The settings that options stand for; the command's come after the global ones and win.
fn flags(global: &Global, command: &Command) -> Result<Vec<SettingFlag>, Failure> {
    let mut flags = command.flags()?;
    for (flag, name, url) in [
        ("--broker", "broker_url", &global.broker),
        ("--result-backend", "result_backend", &global.result_backend),
    ] {
        flags.extend(url.as_ref().map(|url| SettingFlag::new(flag, name, url)));
    }
    Ok(flags)
}

/// Logs of a command without options for them: warnings, on standard error.
fn install_logging(
    global: &Global,
    args: Option<&LogArgs>,
    out: Output,
    spans: &Spans,
) -> Result<(), Failure> {
    let level = args.and_then(|args| args.loglevel.clone()).or_else(LogLevel::from_env).unwrap_or_else(
        || match args {
            Some(_) if global.quiet => LogLevel::warning(),
            Some(_) => LogLevel::info(),
            None => LogLevel::warning(),
        },
    );
    let logging = Logging {
        level,
        format: args.map(|args| args.log_format).unwrap_or_default(),
        color: out.notes.is_on(),
        file: args.and_then(|args| args.logfile.clone()),
    };
    spans.install(&logging).map(drop).map_err(|error| {
        let file = logging.file.unwrap_or_default();
        Failure::usage(format!("could not open the log file `{}`: {error}", file.display()))
    })
}
