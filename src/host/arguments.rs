//! The arguments of a call, read with their types.
//!
//! `null`, `undefined` and absent are the same: nothing was given. A value of the wrong kind is a `TypeError` that
//! names the function and the argument; it is the author's mistake in writing the call, while everything that can
//! happen to a message is an outcome.

use crate::host::Function;
use crate::script::protocol::{ErrorKind, Thrown, Value};
use crate::store::SqlValue;

/// The arguments of one call.
#[derive(Debug, Clone, Copy)]
pub struct Arguments<'a> {
    function: &'a Function,
    values: &'a [Value],
}

impl<'a> Arguments<'a> {
    pub(super) fn new(function: &'a Function, values: &'a [Value]) -> Self {
        Self { function, values }
    }

    /// How many were given, trailing `undefined` included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The argument at a place, if something was given.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a Value> {
        self.values.get(index).filter(|value| !matches!(value, Value::Undefined | Value::Null))
    }

    /// The arguments from a place on.
    #[must_use]
    pub fn rest(&self, index: usize) -> &'a [Value] {
        self.values.get(index..).unwrap_or_default()
    }

    /// A string, if something was given.
    ///
    /// # Errors
    /// A `TypeError` when it is something else.
    pub fn string(&self, index: usize) -> Result<Option<&'a str>, Thrown> {
        match self.get(index) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(index, "a string", other)),
        }
    }

    /// A string that must be given.
    ///
    /// # Errors
    /// A `TypeError` when it is missing or something else.
    pub fn required_string(&self, index: usize) -> Result<&'a str, Thrown> {
        self.string(index)?.ok_or_else(|| self.wrong(index, "a string", &Value::Undefined))
    }

    /// A phone number as an author may give it: a string, or an integer, read as its digits.
    ///
    /// # Errors
    /// A `TypeError` when it is something else.
    pub fn phone(&self, index: usize) -> Result<Option<String>, Thrown> {
        match self.get(index) {
            None => Ok(None),
            Some(value) => phone_text(value)
                .map(Some)
                .ok_or_else(|| self.wrong(index, "a phone number as a string", value)),
        }
    }

    /// A boolean, if something was given.
    ///
    /// # Errors
    /// A `TypeError` when it is something else.
    pub fn boolean(&self, index: usize) -> Result<Option<bool>, Thrown> {
        match self.get(index) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong(index, "true or false", other)),
        }
    }

    /// Values for a statement's `?`, from a place on. A whole number is bound as an integer, `true` as 1.
    ///
    /// # Errors
    /// A `TypeError` for an object, a function or a symbol: say which member is meant, or `JSON.stringify` it.
    pub fn sql_values(&self, from: usize) -> Result<Vec<SqlValue>, Thrown> {
        let values = self.rest(from).iter().enumerate();
        values
            .map(|(offset, value)| {
                sql_value(value).ok_or_else(|| {
                    self.wrong(from + offset, "a string, number, bigint, boolean or null", value)
                })
            })
            .collect()
    }

    /// What was given at a place, for a sentence: `an array`, `the number 7`.
    #[must_use]
    pub fn kind(&self, index: usize) -> String {
        self.values.get(index).map_or_else(|| "nothing".to_owned(), kind_of)
    }

    /// The error for an argument of the wrong kind.
    #[must_use]
    pub fn wrong(&self, index: usize, wanted: &str, given: &Value) -> Thrown {
        let parameters = self.function.parameters;
        let parameter = parameters.get(index).or(parameters.last());
        let name = parameter.map_or("argument", |parameter| parameter.name.trim_start_matches("..."));
        type_error(format!("{}: `{name}` must be {wanted}, and was {}", self.function.name, kind_of(given)))
    }
}

/// A `TypeError`.
pub(super) fn type_error(message: impl Into<String>) -> Thrown {
    Thrown { kind: ErrorKind::TypeError, message: message.into(), code: None }
}

/// A phone number's text, of a string or an integer.
pub(super) fn phone_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        // A dash is tolerated in a number that somebody wrote; a minus sign makes it no number at all.
        Value::BigInt(digits) => Some(digits.replace('-', "\u{2212}")),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Some(format!("{number:.0}").replace('-', "\u{2212}"))
        }
        _ => None,
    }
}

/// The value that a statement is given; none for what has no meaning in SQL.
pub(super) fn sql_value(value: &Value) -> Option<SqlValue> {
    Some(match value {
        Value::Undefined | Value::Null => SqlValue::Null,
        Value::Bool(value) => SqlValue::Integer(i64::from(*value)),
        Value::Number(number) => number_value(*number),
        Value::BigInt(digits) => {
            digits.parse().map_or_else(|_| SqlValue::Text(digits.clone()), SqlValue::Integer)
        }
        Value::String(text) => SqlValue::Text(text.clone()),
        Value::Json(_) | Value::Opaque(_) => return None,
    })
}

/// A whole number that JavaScript holds exactly is an integer for SQL.
pub(super) fn number_value(number: f64) -> SqlValue {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation)] // just checked
        SqlValue::Integer(number as i64)
    } else {
        SqlValue::Real(number)
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Undefined => "undefined".into(),
        Value::Null => "null".into(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::BigInt(_) => "a bigint".into(),
        Value::String(_) => "a string".into(),
        Value::Json(text) if text.starts_with('[') => "an array".into(),
        Value::Json(text) => match serde_json::from_str(text) {
            Ok(serde_json::Value::Number(number)) => format!("the number {number}"),
            Ok(serde_json::Value::Bool(value)) => format!("the boolean {value}"),
            _ => "an object".into(),
        },
        Value::Opaque(kind) if kind == "promise" => {
            "a promise, which nothing waits for: is `await` missing?".to_owned()
        }
        Value::Opaque(kind) => format!("a {kind}"),
    }
}
