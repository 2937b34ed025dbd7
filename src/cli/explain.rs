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
        return Err(unknown(code).help(format!("Twilio's page may know it: {}", twilio::more_info(number))).into());
    }
    let wanted = code.to_ascii_uppercase();
    let known = crate::host::codes::ALL
        .iter()
        .map(|known| (known.code, known.meaning))
        .chain(crate::config::codes::ALL.iter().map(|known| (known.0, known.1)));
    if let Some((code, meaning)) = known.clone().find(|(code, _)| *code == wanted) {
        output::line(format_args!("{code}: {meaning}"));
        return Ok(());
    }
    let near = crate::base::nearest(&wanted, known.map(|(code, _)| code));
    Err(match near {
        Some(near) => unknown(code).help(format!("did you mean `{near}`?")),
        None => unknown(code).help("give a number of Twilio's, or a code as an error or an outcome shows it"),
    }
    .into())
}

fn unknown(code: &str) -> Diagnostic {
    Diagnostic::error("UNKNOWN_CODE", format!("`{}` is not a code that is known here", code.escape_debug()))
}
