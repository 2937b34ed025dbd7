//! The manifest: everything that a script may call, in one list. What each function is called with, returns, throws and
//! does stands below `manifest/`, a file for each subject; the sandbox's binding, the types for an author's editor and
//! the reference page come from there.

mod media;
mod sending;
mod sql;
mod the_run;
mod whatsapp;

use crate::host::functions::{Function, Parameter, Returns, Throws};

const fn parameter(name: &'static str, kind: &'static str, documentation: &'static str) -> Parameter {
    Parameter { name, kind, documentation }
}

const fn returns(kind: &'static str, documentation: &'static str) -> Returns {
    Returns { kind, documentation }
}

const fn throws(code: &'static str, when: &'static str) -> Throws {
    Throws { code, when }
}

/// The action in `manifest/examples/` that shows a function.
macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("examples/", $name, ".js"))
    };
}
use example;

/// Everything that a script may call. The index is the number that crosses the pipe, and a part of the fingerprints in
/// journals: what is new comes last, or runs that wait for their next attempt could not be continued after an upgrade.
pub static MANIFEST: &[&Function] = &[
    &sending::SEND_WHATSAPP_MESSAGE,
    &sending::SEND_WHATSAPP_MESSAGE_WITH_SETTINGS,
    &sending::SEND_WHATSAPP_TEMPLATE,
    &sending::SEND_WHATSAPP_TEMPLATE_WITH_SETTINGS,
    &sending::WHATSAPP_SEND,
    &sql::EXECUTE_QUERY,
    &sql::EXECUTE_SQL,
    &the_run::SET_RETURN_VALUE,
    &the_run::LOG,
    &the_run::GET_PARAMETER,
    &media::GET_SIGNED_URL,
    &media::GET_PUBLIC_URL,
    &whatsapp::GET_WHATSAPP_MESSAGE,
    &whatsapp::REPLY,
    &media::SAVE_MEDIA,
    &whatsapp::GET_WHATSAPP_WINDOW,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals hold the numbers: this list only grows, at its end.
    #[test]
    fn numbers_stay() {
        let names: Vec<_> = MANIFEST.iter().map(|function| function.name).collect();
        let numbered = [
            "sendWhatsappMessage",
            "sendWhatsappMessageWithSettings",
            "sendWhatsappTemplate",
            "sendWhatsappTemplateWithSettings",
            "whatsapp.send",
            "executeQuery",
            "executeSql",
            "setReturnValue",
            "log",
            "getParameter",
            "getSignedUrl",
            "getPublicUrl",
            "getWhatsappMessage",
            "reply",
            "saveMedia",
            "getWhatsappWindow",
        ];
        assert_eq!(names[..numbered.len()], numbered);
    }
}
