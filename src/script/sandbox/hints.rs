//! What the engine's errors leave out: which name, which member of what, and where. The engine maps calls and accesses to
//! positions, but not plain names or methods ([`suspects`](super::suspects)), and does not say what an error is about.

use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_engine::ast::expression::{Call, Expression};
use boa_engine::ast::function::FunctionBody;
use boa_engine::interner::{Interner, Sym};
use boa_engine::object::JsObject;
use boa_engine::parser::{Parser, Source};
use boa_engine::{Context, JsValue};

use super::compile::{NAMES, without_hashbang};
use super::failure::Told;
use super::known::{self, Knowledge, Known};
use super::lint;
use super::neighbours::Neighbours;
use super::state::State;
use super::suspects::{At, Kind, Member, Object, Suspect, Suspects};
use crate::base::nearest;
use crate::script::protocol::{FunctionSpec, Scope};

/// Bytes of a file that is parsed anew for the sake of an error.
const MAX_FILE: usize = 64 << 10;
/// Calls of a stack whose names are looked for.
const MAX_CALLS: usize = 16;

/// What the engine says of an assignment to a constant, before its name.
const CONSTANT: &str = "TypeError: cannot mutate an immutable binding '";

/// What it says of an assignment to what nothing declares, and to what nobody may change, before the name.
const UNDECLARED: &str = "ReferenceError: cannot assign to uninitialized global property";
const FROZEN: &str = "TypeError: cannot set non-writable property";

/// Functions that lists have and texts have not.
const OF_LISTS: [&str; 14] = [
    "map",
    "forEach",
    "filter",
    "find",
    "findIndex",
    "some",
    "every",
    "reduce",
    "flatMap",
    "join",
    "sort",
    "push",
    "pop",
    "entries",
];

/// The errors of the engine's own that can be said better.
enum Trouble {
    NotDefined(String),
    NoObject,
    NotCallable,
    NotConstructor,
    Late,
    Destructured(&'static str),
    Json,
}

impl Trouble {
    fn of(message: &str) -> Option<Self> {
        Some(match message {
            "TypeError: cannot convert 'null' or 'undefined' to object" => Self::NoObject,
            "TypeError: not a callable function" => Self::NotCallable,
            "TypeError: not a constructor" => Self::NotConstructor,
            "ReferenceError: access of uninitialized binding" => Self::Late,
            "TypeError: Cannot destructure 'undefined' value" => Self::Destructured("undefined"),
            "TypeError: Cannot destructure 'null' value" => Self::Destructured("null"),
            _ if message.starts_with("SyntaxError: ") => Self::Json,
            _ => {
                let name = message.strip_prefix("ReferenceError: ")?.strip_suffix(" is not defined")?;
                Self::NotDefined(name.to_owned())
            }
        })
    }
}

/// Completes an error of the engine's own by the source of its innermost frame, and has every place of a call point at the
/// name of what is called.
pub(super) fn complete(told: &mut Told, error: &JsObject, context: &mut Context) {
    let state = State::of(context);
    if let Some(trouble) = Trouble::of(&told.message) {
        explain(told, error, &trouble, &state, context);
    }
    if told.help.is_none() {
        told.help = remedy(told, &state);
    }
    for frame in told.stack.frames.iter_mut().take(MAX_CALLS) {
        let file = state.modules.shown_as(&frame.file).map(|file| &state.start.bundle.files[file]);
        let text = file.and_then(|file| file.text.as_deref().ok()).filter(|text| text.len() <= MAX_FILE);
        if let Some(column) = text.and_then(|text| called(text, frame.line, frame.column)) {
            frame.column = column;
        }
    }
}

/// What to do about an error that says enough of what has happened.
fn remedy(told: &Told, state: &State) -> Option<String> {
    let message = told.message.as_str();
    let app = &state.start.app_id;
    if let Some(name) = message.strip_prefix(CONSTANT).and_then(|name| name.strip_suffix('\'')) {
        return Some(format!("`{name}` is a constant: declare it with `let` if it has to change"));
    }
    if message.starts_with(UNDECLARED) {
        return Some("declare it with `let` or `const`".to_owned());
    }
    if message.starts_with(FROZEN) {
        return Some(
            "what is built in cannot be changed, nor can globals be made: keep it in a variable of the file"
                .to_owned(),
        );
    }
    if message.starts_with("Error: no such table: ") {
        return Some(format!("look at its name; tables are made in scripts/{app}/migrations/*.sql"));
    }
    if message.starts_with("Error: no such column: ") || message.contains(" has no column named ") {
        return Some(format!(
            "look at its name; the columns of a table stand in scripts/{app}/migrations/*.sql"
        ));
    }
    if told.code.as_deref() == Some("MODULE_NOT_FOUND") {
        let specifier = message.split_once("require(\"")?.1.split_once("\")")?.0;
        return instead_of_module(specifier, told, state);
    }
    let called = message.strip_prefix("TypeError: `")?.strip_suffix("` is not a function")?;
    let (list, method) = called.rsplit_once('.')?;
    OF_LISTS.contains(&method).then(|| {
        format!(
            "only lists have `{method}`; what functions of `utils` return is JSON text: `JSON.parse({list}).{method}(…)`"
        )
    })
}

/// What to write instead of a `require` that leads to nothing.
fn instead_of_module(specifier: &str, told: &Told, state: &State) -> Option<String> {
    if specifier.starts_with(['.', '/']) {
        return None;
    }
    let file = state.modules.shown_as(&told.stack.frames.first()?.file)?;
    let from_here = format!("./{specifier}");
    let is_there = state.modules.resolve(&state.modules.file(file).path, &from_here).is_ok();
    Some(if is_there {
        format!("write require(\"{from_here}\")")
    } else {
        lint::instead_of_module(specifier).to_owned()
    })
}

/// Where the name begins that stands before an opening parenthesis.
fn called(text: &str, line: u32, column: u32) -> Option<u32> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let before: Vec<char> = line.chars().take(usize::try_from(column).ok()?).collect();
    let (parenthesis, before) = before.split_last()?;
    let name =
        before.iter().rev().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#')).count();
    (*parenthesis == '(' && name > 0).then(|| column.saturating_sub(u32::try_from(name).unwrap_or(0)))
}

