//! What is wrong with an application's folder: actions, modules, tests, migrations.

use std::collections::BTreeSet;
use std::path::Path;

use super::sql;
use crate::base::{ActionId, AppId, Diagnostic, Place, UnixMillis, nearest, shown};
use crate::config::{self, Application, Params};
use crate::host;
use crate::pipeline::sandbox_limits;
use crate::runtime::unknown_actions;
use crate::script::judge::{self, Review};
use crate::script::protocol::{Bundle, SandboxLimits};
use crate::script::{WorkerCommand, catalogue};
use crate::store::{
    AppDb, HostId, SqlLimits, StoreError, begin_anew, gone_migrations, read_migrations, refused_migrations,
};
use crate::whatsapp::{fields, incoming};

/// Everything that is wrong with the scripts of an application.
pub(super) fn of_application(application: &Application, scripts: &Path, params: &Path) -> Vec<Diagnostic> {
    let whatsapp = &application.whatsapp;
    let status = whatsapp.whatsapp_callback.as_ref();
    let incoming = whatsapp.incoming_message.as_ref();
    let folder = Folder { app: &application.id, scripts, vo: fields_of_vo(status, incoming) };
    let (bundle, mut found) = folder.problems(&sandbox_limits(&application.limits));
    let Some(bundle) = bundle else { return found };
    for (key, problem) in unknown_actions(application, &bundle, scripts) {
        let place = config::place_of(params, &["applications", application.id.as_str(), "WHATSAPP", key]);
        found.push(problem.at(place));
    }
    found
}

/// What `check` says of an action and its modules that shows in no error: text taken for an object, a promise that nobody
/// waits for, an action that calls none of its functions, a field of `vo` that is called otherwise.
pub(in crate::cli) fn silent_mistakes(
    application: &Application,
    scripts: &Path,
    action: &ActionId,
) -> Vec<Diagnostic> {
    const SILENT: [&str; 4] = ["OUTCOME_NOT_PARSED", "NOT_AWAITED", "NOTHING_RUNS", "VO_FIELD"];
    let whatsapp = &application.whatsapp;
    let vo = fields_of_vo(whatsapp.whatsapp_callback.as_ref(), whatsapp.incoming_message.as_ref());
    let Ok(mut bundle) = catalogue::read_bundle(scripts, &application.id) else { return Vec::new() };
    let own = format!("{action}.js");
    bundle.files.retain(|file| file.path == own || file.path.starts_with("lib/"));
    let review = Review {
        app_id: application.id.as_str(),
        bundle: &bundle,
        tests: &[],
        functions: host::specs(),
        shapes: host::shapes(),
        vo,
    };
    let command = WorkerCommand::current_exe();
    let mut found = judge::review(&command, &sandbox_limits(&application.limits), &review).found;
    found.retain(|problem| SILENT.contains(&problem.code));
    found
}

/// The same of a folder of which no parameters are known.
pub(super) fn of_folder(app: &AppId, scripts: &Path, limits: &SandboxLimits) -> Vec<Diagnostic> {
    Folder { app, scripts, vo: Vec::new() }.problems(limits).1
}

/// Folders beside those of applications, whose scripts never run.
pub(super) fn of_nobody(params: &Params, scripts: &Path) -> Vec<Diagnostic> {
    let known = || params.applications.keys().map(AppId::as_str);
    let others = folders(scripts).filter(|name| !known().any(|known| known == name));
    let warnings = others.map(|name| {
        let help = nearest(&name, known()).map_or_else(
            || format!("add a section `[applications.{name}.WHATSAPP]`, or move the folder away"),
            |near| format!("did you mean `{near}`? A folder is called exactly as its application"),
        );
        let message = format!("there is no application `{name}`, so nothing in this folder runs");
        Diagnostic::warning("UNUSED_FOLDER", message).at(Place::file(scripts.join(&name))).help(help)
    });
    warnings.collect()
}

/// The names of the folders in `scripts`, in order, hidden ones aside.
pub(super) fn folders(scripts: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(scripts).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect::<BTreeSet<_>>().into_iter()
}

/// Migrations that were changed, or taken away, after the data folder's database had them.
pub(super) fn changed(app: &AppId, scripts: &Path, database: &Path) -> Vec<Diagnostic> {
    let folder = scripts.join(app.as_str()).join("migrations");
    // What cannot be read is told where migrations are tried.
    let Ok(migrations) = read_migrations(&folder) else { return Vec::new() };
    let mut found: Vec<_> =
        refused_migrations(database, &migrations).iter().map(StoreError::diagnostic).collect();
    found.extend(gone_migrations(database, &migrations).iter().map(|name| {
        let message = format!("{} was applied to the database of `{app}`, and its file is gone", shown(name));
        Diagnostic::warning("MIGRATION_GONE", message).at(Place::file(folder.join(name))).help(format!(
            "put it back: a new database would be another; what is to be undone is undone in a new file; {}",
            begin_anew(database)
        ))
    }));
    found
}

/// The fields that the `vo` of the configured actions has. An action that is configured for both may get either.
fn fields_of_vo<'a>(
    status: Option<&'a ActionId>,
    incoming: Option<&'a ActionId>,
) -> Vec<(&'a str, Vec<String>)> {
    let of =
        |names: &[&str], added: &[&str]| names.iter().chain(added).map(|name| (*name).to_owned()).collect();
    let status = status.map(|action| (action.as_str(), of(fields::OF_STATUS_CALLBACK, &["companyId"])));
    let incoming =
        incoming.map(|action| (action.as_str(), of(fields::OF_INCOMING_MESSAGE, &incoming::ADDED)));
    status.into_iter().chain(incoming).collect()
}

