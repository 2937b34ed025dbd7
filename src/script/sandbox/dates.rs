//! `Date` in the application's time zone.
//!
//! The engine asks its embedder for the offset of a moment, but asks the same question with what the clocks show, so that
//! from local time to UTC it is wrong for some hours beside each change of the clocks; and it takes fewer texts than other
//! engines. So everything that goes from local time to UTC, or reads a text, is done here: the constructor, `parse`, the
//! setters and the texts with an offset. What goes the other way is the engine's. `Temporal.Now` gets the zone's name.

use boa_engine::object::builtins::{JsDate, JsFunction};
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::PropertyDescriptor;
use boa_engine::value::PreferredType;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string};

use super::date_text::{self, Moment};
use super::date_value::{LAST, local_of, moment_of, number};
use super::state::State;
use super::values;
use crate::base::TimeZone;

/// The setters of local time, with those of UTC and their numbers of parameters.
const SETTERS: [(&str, &str, usize); 7] = [
    ("setMilliseconds", "setUTCMilliseconds", 1),
    ("setSeconds", "setUTCSeconds", 2),
    ("setMinutes", "setUTCMinutes", 3),
    ("setHours", "setUTCHours", 4),
    ("setDate", "setUTCDate", 1),
    ("setMonth", "setUTCMonth", 2),
    ("setFullYear", "setUTCFullYear", 3),
];

/// What a text of a date has of it.
#[derive(Debug, Clone, Copy)]
enum Part {
    Date,
    Time,
    Both,
}

/// Replaces what the engine does otherwise; before anything is frozen.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let engines = context.intrinsics().constructors().date().constructor();
    let prototype = context.intrinsics().constructors().date().prototype();
    let native = NativeFunction::from_copy_closure_with_captures(construct, engines.clone());
    let date = FunctionObjectBuilder::new(context.realm(), native)
        .name(js_string!("Date"))
        .length(7)
        .constructor(true)
        .build();
    let fixed = PropertyDescriptor::builder().writable(false).enumerable(false).configurable(false);
    date.define_property_or_throw(js_string!("prototype"), fixed.value(prototype.clone()).build(), context)?;
    for name in [js_string!("now"), js_string!("UTC")] {
        let function = engines.get(name.clone(), context)?;
        define(&date, &name, function, context)?;
    }
    let parse = NativeFunction::from_fn_ptr(|_, arguments, context| {
        let text = arguments.get_or_undefined(0).to_string(context)?;
        Ok(read(&text, context).into())
    });
    method(&date, "parse", 1, parse, context)?;
    for (local, utc, length) in SETTERS {
        let engines = engines_method(&prototype, utc, context)?;
        let setter = NativeFunction::from_copy_closure_with_captures(set, engines);
        method(&prototype, local, length, setter, context)?;
    }
    let full_year = engines_method(&prototype, "setUTCFullYear", context)?;
    let set_year = NativeFunction::from_copy_closure_with_captures(set_year, full_year);
    method(&prototype, "setYear", 1, set_year, context)?;
    for (name, part) in [("toString", Part::Both), ("toTimeString", Part::Time)] {
        let text = NativeFunction::from_copy_closure(move |this, _, context| {
            let date = this_date(this)?;
            text(&date, part, context)
        });
        method(&prototype, name, 0, text, context)?;
    }
    for (name, part) in [
        ("toLocaleString", Part::Both),
        ("toLocaleDateString", Part::Date),
        ("toLocaleTimeString", Part::Time),
    ] {
        let text = NativeFunction::from_copy_closure(move |this, arguments, context| {
            plain_text(&this_date(this)?, part, arguments.get_or_undefined(1), context)
        });
        method(&prototype, name, 0, text, context)?;
    }
    define(&prototype, &js_string!("constructor"), date.clone(), context)?;
    define(&context.global_object(), &js_string!("Date"), date, context)?;
    temporal(context)
}

/// Gives `Temporal.Now` the application's zone where it is asked for none.
fn temporal(context: &mut Context) -> JsResult<()> {
    let temporal = context.global_object().get(js_string!("Temporal"), context)?.to_object(context)?;
    let now = temporal.get(js_string!("Now"), context)?.to_object(context)?;
    let id = NativeFunction::from_fn_ptr(|_, _, context| Ok(JsString::from(zone(context).name()).into()));
    method(&now, "timeZoneId", 0, id, context)?;
    for name in ["plainDateTimeISO", "zonedDateTimeISO", "plainDateISO", "plainTimeISO"] {
        let engines = engines_method(&now, name, context)?;
        let native = NativeFunction::from_copy_closure_with_captures(
            |this, arguments, engines: &JsFunction, context| match arguments.get_or_undefined(0) {
                given if given.is_undefined() => {
                    let zone = JsString::from(zone(context).name());
                    engines.call(this, &[zone.into()], context)
                }
                given => engines.call(this, std::slice::from_ref(given), context),
            },
            engines,
        );
        method(&now, name, 0, native, context)?;
    }
    Ok(())
}

fn engines_method(object: &JsObject, name: &str, context: &mut Context) -> JsResult<JsFunction> {
    let missing = || JsNativeError::typ().with_message("the engine lacks a function");
    Ok(object.get(JsString::from(name), context)?.as_function().ok_or_else(missing)?)
}

fn method(
    object: &JsObject,
    name: &str,
    length: usize,
    native: NativeFunction,
    context: &mut Context,
) -> JsResult<()> {
    let name = JsString::from(name);
    let function =
        FunctionObjectBuilder::new(context.realm(), native).name(name.clone()).length(length).build();
    define(object, &name, function, context)
}

