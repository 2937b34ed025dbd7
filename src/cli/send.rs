//! `boatswain send <appId> +39… "ciao"`: one message, to see that everything is set up.
//!
//! It goes the way of every other: a run by hand, of an action of the host's own, so that caps, opt-outs and the ledger
//! are those of any message.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::base::{ActionId, Diagnostic, shown, shown_lines};
use crate::cli::options::Options;
use crate::cli::reach::worksite;
use crate::cli::{Failure, output, run};
use crate::script::protocol::Returned;
use crate::whatsapp::Outcome;

/// A message.
#[derive(Debug, Args)]
pub(super) struct SendOptions {
    /// The application that sends.
    #[arg(value_name = "APP")]
    app: String,
    /// The recipient, as an action may write it: `+39…`, or national.
    number: String,
    /// The text.
    #[arg(required_unless_present_any = ["media", "template"])]
    text: Option<String>,
    /// A medium's public URL.
    #[arg(long, value_name = "URL")]
    media: Option<String>,
    /// A template's `HX…`.
    #[arg(long, value_name = "SID", conflicts_with_all = ["text", "media"])]
    template: Option<String>,
    /// The template's variables.
    #[arg(long, value_name = "JSON", requires = "template")]
    variables: Option<String>,
    /// The company that sends.
    #[arg(long, value_name = "ID")]
    company: Option<String>,
    /// The outcome as one object on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: &Options, send: &SendOptions) -> Result<(), Failure> {
    let worksite = worksite(options).await?;
    let mut message = Map::new();
    for (name, value) in [
        ("to", Some(&send.number)),
        ("body", send.text.as_ref()),
        ("mediaUrl", send.media.as_ref()),
        ("contentSid", send.template.as_ref()),
        ("contentVariables", send.variables.as_ref()),
    ] {
        if let Some(value) = value {
            message.insert(name.to_owned(), json!(value));
        }
    }
    let action = ActionId::host_send();
    let company = send.company.as_deref();
    let order = run::order_of(worksite.params(), &send.app, action, Value::from(message), company)?;
    let report = run::carry_out(options, worksite, order).await?;
    let outcome = match report.result {
        Ok(Returned::Json(text) | Returned::String(text)) => {
            if send.json {
                output::json(&text);
            }
            serde_json::from_str::<Outcome>(&text).ok()
        }
        Ok(Returned::Undefined) => None,
        Err(failure) => {
            output::problem(&Diagnostic::error("NOT_SENT", failure.message));
            return Err(Failure::Failed);
        }
    };
    // The host's own action returns nothing else.
    let outcome =
        outcome.ok_or_else(|| Failure::from(Diagnostic::error("NOT_SENT", "the host gave no outcome")))?;
    if !send.json {
        tell(&outcome);
    }
    if outcome.success { Ok(()) } else { Err(Failure::Failed) }
}

fn tell(outcome: &Outcome) {
    let number =
        |number: &Option<String>| shown(number.as_deref().unwrap_or("?").trim_start_matches("whatsapp:"));
    for warning in &outcome.warnings {
        output::note(format_args!("warning: {}", shown_lines(warning)));
    }
    if let (Some(sid), true) = (&outcome.sid, outcome.success) {
        let (to, from) = (number(&outcome.to), number(&outcome.from));
        output::line(format_args!("{sid} is {} to {to} from {from}", shown(&outcome.status)));
        output::note(format_args!("`boatswain trace {sid}` shows what becomes of it"));
    } else {
        let code = outcome.error_code.as_ref().map_or_else(|| outcome.status.clone(), ToString::to_string);
        let why = outcome.error_message.as_deref().unwrap_or("no reason was given");
        output::note(format_args!("error[{}]: {}", shown(&code), shown_lines(why)));
        output::note(format_args!("help: `boatswain explain {}` says more", shown(&code)));
    }
}
