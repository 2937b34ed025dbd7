//! From a file's text to a function that runs it.
//!
//! The text becomes the body of a function inside a function: the outer one's parameters are the names in scope
//! (`vo`, `companyId`, …) and are fresh for every run, the inner one's body is the file, so that the author may
//! declare those names again and `return` and top-level `await` work. Everything before the text stands on its
//! first line, so lines are right everywhere and only columns of line 1 need [`PREFIX_COLUMNS`] taken off.
//!
//! [`syntax`](super::syntax) makes sure first that the text does not close the wrapper.

use std::path::Path;

use boa_engine::object::builtins::JsFunction;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsValue, Source};

use super::syntax;
use crate::script::protocol::{Frame, SourceFile};

/// What a file is wrapped as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// An action: an async function.
    Action,
    /// A module: an ordinary function that fills `module.exports`.
    Module,
}

/// How many values a run passes to the outer function: the names in [`Kind::prefix`], in that order.
pub(super) const SCOPE: usize = NAMES.len();
/// Those names.
pub(super) const NAMES: [&str; 8] =
    ["vo", "reqParams", "companyId", "applicationId", "userInfo", "require", "module", "exports"];
const SUFFIX: &str = "\n}; })";

impl Kind {
    /// What stands before the text, equally long for both kinds.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Action => {
                "(function (vo, reqParams, companyId, applicationId, userInfo, require, module, exports) { \
                 return async function () {"
            }
            Self::Module => {
                "(function (vo, reqParams, companyId, applicationId, userInfo, require, module, exports) { \
                 return       function () {"
            }
        }
    }
}

/// By how much columns of line 1 are too large.
pub(super) const PREFIX_COLUMNS: u32 = {
    assert!(Kind::Action.prefix().len() == Kind::Module.prefix().len());
    assert!(Kind::Action.prefix().len() < 200);
    #[allow(clippy::cast_possible_truncation, reason = "less than 200")]
    {
        Kind::Action.prefix().len() as u32
    }
};

/// Why a file cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoadError {
    /// One sentence.
    pub(super) message: String,
    /// Where in the file, when it is a place in it.
    pub(super) place: Option<Frame>,
    /// What to do, where that is known.
    pub(super) help: Option<String>,
}

impl LoadError {
    /// One without a place and a remedy.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: None }
    }
}

/// Compiles `file` in `context`; the result is the outer function.
pub(super) fn compile(file: &SourceFile, kind: Kind, context: &mut Context) -> Result<JsFunction, LoadError> {
    let wrapped = check(file, kind)?;
    let path = Path::new(&file.shown);
    let evaluated = context.eval(Source::from_bytes(wrapped.as_bytes()).with_path(path));
    evaluated
        .and_then(|value| as_function(&value))
        .map_err(|error| LoadError::new(format!("SyntaxError: {}", describe(&error))))
}

/// The wrapped text of `file`, if it can be wrapped.
pub(super) fn check(file: &SourceFile, kind: Kind) -> Result<String, LoadError> {
    let text = file
        .text
        .as_deref()
        .map_err(|reason| LoadError::new(format!("{} cannot be loaded: {reason}", file.shown)))?;
    let text = without_hashbang(text);
    let wrapped = [kind.prefix(), &text, SUFFIX].concat();
    syntax::check(&text, &wrapped, kind, file)?;
    Ok(wrapped)
}

fn as_function(value: &JsValue) -> JsResult<JsFunction> {
    let function = value.as_object().and_then(JsFunction::from_object);
    function.ok_or_else(|| JsNativeError::syntax().with_message("not a function body").into())
}

fn describe(error: &JsError) -> String {
    match error.as_native() {
        Some(native) => native.message().to_owned(),
        None => error.to_string(),
    }
}

/// A `#!` line is a comment, but only at the very beginning of a file, which the wrapper would end. As `//` it
/// keeps its columns.
pub(super) fn without_hashbang(text: &str) -> std::borrow::Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.strip_prefix("#!") {
        Some(rest) => format!("//{rest}").into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<(), LoadError> {
        let file =
            SourceFile { path: "x.js".into(), shown: "scripts/demo/x.js".into(), text: Ok(text.into()) };
        let mut context = Context::default();
        context.strict(true);
        compile(&file, Kind::Action, &mut context).map(drop)
    }

    #[test]
    fn a_file_is_the_body_of_an_async_function() {
        for text in [
            "",
            "return 1",
            "await 1; return vo",
            "// ends in a comment",
            "#!/usr/bin/env node\nreturn 1",
            "\u{feff}return 1",
            "const vo = 1, companyId = 2, require = 3; return vo",
            "'use strict'; function f() {} return f()",
            "/* a */ return `${'})'}`",
        ] {
            assert_eq!(load(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_wrapper_has_the_names_in_scope() {
        for kind in [Kind::Action, Kind::Module] {
            assert!(kind.prefix().starts_with(&format!("(function ({}) {{", NAMES.join(", "))));
        }
    }

    #[test]
    fn nothing_closes_the_wrapper() {
        for text in [
            "})",
            "}; })",
            "}; }); globalThis.x = 1; (function () { return async function () {",
            "}, function () {",
            "}}",
            "}; return 1; {",
            "/*",
            "`",
            "<!-- \n})",
            "import x from 'y'",
            "export default 1",
            "with (vo) {}",
        ] {
            let error = load(text).expect_err(text);
            assert!(error.message.starts_with("SyntaxError: "), "{text}: {error:?}");
            assert!(error.place.is_some(), "{text}: {error:?}");
        }
    }

    #[test]
    fn modules_of_another_kind_are_named_with_the_remedy() {
        for (text, remedy) in [
            ("import x from './lib/x'", "require("),
            ("const a = 1;\n  import { x } from 'x'", "require("),
            ("import 'x'", "require("),
            ("import * as x from 'x'", "require("),
            ("export default 1", "module.exports"),
            ("export const x = 1", "module.exports"),
            ("export { load }", "module.exports"),
        ] {
            let error = load(text).expect_err(text);
            let help = error.help.as_deref().unwrap_or_default();
            assert!(error.message.contains("is not available") && help.contains(remedy), "{error:?}");
        }
        for text in ["importer = ;", "exports.x = ;", "import.meta.x = ;"] {
            assert!(!load(text).expect_err(text).message.contains("is not available"), "{text}");
        }
    }

    #[test]
    fn a_syntax_error_has_the_authors_position() {
        let place = |text: &str| {
            let place = load(text).expect_err(text).place.expect("a place");
            assert_eq!(place.file, "scripts/demo/x.js");
            (place.line, place.column)
        };
        assert_eq!(place("let a = ;"), (1, 9));
        assert_eq!(place("let a = 1;\n  let b = )"), (2, 11));
        assert_eq!(place("f(function () {\n"), (1, 15));
    }
}
