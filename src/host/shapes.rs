//! How the functions of the manifest are called, as far as a reader of scripts can tell whether a call is right.

use super::functions::{Function, Parameter};
use super::manifest::MANIFEST;
use super::request::{ALIASES, MEMBERS};
use crate::script::protocol::CallShape;

/// Of each function of the manifest, in its order.
#[must_use]
pub fn shapes() -> Vec<CallShape> {
    MANIFEST.iter().copied().map(shape).collect()
}

fn shape(function: &Function) -> CallShape {
    let required = function.parameters.iter().rposition(is_required).map_or(0, |last| last + 1);
    CallShape {
        required: u16::try_from(required).unwrap_or(u16::MAX),
        returns_json: function.returns.kind.starts_with("JsonString<"),
        takes_sql: function.parameters.first().is_some_and(|parameter| parameter.name == "sql"),
        ..members(function)
    }
}

/// What is known of an object that a function takes.
fn members(function: &Function) -> CallShape {
    if function.name != "whatsapp.send" {
        return CallShape::default();
    }
    let aliases = ALIASES.map(|(alias, name)| (alias.to_owned(), name.to_owned()));
    CallShape {
        members: MEMBERS.map(str::to_owned).to_vec(),
        aliases: aliases.to_vec(),
        ..CallShape::default()
    }
}

/// Whether a call without it is a mistake.
fn is_required(parameter: &Parameter) -> bool {
    !parameter.name.starts_with("...") && !parameter.kind.contains("null") && parameter.kind != "unknown"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> CallShape {
        shape(MANIFEST.iter().find(|function| function.name == name).unwrap())
    }

    #[test]
    fn what_may_be_left_out_is_not_required() {
        for (name, required) in [
            ("sendWhatsappMessage", 1),
            ("sendWhatsappMessageWithSettings", 4),
            ("sendWhatsappTemplate", 2),
            ("whatsapp.send", 1),
            ("executeQuery", 1),
            ("executeSql", 1),
            ("log", 0),
            ("setReturnValue", 0),
            ("getSignedUrl", 2),
        ] {
            assert_eq!(of(name).required, required, "{name}");
        }
    }

    #[test]
    fn what_returns_json_text_is_known_by_its_type() {
        let json: Vec<_> = MANIFEST.iter().filter(|function| shape(function).returns_json).collect();
        let names: Vec<_> = json.iter().map(|function| function.name).collect();
        for name in ["sendWhatsappMessage", "executeQuery", "getWhatsappMessage", "getWhatsappWindow"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(!names.contains(&"whatsapp.send") && !names.contains(&"executeSql"), "{names:?}");
    }
}