fn explain(told: &mut Told, error: &JsObject, trouble: &Trouble, state: &State, context: &mut Context) {
    let Some(frame) = told.stack.frames.first() else { return };
    let Some(file) = state.modules.shown_as(&frame.file) else { return };
    let Ok(text) = &state.start.bundle.files[file].text else { return };
    if text.len() > MAX_FILE {
        return;
    }
    let mut interner = Interner::default();
    let Some(body) = parse(&without_hashbang(text), &mut interner) else { return };
    let suspects = Suspects::of(&body);
    let knowledge =
        Knowledge { suspects: &suspects, interner: &interner, state, global: context.global_object(), file };
    let region = (frame.line > 0).then_some((frame.line, frame.column));
    let found = select(&knowledge, trouble, region, error);
    let Some(suspect) = found.first() else { return };
    let said = say(&knowledge, trouble, suspect, context);
    let others = others(&found);
    if !matches!(trouble, Trouble::Json)
        && let Some(frame) = told.stack.frames.first_mut()
    {
        (frame.line, frame.column) = suspect.at;
    }
    if let Some(message) = said.message {
        told.message = message;
    }
    if let Trouble::Json = trouble {
        told.message = told.message.replacen("SyntaxError: ", "SyntaxError: JSON.parse: ", 1);
    }
    told.help = match (said.help, others) {
        (Some(help), Some(others)) => Some(format!("{help}; {others}")),
        (help, others) => help.or(others),
    };
}

fn parse(text: &str, interner: &mut Interner) -> Option<FunctionBody> {
    let mut parser = Parser::new(Source::from_bytes(text.as_bytes()));
    parser.set_strict();
    parser.parse_function_body(interner, false, true).ok()
}

