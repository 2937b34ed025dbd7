//! The causes that an error names: `error.cause`, and the `errors` of an `AggregateError`, as far as they are worth a
//! person's time.

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::{Context, JsValue, js_string};

use super::failure::{self, Told};
use super::inspect;
use crate::base::cut;
use crate::script::protocol::{Cause, MAX_CAUSE, MAX_CAUSES, Relation};

/// Causes of causes.
const MAX_DEPTH: usize = 8;
/// Errors of one `AggregateError`.
const MAX_MEMBERS: u64 = 8;

/// The causes of `error`, each before its own causes.
pub(super) fn of(error: &JsObject, context: &mut Context) -> Vec<Cause> {
    let mut walk = Walk { seen: vec![error.clone()], found: Vec::new() };
    walk.below(error, 0, context);
    walk.found
}

struct Walk {
    /// An error may be among its own causes.
    seen: Vec<JsObject>,
    found: Vec<Cause>,
}

impl Walk {
    fn below(&mut self, error: &JsObject, depth: usize, context: &mut Context) {
        if depth == MAX_DEPTH {
            return;
        }
        for member in members(error, context) {
            self.take(Relation::Member, &member, depth, context);
        }
        if let Ok(cause) = error.get(js_string!("cause"), context)
            && !cause.is_undefined()
        {
            self.take(Relation::Cause, &cause, depth, context);
        }
    }

    fn take(&mut self, relation: Relation, value: &JsValue, depth: usize, context: &mut Context) {
        if self.found.len() == MAX_CAUSES {
            return;
        }
        let Some(error) = value.as_object().filter(failure::is_error) else {
            let message = cut(&inspect::value(value, context), MAX_CAUSE);
            self.found.push(Cause { relation, message, code: None, place: None });
            return;
        };
        if self.seen.iter().any(|seen| JsObject::equals(seen, &error)) {
            return;
        }
        let Told { message, code, stack, .. } = failure::told(&error, context);
        let place = stack.frames.into_iter().next();
        self.found.push(Cause { relation, message: cut(&message, MAX_CAUSE), code, place });
        self.seen.push(error.clone());
        self.below(&error, depth + 1, context);
    }
}

/// The first of the `errors` of an `AggregateError`.
fn members(error: &JsObject, context: &mut Context) -> Vec<JsValue> {
    let errors = error.get(js_string!("errors"), context).ok().and_then(|errors| errors.as_object());
    let Some(errors) = errors.and_then(|errors| JsArray::from_object(errors).ok()) else { return Vec::new() };
    let length = errors.length(context).unwrap_or(0).min(MAX_MEMBERS);
    (0..length).filter_map(|index| errors.at(i64::try_from(index).ok()?, context).ok()).collect()
}
