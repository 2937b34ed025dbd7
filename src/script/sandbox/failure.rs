//! From what came out of the engine to a [`Failure`] for the author: a typed reason, one sentence, and the places
//! in his own files.
//!
//! Places come from the text of the error's `stack`, read with the engine's own getter, for the engine tells them
//! in no other way: lines of `    at name (file:line:column)`. Lines of native functions and of no known file are
//! left out, and the wrapper's width is taken off columns of line 1.

use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::object::JsObject;
use boa_engine::{Context, JsError, JsValue, js_string};

use super::causes;
use super::compile::{LoadError, PREFIX_COLUMNS};
use super::hints;
use super::inspect;
use super::state::State;
use super::tripwire::Tripped;
use super::values::text;
use crate::base::cut;
use crate::script::protocol::{
    Failure, Frame, MAX_CODE, MAX_MESSAGE, MAX_NAME, MAX_PLACES, NativeFrame, Reason, SandboxLimits,
};

/// Classes between an error's own and `Error` that are looked at.
const MAX_CLASSES: usize = 8;

/// The run used up one of its limits.
pub(super) fn limit(tripped: Tripped, limits: &SandboxLimits) -> Failure {
    match tripped {
        Tripped::Cpu => Failure::new(
            Reason::CpuLimit,
            format!("the action used up its CPU time (limits.cpu_ms = {})", limits.cpu_ms),
        ),
        Tripped::Memory => Failure::new(
            Reason::MemoryLimit,
            format!("the action used up its memory (limits.memory_mb = {})", limits.memory_mb),
        ),
    }
}

/// A file could not be loaded.
pub(super) fn load(error: LoadError) -> Failure {
    Failure {
        frames: error.place.into_iter().collect(),
        help: error.help,
        ..Failure::new(Reason::Syntax, error.message)
    }
}

/// What the engine reports and JavaScript cannot catch; for anything else, what was thrown.
pub(super) fn from_error(error: JsError, context: &mut Context) -> Failure {
    let (reason, message) = match error.as_engine() {
        Some(EngineError::RuntimeLimit(RuntimeLimitError::Recursion | RuntimeLimitError::StackSize)) => {
            (Reason::StackLimit, "the action's functions call each other too deeply")
        }
        // The tripwire's; its message follows.
        Some(EngineError::RuntimeLimit(RuntimeLimitError::LoopIteration)) => (Reason::CpuLimit, ""),
        // Where the engine counts on its own code to succeed and it does not, because the limit of calls struck in it.
        Some(EngineError::Panic(_)) => (
            Reason::StackLimit,
            "the action's functions call each other too deeply, or through the engine in a way that it does not bear",
        ),
        None => {
            return match error.into_opaque(context) {
                Ok(value) => from_thrown(&value, context),
                Err(error) => Failure::new(Reason::Killed, format!("the JavaScript engine failed: {error}")),
            };
        }
    };
    let mut stack = Stack::read(&error.to_string());
    stack.settle();
    Failure { frames: stack.frames, native: stack.native, ..Failure::new(reason, message) }
}

/// The action threw `value`, or its promise was rejected with it.
pub(super) fn from_thrown(value: &JsValue, context: &mut Context) -> Failure {
    let state = State::of(context);
    let Some(object) = value.as_object().filter(is_error) else {
        let shown = inspect::value(value, context);
        let message = format!("the action threw a value that is not an Error: {shown}");
        return Failure::new(Reason::Thrown, cut(&message, MAX_MESSAGE));
    };
    let told = told(&object, context);
    let causes = causes::of(&object, context);
    let Told { message, code, mut stack, mut help } = told;
    let unloaded =
        state.unloaded.borrow().as_ref().filter(|(error, _)| JsObject::equals(error, &object)).cloned();
    let reason = match unloaded {
        Some((_, error)) => {
            help = error.help.or(help);
            if let Some(place) = error.place {
                stack.frames.insert(0, place);
                stack.native.iter_mut().for_each(|native| native.inside += 1);
            }
            Reason::Syntax
        }
        None => Reason::Thrown,
    };
    Failure {
        code,
        frames: stack.frames,
        native: stack.native,
        causes,
        help,
        ..Failure::new(reason, cut(&message, MAX_MESSAGE))
    }
}

/// A promise was rejected with `reason`, and nothing has handled it.
pub(super) fn unhandled(reason: &JsValue, context: &mut Context) -> Failure {
    const HELP: &str = "nothing waits for the promise that failed so: is an `await` missing before a call?";
    let mut failure = from_thrown(reason, context);
    if !reason.as_object().as_ref().is_some_and(is_error) {
        let shown = inspect::value(reason, context);
        failure.message =
            cut(&format!("a promise was rejected with a value that is not an Error: {shown}"), MAX_MESSAGE);
    }
    failure.help = Some(match failure.help {
        Some(own) => format!("{own}. And {HELP}"),
        None => HELP.to_owned(),
    });
    failure
}

