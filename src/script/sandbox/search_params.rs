//! `URLSearchParams`, as the [URL Standard](https://url.spec.whatwg.org/#interface-urlsearchparams) has it.
//!
//! The list of a URL's own `searchParams` is shared with that [`Url`](super::url::Url): a change here writes the URL's
//! query, and a change of the query there fills the list anew.

use std::cell::RefCell;
use std::rc::Rc;

use boa_engine::builtins::iterable::create_iter_result_object;
use boa_engine::class::{Class, ClassBuilder};
use boa_engine::context::intrinsics::{StandardConstructor, StandardConstructors};
use boa_engine::object::builtins::JsArray;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::Attribute;
use boa_engine::{
    Context, JsArgs, JsData, JsError, JsNativeError, JsResult, JsString, JsSymbol, JsValue, NativeFunction,
    js_string,
};
use boa_gc::{Finalize, Trace};

use super::values;

/// Names and values, in order.
pub(super) type Pairs = Vec<(String, String)>;

/// See the module.
#[derive(Debug, Trace, Finalize, JsData)]
pub(super) struct SearchParams {
    // Strings hold nothing that the collector manages.
    #[unsafe_ignore_trace]
    pairs: Rc<RefCell<Pairs>>,
    /// The URL whose query this is.
    #[unsafe_ignore_trace]
    url: Option<Rc<RefCell<url::Url>>>,
}

/// The prototype of what `entries`, `keys` and `values` return.
struct IteratorPrototype(JsObject);

/// What such an iterator goes through: the list as it is at each step.
#[derive(Debug, Trace, Finalize, JsData)]
struct Iteration {
    #[unsafe_ignore_trace]
    pairs: Rc<RefCell<Pairs>>,
    #[unsafe_ignore_trace]
    what: What,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Entries,
    Keys,
    Values,
}

/// Defines the class.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let iterator = context.intrinsics().constructors().iterator().prototype();
    let prototype = JsObject::from_proto_and_data(iterator, ());
    let next = FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(next))
        .name(js_string!("next"));
    let next = next.build();
    prototype.create_data_property_or_throw(js_string!("next"), next, context)?;
    let tag = js_string!("URLSearchParams Iterator");
    prototype.create_data_property_or_throw(JsSymbol::to_string_tag(), tag, context)?;
    context.insert_data(IteratorPrototype(prototype));
    context.register_global_class::<SearchParams>()
}

