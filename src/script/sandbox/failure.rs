//! From what came out of the engine to a [`Failure`] for the author: a typed reason, one sentence, and the places
//! in his own files.
//!
//! Places come from the text of the error's `stack`, read with the engine's own getter, for the engine tells them
//! in no other way: lines of `    at name (file:line:column)`. Lines of native functions and of no known file are
//! left out, and the wrapper's width is taken off columns of line 1.

use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::object::JsObject;
use boa_engine::{Context, JsError, JsValue, js_string};

use super::compile::{LoadError, PREFIX_COLUMNS};
use super::hints;
use super::inspect;
use super::state::State;
use super::tripwire::Tripped;
use super::values::text;
use crate::base::cut;
use crate::script::protocol::{
    Failure, Frame, MAX_CODE, MAX_MESSAGE, MAX_NAME, MAX_PLACES, Reason, SandboxLimits,
};

/// A failure without a place.
pub(super) fn plain(reason: Reason, message: impl Into<String>) -> Failure {
    Failure { reason, message: message.into(), code: None, frames: Vec::new() }
}

/// The run used up one of its limits.
pub(super) fn limit(tripped: Tripped, limits: &SandboxLimits) -> Failure {
    match tripped {
        Tripped::Cpu => plain(
            Reason::CpuLimit,
            format!("the action used up its CPU time (limits.cpu_ms = {})", limits.cpu_ms),
        ),
        Tripped::Memory => plain(
            Reason::MemoryLimit,
            format!("the action used up its memory (limits.memory_mb = {})", limits.memory_mb),
        ),
    }
}

/// A file could not be loaded.
pub(super) fn load(error: LoadError) -> Failure {
    let frames = error.place.into_iter().collect();
    Failure { reason: Reason::Syntax, message: error.message, code: None, frames }
}

/// What the engine reports and JavaScript cannot catch; for anything else, what was thrown.
pub(super) fn from_error(error: JsError, context: &mut Context) -> Failure {
    match error.as_engine() {
        Some(EngineError::RuntimeLimit(RuntimeLimitError::Recursion | RuntimeLimitError::StackSize)) => {
            let frames = frames(&error.to_string());
            let message = "the action's functions call each other too deeply".to_owned();
            Failure { reason: Reason::StackLimit, message, code: None, frames }
        }
        // The tripwire's; its message follows.
        Some(EngineError::RuntimeLimit(RuntimeLimitError::LoopIteration)) => {
            let frames = frames(&error.to_string());
            Failure { reason: Reason::CpuLimit, message: String::new(), code: None, frames }
        }
        // Where the engine counts on its own code to succeed and it does not, because the limit of calls struck in it.
        Some(EngineError::Panic(_)) => Failure {
            reason: Reason::StackLimit,
            message: "the action's functions call each other too deeply, or through the engine in a way that it does not \
                      bear"
                .to_owned(),
            code: None,
            frames: frames(&error.to_string()),
        },
        None => match error.into_opaque(context) {
            Ok(value) => from_thrown(&value, context),
            Err(error) => plain(Reason::Killed, format!("the JavaScript engine failed: {error}")),
        },
    }
}

/// The action threw `value`, or its promise was rejected with it.
pub(super) fn from_thrown(value: &JsValue, context: &mut Context) -> Failure {
    let state = State::of(context);
    let Some(object) = value.as_object().filter(is_error) else {
        let shown = inspect::value(value, context);
        let message = format!("the action threw a value that is not an Error: {shown}");
        return plain(Reason::Thrown, cut(&message, MAX_MESSAGE));
    };
    let mut frames = frames(&stack(&object, context));
    let unloaded =
        state.unloaded.borrow().as_ref().filter(|(error, _)| JsObject::equals(error, &object)).cloned();
    let reason = match unloaded {
        Some((_, error)) => {
            frames.splice(0..0, error.place);
            Reason::Syntax
        }
        None => Reason::Thrown,
    };
    let mut failure = Failure {
        reason,
        message: cut(&headline(&object, context), MAX_MESSAGE),
        code: code(&object, context),
        frames,
    };
    if let Some(file) = failure.frames.first().and_then(|frame| state.modules.shown_as(&frame.file)) {
        hints::complete(&mut failure, file);
    }
    failure
}

