//! `getParameter`: the application's own parameters.

use serde_json::Value as Json;

use crate::host::functions::{Call, Reply};
use crate::script::protocol::{Thrown, Value};

/// `getParameter(name)`: the value, else undefined.
pub(super) fn get_parameter(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let name = call.arguments.required_string(0)?;
    Ok(Reply::Return(match call.run.application.parameters.get(name) {
        None => Value::Undefined,
        Some(Json::Null) => Value::Null,
        Some(Json::Bool(value)) => Value::Bool(*value),
        Some(Json::String(text)) => Value::String(text.clone()),
        Some(Json::Number(number)) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Some(json @ (Json::Array(_) | Json::Object(_))) => Value::Json(json.to_string()),
    }))
}
