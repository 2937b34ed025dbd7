//! Whether a file can be wrapped: its text must be the whole body of the inner function and no more.
//!
//! First the text is parsed alone, as a function body, for errors at the author's own lines and columns. That does
//! not see a `}` too many, where the parser thinks that the body ends. So the wrapped text is parsed too and its
//! tree looked at: one statement, which is one parenthesised function, whose body is one `return` of one function.
//! What leaves the inner function early leaves a different tree, for everything after the wrapper's prefix must fit
//! into these two bodies, and the outer one has no room.

use std::collections::HashSet;
use std::ops::ControlFlow;

use boa_engine::ast::expression::Identifier;
use boa_engine::ast::function::{AsyncFunctionExpression, FunctionBody, FunctionExpression};
use boa_engine::ast::operations::{bound_names, var_declared_names};
use boa_engine::ast::scope::Scope;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Declaration, Expression, Position, Script, Spanned, Statement, StatementListItem};
use boa_engine::interner::{Interner, Sym};
use boa_engine::parser::lexer::Error as LexError;
use boa_engine::parser::{Error as ParseError, Parser, Source};

use super::compile::{Kind, LoadError, PREFIX_COLUMNS};
use crate::base::Place;
use crate::script::protocol::{Frame, SourceFile};

/// Checks that `wrapped`, which is `text` between the wrapper's two parts, is one function around one function.
pub(super) fn check(text: &str, wrapped: &str, kind: Kind, file: &SourceFile) -> Result<(), LoadError> {
    let at = |message: String, (line, column): (u32, u32)| LoadError {
        message: format!("SyntaxError: {message}"),
        place: Some(Frame { function: String::new(), file: file.shown.clone(), line, column }),
    };
    let mut interner = Interner::default();
    let mut parser = Parser::new(Source::from_bytes(text.as_bytes()));
    parser.set_strict();
    let body = parser.parse_function_body(&mut interner, false, kind == Kind::Action).map_err(|error| {
        let (message, position) = explain(&error);
        let position = position.map_or_else(|| end_of(text), |at| (at.line_number(), at.column_number()));
        at(of_modules(text, position.0).unwrap_or(message), position)
    })?;

    let mut parser = Parser::new(Source::from_bytes(wrapped.as_bytes()));
    parser.set_strict();
    let parsed = parser.parse_script(&Scope::new_global(), &mut interner);
    if parsed.as_ref().is_ok_and(is_the_wrapper) {
        return match declared_twice(&body) {
            Some((name, place)) => {
                Err(at(format!("`{}` is declared twice", interner.resolve_expect(name)), place))
            }
            None => Ok(()),
        };
    }
    // The body alone did parse, so either it ended at a brace too many, whose end is then the body's end …
    let end = body.span().end();
    let (line, column) = (end.line_number(), end.column_number().saturating_sub(1));
    if character_at(text, line, column) == Some('}') {
        return Err(at("unexpected `}`: nothing is open that it could close".to_owned(), (line, column)));
    }
    // … or it breaks a rule that is looked at for whole functions only.
    let (message, position) = match &parsed {
        Ok(_) => ("the braces of this file do not match".to_owned(), None),
        Err(error) => explain(error),
    };
    let place = position.map_or_else(
        || end_of(text),
        |at| {
            let (line, column) = (at.line_number(), at.column_number());
            (line, if line == 1 { column.saturating_sub(PREFIX_COLUMNS).max(1) } else { column })
        },
    );
    Err(at(message, place.min(end_of(text))))
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

/// The parser's sentence without the position that it repeats, and the position.
fn explain(error: &ParseError) -> (String, Option<Position>) {
    match error {
        ParseError::Expected { expected, found, context, span } => {
            let expected: Vec<String> = expected.iter().map(|token| format!("`{token}`")).collect();
            let expected = match expected.as_slice() {
                [one] => one.clone(),
                [many @ .., last] => format!("{} or {last}", many.join(", ")),
                [] => "something else".to_owned(),
            };
            (format!("expected {expected}, found `{found}` in {context}"), Some(span.start()))
        }
        ParseError::Unexpected { message, found, span } => {
            let reason = match &**message {
                "" => String::new(),
                "primary expression" => ": an expression belongs here".to_owned(),
                message => format!(": {message}"),
            };
            (format!("unexpected `{found}`{reason}"), Some(span.start()))
        }
        ParseError::AbruptEnd => ("unexpected end of the file: something is not closed".to_owned(), None),
        ParseError::Lex { err: LexError::Syntax(message, position) } => {
            (message.to_string(), Some(*position))
        }
        ParseError::Lex { err: LexError::IO(error) } => (error.to_string(), None),
        ParseError::ScopeAnalysis { err } => ((*err).to_owned(), None),
        ParseError::General { message, position } => (message.to_string(), Some(*position)),
    }
}

/// What is said of `import` and `export`, with which a line begins.
fn of_modules(text: &str, line: u32) -> Option<String> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?.trim_start();
    let begins_with = |word| {
        line.strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || "_$.(".contains(c)))
    };
    if begins_with("import") {
        Some("`import` is not available: write `const x = require(\"./lib/x\")`".to_owned())
    } else if begins_with("export") {
        let instead = "an action returns its value, a file in lib/ sets `module.exports`";
        Some(format!("`export` is not available: {instead}"))
    } else {
        None
    }
}

fn character_at(text: &str, line: u32, column: u32) -> Option<char> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    line.chars().nth(usize::try_from(column).ok()?.checked_sub(1)?)
}

fn end_of(text: &str) -> (u32, u32) {
    Place::position_of(text.trim_end(), text.len())
}
