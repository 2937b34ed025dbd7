//! Names that are declared twice in one place. The engine's parser does not see them in the bodies of functions, and says
//! neither name nor place where it sees them.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use boa_engine::ast::expression::Identifier;
use boa_engine::ast::function::{ClassDeclaration, FunctionBody};
use boa_engine::ast::operations::var_declared_names;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Declaration, Expression, Position, Spanned, StatementListItem};
use boa_engine::interner::{Interner, Sym};

use super::mistakes::Mistake;
use super::source::{Source, abridged};
use super::tokens::Kind;

/// What is said of a name that is declared a second time at a place.
pub(super) fn twice(name: &str, at: (u32, u32)) -> Mistake {
    Mistake {
        message: format!("`{}` is declared twice", abridged(name)),
        at,
        help: Some(
            "give one of them another name, or assign to the first, which must be a `let` then".to_owned(),
        ),
    }
}

/// A name that `body`, or a function in it, declares with `let`, `const` or `class` and a second time.
pub(super) fn in_functions(body: &FunctionBody, interner: &Interner) -> Option<Mistake> {
    let (name, at) = Functions.visit_function_body(body).break_value()?;
    Some(twice(&interner.resolve_expect(name).to_string(), (at.line_number(), at.column_number())))
}

/// Looks at the body of each function; at the blocks in it the parser has looked.
struct Functions;

impl<'ast> Visitor<'ast> for Functions {
    type BreakTy = (Sym, Position);

    fn visit_function_body(&mut self, body: &'ast FunctionBody) -> ControlFlow<Self::BreakTy> {
        match in_body(body) {
            Some(found) => ControlFlow::Break(found),
            None => body.visit_with(self),
        }
    }
}

fn in_body(body: &FunctionBody) -> Option<(Sym, Position)> {
    let mut bound = Bound(Vec::new());
    for item in body.statements() {
        let StatementListItem::Declaration(declaration) = item else { continue };
        if matches!(&**declaration, Declaration::Lexical(_) | Declaration::ClassDeclaration(_)) {
            let _ = bound.visit_declaration(declaration);
        }
    }
    if bound.0.is_empty() {
        return None;
    }
    // Functions are among them.
    let vars = var_declared_names(body);
    let mut seen = HashSet::new();
    bound.0.into_iter().find(|(name, _)| vars.contains(name) || !seen.insert(*name))
}

/// The names that declarations bind.
struct Bound(Vec<(Sym, Position)>);

impl<'ast> Visitor<'ast> for Bound {
    type BreakTy = ();

    fn visit_identifier(&mut self, name: &'ast Identifier) -> ControlFlow<()> {
        self.0.push((name.sym(), name.span().start()));
        ControlFlow::Continue(())
    }

    fn visit_expression(&mut self, _: &'ast Expression) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn visit_class_declaration(&mut self, class: &'ast ClassDeclaration) -> ControlFlow<()> {
        self.0.push((class.name().sym(), class.name().span().start()));
        ControlFlow::Continue(())
    }
}

/// The name of which the parser says that it is declared twice, where it stopped.
pub(super) fn at_stop(source: &Source<'_>, said: &str) -> Option<Mistake> {
    let at = source.at;
    let before = at.checked_sub(1);
    let within = |opening: usize| (opening + 1, source.partner(opening).unwrap_or(source.tokens.len()));
    let (body, parameters) = match said {
        // At the first token of a block, or at the word that begins a declaration …
        "lexical name declared multiple times" | "lexical name declared in var names"
            if before.is_none_or(|before| !source.is(before, ")")) =>
        {
            let end = source.innermost().and_then(|open| source.partner(open));
            ((at, end.unwrap_or(source.tokens.len())), None)
        }
        // … at the `{` of a `switch` …
        "lexical name declared multiple times" | "lexical name declared in var declared names" => {
            (within(at), None)
        }
        // … and of a `catch`.
        "catch parameter identifier declared in catch body" => {
            (within(at), before.and_then(|before| source.partner(before)).map(within))
        }
        "For loop initializer declared in loop body" => {
            (within(at), before.and_then(|before| source.partner(before)).map(within))
        }
        // Before or behind the `(` of the parameters.
        said if said.starts_with("formal parameter `") => {
            let opening = if source.is(at, "(") { Some(at) } else { before };
            let closing =
                opening.filter(|opening| source.is(*opening, "(")).and_then(|open| source.partner(open));
            let arrow = closing.unwrap_or(at) + 1;
            let body = if source.is(arrow, "=>") { arrow + 1 } else { arrow };
            let parameters =
                opening.zip(closing).map_or((at, arrow), |(opening, closing)| (opening + 1, closing));
            (within(body), Some(parameters))
        }
        _ => return None,
    };
    let mut seen: HashMap<&str, bool> = HashMap::new();
    for index in parameters.into_iter().flat_map(|(begin, end)| begin..end) {
        if source.kind(index) == Some(Kind::Word) {
            seen.insert(source.written(index), false);
        }
    }
    let name = declared(source, body).into_iter().find(|(index, is_var)| {
        let known = seen.insert(source.written(*index), *is_var);
        known.is_some_and(|was_var| !(was_var && *is_var))
    });
    name.map(|(index, _)| twice(source.written(index), source.place(index)))
}

/// The names that are declared between two tokens, not deeper, and whether with `var`.
fn declared(source: &Source<'_>, (mut index, end): (usize, usize)) -> Vec<(usize, bool)> {
    let mut names = Vec::new();
    // In a list of declarations: the word that it begins with.
    let mut list = None;
    while index < end {
        let is_first = source.is_first(index);
        let begins = is_first || index > 0 && source.one_of(index - 1, &["{", "}", ";", ":", ")", "async"]);
        if begins && source.one_of(index, &["let", "const", "var"]) || list.is_some() && source.is(index, ",")
        {
            let word = list.filter(|_| source.is(index, ",")).unwrap_or(index);
            list = Some(word);
            names.extend(bound(source, index + 1).into_iter().map(|name| (name, source.is(word, "var"))));
        } else if begins && source.one_of(index, &["function", "class"]) {
            list = None;
            let name = index + 1 + usize::from(source.is(index + 1, "*"));
            names.push((name, false));
        } else if source.is(index, ";")
            || is_first && index > 0 && source.ends_value(index - 1) && source.begins_value(index)
        {
            list = None;
        }
        index = source.partner(index).filter(|closing| *closing > index).unwrap_or(index) + 1;
    }
    names
}

/// The names that are bound by what begins at a token: a name, or a pattern.
fn bound(source: &Source<'_>, begin: usize) -> Vec<usize> {
    let Some(end) = source.partner(begin).filter(|end| *end > begin) else {
        return if source.kind(begin) == Some(Kind::Word) { vec![begin] } else { Vec::new() };
    };
    let is_bound = |index: &usize| {
        source.kind(*index) == Some(Kind::Word)
            && source.one_of(index - 1, &["{", "[", ",", ":", "..."])
            && source.one_of(index + 1, &["}", "]", ",", "="])
    };
    (begin + 1..end).filter(is_bound).collect()
}
