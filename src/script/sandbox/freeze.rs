//! Freezes the global object and everything that can be reached from it or by syntax, so that no run leaves a
//! trace for the next: no script can change a prototype, a constructor or `utils`.
//!
//! A frozen prototype would bring the *override mistake*: an assignment such as `this.name = …` in a subclass of
//! Error throws, because the inherited property cannot be written. So properties that authors do assign on their
//! own objects become accessors: the getter answers the value, the setter defines an own property on the
//! receiver, which is what the assignment means. Done in Rust, because in JavaScript it takes ten times longer.

use std::collections::{HashMap, HashSet};

use boa_engine::object::builtins::JsFunction;
use boa_engine::object::{FunctionObjectBuilder, IntegrityLevel, JsObject};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsValue, NativeFunction, Source};
use boa_gc::{Finalize, Trace};

/// Objects that no property of the global object leads to.
const HIDDEN: &str = "[
    async function () {}, function* () {}, async function* () {}, (function* () {})(), (async function* () {})(),
    [][Symbol.iterator](), new Map().entries(), new Set().values(), ''[Symbol.iterator](), 'a'.matchAll(/a/g),
    Iterator.from({ next() {} }), [].values().map((x) => x), Object.getPrototypeOf(Int8Array),
    new URLSearchParams().keys(),
]";

/// What authors assign on objects of their own, whatever these inherit from.
const OFTEN_ASSIGNED: [&str; 7] =
    ["constructor", "toString", "toLocaleString", "valueOf", "toJSON", "name", "message"];

/// Freezes `context`. Returns the value behind each getter that it made.
///
/// # Errors
/// Only the engine's own: nothing of an author's has run yet.
pub(super) fn freeze(context: &mut Context) -> JsResult<HashMap<JsObject, JsValue>> {
    let hidden = context.eval(Source::from_bytes(HIDDEN))?;
    let mut shields = HashMap::new();
    let reachable = reachable(&hidden, context)?;
    let often: Vec<PropertyKey> =
        OFTEN_ASSIGNED.iter().map(|name| boa_engine::JsString::from(*name).into()).collect();
    let wholly = wholly_shielded(context);
    for object in &reachable {
        if wholly.contains(object) {
            for key in object.own_property_keys(context)? {
                shield(object, &key, &mut shields, context)?;
            }
        } else if is_prototype(object) {
            for key in &often {
                shield(object, key, &mut shields, context)?;
            }
        }
    }
    for object in reachable.iter().chain(shields.keys()) {
        object.set_integrity_level(IntegrityLevel::Frozen, context)?;
    }
    Ok(shields)
}

/// Prototypes of which any property may be assigned on what inherits from them.
fn wholly_shielded(context: &Context) -> Vec<JsObject> {
    let constructors = context.intrinsics().constructors();
    vec![
        constructors.object().prototype(),
        constructors.function().prototype(),
        constructors.error().prototype(),
    ]
}

/// Every object that scripts could reach, once.
fn reachable(hidden: &JsValue, context: &mut Context) -> JsResult<Vec<JsObject>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut next: Vec<JsObject> = vec![context.global_object()];
    next.extend(hidden.as_object());
    while let Some(object) = next.pop() {
        if !seen.insert(object.clone()) {
            continue;
        }
        next.extend(object.prototype());
        for key in object.own_property_keys(context)? {
            let Some(property) = object.borrow().properties().get(&key) else { continue };
            let values = [property.value(), property.get(), property.set()];
            next.extend(values.into_iter().flatten().filter_map(JsValue::as_object));
        }
        found.push(object);
    }
    Ok(found)
}

fn is_prototype(object: &JsObject) -> bool {
    let key = PropertyKey::from(boa_engine::js_string!("constructor"));
    object.borrow().properties().get(&key).is_some()
}

/// What a setter remembers.
#[derive(Debug, Trace, Finalize)]
struct Shielded {
    holder: JsObject,
    // Strings and symbols hold nothing that the collector manages.
    #[unsafe_ignore_trace]
    key: PropertyKey,
}

/// Turns the writable data property `key` of `object`, if it is one, into an accessor.
fn shield(
    object: &JsObject,
    key: &PropertyKey,
    shields: &mut HashMap<JsObject, JsValue>,
    context: &mut Context,
) -> JsResult<()> {
    let Some(property) = object.borrow().properties().get(key) else { return Ok(()) };
    let (Some(value), Some(true)) = (property.value().cloned(), property.writable()) else { return Ok(()) };
    let getter = NativeFunction::from_copy_closure_with_captures(
        |_, _, value: &JsValue, _| Ok(value.clone()),
        value.clone(),
    );
    let setter = NativeFunction::from_copy_closure_with_captures(
        |this, arguments, Shielded { holder, key }, context| {
            let receiver = this.as_object().filter(|receiver| !JsObject::equals(receiver, holder));
            let Some(receiver) = receiver else {
                let message = format!("cannot assign to read only property: {key}");
                return Err(JsNativeError::typ().with_message(message).into());
            };
            let value = arguments.get_or_undefined(0).clone();
            receiver.create_data_property_or_throw(key.clone(), value, context)?;
            Ok(JsValue::undefined())
        },
        Shielded { holder: object.clone(), key: key.clone() },
    );
    let build = |native| -> JsFunction { FunctionObjectBuilder::new(context.realm(), native).build() };
    let (getter, setter) = (build(getter), build(setter));
    let accessor = PropertyDescriptor::builder()
        .get(getter.clone())
        .set(setter.clone())
        .enumerable(property.enumerable() == Some(true))
        .configurable(false);
    object.define_property_or_throw(key.clone(), accessor.build(), context)?;
    shields.insert(getter.into(), value);
    shields.insert(setter.into(), JsValue::undefined());
    Ok(())
}
