//! From the file to [`Params`], with all of its problems at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::params::{Address, HostParams, Params, Rules, SimulatorParams};
use super::reader::{Findings, Secrets, Section, Source, beside};
use super::{application, codes, document, environment, names, values, warnings};
use crate::base::{Diagnostic, Exposure, Place, Secret};

/// No parameter file comes near it; what is larger was named by mistake.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Default of `[host] data_dir`.
const USUAL_DATA_DIR: &str = "data";

/// Defaults of `[host] retention_days` and `dead_retention_days`.
const RETENTION: u32 = 30;
const DEAD_RETENTION: u32 = 90;

const RULES: &[(&str, Rules)] =
    &[("open", Rules::Open), ("sandbox", Rules::Sandbox), ("production", Rules::Production)];

/// A sound parameter file.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub params: Params,
    /// What is worth knowing about it; none of it changes an exit status.
    pub warnings: Vec<Diagnostic>,
}

/// A parameter file as it was read, sound or not.
#[derive(Debug)]
pub struct Reading {
    /// What it says, or every problem of it in the order of its lines.
    pub outcome: Result<Loaded, Vec<Diagnostic>>,
    /// The files that it takes secrets from, whether they are there or not.
    pub files: BTreeSet<PathBuf>,
    /// The data folder that it names; the usual one where it names none that can be read.
    pub data_dir: PathBuf,
    /// The problem that nothing at all stands in it, as while it is being written. It is one for who needs what stood there:
    /// a file without applications is sound.
    pub blank: Option<Diagnostic>,
}

/// Reads a parameter file; secrets come from this process's environment and from the files that it names.
///
/// # Errors
/// Every problem of the file, in the order of its lines.
pub fn load(file: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    read(file).outcome
}

/// The same, and says which other files it has been read from.
#[must_use]
pub fn read(file: &Path) -> Reading {
    match text_of(file) {
        Ok((text, exposure)) => reading(file, &text, Secrets::Of(&environment::secret), exposure),
        Err(problem) => Reading {
            outcome: Err(vec![problem]),
            files: BTreeSet::new(),
            data_dir: beside(file, USUAL_DATA_DIR),
            blank: None,
        },
    }
}

/// The same as [`load`], but no secret is looked up: where the file names a variable or another file, something stands in for
/// what is there. For tests, which need none.
///
/// # Errors
/// As [`load`].
pub fn load_without_secrets(file: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let (text, exposure) = text_of(file).map_err(|problem| vec![problem])?;
    reading(file, &text, Secrets::StoodIn, exposure).outcome
}

/// Reads `text` as the parameter file `file`, whose folder its relative paths start from.
///
/// # Errors
/// Every problem of the text, in the order of its lines.
pub fn parse(
    file: &Path,
    text: &str,
    environment: &dyn Fn(&str) -> Option<Secret>,
) -> Result<Loaded, Vec<Diagnostic>> {
    reading(file, text, Secrets::Of(environment), None).outcome
}

fn reading(file: &Path, text: &str, secrets: Secrets<'_>, exposure: Option<Exposure>) -> Reading {
    // Some editors begin a file with a byte order mark; it must not count as a column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(file, text, secrets);
    let document = document::parse(text);
    for (offset, message) in &document.errors {
        source.syntax_error(*offset, message);
    }
    let params = params(file, &source, &Section::root(&source, &document.root, &names::ROOT));
    let warnings = warnings::of(&params, &source, &document.root, exposure);
    let Findings { problems, warnings: noticed, files } = source.into_findings();
    let warnings = noticed.into_iter().chain(warnings).collect();
    let data_dir = params.host.data_dir.clone();
    let outcome = if problems.is_empty() { Ok(Loaded { params, warnings }) } else { Err(problems) };
    let blank = text.trim().is_empty().then(|| blank(file));
    Reading { outcome, files, data_dir, blank }
}

fn blank(file: &Path) -> Diagnostic {
    Diagnostic::error(codes::PARAMS_BLANK, "nothing stands in the parameter file")
        .at(Place::file(file))
        .help("restore it; to take all applications away, write a comment")
}