/// The suspects of a region, in the order of the file; several where nothing tells which it was.
fn select<'k, 'a>(
    knowledge: &Knowledge<'k, 'a>,
    trouble: &Trouble,
    region: Option<At>,
    error: &JsObject,
) -> Vec<&'k Suspect<'a>> {
    let here = knowledge.suspects.found.iter().filter(|suspect| suspect.region == region);
    let mut found: Vec<_> = here.filter(|suspect| fits(knowledge, trouble, suspect)).collect();
    let asks = matches!(trouble, Trouble::NoObject | Trouble::Destructured(_));
    if asks {
        prefer(&mut found, |suspect| !asked(knowledge, suspect).is_something());
        prefer(&mut found, |suspect| !matches!(suspect.kind, Kind::Call(_)));
    }
    if found.len() > 1
        && let Some(neighbours) = Neighbours::of(error)
    {
        let agreement = |suspect: &Suspect<'_>| neighbours.agreement(knowledge.suspects, suspect);
        let most = found.iter().map(|suspect| agreement(suspect)).max();
        found.retain(|suspect| Some(agreement(suspect)) == most);
    }
    if asks {
        prefer(&mut found, |suspect| asked(knowledge, suspect).nullish().is_some());
    }
    found
}

/// Keeps those of which something holds, if there are any.
fn prefer<T>(found: &mut Vec<T>, holds: impl Fn(&T) -> bool) {
    if found.iter().any(&holds) {
        found.retain(holds);
    }
}

fn fits(knowledge: &Knowledge<'_, '_>, trouble: &Trouble, suspect: &Suspect<'_>) -> bool {
    match (trouble, suspect.kind) {
        (Trouble::NotDefined(wanted), Kind::Name(name)) => {
            knowledge.name(name) == *wanted && knowledge.suspects.scope_of(suspect.scope, name).is_none()
        }
        (Trouble::Late, Kind::Name(name)) => declared_at(knowledge, suspect, name).is_some(),
        (Trouble::NoObject, Kind::Member(_) | Kind::Iteration(_) | Kind::Call(_))
        | (Trouble::NotCallable, Kind::Call(_))
        | (Trouble::NotConstructor, Kind::New(_))
        | (Trouble::Destructured(_), Kind::Pattern(_)) => true,
        (Trouble::Json, Kind::Call(call)) => {
            knowledge.shown(call.function()).as_deref() == Some("JSON.parse")
        }
        _ => false,
    }
}

/// Where a name is declared that cannot be used before.
fn declared_at(knowledge: &Knowledge<'_, '_>, suspect: &Suspect<'_>, name: Sym) -> Option<At> {
    let scope = knowledge.suspects.scope_of(suspect.scope, name)?;
    scope.late.get(&name).copied().filter(|declared| *declared > suspect.at)
}

/// What is known of what a suspect asks something of.
fn asked(knowledge: &Knowledge<'_, '_>, suspect: &Suspect<'_>) -> Known {
    match suspect.kind {
        Kind::Member(member) => knowledge.of_object(member.target, suspect.scope),
        Kind::Iteration(expression) | Kind::Pattern(Some(expression)) => {
            knowledge.of(expression, suspect.scope)
        }
        _ => Known::Nothing,
    }
}

