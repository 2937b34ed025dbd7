//! What the log says of an application's files: what was taken over, why something was not, and what cannot run. A problem is
//! told as that of a run is: code and place in the record, the code frame and what to do below it (`cli::log`). A field of
//! which nothing is known is not there.

use tracing::field::display;

use crate::base::{AppId, Diagnostic};
use crate::runtime::reload::TakenOver;

/// The names of files that a line of the log takes.
const MOST_NAMES: usize = 12;

/// How many problems the log tells at a time.
const MOST_PROBLEMS: usize = 20;

pub(super) fn taken_over(taken: &TakenOver) {
    let TakenOver { app, from, to, changed } = taken;
    let mut names = changed.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    if changed.len() > MOST_NAMES {
        names = format!("{names} and {} more", changed.len() - MOST_NAMES);
    }
    match (from, to) {
        (Some(from), Some(to)) => {
            tracing::info!(%app, %from, %to, changed = %names, "changes are taken over");
        }
        (None, Some(to)) => tracing::info!(%app, version = %to, "a new application is taken in"),
        _ => tracing::info!(%app, "an application is gone: what waits for it goes on waiting"),
    }
}

/// Changes that are not taken over, of an application or of the parameter file.
pub(super) fn refused(app: Option<&AppId>, problems: &[Diagnostic]) {
    errors(app, "changes are refused, the version before stays in force", problems);
}

/// What was refused has been undone; without an application it is the parameter file.
pub(super) fn undone(app: Option<&AppId>) {
    let files = if app.is_some() { "the files are" } else { "the parameter file is" };
    tracing::info!(app = app.map(display), "what was refused is undone: {files} again what is in force");
}

/// Scripts in force that cannot be loaded.
pub(super) fn unloadable(app: &AppId, problems: &[Diagnostic]) {
    errors(Some(app), "a script cannot be loaded, and each run of it fails", problems);
}

/// Why none of an application's scripts is in force.
pub(super) fn no_scripts(app: &AppId, problem: &Diagnostic) {
    errors(Some(app), "the application has no scripts", std::slice::from_ref(problem));
}

fn errors(app: Option<&AppId>, what: &str, problems: &[Diagnostic]) {
    let app = app.map(display);
    for problem in problems.iter().take(MOST_PROBLEMS) {
        tracing::error!(
            app,
            code = problem.code,
            place = problem.place.as_ref().map(display),
            code_frame = problem.code_frame,
            help = problem.help,
            "{what}: {}",
            problem.message
        );
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        tracing::error!(app, more, "there is more that is wrong: `boatswain check` tells everything");
    }
}

pub(super) fn warning(app: Option<&AppId>, warning: &Diagnostic) {
    tracing::warn!(
        app = app.map(display),
        code = warning.code,
        place = warning.place.as_ref().map(display),
        code_frame = warning.code_frame,
        help = warning.help,
        "{}",
        warning.message
    );
}
