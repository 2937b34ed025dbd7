//! Which parameters an application has, for a test that sets one: a name that nobody reads would make a test of nothing.
//!
//! A parameter need not be declared in app-params.toml: `utils.getParameter("x") ?? "…"` reads one that may be missing. So
//! a name counts that is declared there, or that stands in a script as a text.

use std::collections::BTreeSet;

use crate::base::nearest;
use crate::config::Application;
use crate::script::protocol::Bundle;

/// Why a test cannot set a parameter of this name; `None`: it can.
pub(super) fn unknown(name: &str, application: &Application, scripts: &Bundle) -> Option<String> {
    let texts = || scripts.files.iter().filter_map(|file| file.text.as_ref().ok());
    if application.parameters.contains_key(name) || texts().any(|text| is_quoted_in(text, name)) {
        return None;
    }
    let declared = application.parameters.keys().map(String::as_str);
    let known: BTreeSet<_> = declared.chain(texts().flat_map(|text| asked_for(text))).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "one whose name the scripts put together is declared in [applications.{}.parameters]",
            application.id
        ),
    };
    Some(format!("parameters: no script reads `{name}`, and app-params.toml does not declare it; {hint}"))
}

/// The names that a script asks for directly.
fn asked_for(text: &str) -> impl Iterator<Item = &str> {
    text.split("getParameter(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\'' | '`'))?;
        rest.get(1..)?.split_once(quote).map(|(name, _)| name)
    })
}

fn is_quoted_in(text: &str, name: &str) -> bool {
    ['"', '\'', '`'].iter().any(|quote| text.contains(&format!("{quote}{name}{quote}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_scripts_write_them() {
        let text = "utils.getParameter(\"a\"); utils.getParameter( 'b' ) ?? getParameter(`c`); \
                    getParameter(name); getParameter(\"";
        assert_eq!(asked_for(text).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(is_quoted_in("const NAME = 'limit';", "limit") && !is_quoted_in("limit", "limit"));
    }
}