/// Says that the engine's position means several places.
fn others(found: &[&Suspect<'_>]) -> Option<String> {
    let (first, others) = found.split_first()?;
    let mut places: Vec<String> = others
        .iter()
        .filter(|other| other.at != first.at)
        .map(|other| format!("{}:{}", other.at.0, other.at.1))
        .collect();
    places.dedup();
    places.truncate(3);
    (!places.is_empty()).then(|| format!("it may also have been at {}", places.join(" or ")))
}

#[derive(Default)]
struct Said {
    message: Option<String>,
    help: Option<String>,
}

fn say(
    knowledge: &Knowledge<'_, '_>,
    trouble: &Trouble,
    suspect: &Suspect<'_>,
    context: &mut Context,
) -> Said {
    let scope = suspect.scope;
    match suspect.kind {
        Kind::Name(name) => match trouble {
            Trouble::Late => {
                let line = declared_at(knowledge, suspect, name).map_or(0, |declared| declared.0);
                let name = knowledge.name(name);
                let message = format!("ReferenceError: `{name}` is used before it is declared (line {line})");
                Said { message: Some(message), help: None }
            }
            _ => Said { message: None, help: near_name(knowledge, &knowledge.name(name), scope, context) },
        },
        Kind::Member(member) => no_object(knowledge, member, scope, context),
        Kind::Pattern(Some(expression)) | Kind::Iteration(expression) => {
            let verb = if matches!(suspect.kind, Kind::Pattern(_)) { "destructure" } else { "iterate over" };
            let Some(shown) = knowledge.shown(expression) else { return Said::default() };
            let what = knowledge.of(expression, scope).nullish().unwrap_or(match trouble {
                Trouble::Destructured(what) => what,
                _ => "null or undefined",
            });
            Said {
                message: Some(format!("TypeError: cannot {verb} `{shown}`, which is {what}")),
                help: near_member(knowledge, expression, scope, context),
            }
        }
        Kind::Pattern(None) => Said::default(),
        Kind::Call(call) => match trouble {
            Trouble::NoObject => Said { message: given(knowledge, call, scope), help: None },
            Trouble::Json => Said { message: None, help: parsed(knowledge, call.args().first(), scope) },
            _ => not_a(knowledge, call.function(), "function", scope, context),
        },
        Kind::New(new) => not_a(knowledge, new.constructor(), "constructor", scope, context),
    }
}

/// A member of null or undefined.
fn no_object(knowledge: &Knowledge<'_, '_>, member: Member<'_>, scope: usize, context: &mut Context) -> Said {
    let what = knowledge.of_object(member.target, scope).nullish().unwrap_or("null or undefined");
    let field = match member.field {
        PropertyAccessField::Const(name) => format!("`{}`", knowledge.name(name.sym())),
        PropertyAccessField::Expr(key) => match knowledge.shown(key) {
            Some(key) => format!("`[{key}]`"),
            None => "a member".to_owned(),
        },
    };
    let verb = member.verb;
    let message = match knowledge.shown_object(member.target) {
        Some(object) if object == what => format!("TypeError: cannot {verb} {field} of {what}"),
        Some(object) => format!("TypeError: cannot {verb} {field} of `{object}`, which is {what}"),
        None => format!("TypeError: cannot {verb} {field} of {what}"),
    };
    if let Object::Whole(expression) = member.target
        && let Expression::Identifier(name) = expression.flatten()
        && ["exports", "module"].contains(&&*knowledge.name(name.sym()))
        && knowledge.suspects.scope_of(scope, name.sym()).is_none()
    {
        // Only actions have neither.
        let message = message.replacen("TypeError: ", "TypeError: an action exports nothing: ", 1);
        return Said { message: Some(message), help: Some(lint::INSTEAD_OF_EXPORTS.to_owned()) };
    }
    let help = match member.target {
        Object::Whole(expression) => near_member(knowledge, expression, scope, context),
        Object::Chain(..) => None,
    };
    Said { message: Some(message), help }
}

/// A function of the engine's that cannot work with what it was given.
fn given(knowledge: &Knowledge<'_, '_>, call: &Call, scope: usize) -> Option<String> {
    let function = knowledge.shown(call.function())?;
    let known = |argument: &Expression| knowledge.of(argument, scope).nullish();
    let what = call.args().iter().find_map(|argument| {
        let what = known(argument)?;
        let shown = knowledge.shown(argument)?;
        Some(if shown == what { shown } else { format!("`{shown}`, which is {what}") })
    });
    let what = what.as_deref().unwrap_or("null or undefined");
    Some(format!("TypeError: `{function}` was given {what}"))
}

/// What is no function or constructor.
fn not_a(
    knowledge: &Knowledge<'_, '_>,
    expression: &Expression,
    wanted: &str,
    scope: usize,
    context: &mut Context,
) -> Said {
    let Some(shown) = knowledge.shown(expression) else { return Said::default() };
    let is = match knowledge.of(expression, scope) {
        Known::Value(value) if !value.is_undefined() => format!(": it is {}", kind(&value)),
        Known::Value(_) => ": it is undefined".to_owned(),
        _ => String::new(),
    };
    let message = format!("TypeError: `{shown}` is not a {wanted}{is}");
    Said { message: Some(message), help: near_member(knowledge, expression, scope, context) }
}

fn kind(value: &JsValue) -> &'static str {
    match value.type_of() {
        _ if value.is_null() => "null",
        "number" => "a number",
        "string" => "a string",
        "boolean" => "a boolean",
        "bigint" => "a BigInt",
        "function" => "a function",
        _ => "an object",
    }
}

