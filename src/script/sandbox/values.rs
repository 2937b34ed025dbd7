//! Values on their way between JavaScript and the pipe.

use std::borrow::Cow;
use std::fmt;

use boa_engine::builtins::promise::Promise;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::{JsArray, JsFunction};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::value::JsVariant;
use boa_engine::{
    Context, JsError, JsNativeError, JsNativeErrorKind, JsResult, JsString, JsValue, NativeFunction,
    js_string,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::state::State;
use crate::script::protocol::{ErrorKind, FunctionSpec, MAX_ARGUMENTS, Thrown, Value, Vo};

/// The least that an argument counts, in bytes of text, however short it is.
const MIN_ARGUMENT: usize = 8;
/// The most that the arguments of one call may take, in bytes of text.
pub(super) const MAX_ARGUMENT_BYTES: usize = MIN_ARGUMENT * MAX_ARGUMENTS;

/// A string as Rust has them; lone surrogates become U+FFFD.
pub(super) fn text(string: &JsString) -> String {
    string.to_std_string_lossy()
}

/// What `JSON.stringify` makes of `value`; `None` where it makes `undefined`.
///
/// # Errors
/// What `toJSON`, a getter or a circle throws.
pub(super) fn stringify(value: &JsValue, context: &mut Context) -> JsResult<Option<String>> {
    let stringify = State::of(context).captured().stringify.clone();
    let json = stringify.call(&JsValue::undefined(), std::slice::from_ref(value), context)?;
    Ok(json.as_string().map(|json| text(&json)))
}

/// The same for an argument, in which a function or a symbol is a mistake: `JSON.stringify` would leave it out without a
/// word, and what was meant to be said, such as whose account sends, would go unsaid.
fn stringify_argument(value: &JsValue, context: &mut Context) -> JsResult<Option<String>> {
    let stringify = State::of(context).captured().stringify.clone();
    let refuse = NativeFunction::from_fn_ptr(|_, arguments, _| {
        let value = arguments.get(1).cloned().unwrap_or_default();
        let what = if value.is_callable() { "a function" } else { "a symbol" };
        if !value.is_callable() && !value.is_symbol() {
            return Ok(value);
        }
        let name = arguments.first().and_then(JsValue::as_string).map(|name| text(&name)).unwrap_or_default();
        Err(JsNativeError::typ().with_message(format!("`{}` is {what}", crate::base::shown(&name))).into())
    });
    let refuse = refuse.to_js_function(context.realm());
    let json = stringify.call(&JsValue::undefined(), &[value.clone(), refuse.into()], context)?;
    Ok(json.as_string().map(|json| text(&json)))
}

/// The arguments of a call of `function`, for the host.
///
/// # Errors
/// A `RangeError` when they are too large together, a `TypeError` that names an argument which JSON cannot hold, and
/// what a getter or `toJSON` throws.
pub(super) fn arguments(
    values: &[JsValue],
    function: Option<&FunctionSpec>,
    context: &mut Context,
) -> JsResult<Vec<Value>> {
    let name = function.map_or("", |function| function.name.as_str());
    let mut bytes = 0_usize;
    let mut list = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let value = argument(value, context).map_err(|error| {
            let parameter = function.and_then(|function| function.parameters.get(index));
            let parameter = parameter.map_or("argument", |name| name.trim_start_matches("..."));
            match error.as_native() {
                // The engine's own: a circle, or a BigInt within an object.
                Some(native) if native.kind() == &JsNativeErrorKind::Type => {
                    let message =
                        format!("{name}: `{parameter}` cannot be written as JSON: {}", native.message());
                    JsNativeError::typ().with_message(message).into()
                }
                _ => error,
            }
        })?;
        bytes = bytes.saturating_add(match &value {
            Value::String(text) | Value::BigInt(text) | Value::Json(text) => text.len().max(MIN_ARGUMENT),
            _ => MIN_ARGUMENT,
        });
        if bytes > MAX_ARGUMENT_BYTES {
            let message = format!("{name}: the arguments are larger than 1 MiB");
            return Err(JsNativeError::range().with_message(message).into());
        }
        list.push(value);
    }
    Ok(list)
}

fn argument(value: &JsValue, context: &mut Context) -> JsResult<Value> {
    Ok(match value.variant() {
        JsVariant::Undefined => Value::Undefined,
        JsVariant::Null => Value::Null,
        JsVariant::Boolean(value) => Value::Bool(value),
        JsVariant::Integer32(value) => Value::Number(value.into()),
        JsVariant::Float64(value) => Value::Number(value),
        JsVariant::String(value) => Value::String(text(&value)),
        JsVariant::BigInt(value) => Value::BigInt(value.to_string()),
        JsVariant::Symbol(_) => Value::Opaque("symbol".to_owned()),
        JsVariant::Object(object) if object.is_callable() => Value::Opaque("function".to_owned()),
        JsVariant::Object(object) if object.is::<Promise>() => Value::Opaque("promise".to_owned()),
        JsVariant::Object(_) => match stringify_argument(value, context)? {
            None => Value::Undefined,
            Some(json) => primitive(&json).unwrap_or_else(|| Value::Json(whole_characters(json))),
        },
    })
}

/// JSON in which half a surrogate pair, as cutting a text in the middle of an emoji leaves one, is U+FFFD, as in a string
/// that is an argument itself. JavaScript writes it as `\ud83d`, which is not JSON for anyone else.
pub(super) fn whole_characters(json: String) -> String {
    // A pair is written as the character that it is: an escape of this range is half of one. A backslash is written
    // as two, and what follows such a pair is no escape.
    if !json.contains("\\ud") {
        return json;
    }
    let mut rest = json.as_str();
    let mut whole = String::with_capacity(json.len());
    while let Some(at) = rest.find('\\') {
        whole.push_str(&rest[..at]);
        let escape = &rest[at..];
        let half =
            escape.starts_with("\\ud") && escape.as_bytes().get(3).is_some_and(|b| b"89abcdef".contains(b));
        // Any escape is two characters at least, and all of them are ASCII.
        let length = if half { 6 } else { 2 };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        whole.push_str(if half { "\u{fffd}" } else { escape });
        rest = after;
    }
    whole + rest
}

