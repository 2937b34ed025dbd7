//! `boatswain check`: parameters, scripts, migrations, tests: every problem at once.
//!
//! What is looked at stands in `docs/check.md`.

mod scripts;

use std::path::Path;

use crate::base::{AppId, Severity};
use crate::cli::options::Options;
use crate::cli::{Failure, output, serve};
use crate::config::{self, Limits, Loaded};
use crate::pipeline::sandbox_limits;
use crate::script::WorkerCommand;
use crate::store::{DataDir, SqlLimits, exposed_folder, exposed_key};

pub(super) fn run(options: &Options, json: bool) -> Result<(), Failure> {
    let scripts = options.scripts.clone().unwrap_or_else(|| params_folder(options).join("scripts"));
    let mut data = options.data.clone();
    let mut found = match config::load(options.params()) {
        Ok(Loaded { params, warnings }) => {
            let mut found = warnings;
            let folder = data.get_or_insert_with(|| params.host.data_dir.clone());
            let kept = DataDir::existing(folder).ok();
            for application in params.applications.values() {
                let limits = SqlLimits::from(&application.limits);
                let database = kept.as_ref().map(|data| data.app_db(&application.id));
                found.extend(database.and_then(|file| limits.warning(&application.id, &file)));
                found.extend(scripts::of_application(application, &scripts, options.params()));
            }
            found.extend(scripts::of_nobody(&params, &scripts));
            found
        }
        Err(mut problems) => {
            // Which applications there are is not known now: every folder is taken for one.
            for app in scripts::folders(&scripts).filter_map(|name| AppId::parse(&name).ok()) {
                problems.extend(scripts::of_folder(&app, &scripts, &sandbox_limits(&Limits::default())));
            }
            problems
        }
    };
    let workers = WorkerCommand::current_exe().confinement();
    match &workers {
        Ok(confinement) => found.extend(confinement.warnings()),
        Err(error) => found.push(serve::no_workers(error)),
    }
    let data = data.unwrap_or_else(|| params_folder(options).join("data"));
    found.extend([exposed_folder(&data), exposed_key(&data)].into_iter().flatten());
    found.sort_by_key(|diagnostic| diagnostic.severity == Severity::Warning);
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    for diagnostic in &found {
        if json {
            // Plain strings and numbers: a diagnostic always serializes.
            output::json(serde_json::to_string(diagnostic).unwrap_or_default());
        } else {
            output::problem(diagnostic);
        }
    }
    if !json {
        if let Ok(confinement) = &workers {
            output::note(format_args!("actions are confined by {}", confinement.summary()));
        }
        let word = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        output::note(format_args!("{}, {}", word(errors, "error"), word(found.len() - errors, "warning")));
    }
    if errors == 0 { Ok(()) } else { Err(Failure::Failed) }
}

/// Where the other folders are, unless the parameters or the options say otherwise.
fn params_folder(options: &Options) -> &Path {
    options.params().parent().unwrap_or_else(|| "".as_ref())
}