fn did_you_mean(name: impl std::fmt::Display) -> String {
    format!("did you mean `{name}`?")
}

/// The nearest name that is known where `scope` is seen.
fn near_name(
    knowledge: &Knowledge<'_, '_>,
    name: &str,
    scope: usize,
    context: &mut Context,
) -> Option<String> {
    if let Some(instead) = lint::instead_of(name) {
        return Some(instead.to_owned());
    }
    // `executeQuery(…)` for `utils.executeQuery(…)`
    let mut functions = knowledge.state.start.functions.iter();
    if let Some(function) = functions.find(|known| known.name == name && known.scope == Scope::Utils) {
        return Some(did_you_mean(format_args!("utils.{}", function.name)));
    }
    let declared = knowledge.suspects.names_at(scope).into_iter().map(|known| knowledge.name(known));
    let globals = known::members(&knowledge.global, context);
    let known: Vec<String> = declared.chain(NAMES.map(str::to_owned)).chain(globals).collect();
    nearest(name, known.iter().map(String::as_str)).map(did_you_mean)
}

/// Of an access to a member that there is not: the nearest one of the same object.
fn near_member(
    knowledge: &Knowledge<'_, '_>,
    expression: &Expression,
    scope: usize,
    context: &mut Context,
) -> Option<String> {
    let Expression::PropertyAccess(PropertyAccess::Simple(access)) = expression.flatten() else {
        return None;
    };
    let PropertyAccessField::Const(field) = access.field() else { return None };
    let field = knowledge.name(field.sym());
    let object = knowledge.shown(access.target());
    let written =
        |near: &str| object.as_ref().map_or_else(|| near.to_owned(), |object| format!("{object}.{near}"));
    if let Known::Value(value) = knowledge.of(access.target(), scope)
        && let Some(object) = value.as_object()
    {
        let known = known::members(&object, context);
        let near = nearest(&field, known.iter().map(String::as_str)).filter(|near| *near != field)?;
        return Some(did_you_mean(written(near)));
    }
    // Whatever it is, it may be of one of the usual classes; only another spelling of one of their methods is worth a word.
    let classes = context.intrinsics().constructors();
    let prototypes = [
        classes.string().prototype(),
        classes.array().prototype(),
        classes.map().prototype(),
        classes.promise().prototype(),
        classes.number().prototype(),
        classes.date().prototype(),
    ];
    let known = prototypes.iter().flat_map(|prototype| known::members(prototype, context));
    let near = known.into_iter().find(|known| known.eq_ignore_ascii_case(&field) && *known != field)?;
    Some(did_you_mean(written(&near)))
}

/// What was given to `JSON.parse` that is no text of JSON.
fn parsed(knowledge: &Knowledge<'_, '_>, argument: Option<&Expression>, scope: usize) -> Option<String> {
    let argument = argument?;
    let shown = knowledge.shown(argument);
    let what = match knowledge.of(argument, scope) {
        Known::Value(value) if value.is_object() => format!("`{}` is an object already", shown?),
        known => match (known.nullish(), knowledge.meaning(argument, scope)) {
            (Some(nullish), _) => return Some(format!("`{}` is {nullish}", shown?)),
            (None, Expression::Call(call)) => {
                let function = knowledge.shown(call.function())?;
                let spec = knowledge.state.start.functions.iter().find(|known| is_named(known, &function))?;
                if !spec.returns_object {
                    return None;
                }
                format!("`{function}` returns an object already")
            }
            _ => return None,
        },
    };
    Some(format!("{what}: use it as it is, without JSON.parse"))
}

fn is_named(spec: &FunctionSpec, written: &str) -> bool {
    written.strip_prefix("utils.") == Some(&spec.name) || spec.scope == Scope::Global && spec.name == written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_where_its_name_begins() {
        assert_eq!(called("x\n  utils.log(1)", 2, 12), Some(9));
        assert_eq!(called("f(1)", 1, 2), Some(1));
        for (text, column) in [("(f)(1)", 4), ("(1)", 1), ("x", 1), ("x", 9), ("", 0)] {
            assert_eq!(called(text, 1, column), None, "{text}");
        }
        assert_eq!(called("f(1)", 2, 2), None);
    }
}
