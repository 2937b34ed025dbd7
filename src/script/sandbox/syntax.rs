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
mod names;
mod source;
mod tokens;
mod typescript;

use boa_engine::ast::function::{AsyncFunctionExpression, FunctionBody, FunctionExpression};
use boa_engine::ast::scope::Scope;
use boa_engine::ast::{Expression, Script, Spanned, Statement, StatementListItem};
use boa_engine::interner::Interner;
use boa_engine::parser::{Error as ParseError, Parser, Source};

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
    let body =
        parse(text, kind, &mut interner).map_err(|error| wrong(mistakes::explain(text, kind, &error, 0)))?;

    let mut parser = Parser::new(Source::from_bytes(wrapped.as_bytes()));
    parser.set_strict();
    let parsed = parser.parse_script(&Scope::new_global(), &mut interner);
    if parsed.as_ref().is_ok_and(is_the_wrapper) {
        return names::in_functions(&body, &interner).map_or(Ok(()), |mistake| Err(wrong(mistake)));
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

/// The text alone, as the body of a function.
fn parse(text: &str, kind: Kind, interner: &mut Interner) -> Result<FunctionBody, ParseError> {
    let mut parser = Parser::new(Source::from_bytes(text.as_bytes()));
    parser.set_strict();
    parser.parse_function_body(interner, false, kind == Kind::Action)
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
