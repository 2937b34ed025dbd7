//! Values as people read them in a log: `{ a: 1, list: [ 'x' ] }`. Bounded in depth, members and length, and no
//! getter is called.

use std::fmt::Write as _;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::{JsDate, JsMap, JsPromise, JsRegExp, JsSet, JsTypedArray};
use boa_engine::property::PropertyKey;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsValue, js_string};

use super::failure;
use super::state::State;
use super::values::text;
use super::{search_params, url};
use crate::base::cut;

const MAX_DEPTH: usize = 4;
const MAX_MEMBERS: usize = 100;
const MAX_STRING: usize = 10_000;
/// Once this much has been written, the rest is left out.
const MAX_TOTAL: usize = 64 << 10;
/// Members stand on one line while they fit in this many characters.
const LINE: usize = 76;
/// Items of a list up to this many characters share lines.
const SHORT: usize = 18;

/// A value as a log shows it inside an object; strings are quoted.
pub(super) fn value(value: &JsValue, context: &mut Context) -> String {
    Inspector { context, above: Vec::new(), written: 0 }.value(value)
}

struct Inspector<'a> {
    context: &'a mut Context,
    /// The objects that we are inside of.
    above: Vec<JsObject>,
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
            return "[Circular]".to_owned();
        }
        if self.written > MAX_TOTAL {
            return "…".to_owned();
        }
        let name = self.class_name(object);
        if self.above.len() >= MAX_DEPTH {
            return format!(
                "[{}]",
                if object.is_array() { "Array" } else { name.as_deref().unwrap_or("Object") }
            );
        }
        self.above.push(object.clone());
        let shown = self.open_object(object, name.as_deref());
        self.above.pop();
        shown
    }

    fn open_object(&mut self, object: &JsObject, name: Option<&str>) -> String {
        if object.is_callable() {
            let name = self.own(object, &js_string!("name").into()).and_then(|name| name.as_string());
            let name = name.map(|name| text(&name)).filter(|name| !name.is_empty());
            let head = name.map_or("[Function (anonymous)]".to_owned(), |name| format!("[Function: {name}]"));
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
            members.extend((left > 0).then(|| format!("… {left} more")));
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
                if items.len() < MAX_MEMBERS {
                    items.push((key, Some(value)));
                }
                Ok(())
            });
            ("Map", map.get_size(self.context).ok()?)
        } else {
            let set = JsSet::from_object(object.clone()).ok()?;
            let _ = set.for_each_native(|value| {
                if items.len() < MAX_MEMBERS {
                    items.push((value, None));
                }
                Ok(())
            });
            ("Set", JsValue::from(set.size()))
        };
        let size = size.as_number().unwrap_or(0.0);
        let mut members = Vec::new();
        for (key, value) in items {
            let key = self.value(&key);
            members.push(match value {
                Some(value) => format!("{key} => {}", self.value(&value)),
                None => key,
            });
        }
        Some(self.braces(&format!("{kind}({size})"), &members, ('{', '}')))
    }

    fn list(&mut self, object: &JsObject, name: Option<&str>) -> String {
        let length = object.get(js_string!("length"), self.context).ok();
        let length = length.and_then(|length| length.as_number()).unwrap_or(0.0);
        let mut members = Vec::new();
        let mut index = 0_u32;
        while f64::from(index) < length && members.len() < MAX_MEMBERS && self.written <= MAX_TOTAL {
            match object.get(index, self.context) {
                Ok(item) => members.push(self.value(&item)),
                Err(_) => break,
            }
            index += 1;
        }
        if f64::from(index) < length {
            members.push(format!("… {} more", length - f64::from(index)));
        }
        members.extend(self.members(object, |key| key.parse::<u32>().is_err()));
        let head = match name {
            Some("Array") | None => String::new(),
            Some(name) => format!("{name}({length})"),
        };
        self.braces(&head, &members, ('[', ']'))
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
                Some(property) if property.is_accessor_descriptor() => match property.set() {
                    Some(set) if !set.is_undefined() => "[Getter/Setter]".to_owned(),
                    _ => "[Getter]".to_owned(),
                },
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
                    members.push(format!("… {left} more"));
                }
                break;
            }
        }
        members
    }

    fn braces(&self, head: &str, members: &[String], (open, close): (char, char)) -> String {
        let space = if head.is_empty() { "" } else { " " };
        if members.is_empty() {
            return format!("{head}{space}{open}{close}");
        }
        let width: usize = members.iter().map(|member| member.chars().count() + 2).sum();
        if width + head.len() <= LINE && !members.iter().any(|member| member.contains('\n')) {
            return format!("{head}{space}{open} {} {close}", members.join(", "));
        }
        let indent = "  ".repeat(self.above.len());
        let outer = "  ".repeat(self.above.len().saturating_sub(1));
        let mut shown = format!("{head}{space}{open}\n{indent}");
        let mut column = 0;
        for (index, member) in members.iter().enumerate() {
            // Short items, such as numbers, share lines.
            let width = member.chars().count() + 2;
            if index > 0 {
                let fits = open == '[' && width <= SHORT && column + width <= LINE;
                shown.push(',');
                if fits {
                    shown.push(' ');
                } else {
                    shown.push('\n');
                    shown.push_str(&indent);
                    column = 0;
                }
            }
            shown.push_str(member);
            column += if width <= SHORT { width } else { LINE };
        }
        format!("{shown}\n{outer}{close}")
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

fn quote(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            other if other == quote => quoted.extend(['\\', other]),
            other if other.is_control() => quoted.extend(other.escape_unicode()),
            other => quoted.push(other),
        }
    }
    quoted.push(quote);
    quoted
}

fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '$'))
        && characters.all(|other| other.is_alphanumeric() || matches!(other, '_' | '$'))
}