/// What the file says. Where something was reported, a default stands in, so that the rest is checked too.
fn params(file: &Path, source: &Source<'_>, root: &Section<'_>) -> Params {
    let host = host(source, root.section("host", &names::HOST).as_ref());
    let admin_listen = admin(root.section("admin", &names::ADMIN).as_ref(), host.listen);
    let simulator = simulator(root.section("simulator", &names::SIMULATOR).as_ref());
    let applications =
        root.get("applications").map(|field| application::read_all(&field)).unwrap_or_default();
    let applications = applications.into_iter();
    Params {
        file: file.to_owned(),
        host,
        admin_listen,
        simulator,
        applications: applications.map(|one| (one.id.clone(), Arc::new(one))).collect(),
    }
}

fn host(source: &Source<'_>, section: Option<&Section<'_>>) -> HostParams {
    let get = |key| section.and_then(|section| section.get(key));
    let listen = get("listen").and_then(|field| values::address(&field));
    let data_dir = get("data_dir").and_then(|field| values::path(&field));
    let (retention, dead_retention) = section.map_or((RETENTION, DEAD_RETENTION), retention);
    HostParams {
        listen: listen.unwrap_or_else(|| Address::from(([127, 0, 0, 1], 8080))),
        public_url: get("public_url").and_then(|field| values::public_url(&field)),
        data_dir: data_dir.unwrap_or_else(|| source.resolve(USUAL_DATA_DIR)),
        retention: Duration::from_hours(24 * u64::from(retention)),
        dead_retention: Duration::from_hours(24 * u64::from(dead_retention)),
        dangerous_local_media: get("dangerous_local_media")
            .and_then(|field| values::boolean(&field))
            .unwrap_or_default(),
    }
}

/// `retention_days` and `dead_retention_days`.
fn retention(section: &Section<'_>) -> (u32, u32) {
    let days = |key, default| match section.get(key) {
        None => Some(default),
        Some(field) => values::whole(&field, 1..=3650, " (days, ten years at most)"),
    };
    // What was reported is not compared as well.
    let (Some(settled), Some(dead)) =
        (days("retention_days", RETENTION), days("dead_retention_days", DEAD_RETENTION))
    else {
        return (RETENTION, DEAD_RETENTION);
    };
    let at = section.get("dead_retention_days").or_else(|| section.get("retention_days"));
    if let Some(field) = at.filter(|_| dead < settled) {
        field.source.report(
            field.key_start,
            codes::CONFLICTING_KEYS,
            format!(
                "`dead_retention_days` ({dead}) is less than `retention_days` ({settled}), so what failed would \
                 leave before what went well"
            ),
            "raise `dead_retention_days` or lower `retention_days`".to_owned(),
        );
    }
    (settled, dead)
}

fn admin(section: Option<&Section<'_>>, public: Address) -> Option<Address> {
    let field = section?.get("listen")?;
    let listen = values::address_or_off(&field)?;
    if listen == public && listen.port() != 0 {
        return field.refuse(
            codes::CONFLICTING_KEYS,
            "is the public listener's address, where anybody could read the metrics",
            "choose another port, or \"off\"",
        );
    }
    Some(listen)
}

fn simulator(section: Option<&Section<'_>>) -> SimulatorParams {
    let get = |key| section.and_then(|section| section.get(key));
    let listen = get("listen").and_then(|field| values::address(&field));
    let rules = get("rules").and_then(|field| values::one_of(&field, RULES));
    SimulatorParams {
        listen: listen.unwrap_or_else(|| Address::from(([127, 0, 0, 1], 8081))),
        rules: rules.unwrap_or_default(),
    }
}

/// The text of a file, and who else can read it.
pub(super) fn text_of(file: &Path) -> Result<(String, Option<Exposure>), Diagnostic> {
    let unreadable = |what: String, place: Place, help: &str| {
        Diagnostic::error(codes::PARAMS_UNREADABLE, what).at(place).help(help)
    };
    let cannot = |error: std::io::Error| {
        unreadable(
            format!("the parameter file can't be read: {error}"),
            Place::file(file),
            "name the file with `--params FILE`; without it, it is `app-params.toml` in the current folder",
        )
    };
    let opened = File::open(file).map_err(cannot)?;
    let exposure = opened.metadata().map(|metadata| Exposure::beyond_host(&metadata)).map_err(cannot)?;
    let mut bytes = Vec::new();
    opened.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(unreadable(
            "the file is larger than 1 MB".to_owned(),
            Place::file(file),
            "check that this is the parameter file",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..sound]).into_owned();
        let (line, column) = Place::position_of(&before, sound);
        unreadable(
            "the file is not UTF-8".to_owned(),
            Place::at(file, line, column),
            "save the file with the encoding UTF-8",
        )
    })?;
    Ok((text, exposure))
}