/// What an error says of itself, with what the engine leaves out.
pub(super) struct Told {
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) stack: Stack,
    pub(super) help: Option<String>,
}

/// Reads an error.
pub(super) fn told(error: &JsObject, context: &mut Context) -> Told {
    let mut told = Told {
        message: headline(error, context),
        code: code(error, context),
        stack: Stack::read(&stack(error, context)),
        help: None,
    };
    told.stack.skip(&classes(error, context));
    hints::complete(&mut told, error, context);
    told.stack.settle();
    told
}

/// The names of the author's classes that an error is of.
fn classes(error: &JsObject, context: &mut Context) -> Vec<String> {
    let mut names = Vec::new();
    let mut prototype = error.prototype();
    while let Some(object) = prototype.filter(|_| names.len() < MAX_CLASSES) {
        if object.is::<boa_engine::builtins::error::Error>() {
            break;
        }
        let class = object.get(js_string!("constructor"), context).ok().and_then(|class| class.as_object());
        let name = class.and_then(|class| class.get(js_string!("name"), context).ok()?.as_string());
        match name.map(|name| text(&name)) {
            Some(name) if name != "Error" => names.push(name),
            _ => break,
        }
        prototype = object.prototype();
    }
    names
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
    let mut stack = Stack::read(stack);
    stack.settle();
    stack.frames
}

/// A call stack, innermost first. A line of 0 means that the engine does not tell where in the function, and a column of
/// 0 that it is at the beginning of the file.
#[derive(Debug, Default)]
pub(super) struct Stack {
    pub(super) frames: Vec<Frame>,
    pub(super) native: Vec<NativeFrame>,
}

impl Stack {
    pub(super) fn read(text: &str) -> Self {
        let mut stack = Self::default();
        for line in text.lines() {
            let Some(line) = line.trim_start().strip_prefix("at ") else { continue };
            // A module that could not be loaded puts its own place before them.
            if let Some(frame) = frame(line).filter(|_| stack.frames.len() < MAX_PLACES - 1) {
                stack.frames.push(frame);
            } else if let Some((function, _)) = line.rsplit_once(" (native")
                && stack.native.len() < MAX_PLACES
            {
                let function = if function == "<anonymous>" { "" } else { function };
                let inside = u32::try_from(stack.frames.len()).unwrap_or(u32::MAX);
                stack.native.push(NativeFrame { function: cut(function, MAX_NAME), inside });
            }
        }
        stack
    }

    /// Leaves out the constructors of these classes, for the author wants to know who called them.
    fn skip(&mut self, classes: &[String]) {
        let inside = self.frames.iter().take_while(|frame| classes.contains(&frame.function)).count();
        if inside < self.frames.len() {
            self.leave_out(inside);
        }
    }

    fn leave_out(&mut self, inside: usize) {
        self.frames.drain(..inside);
        let inside = u32::try_from(inside).unwrap_or(u32::MAX);
        self.native.iter_mut().for_each(|native| native.inside = native.inside.saturating_sub(inside));
    }

    /// Leaves out what still has no place, when all has been tried that could find one.
    pub(super) fn settle(&mut self) {
        let mut index = 0;
        while let Some(frame) = self.frames.get_mut(index) {
            frame.column = frame.column.max(1);
            if frame.line > 0 {
                index += 1;
                continue;
            }
            self.frames.remove(index);
            for native in &mut self.native {
                if usize::try_from(native.inside).is_ok_and(|inside| inside > index) {
                    native.inside -= 1;
                }
            }
        }
    }
}

fn frame(line: &str) -> Option<Frame> {
    let inside = line.strip_suffix(')')?;
    let (rest, column) = inside.rsplit_once(':')?;
    let (rest, line) = rest.rsplit_once(':')?;
    let (function, file) = rest.rsplit_once(" (")?;
    let (line, column): (u32, u32) = match (line, column) {
        ("?", "?") => (0, 0),
        (line, column) => (line.parse().ok()?, column.parse().ok()?),
    };
    let column = if line == 1 { column.saturating_sub(PREFIX_COLUMNS) } else { column };
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
    fn native_functions_have_their_place_between_the_authors() {
        let text = "    at <anonymous> (native)\n    at f (x.js:?:?)\n    at sort (native)\n    at g (x.js:2:1)\n    at h (native)";
        let mut stack = Stack::read(text);
        let native = |stack: &Stack| -> Vec<_> {
            stack.native.iter().map(|native| (native.function.clone(), native.inside)).collect()
        };
        assert_eq!(native(&stack), [(String::new(), 0), ("sort".to_owned(), 1), ("h".to_owned(), 2)]);
        stack.settle();
        assert_eq!(native(&stack), [(String::new(), 0), ("sort".to_owned(), 0), ("h".to_owned(), 1)]);
        assert_eq!(stack.frames.len(), 1);
    }

    #[test]
    fn a_stack_has_no_more_places_than_a_failure_may_have() {
        assert_eq!(frames(&"    at f (x.js:7:2)\n".repeat(1000)).len(), MAX_PLACES - 1);
    }
}
