//! `utils`: the host's functions, as a script sees them. A call is one frame to the host and a wait for its answer.
//!
//! Two need no host and are done here, whatever the host would do for them: `log`, which nothing waits for, and
//! `setReturnValue`, whose value is the run's result unless the action returns another.

use boa_engine::object::builtins::JsFunction;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::{Attribute, PropertyKey};
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::console;
use super::state::State;
use super::values;
use crate::script::protocol::{Answer, FunctionSpec, LogLevel, Scope, Value};

/// Defines `utils` and the functions that are globals too.
pub(super) fn install(functions: &[FunctionSpec], context: &mut Context) -> JsResult<()> {
    let utils = JsObject::with_object_proto(context.intrinsics());
    for (index, spec) in (0_u16..).zip(functions).filter(|(_, spec)| spec.scope != Scope::Hidden) {
        let native = match spec.name.as_str() {
            "log" => NativeFunction::from_fn_ptr(log),
            "setReturnValue" => NativeFunction::from_fn_ptr(set_return_value),
            _ => NativeFunction::from_copy_closure(move |_, arguments, context| {
                call(index, arguments, context)
            }),
        };
        let (path, name) = spec.name.rsplit_once('.').unwrap_or(("", &spec.name));
        let function: JsFunction = FunctionObjectBuilder::new(context.realm(), native)
            .name(JsString::from(name))
            .length(spec.parameters.len())
            .build();
        let mut object = utils.clone();
        for segment in path.split('.').filter(|segment| !segment.is_empty()) {
            object = child(&object, segment, context)?;
        }
        object.create_data_property_or_throw(JsString::from(name), function.clone(), context)?;
        if spec.scope == Scope::Global {
            context.register_global_property(JsString::from(name), function, Attribute::all())?;
        }
    }
    context.register_global_property(js_string!("utils"), utils, Attribute::all())
}

/// The object that is the property `name` of `parent`, made if there is none.
fn child(parent: &JsObject, name: &str, context: &mut Context) -> JsResult<JsObject> {
    let key = PropertyKey::from(JsString::from(name));
    if parent.has_own_property(key.clone(), context)?
        && let Some(object) = parent.get(key.clone(), context)?.as_object()
    {
        return Ok(object);
    }
    let object = JsObject::with_object_proto(context.intrinsics());
    parent.create_data_property_or_throw(key, object.clone(), context)?;
    Ok(object)
}

fn call(index: u16, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let state = State::of(context);
    state.relieve();
    let arguments = values::arguments(arguments, state.start.functions.get(usize::from(index)), context)?;
    ask(index, arguments, context)
}

/// Calls a function of the host.
///
/// # Errors
/// What the host throws.
pub(super) fn ask(index: u16, arguments: Vec<Value>, context: &mut Context) -> JsResult<JsValue> {
    let state = State::of(context);
    let answer = state.host.borrow_mut().call(state.ticket.get(), index, arguments);
    match answer {
        Answer::Return { value, advance_ms } => {
            state.clock.advance_by_host(advance_ms);
            values::from_host(value, context)
        }
        Answer::Throw(thrown) => Err(values::from_thrown(thrown, context)),
    }
}

/// `utils.log(message, level)`
fn log(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let level = arguments.get_or_undefined(1);
    let name = level.as_string().map(|level| values::text(&level).to_ascii_lowercase());
    let level = match name.as_deref() {
        None if level.is_null_or_undefined() => LogLevel::Info,
        Some("log" | "info") => LogLevel::Info,
        Some("debug" | "trace") => LogLevel::Debug,
        Some("warn" | "warning") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        _ => {
            let message = "log: `level` must be debug, info, warn or error";
            return Err(JsNativeError::typ().with_message(message).into());
        }
    };
    let state = State::of(context);
    if !state.log_is_full() {
        let text = console::format(&arguments[..arguments.len().min(1)], context);
        state.log(level, &text);
    }
    Ok(JsValue::undefined())
}

/// `utils.setReturnValue(value)`
#[allow(clippy::unnecessary_wraps, reason = "the form of a native function")]
fn set_return_value(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    State::of(context).result.replace(Some(arguments.get_or_undefined(0).clone()));
    Ok(JsValue::undefined())
}
