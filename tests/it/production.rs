//! An application that stands as in production: its Twilio is a simulator of the test's own, at an address of its own.

use std::sync::Arc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{AccountSid, ActionId, AppId, CompanyId, ManualClock, Secret, UnixMillis};
use boatswain::pipeline::DirectRun;
use boatswain::script::protocol::Returned;
use boatswain::simulator::{MediaFrom, Settings, SimulatedAccount, Simulator};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::host::{ACCOUNT, Folder, TOKEN, runtime};
use crate::support::command;

/// A whole minute of some day.
pub const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// An application `app` with an action `send`.
pub struct Production {
    pub runtime: Runtime,
    pub twilio: Simulator,
    pub folder: Folder,
    pub clock: Arc<ManualClock>,
}

impl Production {
    /// With more keys of `[host]`, and more of WHATSAPP and what follows it.
    pub fn new(environment: &str, host: &str, more: &str, send: &str) -> Self {
        let runtime = runtime();
        let settings = Settings {
            accounts: vec![Self::account(&["+14155238886"])],
            media: MediaFrom::Named,
            ..Settings::default()
        };
        let twilio = runtime.block_on(Simulator::bind(settings)).unwrap();
        let folder = Folder::with_params(
            "console.log(vo.MessageStatus)",
            &format!(
                r#"
                [host]
                listen = "127.0.0.1:0"
                {host}
                [simulator]
                listen = "127.0.0.1:0"
                [applications.app.WHATSAPP]
                environment = "{environment}"
                account_id = "{ACCOUNT}"
                auth_key = "{TOKEN}"
                from_phone_number = "+14155238886"
                whatsapp_callback = "callback"
                api_base_url = "{}"
                {more}
                "#,
                twilio.base_url()
            ),
        );
        folder.write("scripts/app/send.js", send);
        Self { runtime, twilio, folder, clock: Arc::new(ManualClock::at(NOW)) }
    }

    /// The account, with these senders.
    pub fn account(senders: &[&str]) -> SimulatedAccount {
        let senders = senders.iter().map(|sender| sender.parse().unwrap());
        SimulatedAccount::new(AccountSid::parse(ACCOUNT).unwrap(), Secret::new(TOKEN), senders)
    }

    pub fn host(&self) -> Host {
        let params = boatswain::config::load(&self.folder.path("app-params.toml")).unwrap().params;
        let builder = Host::builder(params, command()).clock(Arc::clone(&self.clock) as _);
        self.runtime.block_on(builder.serve()).unwrap()
    }

    /// What `send` returns.
    pub fn run(&self, host: &Host, company: &str, vo: Value) -> Value {
        let run = DirectRun {
            action: ActionId::parse("send").unwrap(),
            company: CompanyId::parse(company).unwrap(),
            vo: Arc::new(vo),
        };
        let report = self.runtime.block_on(host.run(&AppId::parse("app").unwrap(), run)).unwrap();
        match report.result.unwrap_or_else(|failure| panic!("{failure:?}")) {
            Returned::Json(json) => serde_json::from_str(&json).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub fn stop(&self, host: Host) {
        assert!(self.runtime.block_on(host.stop(Duration::from_mins(1))));
    }

    /// Runs a command while the host in this thread answers it.
    pub fn output(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = self.folder.command(arguments);
        self.runtime.block_on(async move {
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
        })
    }

    /// What a command says, which must go well.
    pub fn said(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
