//! `boatswain check`: parameters, scripts, migrations, tests: every problem at once.
//!
//! What is looked at stands in `docs/check.md`.

mod online;
pub(super) mod scripts;
mod sql;

use std::fmt;
use std::path::Path;

use crate::base::{AppId, Diagnostic, Place, Severity};
use crate::cli::options::Options;
use crate::cli::{Failure, output, serve};
use crate::config::{self, Limits, Loaded, Params};
use crate::pipeline::sandbox_limits;
use crate::runtime::open_storage;
use crate::script::confine::Confinement;
use crate::script::{WorkerCommand, WorkerError};
use crate::store::{DataDir, SqlLimits, exposed_folder, exposed_key};

pub(super) async fn run(options: &Options, json: bool, online: bool) -> Result<(), Failure> {
    let loaded = config::load(options.params());
    let mut tally = Tally { json, errors: 0, warnings: 0 };
    let workers = WorkerCommand::current_exe().confinement();
    let mut found = of_files(options, &loaded, &workers);
    if let Ok(Loaded { params, .. }) = &loaded {
        found.extend(of_storage(params).await);
    }
    found.sort_by_key(|diagnostic| diagnostic.severity == Severity::Warning);
    for diagnostic in &found {
        tally.tell(diagnostic);
    }
    if online {
        ask(loaded, &mut tally).await;
    }
    if !json {
        if let Ok(confinement) = &workers {
            output::note(format_args!("actions are confined by {}", confinement.summary()));
        }
        output::note(&tally);
    }
    if tally.errors == 0 { Ok(()) } else { Err(Failure::Failed) }
}

/// What was told, and how.
struct Tally {
    json: bool,
    errors: usize,
    warnings: usize,
}

impl Tally {
    fn tell(&mut self, diagnostic: &Diagnostic) {
        match diagnostic.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.json {
            // Plain strings and numbers: a diagnostic always serializes.
            output::json(serde_json::to_string(diagnostic).unwrap_or_default());
        } else {
            output::problem(diagnostic);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        write!(f, "{}, {}", word(self.errors, "error"), word(self.warnings, "warning"))
    }
}

/// What shows without asking anybody.
fn of_files(
    options: &Options,
    loaded: &Result<Loaded, Vec<Diagnostic>>,
    workers: &Result<Confinement, WorkerError>,
) -> Vec<Diagnostic> {
    let scripts = options.scripts();
    let mut data = options.data.clone();
    let mut found = match loaded {
        Ok(Loaded { params, warnings }) => {
            let mut found = warnings.clone();
            let folder = data.get_or_insert_with(|| params.host.data_dir.clone());
            let kept = DataDir::existing(folder).ok();
            // Without it no application has a folder, which is one mistake and not many.
            let missing =
                (!scripts.is_dir() && !params.applications.is_empty()).then(|| no_scripts(&scripts));
            for application in params.applications.values() {
                let limits = SqlLimits::from(&application.limits);
                let database = kept.as_ref().map(|data| data.app_db(&application.id));
                found.extend(database.as_ref().and_then(|file| limits.warning(&application.id, file)));
                if missing.is_some() {
                    continue;
                }
                found.extend(
                    database.iter().flat_map(|file| scripts::changed(&application.id, &scripts, file)),
                );
                found.extend(scripts::of_application(application, &scripts, options.params()));
            }
            found.extend(missing);
            found.extend(scripts::of_nobody(params, &scripts));
            found
        }
        Err(problems) => {
            let mut problems = problems.clone();
            // Which applications there are is not known now: every folder is taken for one.
            for app in scripts::folders(&scripts).filter_map(|name| AppId::parse(&name).ok()) {
                problems.extend(scripts::of_folder(&app, &scripts, &sandbox_limits(&Limits::default())));
            }
            problems
        }
    };
    match workers {
        Ok(confinement) => found.extend(confinement.warnings()),
        Err(error) => found.push(serve::no_workers(error)),
    }
    let data = data.unwrap_or_else(|| params_folder(options).join("data"));
    found.extend([exposed_folder(&data), exposed_key(&data)].into_iter().flatten());
    found
}

/// There is no folder of scripts.
pub(super) fn no_scripts(scripts: &Path) -> Diagnostic {
    Diagnostic::error("SCRIPTS_UNREADABLE", "there is no folder of scripts")
        .at(Place::file(scripts))
        .help("make it, or name another one with `--scripts DIR`")
}

/// Keys of Google Cloud Storage with which nothing can be signed.
async fn of_storage(params: &Params) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for storage in params.applications.values().filter_map(|application| application.storage.as_ref()) {
        found.extend(open_storage(storage).await.err());
    }
    found
}

/// Asks Twilio and the public URL, and tells each answer as it comes.
async fn ask(loaded: Result<Loaded, Vec<Diagnostic>>, tally: &mut Tally) {
    let Ok(Loaded { params, .. }) = loaded else {
        if !tally.json {
            output::note("nobody is asked before the parameters are sound");
        }
        return;
    };
    let mut answers = match online::ask(&params) {
        Ok(answers) => answers,
        Err(problem) => return tally.tell(&problem),
    };
    while let Some(told) = answers.next().await {
        for told in told {
            match told {
                online::Told::Problem(problem) => tally.tell(&problem),
                online::Told::Fine(_) if tally.json => {}
                online::Told::Fine(sentence) => output::note(format_args!("ok: {sentence}")),
            }
        }
    }
}

/// Where the other folders are, unless the parameters or the options say otherwise.
fn params_folder(options: &Options) -> &Path {
    options.params().parent().unwrap_or_else(|| "".as_ref())
}
