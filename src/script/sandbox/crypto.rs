//! `crypto.randomUUID` and `crypto.getRandomValues`, of the
//! [Web Cryptography API](https://w3c.github.io/webcrypto/#Crypto-interface), from the run's own generator.

use boa_engine::builtins::typed_array::TypedArrayKind;
use boa_engine::object::builtins::{JsArrayBuffer, JsTypedArray};
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::{Attribute, PropertyDescriptor};
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsSymbol, JsValue, NativeFunction, js_string,
};

use super::state::State;

/// The most bytes that one call fills, as the standard has it.
const MOST: usize = 65_536;

/// Defines `crypto`.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let crypto = JsObject::with_object_proto(context.intrinsics());
    for (name, length, native) in [
        ("randomUUID", 0, NativeFunction::from_fn_ptr(random_uuid)),
        ("getRandomValues", 1, NativeFunction::from_fn_ptr(random_values)),
    ] {
        let name = JsString::from(name);
        let function =
            FunctionObjectBuilder::new(context.realm(), native).name(name.clone()).length(length).build();
        crypto.create_data_property_or_throw(name, function, context)?;
    }
    let tag = PropertyDescriptor::builder().value(js_string!("Crypto")).configurable(true);
    crypto.define_property_or_throw(JsSymbol::to_string_tag(), tag.build(), context)?;
    let hidden = Attribute::WRITABLE | Attribute::CONFIGURABLE;
    context.register_global_property(js_string!("crypto"), crypto, hidden)
}

/// A UUID of version 4 (RFC 9562, section 5.4).
#[allow(clippy::unnecessary_wraps, reason = "the form of a native function")]
fn random_uuid(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let mut bytes = [0; 16];
    State::of(context).random.fill(&mut bytes);
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(JsString::from(uuid.to_string()).into())
}

fn random_values(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let given = arguments.get_or_undefined(0);
    let wrong = || JsNativeError::typ().with_message("getRandomValues takes a typed array of integers");
    let array =
        given.as_object().and_then(|object| JsTypedArray::from_object(object).ok()).ok_or_else(wrong)?;
    if matches!(
        array.kind(),
        None | Some(TypedArrayKind::Float16 | TypedArrayKind::Float32 | TypedArrayKind::Float64)
    ) {
        return Err(wrong().into());
    }
    let (from, length) = (array.byte_offset(context)?, array.byte_length(context)?);
    if length > MOST {
        let message = format!("getRandomValues: {length} bytes are more than {MOST}");
        return Err(JsNativeError::range().with_message(message).into());
    }
    let buffer = array.buffer(context)?.as_object().ok_or_else(wrong)?;
    let buffer = JsArrayBuffer::from_object(buffer)?;
    let mut bytes = buffer.data_mut().ok_or_else(wrong)?;
    let bytes = bytes.get_mut(from..from.saturating_add(length)).ok_or_else(wrong)?;
    State::of(context).random.fill(bytes);
    Ok(given.clone())
}