/// What a query says.
pub(super) fn parse(query: &str) -> Pairs {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn serialize(pairs: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The pairs of an object of this class, for [`inspect`](super::inspect).
pub(super) fn pairs_of(object: &JsObject) -> Option<Pairs> {
    object.downcast_ref::<SearchParams>().map(|params| params.pairs.borrow().clone())
}

impl SearchParams {
    /// The `searchParams` of `url`, whose query says `pairs`.
    pub(super) fn of(
        url: Rc<RefCell<url::Url>>,
        pairs: Rc<RefCell<Pairs>>,
        context: &mut Context,
    ) -> JsResult<JsObject> {
        Self::from_data(Self { pairs, url: Some(url) }, context)
    }

    /// Changes the list, and the query of its URL with it.
    fn change<T>(&self, change: impl FnOnce(&mut Pairs) -> T) -> T {
        let mut pairs = self.pairs.borrow_mut();
        let changed = change(&mut pairs);
        if let Some(url) = &self.url {
            let query = serialize(&pairs);
            url.borrow_mut().set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        }
        changed
    }
}

impl Class for SearchParams {
    const NAME: &'static str = "URLSearchParams";
    const ATTRIBUTES: Attribute = Attribute::WRITABLE.union(Attribute::CONFIGURABLE);

    fn data_constructor(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<Self> {
        let pairs = initial(arguments.get_or_undefined(0), context)?;
        Ok(Self { pairs: Rc::new(RefCell::new(pairs)), url: None })
    }

    fn init(class: &mut ClassBuilder<'_>) -> JsResult<()> {
        const METHODS: [(&str, usize, Method); 8] = [
            ("append", 2, append),
            ("delete", 1, delete),
            ("get", 1, get),
            ("getAll", 1, get_all),
            ("has", 1, has),
            ("set", 2, set),
            ("sort", 0, sort),
            ("toString", 0, to_string),
        ];
        for (name, least, method) in METHODS {
            let native = NativeFunction::from_copy_closure(move |this, arguments, context| {
                let object = this_object(this)?;
                if arguments.len() < least {
                    let message = format!("URLSearchParams: {name} takes at least {least} argument(s)");
                    return Err(JsNativeError::typ().with_message(message).into());
                }
                let arguments = texts(arguments, context)?;
                let params = object.downcast_ref::<Self>().ok_or_else(not_ours)?;
                method(&params, &arguments, context)
            });
            class.method(JsString::from(name), least, native);
        }
        class.method(js_string!("forEach"), 1, NativeFunction::from_fn_ptr(for_each));
        for (name, what) in [("keys", What::Keys), ("values", What::Values)] {
            let iterate =
                NativeFunction::from_copy_closure(move |this, _, context| iterate(this, what, context));
            class.method(JsString::from(name), 0, iterate);
        }
        let entries = NativeFunction::from_fn_ptr(|this, _, context| iterate(this, What::Entries, context));
        let realm = class.context().realm().clone();
        let entries = FunctionObjectBuilder::new(&realm, entries).name(js_string!("entries")).build();
        let hidden = Attribute::WRITABLE | Attribute::CONFIGURABLE;
        class.property(js_string!("entries"), entries.clone(), hidden);
        class.property(JsSymbol::iterator(), entries, hidden);
        class.property(JsSymbol::to_string_tag(), js_string!("URLSearchParams"), Attribute::CONFIGURABLE);
        let size = NativeFunction::from_fn_ptr(|this, _, _| {
            let object = this_object(this)?;
            let params = object.downcast_ref::<Self>().ok_or_else(not_ours)?;
            let size = params.pairs.borrow().len();
            Ok(JsValue::from(size))
        });
        let size = FunctionObjectBuilder::new(&realm, size).name(js_string!("get size")).build();
        class.accessor(js_string!("size"), Some(size), None, Attribute::CONFIGURABLE);
        Ok(())
    }
}

/// A method: its arguments are texts.
type Method = fn(&SearchParams, &[String], &mut Context) -> JsResult<JsValue>;

/// The second argument of `delete` and `has`: undefined is none.
fn texts(arguments: &[JsValue], context: &mut Context) -> JsResult<Vec<String>> {
    let arguments = arguments.get(..arguments.len().min(2)).unwrap_or_default();
    let given = match arguments {
        [first, second] if second.is_undefined() => std::slice::from_ref(first),
        all => all,
    };
    given.iter().map(|value| text(value, context)).collect()
}

fn text(value: &JsValue, context: &mut Context) -> JsResult<String> {
    value.to_string(context).map(|text| values::text(&text))
}

fn this_object(this: &JsValue) -> JsResult<JsObject> {
    this.as_object().filter(JsObject::is::<SearchParams>).ok_or_else(not_ours)
}

fn not_ours() -> JsError {
    JsNativeError::typ().with_message("`this` is not a URLSearchParams").into()
}

fn string(text: &str) -> JsValue {
    JsString::from(text).into()
}

// Each takes as many arguments as its entry in the table says.
#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn append(params: &SearchParams, arguments: &[String], _: &mut Context) -> JsResult<JsValue> {
    if let [name, value] = arguments {
        params.change(|pairs| pairs.push((name.clone(), value.clone())));
    }
    Ok(JsValue::undefined())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn delete(params: &SearchParams, arguments: &[String], _: &mut Context) -> JsResult<JsValue> {
    params.change(|pairs| pairs.retain(|pair| !is(pair, arguments)));
    Ok(JsValue::undefined())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn get(params: &SearchParams, arguments: &[String], _: &mut Context) -> JsResult<JsValue> {
    let pairs = params.pairs.borrow();
    let found = pairs.iter().find(|pair| is(pair, &arguments[..arguments.len().min(1)]));
    Ok(found.map_or(JsValue::null(), |(_, value)| string(value)))
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn get_all(params: &SearchParams, arguments: &[String], context: &mut Context) -> JsResult<JsValue> {
    let pairs = params.pairs.borrow();
    let found = pairs.iter().filter(|pair| is(pair, &arguments[..arguments.len().min(1)]));
    let values: Vec<JsValue> = found.map(|(_, value)| string(value)).collect();
    Ok(JsArray::from_iter(values, context).into())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn has(params: &SearchParams, arguments: &[String], _: &mut Context) -> JsResult<JsValue> {
    Ok(params.pairs.borrow().iter().any(|pair| is(pair, arguments)).into())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn set(params: &SearchParams, arguments: &[String], _: &mut Context) -> JsResult<JsValue> {
    if let [name, value] = arguments {
        params.change(|pairs| {
            let mut first = true;
            pairs.retain_mut(|pair| {
                let keep = pair.0 != *name || std::mem::take(&mut first);
                if keep && pair.0 == *name {
                    pair.1.clone_from(value);
                }
                keep
            });
            if first {
                pairs.push((name.clone(), value.clone()));
            }
        });
    }
    Ok(JsValue::undefined())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn sort(params: &SearchParams, _: &[String], _: &mut Context) -> JsResult<JsValue> {
    params.change(|pairs| pairs.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16())));
    Ok(JsValue::undefined())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a method")]
fn to_string(params: &SearchParams, _: &[String], _: &mut Context) -> JsResult<JsValue> {
    Ok(string(&serialize(&params.pairs.borrow())))
}

/// Whether a pair has this name and, where one is given, this value.
fn is(pair: &(String, String), wanted: &[String]) -> bool {
    wanted.first() == Some(&pair.0) && wanted.get(1).is_none_or(|value| *value == pair.1)
}

fn for_each(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this_object(this)?;
    let Some(callback) = arguments.get_or_undefined(0).as_callable() else {
        let message = "URLSearchParams: forEach takes a function";
        return Err(JsNativeError::typ().with_message(message).into());
    };
    let pairs = Rc::clone(&object.downcast_ref::<SearchParams>().ok_or_else(not_ours)?.pairs);
    let mut index = 0;
    // The list as it is at each step: the callback may change it.
    loop {
        let Some((name, value)) = pairs.borrow().get(index).cloned() else { break };
        let arguments_of_call = [string(&value), string(&name), object.clone().into()];
        callback.call(arguments.get_or_undefined(1), &arguments_of_call, context)?;
        index += 1;
    }
    Ok(JsValue::undefined())
}

fn iterate(this: &JsValue, what: What, context: &mut Context) -> JsResult<JsValue> {
    let object = this_object(this)?;
    let pairs = Rc::clone(&object.downcast_ref::<SearchParams>().ok_or_else(not_ours)?.pairs);
    let prototype = context.get_data::<IteratorPrototype>().map(|prototype| prototype.0.clone());
    Ok(JsObject::from_proto_and_data(prototype, Iteration { pairs, what, next: 0 }).into())
}

fn next(this: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.as_object();
    let mut iteration = object.as_ref().and_then(JsObject::downcast_mut::<Iteration>).ok_or_else(|| {
        JsError::from(JsNativeError::typ().with_message("`this` is not a URLSearchParams Iterator"))
    })?;
    let pair = iteration.pairs.borrow().get(iteration.next).cloned();
    let Some((name, value)) = pair else {
        return Ok(create_iter_result_object(JsValue::undefined(), true, context));
    };
    iteration.next += 1;
    let value = match iteration.what {
        What::Keys => string(&name),
        What::Values => string(&value),
        What::Entries => JsArray::from_iter([string(&name), string(&value)], context).into(),
    };
    Ok(create_iter_result_object(value, false, context))
}

/// What the constructor's argument says: nothing, a query, pairs, or an object's members.
fn initial(init: &JsValue, context: &mut Context) -> JsResult<Pairs> {
    let Some(object) = init.as_object() else {
        if init.is_null_or_undefined() {
            return Ok(Pairs::new());
        }
        let query = text(init, context)?;
        return Ok(parse(query.strip_prefix('?').unwrap_or(&query)));
    };
    // An object without an iterator says its members.
    let iterates = !object.get(JsSymbol::iterator(), context)?.is_null_or_undefined();
    let entries = if iterates { init.clone() } else { engines_own(&OBJECT_ENTRIES, init, context)? };
    let mut pairs = Pairs::new();
    for pair in items(&entries, context)? {
        let items = if pair.is_object() { items(&pair, context)? } else { Vec::new() };
        let [name, value] = &items[..] else {
            let message = "URLSearchParams: each pair must be [name, value]";
            return Err(JsNativeError::typ().with_message(message).into());
        };
        pairs.push((text(name, context)?, text(value, context)?));
    }
    Ok(pairs)
}

/// What an iterable gives.
fn items(iterable: &JsValue, context: &mut Context) -> JsResult<Vec<JsValue>> {
    let list = engines_own(&ARRAY_FROM, iterable, context)?;
    let list = list.as_object().map(JsArray::from_object).transpose()?;
    let Some(list) = list else { return Ok(Vec::new()) };
    (0..list.length(context)?).map(|index| list.get(index, context)).collect()
}

/// A static function of a constructor: frozen before any script runs, so it is the engine's own.
type Static = (fn(&StandardConstructors) -> &StandardConstructor, &'static str);
const ARRAY_FROM: Static = (StandardConstructors::array, "from");
const OBJECT_ENTRIES: Static = (StandardConstructors::object, "entries");

fn engines_own((of, name): &Static, argument: &JsValue, context: &mut Context) -> JsResult<JsValue> {
    let constructor = of(context.intrinsics().constructors()).constructor();
    let function = constructor.get(JsString::from(*name), context)?.as_function();
    let missing = || JsNativeError::typ().with_message("the engine lacks a function");
    function.ok_or_else(missing)?.call(&constructor.into(), std::slice::from_ref(argument), context)
}
