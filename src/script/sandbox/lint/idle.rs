//! An action that only declares functions: it runs, and nothing happens.

use boa_engine::ast::declaration::{Binding, Variable};
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_engine::ast::expression::literal::{PropertyDefinition, TemplateElement};
use boa_engine::ast::expression::{Call, Expression, Identifier};
use boa_engine::ast::function::{ClassElement, FormalParameterList, FunctionBody};
use boa_engine::ast::{Declaration, Statement, StatementListItem};
use boa_engine::interner::{Interner, Sym};

/// What an author is likely to have meant to be called.
const ENTRIES: [&str; 5] = ["main", "run", "handler", "handle", "action"];

/// A function that nobody calls.
#[derive(Clone, Copy)]
pub(super) struct Uncalled {
    pub(super) name: Identifier,
    /// Whether it takes something.
    pub(super) takes_input: bool,
}

/// The function that was probably meant to be called, where the file declares some and does nothing else.
pub(super) fn uncalled(body: &FunctionBody, interner: &Interner) -> Option<Uncalled> {
    let mut functions = Vec::new();
    for item in body.statements() {
        match item {
            StatementListItem::Declaration(declaration) => match &**declaration {
                Declaration::FunctionDeclaration(function) => {
                    functions.push(uncalled_function(function.name(), function.parameters()));
                }
                Declaration::AsyncFunctionDeclaration(function) => {
                    functions.push(uncalled_function(function.name(), function.parameters()));
                }
                Declaration::GeneratorDeclaration(_) | Declaration::AsyncGeneratorDeclaration(_) => {}
                Declaration::ClassDeclaration(class) if does_nothing(class.elements()) => {}
                Declaration::ClassDeclaration(_) => return None,
                Declaration::Lexical(list) => {
                    variables(list.variable_list().as_ref(), interner, &mut functions)?;
                }
            },
            StatementListItem::Statement(statement) => match &**statement {
                // `"use strict"` among them
                Statement::Empty | Statement::Expression(Expression::Literal(_)) => {}
                Statement::Var(list) => variables(list.0.as_ref(), interner, &mut functions)?,
                _ => return None,
            },
        }
    }
    let is_entry = |function: &&Uncalled| {
        let name = interner.resolve(function.name.sym()).and_then(|name| name.utf8());
        name.is_some_and(|name| ENTRIES.contains(&name))
    };
    functions.iter().find(is_entry).or(functions.last()).copied()
}

fn uncalled_function(name: Identifier, parameters: &FormalParameterList) -> Uncalled {
    Uncalled { name, takes_input: !parameters.as_ref().is_empty() }
}

/// Adds the functions that variables hold; `None` where making a value may do something.
fn variables(list: &[Variable], interner: &Interner, functions: &mut Vec<Uncalled>) -> Option<()> {
    for variable in list {
        let Some(value) = variable.init() else { continue };
        let parameters = match value.flatten() {
            Expression::ArrowFunction(function) => Some(function.parameters()),
            Expression::AsyncArrowFunction(function) => Some(function.parameters()),
            Expression::FunctionExpression(function) => Some(function.parameters()),
            Expression::AsyncFunctionExpression(function) => Some(function.parameters()),
            _ => None,
        };
        match (variable.binding(), parameters) {
            (Binding::Identifier(name), Some(parameters)) => {
                functions.push(uncalled_function(*name, parameters));
            }
            _ if is_idle(value, interner) => {}
            _ => return None,
        }
    }
    Some(())
}

/// Whether a value is made without doing anything.
fn is_idle(value: &Expression, interner: &Interner) -> bool {
    match value.flatten() {
        Expression::Literal(_)
        | Expression::RegExpLiteral(_)
        | Expression::Identifier(_)
        | Expression::FunctionExpression(_)
        | Expression::ArrowFunction(_)
        | Expression::AsyncArrowFunction(_)
        | Expression::AsyncFunctionExpression(_) => true,
        Expression::TemplateLiteral(template) => {
            template.elements().iter().all(|element| matches!(element, TemplateElement::String(_)))
        }
        Expression::ArrayLiteral(list) => {
            list.as_ref().iter().flatten().all(|element| is_idle(element, interner))
        }
        Expression::ObjectLiteral(object) => object.properties().iter().all(|property| match property {
            PropertyDefinition::Property(_, value) => is_idle(value, interner),
            PropertyDefinition::IdentifierReference(_) | PropertyDefinition::MethodDefinition(_) => true,
            _ => false,
        }),
        Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
            matches!(access.field(), PropertyAccessField::Const(_)) && is_idle(access.target(), interner)
        }
        Expression::Unary(unary) => matches!(unary.target().flatten(), Expression::Literal(_)),
        Expression::Call(call) => is_require(call, interner),
        _ => false,
    }
}

/// `require("…")`: a module is there for what others do with it.
fn is_require(call: &Call, interner: &Interner) -> bool {
    let named = |name: Sym| interner.resolve(name).and_then(|name| name.utf8()) == Some("require");
    matches!(call.function().flatten(), Expression::Identifier(name) if named(name.sym()))
        && matches!(call.args(), [Expression::Literal(_)])
}

/// Whether making a class does nothing beside.
fn does_nothing(elements: &[ClassElement]) -> bool {
    elements.iter().all(|element| {
        matches!(
            element,
            ClassElement::MethodDefinition(_)
                | ClassElement::FieldDefinition(_)
                | ClassElement::PrivateFieldDefinition(_)
        )
    })
}
