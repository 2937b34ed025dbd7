//! The application parameters as types.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::base::{
    AccountSid, ActionId, AppId, CompanyId, ContentSid, CountryPrefix, PhoneNumber, Secret, TemplateText,
    TimeZone,
};

/// The longest text of a template with its variables, in code points.
pub const MAX_TEMPLATE: usize = 1024;

/// Everything that `app-params.toml` says, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// The file it was read from, as the user named it.
    pub file: PathBuf,
    /// `[host]`.
    pub host: HostParams,
    /// `[admin] listen`; `None` is "off".
    pub admin_listen: Option<Address>,
    /// `[simulator]`.
    pub simulator: SimulatorParams,
    /// `[applications.<appId>]`, in the order of their names.
    pub applications: BTreeMap<AppId, Arc<Application>>,
}

/// A listening address as it was written (`127.0.0.1:8080`) and as it was understood; port 0 asks for a free one.
pub type Address = SocketAddr;

/// `[host]`.
#[derive(Debug, Clone, PartialEq)]
pub struct HostParams {
    /// Where the public listener binds. Default `127.0.0.1:8080`.
    pub listen: Address,
    /// This host as Twilio sees it: http or https, no query, no fragment, no trailing slash; may have a path.
    /// `None` where the file is silent: then it is `http://<listen>` with the port that was bound in the end.
    pub public_url: Option<Url>,
    /// Where the databases live. Relative paths are relative to the parameter file.
    pub data_dir: PathBuf,
    /// How long what is settled is kept after it came. From `retention_days`, default 30.
    pub retention: Duration,
    /// How long what is dead, in doubt or never settled is kept; not less than `retention`. From
    /// `dead_retention_days`, default 90.
    pub dead_retention: Duration,
    /// `dangerous_local_media`: media may be looked at in this computer's own network and without TLS. For tests.
    pub dangerous_local_media: bool,
}

impl HostParams {
    /// The text that paths are appended to: `public_url` without a trailing slash (which [`Url`] itself can't
    /// leave out of a URL that has no path), or `http://` and the address that was bound where the file is silent.
    #[must_use]
    pub fn public_base(&self, bound: SocketAddr) -> String {
        self.public_url
            .as_ref()
            .map_or_else(|| format!("http://{bound}"), |url| url.as_str().trim_end_matches('/').to_owned())
    }
}

/// `[simulator]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatorParams {
    /// Where the stand-in for Twilio listens. Default `127.0.0.1:8081`.
    pub listen: Address,
    /// How strict it is.
    pub rules: Rules,
}

/// `[simulator] rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rules {
    /// Every phone has joined, nothing is paced.
    #[default]
    Open,
    /// Joined numbers, one message per 3 s, 24-hour windows.
    Sandbox,
    /// 80 messages a second per sender, 24-hour windows.
    Production,
}

/// `[applications.<appId>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// Its name.
    pub id: AppId,
    /// `time_zone`: what local time is to its scripts. Default UTC.
    pub time_zone: TimeZone,
    /// `[applications.<appId>.WHATSAPP]`.
    pub whatsapp: Whatsapp,
    /// `[applications.<appId>.companies.<companyId>.WHATSAPP]`: only what differs is in the file, here the
    /// whole is: [`Application::whatsapp_of`] finds the right one.
    pub companies: BTreeMap<CompanyId, Company>,
    /// `[applications.<appId>.templates.<name>]`.
    pub templates: Templates,
    /// `[applications.<appId>.GOOGLE_CLOUD_STORAGE]`.
    pub storage: Option<GoogleCloudStorage>,
    /// `[applications.<appId>.parameters]`: the application's own, read with `utils.getParameter`.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// `[applications.<appId>.limits]`.
    pub limits: Limits,
}

/// The known templates of an account, by their names.
pub type Templates = BTreeMap<String, Template>;

/// A template that Twilio has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its id, which belongs to an account.
    pub content_sid: ContentSid,
    /// Its text: a message that is written in it is sent as the template.
    pub text: TemplateText,
}

