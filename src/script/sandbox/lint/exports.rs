//! What is known of other files: which async functions a module exports, so that whoever requires it is told of those that
//! nobody waits for.

use std::collections::HashMap;

use boa_engine::ast::declaration::{Binding, LexicalDeclaration, Variable};
use boa_engine::ast::expression::access::PropertyAccess;
use boa_engine::ast::expression::literal::{ObjectLiteral, PropertyDefinition};
use boa_engine::ast::expression::operator::assign::{AssignOp, AssignTarget};
use boa_engine::ast::expression::{Call, Expression};
use boa_engine::ast::function::FunctionBody;
use boa_engine::ast::pattern::{ObjectPatternElement, Pattern};
use boa_engine::ast::property::MethodDefinitionKind;
use boa_engine::ast::{Declaration, Statement, StatementListItem};
use boa_engine::interner::Sym;

use super::scopes::Holds;
use super::waits;
use super::walk::Walk;
use crate::script::protocol::{AsyncExport, MAX_ASYNC_EXPORTS};

/// An async function that something leads to.
pub(super) struct Callee {
    /// As the file writes it: `load`, `orders.load`.
    pub(super) written: String,
    /// The variable that leads to it, if one does.
    pub(super) variable: Option<Sym>,
    /// Whether it awaits.
    pub(super) waits: bool,
}

