//! The types of everything that an action has in scope, for the editors of authors: `scripts/boatswain.d.ts`.
//!
//! The functions come from the manifest. What is no function (outcomes, `vo`, `console`) is written by hand, in
//! `types/*.d.ts`: in `shapes.d.ts` what has a name in the namespace `Boatswain`, in `globals.d.ts` what an action finds
//! under its bare name, in `testing.d.ts` what only tests have. More of it is one more file in [`GLOBALS`].

use std::fmt::Write as _;

use crate::host::functions::{Function, Parameter};
use crate::host::manifest::MANIFEST;

const HEAD: &str =
    "// What an action has in scope. Written by `boatswain types`: a change made here is lost.\n";
const SHAPES: &str = include_str!("types/shapes.d.ts");
const GLOBALS: &[&str] = &[include_str!("types/globals.d.ts"), include_str!("types/testing.d.ts")];

/// What tells an editor to check plain JavaScript with the declarations beside it.
pub const JSCONFIG: &str = include_str!("types/jsconfig.json");

/// The whole of `boatswain.d.ts`.
#[must_use]
pub fn declarations() -> String {
    let visible = || MANIFEST.iter().filter(|function| function.is_visible());
    let mut text = format!("{HEAD}\ndeclare namespace Boatswain {{\n");
    for line in SHAPES.lines() {
        let _ = writeln!(text, "{}", format!("  {line}").trim_end());
    }
    text.push_str("\n  /** The host's functions. */\n  interface Utils {\n");
    for function in visible().filter(|function| !function.name.contains('.')) {
        method(&mut text, function, function.name, "    ");
    }
    let mut groups: Vec<&str> = Vec::new();
    for (group, _) in visible().filter_map(|function| function.name.split_once('.')) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    for group in groups {
        let _ = writeln!(text, "    readonly {group}: {{");
        for function in visible() {
            if let Some((_, name)) = function.name.split_once('.').filter(|(of, _)| *of == group) {
                method(&mut text, function, name, "      ");
            }
        }
        text.push_str("    };\n");
    }
    text.push_str("  }\n}\n");
    for globals in GLOBALS {
        let _ = write!(text, "\n{globals}");
    }
    for function in visible().filter(|function| function.global) {
        let name = function.name;
        let _ = write!(
            text,
            "\n/** {} The same as `utils.{name}`. */\ndeclare const {name}: Boatswain.Utils[\"{name}\"];\n",
            function.documentation
        );
    }
    text
}

/// A method with its documentation, once for each way to call it.
fn method(text: &mut String, function: &Function, name: &str, indent: &str) {
    for parameters in std::iter::once(function.parameters).chain(function.otherwise.iter().copied()) {
        let _ = writeln!(text, "{indent}/**");
        for line in documentation(function, parameters).lines() {
            let _ = writeln!(text, "{}", format!("{indent} * {line}").trim_end());
        }
        let _ = writeln!(text, "{indent} */");
        let parameters = declared(parameters);
        let _ = writeln!(text, "{indent}{name}({parameters}): {};", function.returns.kind);
    }
}

/// Parameters in TypeScript. Only what stands behind all that must be given may be left out.
fn declared(parameters: &[Parameter]) -> String {
    let required = parameters.iter().rposition(|parameter| !parameter.may_be_left_out());
    let first_optional = required.map_or(0, |last| last + 1);
    let each = parameters.iter().enumerate().map(|(index, Parameter { name, kind, .. })| {
        let mark = if index >= first_optional && !name.starts_with("...") { "?" } else { "" };
        format!("{name}{mark}: {kind}")
    });
    each.collect::<Vec<_>>().join(", ")
}

fn documentation(function: &Function, parameters: &[Parameter]) -> String {
    let mut text = format!("{}\n\n", function.documentation);
    for Parameter { name, documentation, .. } in parameters {
        let _ = writeln!(text, "@param {} {documentation}", name.trim_start_matches("..."));
    }
    if !function.returns.documentation.is_empty() {
        let _ = writeln!(text, "@returns {}", function.returns.documentation);
    }
    if parameters.iter().any(|parameter| parameter.kind != "unknown") {
        text.push_str("@throws {TypeError} an argument is of the wrong kind\n");
    }
    for throws in function.throws {
        let _ = writeln!(text, "@throws {{Error}} `{}`: {}", throws.code, throws.when);
    }
    // A comment within would end this one.
    let _ = writeln!(text, "@example\n{}", function.example.trim_end().replace("*/", "*\\/"));
    text
}