/// Whether an object is an Error, also one of a subclass.
pub(super) fn is_error(object: &JsObject) -> bool {
    object.is::<boa_engine::builtins::error::Error>()
}

/// `Name: message`, as `Error.prototype.toString` has it.
pub(super) fn headline(error: &JsObject, context: &mut Context) -> String {
    let mut read = |name| match error.get(name, context) {
        Ok(value) if !value.is_undefined() => {
            value.as_string().map_or_else(|| inspect::value(&value, context), |string| text(&string))
        }
        _ => String::new(),
    };
    let (name, message) = (read(js_string!("name")), read(js_string!("message")));
    match (name.is_empty(), message.is_empty()) {
        (true, true) => "Error".to_owned(),
        (true, false) => message,
        (false, true) => name,
        (false, false) => format!("{name}: {message}"),
    }
}

/// `code`, when it is a string or a number.
fn code(error: &JsObject, context: &mut Context) -> Option<String> {
    let code = error.get(js_string!("code"), context).ok()?;
    let code = match code.as_string() {
        Some(code) => text(&code),
        None => code.as_number()?.to_string(),
    };
    Some(cut(&code, MAX_CODE))
}

/// What the engine's own `stack` says of an error.
pub(super) fn stack(error: &JsObject, context: &mut Context) -> String {
    let getter = State::of(context).captured().stack.clone();
    let stack = getter.call(&error.clone().into(), &[], context);
    stack.ok().and_then(|stack| stack.as_string()).map(|stack| text(&stack)).unwrap_or_default()
}

/// The author's places in the text of a stack.
pub(super) fn frames(stack: &str) -> Vec<Frame> {
    // A module that could not be loaded puts its own place before them.
    stack.lines().filter_map(frame).take(MAX_PLACES - 1).collect()
}

fn frame(line: &str) -> Option<Frame> {
    let inside = line.trim_start().strip_prefix("at ")?.strip_suffix(')')?;
    let (rest, column) = inside.rsplit_once(':')?;
    let (rest, line) = rest.rsplit_once(':')?;
    let (function, file) = rest.rsplit_once(" (")?;
    let (line, column): (u32, u32) = (line.parse().ok()?, column.parse().ok()?);
    let column = if line == 1 { column.saturating_sub(PREFIX_COLUMNS).max(1) } else { column };
    let function = if function == "<main>" { "" } else { function };
    let ours = std::path::Path::new(file).extension().is_some_and(|extension| extension == "js");
    ours.then(|| Frame { function: cut(function, MAX_NAME), file: file.to_owned(), line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_read_from_its_text() {
        let stack = format!(
            "    at inner (scripts/demo/x.js:7:2)\n    at map (native)\n    at <main> (scripts/demo/x.js:1:{})\n\
             \x20   at odd (name) (unknown at :?:?)\n    at a (b (scripts/demo/lib/y.js:12:34)\nnonsense",
            PREFIX_COLUMNS + 5
        );
        let frames: Vec<_> = frames(&stack)
            .into_iter()
            .map(|frame| format!("{}@{}:{}:{}", frame.function, frame.file, frame.line, frame.column))
            .collect();
        assert_eq!(
            frames,
            ["inner@scripts/demo/x.js:7:2", "@scripts/demo/x.js:1:5", "a (b@scripts/demo/lib/y.js:12:34"]
        );
    }

    #[test]
    fn a_stack_has_no_more_places_than_a_failure_may_have() {
        assert_eq!(frames(&"    at f (x.js:7:2)\n".repeat(1000)).len(), MAX_PLACES - 1);
    }
}
