//! Values as people read them in a log: `{ a: 1, list: [ 'x' ] }`, as Node.js shows them ([`layout`](super::layout)), to
//! one level more. Bounded in depth, members and length, and no getter is called.

use std::fmt::Write as _;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::{JsDate, JsMap, JsPromise, JsRegExp, JsSet, JsTypedArray};
use boa_engine::property::PropertyKey;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsValue, js_string};

use super::failure;
use super::layout::Parts;
use super::state::State;
use super::values::text;
use super::{search_params, url};
use crate::base::cut;

/// How a value is looked at unless somebody says otherwise.
const LOOK: Look = Look { levels: 4, items: MAX_MEMBERS, width: 80 };
/// Levels of objects that are shown at most.
pub(super) const MAX_LEVELS: u8 = 100;
const MAX_MEMBERS: usize = 100;
const MAX_STRING: usize = 10_000;
/// Places without a value that are looked at in a row.
const MAX_HOLES: u32 = 100_000;
/// Once this much has been written, the rest is left out.
const MAX_TOTAL: usize = 64 << 10;

/// How a value is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Levels of objects that are shown.
    pub(super) levels: usize,
    /// Items of a list that are.
    pub(super) items: usize,
    /// Characters of a line.
    pub(super) width: usize,
}

/// A value as a log shows it inside an object; strings are quoted.
pub(super) fn value(value: &JsValue, context: &mut Context) -> String {
    with(value, LOOK, context)
}

/// The same, with so many levels of objects.
pub(super) fn to_levels(value: &JsValue, levels: usize, context: &mut Context) -> String {
    with(value, Look { levels, ..LOOK }, context)
}

/// The same, looked at otherwise.
pub(super) fn with(value: &JsValue, look: Look, context: &mut Context) -> String {
    let (above, circles) = (Vec::new(), Vec::new());
    Inspector { context, look, above, circles, last_level: 0, written: 0 }.value(value)
}

/// The author's own `toString`, which `%s` asks: none of the engine's, which are accessors (see `freeze`).
pub(super) fn own_to_string(object: &JsObject) -> bool {
    let key = PropertyKey::from(js_string!("toString"));
    let mut next = Some(object.clone());
    while let Some(current) = next {
        if let Some(property) = current.borrow().properties().get(&key) {
            return property.value().is_some_and(JsValue::is_callable);
        }
        next = current.prototype();
    }
    false
}

struct Inspector<'a> {
    context: &'a mut Context,
    look: Look,
    /// The objects that we are inside of.
    above: Vec<JsObject>,
    /// Those of them that have been met inside themselves.
    circles: Vec<JsObject>,
    /// The level of the object that was opened last.
    last_level: usize,
    written: usize,
}

