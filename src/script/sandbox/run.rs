//! One run: the action's outer function is called with the names in scope, which makes the inner, async one; that is
//! called and answers a promise. Then promise jobs and timers are done until that promise has settled; what is still
//! pending is dropped with a warning. A promise that was rejected by then, and that nothing has handled, fails the run as
//! an error of its own would: nobody else would ever hear of it. Where the value is the reply to a message, telling the host
//! is the run's last call.

use std::time::Duration;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsPromise;
use boa_engine::{Context, JsResult, JsString, JsValue};

use super::compile::Kind;
use super::state::State;
use super::{compile, failure, functions, inspect, jobs, realm, tripwire, values};
use crate::script::protocol::{Failure, LogLevel, Reason, Returned, RunRequest, Value, result_too_large};

/// The members of `reqParams`.
pub(super) const REQ_PARAMS: [&str; 4] = ["appId", "applicationId", "companyId", "actionId"];
/// The members of `userInfo`.
pub(super) const USER_INFO: [&str; 1] = ["companyId"];

/// Unhandled rejections that are worth a line each, beside the failure.
const MAX_REJECTIONS_LOGGED: usize = 3;

/// One run, to its result. What used up a limit is said by the tripwire and not by what the engine made of it.
pub(super) fn attempt(
    request: &RunRequest,
    context: &mut Context,
    state: &State,
) -> Result<Returned, Failure> {
    let result = result(request, context, state);
    match tripwire::tripped() {
        Some(tripped) => {
            let mut failure = failure::limit(tripped, &state.start.limits);
            if let Err(stopped) = result {
                failure.frames = stopped.frames;
                failure.native = stopped.native;
            }
            Err(failure)
        }
        None => result,
    }
}

fn result(request: &RunRequest, context: &mut Context, state: &State) -> Result<Returned, Failure> {
    let file = state
        .modules
        .action(&request.action)
        .map_err(|error| Failure { code: Some("UNKNOWN_ACTION".into()), ..failure::load(error) })?;
    let outer = state.modules.function(file, Kind::Action, context).map_err(failure::load)?;
    let promise = scope(request, file, context, state)
        .and_then(|scope| outer.call(&JsValue::undefined(), &scope, context))
        .and_then(|inner| match inner.as_callable() {
            Some(inner) => inner.call(&JsValue::undefined(), &[], context),
            None => Ok(JsValue::undefined()),
        })
        .and_then(|promise| JsPromise::resolve(promise, context))
        .map_err(|error| failure::from_error(error, context))?;
    let mut value = settle(&promise, context, state);
    if value.as_ref().is_ok_and(JsValue::is_undefined)
        && let Some(chosen) = state.result.take()
    {
        let promise =
            JsPromise::resolve(chosen, context).map_err(|error| failure::from_error(error, context))?;
        value = settle(&promise, context, state);
    }
    warn_of_what_is_pending(state);
    let rejected = state.rejected.take();
    let mut unhandled = rejected.iter().filter_map(realm::rejection);
    let value = value.and_then(|value| match unhandled.next() {
        Some(reason) => Err(failure::unhandled(&reason, context)),
        None => Ok(value),
    });
    for reason in unhandled.take(MAX_REJECTIONS_LOGGED) {
        let shown = inspect::value(&reason, context);
        state.log(LogLevel::Warn, &format!("a promise was rejected and nothing handled it: {shown}"));
    }
    let returned = value.and_then(|value| returned(&value, context, state));
    returned.and_then(|returned| {
        if let Some(function) = request.reply {
            reply(function, &returned, context).map_err(|error| failure::from_error(error, context))?;
        }
        Ok(returned)
    })
}

/// The values of the names in scope, in the order of the outer function's parameters; what modules share is kept.
fn scope(request: &RunRequest, file: usize, context: &mut Context, state: &State) -> JsResult<Vec<JsValue>> {
    let vo = values::from_vo(&request.vo, context)?;
    let company: JsValue = JsString::from(request.company.as_str()).into();
    let app: JsValue = JsString::from(state.start.app_id.as_str()).into();
    let action: JsValue = JsString::from(request.action.as_str()).into();
    let params = JsObject::with_object_proto(context.intrinsics());
    for (name, value) in REQ_PARAMS.into_iter().zip([&app, &app, &company, &action]) {
        values::put(&params, JsString::from(name), value.clone());
    }
    let user = JsObject::with_object_proto(context.intrinsics());
    let [name] = USER_INFO;
    values::put(&user, JsString::from(name), company.clone());
    let mut scope = Vec::with_capacity(compile::SCOPE);
    scope.extend([vo, params.into(), company, app, user.into()]);
    state.scope.replace(scope.clone());
    scope.push(state.modules.require_of(file, context)?.into());
    Ok(scope)
}

