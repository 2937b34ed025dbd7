//! `messages`, `notifications`, `runs`: `list` and `show`, through the running host or from its ledger.

use std::sync::Arc;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{LineStyle, Table};
use serde_json::Value;

use crate::base::{AppId, CompanyId, Diagnostic, PhoneNumber, shown, shown_lines};
use crate::cli::failed::{self, View};
use crate::cli::options::{ListOptions, Options, ShowOptions, Which};
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::config;
use crate::control::mask::Recipients;
use crate::control::views::{self, Kind};
use crate::control::{ControlClient, ControlError};
use crate::pipeline::RecordedFailure;
use crate::store::{DataDir, Filter, Ledger, StoreError};

/// Where the rows come from.
pub(super) enum Source {
    Host(ControlClient),
    Ledger(Ledger),
    /// No host has run yet.
    Nothing,
}

/// `list`.
pub(super) async fn list(
    options: &Options,
    kind: Kind,
    list: &ListOptions,
    to: Option<&PhoneNumber>,
    recipients: Recipients,
) -> Result<(), Failure> {
    let filter = Filter {
        status: list.status.clone(),
        to: to.map(ToString::to_string),
        limit: Some(list.limit),
        ..filter(&list.which)
    };
    let rows = match source(options).await? {
        Source::Host(host) => host.list(kind, &filter, recipients).await.map_err(control)?,
        Source::Ledger(ledger) => views::list(&ledger, kind, &filter, recipients).map_err(store)?,
        Source::Nothing => Vec::new(),
    };
    if list.json {
        rows.iter().for_each(output::json);
    } else {
        table(kind, &rows);
    }
    Ok(())
}

/// `show`.
pub(super) async fn one(
    options: &Options,
    kind: Kind,
    asked: &ShowOptions,
    recipients: Recipients,
) -> Result<(), Failure> {
    show(&find(options, kind, &asked.id, recipients).await?, asked.json);
    Ok(())
}

/// `runs show`: how it failed is told as `run` tells it.
pub(super) async fn one_run(options: &Options, asked: &ShowOptions, full_stack: bool) -> Result<(), Failure> {
    let mut row = find(options, Kind::Runs, &asked.id, Recipients::Masked).await?;
    // A failure that an older version has recorded otherwise is shown as it is.
    let recorded = serde_json::from_value::<RecordedFailure>(row["error"].clone()).ok();
    let (Some(recorded), false) = (recorded, asked.json) else {
        show(&row, asked.json);
        return Ok(());
    };
    let taken = ["error", "runAgain"].map(|name| row.as_object_mut().and_then(|row| row.shift_remove(name)));
    describe(&row);
    let [error, run_again] = taken.map(Option::unwrap_or_default);
    let view = View { full_stack, vo: error.get("vo"), run_again: run_again.as_str() };
    output::line(format_args!("\n{}", failed::told(&recorded, view)));
    Ok(())
}

/// One row with all that belongs to it.
pub(super) async fn find(
    options: &Options,
    kind: Kind,
    id: &str,
    recipients: Recipients,
) -> Result<Value, Failure> {
    let row = match source(options).await? {
        Source::Host(host) => host.show(kind, id, recipients).await.map_err(control)?,
        Source::Ledger(ledger) => {
            views::show(&ledger, &|app| parameters(options, app), kind, id, recipients).map_err(store)?
        }
        Source::Nothing => None,
    };
    row.ok_or_else(|| {
        output::problem(&not_found(kind, id));
        Failure::Failed
    })
}

/// The rows that the options mean.
pub(super) fn filter(which: &Which) -> Filter {
    Filter {
        app: which.app.clone(),
        company: which.company.clone(),
        since: which.since,
        until: which.until,
        ..Filter::default()
    }
}

/// One row with all that belongs to it.
pub(super) fn show(row: &Value, json: bool) {
    if json {
        output::json(row);
    } else {
        describe(row);
    }
}

/// There is nothing of that id.
pub(super) fn not_found(kind: Kind, id: &str) -> Diagnostic {
    let (what, list) = match kind {
        Kind::Messages => ("message", "`boatswain messages list` shows"),
        Kind::Notifications => ("notification", "`boatswain notifications list` shows"),
        Kind::Runs => ("run", "`boatswain runs list` shows"),
        Kind::Traces => {
            ("message or notification", "`boatswain messages list` and `boatswain notifications list` show")
        }
    };
    Diagnostic::error("NOT_FOUND", format!("there is no {what} with the id `{}`", id.escape_debug()))
        .help(format!("{list} the newest with their ids"))
}

