//! A warm Context: the engine with the globals of the contract, nothing that an action must not have, frozen.

use std::rc::Rc;

use boa_engine::builtins::promise::{OperationType, Promise, PromiseState};
use boa_engine::context::HostHooks;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::{JsFunction, JsPromise};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsNativeError, JsResult, JsString, JsValue, NativeFunction, Source, js_string,
    object::FunctionObjectBuilder,
};

use super::date_value;
use super::jobs::NoImports;
use super::state::{Captured, State};
use super::{console, crypto, dates, freeze, functions, search_params, sort, timers, url};
use crate::base::TimeZone;

/// Globals that would let a run see what is not the same in a replay (when memory is collected) or wait unseen.
const REMOVED: [&str; 4] = ["WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"];

/// Makes a Context whose native functions share `state`.
///
/// # Errors
/// Only the engine's own.
pub(super) fn build(state: &Rc<State>) -> JsResult<Box<Context>> {
    let mut context = Box::new(
        Context::builder()
            .clock(state.clock.clone())
            .job_executor(state.jobs.clone())
            .module_loader(Rc::new(NoImports))
            .host_hooks(Rc::new(Hooks {
                max_buffer: u64::from(state.start.limits.memory_mb) << 20,
                time_zone: state.start.time_zone.clone(),
            }))
            .can_block(false)
            .build()?,
    );
    let context_ref = &mut *context;
    context_ref.insert_data(Rc::clone(state));
    context_ref.strict(true);
    state.capture(capture(context_ref)?);
    remove(context_ref)?;
    seed_random(context_ref)?;
    sort::install(context_ref)?;
    dates::install(context_ref)?;
    crypto::install(context_ref)?;
    boa_runtime::text::register(None, context_ref)?;
    search_params::install(context_ref)?;
    url::install(context_ref)?;
    boa_runtime::microtask::register(None, context_ref)?;
    boa_runtime::clone::register(None, context_ref)?;
    boa_runtime::base64::register(None, context_ref)?;
    console::install(context_ref)?;
    timers::install(context_ref)?;
    functions::install(&state.start.functions, context_ref)?;
    if let Some(prelude) = &state.start.prelude {
        context_ref.eval(Source::from_bytes(prelude))?;
    }
    let shields = freeze::freeze(context_ref)?;
    state.shield(shields);
    Ok(context)
}

fn capture(context: &mut Context) -> JsResult<Captured> {
    let json = context.intrinsics().objects().json();
    let missing = || JsNativeError::typ().with_message("the engine lacks a function");
    let mut function =
        |name| -> JsResult<JsFunction> { Ok(json.get(name, context)?.as_function().ok_or_else(missing)?) };
    let (stringify, parse) = (function(js_string!("stringify"))?, function(js_string!("parse"))?);
    let error = context.intrinsics().constructors().error().prototype();
    let stack = error.borrow().properties().get(&PropertyKey::from(js_string!("stack")));
    let stack = stack.and_then(|stack| stack.get().and_then(JsValue::as_function)).ok_or_else(missing)?;
    Ok(Captured { stringify, parse, stack })
}

fn remove(context: &mut Context) -> JsResult<()> {
    let global = context.global_object();
    for name in REMOVED {
        global.delete_property_or_throw(JsString::from(name), context)?;
    }
    Ok(())
}

fn seed_random(context: &mut Context) -> JsResult<()> {
    let native = NativeFunction::from_fn_ptr(|_, _, context| Ok(State::of(context).random.number().into()));
    let random = FunctionObjectBuilder::new(context.realm(), native).name(js_string!("random")).build();
    let property =
        PropertyDescriptor::builder().value(random).writable(true).enumerable(false).configurable(true);
    let math = context.intrinsics().objects().math();
    math.define_property_or_throw(js_string!("random"), property.build(), context)?;
    Ok(())
}

/// What the engine asks its embedder.
struct Hooks {
    max_buffer: u64,
    time_zone: TimeZone,
}

impl HostHooks for Hooks {
    fn ensure_can_compile_strings(
        &self,
        _realm: Realm,
        _parameters: &[JsString],
        _body: &JsString,
        _direct: bool,
        _context: &mut Context,
    ) -> JsResult<()> {
        let message = "eval and new Function are not available: code comes from the application's files only";
        Err(JsNativeError::eval().with_message(message).into())
    }

    fn promise_rejection_tracker(
        &self,
        promise: &JsObject<Promise>,
        operation: OperationType,
        context: &mut Context,
    ) {
        let state = State::of(context);
        let promise: JsObject = promise.clone().upcast();
        let mut rejected = state.rejected.borrow_mut();
        match operation {
            OperationType::Reject => rejected.push(promise),
            OperationType::Handle => rejected.retain(|known| !JsObject::equals(known, &promise)),
        }
    }

    /// The application's zone: reading the computer's would open a file, and make runs differ between computers. Right
    /// where the engine asks about a moment; see [`dates`].
    fn local_timezone_offset_seconds(&self, unix_time_seconds: i64) -> i32 {
        let offset = date_value::offset_at(unix_time_seconds.saturating_mul(1000), &self.time_zone) / 1000;
        i32::try_from(offset).unwrap_or(0)
    }

    fn max_buffer_size(&self, context: &mut Context) -> u64 {
        State::of(context).relieve();
        self.max_buffer
    }
}

/// Why the promises that nobody took care of were rejected, for a warning.
pub(super) fn rejection(promise: &JsObject) -> Option<JsValue> {
    match JsPromise::from_object(promise.clone()).ok()?.state() {
        PromiseState::Rejected(reason) => Some(reason),
        _ => None,
    }
}
