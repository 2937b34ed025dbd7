//! JSON files of the application, for `require("./prices.json")`.

use boa_engine::{Context, JsValue};

use super::compile::LoadError;
use super::values;
use crate::script::protocol::{Frame, SourceFile};

/// Whether `file` can be loaded.
///
/// # Errors
/// Says why not, and where.
pub(super) fn check(file: &SourceFile) -> Result<(), LoadError> {
    let text = text(file)?;
    // As a value, for that is refused for all that `load` refuses.
    serde_json::from_str::<serde_json::Value>(text).map(drop).map_err(|error| not_json(file, text, &error))
}

/// What `file` says.
///
/// # Errors
/// Says why it cannot be loaded, and where.
pub(super) fn load(file: &SourceFile, context: &mut Context) -> Result<JsValue, LoadError> {
    let text = text(file)?;
    values::parse_strictly(text, context).map_err(|error| not_json(file, text, &error))
}

fn text(file: &SourceFile) -> Result<&str, LoadError> {
    let text = file
        .text
        .as_deref()
        .map_err(|reason| LoadError::new(format!("{} cannot be loaded: {reason}", file.shown)))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn not_json(file: &SourceFile, text: &str, error: &serde_json::Error) -> LoadError {
    // The library counts a column in bytes, and says the place once more in its text.
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    // A line's end counts as the beginning of the next line.
    let (line, bytes) = match (error.line(), error.column()) {
        (line @ 2.., 0) => (line - 1, usize::MAX),
        (line, bytes) => (line.max(1), bytes.saturating_sub(1)),
    };
    let before = text.lines().nth(line - 1).unwrap_or("").char_indices().take_while(|(at, _)| *at < bytes);
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    let (line, column) = (number(line), number(before.count() + 1));
    let place = Frame { function: String::new(), file: file.shown.clone(), line, column };
    LoadError { place: Some(place), ..LoadError::new(format!("SyntaxError: not JSON: {said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> (String, u32, u32) {
        let text = Ok(text.to_owned());
        let file = SourceFile { path: "x.json".into(), shown: "scripts/demo/x.json".into(), text };
        let error = check(&file).expect_err("no JSON");
        let place = error.place.expect("a place");
        (error.message, place.line, place.column)
    }

    #[test]
    fn what_is_no_json_is_said_with_its_place() {
        let said = |text, what: &str, line, column| {
            assert_eq!(problem(text), (format!("SyntaxError: not JSON: {what}"), line, column), "{text}");
        };
        said("{\n  \"è\": tru\n}", "expected ident", 2, 11);
        said("{\"è\" 1}", "expected `:`", 1, 6);
        said("[1,\n // no\n]", "expected value", 2, 2);
        said("", "EOF while parsing a value", 1, 1);
        said("[1", "EOF while parsing a list", 1, 2);
        said("[1\n", "EOF while parsing a list", 1, 3);
        said("1 2", "trailing characters", 1, 3);
        said("\u{feff}{,}", "key must be a string", 1, 2);
        said(&"[".repeat(100_000), "recursion limit exceeded", 1, 128);
    }
}