/// The value of JSON that is not an array or object: what a `Date` or a `new String()` becomes.
fn primitive(json: &str) -> Option<Value> {
    match serde_json::from_str(json).ok().filter(|_| !json.starts_with(['{', '[']))? {
        serde_json::Value::Null => Some(Value::Null),
        serde_json::Value::Bool(value) => Some(Value::Bool(value)),
        serde_json::Value::Number(value) => value.as_f64().map(Value::Number),
        serde_json::Value::String(value) => Some(Value::String(value)),
        _ => None,
    }
}

/// A value of the host's, for the script.
///
/// # Errors
/// When [`Value::Json`] is not JSON.
pub(super) fn from_host(value: Value, context: &mut Context) -> JsResult<JsValue> {
    Ok(match value {
        Value::Undefined | Value::Opaque(_) => JsValue::undefined(),
        Value::Null => JsValue::null(),
        Value::Bool(value) => value.into(),
        Value::Number(value) => value.into(),
        Value::String(value) => JsString::from(value.as_str()).into(),
        Value::BigInt(digits) => boa_engine::JsBigInt::from_string(&digits)
            .ok_or_else(|| JsNativeError::syntax().with_message("not a BigInt"))?
            .into(),
        Value::Json(json) => parse(&json, context)?,
    })
}

/// An error of the host's, for the script to catch.
pub(super) fn from_thrown(thrown: Thrown, context: &mut Context) -> JsError {
    let error = match thrown.kind {
        ErrorKind::Error => JsNativeError::error(),
        ErrorKind::TypeError => JsNativeError::typ(),
        ErrorKind::RangeError => JsNativeError::range(),
    };
    let error = error.with_message(thrown.message);
    match thrown.code {
        None => error.into(),
        Some(code) => with_code(error, &code, context),
    }
}

/// `error` with an own property `code`.
pub(super) fn with_code(error: JsNativeError, code: &str, context: &mut Context) -> JsError {
    let object = error.into_opaque(context);
    match object.create_data_property_or_throw(js_string!("code"), JsString::from(code), context) {
        Ok(_) => JsError::from_opaque(object.into()),
        Err(error) => error,
    }
}

/// Gives an ordinary object that no script has seen an own data property; skips the checks that could only fail on
/// another object.
pub(super) fn put(object: &JsObject, key: impl Into<PropertyKey>, value: impl Into<JsValue>) {
    let property =
        PropertyDescriptor::builder().value(value).writable(true).enumerable(true).configurable(true);
    object.insert_property(key, property);
}

/// The input of a run.
///
/// # Errors
/// When [`Vo::Json`] is not JSON.
pub(super) fn from_vo(vo: &Vo, context: &mut Context) -> JsResult<JsValue> {
    match vo {
        Vo::Json(json) => parse(json, context),
        Vo::Form(fields) => {
            let object = JsObject::with_object_proto(context.intrinsics());
            let state = State::of(context);
            for (name, value) in fields {
                put(&object, state.key(name), JsString::from(value.as_str()));
            }
            Ok(object.into())
        }
    }
}

/// What `JSON.parse` makes of `json`, ten times faster for ordinary texts.
///
/// # Errors
/// A `SyntaxError` when it is not JSON.
pub(super) fn parse(json: &str, context: &mut Context) -> JsResult<JsValue> {
    if let Ok(value) = parse_strictly(json, context) {
        return Ok(value);
    }
    // Deeper than 128 levels, a lone surrogate, or no JSON at all: the engine says so.
    let parse: JsFunction = State::of(context).captured().parse.clone();
    parse.call(&JsValue::undefined(), &[JsString::from(json).into()], context)
}

/// The same, but for texts deeper than 128 levels and halves of surrogate pairs, which are errors.
///
/// # Errors
/// Says what is wrong and where.
pub(super) fn parse_strictly(json: &str, context: &mut Context) -> serde_json::Result<JsValue> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = Seed(context).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Builds JavaScript values straight from JSON text; keys keep their order, and `__proto__` is a key like others.
struct Seed<'a>(&'a mut Context);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = JsValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<JsValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = JsValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<JsValue, E> {
        Ok(JsValue::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsValue, E> {
        Ok(value.into())
    }

    #[allow(clippy::cast_precision_loss, reason = "numbers are doubles in JavaScript")]
    fn visit_i64<E>(self, value: i64) -> Result<JsValue, E> {
        Ok(i32::try_from(value).map_or_else(|_| JsValue::from(value as f64), JsValue::from))
    }

    #[allow(clippy::cast_precision_loss, reason = "numbers are doubles in JavaScript")]
    fn visit_u64<E>(self, value: u64) -> Result<JsValue, E> {
        Ok(i32::try_from(value).map_or_else(|_| JsValue::from(value as f64), JsValue::from))
    }

    fn visit_f64<E>(self, value: f64) -> Result<JsValue, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<JsValue, E> {
        Ok(JsString::from(value).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Seed(self.0))? {
            list.push(item);
        }
        Ok(JsArray::from_iter(list, self.0).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<JsValue, A::Error> {
        let object = JsObject::with_object_proto(self.0.intrinsics());
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            let value = members.next_value_seed(Seed(self.0))?;
            put(&object, JsString::from(&*name), value);
        }
        Ok(object.into())
    }
}
