//! What the log says of changes: a line for each that was taken over, and one for each reason why one was not.

use crate::base::{AppId, Diagnostic};
use crate::runtime::reload::TakenOver;

/// The names of files that a line of the log takes.
const MOST_NAMES: usize = 12;

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

/// How many problems of one refusal the log tells.
const MOST_PROBLEMS: usize = 20;

pub(super) fn refused(app: Option<&AppId>, problems: &[Diagnostic]) {
    let app = app.map_or("all", AppId::as_str);
    for problem in problems.iter().take(MOST_PROBLEMS) {
        tracing::error!(
            app, code = problem.code, place = %place(problem), help = %help(problem),
            "changes are refused, the version before stays in force: {}", problem.message
        );
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        tracing::error!(app, more, "there is more that is wrong: `boatswain check` tells everything");
    }
}

pub(super) fn warning(warning: &Diagnostic) {
    tracing::warn!(code = warning.code, place = %place(warning), help = %help(warning), "{}", warning.message);
}

fn place(problem: &Diagnostic) -> String {
    problem.place.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn help(problem: &Diagnostic) -> &str {
    problem.help.as_deref().unwrap_or_default()
}
