//! `console`: log lines for the author. The format is the [Console Standard's](https://console.spec.whatwg.org/#formatter):
//! `%s %d %i %f %o %O %j %c %%` in a first argument that is a string, everything else one after another.

use std::fmt::Write as _;

use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::Attribute;
use boa_engine::{Context, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::inspect;
use super::state::State;
use super::values;
use crate::script::protocol::LogLevel;

/// The longest text that is formatted at all; the limit of a line comes after it.
const MAX_TEXT: usize = 256 << 10;

/// Defines `console`.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let console = JsObject::with_object_proto(context.intrinsics());
    let methods = [
        ("log", LogLevel::Info),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
        ("trace", LogLevel::Debug),
    ];
    for (name, level) in methods {
        let native = NativeFunction::from_copy_closure(move |_, arguments, context| {
            let state = State::of(context);
            if !state.log_is_full() {
                let mut text = format(arguments, context);
                if name == "trace" {
                    text.insert_str(0, "Trace: ");
                }
                state.log(level, &text);
            }
            Ok(JsValue::undefined())
        });
        let function = FunctionObjectBuilder::new(context.realm(), native).name(JsString::from(name)).build();
        console.create_data_property_or_throw(JsString::from(name), function, context)?;
    }
    context.register_global_property(js_string!("console"), console, Attribute::all())
}

/// One text of a call's arguments.
pub(super) fn format(arguments: &[JsValue], context: &mut Context) -> String {
    let mut rest = arguments;
    let mut text = String::new();
    if let Some(pattern) = arguments.first().and_then(JsValue::as_string) {
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
            Some('s') => text.push_str(&plain(value, context)),
            Some('d' | 'f') => text.push_str(&number(value, false)),
            Some('i') => text.push_str(&number(value, true)),
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

/// `%d`, `%f` and `%i`: a number, a numeric string, or NaN.
fn number(value: &JsValue, whole: bool) -> String {
    let number = match value.as_string() {
        Some(string) => values::text(&string).trim().parse().unwrap_or(f64::NAN),
        None => value.as_number().unwrap_or(f64::NAN),
    };
    if let Some(big) = value.as_bigint() {
        return format!("{big}n");
    }
    JsValue::from(if whole { number.trunc() } else { number }).display().to_string()
}
