//! `boatswain run <appId>/<actionId>`: one run; stdout is the return value and nothing else.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::base::{ActionId, AppId, CompanyId, Diagnostic, Place, shown, shown_lines};
use crate::cli::check::scripts::silent_mistakes;
use crate::cli::failed::{self, View};
use crate::cli::options::{LogFormat, Options, RunOptions};
use crate::cli::reach::{Worksite, worksite};
use crate::cli::{Failure, output, serve};
use crate::config::{Application, Params};
use crate::control::{ControlError, RunOrder};
use crate::pipeline::{CallMade, DirectRun, RecordedFailure, RunReport};
use crate::script::catalogue;
use crate::script::protocol::Returned;

pub(super) async fn run(options: &Options, how: &RunOptions) -> Result<(), Failure> {
    let worksite = worksite(options).await?;
    let order = order(worksite.params(), &how.action, &how.vo, how.company.as_deref())?;
    let (app, action) = (order.app.clone(), order.action.clone());
    let application = worksite.params().and_then(|params| params.applications.get(&app).cloned());
    let report = carry_out(options, worksite, order).await?;
    warn_of_another_version(options, &app, &report);
    if let (Ok(_), Some(application)) = (&report.result, application) {
        // A run that went well by mistake says nothing of it.
        for mistake in silent_mistakes(&application, &options.scripts(), &action) {
            output::problem(&mistake);
        }
    }
    print(options, how, &report)
}

/// A host that is up may have refused what is in the files, or not have looked yet: then it is not what ran.
fn warn_of_another_version(options: &Options, app: &AppId, report: &RunReport) {
    let Ok(bundle) = catalogue::read_bundle(&options.scripts(), app) else { return };
    if report.script_version.is_empty() || bundle.version == report.script_version {
        return;
    }
    let message = format!(
        "the host ran version {} of the scripts of `{app}`, and the files here are version {}: it has refused them, or not \
         looked at them yet",
        report.script_version, bundle.version
    );
    output::problem(
        &Diagnostic::warning("ANOTHER_VERSION", message)
            .at(Place::file(options.scripts().join(app.as_str())))
            .help("`boatswain check` shows what is wrong with them; the log of `boatswain serve` too"),
    );
}

/// Has the host that is up run it, or one that is started for it.
pub(super) async fn carry_out(
    options: &Options,
    worksite: Worksite,
    order: RunOrder,
) -> Result<RunReport, Failure> {
    match worksite {
        Worksite::Host { host, .. } => host.run(&order).await.map_err(refused),
        Worksite::Here(params) => by_itself(options, params, order).await,
    }
}

fn order(
    params: Option<&Params>,
    action: &str,
    vo: &str,
    company: Option<&str>,
) -> Result<RunOrder, Failure> {
    let usage = |message: String| Diagnostic::error("USAGE", message);
    let example = "give `<appId>/<actionId>`, for example `demo/confirmOrder`";
    let (app, action) = action
        .split_once('/')
        .ok_or_else(|| usage(format!("`{}` does not name an action", action.escape_debug())).help(example))?;
    let action = ActionId::parse(action.strip_suffix(".js").unwrap_or(action))
        .map_err(|error| usage(error.to_string()).help(example))?;
    order_of(params, app, action, read_vo(vo)?, company)
}

/// An order, if application and company can be; without parameters the host says whether there is the application.
pub(super) fn order_of(
    params: Option<&Params>,
    app: &str,
    action: ActionId,
    vo: serde_json::Value,
    company: Option<&str>,
) -> Result<RunOrder, Failure> {
    let usage = |message: String| Diagnostic::error("USAGE", message);
    let app = AppId::parse(app)
        .map_err(|error| usage(error.to_string()).help("name an application of the parameters"))?;
    let company = match company {
        None => CompanyId::none(),
        Some(text) => CompanyId::parse(text).map_err(|error| {
            usage(error.to_string()).help("without `--company` it is `NODEFINED`, the application itself")
        })?,
    };
    if let Some(params) = params {
        let Some(application) = params.applications.get(&app) else {
            return Err(unknown_application(params, &app).into());
        };
        warn_of_company(application, &company);
    }
    Ok(RunOrder { app, action, company, vo })
}

fn unknown_application(params: &Params, app: &AppId) -> Diagnostic {
    let known = params.applications.keys().map(AppId::as_str);
    let help = match crate::base::nearest(app.as_str(), known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if params.applications.is_empty() => "the file has no applications".to_owned(),
        None => format!("the file has: {}", known.collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::error("UNKNOWN_APPLICATION", format!("there is no application `{app}`"))
        .at(Place::file(&params.file))
        .help(help)
}

/// Companies need not be declared; one that is called nearly as one that is may be a slip.
fn warn_of_company(application: &Application, company: &CompanyId) {
    if *company == CompanyId::none() || application.companies.contains_key(company) {
        return;
    }
    let declared = application.companies.keys().map(CompanyId::as_str);
    if let Some(near) = crate::base::nearest(company.as_str(), declared) {
        let message = format!("`{}` declares no company `{company}`", application.id);
        let help = format!("did you mean `{near}`? An undeclared company has what the application has");
        output::problem(&Diagnostic::warning("UNDECLARED_COMPANY", message).help(help));
    }
}

/// What is read of a `vo`, at most: no application takes as much (`limits.vo_kb`).
const MOST_VO: u64 = 64 << 20;

fn read(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    if from.take(MOST_VO).read_to_string(&mut text)? as u64 == MOST_VO {
        return Err(std::io::Error::other("it has 64 MiB or more"));
    }
    Ok(text)
}

fn read_vo(vo: &str) -> Result<serde_json::Value, Failure> {
    let unreadable = |name: &str, error: std::io::Error| {
        Failure::from(
            Diagnostic::error("VO_UNREADABLE", format!("`vo` cannot be read: {error}"))
                .at(Place::file(name))
                .help("give JSON itself, `@FILE` with a file of UTF-8 text, or `-` for stdin"),
        )
    };
    let (name, text) = if vo == "-" {
        ("<stdin>", read(std::io::stdin()).map_err(|error| unreadable("<stdin>", error))?)
    } else if let Some(file) = vo.strip_prefix('@') {
        (file, File::open(file).and_then(read).map_err(|error| unreadable(file, error))?)
    } else {
        ("--vo", vo.to_owned())
    };
    // Editors of Windows begin a file with a byte order mark.
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text)).map_err(|error| {
        let place = Place::at(
            name,
            u32::try_from(error.line()).unwrap_or(0).max(1),
            u32::try_from(error.column()).unwrap_or(0).max(1),
        );
        let help = if name == "--vo" && Path::new(vo).is_file() {
            format!("there is a file of that name: --vo @{vo}")
        } else {
            "quote names and strings with double quotes: --vo '{\"orderId\": 7}'".to_owned()
        };
        Diagnostic::error("VO_NOT_JSON", format!("`vo` is not JSON: {error}")).at(place).help(help).into()
    })
}