impl Inspector<'_> {
    fn value(&mut self, value: &JsValue) -> String {
        let shown = match value.variant() {
            JsVariant::String(string) => quote(&cut(&text(&string), MAX_STRING)),
            JsVariant::BigInt(big) => format!("{}n", cut(&big.to_string(), MAX_STRING)),
            JsVariant::Symbol(symbol) => symbol.descriptive_string().to_std_string_lossy(),
            JsVariant::Object(object) => self.object(&object),
            _ => value.display().to_string(),
        };
        self.written = self.written.saturating_add(shown.len());
        shown
    }

    fn object(&mut self, object: &JsObject) -> String {
        if self.above.iter().any(|above| JsObject::equals(above, object)) {
            let known = self.circles.iter().position(|known| JsObject::equals(known, object));
            let number = known.unwrap_or_else(|| {
                self.circles.push(object.clone());
                self.circles.len() - 1
            });
            return format!("[Circular *{}]", number + 1);
        }
        if self.written > MAX_TOTAL {
            return "…".to_owned();
        }
        let name = self.class_name(object);
        if self.above.len() >= self.look.levels {
            return format!(
                "[{}]",
                if object.is_array() { "Array" } else { name.as_deref().unwrap_or("Object") }
            );
        }
        self.above.push(object.clone());
        // An object without members counts for no level.
        let before = std::mem::replace(&mut self.last_level, self.above.len());
        let shown = self.open_object(object, name.as_deref());
        if matches!(shown.as_str(), "{}" | "[]") {
            self.last_level = before;
        }
        self.above.pop();
        shown
    }

    fn open_object(&mut self, object: &JsObject, name: Option<&str>) -> String {
        let kind = name;
        if object.is_callable() {
            let name = self.own(object, &js_string!("name").into()).and_then(|name| name.as_string());
            let own = name.map(|name| cut(&text(&name), 200)).filter(|name| !name.is_empty());
            let kind = kind.filter(|kind| kind.ends_with("Function")).unwrap_or("Function");
            let head = own.map_or(format!("[{kind} (anonymous)]"), |own| format!("[{kind}: {own}]"));
            let members = self.members(object, |_| true);
            return if members.is_empty() { head } else { self.braces(&head, &members, ('{', '}')) };
        }
        if failure::is_error(object) {
            return self.error(object);
        }
        if let Ok(date) = JsDate::from_object(object.clone()) {
            let iso = date.to_iso_string(self.context).ok().and_then(|iso| iso.as_string());
            return iso.map_or("Invalid Date".to_owned(), |iso| text(&iso));
        }
        if let Ok(pattern) = JsRegExp::from_object(object.clone()) {
            return pattern.to_string(self.context).unwrap_or_else(|_| "[RegExp]".to_owned());
        }
        if let Ok(promise) = JsPromise::from_object(object.clone()) {
            let inside = match promise.state() {
                PromiseState::Pending => "<pending>".to_owned(),
                PromiseState::Fulfilled(value) => self.value(&value),
                PromiseState::Rejected(value) => format!("<rejected> {}", self.value(&value)),
            };
            return format!("Promise {{ {inside} }}");
        }
        if let Some(shown) = self.address(object).or_else(|| self.collection(object)) {
            return shown;
        }
        if object.is_array() || JsTypedArray::from_object(object.clone()).is_ok() {
            return self.list(object, name);
        }
        let members = self.members(object, |_| true);
        let head = match name {
            Some("Object") => "",
            Some(name) => name,
            None => "[Object: null prototype]",
        };
        self.braces(head, &members, ('{', '}'))
    }

    fn error(&mut self, error: &JsObject) -> String {
        let mut shown = failure::headline(error, self.context);
        let stack = failure::stack(error, self.context);
        for frame in failure::frames(&stack) {
            let function = if frame.function.is_empty() { "<action>" } else { &frame.function };
            let _ = write!(shown, "\n    at {function} ({}:{}:{})", frame.file, frame.line, frame.column);
        }
        let mut members = self.members(error, |key| !matches!(key, "message" | "stack" | "name" | "cause"));
        if let Some(cause) = self.own(error, &js_string!("cause").into()) {
            members.push(format!("[cause]: {}", self.value(&cause)));
        }
        if members.is_empty() { shown } else { self.braces(&shown, &members, ('{', '}')) }
    }

    /// `URL` and `URLSearchParams`, whose members are their prototypes'.
    fn address(&mut self, object: &JsObject) -> Option<String> {
        if let Some(pairs) = search_params::pairs_of(object) {
            let left = pairs.len().saturating_sub(MAX_MEMBERS);
            let shown = pairs.iter().take(MAX_MEMBERS);
            let shown = shown.map(|(name, value)| {
                format!("{} => {}", quote(&cut(name, MAX_STRING)), quote(&cut(value, MAX_STRING)))
            });
            let mut members: Vec<String> = shown.collect();
            members.extend((left > 0).then(|| format!("... {left} more items")));
            return Some(self.braces("URLSearchParams", &members, ('{', '}')));
        }
        let components = url::components_of(object)?;
        let members =
            components.iter().map(|(name, value)| format!("{name}: {}", quote(&cut(value, MAX_STRING))));
        let mut members: Vec<String> = members.collect();
        let params = object.get(js_string!("searchParams"), self.context).ok()?;
        let params = self.value(&params);
        members.insert(members.len() - 1, format!("searchParams: {params}"));
        Some(self.braces("URL", &members, ('{', '}')))
    }

    fn collection(&mut self, object: &JsObject) -> Option<String> {
        let mut items: Vec<(JsValue, Option<JsValue>)> = Vec::new();
        let (kind, size) = if let Ok(map) = JsMap::from_object(object.clone()) {
            let _ = map.for_each_native(|key, value| {
                if items.len() < self.look.items {
                    items.push((key, Some(value)));
                }
                Ok(())
            });
            ("Map", map.get_size(self.context).ok()?)
        } else {
            let set = JsSet::from_object(object.clone()).ok()?;
            let _ = set.for_each_native(|value| {
                if items.len() < self.look.items {
                    items.push((value, None));
                }
                Ok(())
            });
            ("Set", JsValue::from(set.size()))
        };
        let size = size.as_number().unwrap_or(0.0);
        #[allow(clippy::cast_precision_loss, reason = "a hundred")]
        let left = size - items.len() as f64;
        let mut members = Vec::new();
        for (key, value) in items {
            let key = self.value(&key);
            members.push(match value {
                Some(value) => format!("{key} => {}", self.value(&value)),
                None => key,
            });
        }
        if left > 0.0 {
            members.push(more(left));
        }
        Some(self.braces(&format!("{kind}({size})"), &members, ('{', '}')))
    }

    fn list(&mut self, object: &JsObject, name: Option<&str>) -> String {
        let length = object.get(js_string!("length"), self.context).ok();
        let length = length.and_then(|length| length.as_number()).unwrap_or(0.0);
        let mut members = Vec::new();
        let mut index = 0_u32;
        let mut numbers = true;
        let mut holes = 0_u32;
        while f64::from(index) < length && members.len() < self.look.items && self.written <= MAX_TOTAL {
            if !object.has_property(index, self.context).unwrap_or(true) {
                (holes, index) = (holes + 1, index + 1);
                if holes < MAX_HOLES {
                    continue;
                }
                break;
            }
            numbers &= holes == 0;
            members.extend(empty(&mut holes));
            match object.get(index, self.context) {
                Ok(item) => {
                    numbers &= item.is_number() || item.is_bigint();
                    members.push(self.value(&item));
                }
                Err(_) => break,
            }
            index += 1;
        }
        members.extend(empty(&mut holes));
        if f64::from(index) < length {
            members.push(more(length - f64::from(index)));
        }
        members.extend(self.members(object, |key| key.parse::<u32>().is_err()));
        let head = match name {
            Some("Array") | None => String::new(),
            Some(name) => format!("{name}({length})"),
        };
        self.lay_out(&head, members, ('[', ']'), Some(numbers))
    }

    /// `key: value` for the own enumerable properties that `wanted` lets pass.
    fn members(&mut self, object: &JsObject, wanted: fn(&str) -> bool) -> Vec<String> {
        let Ok(keys) = object.own_property_keys(self.context) else { return vec!["[unreadable]".to_owned()] };
        let mut members = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let name = match key {
                PropertyKey::Symbol(symbol) => {
                    format!("[{}]", symbol.descriptive_string().to_std_string_lossy())
                }
                PropertyKey::String(name) => text(name),
                PropertyKey::Index(index) => index.get().to_string(),
            };
            if !wanted(&name) {
                continue;
            }
            let descriptor = object.borrow().properties().get(key);
            let shown = match &descriptor {
                Some(property) if property.enumerable() == Some(false) => continue,
                Some(property) if property.is_accessor_descriptor() => {
                    let is_there = |function: Option<&JsValue>| function.is_some_and(JsValue::is_object);
                    match (is_there(property.get()), is_there(property.set())) {
                        (true, true) => "[Getter/Setter]".to_owned(),
                        (false, true) => "[Setter]".to_owned(),
                        _ => "[Getter]".to_owned(),
                    }
                }
                Some(property) => self.value(&property.value().cloned().unwrap_or_default()),
                None => match object.get(key.clone(), self.context) {
                    Ok(value) => self.value(&value),
                    Err(_) => "[unreadable]".to_owned(),
                },
            };
            let plain = matches!(key, PropertyKey::Symbol(_)) || is_identifier(&name);
            let name = if plain { cut(&name, MAX_STRING) } else { quote(&cut(&name, MAX_STRING)) };
            members.push(format!("{name}: {shown}"));
            if members.len() >= MAX_MEMBERS || self.written > MAX_TOTAL {
                let left = keys.len() - index - 1;
                if left > 0 {
                    members.push(format!("... {left} more"));
                }
                break;
            }
        }
        members
    }

    fn braces(&self, head: &str, members: &[String], brackets: (char, char)) -> String {
        self.lay_out(head, members.to_vec(), brackets, None)
    }

    /// The object that is open, with its members.
    fn lay_out(
        &self,
        head: &str,
        members: Vec<String>,
        brackets: (char, char),
        numbers: Option<bool>,
    ) -> String {
        let level = self.above.len();
        let circle = self
            .above
            .last()
            .and_then(|object| self.circles.iter().position(|known| JsObject::equals(known, object)));
        let head = match circle {
            None => head.to_owned(),
            Some(number) if head.is_empty() => format!("<ref *{}>", number + 1),
            Some(number) => format!("<ref *{}> {head}", number + 1),
        };
        let levels = self.last_level.saturating_sub(level);
        let indent = 2 * level.saturating_sub(1);
        Parts { head: &head, brackets, members, indent, width: self.look.width, levels }.lay_out(numbers)
    }

    /// The name of the object's class; `None` when it has no prototype.
    fn class_name(&mut self, object: &JsObject) -> Option<String> {
        let mut prototype = object.prototype();
        while let Some(current) = prototype {
            if let Some(constructor) = self.own(&current, &js_string!("constructor").into())
                && let Some(constructor) = constructor.as_object()
                && let Some(name) = self.own(&constructor, &js_string!("name").into())
                && let Some(name) = name.as_string()
                && !name.is_empty()
            {
                return Some(cut(&text(&name), 80));
            }
            prototype = current.prototype();
        }
        object.prototype().map(|_| "Object".to_owned())
    }

    /// An own property's value; of an accessor, only when it is one that stands for a value (see `freeze`).
    fn own(&mut self, object: &JsObject, key: &PropertyKey) -> Option<JsValue> {
        let property = object.borrow().properties().get(key)?;
        if let Some(value) = property.value() {
            return Some(value.clone());
        }
        let getter = property.get()?.as_object()?;
        State::of(self.context).shielded(&getter)
    }
}

/// What is left out of a list.
fn more(items: f64) -> String {
    format!("... {items} more item{}", if items > 1.0 { "s" } else { "" })
}

/// Places of a list without a value; none are left.
fn empty(holes: &mut u32) -> Option<String> {
    match std::mem::take(holes) {
        0 => None,
        1 => Some("<1 empty item>".to_owned()),
        many => Some(format!("<{many} empty items>")),
    }
}

fn quote(text: &str) -> String {
    let quote = match (text.contains('\''), text.contains('"'), text.contains('`')) {
        (true, false, _) => '"',
        (true, true, false) => '`',
        _ => '\'',
    };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\\' => quoted.push_str("\\\\"),
            other if other == quote => quoted.extend(['\\', other]),
            other if other.is_control() => {
                let _ = write!(quoted, "\\x{:02X}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push(quote);
    quoted
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|other| other.is_ascii_alphanumeric() || other == '_')
}
