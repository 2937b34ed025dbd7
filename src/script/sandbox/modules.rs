//! `require`: modules of the application's own folder, compiled once per Context and evaluated afresh in each run.
//!
//! A path is relative to the file that requires it and never leaves the bundle. A module that is being evaluated
//! is already in the run's table, so a circle sees the exports as they are so far, as in Node.js. JSON is read afresh in
//! each run too: what a run does to it, it does to itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use boa_engine::object::builtins::JsFunction;
use boa_engine::object::{FunctionObjectBuilder, IntegrityLevel, JsObject};
use boa_engine::{Context, JsArgs, JsError, JsNativeError, JsResult, JsValue, NativeFunction, js_string};
use boa_gc::{Finalize, Trace};

use super::compile::{self, Kind, LoadError};
use super::data;
use super::state::State;
use super::values;
use crate::base::nearest;
use crate::script::catalogue::is_module;
use crate::script::protocol::{JSON, SourceFile, Start};

/// The files of the application, what has been compiled of them, and what the run has evaluated of them.
pub(super) struct Modules {
    start: Rc<Start>,
    by_path: HashMap<String, usize>,
    compiled: RefCell<HashMap<(usize, Kind), JsFunction>>,
    requires: RefCell<HashMap<usize, JsFunction>>,
    evaluated: RefCell<HashMap<usize, JsObject>>,
}

/// What a `require` function remembers: the file that it stands in.
#[derive(Debug, Trace, Finalize)]
struct RequiredFrom(usize);

impl Modules {
    pub(super) fn new(start: Rc<Start>) -> Self {
        let by_path =
            start.bundle.files.iter().enumerate().map(|(index, file)| (file.path.clone(), index)).collect();
        Self {
            start,
            by_path,
            compiled: RefCell::default(),
            requires: RefCell::default(),
            evaluated: RefCell::default(),
        }
    }

    /// The file of an action.
    ///
    /// # Errors
    /// Names the nearest action when there is none of that name.
    pub(super) fn action(&self, name: &str) -> Result<usize, LoadError> {
        let file = self.by_path.get(&format!("{name}.js")).copied();
        if file.is_some() && is_module(name) {
            return Err(LoadError {
                help: Some(format!("call it from an action: `const {{ … }} = require(\"./{name}\")`")),
                ..LoadError::new(format!("`{name}` is a module, and not an action"))
            });
        }
        file.ok_or_else(|| {
            if self.start.bundle.files.iter().all(|file| file.path.starts_with('.')) {
                return LoadError {
                    help: Some("`boatswain check` says where they are looked for".to_owned()),
                    ..LoadError::new(format!("there is no action `{name}`: the application has no scripts"))
                };
            }
            let known = self.start.bundle.files.iter().filter_map(|file| file.path.strip_suffix(".js"));
            let hint = nearest(name, known.filter(|name| !is_module(name) && !name.starts_with('.')));
            let hint = hint.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            LoadError::new(format!("there is no action `{name}`{hint}"))
        })
    }

    /// The file that errors show as `shown`.
    pub(super) fn shown_as(&self, shown: &str) -> Option<usize> {
        self.start.bundle.files.iter().position(|file| file.shown == shown)
    }

    /// What a module exports that the run has evaluated, by the path that the file `from` requires it by.
    pub(super) fn exports(&self, from: usize, specifier: &str) -> Option<JsValue> {
        let file = self.resolve(&self.file(from).path, specifier).ok()?;
        let module = self.evaluated.borrow().get(&file).cloned()?;
        let exports = module.borrow().properties().get(&js_string!("exports").into());
        exports?.value().cloned()
    }

    /// The function of a file, compiled when it is first wanted.
    pub(super) fn function(
        &self,
        file: usize,
        kind: Kind,
        context: &mut Context,
    ) -> Result<JsFunction, LoadError> {
        if let Some(function) = self.compiled.borrow().get(&(file, kind)) {
            return Ok(function.clone());
        }
        let function = compile::compile(&self.start.bundle.files[file], kind, context)?;
        self.compiled.borrow_mut().insert((file, kind), function.clone());
        Ok(function)
    }

    /// The `require` of a file; frozen, because it lives longer than a run.
    pub(super) fn require_of(&self, file: usize, context: &mut Context) -> JsResult<JsFunction> {
        if let Some(require) = self.requires.borrow().get(&file) {
            return Ok(require.clone());
        }
        let native = NativeFunction::from_copy_closure_with_captures(require, RequiredFrom(file));
        let function =
            FunctionObjectBuilder::new(context.realm(), native).name(js_string!("require")).length(1).build();
        function.set_integrity_level(IntegrityLevel::Frozen, context)?;
        self.requires.borrow_mut().insert(file, function.clone());
        Ok(function)
    }

    /// Forgets what the run has evaluated.
    pub(super) fn end(&self) {
        self.evaluated.borrow_mut().clear();
    }

    /// A file by its number.
    pub(super) fn file(&self, file: usize) -> &SourceFile {
        &self.start.bundle.files[file]
    }

