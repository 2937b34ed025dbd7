//! `check --online`: whether Twilio takes the credentials and knows the senders, and whether the public URL leads here.
//!
//! Nothing is sent and nothing changed. All questions are asked at once, each has some seconds, and each answer is told as
//! it comes.

mod twilio;

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinSet;
use url::Url;

use crate::base::{AccountSid, Diagnostic, Place};
use crate::config::{self, Environment, Params, Whatsapp};
use crate::runtime::simulated_accounts;
use crate::simulator::{Neighbour, SimulatedAccount};
use crate::whatsapp::Twilio;
use crate::whatsapp::twilio::API;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a question may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
pub(super) enum Told {
    /// It is as it should be: a sentence.
    Fine(String),
    /// It is not, or nobody knows.
    Problem(Diagnostic),
}

/// The answers that are still to come.
pub(super) struct Answers(JoinSet<Vec<Told>>);

impl Answers {
    /// What was answered next; `None` when all has been.
    pub(super) async fn next(&mut self) -> Option<Vec<Told>> {
        let answered = self.0.join_next().await?;
        Some(answered.unwrap_or_else(|_| {
            let message = "a question could not be asked to its end";
            vec![Told::Problem(Diagnostic::warning("ONLINE_UNCLEAR", message).help("try again"))]
        }))
    }
}

/// Asks about everything that the parameters name.
pub(super) fn ask(params: &Params) -> Result<Answers, Diagnostic> {
    let client = Twilio::with_timeouts(CONNECT_TIMEOUT, TIMEOUT).map_err(|why| no_client(&why))?;
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|_| no_client("no TLS"))?;
    let mut answers = JoinSet::new();
    let mut simulated = Vec::new();
    for section in sections(params) {
        if section.whatsapp.environment == Environment::Simulator && section.whatsapp.api_base_url.is_none() {
            simulated.extend(section.is_the_applications().then(|| section.name.clone()));
        } else {
            answers.spawn(twilio::ask(client.clone(), section));
        }
    }
    if !simulated.is_empty() {
        let accounts = simulated_accounts(params.applications.values(), "http://localhost");
        answers.spawn(of_simulator(http.clone(), params.simulator.listen, simulated, accounts));
    }
    let is_called =
        params.applications.values().any(|one| one.whatsapp.environment != Environment::Simulator);
    if let Some(url) = params.host.public_url.clone().filter(|_| is_called) {
        let place = config::place_of(&params.file, &["host", "public_url"]);
        answers.spawn(async move { vec![of_public_url(&http, url, place).await] });
    }
    Ok(Answers(answers))
}

fn no_client(why: &str) -> Diagnostic {
    Diagnostic::error("HTTP_CLIENT", format!("nobody can be asked: {why}"))
        .help("look for the system's certificates")
}

/// A WHATSAPP section to ask about.
struct Section {
    /// As people call it: `shop`, `shop, company ACME`.
    name: String,
    file: PathBuf,
    /// The names that lead to it in the file.
    path: Vec<String>,
    whatsapp: Whatsapp,
    /// Twilio's API, or a stand-in.
    api: Url,
}

impl Section {
    fn is_the_applications(&self) -> bool {
        self.path.len() == 3
    }

    /// Where a key of the section stands, or the section, where the key is the application's.
    fn place(&self, key: &str) -> Place {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let place = config::place_of(&self.file, &[&path[..], &[key]].concat());
        if place.position.is_some() { place } else { config::place_of(&self.file, &path) }
    }
}

