//! Which names a file declares, and where they are in sight.

use std::collections::HashMap;

use boa_engine::ast::declaration::{Binding, LexicalDeclaration};
use boa_engine::ast::operations::bound_names;
use boa_engine::ast::{Declaration, Spanned, StatementListItem};
use boa_engine::interner::{Interner, Sym};

/// What is known of the value of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Anything.
    Anything,
    /// The JSON text that a function of the host has returned: index into its functions.
    Json(usize),
    /// An async function, and whether it awaits.
    AsyncFunction { waits: bool },
    /// What an async function has returned: index into what is known of promises.
    Promise(usize),
    /// What a module exports: index into what is known of modules.
    Module(usize),
}

/// The scopes around a place, outermost first.
#[derive(Default)]
pub(super) struct Scopes(Vec<HashMap<Sym, Name>>);

/// What is known of a name.
struct Name {
    holds: Holds,
    /// The line of the `const` that declares it.
    constant: Option<u32>,
}

impl Scopes {
    pub(super) fn enter(&mut self, names: impl IntoIterator<Item = Sym>) {
        let anything = || Name { holds: Holds::Anything, constant: None };
        self.0.push(names.into_iter().map(|name| (name, anything())).collect());
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    fn nearest(&self, name: Sym) -> Option<&Name> {
        self.0.iter().rev().find_map(|scope| scope.get(&name))
    }

    fn nearest_mut(&mut self, name: Sym) -> Option<&mut Name> {
        self.0.iter_mut().rev().find_map(|scope| scope.get_mut(&name))
    }

    /// What the nearest declaration of `name` holds, if there is one.
    pub(super) fn find(&self, name: Sym) -> Option<Holds> {
        self.nearest(name).map(|name| name.holds)
    }

    /// The line of the `const` that declares `name`, where one does.
    pub(super) fn constant(&self, name: Sym) -> Option<u32> {
        self.nearest(name)?.constant
    }

    /// Notes what a name holds that is declared here.
    pub(super) fn note(&mut self, name: Sym, holds: Holds) {
        if let Some(known) = self.nearest_mut(name) {
            known.holds = holds;
        }
    }

    /// Notes which of the names are constants that `items` declare here.
    pub(super) fn note_constants(&mut self, items: &[StatementListItem]) {
        for item in items {
            let StatementListItem::Declaration(declaration) = item else { continue };
            let Declaration::Lexical(LexicalDeclaration::Const(list)) = &**declaration else { continue };
            for variable in list.as_ref() {
                let line = match variable.binding() {
                    Binding::Identifier(name) => name.span().start(),
                    Binding::Pattern(pattern) => pattern.span().start(),
                }
                .line_number();
                for name in bound_names(variable.binding()) {
                    if let Some(known) = self.nearest_mut(name) {
                        known.constant = Some(line);
                    }
                }
            }
        }
    }

    /// Every name in sight, the nearest first.
    pub(super) fn names<'a>(&self, interner: &'a Interner) -> impl Iterator<Item = &'a str> {
        self.0.iter().rev().flat_map(HashMap::keys).filter_map(|name| interner.resolve(*name)?.utf8())
    }
}

/// The names that the items of a block, or of a function's body, declare there.
pub(super) fn declared(items: &[StatementListItem]) -> Vec<Sym> {
    let mut names = Vec::new();
    for item in items {
        if let StatementListItem::Declaration(declaration) = item {
            names.extend(bound_names(&**declaration));
        }
    }
    names
}

/// The names of a `let`, a `const` or a parameter.
pub(super) fn bound(binding: &Binding) -> Vec<Sym> {
    bound_names(binding)
}
