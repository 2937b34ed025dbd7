//! `setTimeout`, `setInterval` and their `clear…`, as in the HTML standard, except that delays count on the run's
//! clock and a first argument that is no function is an error. `setImmediate` is Node.js's: a timer that is due now.

use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction};

use super::state::State;

/// Defines the timers.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    for (name, repeats) in [("setTimeout", false), ("setInterval", true)] {
        let native = NativeFunction::from_copy_closure(move |_, arguments, context| {
            set(name, repeats, arguments, context)
        });
        register(name, 2, native, context)?;
    }
    let immediate = NativeFunction::from_fn_ptr(|_, arguments, context| {
        let callback = callback("setImmediate", arguments)?;
        let state = State::of(context);
        let rest = arguments.get(1..).unwrap_or_default().to_vec();
        Ok(state.jobs.set_timer(callback, rest, state.clock.millis(), 0, false).into())
    });
    register("setImmediate", 1, immediate, context)?;
    for name in ["clearTimeout", "clearInterval", "clearImmediate"] {
        register(name, 1, NativeFunction::from_fn_ptr(clear), context)?;
    }
    Ok(())
}

fn register(
    name: &'static str,
    length: usize,
    native: NativeFunction,
    context: &mut Context,
) -> JsResult<()> {
    let name = JsString::from(name);
    let function =
        FunctionObjectBuilder::new(context.realm(), native).name(name.clone()).length(length).build();
    context.register_global_property(name, function, Attribute::all())
}

fn set(name: &str, repeats: bool, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let callback = callback(name, arguments)?;
    let delay = arguments.get_or_undefined(1).to_number(context)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; NaN becomes 0")]
    let delay = delay.clamp(0.0, f64::from(i32::MAX)) as u64;
    let state = State::of(context);
    let rest = arguments.get(2..).unwrap_or_default().to_vec();
    Ok(state.jobs.set_timer(callback, rest, state.clock.millis(), delay, repeats).into())
}

fn callback(name: &str, arguments: &[JsValue]) -> JsResult<JsFunction> {
    arguments.get_or_undefined(0).as_function().ok_or_else(|| {
        let message = format!("{name}: the first argument must be a function");
        JsNativeError::typ().with_message(message).into()
    })
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a native function")]
fn clear(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    if let Some(id) = arguments.get_or_undefined(0).as_number() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is no id clears nothing"
        )]
        State::of(context).jobs.clear_timer(id as u32);
    }
    Ok(JsValue::undefined())
}
