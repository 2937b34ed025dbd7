//! Variables that are read and written, and what a file tests for.

use boa_engine::ast::expression::access::PropertyAccess;
use boa_engine::ast::expression::operator::Binary;
use boa_engine::ast::expression::operator::assign::{AssignOp, AssignTarget};
use boa_engine::ast::expression::operator::binary::{BinaryOp, RelationalOp};
use boa_engine::ast::expression::{Expression, Identifier};
use boa_engine::ast::operations::bound_names;
use boa_engine::ast::statement::iteration::IterableLoopInitializer;
use boa_engine::ast::{Position, Spanned};
use boa_engine::interner::Sym;

use super::walk::Walk;
use super::{MAX_COMPARED, finding, habits};
use crate::base::nearest;
use crate::script::protocol::{Finding, MAX_FINDINGS, Rule};

impl<'a> Walk<'a> {
    /// A variable is read or written.
    pub(super) fn reference(&mut self, name: Identifier, written: bool) {
        let at = name.span().start();
        if self.scopes.find(name.sym()).is_some() || self.said.contains(&at) {
            return;
        }
        let Some(text) = self.text(name.sym()) else { return };
        let in_test = self.in_test();
        if self.linter.known.is_global(text, in_test) {
            return;
        }
        let (message, help, is_sure) = if let Some(remedy) = habits::instead_of(text) {
            (format!("`{text}` does not exist here"), remedy.to_owned(), false)
        } else {
            let near = self.nearest(text);
            let help = match near {
                Some(near) if written => format!("declare it with `let`, or did you mean `{near}`?"),
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it with `let` or `const`".to_owned(),
            };
            (format!("nothing declares `{text}`"), help, near.is_some())
        };
        let finding = finding(Rule::UnknownName, at, message, help);
        self.notes.add(text, Finding { is_error: is_sure || self.caught == 0, ..finding });
    }

    /// The name in sight that is most like `text`. Of a file with more mistakes than are told nobody asks that.
    fn nearest(&self, text: &str) -> Option<&'a str> {
        if self.notes.noted.len() >= MAX_FINDINGS {
            return None;
        }
        let globals = self.linter.known.global_names(self.in_test());
        nearest(text, globals.chain(self.scopes.names(self.interner).take(MAX_COMPARED)))
    }

    /// Something is said about the name at the beginning of an expression, and nothing else is to be said.
    pub(super) fn say_of_member(&mut self, root: &Identifier, text: &str, help: String) {
        let at = root.span().start();
        if self.said.insert(at) {
            let finding = finding(Rule::UnknownName, at, format!("`{text}` does not exist here"), help);
            self.notes.add(text, Finding { is_error: self.caught == 0, ..finding });
        }
    }

    /// The file asks whether there is such a thing. What is nested is come to by itself.
    pub(super) fn test(&mut self, expression: &Expression) {
        if let Expression::PropertyAccess(_) = expression.flatten() {
            self.notes.tested.extend(self.written(expression));
        }
    }

    pub(super) fn tests_of(&mut self, binary: &Binary) {
        match binary.op() {
            BinaryOp::Relational(RelationalOp::In) => {
                if let (Some(object), Some(name)) = (self.written(binary.rhs()), self.literal(binary.lhs())) {
                    self.notes.tested.insert(if object == "globalThis" {
                        name.to_owned()
                    } else {
                        format!("{object}.{name}")
                    });
                }
            }
            BinaryOp::Logical(_)
            | BinaryOp::Relational(
                RelationalOp::Equal
                | RelationalOp::NotEqual
                | RelationalOp::StrictEqual
                | RelationalOp::StrictNotEqual,
            ) => {
                self.test(binary.lhs());
                self.test(binary.rhs());
            }
            _ => {}
        }
    }

    /// A variable is given another value, which a constant cannot have.
    pub(super) fn change(&mut self, name: Sym, at: Position) {
        let (Some(line), Some(text)) = (self.scopes.constant(name), self.text(name)) else { return };
        let message = format!("`{text}` is a const, so giving it another value throws");
        let help = format!("declare it with `let` in line {line}");
        let finding = finding(Rule::ConstAssigned, at, message, help);
        self.notes.add("", Finding { is_error: self.caught == 0, ..finding });
    }

    pub(super) fn assign_to(&mut self, target: &AssignTarget, op: AssignOp) {
        // `a ??= 1` may never assign.
        let assigns = !matches!(op, AssignOp::BoolAnd | AssignOp::BoolOr | AssignOp::Coalesce);
        match target {
            AssignTarget::Identifier(name) => {
                self.notes.assigned.insert(name.sym());
                self.reference(*name, true);
                if assigns {
                    self.change(name.sym(), name.span().start());
                }
            }
            AssignTarget::Access(access) => {
                if let PropertyAccess::Simple(simple) = access {
                    self.exports(simple);
                }
                let written = self.written(&Expression::PropertyAccess(access.clone()));
                self.notes.tested.extend(written);
            }
            AssignTarget::Pattern(pattern) => {
                for name in bound_names(pattern) {
                    self.notes.assigned.insert(name);
                    self.change(name, pattern.span().start());
                }
            }
        }
    }

    /// The names that a loop over something declares.
    pub(super) fn of_loop(&mut self, initializer: &IterableLoopInitializer) -> Vec<Sym> {
        match initializer {
            IterableLoopInitializer::Let(binding) | IterableLoopInitializer::Const(binding) => {
                super::scopes::bound(binding)
            }
            IterableLoopInitializer::Identifier(name) => {
                self.notes.assigned.insert(name.sym());
                self.reference(*name, true);
                self.change(name.sym(), name.span().start());
                Vec::new()
            }
            IterableLoopInitializer::Pattern(pattern) => {
                self.notes.assigned.extend(bound_names(pattern));
                Vec::new()
            }
            IterableLoopInitializer::Var(_) | IterableLoopInitializer::Access(_) => Vec::new(),
        }
    }
}
