//! `pause`, `resume`, `opt-outs`: who is not written to.

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde_json::Value;

use crate::base::{AppId, Clock, CompanyId, CountryPrefix, Diagnostic, PhoneNumber, SystemClock};
use crate::cli::look::{control, store};
use crate::cli::options::{OptOutsCommand, Options, Whom};
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::config;
use crate::control::ControlError;
use crate::control::fences::{application, unknown_application};
use crate::store::{DataDir, Fence, Filter, HostDb, Ledger};

/// `pause APP`, or the list of what is paused.
pub(super) async fn pause(
    options: &Options,
    app: Option<&str>,
    company: Option<&str>,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let Some(app) = app else { return list_pauses(options).await };
    let (app, company) = named(app, company)?;
    let reason = reason.map(str::to_owned);
    let what = shown(&app, company.as_ref());
    let changed = change(options, Fence::Pause { app, company, reason }).await?;
    say(
        changed,
        &format!("{what} sends nothing from now on; its notifications run as before"),
        &format!("{what} was paused already"),
    );
    Ok(())
}

pub(super) async fn resume(options: &Options, app: &str, company: Option<&str>) -> Result<(), Failure> {
    let (app, company) = named(app, company)?;
    let what = shown(&app, company.as_ref());
    let changed = change(options, Fence::Resume { app, company }).await?;
    say(changed, &format!("{what} sends again"), &format!("{what} was not paused"));
    Ok(())
}

pub(super) async fn opt_outs(options: &Options, command: &OptOutsCommand) -> Result<(), Failure> {
    match command {
        OptOutsCommand::List { app, company, json, unmask } => {
            let filter = Filter { app: app.clone(), company: company.clone(), ..Filter::default() };
            let mut rows = rows(options, "opt-outs", &filter).await?;
            for row in rows.iter_mut().filter(|_| !unmask) {
                let masked = row["recipient"].as_str().and_then(|to| PhoneNumber::sender(to).ok());
                row["recipient"] = masked.map_or(Value::Null, |to| Value::from(to.masked()));
            }
            table(&rows, &["appId", "companyId", "recipient", "since", "reason"], *json);
        }
        OptOutsCommand::Add(whom) => {
            let (app, company, recipient) = person(whom)?;
            let what = format!("{company} of {app}");
            let reason = "admin".to_owned();
            let changed = change(options, Fence::OptOut { app, company, recipient, reason }).await?;
            say(
                changed,
                &format!("{what} does not write to this number any more"),
                &format!("{what} did not write to this number before"),
            );
        }
        OptOutsCommand::Remove(whom) => {
            let (app, company, recipient) = person(whom)?;
            let what = format!("{company} of {app}");
            let changed = change(options, Fence::OptIn { app, company, recipient }).await?;
            say(
                changed,
                &format!("{what} may write to this number again"),
                &format!("this number has not opted out of {what}"),
            );
        }
    }
    Ok(())
}

async fn list_pauses(options: &Options) -> Result<(), Failure> {
    let rows = rows(options, "pauses", &Filter::default()).await?;
    table(&rows, &["appId", "companyId", "since", "reason"], false);
    Ok(())
}

/// Makes a change through the running host, or in its absence; `false`: it was so already.
async fn change(options: &Options, fence: Fence) -> Result<bool, Failure> {
    let Reached { data, host } = reach(options).await?;
    if let Some(host) = host {
        return host.fence(&fence).await.map_err(|error| match error {
            ControlError::Refused { code, .. } if code == "UNKNOWN_APPLICATION" => {
                unknown_application(application(&fence)).into()
            }
            other => control(other),
        });
    }
    let app = application(&fence);
    if !config::load(options.params())?.params.applications.contains_key(app) {
        return Err(unknown_application(app).into());
    }
    let data = DataDir::create(&data).map_err(store)?;
    let _lock = data.lock().map_err(store)?;
    let mut db = HostDb::open(&data.host_db()).map_err(store)?;
    db.fence(&fence, SystemClock.now()).map_err(store)
}

async fn rows(options: &Options, what: &str, filter: &Filter) -> Result<Vec<Value>, Failure> {
    let Reached { data, host } = reach(options).await?;
    if let Some(host) = host {
        return host.fences(what, filter).await.map_err(control);
    }
    let file = DataDir::host_db_in(&data);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let ledger = Ledger::open(&file).map_err(store)?;
    let rows = match what {
        "pauses" => serde_json::to_value(ledger.pauses().map_err(store)?),
        _ => serde_json::to_value(
            ledger.opt_outs(filter.app.as_deref(), filter.company.as_deref()).map_err(store)?,
        ),
    };
    Ok(rows.ok().and_then(|rows| rows.as_array().cloned()).unwrap_or_default())
}

fn table(rows: &[Value], columns: &[&str], json: bool) {
    if json {
        return rows.iter().for_each(output::json);
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| crate::base::shown(row[*column].as_str().unwrap_or(""))));
    }
    output::line(table);
}

/// What is so from now on, or was so before.
fn say(changed: bool, now: &str, before: &str) {
    output::line(if changed { now } else { before });
}

fn named(app: &str, company: Option<&str>) -> Result<(AppId, Option<CompanyId>), Failure> {
    let wrong = |error: crate::base::InvalidId| Diagnostic::error("INVALID_VALUE", error.to_string());
    let app = AppId::parse(app).map_err(wrong)?;
    Ok((app, company.map(CompanyId::parse).transpose().map_err(wrong)?))
}

fn person(whom: &Whom) -> Result<(AppId, CompanyId, PhoneNumber), Failure> {
    let (app, company) = named(&whom.app, Some(&whom.company))?;
    let international = whom.number.starts_with('+') || whom.number.starts_with("00");
    let number =
        PhoneNumber::recipient(&whom.number, CountryPrefix::default()).ok().filter(|_| international);
    let number = number.ok_or_else(|| {
        Diagnostic::error("INVALID_PHONE_NUMBER", "this is not a phone number in international form")
            .help("write a plus, the country's code and the number: +393331234567")
    })?;
    Ok((app, company.unwrap_or_else(CompanyId::none), number))
}

fn shown(app: &AppId, company: Option<&CompanyId>) -> String {
    company.map_or_else(|| app.to_string(), |company| format!("{company} of {app}"))
}
