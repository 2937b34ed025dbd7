//! `URL`, as the [URL Standard](https://url.spec.whatwg.org/#url-class) has it, around the crate `url`, which implements
//! that standard. Blobs have no URLs here, for there are none.

use std::cell::RefCell;
use std::rc::Rc;

use boa_engine::class::{Class, ClassBuilder};
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::Attribute;
use boa_engine::{
    Context, JsArgs, JsData, JsError, JsNativeError, JsResult, JsString, JsSymbol, JsValue, NativeFunction,
    js_string,
};
use boa_gc::{Finalize, Trace};
use url::quirks;

use super::search_params::{Pairs, SearchParams, parse as parse_query};
use super::values;

/// See the module.
#[derive(Debug, Trace, Finalize, JsData)]
pub(super) struct Url {
    // A URL holds nothing that the collector manages.
    #[unsafe_ignore_trace]
    parsed: Rc<RefCell<url::Url>>,
    /// What its query says, once somebody has asked.
    #[unsafe_ignore_trace]
    pairs: Rc<RefCell<Pairs>>,
    /// `searchParams`, which is always the same object.
    params: Option<JsObject>,
}

/// A component: its name, how it is read and, if it can be, written.
type Component = (&'static str, fn(&url::Url) -> String, Option<fn(&mut url::Url, &str)>);

/// In the order in which Node.js shows them. `href` and `searchParams` are apart: a text that is no URL makes the first
/// throw, and the second is an object.
const COMPONENTS: [Component; 10] = [
    ("origin", |url| quirks::origin(url), None),
    (
        "protocol",
        |url| quirks::protocol(url).to_owned(),
        Some(|url, text| _ = quirks::set_protocol(url, text)),
    ),
    (
        "username",
        |url| quirks::username(url).to_owned(),
        Some(|url, text| _ = quirks::set_username(url, text)),
    ),
    (
        "password",
        |url| quirks::password(url).to_owned(),
        Some(|url, text| _ = quirks::set_password(url, text)),
    ),
    ("host", |url| quirks::host(url).to_owned(), Some(|url, text| _ = quirks::set_host(url, text))),
    (
        "hostname",
        |url| quirks::hostname(url).to_owned(),
        Some(|url, text| _ = quirks::set_hostname(url, text)),
    ),
    ("port", |url| quirks::port(url).to_owned(), Some(|url, text| _ = quirks::set_port(url, text))),
    ("pathname", |url| quirks::pathname(url).to_owned(), Some(quirks::set_pathname)),
    ("search", |url| quirks::search(url).to_owned(), Some(quirks::set_search)),
    ("hash", |url| quirks::hash(url).to_owned(), Some(quirks::set_hash)),
];

/// Defines the class.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    context.register_global_class::<Url>()
}

/// The components of an object of this class, for [`inspect`](super::inspect).
pub(super) fn components_of(object: &JsObject) -> Option<Vec<(&'static str, String)>> {
    let url = object.downcast_ref::<Url>()?;
    let url = url.parsed.borrow();
    let mut components = vec![("href", url.as_str().to_owned())];
    components.extend(COMPONENTS.iter().map(|(name, read, _)| (*name, read(&url))));
    Some(components)
}

impl Url {
    fn new(url: url::Url) -> Self {
        Self { parsed: Rc::new(RefCell::new(url)), pairs: Rc::default(), params: None }
    }

    /// Changes the URL, and the list of its `searchParams` with it.
    fn change<T>(&self, change: impl FnOnce(&mut url::Url) -> T) -> T {
        let mut url = self.parsed.borrow_mut();
        let changed = change(&mut url);
        if self.params.is_some() {
            self.pairs.replace(parse_query(url.query().unwrap_or("")));
        }
        changed
    }
}

impl Class for Url {
    const NAME: &'static str = "URL";
    const LENGTH: usize = 1;
    const ATTRIBUTES: Attribute = Attribute::WRITABLE.union(Attribute::CONFIGURABLE);

