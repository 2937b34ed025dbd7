//! `boatswain explain CODE`: what an error code means and what to do.

use crate::base::Diagnostic;
use crate::cli::{Failure, output};
use crate::whatsapp::codes as twilio;

pub(super) fn run(code: &str) -> Result<(), Failure> {
    if let Ok(number) = code.parse::<i64>() {
        if let Some(known) = twilio::explain(number) {
            output::line(format_args!("{number} (Twilio): {}", known.meaning));
            output::line(format_args!("help: {}", known.remedy));
            output::line(format_args!("retry: {}", if known.is_retryable() { "later" } else { "no" }));
            output::line(format_args!("see: {}", twilio::more_info(number)));
            return Ok(());
        }
        return Err(unknown(code)
            .help(format!("Twilio's page may know it: {}", twilio::more_info(number)))
            .into());
    }
    let known = crate::config::codes::ALL;
    Err(match crate::base::nearest(&code.to_ascii_uppercase(), known.iter().copied()) {
        Some(_) => unknown(code)
            .help("the message of this error says what to do; `app-params.toml` documents every key"),
        None => unknown(code).help("give a number of Twilio's, such as 63016"),
    }
    .into())
}

fn unknown(code: &str) -> Diagnostic {
    Diagnostic::error("UNKNOWN_CODE", format!("`{}` is not a code that is known here", code.escape_debug()))
}