/// What an admin has set for an application, as far as it can be read.
pub(super) fn parameters(options: &Options, app: &AppId) -> Option<Arc<config::Application>> {
    config::load(options.params()).ok()?.params.applications.get(app).cloned()
}

pub(super) async fn source(options: &Options) -> Result<Source, Failure> {
    let Reached { data, host } = reach(options).await?;
    if let Some(host) = host {
        return Ok(Source::Host(host));
    }
    let file = DataDir::host_db_in(&data);
    if !file.exists() {
        return Ok(Source::Nothing);
    }
    Ok(Source::Ledger(Ledger::open(&file).map_err(store)?))
}

#[allow(clippy::needless_pass_by_value)] // for map_err
pub(super) fn store(error: StoreError) -> Failure {
    error.diagnostic().into()
}

#[allow(clippy::needless_pass_by_value)] // for map_err
pub(super) fn control(error: ControlError) -> Failure {
    if let ControlError::Refused { code, message, help, .. } = &error {
        output::note(format_args!("error[{code}]: {}", shown_lines(message)));
        if let Some(help) = help {
            output::note(format_args!("help: {}", shown_lines(help)));
        }
        return Failure::Failed;
    }
    Diagnostic::error("HOST_GONE", error.to_string()).help("look at the log of `boatswain serve`").into()
}

/// A column of a table: its heading, and the cell of a row.
type Column = (&'static str, fn(&Value) -> String);

/// A column that is one member.
macro_rules! member {
    ($name:literal) => {
        ($name, |row| text(&row[$name]))
    };
}

fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Messages => &[
            ("message", |row| text(if row["sid"].is_null() { &row["id"] } else { &row["sid"] })),
            ("application", application),
            member!("to"),
            member!("status"),
            member!("errorCode"),
            member!("createdAt"),
        ],
        Kind::Notifications => &[
            member!("id"),
            ("application", application),
            member!("messageSid"),
            member!("messageStatus"),
            member!("state"),
            member!("attempts"),
            member!("receivedAt"),
        ],
        Kind::Traces => &[],
        Kind::Runs => &[
            member!("id"),
            member!("notificationId"),
            ("action", |row| format!("{}/{}", text(&row["appId"]), text(&row["actionId"]))),
            member!("reason"),
            member!("attempts"),
            member!("cpuMs"),
            member!("wallMs"),
            member!("startedAt"),
        ],
    }
}

/// The application, and its company where there is one.
fn application(row: &Value) -> String {
    let (app, company) = (text(&row["appId"]), text(&row["companyId"]));
    if company == CompanyId::none().as_str() { app } else { format!("{app}/{company}") }
}

/// The columns that matter most, as a table; where a message is in doubt, also what happened.
fn table(kind: Kind, rows: &[Value]) {
    let mut table = Table::new();
    let mut columns = columns(kind).to_vec();
    if kind == Kind::Messages && rows.iter().any(|row| row["status"] == "unknown") {
        columns.push(member!("errorMessage"));
    }
    table
        .load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()))
        .set_header(columns.iter().map(|(heading, _)| heading));
    for row in rows {
        table.add_row(columns.iter().map(|(_, cell)| cell(row)));
    }
    output::line(table);
}

/// Every member on a line of its own; lists and objects below.
fn describe(row: &Value) {
    let Value::Object(members) = row else { return };
    for (name, value) in members {
        match value {
            Value::Array(items) => {
                output::line(format_args!("{name}:"));
                for item in items {
                    output::line(format_args!("  {item}"));
                }
            }
            Value::Object(inner) => {
                output::line(format_args!("{name}:"));
                for (name, value) in inner {
                    output::line(format_args!("  {}: {}", shown(name), text(value)));
                }
            }
            Value::String(lines) if name == "log" => {
                output::line("log:");
                lines.lines().for_each(|line| {
                    let (level, text) = line.split_once('\t').unwrap_or(("", line));
                    output::line(format_args!("  {level:5}  {}", shown(text)));
                });
            }
            other => output::line(format_args!("{name}: {}", text(other))),
        }
    }
}

/// What a cell shows.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text),
        other => other.to_string(),
    }
}
