//! What the engine's errors leave out, found in the author's source: the engine maps calls and property accesses to
//! positions, but not plain names, and says neither which name nor which property it was about.

use std::ops::ControlFlow;

use boa_engine::ast::expression::Identifier;
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Spanned};
use boa_engine::interner::{Interner, Sym};
use boa_engine::parser::{Parser, Source};

use super::compile::without_hashbang;
use crate::script::protocol::{Failure, SourceFile};

const NO_OBJECT: &str = "TypeError: cannot convert 'null' or 'undefined' to object";

/// Completes an uncaught error of the engine's own, whose innermost frame is in `file`.
pub(super) fn complete(failure: &mut Failure, file: &SourceFile) {
    let (Some(frame), Ok(text)) = (failure.frames.first_mut(), &file.text) else { return };
    let text = without_hashbang(text);
    let unknown = failure.message.strip_prefix("ReferenceError: ");
    if let Some(name) = unknown.and_then(|message| message.strip_suffix(" is not defined")) {
        if let Some(place) = find(&text, name, (frame.line, frame.column)) {
            (frame.line, frame.column) = place;
        }
    } else if failure.message == NO_OBJECT
        && let Some(name) = name_at(&text, frame.line, frame.column)
    {
        failure.message = format!("{NO_OBJECT} (reading `{name}`)");
    }
}

/// The first place at or after `from` where `text` mentions the variable `name`.
fn find(text: &str, name: &str, from: (u32, u32)) -> Option<(u32, u32)> {
    let mut interner = Interner::default();
    let mut parser = Parser::new(Source::from_bytes(text.as_bytes()));
    parser.set_strict();
    let body = parser.parse_function_body(&mut interner, false, true).ok()?;
    let name = interner.get(name)?;
    match body.visit_with(&mut Mention { name, from }) {
        ControlFlow::Break(at) => Some((at.line_number(), at.column_number())),
        ControlFlow::Continue(()) => None,
    }
}

/// Looks for a mention of a variable at or after a place.
pub(super) struct Mention {
    pub(super) name: Sym,
    pub(super) from: (u32, u32),
}

impl<'ast> Visitor<'ast> for Mention {
    type BreakTy = Position;

    fn visit_identifier(&mut self, identifier: &'ast Identifier) -> ControlFlow<Position> {
        let at = identifier.span().start();
        if identifier.sym() == self.name && (at.line_number(), at.column_number()) >= self.from {
            ControlFlow::Break(at)
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The name that begins at a place.
fn name_at(text: &str, line: u32, column: u32) -> Option<String> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let rest = line.chars().skip(usize::try_from(column).ok()?.checked_sub(1)?);
    let name: String = rest.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$')).take(80).collect();
    (!name.is_empty()).then_some(name)
}
