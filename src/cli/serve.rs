//! `boatswain serve`: the host.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::base::{Diagnostic, Place, shown};
use crate::cli::options::Options;
use crate::cli::{Failure, output};
use crate::config::{self, Address, Loaded, Params};
use crate::runtime::{Host, HostBuilder, raise_open_files};
use crate::script::{WorkerCommand, WorkerError};
use crate::store::exposed_folder;

/// How long open runs have when the host is told to stop. Below the 30 s after which service managers kill.
const DRAIN: Duration = Duration::from_secs(25);

pub(super) async fn run(options: &Options, listen: Option<Address>) -> Result<(), Failure> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else {
        return Err(Diagnostic::error("SIGNALS", "the program cannot listen for signals").into());
    };
    let Loaded { params, warnings } = config::load(options.params())?;
    for warning in &warnings {
        output::problem(warning);
    }
    if params.admin_listen.is_some() {
        output::problem(
            &Diagnostic::warning(
                "ADMIN_NOT_YET",
                "nothing listens at `[admin] listen`: metrics are not there yet",
            )
            .at(Place::file(&params.file))
            .help("leave it \"off\"; docs/limits.md lists what is not there yet"),
        );
    }
    if let Err(error) = raise_open_files() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let data = options.data.as_ref().unwrap_or(&params.host.data_dir);
    if let Some(warning) = exposed_folder(data) {
        output::problem(&warning);
    }
    let mut builder = builder(options, params.clone()).watch();
    if let Some(address) = listen {
        builder = builder.listen(address);
    }
    let host = builder.serve().await?;
    banner(&host, &params);
    if let Some(reloader) = host.reloader() {
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                tracing::info!("looking at parameters and scripts: SIGHUP");
                let _ = reloader.reload().await; // it tells in the log
            }
        });
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: no more requests are taken, open runs come to their end");
    tokio::select! {
        drained = host.stop(DRAIN) => {
            if !drained {
                tracing::warn!("some runs were still open: they are taken up again at the next start");
            }
        }
        _ = terminate.recv() => tracing::warn!("stopping at once: open runs are taken up again at the next start"),
        _ = interrupt.recv() => tracing::warn!("stopping at once: open runs are taken up again at the next start"),
    }
    Ok(())
}

/// A builder with the folders that the options name.
pub(super) fn builder(options: &Options, params: Params) -> HostBuilder {
    let mut builder = Host::builder(params, WorkerCommand::current_exe());
    if let Some(scripts) = &options.scripts {
        builder = builder.scripts(scripts);
    }
    if let Some(public) = &options.public {
        builder = builder.public(public);
    }
    if let Some(data) = &options.data {
        builder = builder.data(data);
    }
    builder
}

fn banner(host: &Host, params: &Params) {
    if let Some(address) = host.address() {
        output::line(format_args!("listening     http://{address}"));
    }
    output::line(format_args!("public URL    {}", host.public_url()));
    for (app, application) in &params.applications {
        output::line(format_args!("callbacks     {}/whatsapp/callback/{app}/<companyId>", host.public_url()));
        if application.whatsapp.incoming_message.is_some() {
            output::line(format_args!(
                "messages      {}/whatsapp/message/{app}/<companyId>",
                host.public_url()
            ));
        }
    }
    if let Some(simulator) = host.simulator_url() {
        output::line(format_args!("simulator     {simulator}"));
        output::line(format_args!("phones        {simulator} in a browser"));
    }
    output::line(format_args!("data          {}", shown(&host.data().root().display().to_string())));
    confinement();
    output::line("ready");
}

/// Says what confines the scripts; a host whose workers cannot start says so before anything wants to run.
fn confinement() {
    match WorkerCommand::current_exe().confinement() {
        Ok(confinement) => {
            output::line(format_args!("actions       confined by {}", confinement.summary()));
            for warning in confinement.warnings() {
                output::problem(&warning);
            }
        }
        Err(error) => output::problem(&no_workers(&error)),
    }
}

/// What it means that no worker can be started.
pub(super) fn no_workers(error: &WorkerError) -> Diagnostic {
    Diagnostic::warning("NO_WORKERS", error.to_string())
        .help("notifications are kept, and no action runs until the system lets workers start")
}
