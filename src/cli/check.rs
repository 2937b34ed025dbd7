//! `boatswain check`: parameters, scripts, migrations: every problem at once.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::{AppId, Diagnostic, Place, Severity};
use crate::cli::options::Options;
use crate::cli::{Failure, output, serve};
use crate::config::{self, Application, Limits, Loaded};
use crate::pipeline::sandbox_limits;
use crate::script::protocol::{Bundle, SandboxLimits};
use crate::script::{WorkerCommand, catalogue, judge};
use crate::store::{AppDb, DataDir, HostId, SqlLimits, exposed_folder, exposed_key, read_migrations};

pub(super) fn run(options: &Options, json: bool) -> Result<(), Failure> {
    let scripts = options.scripts();
    let mut data = options.data.clone();
    let mut found = match config::load(options.params()) {
        Ok(Loaded { params, warnings }) => {
            let mut found = warnings;
            let folder = data.get_or_insert(params.host.data_dir);
            let kept = DataDir::existing(folder).ok();
            for application in params.applications.values() {
                let limits = SqlLimits::from(&application.limits);
                let database = kept.as_ref().map(|data| data.app_db(&application.id));
                found.extend(database.and_then(|file| limits.warning(&application.id, &file)));
                found.extend(application_problems(application, &scripts, options.params()));
            }
            found
        }
        Err(mut problems) => {
            // Which applications there are is not known now: every folder is taken for one.
            for app in folders(&scripts) {
                problems.extend(script_problems(&app, &scripts, &sandbox_limits(&Limits::default())).1);
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

/// The applications that have a folder, in the order of their names.
fn folders(scripts: &Path) -> BTreeSet<AppId> {
    let entries = std::fs::read_dir(scripts).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.filter_map(|entry| AppId::parse(entry.file_name().to_str()?).ok()).collect()
}

fn application_problems(application: &Application, scripts: &Path, params: &Path) -> Vec<Diagnostic> {
    let (bundle, mut found) = script_problems(&application.id, scripts, &sandbox_limits(&application.limits));
    let whatsapp = &application.whatsapp;
    let named = [
        ("whatsapp_callback", &whatsapp.whatsapp_callback),
        ("incoming_message", &whatsapp.incoming_message),
    ];
    for (key, action) in named {
        let (Some(bundle), Some(action)) = (&bundle, action) else { continue };
        if catalogue::actions(bundle).any(|known| known == action.as_str()) {
            continue;
        }
        let near = crate::base::nearest(action.as_str(), catalogue::actions(bundle));
        let help = near.map_or_else(
            || {
                let file = scripts.join(application.id.as_str()).join(format!("{action}.js"));
                format!("write {}", file.display())
            },
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("{key} of `{}` names `{action}`, which does not exist", application.id);
        found.push(Diagnostic::error("UNKNOWN_ACTION", message).at(Place::file(params)).help(help));
    }
    found
}

/// An application's scripts, if they can be read, and what is wrong with them and with its migrations.
fn script_problems(app: &AppId, scripts: &Path, limits: &SandboxLimits) -> (Option<Bundle>, Vec<Diagnostic>) {
    let folder = scripts.join(app.as_str());
    let mut found = Vec::new();
    let bundle = catalogue::read_bundle(scripts, app);
    match &bundle {
        Ok(bundle) => found.extend(judge::problems(&WorkerCommand::current_exe(), limits, bundle)),
        Err(error) => found.push(
            Diagnostic::error("SCRIPTS_UNREADABLE", error.to_string())
                .at(Place::file(&folder))
                .help("make the folder and put the application's actions into it"),
        ),
    }
    // Migrations are tried for real, all of them, on a database of their own that is thrown away.
    let migrated = read_migrations(&folder.join("migrations")).and_then(|migrations| {
        // In memory each page counts for the statement that writes it: what matters is what the file would take.
        let limits = SqlLimits { memory_mb: 4096, ..SqlLimits::default() };
        let db = AppDb::open(Path::new(":memory:"), &HostId("check".into()), limits)?;
        db.migrate(&migrations, crate::base::UnixMillis(0))
    });
    if let Err(error) = migrated {
        found.push(error.diagnostic());
    }
    (bundle.ok(), found)
}