impl Walk<'_> {
    /// The async functions that a module's file exports. What it exports twice may be either.
    pub(super) fn async_exports(&self, body: &FunctionBody) -> Vec<AsyncExport> {
        let functions = waits::asynchronous(body.statements());
        let mut exports: HashMap<String, Option<bool>> = HashMap::new();
        let mut export = |name: &str, waits: Option<bool>| {
            exports.entry(name.to_owned()).and_modify(|known| *known = None).or_insert(waits);
        };
        for item in body.statements() {
            let StatementListItem::Statement(statement) = item else { continue };
            let Statement::Expression(Expression::Assign(assign)) = &**statement else { continue };
            let (AssignOp::Assign, AssignTarget::Access(PropertyAccess::Simple(access))) =
                (assign.op(), assign.lhs())
            else {
                continue;
            };
            let Some((field, _)) = self.field(access.field()) else { continue };
            match (self.written(access.target()).as_deref(), assign.rhs().flatten()) {
                (Some("module"), Expression::ObjectLiteral(object)) if field == "exports" => {
                    self.members(object, &functions, &mut export);
                }
                (Some("module"), value) if field == "exports" => export("", awaits(value, &functions)),
                (Some("exports" | "module.exports"), value) => export(field, awaits(value, &functions)),
                _ => {}
            }
        }
        let exports =
            exports.into_iter().filter_map(|(name, waits)| Some(AsyncExport { name, waits: waits? }));
        exports.take(MAX_ASYNC_EXPORTS).collect()
    }

    /// The members of `module.exports = { … }`.
    fn members(
        &self,
        object: &ObjectLiteral,
        functions: &HashMap<Sym, bool>,
        export: &mut impl FnMut(&str, Option<bool>),
    ) {
        for property in object.properties() {
            let (name, waits) = match property {
                PropertyDefinition::IdentifierReference(name) => {
                    (self.text(name.sym()), functions.get(&name.sym()).copied())
                }
                PropertyDefinition::Property(name, value) => {
                    (self.property_name(name), awaits(value.flatten(), functions))
                }
                PropertyDefinition::MethodDefinition(method) => {
                    let is_async = method.kind() == MethodDefinitionKind::Async;
                    (self.property_name(method.name()), is_async.then(|| waits::awaits(method.body())))
                }
                PropertyDefinition::SpreadObject(_) | PropertyDefinition::CoverInitializedName(..) => {
                    continue;
                }
            };
            if let Some(name) = name {
                export(name, waits);
            }
        }
    }

    /// Notes what the variables that `items` declare hold of modules.
    pub(super) fn note_required(&mut self, items: &[StatementListItem]) {
        for item in items {
            let variables: &[Variable] = match item {
                StatementListItem::Declaration(declaration) => match &**declaration {
                    Declaration::Lexical(LexicalDeclaration::Const(list) | LexicalDeclaration::Let(list)) => {
                        list.as_ref()
                    }
                    _ => continue,
                },
                StatementListItem::Statement(statement) => match &**statement {
                    Statement::Var(list) => list.0.as_ref(),
                    _ => continue,
                },
            };
            for variable in variables {
                if let Some(value) = variable.init() {
                    self.note_variable(variable.binding(), value);
                }
            }
        }
    }

    fn note_variable(&mut self, binding: &Binding, value: &Expression) {
        match binding {
            Binding::Identifier(name) => {
                if let Some(Callee { waits, .. }) = self.async_callee(value) {
                    self.scopes.note(name.sym(), Holds::AsyncFunction { waits });
                } else if let Some(module) = self.module(value) {
                    self.scopes.note(name.sym(), Holds::Module(module));
                }
            }
            Binding::Pattern(Pattern::Object(pattern)) => {
                let Some(module) = self.module(value) else { return };
                for element in pattern.bindings() {
                    let ObjectPatternElement::SingleName { name, ident, default_init: None } = element else {
                        continue;
                    };
                    if let Some(waits) =
                        self.property_name(name).and_then(|name| self.awaits_in(module, name))
                    {
                        self.scopes.note(ident.sym(), Holds::AsyncFunction { waits });
                    }
                }
            }
            Binding::Pattern(Pattern::Array(_)) => {}
        }
    }

    /// The async function that an expression leads to, of this file or of another.
    pub(super) fn async_callee(&self, expression: &Expression) -> Option<Callee> {
        let expression = expression.flatten();
        match expression {
            Expression::Identifier(name) => match self.scopes.find(name.sym())? {
                Holds::AsyncFunction { waits } => Some(Callee {
                    written: self.text(name.sym())?.to_owned(),
                    variable: Some(name.sym()),
                    waits,
                }),
                _ => None,
            },
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                let (name, _) = self.field(access.field())?;
                let target = access.target().flatten();
                let module = self.module(target)?;
                let waits = self.awaits_in(module, name)?;
                Some(match target {
                    Expression::Identifier(variable) => Callee {
                        written: format!("{}.{name}", self.text(variable.sym())?),
                        variable: Some(variable.sym()),
                        waits,
                    },
                    _ => Callee { written: name.to_owned(), variable: None, waits },
                })
            }
            Expression::Call(call) => {
                let module = self.required_by(call)?;
                let waits = self.awaits_in(module, "")?;
                Some(Callee { written: "require(…)".to_owned(), variable: None, waits })
            }
            _ => None,
        }
    }

    /// The module that an expression is: an index into what is known of them.
    fn module(&self, expression: &Expression) -> Option<usize> {
        match expression.flatten() {
            Expression::Identifier(name) => match self.scopes.find(name.sym())? {
                Holds::Module(module) => Some(module),
                _ => None,
            },
            Expression::Call(call) => self.required_by(call),
            _ => None,
        }
    }

    /// The module that a call requires.
    fn required_by(&self, call: &Call) -> Option<usize> {
        if self.free(call.function()) != Some("require") {
            return None;
        }
        let specifier = self.literal(call.args().first()?)?;
        let file = self.modules().resolve(self.path(), specifier).ok()?;
        let path = &self.modules().file(file).path;
        self.imports.iter().position(|module| module.path == *path)
    }

    /// Whether an async function of a module awaits; `None` where it is no such function.
    fn awaits_in(&self, module: usize, name: &str) -> Option<bool> {
        self.imports.get(module)?.exports.iter().find(|export| export.name == name).map(|export| export.waits)
    }
}

/// Whether what is exported awaits, where it is an async function.
fn awaits(value: &Expression, functions: &HashMap<Sym, bool>) -> Option<bool> {
    match value {
        Expression::Identifier(name) => functions.get(&name.sym()).copied(),
        value => waits::function_that_awaits(value),
    }
}
