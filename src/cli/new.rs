//! `boatswain new <appId>`: an application that passes `check` and `test`, to be changed into what it shall become.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::{AppId, Diagnostic, PhoneNumber, Place};
use crate::cli::options::Options;
use crate::cli::{Failure, output};
use crate::config::{self, Params};

/// What an application begins with.
const FILES: &[(&str, &str)] = &[
    ("greet.js", include_str!("new/greet.js")),
    ("onWhatsappStatus.js", include_str!("new/onWhatsappStatus.js")),
    ("onWhatsappMessage.js", include_str!("new/onWhatsappMessage.js")),
    ("migrations/001_greetings.sql", include_str!("new/greetings.sql")),
    ("greet.test.js", include_str!("new/greet.test.js")),
];
/// How a parameter file begins: what has to be known where something else listens at one of the two addresses.
const HEAD: &str = r#"[host]
# listen = "127.0.0.1:8080"                      # where this is taken, another address

[simulator]
# listen = "127.0.0.1:8081"                      # likewise; a browser shows the phones there
"#;
/// The first sender of a simulated application, by its last four digits: +1 415 523 8886 is the demo's.
const FIRST_SENDER: u32 = 8887;

pub(super) fn run(options: &Options, app: &str) -> Result<(), Failure> {
    let app = AppId::parse(app).map_err(|error| {
        Diagnostic::error("USAGE", error.to_string())
            .help("give a name such as `orders`, which is also the folder's")
    })?;
    let file = options.params();
    let params = if file.exists() { Some(config::load_without_secrets(file)?.params) } else { None };
    let folder = options.scripts().join(app.as_str());
    let is_there = params.as_ref().is_some_and(|params| params.applications.contains_key(&app));
    if is_there || folder.exists() {
        let place = if is_there { file.to_owned() } else { folder };
        return Err(Diagnostic::error(
            "APPLICATION_EXISTS",
            format!("there is an application `{app}` already"),
        )
        .at(Place::file(place))
        .help("choose another name")
        .into());
    }
    for (name, text) in FILES {
        write(&folder.join(name), &text.replace("APP", app.as_str()))
            .map_err(|error| unwritable(&folder, &error))?;
        output::line(folder.join(name).display());
    }
    let section = section(&app, params.as_ref());
    append(file, &section).map_err(|error| unwritable(file, &error))?;
    output::line(format_args!("{}: [applications.{app}]", file.display()));
    output::note(format_args!(
        "\nnext: `boatswain test {app}`, then `boatswain serve` and `boatswain run {app}/greet --vo \
         '{{\"phone\":\"+393331234567\"}}'`: the simulator's page, http://127.0.0.1:8081 unless \
         [simulator] says otherwise, shows the phones"
    ));
    Ok(())
}

/// The section of a new application; its account and sender are of nobody else.
fn section(app: &AppId, params: Option<&Params>) -> String {
    let known: Vec<&PhoneNumber> = params
        .into_iter()
        .flat_map(|params| params.applications.values())
        .flat_map(|one| {
            std::iter::once(&one.whatsapp).chain(one.companies.values().map(|company| &company.whatsapp))
        })
        .filter_map(|whatsapp| whatsapp.from_phone_number.as_ref())
        .collect();
    let candidates = (FIRST_SENDER..10_000).map(|last| format!("+1415523{last:04}"));
    let sender = candidates
        .filter(|text| PhoneNumber::sender(text).is_ok())
        .find(|text| !known.iter().any(|number| number.as_str() == text))
        .unwrap_or_else(|| "+14155238886".to_owned());
    let mut account = String::new();
    for byte in Sha256::digest(app.as_str()).iter().take(16) {
        let _ = write!(account, "{byte:02x}");
    }
    format!(
        r#"
[applications.{app}.WHATSAPP]
environment = "simulator"                        # later "sandbox" or "production": docs/going-live.md
account_id = "AC{account}"   # nobody's: the simulator's own
auth_key = "simulator-auth-token"
from_phone_number = "{sender}"
whatsapp_callback = "onWhatsappStatus"
incoming_message = "onWhatsappMessage"
"#
    )
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

/// Puts a section behind what a file has; behind a head, where it has nothing.
fn append(file: &Path, section: &str) -> io::Result<()> {
    let mut opened = fs::OpenOptions::new().create(true).append(true).open(file)?;
    let is_new = opened.metadata()?.len() == 0;
    let head = if is_new { HEAD } else { "" };
    // A last line without an end would go on with the section.
    let ends_open = !is_new && !fs::read(file)?.ends_with(b"\n");
    opened.write_all(if ends_open { b"\n" } else { head.as_bytes() })?;
    opened.write_all(section.as_bytes())
}

fn unwritable(place: &Path, error: &io::Error) -> Failure {
    Diagnostic::error("NOT_WRITTEN", format!("the application cannot be written: {error}"))
        .at(Place::file(PathBuf::from(place)))
        .help("see that the folder can be written to")
        .into()
}