/// Does what there is to do until `promise` has settled.
fn settle(promise: &JsPromise, context: &mut Context, state: &State) -> Result<JsValue, Failure> {
    // The engine drops an error of its own that happens after an `await`, and leaves the promise pending.
    let never = || {
        let message = "the action's promise never settles: it awaits something that nothing will resolve, or its \
                       functions called each other too deeply after an `await`";
        Err(Failure::new(Reason::Thrown, message))
    };
    loop {
        match promise.state() {
            PromiseState::Fulfilled(value) => return Ok(value),
            PromiseState::Rejected(reason) => {
                let settled: JsObject = promise.clone().into();
                state.rejected.borrow_mut().retain(|known| !JsObject::equals(known, &settled));
                return Err(failure::from_thrown(&reason, context));
            }
            PromiseState::Pending => {}
        }
        if tripwire::tripped().is_some() {
            return never();
        }
        let done = if let Some(job) = state.jobs.next() {
            jobs::run_job(job, context)
        } else if let Some(due) = state.jobs.next_due() {
            wait_until(due, state)?;
            state.relieve();
            state.jobs.fire(context)
        } else {
            return never();
        };
        done.map_err(|error| failure::from_error(error, context))?;
    }
}

/// Waits for a timer and moves the clock to it. Only waits count here: what the host's answers took is the host's to
/// judge.
fn wait_until(due: i64, state: &State) -> Result<(), Failure> {
    let now = state.clock.millis();
    let Ok(millis @ 1..) = u64::try_from(due.saturating_sub(now)) else { return Ok(()) };
    let wall = Duration::from_millis(state.start.limits.wall_ms);
    let waited = state.waited.get() + Duration::from_millis(millis);
    if waited > wall {
        let message = format!(
            "the action waits longer than its wall time (limits.wall_ms = {})",
            state.start.limits.wall_ms
        );
        return Err(Failure::new(Reason::WallLimit, message));
    }
    state.waited.set(waited);
    state.host.borrow_mut().sleep(Duration::from_millis(millis));
    state.clock.advance_by_timer(millis);
    Ok(())
}

/// The run's result, as it crosses the pipe.
fn returned(value: &JsValue, context: &mut Context, state: &State) -> Result<Returned, Failure> {
    let returned = match value.as_string() {
        Some(string) => Returned::String(values::text(&string)),
        None if value.is_undefined() => Returned::Undefined,
        None => match values::stringify(value, context) {
            Ok(Some(json)) => Returned::Json(json),
            Ok(None) => Returned::Undefined,
            Err(error) => {
                let mut failure = failure::from_error(error, context);
                failure.message =
                    format!("the returned value cannot be written as JSON: {}", failure.message);
                return Err(failure);
            }
        },
    };
    let bytes = match &returned {
        Returned::Undefined => 0,
        Returned::String(text) | Returned::Json(text) => text.len(),
    };
    let max = usize::try_from(state.start.limits.max_result_bytes).unwrap_or(usize::MAX);
    if bytes > max {
        return Err(Failure::new(Reason::OutputLimit, result_too_large(bytes, max)));
    }
    Ok(returned)
}

/// Tells the host what was returned, for it is the reply to a message; nothing, null and an empty text are none.
///
/// # Errors
/// What the host throws.
fn reply(function: u16, returned: &Returned, context: &mut Context) -> JsResult<()> {
    let value = match returned {
        Returned::Undefined => return Ok(()),
        Returned::String(text) if text.is_empty() => return Ok(()),
        Returned::Json(json) if json == "null" => return Ok(()),
        Returned::String(text) => Value::String(text.clone()),
        Returned::Json(json) => Value::Json(values::whole_characters(json.clone())),
    };
    functions::ask(function, vec![value], context).map(drop)
}

/// Says what the run leaves undone, for it is dropped.
fn warn_of_what_is_pending(state: &State) {
    let (jobs, timers) = state.jobs.clear();
    if jobs + timers > 0 {
        let what = match (jobs, timers) {
            (0, timers) => format!("{timers} timer(s)"),
            (jobs, 0) => format!("{jobs} promise job(s)"),
            (jobs, timers) => format!("{jobs} promise job(s) and {timers} timer(s)"),
        };
        state.log(
            LogLevel::Warn,
            &format!(
                "the action ended while {what} were still pending: they are dropped (is an `await` missing?)"
            ),
        );
    }
}
