//! The names that scripts may use, asked of a real Context: so the list cannot fall behind what is there.

use std::collections::{BTreeMap, BTreeSet};

use boa_engine::object::JsObject;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsResult, JsString};

use crate::script::protocol::{Scope, Start, TEST_GLOBALS};
use crate::script::sandbox::compile::NAMES;
use crate::script::sandbox::run::{REQ_PARAMS, USER_INFO};

/// What is known without reading a script.
pub(super) struct Known {
    /// The global object's own names.
    globals: BTreeSet<String>,
    /// Objects whose members are known, by the name that leads to them.
    objects: BTreeMap<String, Members>,
    /// What every object has.
    of_objects: BTreeSet<String>,
    /// What every string has.
    of_strings: BTreeSet<String>,
    /// The functions that are globals, by their names: index into [`Start::functions`].
    functions: BTreeMap<String, usize>,
}

/// The members of an object.
#[derive(Default)]
pub(super) struct Members(BTreeMap<String, Member>);

/// A member of an object whose members are known.
#[derive(Default)]
pub(super) struct Member {
    /// Its own members, where it is an object.
    pub(super) members: Option<Members>,
    /// The function of the host that it is: index into [`Start::functions`].
    pub(super) function: Option<usize>,
}

impl Members {
    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| ((*name).to_owned(), Member::default())).collect())
    }
}

impl Known {
    /// Asks `context`, which was made for `start`.
    ///
    /// # Errors
    /// The engine's own.
    pub(super) fn ask(context: &mut Context, start: &Start) -> JsResult<Self> {
        let global = context.global_object();
        let mut objects = BTreeMap::new();
        for name in ["utils", "console"] {
            let value = global.get(JsString::from(name), context)?;
            if let Some(object) = value.as_object() {
                objects.insert(name.to_owned(), members(&object, context)?);
            }
        }
        let mut functions = BTreeMap::new();
        for (index, spec) in start.functions.iter().enumerate() {
            if spec.scope == Scope::Global {
                functions.insert(spec.name.clone(), index);
            }
            if let Some(member) = objects.get_mut("utils").and_then(|utils| find(utils, &spec.name)) {
                member.function = Some(index);
            }
        }
        objects.insert("reqParams".to_owned(), Members::of(&REQ_PARAMS));
        objects.insert("userInfo".to_owned(), Members::of(&USER_INFO));
        let constructors = context.intrinsics().constructors();
        let (string, object) = (constructors.string().prototype(), constructors.object().prototype());
        Ok(Self {
            globals: names(&global, context)?,
            objects,
            of_objects: names(&object, context)?,
            of_strings: names(&string, context)?,
            functions,
        })
    }

    /// Whether `name` means something in every file, or in tests.
    pub(super) fn is_global(&self, name: &str, in_test: bool) -> bool {
        self.globals.contains(name)
            || NAMES.contains(&name)
            || name == "arguments"
            || in_test && TEST_GLOBALS.contains(&name)
    }

    /// Those names.
    pub(super) fn global_names(&self, in_test: bool) -> impl Iterator<Item = &str> {
        let tests = TEST_GLOBALS.iter().copied().filter(move |_| in_test);
        self.globals.iter().map(String::as_str).chain(NAMES).chain(tests)
    }

    pub(super) fn object(&self, name: &str) -> Option<&Members> {
        self.objects.get(name)
    }

    pub(super) fn function(&self, name: &str) -> Option<usize> {
        self.functions.get(name).copied()
    }

    pub(super) fn every_object_has(&self, name: &str) -> bool {
        self.of_objects.contains(name)
    }

    pub(super) fn every_string_has(&self, name: &str) -> bool {
        self.of_strings.contains(name) || self.every_object_has(name)
    }
}

fn find<'a>(members: &'a mut Members, path: &str) -> Option<&'a mut Member> {
    match path.split_once('.') {
        None => members.0.get_mut(path),
        Some((first, rest)) => find(members.0.get_mut(first)?.members.as_mut()?, rest),
    }
}

fn names(object: &JsObject, context: &mut Context) -> JsResult<BTreeSet<String>> {
    let keys = object.own_property_keys(context)?;
    Ok(keys.iter().filter_map(name_of).collect())
}

fn name_of(key: &PropertyKey) -> Option<String> {
    match key {
        PropertyKey::String(name) => Some(name.to_std_string_lossy()),
        _ => None,
    }
}

/// An object's members, and those of the objects in it; the tree is the host's own, which no script has touched.
fn members(object: &JsObject, context: &mut Context) -> JsResult<Members> {
    let mut found = Members::default();
    for key in object.own_property_keys(context)? {
        let Some(name) = name_of(&key) else { continue };
        let value = object.get(key, context)?;
        let inner = value.as_object().filter(|inner| !inner.is_callable());
        let inner = inner.map(|inner| members(&inner, context)).transpose()?;
        found.0.insert(name, Member { members: inner, function: None });
    }
    Ok(found)
}