fn define(
    object: &JsObject,
    name: &JsString,
    value: impl Into<JsValue>,
    context: &mut Context,
) -> JsResult<()> {
    let property =
        PropertyDescriptor::builder().value(value).writable(true).enumerable(false).configurable(true);
    object.define_property_or_throw(name.clone(), property.build(), context)?;
    Ok(())
}

fn zone(context: &Context) -> TimeZone {
    State::of(context).start.time_zone.clone()
}

fn this_date(this: &JsValue) -> JsResult<JsDate> {
    let date = this.as_object().and_then(|object| JsDate::from_object(object).ok());
    date.ok_or_else(|| JsNativeError::typ().with_message("`this` is not a Date").into())
}

/// The moment of a date, NaN where it has none.
fn time_of(date: &JsDate, context: &mut Context) -> JsResult<f64> {
    date.get_time(context)?.to_number(context)
}

/// The moment that a text says, NaN where it says none.
fn read(text: &JsString, context: &Context) -> f64 {
    let time = match date_text::parse(&values::text(text)) {
        Some(Moment::Utc(millis)) => number(millis),
        Some(Moment::Local(millis)) => moment_of(number(millis), &zone(context)),
        None => f64::NAN,
    };
    if time.abs() <= LAST { time } else { f64::NAN }
}

/// `new Date(…)`, and `Date()`, which is the text of now. The engine's own constructor makes the object.
fn construct(
    new_target: &JsValue,
    arguments: &[JsValue],
    engines: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let Some(new_target) = new_target.as_object() else {
        return text(&JsDate::new(context), Part::Both, context);
    };
    let time = match arguments {
        [] => number(State::of(context).clock.millis()),
        [value] => {
            let date = value.as_object().and_then(|object| JsDate::from_object(object).ok());
            let value = match date {
                Some(date) => time_of(&date, context)?.into(),
                None => value.to_primitive(context, PreferredType::Default)?,
            };
            match value.as_string() {
                Some(text) => read(&text, context),
                None => value.to_number(context)?,
            }
        }
        several => {
            let local = JsDate::utc(several, context)?.to_number(context)?;
            moment_of(local, &zone(context))
        }
    };
    engines.construct(&[time.into()], Some(&new_target), context).map(JsValue::from)
}

/// A setter of local time: the engine's setter of UTC, on what the clocks show.
fn set(
    this: &JsValue,
    arguments: &[JsValue],
    engines: &JsFunction,
    context: &mut Context,
) -> JsResult<JsValue> {
    let date = this_date(this)?;
    let (time, zone) = (time_of(&date, context)?, zone(context));
    let shown = JsDate::new(context);
    shown.set_time(local_of(time, &zone), context)?;
    let local = engines.call(&shown.into(), arguments, context)?.to_number(context)?;
    date.set_time(moment_of(local, &zone), context)
}

/// `setYear(year)`, in which 26 is 1926.
fn set_year(
    this: &JsValue,
    arguments: &[JsValue],
    engines: &JsFunction,
    context: &mut Context,
) -> JsResult<JsValue> {
    let year = arguments.get_or_undefined(0).to_number(context)?.trunc();
    let year = if (0.0..=99.0).contains(&year) { year + 1900.0 } else { year };
    set(this, &[year.into()], engines, context)
}

/// `Sat Nov 28 2026 20:00:00 GMT+0100`, or a part of it.
fn text(date: &JsDate, part: Part, context: &mut Context) -> JsResult<JsValue> {
    let time = time_of(date, context)?;
    if time.is_nan() {
        return Ok(js_string!("Invalid Date").into());
    }
    let local = local_of(time, &zone(context));
    let minutes = ((local - time) / 60_000.0).trunc();
    let sign = if minutes < 0.0 { '-' } else { '+' };
    let (hours, minutes) = ((minutes.abs() / 60.0).trunc(), minutes.abs() % 60.0);
    let clock = format!("{} GMT{sign}{hours:02}{minutes:02}", iso(local, Part::Time, context)?);
    Ok(match part {
        Part::Time => JsString::from(clock).into(),
        Part::Date => date.to_date_string(context)?,
        Part::Both => {
            let day = date.to_date_string(context)?.to_string(context)?;
            JsString::from(format!("{} {clock}", values::text(&day))).into()
        }
    })
}

/// `2026-11-28 20:00:00`, or a part of it. Of the options `timeZone` counts, for without it the time would be another.
fn plain_text(date: &JsDate, part: Part, options: &JsValue, context: &mut Context) -> JsResult<JsValue> {
    let wanted = match options.as_object() {
        Some(options) => options.get(js_string!("timeZone"), context)?,
        None => JsValue::undefined(),
    };
    let zone = if wanted.is_undefined() {
        zone(context)
    } else {
        let name = wanted.to_string(context)?;
        TimeZone::parse(&values::text(&name))
            .map_err(|error| JsNativeError::range().with_message(error.to_string()))?
    };
    let time = time_of(date, context)?;
    if time.is_nan() {
        return Ok(js_string!("Invalid Date").into());
    }
    Ok(JsString::from(iso(local_of(time, &zone), part, context)?).into())
}

/// The date and the time of day of a time, without milliseconds.
fn iso(time: f64, part: Part, context: &mut Context) -> JsResult<String> {
    let date = JsDate::new(context);
    date.set_time(time, context)?;
    let iso = values::text(&date.to_iso_string(context)?.to_string(context)?);
    let (day, clock) = iso.split_once('T').unwrap_or((&iso, ""));
    let clock = clock.get(..8).unwrap_or(clock);
    Ok(match part {
        Part::Date => day.to_owned(),
        Part::Time => clock.to_owned(),
        Part::Both => format!("{day} {clock}"),
    })
}