    fn data_constructor(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<Self> {
        parse(arguments, context)?.map(Self::new).map_err(|(text, error)| not_a_url(&text, error))
    }

    fn init(class: &mut ClassBuilder<'_>) -> JsResult<()> {
        let realm = class.context().realm().clone();
        let function = |native, name: &str| {
            FunctionObjectBuilder::new(&realm, native).name(JsString::from(name)).build()
        };
        let visible = Attribute::ENUMERABLE | Attribute::CONFIGURABLE;
        for (name, read, write) in COMPONENTS {
            let getter = NativeFunction::from_copy_closure(move |this, _, _| {
                with(this, |url| Ok(JsString::from(read(&url.parsed.borrow())).into()))
            });
            let setter = write.map(|write| {
                let native = NativeFunction::from_copy_closure(move |this, arguments, context| {
                    let text = text(arguments.get_or_undefined(0), context)?;
                    with(this, |url| {
                        url.change(|url| write(url, &text));
                        Ok(JsValue::undefined())
                    })
                });
                function(native, &format!("set {name}"))
            });
            let getter = function(getter, &format!("get {name}"));
            class.accessor(JsString::from(name), Some(getter), setter, visible);
        }
        let set_href = NativeFunction::from_fn_ptr(|this, arguments, context| {
            let text = text(arguments.get_or_undefined(0), context)?;
            let parsed = url::Url::parse(&text).map_err(|error| not_a_url(&text, error))?;
            with(this, |url| {
                url.change(|url| *url = parsed);
                Ok(JsValue::undefined())
            })
        });
        let (getter, setter) = (function(href(), "get href"), function(set_href, "set href"));
        class.accessor(js_string!("href"), Some(getter), Some(setter), visible);
        let search_params = function(NativeFunction::from_fn_ptr(search_params), "get searchParams");
        class.accessor(js_string!("searchParams"), Some(search_params), None, visible);
        class.method(js_string!("toString"), 0, href());
        class.method(js_string!("toJSON"), 0, href());
        class.property(JsSymbol::to_string_tag(), js_string!("URL"), Attribute::CONFIGURABLE);
        let can_parse = NativeFunction::from_fn_ptr(|_, arguments, context| {
            Ok(parse(arguments, context)?.is_ok().into())
        });
        class.static_method(js_string!("canParse"), 1, can_parse);
        let parse = NativeFunction::from_fn_ptr(|_, arguments, context| match parse(arguments, context)? {
            Ok(url) => Self::from_data(Self::new(url), context).map(JsValue::from),
            Err(_) => Ok(JsValue::null()),
        });
        class.static_method(js_string!("parse"), 1, parse);
        Ok(())
    }
}

fn href() -> NativeFunction {
    NativeFunction::from_fn_ptr(|this, _, _| {
        with(this, |url| Ok(JsString::from(url.parsed.borrow().as_str()).into()))
    })
}

fn search_params(this: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.as_object();
    let mut url = object.as_ref().and_then(JsObject::downcast_mut::<Url>).ok_or_else(not_ours)?;
    if let Some(params) = &url.params {
        return Ok(params.clone().into());
    }
    url.pairs.replace(parse_query(url.parsed.borrow().query().unwrap_or("")));
    let params = SearchParams::of(Rc::clone(&url.parsed), Rc::clone(&url.pairs), context)?;
    url.params = Some(params.clone());
    Ok(params.into())
}

fn with(this: &JsValue, act: impl FnOnce(&Url) -> JsResult<JsValue>) -> JsResult<JsValue> {
    let object = this.as_object();
    let url = object.as_ref().and_then(JsObject::downcast_ref::<Url>).ok_or_else(not_ours)?;
    act(&url)
}

fn not_ours() -> JsError {
    JsNativeError::typ().with_message("`this` is not a URL").into()
}

fn text(value: &JsValue, context: &mut Context) -> JsResult<String> {
    value.to_string(context).map(|text| values::text(&text))
}

/// The URL that `[text, base]` mean, or the text that is none and why.
fn parse(
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<Result<url::Url, (String, url::ParseError)>> {
    if arguments.is_empty() {
        return Err(JsNativeError::typ().with_message("URL takes a text").into());
    }
    let given = text(&arguments[0], context)?;
    let base = match arguments.get(1).filter(|base| !base.is_undefined()) {
        None => None,
        Some(base) => {
            let base = text(base, context)?;
            match url::Url::parse(&base) {
                Ok(base) => Some(base),
                Err(error) => return Ok(Err((base, error))),
            }
        }
    };
    let parsed = url::Url::options().base_url(base.as_ref()).parse(&given);
    Ok(parsed.map_err(|error| (given, error)))
}

fn not_a_url(text: &str, error: url::ParseError) -> JsError {
    let message = format!("Invalid URL: {}: {error}", crate::base::shown(text));
    JsNativeError::typ().with_message(message).into()
}
