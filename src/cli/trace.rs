//! `boatswain trace SID`: a message, its notifications, and the runs and their logs, as one story.

use serde_json::Value;

use crate::base::{shown, shown_lines};
use crate::cli::look::{self, text};
use crate::cli::options::{Options, ShowOptions};
use crate::cli::{Failure, output};
use crate::control::mask::Recipients;
use crate::control::views::Kind;

pub(super) async fn run(
    options: &Options,
    asked: &ShowOptions,
    recipients: Recipients,
) -> Result<(), Failure> {
    let trace = look::find(options, Kind::Traces, &asked.id, recipients).await?;
    if asked.json {
        output::json(&trace);
    } else {
        headline(&trace["message"]);
        for event in in_order(&trace) {
            event.tell();
        }
        conclusion(&trace);
    }
    Ok(())
}

/// Something that has happened, and when.
struct Happened<'a> {
    at: &'a str,
    what: String,
    /// The run that it started.
    run: Option<&'a Value>,
}

fn headline(message: &Value) {
    if message.is_null() {
        return;
    }
    let sid = message["sid"].as_str().map_or_else(|| "no sid".to_owned(), shown);
    let (app, company) = (text(&message["appId"]), text(&message["companyId"]));
    let (to, from) = (text(&message["to"]), text(&message["from"]));
    output::line(format_args!("message {sid} of {app} ({company}) to {to} from {from}"));
    output::line(format_args!("        {} (the host's id)\n", text(&message["id"])));
}

/// Everything in the order of time.
fn in_order(trace: &Value) -> Vec<Happened<'_>> {
    let mut all = Vec::new();
    if let Some(run) = trace.get("sentBy").filter(|run| run.is_object()) {
        let what = format!("notification {} starts the run that sends", text(&run["notificationId"]));
        all.push(Happened { at: moment(&run["startedAt"]), what, run: Some(run) });
    }
    // Callbacks and polls are notifications, which are told with their runs.
    let history = trace["message"]["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    for entry in history.iter().filter(|entry| !matches!(entry["source"].as_str(), Some("callback" | "poll")))
    {
        let code = code(&entry["errorCode"]);
        let what = match (text(&entry["source"]).as_str(), text(&entry["status"]).as_str()) {
            ("host", "sending") => "the host sends".to_owned(),
            ("answer", status) => format!("Twilio answers: {status}{code}"),
            (source, status) => format!("{source}: {status}{code}"),
        };
        all.push(Happened { at: moment(&entry["at"]), what, run: None });
    }
    for notification in trace["notifications"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let status = text(&notification["messageStatus"]);
        let code = code(&notification["form"]["ErrorCode"]);
        let (id, state) = (text(&notification["id"]), text(&notification["state"]));
        let said = match notification["source"].as_str() {
            Some("message") => "somebody writes".to_owned(),
            Some("poll") => format!("Twilio says when it is asked: {status}{code}"),
            _ => format!("Twilio calls back: {status}{code}"),
        };
        let what = format!("{said} (notification {id}, {state})");
        let run = Some(&notification["run"]).filter(|run| run.is_object());
        all.push(Happened { at: moment(&notification["receivedAt"]), what, run });
    }
    all.sort_by(|a, b| a.at.cmp(b.at)); // RFC 3339 in UTC, of one length
    all
}

impl Happened<'_> {
    fn tell(&self) {
        output::line(format_args!("{}  {}", self.at, self.what));
        let Some(run) = self.run else { return };
        let (action, version) = (text(&run["actionId"]), text(&run["scriptVersion"]));
        let (id, reason, attempts) = (text(&run["id"]), text(&run["reason"]), text(&run["attempts"]));
        let wall = run["wallMs"].as_f64().unwrap_or_default();
        let again = if attempts == "1" { String::new() } else { format!(", attempt {attempts}") };
        output::line(format_args!(
            "{INDENT}run {id} of {action} (version {version}{again}): {reason} in {wall:.1} ms"
        ));
        for line in run["log"].as_str().unwrap_or_default().lines() {
            let (level, said) = line.split_once('\t').unwrap_or(("", line));
            output::line(format_args!("{INDENT}  {level:5} {}", shown(said)));
        }
        if let Some(message) = run["error"]["message"].as_str() {
            output::line(format_args!("{INDENT}  {}", shown_lines(message)));
            for frame in run["error"]["frames"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let (file, line, column) = (text(&frame["file"]), &frame["line"], &frame["column"]);
                output::line(format_args!("{INDENT}  --> {file}:{line}:{column}"));
            }
        } else if let Some(result) = run["result"].as_str() {
            output::line(format_args!("{INDENT}  returned {}", shown(result)));
        }
    }
}

/// Below a moment.
const INDENT: &str = "                          ";

fn conclusion(trace: &Value) {
    let message = &trace["message"];
    if message.is_null() {
        return;
    }
    let code = code(&message["errorCode"]);
    let why = message["errorMessage"].as_str().map(|why| format!(": {}", shown(why))).unwrap_or_default();
    output::line(format_args!("\nnow it is {}{code}{why}", text(&message["status"])));
    if let Some(due) = message["nextPollAt"].as_str() {
        output::line(format_args!("Twilio is asked again at {}", shown(due)));
    }
}

fn moment(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn code(value: &Value) -> String {
    let code = text(value);
    if code.is_empty() { code } else { format!(", {code}") }
}
