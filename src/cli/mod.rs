//! The command line: one file a command.
//!
//! A command reads its options, works through the library, and prints; what it cannot do it says as
//! `error[CODE]: …`, where, and `help: …` on stderr. Exit status 0, 1 (the work failed) or 2 (usage and
//! configuration).

mod accounts;
mod backup;
mod check;
mod demo;
mod explain;
mod failed;
mod fences;
mod log;
mod look;
mod new;
mod options;
mod output;
mod person;
mod reach;
mod replay;
mod report;
mod run;
mod send;
mod serve;
mod settle;
mod simulator;
mod test;
mod trace;
mod typed;
mod types;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::base::Diagnostic;
use crate::control::mask::Recipients;
use crate::control::views::Kind;
use options::{Command, MessagesCommand, NotificationCommand, Options, RunsCommand};

/// How a command ends when it does not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The work failed: exit status 1. What there was to say is said.
    Failed,
    /// Usage or configuration: exit status 2.
    Refused(Vec<Diagnostic>),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Refused(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Refused(diagnostics)
    }
}

/// The program, but for the worker: parses, works, prints the error, and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    log::tell_faults();
    crate::config::overwrite_secrets_in_environment();
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
    let level = match options.command {
        Command::Serve { .. } => "info",
        Command::Simulator { .. } => "warn", // callbacks that are not delivered, media that can't be had
        _ => "error,script=off",             // what scripts log is shown with their runs and tests
    };
    log::init(options.log_format, level);
    let _ = crate::script::confine::no_core_dumps(); // what the system does not grant here is root's affair
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::problem(&Diagnostic::error("RUNTIME", format!("the program cannot start: {error}")));
            return ExitCode::from(2);
        }
    };
    let result = runtime.block_on(dispatch(options));
    // A thread that hangs in a system call must not keep the program from ending.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed) => ExitCode::FAILURE,
        Err(Failure::Refused(diagnostics)) => {
            for diagnostic in &diagnostics {
                output::problem(diagnostic);
            }
            ExitCode::from(2)
        }
    }
}

async fn dispatch(options: Options) -> Result<(), Failure> {
    match &options.command {
        Command::Demo { stay } => demo::run(*stay).await,
        Command::Serve { listen } => serve::run(&options, *listen).await,
        Command::Run(how) => run::run(&options, how).await,
        Command::Check { json, online } => check::run(&options, *json, *online).await,
        Command::Test { filter, json } => test::run(&options, filter.as_deref(), *json).await,
        Command::Simulator { listen } => simulator::run(&options, *listen).await,
        Command::Messages { command } => messages(&options, command).await,
        Command::Notifications { command } => notifications(&options, command).await,
        Command::Runs { command: RunsCommand::List(list) } => {
            look::list(&options, Kind::Runs, list, None, Recipients::Masked).await
        }
        Command::Runs { command: RunsCommand::Show { show, full_stack } } => {
            look::one_run(&options, show, *full_stack).await
        }
        Command::New { app } => new::run(&options, app),
        Command::Send(send) => send::run(&options, send).await,
        Command::Trace { show, sight } => {
            trace::run(&options, show, Recipients::shown_if(sight.unmask)).await
        }
        Command::Accounts { command } => accounts::run(&options, command).await,
        Command::Export { number, json } => person::export(&options, number, *json).await,
        Command::Forget { number, dry_run, json } => person::forget(&options, number, *dry_run, *json).await,
        Command::Backup { file, force } => backup::run(&options, file, *force).await,
        Command::Pause { app, company, reason } => {
            fences::pause(&options, app.as_deref(), company.as_deref(), reason.as_deref()).await
        }
        Command::Resume { app, company } => fences::resume(&options, app, company.as_deref()).await,
        Command::OptOuts { command } => fences::opt_outs(&options, command).await,
        Command::Types { check } => types::run(&options, *check),
        Command::Explain { code } => explain::run(code),
    }
}

async fn messages(options: &Options, command: &MessagesCommand) -> Result<(), Failure> {
    match command {
        MessagesCommand::List { list, to, sight } => {
            look::list(options, Kind::Messages, list, to.as_ref(), Recipients::shown_if(sight.unmask)).await
        }
        MessagesCommand::Show { show, sight } => {
            look::one(options, Kind::Messages, show, Recipients::shown_if(sight.unmask)).await
        }
        MessagesCommand::Report(report) => report::run(options, report).await,
        MessagesCommand::Settle(settle) => settle::run(options, settle).await,
    }
}

async fn notifications(options: &Options, command: &NotificationCommand) -> Result<(), Failure> {
    match command {
        NotificationCommand::List { list, sight } => {
            look::list(options, Kind::Notifications, list, None, Recipients::shown_if(sight.unmask)).await
        }
        NotificationCommand::Show { show, sight } => {
            look::one(options, Kind::Notifications, show, Recipients::shown_if(sight.unmask)).await
        }
        NotificationCommand::Replay(replay) => replay::run(options, replay).await,
    }
}

/// What clap found wrong, in the form of the contract.
fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            let text = error.to_string();
            let mut parts = text.trim().splitn(2, "\n\n");
            let message = parts.next().unwrap_or("").trim_start_matches("error: ").replace('\n', " ");
            let rest = parts.next().unwrap_or("").trim();
            let help = if rest.is_empty() { "see `boatswain --help`" } else { rest };
            output::problem(&Diagnostic::error("USAGE", message).help(help));
            ExitCode::from(2)
        }
    }
}