async fn by_itself(options: &Options, params: Params, order: RunOrder) -> Result<RunReport, Failure> {
    // Only the application that runs is opened: another's broken migration is not in the way.
    let mut params = params;
    params.applications.retain(|id, _| *id == order.app);
    let host = serve::builder(options, params).workbench().await?;
    let run = DirectRun { action: order.action, company: order.company, vo: Arc::new(order.vo) };
    let report = host.run(&order.app, run).await;
    host.stop(Duration::from_secs(5)).await;
    report.map_err(|error| error.diagnostic().into())
}

fn refused(error: ControlError) -> Failure {
    match error {
        ControlError::Gone(_) => Diagnostic::error(
            "HOST_GONE",
            format!("{error}; whether the run took place is not known"),
        )
        .help(
            "`boatswain runs list` shows it if it came to its end, and `boatswain messages list` what it has \
                     sent; the log of `boatswain serve` says why the host went",
        )
        .into(),
        ControlError::Refused { code, message, help, .. } => {
            let known = ["VO_TOO_LARGE", "UNKNOWN_APPLICATION"].into_iter().find(|known| *known == code);
            let diagnostic = Diagnostic::error(known.unwrap_or("NOT_RUN"), message);
            match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }
            .into()
        }
    }
}

fn print(options: &Options, how: &RunOptions, report: &RunReport) -> Result<(), Failure> {
    let json = options.log_format == LogFormat::Json;
    for line in &report.log {
        let level = line.level.as_str();
        if json {
            output::note_json(json!({ "level": level, "message": line.text }));
        } else {
            output::note(format_args!("{level:5} {}", shown_lines(&line.text)));
        }
    }
    if how.calls {
        tell_calls(report, json);
    }
    match &report.result {
        Ok(Returned::Undefined) => Ok(()),
        Ok(Returned::String(text) | Returned::Json(text)) => {
            output::returned(text);
            Ok(())
        }
        Err(failure) => {
            let recorded = RecordedFailure {
                failure: failure.clone(),
                evidence: report.evidence.clone().unwrap_or_default(),
            };
            tell(options, how, &recorded);
            Err(Failure::Failed)
        }
    }
}

/// Tells on stderr which host functions were called, when, and how long each took.
fn tell_calls(report: &RunReport, json: bool) {
    for call in &report.calls {
        if json {
            // Strings and numbers: it always serializes.
            let mut told = serde_json::to_value(call).unwrap_or_default();
            told["level"] = "call".into();
            output::note_json(told);
            continue;
        }
        let threw = call.threw.as_deref().map(|what| format!("  threw {}", shown(what))).unwrap_or_default();
        let CallMade { function, at_ms, took_ms, .. } = call;
        output::note(format_args!(
            "call  at {at_ms:>8.1} ms  took {took_ms:>8.1} ms  utils.{function}{threw}"
        ));
    }
    if !json {
        let used = &report.used;
        let (cpu, wall) = (used.cpu.as_secs_f64() * 1000.0, used.wall.as_secs_f64() * 1000.0);
        output::note(format_args!(
            "host calls: {}; {wall:.1} ms, of which {cpu:.1} ms in JavaScript",
            used.host_calls
        ));
    }
}

/// Tells a failure on stderr. What was typed a moment ago is not said again: only a `vo` that came through a pipe is gone.
fn tell(options: &Options, how: &RunOptions, recorded: &RecordedFailure) {
    let company = how.company.as_deref().unwrap_or(CompanyId::none().as_str()).to_owned();
    let (app, action) = how.action.split_once('/').unwrap_or_default();
    let again = recorded.evidence.run_again(app, action.strip_suffix(".js").unwrap_or(action), &company);
    let vo = recorded.evidence.masked_vo();
    if options.log_format == LogFormat::Json {
        // Strings and numbers: a failure always serializes.
        let mut told = serde_json::to_value(recorded).unwrap_or_default();
        told["level"] = "error".into();
        told["vo"] = vo;
        told["runAgain"] = again.into();
        output::note_json(told);
        return;
    }
    let piped = how.vo == "-";
    let view =
        View { full_stack: how.full_stack, vo: piped.then_some(&vo), run_again: piped.then_some(&*again) };
    output::note(failed::told(recorded, view));
}
