//! `boatswain simulator`: the stand-in for Twilio, alone.
//!
//! It takes its accounts from the parameter file. In a folder without one it has an account of its own, so that
//! whoever tests software against Twilio needs nothing but the program.

use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::base::Diagnostic;
use crate::cli::options::Options;
use crate::cli::{Failure, output};
use crate::config::{self, Address, Loaded};
use crate::runtime::{simulated_accounts, simulator_problem};
use crate::simulator::{Settings, Simulator};

/// What the parameter file would have said, where none was named and there is none. Key and account are of no use anywhere else.
const WITHOUT_FILE: &str = r#"
[applications.simulator.WHATSAPP]
environment = "simulator"
account_id = "AC00000000000000000000000000000001"
auth_key = "simulator-auth-token"
from_phone_number = "+14155238886"
"#;

pub(super) async fn run(options: &Options, listen: Option<Address>) -> Result<(), Failure> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return Err(Diagnostic::error("SIGNALS", "the program cannot listen for signals").into());
    };
    let has_file = options.params.is_some() || options.params().exists();
    let Loaded { params, .. } = if has_file {
        config::load(options.params())?
    } else {
        config::parse(options.params(), WITHOUT_FILE, &|_| None)?
    };
    let public_url = params.host.public_base(params.host.listen);
    let mut accounts = simulated_accounts(params.applications.values(), &public_url);
    if !has_file {
        // There is no host that messages could go to.
        accounts
            .iter_mut()
            .flat_map(|account| &mut account.senders)
            .for_each(|sender| sender.incoming_url = None);
    }
    if accounts.is_empty() {
        output::note("note: no application uses the simulator: register an account at /simulator/accounts");
    }
    let settings = Settings {
        listen: listen.unwrap_or(params.simulator.listen),
        rules: params.simulator.rules,
        accounts,
        ..Settings::default()
    };
    let simulator = Simulator::bind(settings).await.map_err(|error| simulator_problem(&error))?;
    if let Ok(url) = Url::parse(&public_url) {
        simulator.allow_callbacks_to(&url);
    }
    output::line(format_args!("simulator     {}", simulator.base_url()));
    output::line(format_args!("phones        {}/ in a browser", simulator.base_url()));
    if !has_file {
        output::line("account       AC00000000000000000000000000000001");
        output::line("auth token    simulator-auth-token");
        output::line("sender        whatsapp:+14155238886");
    }
    output::line("ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    simulator.shutdown().await;
    Ok(())
}