/// One company's section.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// The company's parameters, the application's where the company's section is silent.
    pub whatsapp: Whatsapp,
    /// `[applications.<appId>.companies.<companyId>.templates.<name>]`, over the application's where the company
    /// sends with the application's account.
    pub templates: Templates,
    /// `[applications.<appId>.companies.<companyId>.limits]`.
    pub limits: CompanyLimits,
}

impl Application {
    /// The WHATSAPP parameters for a company: its own section's, or the application's.
    #[must_use]
    pub fn whatsapp_of(&self, company: &CompanyId) -> &Whatsapp {
        self.companies.get(company).map_or(&self.whatsapp, |section| &section.whatsapp)
    }

    /// The templates that a message of a company's may use when it is sent with this account: those of the first
    /// section with that account, the company's own first. A section that names no account has those of the accounts
    /// that its calls bring along. `None`: nothing is known of this account.
    #[must_use]
    pub fn templates_of(&self, company: &CompanyId, account: &AccountSid) -> Option<&Templates> {
        let application = (&self.whatsapp, &self.templates);
        let own = self.companies.get(company).map_or(application, Company::sections);
        let others = self.companies.values().map(Company::sections);
        let mut sections = [own, application].into_iter().chain(others);
        sections
            .find(|(whatsapp, _)| whatsapp.account_id.as_ref() == Some(account))
            .or_else(|| Some(own).filter(|(whatsapp, _)| whatsapp.account_id.is_none()))
            .map(|(_, templates)| templates)
    }
}

impl Company {
    fn sections(&self) -> (&Whatsapp, &Templates) {
        (&self.whatsapp, &self.templates)
    }
}

/// A WHATSAPP section.
#[derive(Debug, Clone, PartialEq)]
pub struct Whatsapp {
    /// Which Twilio is meant. The application's; a company cannot differ.
    pub environment: Environment,
    /// The account that sends, if the application sends with settings of its own.
    pub account_id: Option<AccountSid>,
    /// The auth tokens of the account, the current one first; more than one while keys rotate.
    pub auth_keys: Vec<Secret>,
    /// An API key (`SK…` and its secret) used for sending instead of the auth token.
    pub api_key: Option<SendingKey>,
    /// The sender.
    pub from_phone_number: Option<PhoneNumber>,
    /// A messaging service (`MG…`) that chooses the sender.
    pub messaging_service_id: Option<String>,
    /// The action that receives notifications. The application's.
    pub whatsapp_callback: Option<ActionId>,
    /// The action that receives incoming messages. The application's.
    pub incoming_message: Option<ActionId>,
    /// How national numbers are read.
    pub default_country_prefix: CountryPrefix,
    /// Whether media are looked at before they are sent. The application's.
    pub media_check: MediaCheck,
    /// Whether the ledger keeps the texts of messages. The application's.
    pub keep_bodies: bool,
    /// Twilio's API, or a stand-in. `None` where the file is silent.
    pub api_base_url: Option<Url>,
}

/// `media_check`: whether the size and type of media are learnt before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaCheck {
    /// They are not looked at.
    Off,
    /// What breaks WhatsApp's rules is not sent; what cannot be looked at is, with a warning. The default.
    #[default]
    Warn,
    /// What cannot be looked at is not sent either.
    Strict,
}

/// An API key for sending.
#[derive(Debug, Clone, PartialEq)]
pub struct SendingKey {
    /// `SK…`.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// `environment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// The embedded stand-in.
    Simulator,
    /// Twilio's WhatsApp sandbox.
    Sandbox,
    /// Twilio, for real.
    Production,
}

/// `[applications.<appId>.GOOGLE_CLOUD_STORAGE]`.
#[derive(Debug, Clone, PartialEq)]
pub struct GoogleCloudStorage {
    /// The service-account key file, resolved against the parameter file.
    pub credentials_file: PathBuf,
    /// How long a signed URL is good: 1 minute to 7 days, Google's most. From `signed_url_minutes`, default 60.
    pub signed_url_lifetime: Duration,
    /// Where the signed URLs point; no trailing slash. Default `https://storage.googleapis.com`.
    pub endpoint: Url,
}