/// Every application's section, and those of companies that differ in what Twilio knows.
fn sections(params: &Params) -> Vec<Section> {
    let mut sections = Vec::new();
    for application in params.applications.values() {
        let app = application.id.as_str();
        let of = |name, path: &[&str], whatsapp: &Whatsapp| {
            let api = whatsapp.api_base_url.clone().or_else(|| Url::parse(API).ok())?;
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            Some(Section { name, file: params.file.clone(), path, whatsapp: whatsapp.clone(), api })
        };
        sections.extend(of(app.to_owned(), &["applications", app, "WHATSAPP"], &application.whatsapp));
        for (company, section) in &application.companies {
            let (own, base) = (&section.whatsapp, &application.whatsapp);
            let differs = own.account_id != base.account_id
                || own.auth_keys != base.auth_keys
                || own.api_key != base.api_key
                || own.from_phone_number != base.from_phone_number
                || own.messaging_service_id != base.messaging_service_id
                || own.api_base_url != base.api_base_url;
            if differs {
                let path = ["applications", app, "companies", company.as_str(), "WHATSAPP"];
                sections.extend(of(format!("{app}, company {company}"), &path, own));
            }
        }
    }
    sections
}

/// Whether the simulator is up, for the applications that use it, and whether it is theirs.
async fn of_simulator(
    http: reqwest::Client,
    listen: config::Address,
    applications: Vec<String>,
    accounts: Vec<SimulatedAccount>,
) -> Vec<Told> {
    let names = applications.join(", ");
    if let Some(simulator) = Neighbour::at(listen).await {
        let unknown: Vec<&str> = accounts
            .iter()
            .map(|account| &account.sid)
            .filter(|sid| !simulator.knows(sid))
            .map(AccountSid::as_str)
            .collect();
        if unknown.is_empty() {
            let told = format!("{names}: the simulator stands in for Twilio: it answers at {listen}");
            return vec![Told::Fine(told)];
        }
        let message = format!(
            "the simulator that answers at {listen} is another's: it does not know {}",
            unknown.join(", ")
        );
        let help =
            "`run` and `send` tell it of them; for `serve`, choose another address with `[simulator] listen`";
        return vec![Told::Problem(Diagnostic::warning("SIMULATOR_ELSEWHERE", message).help(help))];
    }
    if http.get(format!("http://{listen}/simulator")).send().await.is_ok() {
        let message = format!("something else than the simulator answers at {listen}");
        let help = "stop it, or choose another address with `[simulator] listen`";
        return vec![Told::Problem(Diagnostic::warning("SIMULATOR_MISSING", message).help(help))];
    }
    let told = format!(
        "{names}: the simulator stands in for Twilio: it is not running; `boatswain serve` brings it"
    );
    vec![Told::Fine(told)]
}

/// Whether the public URL leads to a host like this one.
async fn of_public_url(http: &reqwest::Client, url: Url, place: Place) -> Told {
    let address = format!("{}/healthz", url.as_str().trim_end_matches('/'));
    let problem = |diagnostic: Diagnostic, help: &str| Told::Problem(diagnostic.at(place.clone()).help(help));
    let mut answer = match http.get(&address).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let why = if error.is_timeout() { "within ten seconds" } else { "from this computer" };
            let message = format!("the public URL cannot be reached {why}: {address}");
            let help = "look at the name, the certificate, the firewall and the proxy; from another network it may answer";
            return problem(Diagnostic::warning("PUBLIC_URL_UNREACHABLE", message), help);
        }
    };
    let status = answer.status();
    let body = answer.chunk().await.ok().flatten().unwrap_or_default();
    if status.is_success() && &*body == crate::web::ALIVE.as_bytes() {
        return Told::Fine(format!("public URL: a Boatswain answers at {address}"));
    }
    if status.is_server_error() {
        let message = format!("the public URL answers with HTTP status {}: {address}", status.as_u16());
        let help = "is the host running, and does the proxy lead to `[host] listen`?";
        return problem(Diagnostic::warning("PUBLIC_URL_UNREACHABLE", message), help);
    }
    let what = if status.is_redirection() { ", a redirection" } else { ", and not as a Boatswain does" };
    let message = format!("the public URL answers with HTTP status {}{what}: {address}", status.as_u16());
    let help =
        "write the URL as it is called in the end, with https and the path under which the proxy leads here";
    problem(Diagnostic::error("PUBLIC_URL_FOREIGN", message), help)
}