/// An application's folder.
struct Folder<'a> {
    app: &'a AppId,
    scripts: &'a Path,
    /// The fields of the `vo` of actions, as far as they are known.
    vo: Vec<(&'a str, Vec<String>)>,
}

impl Folder<'_> {
    fn path(&self) -> std::path::PathBuf {
        self.scripts.join(self.app.as_str())
    }

    /// The scripts, if they can be read, and what is wrong with them and with the migrations.
    fn problems(&self, limits: &SandboxLimits) -> (Option<Bundle>, Vec<Diagnostic>) {
        let (mut found, mut statements) = (Vec::new(), Vec::new());
        let bundle = catalogue::read_bundle(self.scripts, self.app);
        match &bundle {
            Ok(bundle) => {
                let (own, foreign) = without_packages(bundle);
                found.extend(self.packages(foreign));
                found.extend(self.other_dialects());
                let tests = catalogue::read_tests(self.scripts, self.app).unwrap_or_default();
                let review = Review {
                    app_id: self.app.as_str(),
                    bundle: &own,
                    tests: &tests,
                    functions: host::specs(),
                    shapes: host::shapes(),
                    vo: self.vo.clone(),
                };
                let reviewed = judge::review(&WorkerCommand::current_exe(), limits, &review);
                found.extend(reviewed.found);
                statements = reviewed.statements;
            }
            Err(error) => found.push(
                Diagnostic::error("SCRIPTS_UNREADABLE", error.to_string())
                    .at(Place::file(self.path()))
                    .help("make the folder and put the application's actions into it"),
            ),
        }
        found.extend(self.unread_sql());
        match self.migrated() {
            Ok(db) => found.extend(sql::problems(&db, self.app, statements)),
            Err(error) => found.push(error.of_trial()),
        }
        (bundle.ok(), found)
    }

    /// A database of its own that is thrown away, on which all migrations are tried for real.
    fn migrated(&self) -> Result<AppDb, StoreError> {
        let migrations = read_migrations(&self.path().join("migrations"))?;
        // In memory each page counts for the statement that writes it: what matters is what the file would take.
        let limits = SqlLimits { memory_mb: 4096, ..SqlLimits::default() };
        let db = AppDb::open(Path::new(":memory:"), &HostId("check".into()), limits)?;
        db.migrate(&migrations, UnixMillis(0))?;
        Ok(db)
    }

    /// Files that look like scripts to their author, and to nobody else.
    fn other_dialects(&self) -> Vec<Diagnostic> {
        let files = catalogue::in_other_dialects(self.scripts, self.app).unwrap_or_default();
        let own = files.into_iter().filter(|path| !is_package(path));
        let warnings = own.map(|path| {
            let what = "is never loaded: actions and modules are files `*.js`";
            let help = if path.ends_with("ts") || path.ends_with("tsx") {
                "compile it to a file `.js` that uses require, and leave the source elsewhere"
            } else {
                "rename it to `.js`, and write require and module.exports instead of import and export"
            };
            let place = Place::file(self.path().join(&path));
            Diagnostic::warning("FOREIGN_FILE", format!("`{path}` {what}")).at(place).help(help)
        });
        warnings.collect()
    }

    /// Files that look like migrations to their author, and are none: one of each folder is told.
    fn unread_sql(&self) -> Vec<Diagnostic> {
        let files = catalogue::sql_files(self.scripts, self.app).unwrap_or_default();
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for path in files.into_iter().filter(|path| !is_package(path)) {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let (what, help) = if folder == "migrations" {
                let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
                if ending == "sql" {
                    continue;
                }
                (path.clone(), format!("rename it to `{}.sql`", shown(stem)))
            } else if !told.insert(folder.to_owned()) {
                continue;
            } else if nearest(folder, ["migrations"]).is_none() {
                let help = "move what is to be applied into `migrations/`, and the rest out of the application's folder";
                (path.clone(), help.to_owned())
            } else if self.path().join("migrations").exists() {
                (format!("{folder}/"), "move its files into `migrations/`".to_owned())
            } else {
                (format!("{folder}/"), "rename it to `migrations`".to_owned())
            };
            let message =
                format!("`{}` is never applied: migrations are files `migrations/*.sql`", shown(&what));
            let place = Place::file(self.path().join(what.trim_end_matches('/')));
            found.push(Diagnostic::warning("FOREIGN_FILE", message).at(place).help(help));
        }
        found
    }

    /// Packages of Node.js in the application's folder: each of their files counts as an action.
    fn packages(&self, files: usize) -> Option<Diagnostic> {
        (files > 0).then(|| {
            let message =
                format!("packages of Node.js are not used here, and their {files} files count as actions");
            Diagnostic::warning("FOREIGN_FILE", message)
                .at(Place::file(self.path().join("node_modules")))
                .help("move the folder away, and put what the actions need of it into lib/")
        })
    }
}

fn is_package(path: &str) -> bool {
    path.split('/').any(|segment| segment == "node_modules")
}

/// The bundle without files of packages, and how many these are.
fn without_packages(bundle: &Bundle) -> (Bundle, usize) {
    let mut own = bundle.clone();
    own.files.retain(|file| !is_package(&file.path));
    let foreign = bundle.files.len() - own.files.len();
    (own, foreign)
}
