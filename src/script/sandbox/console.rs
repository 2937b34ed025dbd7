//! `console`: log lines for the author. The format is the [Console Standard's](https://console.spec.whatwg.org/#formatter)
//! as Node.js has it: `%s %d %i %f %o %O %j %c %%` in a first argument that is a string and has others after it,
//! everything else one after another.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;

use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::Attribute;
use boa_engine::{Context, JsArgs, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::inspect;
use super::state::State;
use super::table;
use super::values;
use crate::base::cut;
use crate::script::protocol::LogLevel;

/// The longest text that is formatted at all; the limit of a line comes after it.
const MAX_TEXT: usize = 256 << 10;
/// Groups inside groups that are indented.
const MAX_DEPTH: usize = 16;
/// The longest label of a counter or timer, in bytes.
const MAX_LABEL: usize = 100;

/// What a run's `console` remembers.
#[derive(Default)]
pub(super) struct Console {
    /// Groups that are open.
    depth: Cell<usize>,
    counts: RefCell<HashMap<String, u64>>,
    /// When each timer was started, on the run's clock.
    timers: RefCell<HashMap<String, i64>>,
}

impl Console {
    /// Ends a run.
    pub(super) fn end(&self) {
        self.depth.take();
        self.counts.borrow_mut().clear();
        self.timers.borrow_mut().clear();
    }
}

/// A method: what it does with its arguments; what it returns is logged.
type Method = fn(&[JsValue], &State, &mut Context) -> Option<String>;

/// The methods, by name, with the level at which each logs.
const METHODS: [(&str, LogLevel, Method); 18] = [
    ("log", LogLevel::Info, all),
    ("info", LogLevel::Info, all),
    ("debug", LogLevel::Debug, all),
    ("warn", LogLevel::Warn, all),
    ("error", LogLevel::Error, all),
    ("trace", LogLevel::Debug, |arguments, _, context| {
        Some(format!("Trace: {}", format(arguments, context)))
    }),
    ("assert", LogLevel::Error, assert),
    ("dir", LogLevel::Info, dir),
    ("table", LogLevel::Info, |arguments, _, context| {
        let (data, columns) = (arguments.get_or_undefined(0), arguments.get_or_undefined(1));
        Some(table::table(data, columns, context).unwrap_or_else(|| format(arguments, context)))
    }),
    ("group", LogLevel::Info, group),
    ("groupCollapsed", LogLevel::Info, group),
    ("groupEnd", LogLevel::Info, |_, state, _| {
        let depth = &state.console.depth;
        depth.set(depth.get().saturating_sub(1));
        None
    }),
    ("count", LogLevel::Info, count),
    ("countReset", LogLevel::Info, |arguments, state, context| {
        state.console.counts.borrow_mut().remove(&label(arguments, context));
        None
    }),
    ("time", LogLevel::Info, |arguments, state, context| {
        let label = label(arguments, context);
        state.console.timers.borrow_mut().insert(label, state.clock.millis());
        None
    }),
    ("timeLog", LogLevel::Info, elapsed),
    ("timeEnd", LogLevel::Info, |arguments, state, context| {
        let elapsed = elapsed(arguments, state, context);
        state.console.timers.borrow_mut().remove(&label(arguments, context));
        elapsed
    }),
    ("clear", LogLevel::Info, |_, _, _| None),
];

/// Defines `console`.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let console = JsObject::with_object_proto(context.intrinsics());
    for (name, level, method) in METHODS {
        let native = NativeFunction::from_copy_closure(move |_, arguments, context| {
            let state = State::of(context);
            if !state.log_is_full() {
                let depth = state.console.depth.get();
                if let Some(text) = method(arguments, &state, context) {
                    let indent = "  ".repeat(depth);
                    state.log(level, &format!("{indent}{}", text.replace('\n', &format!("\n{indent}"))));
                }
            }
            Ok(JsValue::undefined())
        });
        let function = FunctionObjectBuilder::new(context.realm(), native).name(JsString::from(name)).build();
        console.create_data_property_or_throw(JsString::from(name), function, context)?;
    }
    context.register_global_property(js_string!("console"), console, Attribute::all())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn all(arguments: &[JsValue], _: &State, context: &mut Context) -> Option<String> {
    Some(format(arguments, context))
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn dir(arguments: &[JsValue], _: &State, context: &mut Context) -> Option<String> {
    let value = arguments.get_or_undefined(0);
    let depth = arguments.get_or_undefined(1).as_object();
    let depth = depth.and_then(|options| options.get(js_string!("depth"), context).ok()).unwrap_or_default();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped, and no NaN")]
    Some(match depth.as_number().filter(|depth| !depth.is_nan()) {
        Some(depth) => {
            // Node.js does not count the first level.
            let levels = (depth + 1.0).clamp(0.0, f64::from(inspect::MAX_LEVELS)) as usize;
            inspect::to_levels(value, levels, context)
        }
        None if depth.is_null() => inspect::to_levels(value, usize::from(inspect::MAX_LEVELS), context),
        None => inspect::value(value, context),
    })
}

fn assert(arguments: &[JsValue], _: &State, context: &mut Context) -> Option<String> {
    if arguments.get_or_undefined(0).to_boolean() {
        return None;
    }
    let text = format(arguments.get(1..).unwrap_or_default(), context);
    Some(if text.is_empty() { "Assertion failed".to_owned() } else { format!("Assertion failed: {text}") })
}

fn group(arguments: &[JsValue], state: &State, context: &mut Context) -> Option<String> {
    let depth = &state.console.depth;
    depth.set((depth.get() + 1).min(MAX_DEPTH));
    (!arguments.is_empty()).then(|| format(arguments, context))
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn count(arguments: &[JsValue], state: &State, context: &mut Context) -> Option<String> {
    let label = label(arguments, context);
    let mut counts = state.console.counts.borrow_mut();
    let count = counts.entry(label.clone()).or_default();
    *count += 1;
    Some(format!("{label}: {count}"))
}

fn elapsed(arguments: &[JsValue], state: &State, context: &mut Context) -> Option<String> {
    let label = label(arguments, context);
    let began = *state.console.timers.borrow().get(&label)?;
    Some(format!("{label}: {} ms", state.clock.millis() - began))
}

fn label(arguments: &[JsValue], context: &mut Context) -> String {
    match arguments.first() {
        None => "default".to_owned(),
        Some(label) => cut(&plain(label, context), MAX_LABEL),
    }
}

/// One text of a call's arguments.
pub(super) fn format(arguments: &[JsValue], context: &mut Context) -> String {
    let mut rest = arguments;
    let mut text = String::new();
    // A text alone is no pattern: `100%%` stays.
    if let [pattern, _, ..] = arguments
        && let Some(pattern) = pattern.as_string()
    {
        rest = &rest[1..];
        substitute(&mut text, &values::text(&pattern), &mut rest, context);
    }
    for (index, value) in rest.iter().enumerate() {
        if index > 0 || rest.len() < arguments.len() {
            text.push(' ');
        }
        text.push_str(&plain(value, context));
        if text.len() > MAX_TEXT {
            break;
        }
    }
    text
}

/// A string as it is, anything else inspected.
fn plain(value: &JsValue, context: &mut Context) -> String {
    match value.as_string() {
        Some(string) => values::text(&string),
        None => inspect::value(value, context),
    }
}

fn substitute(text: &mut String, pattern: &str, rest: &mut &[JsValue], context: &mut Context) {
    let mut pieces = pattern.split('%');
    text.push_str(pieces.next().unwrap_or(""));
    while let Some(piece) = pieces.next() {
        let mut characters = piece.chars();
        let directive = characters.next();
        match directive {
            None => {
                // `%%`, or a `%` at the very end.
                text.push('%');
                if let Some(after) = pieces.next() {
                    text.push_str(after);
                }
                continue;
            }
            Some('s' | 'd' | 'i' | 'f' | 'o' | 'O' | 'j' | 'c') if !rest.is_empty() => {}
            Some(_) => {
                let _ = write!(text, "%{piece}");
                continue;
            }
        }
        let (value, left) = (&rest[0], &rest[1..]);
        *rest = left;
        match directive {
            Some('s') => text.push_str(&string(value, context)),
            Some('d') => text.push_str(&number(value, None, context)),
            Some('i') => text.push_str(&number(value, Some(js_string!("parseInt")), context)),
            Some('f') => text.push_str(&number(value, Some(js_string!("parseFloat")), context)),
            Some('j') => match values::stringify(value, context) {
                Ok(json) => text.push_str(json.as_deref().unwrap_or("undefined")),
                Err(_) => text.push_str("[Circular]"),
            },
            Some('c') => {}
            _ => text.push_str(&inspect::value(value, context)),
        }
        text.push_str(characters.as_str());
        if text.len() > MAX_TEXT {
            return;
        }
    }
}

/// `%s`: an object that can say a text says it, one level of any other is shown.
fn string(value: &JsValue, context: &mut Context) -> String {
    let Some(object) = value.as_object() else { return plain(value, context) };
    if inspect::own_to_string(&object)
        && let Ok(said) = value.to_string(context)
    {
        return values::text(&said);
    }
    inspect::to_levels(value, 1, context)
}

/// `%d`, and with the engine's function of that name `%i` and `%f`: a number, what a text says of one, or NaN.
fn number(value: &JsValue, function: Option<JsString>, context: &mut Context) -> String {
    if let Some(big) = value.as_bigint() {
        return format!("{big}n");
    }
    if value.is_object() || value.is_symbol() {
        return "NaN".to_owned();
    }
    let number = match function {
        None => value.to_number(context).map(JsValue::from),
        // Frozen, so it is the engine's own.
        Some(name) => {
            context.global_object().get(name, context).and_then(|function| match function.as_callable() {
                Some(function) => function.call(&JsValue::undefined(), std::slice::from_ref(value), context),
                None => Ok(JsValue::nan()),
            })
        }
    };
    number.unwrap_or_else(|_| JsValue::nan()).display().to_string()
}