/// `[applications.<appId>.limits]`. Each is named in the error that it causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `cpu_ms`: JavaScript, per run. Default 500.
    pub cpu: Duration,
    /// `wall_ms`: per run, waiting in line to send not counted. Default 30,000.
    pub wall: Duration,
    /// `memory_mb`: JavaScript heap. Default 64.
    pub memory_mb: u32,
    /// `host_calls`: calls of host functions, per run. Default 100,000.
    pub host_calls: u32,
    /// `sends`: messages that one run may ask to be sent. Default 1,000.
    pub sends: u32,
    /// `vo_kb`: the JSON of a run's `vo`. Default 1,024.
    pub vo_kb: u32,
    /// `result_kb`: what a run may return, as JSON. Default 1,024.
    pub result_kb: u32,
    /// `log_lines`: lines that a run may log; the rest is dropped. Default 1,000.
    pub log_lines: u32,
    /// `sql_memory_mb`: what one SQL statement may hold. Default 64.
    pub sql_memory_mb: u32,
    /// `database_mb`: the application's database. Default 4,096.
    pub database_mb: u32,
    /// `cpu_percent`: processor time of all runs together, statements included, in percent of one core. Default 100.
    pub cpu_percent: u32,
    /// `runs_per_context`: after how many runs a Context is made anew; 1 is a fresh one for every run. Default 1,000.
    pub runs_per_context: u32,
    /// `workers`: how many runs of the application may be open at once (each in a process of its own), which
    /// matters while they wait for Twilio. Default 4.
    pub workers: u32,
    /// `send_wait_ms`: how long a message may wait for its sender's pace. Default 30,000.
    pub send_wait: Duration,
    /// `messages_per_minute`: all companies together. Default 600. Like all that follow, not enforced in the simulator.
    pub messages_per_minute: u32,
    /// `messages_per_day`: within 24 hours, all companies together. Default 50,000.
    pub messages_per_day: u32,
    /// `company_messages_per_minute`: for each company without a limit of its own. Default: none.
    pub company_messages_per_minute: Option<u32>,
    /// `company_messages_per_day`: for each company without a limit of its own. Default: none.
    pub company_messages_per_day: Option<u32>,
    /// `identical_messages_per_minute`: of the same content to the same recipient. Default 3.
    pub identical_messages_per_minute: u32,
    /// `allowed_country_prefixes`: recipients elsewhere get nothing. Empty, the default: all countries.
    pub allowed_country_prefixes: Vec<CountryPrefix>,
    /// `only_to`: nobody else gets anything, in the simulator neither. Default: no such list.
    pub only_to: Option<Vec<PhoneNumber>>,
}

/// `[applications.<appId>.companies.<companyId>.limits]`: they hold beside the application's, which count for all of
/// its companies together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompanyLimits {
    /// `messages_per_minute`, instead of the application's `company_messages_per_minute`.
    pub messages_per_minute: Option<u32>,
    /// `messages_per_day`, instead of the application's `company_messages_per_day`.
    pub messages_per_day: Option<u32>,
    /// `allowed_country_prefixes`. Empty: those of the application.
    pub allowed_country_prefixes: Vec<CountryPrefix>,
    /// `only_to`.
    pub only_to: Option<Vec<PhoneNumber>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(500),
            wall: Duration::from_secs(30),
            memory_mb: 64,
            host_calls: 100_000,
            sends: 1000,
            vo_kb: 1024,
            result_kb: 1024,
            log_lines: 1000,
            sql_memory_mb: 64,
            database_mb: 4096,
            cpu_percent: 100,
            runs_per_context: 1000,
            workers: 4,
            send_wait: Duration::from_secs(30),
            messages_per_minute: 600,
            messages_per_day: 50_000,
            company_messages_per_minute: None,
            company_messages_per_day: None,
            identical_messages_per_minute: 3,
            allowed_country_prefixes: Vec::new(),
            only_to: None,
        }
    }
}
