//! A host in the test's own process, for actions that call host functions.

use std::sync::Arc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{ActionId, AppId, CompanyId};
use boatswain::pipeline::{DirectRun, RunReport};
use boatswain::script::protocol::Returned;
use boatswain::simulator::Message;
use serde_json::{Value, json};

use crate::host::{ACCOUNT, Folder, TOKEN, runtime};
use crate::support::command;

/// Where nobody listens: what the simulator has to tell is no matter here.
pub const PUBLIC: &str = "http://127.0.0.1:9/some/where";
pub const ACME: &str = "AC00000000000000000000000000000002";
pub const TO: &str = "+393331234567";

/// A host in this process, without listeners, with a simulator of its own.
pub struct Bench {
    host: Host,
    folder: Folder,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    /// With these actions, each the body of a function.
    pub fn new(actions: &[(&str, &str)]) -> Self {
        Self::limited("cpu_ms = 5000", actions)
    }

    /// With limits of its own.
    pub fn limited(limits: &str, actions: &[(&str, &str)]) -> Self {
        Self::with(limits, "", actions)
    }

    /// With limits, and more sections at the end of the parameters.
    pub fn with(limits: &str, more: &str, actions: &[(&str, &str)]) -> Self {
        let folder = Folder::with_params(
            "",
            &format!(
                r#"
                [host]
                listen = "127.0.0.1:0"
                public_url = "{PUBLIC}"
                [simulator]
                listen = "127.0.0.1:0"
                [applications.app.WHATSAPP]
                environment = "simulator"
                account_id = "{ACCOUNT}"
                auth_key = "{TOKEN}"
                from_phone_number = "+14155238886"
                media_check = "off"
                [applications.app.companies.ACME.WHATSAPP]
                account_id = "{ACME}"
                auth_key = "acme-token"
                from_phone_number = "+14155550100"
                default_country_prefix = "+1"
                [applications.app.companies.SERVICE.WHATSAPP]
                messaging_service_id = "MG00000000000000000000000000000001"
                [applications.app.limits]
                {limits}
                [applications.app.parameters]
                shop = "Bottega Aurora"
                open = true
                rate = 1.5
                days = [1, 2]
                nested = {{ a = {{ b = "c" }} }}
                "__proto__" = "a parameter"
                {more}
                "#
            ),
        );
        for (name, script) in actions {
            folder.write(&format!("scripts/app/{name}.js"), script);
        }
        let runtime = runtime();
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let host = runtime.block_on(Host::builder(params, command()).workbench()).unwrap();
        Self { host, folder, runtime }
    }

    /// Runs an action in a company's name.
    pub fn run_as(&self, company: &str, action: &str, vo: Value) -> RunReport {
        let run = DirectRun {
            action: ActionId::parse(action).unwrap(),
            company: CompanyId::parse(company).unwrap(),
            vo: Arc::new(vo),
        };
        self.runtime.block_on(self.host.run(&AppId::parse("app").unwrap(), run)).unwrap()
    }

    /// Runs an action without a company.
    pub fn run(&self, action: &str, vo: Value) -> RunReport {
        self.run_as("NODEFINED", action, vo)
    }

    /// What an action returns, as JSON.
    #[track_caller]
    pub fn returned(&self, action: &str) -> Value {
        value(&self.run(action, json!({})))
    }

    /// What the simulator was given.
    pub fn messages(&self) -> Vec<Message> {
        self.host.simulator().unwrap().messages()
    }

    /// Ends it; the folder with its databases stays.
    pub fn stop(self) -> Folder {
        assert!(self.runtime.block_on(self.host.stop(Duration::from_mins(1))));
        self.folder
    }
}

#[track_caller]
pub fn value(report: &RunReport) -> Value {
    match report.result.as_ref().unwrap_or_else(|failure| panic!("{failure:?}")) {
        Returned::Undefined => Value::Null,
        Returned::String(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        Returned::Json(json) => serde_json::from_str(json).unwrap(),
    }
}

/// One action for each call; gives what each returns.
pub fn calls(expressions: &[&str]) -> (Bench, Vec<Value>) {
    let names: Vec<_> = (0..expressions.len()).map(|number| format!("call{number}")).collect();
    let scripts: Vec<_> = expressions.iter().map(|expression| format!("return {expression}")).collect();
    let actions: Vec<_> = names.iter().map(String::as_str).zip(scripts.iter().map(String::as_str)).collect();
    let bench = Bench::new(&actions);
    let values = names.iter().map(|name| bench.returned(name)).collect();
    (bench, values)
}

/// What the simulator was given: recipient, text and medium.
pub fn given(message: &Message) -> (String, String, Option<String>) {
    (message.to.to_string(), message.body.clone(), message.media_urls.first().cloned())
}
