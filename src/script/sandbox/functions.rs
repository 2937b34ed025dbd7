//! `utils`: the host's functions, as a script sees them. A call is one frame to the host and a wait for its answer.
//!
//! Two need no host and never leave the sandbox, whatever the host does for them: `log`, which nothing waits for,
//! and `setReturnValue`, whose value is the run's result.

use boa_engine::object::builtins::JsFunction;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::{Attribute, PropertyKey};
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::console;
use super::state::State;
use super::values;
use crate::script::protocol::{Answer, FunctionSpec, LogLevel};

/// Defines `utils` and the functions that are globals too.
pub(super) fn install(functions: &[FunctionSpec], context: &mut Context) -> JsResult<()> {
    let utils = JsObject::with_object_proto(context.intrinsics());
    for (index, spec) in (0_u16..).zip(functions) {
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
        if spec.global {
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
    let name = state.functions.get(usize::from(index)).map_or("", |spec| spec.name.as_str());
    let arguments = values::arguments(arguments, name, context)?;
    let answer = state.host.borrow_mut().call(state.ticket.get(), index, arguments);
    match answer {
        Answer::Return { value, advance_ms } => {
            state.clock.advance(advance_ms);
            values::from_host(value, context)
        }
        Answer::Throw(thrown) => Err(values::from_thrown(thrown, context)),
    }
}

/// `utils.log(message, level)`
fn log(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let level = match arguments.get_or_undefined(1).as_string().map(|level| values::text(&level)).as_deref() {
        None if arguments.get_or_undefined(1).is_null_or_undefined() => LogLevel::Info,
        Some("log" | "info") => LogLevel::Info,
        Some("debug" | "trace") => LogLevel::Debug,
        Some("warn") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        _ => {
            let message =
                "log: `level` must be \"debug\", \"info\", \"log\", \"warn\", \"error\" or \"trace\"";
            return Err(JsNativeError::typ().with_message(message).into());
        }
    };
    let text = console::format(&arguments[..arguments.len().min(1)], context);
    State::of(context).log(level, &text);
    Ok(JsValue::undefined())
}

/// `utils.setReturnValue(value)`
fn set_return_value(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    State::of(context).result.replace(Some(arguments.get_or_undefined(0).clone()));
    Ok(JsValue::undefined())
}
