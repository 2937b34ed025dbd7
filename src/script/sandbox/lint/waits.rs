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
use super::promises::OF_PROMISES;
use super::walk::{Walk, names_of};

/// A call at the top of an action that nobody waits for.
pub(super) struct Forgotten {
    /// What is called.
    pub(super) call: String,
    pub(super) at: Position,
    /// What is lost.
    pub(super) what: &'static str,
}

const BEHIND: &str = "what comes behind the first `await`";
const CHAINED: &str = "what `.then(…)`, `.catch(…)` or `.finally(…)` was given";

impl Walk<'_> {
    /// The calls at the top of an action of whose work something is lost.
    pub(super) fn forgotten(&mut self, body: &FunctionBody) -> Vec<Forgotten> {
        let items = body.statements();
        self.within(names_of(body), |walk| {
            walk.note_functions(items);
            let mut found = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let StatementListItem::Statement(statement) = item else { continue };
                let Statement::Expression(expression) = &**statement else { continue };
                let Some((call, what)) = walk.loses(expression) else { continue };
                if !items[index + 1..].iter().any(may_wait) {
                    found.push(Forgotten { call, at: super::start_of(expression), what });
                }
            }
            found
        })
    }

    /// What an expression calls that ends later, itself or below `.then(…)`, `.catch(…)` and `.finally(…)`, and what is lost
    /// of it when nobody waits; `None` where nothing is, or nobody knows.
    fn loses(&self, expression: &Expression) -> Option<(String, &'static str)> {
        let mut expression = expression.flatten();
        let mut chained = None;
        loop {
            let Expression::Call(call) = expression else {
                return chained.map(|what| ("a promise".to_owned(), what));
            };
            let function = call.function().flatten();
            let behind = |waits: bool| chained.or(waits.then_some(BEHIND));
            if let Some(Callee { written, waits, .. }) = self.async_callee(function) {
                return behind(waits).map(|what| (format!("`{written}()`"), what));
            }
            if let Some(waits) = function_that_awaits(function) {
                return behind(waits).map(|what| ("an async function".to_owned(), what));
            }
            let Expression::PropertyAccess(PropertyAccess::Simple(access)) = function else {
                return chained.map(|what| ("a promise".to_owned(), what));
            };
            if self.field(access.field()).is_some_and(|(name, _)| OF_PROMISES.contains(&name)) {
                chained = Some(CHAINED);
            }
            expression = access.target().flatten();
        }
    }
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
