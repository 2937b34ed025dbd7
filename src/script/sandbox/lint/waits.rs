//! The forgotten `await`: a promise that nobody waits for, at the top of an action.
//!
//! A run ends when its return value has settled. What an async function does behind its first `await` is lost then, if
//! nothing at the top of the file waits for it.

use std::collections::HashMap;

use boa_engine::ast::declaration::{Binding, LexicalDeclaration};
use boa_engine::ast::expression::access::PropertyAccess;
use boa_engine::ast::function::FunctionBody;
use boa_engine::ast::operations::{ContainsSymbol, contains};
use boa_engine::ast::{Declaration, Expression, Position, Statement, StatementListItem};
use boa_engine::interner::Sym;

use super::exports::Callee;

/// The calls among `items`, those at the top of an action, whose promise is lost: what is called, if it has a name, and
/// where. `callee` knows async functions by what leads to them.
pub(super) fn forgotten(
    items: &[StatementListItem],
    callee: impl Fn(&Expression) -> Option<Callee>,
) -> Vec<(Option<String>, Position)> {
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let StatementListItem::Statement(statement) = item else { continue };
        let Statement::Expression(expression) = &**statement else { continue };
        let Some((name, waits)) = called(expression, &callee) else { continue };
        if waits && !items[index + 1..].iter().any(may_wait) {
            found.push((name, super::start_of(expression)));
        }
    }
    found
}

/// The async functions that `items` declare, and whether they await.
pub(super) fn asynchronous(items: &[StatementListItem]) -> HashMap<Sym, bool> {
    let mut functions = HashMap::new();
    for item in items {
        let StatementListItem::Declaration(declaration) = item else { continue };
        match &**declaration {
            Declaration::AsyncFunctionDeclaration(function) => {
                functions.insert(function.name().sym(), awaits(function.body()));
            }
            Declaration::Lexical(LexicalDeclaration::Const(list)) => {
                for variable in list.as_ref() {
                    if let (Binding::Identifier(name), Some(init)) = (variable.binding(), variable.init())
                        && let Some(waits) = function_that_awaits(init.flatten())
                    {
                        functions.insert(name.sym(), waits);
                    }
                }
            }
            _ => {}
        }
    }
    functions
}

pub(super) fn awaits(body: &FunctionBody) -> bool {
    contains(body, ContainsSymbol::AwaitExpression)
}

/// Whether an async function awaits; `None` for anything else.
pub(super) fn function_that_awaits(expression: &Expression) -> Option<bool> {
    match expression {
        Expression::AsyncArrowFunction(function) => Some(awaits(function.body())),
        Expression::AsyncFunctionExpression(function) => Some(awaits(function.body())),
        _ => None,
    }
}

/// The async function that an expression calls, itself or below `.then(…)` and `.catch(…)`, and whether it awaits.
fn called(
    expression: &Expression,
    callee: &impl Fn(&Expression) -> Option<Callee>,
) -> Option<(Option<String>, bool)> {
    let mut expression = expression.flatten();
    loop {
        let Expression::Call(call) = expression else { return None };
        let function = call.function().flatten();
        if let Some(Callee { written, waits, .. }) = callee(function) {
            return Some((Some(written), waits));
        }
        let Expression::PropertyAccess(PropertyAccess::Simple(access)) = function else {
            return function_that_awaits(function).map(|waits| (None, waits));
        };
        expression = access.target().flatten();
    }
}

/// Whether a later statement may wait for what was begun before: it awaits, or returns what may be a promise.
fn may_wait(item: &StatementListItem) -> bool {
    let returns = match item {
        StatementListItem::Statement(statement) => match &**statement {
            Statement::Return(returned) => {
                returned.target().is_some_and(|target| !is_plain(target.flatten()))
            }
            _ => false,
        },
        StatementListItem::Declaration(_) => false,
    };
    returns || contains(item, ContainsSymbol::AwaitExpression)
}

fn is_plain(value: &Expression) -> bool {
    matches!(
        value,
        Expression::Literal(_)
            | Expression::TemplateLiteral(_)
            | Expression::ObjectLiteral(_)
            | Expression::ArrayLiteral(_)
    )
}