    /// The file that `specifier` means in the file whose path is `from`.
    pub(super) fn resolve(&self, from: &str, specifier: &str) -> Result<usize, Unresolved> {
        let no = |message: String| Err(Unresolved { message, nearest: None });
        if !specifier.starts_with("./") && !specifier.starts_with("../") {
            return no(format!(
                "require(\"{specifier}\"): only files of the application can be required, by a path that begins \
                 with ./ or ../"
            ));
        }
        let mut segments: Vec<&str> = from.split('/').collect();
        segments.pop();
        for segment in specifier.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    if segments.pop().is_none() {
                        return no(format!("require(\"{specifier}\") leads out of the application's folder"));
                    }
                }
                name => segments.push(name),
            }
        }
        let path = segments.join("/");
        let candidates =
            [path.clone(), format!("{path}.js"), format!("{path}.json"), format!("{path}/index.js")];
        if let Some(file) = candidates.iter().find_map(|path| self.by_path.get(path)) {
            return Ok(*file);
        }
        let named = path.strip_suffix(".js").or(path.strip_suffix(JSON)).is_some();
        let wanted = if named { path } else { format!("{path}.js") };
        let nearest = nearest(&wanted, self.start.bundle.files.iter().map(|file| file.path.as_str()));
        Err(Unresolved {
            message: format!("require(\"{specifier}\"): there is no file `{wanted}`"),
            nearest: nearest.map(str::to_owned),
        })
    }
}

/// A path that leads to no file.
pub(super) struct Unresolved {
    /// Why, a sentence.
    pub(super) message: String,
    /// The file whose path is most like it, where one is.
    pub(super) nearest: Option<String>,
}

fn require(
    _: &JsValue,
    arguments: &[JsValue],
    from: &RequiredFrom,
    context: &mut Context,
) -> JsResult<JsValue> {
    let state = State::of(context);
    let Some(specifier) = arguments.get_or_undefined(0).as_string() else {
        let message = "require: the path must be a string, such as \"./lib/x\"";
        return Err(JsNativeError::typ().with_message(message).into());
    };
    let file = match state.modules.resolve(&state.modules.file(from.0).path, &values::text(&specifier)) {
        Ok(file) => file,
        Err(Unresolved { message, nearest }) => {
            let hint = nearest.map(|path| format!("; the nearest is `{path}`")).unwrap_or_default();
            let message = message + &hint;
            let error = JsNativeError::error().with_message(message.clone());
            let error = values::with_code(error, "MODULE_NOT_FOUND", context);
            return Err(unloaded(error, LoadError::new(message), &state));
        }
    };
    let known = state.modules.evaluated.borrow().get(&file).cloned();
    if let Some(module) = known {
        return module.get(js_string!("exports"), context);
    }
    evaluate(file, &state, context)
}

fn evaluate(file: usize, state: &State, context: &mut Context) -> JsResult<JsValue> {
    let module = JsObject::with_object_proto(context.intrinsics());
    let source = &state.start.bundle.files[file];
    if source.is_json() {
        let value = data::load(source, context).map_err(|error| syntax_error(error, state, context))?;
        module.create_data_property_or_throw(js_string!("exports"), value.clone(), context)?;
        state.modules.evaluated.borrow_mut().insert(file, module);
        return Ok(value);
    }
    let outer = state.modules.function(file, Kind::Module, context);
    let outer = outer.map_err(|error| syntax_error(error, state, context))?;
    let exports = JsObject::with_object_proto(context.intrinsics());
    module.create_data_property_or_throw(js_string!("exports"), exports.clone(), context)?;
    let require = state.modules.require_of(file, context)?;
    let mut scope = state.scope.borrow().clone();
    scope.extend([require.into(), module.clone().into(), exports.clone().into()]);
    state.modules.evaluated.borrow_mut().insert(file, module.clone());
    let evaluated = outer.call(&JsValue::undefined(), &scope, context).and_then(|inner| {
        let inner = inner.as_callable().ok_or_else(|| JsNativeError::typ().with_message("not a module"))?;
        inner.call(&exports.into(), &[], context)
    });
    if let Err(error) = evaluated {
        // As in Node.js, a module that threw can be tried again.
        state.modules.evaluated.borrow_mut().remove(&file);
        return Err(error);
    }
    module.get(js_string!("exports"), context)
}

/// What `require` throws where a file cannot be loaded.
fn syntax_error(error: LoadError, state: &State, context: &mut Context) -> JsError {
    let mut message = error.message.strip_prefix("SyntaxError: ").unwrap_or(&error.message).to_owned();
    if let Some(place) = &error.place {
        message = format!("{message} ({}:{}:{})", place.file, place.line, place.column);
    }
    let thrown = JsNativeError::syntax().with_message(message).into_opaque(context);
    unloaded(JsError::from_opaque(thrown.into()), error, state)
}

/// Remembers that `error` means that a file could not be loaded, for the reason of a run that it ends.
fn unloaded(error: JsError, why: LoadError, state: &State) -> JsError {
    if let Some(object) = error.as_opaque().and_then(JsValue::as_object) {
        state.unloaded.replace(Some((object, why)));
    }
    error
}
