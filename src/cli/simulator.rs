//! `boatswain simulator`: the stand-in for Twilio, alone.

use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::base::Diagnostic;
use crate::cli::options::Options;
use crate::cli::{Failure, output};
use crate::config::{self, Address};
use crate::runtime::{simulated_accounts, simulator_problem};
use crate::simulator::{Settings, Simulator};

pub(super) async fn run(options: &Options, listen: Option<Address>) -> Result<(), Failure> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return Err(Diagnostic::error("SIGNALS", "the program cannot listen for signals").into());
    };
    let params = config::load(&options.params)?.params;
    let public_url = params.host.public_base(params.host.listen);
    let settings = Settings {
        listen: listen.unwrap_or(params.simulator.listen),
        rules: params.simulator.rules,
        accounts: simulated_accounts(params.applications.values(), &public_url),
        ..Settings::default()
    };
    let simulator = Simulator::bind(settings).await.map_err(|error| simulator_problem(&error))?;
    if let Ok(url) = Url::parse(&public_url) {
        simulator.allow_callbacks_to(&url);
    }
    output::line(format_args!("simulator     {}", simulator.base_url()));
    output::line("ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    simulator.shutdown().await;
    Ok(())
}
