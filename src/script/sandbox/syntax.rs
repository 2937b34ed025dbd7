//! Whether a file can be wrapped: its text must be the whole body of the inner function and no more.
//!
//! First the text is parsed alone, as a function body, for errors at the author's own lines and columns. That does
//! not see a `}` too many, where the parser thinks that the body ends. So the wrapped text is parsed too and its
//! tree looked at: one statement, which is one parenthesised function, whose body is one `return` of one function.
//! What leaves the inner function early leaves a different tree, for everything after the wrapper's prefix must fit
//! into these two bodies, and the outer one has no room.
//!
//! What the parser says is then said in the author's terms: [`mistakes`].

mod characters;
mod mistakes;
mod source;
mod tokens;
mod typescript;

use std::collections::HashSet;
use std::ops::ControlFlow;

use boa_engine::ast::expression::Identifier;
use boa_engine::ast::function::{AsyncFunctionExpression, FunctionBody, FunctionExpression};
use boa_engine::ast::operations::{bound_names, var_declared_names};
use boa_engine::ast::scope::Scope;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Declaration, Expression, Position, Script, Spanned, Statement, StatementListItem};
use boa_engine::interner::{Interner, Sym};
use boa_engine::parser::{Parser, Source};

use self::mistakes::Mistake;
use super::compile::{Kind, LoadError, PREFIX_COLUMNS};
use crate::script::protocol::{Frame, SourceFile};

/// Checks that `wrapped`, which is `text` between the wrapper's two parts, is one function around one function.
pub(super) fn check(text: &str, wrapped: &str, kind: Kind, file: &SourceFile) -> Result<(), LoadError> {
    let wrong = |Mistake { message, at: (line, column), help }| LoadError {
        message: format!("SyntaxError: {message}"),
        place: Some(Frame { function: String::new(), file: file.shown.clone(), line, column }),
        help,
    };
    let at = |message: String, at| wrong(Mistake { message, at, help: None });
    let mut interner = Interner::default();
    let mut parser = Parser::new(Source::from_bytes(text.as_bytes()));
    parser.set_strict();
    let body = parser
        .parse_function_body(&mut interner, false, kind == Kind::Action)
        .map_err(|error| wrong(mistakes::explain(text, kind, &error, 0)))?;

    let mut parser = Parser::new(Source::from_bytes(wrapped.as_bytes()));
    parser.set_strict();
    let parsed = parser.parse_script(&Scope::new_global(), &mut interner);
    if parsed.as_ref().is_ok_and(is_the_wrapper) {
        return match declared_twice(&body) {
            Some((name, place)) => {
                let message = format!("`{}` is declared twice", interner.resolve_expect(name));
                let help =
                    "give one of them another name, or assign to the first, which must be a `let` then";
                Err(wrong(Mistake { message, at: place, help: Some(help.to_owned()) }))
            }
            None => Ok(()),
        };
    }
    // The body alone did parse, so either it ended at a brace too many, whose end is then the body's end …
    let end = body.span().end();
    let place = (end.line_number(), end.column_number().saturating_sub(1));
    if text[tokens::offset(text, place)..].starts_with('}') {
        return Err(at("unexpected `}`: nothing is open that it could close".to_owned(), place));
    }
    // … or it breaks a rule that is looked at for whole functions only.
    Err(match &parsed {
        Ok(_) => at(
            "the braces of this file do not match".to_owned(),
            tokens::position(text, text.trim_end().len()),
        ),
        Err(error) => wrong(mistakes::explain(text, kind, error, PREFIX_COLUMNS)),
    })
}

/// A name that is declared with `let`, `const` or `class` and a second time, and where; the engine's parser looks at
/// blocks and whole scripts for that, but not at the bodies of functions.
fn declared_twice(body: &FunctionBody) -> Option<(Sym, (u32, u32))> {
    let vars = var_declared_names(body);
    let mut seen = HashSet::new();
    for item in body.statements() {
        let StatementListItem::Declaration(declaration) = item else { continue };
        if !matches!(&**declaration, Declaration::Lexical(_) | Declaration::ClassDeclaration(_)) {
            continue;
        }
        for name in bound_names(&**declaration) {
            if vars.contains(&name) || !seen.insert(name) {
                let at = declaration.visit_with(&mut Mention(name));
                let at = at.break_value().map_or((1, 1), |at| (at.line_number(), at.column_number()));
                return Some((name, at));
            }
        }
    }
    None
}

/// Looks for a mention of a variable.
struct Mention(Sym);

impl<'ast> Visitor<'ast> for Mention {
    type BreakTy = Position;

    fn visit_identifier(&mut self, identifier: &'ast Identifier) -> ControlFlow<Position> {
        if identifier.sym() == self.0 {
            ControlFlow::Break(identifier.span().start())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn is_the_wrapper(script: &Script) -> bool {
    let [StatementListItem::Statement(statement)] = script.statements().statements() else { return false };
    let Statement::Expression(Expression::Parenthesized(outer)) = &**statement else { return false };
    let Expression::FunctionExpression(outer) = outer.expression() else { return false };
    let [StatementListItem::Statement(statement)] = FunctionExpression::body(outer).statements() else {
        return false;
    };
    let Statement::Return(inner) = &**statement else { return false };
    match inner.target() {
        Some(Expression::AsyncFunctionExpression(inner)) => AsyncFunctionExpression::name(inner).is_none(),
        Some(Expression::FunctionExpression(inner)) => FunctionExpression::name(inner).is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
