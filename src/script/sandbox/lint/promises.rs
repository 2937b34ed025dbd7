//! A promise that is taken for its value: `const order = load(id)` where `load` is async, and then `order.total`.
//!
//! Whoever is given a promise may wait for it. So a variable is told of only where none of its uses can: a member that no
//! promise has, a text, a sum, a condition, a comparison, JSON, a function of the host. Any other use excuses it, and so does
//! an assignment to it or to the function. Of a call that is used so at once nobody else has the promise.

use std::collections::HashSet;

use boa_engine::ast::declaration::{Binding, LexicalDeclaration};
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField, SimplePropertyAccess};
use boa_engine::ast::expression::operator::Binary;
use boa_engine::ast::expression::operator::binary::{ArithmeticOp, BinaryOp, LogicalOp, RelationalOp};
use boa_engine::ast::expression::{
    Call, Expression, Identifier, Optional, OptionalOperation, OptionalOperationKind,
};
use boa_engine::ast::{Declaration, Position, Spanned, StatementListItem};
use boa_engine::interner::Sym;

use super::exports::Callee;
use super::scopes::Holds;
use super::walk::Walk;
use super::{Noted, start_of, waits, warning};
use crate::script::protocol::{Finding, Rule};

/// What a promise has beside what every object has.
pub(super) const OF_PROMISES: [&str; 3] = ["then", "catch", "finally"];

/// The variables that hold promises, and which of their uses cannot wait.
#[derive(Default)]
pub(super) struct Promises {
    found: Vec<Promise>,
    misused: HashSet<Position>,
}

/// A variable that holds what an async function has returned.
struct Promise {
    name: Sym,
    function: Callee,
    /// Where the function is called.
    line: u32,
    /// The first use that cannot wait, and what is wrong with it.
    misuse: Option<(Position, String)>,
    /// Whether somebody may wait for it.
    excused: bool,
}

impl Walk<'_> {
    /// Notes which of the names that `items` declare are async functions, of this file or of another.
    pub(super) fn note_functions(&mut self, items: &[StatementListItem]) {
        for (name, waits) in waits::asynchronous(items) {
            self.scopes.note(name, Holds::AsyncFunction { waits });
        }
        self.note_required(items);
    }

    /// The same, and which of the names hold what these functions return.
    pub(super) fn note_asynchronous(&mut self, items: &[StatementListItem]) {
        self.note_functions(items);
        for item in items {
            let StatementListItem::Declaration(declaration) = item else { continue };
            let Declaration::Lexical(LexicalDeclaration::Const(list) | LexicalDeclaration::Let(list)) =
                &**declaration
            else {
                continue;
            };
            for variable in list.as_ref() {
                if let (Binding::Identifier(name), Some(value)) = (variable.binding(), variable.init())
                    && let Some(function) = self.called_asynchronous(value)
                {
                    let index = self.promises.found.len();
                    self.promises.found.push(Promise {
                        name: name.sym(),
                        function,
                        line: start_of(value).line_number(),
                        misuse: None,
                        excused: false,
                    });
                    self.scopes.note(name.sym(), Holds::Promise(index));
                }
            }
        }
    }

    /// The async function that an expression calls.
    fn called_asynchronous(&self, expression: &Expression) -> Option<Callee> {
        let Expression::Call(call) = expression.flatten() else { return None };
        self.async_callee(call.function())
    }

    /// A variable is used, and perhaps for waiting.
    pub(super) fn may_be_waited_for(&mut self, name: Identifier) {
        if let Some(Holds::Promise(index)) = self.scopes.find(name.sym())
            && !self.promises.misused.contains(&name.span().start())
        {
            self.promises.found[index].excused = true;
        }
    }

    /// `value` is used where its promise would be no use; `so` is what comes of it. Has to be said before the expression is
    /// walked through.
    pub(super) fn needs_value(&mut self, value: &Expression, at: Position, so: &str) {
        self.needs(value, at, so, None);
    }

    fn needs(&mut self, value: &Expression, at: Position, so: &str, member: Option<&str>) {
        if let Expression::Identifier(name) = value.flatten() {
            let Some(Holds::Promise(index)) = self.scopes.find(name.sym()) else { return };
            self.promises.misused.insert(name.span().start());
            self.promises.found[index].misuse.get_or_insert_with(|| (at, so.to_owned()));
        } else if let Some(Callee { written: name, variable, .. }) = self.called_asynchronous(value) {
            let message = format!("`{name}(…)` is a promise, because `{name}` is async, so {so}");
            let help = match member {
                Some(member) => format!("write `(await {name}(…)).{member}`"),
                None => format!("write `await {name}(…)`"),
            };
            let finding = warning(Rule::NotAwaited, at, message, help);
            self.notes.note(Noted { finding, about: String::new(), variable });
        }
    }

    /// `target.name`
    pub(super) fn member_of_promise(&mut self, access: &SimplePropertyAccess) {
        self.field_of_promise(access.target(), access.field());
    }

    fn field_of_promise(&mut self, target: &Expression, field: &PropertyAccessField) {
        match self.field(field) {
            Some((name, _)) if OF_PROMISES.contains(&name) || self.linter.known.every_object_has(name) => {}
            Some((name, at)) => self.needs(target, at, &format!("it has no `{name}`"), Some(name)),
            None => self.needs_value(target, start_of(target), "it has no elements"),
        }
    }

    /// `target?.name`
    pub(super) fn member_of_optional(&mut self, optional: &Optional) {
        let Some(OptionalOperationKind::SimplePropertyAccess { field }) =
            optional.chain().first().map(OptionalOperation::kind)
        else {
            return;
        };
        self.field_of_promise(optional.target(), field);
    }

    /// `const { a, b } = value`
    pub(super) fn members_of_promise(&mut self, names: &[&str], value: &Expression) {
        if let Some(name) = names.first()
            && !names.iter().any(|name| OF_PROMISES.contains(name))
        {
            self.needs_value(value, start_of(value), &format!("it has no `{name}`"));
        }
    }

    /// Operands whose value counts.
    pub(super) fn operands(&mut self, binary: &Binary) {
        let so = match binary.op() {
            BinaryOp::Arithmetic(ArithmeticOp::Add) => "`[object Promise]` is what is added",
            BinaryOp::Arithmetic(_) | BinaryOp::Bitwise(_) => "it is no number",
            BinaryOp::Relational(RelationalOp::In | RelationalOp::InstanceOf)
            | BinaryOp::Logical(_)
            | BinaryOp::Comma => return,
            BinaryOp::Relational(_) => "its value is not what is compared",
        };
        for operand in [binary.lhs(), binary.rhs()] {
            self.needs_value(operand, start_of(operand), so);
        }
    }

    /// A condition. What stands behind a `!` in it is come to by itself.
    pub(super) fn condition(&mut self, condition: &Expression) {
        match condition.flatten() {
            Expression::Binary(binary) => {
                if let BinaryOp::Logical(LogicalOp::And | LogicalOp::Or) = binary.op() {
                    self.condition(binary.lhs());
                    self.condition(binary.rhs());
                }
            }
            condition => self.needs_value(condition, start_of(condition), "it always counts as true"),
        }
    }

    /// What is given to a function that does not wait.
    pub(super) fn given(&mut self, call: &Call) {
        let function = call.function();
        let so = match self.written_freely(function).as_deref() {
            Some("String") => "its text is `[object Promise]`".to_owned(),
            Some("Number" | "parseInt" | "parseFloat") => "it is no number".to_owned(),
            Some("Boolean") => "it always counts as true".to_owned(),
            Some("JSON.stringify") => "its JSON is `{}`".to_owned(),
            Some("JSON.parse") => "it is no JSON".to_owned(),
            // It waits for what it is given.
            Some("utils.setReturnValue") => return,
            Some(name) if name.starts_with("console.") || self.function(function).is_some() => {
                format!("`{name}` gets no value")
            }
            _ => return,
        };
        for argument in call.args() {
            self.needs_value(argument, start_of(argument), &so);
        }
    }

    /// A name or member as it is written, where the file does not declare what it begins with.
    fn written_freely(&self, expression: &Expression) -> Option<String> {
        let mut root = expression.flatten();
        while let Expression::PropertyAccess(PropertyAccess::Simple(access)) = root {
            root = access.target().flatten();
        }
        self.free(root)?;
        self.written(expression)
    }

    /// Functions of lists that do not wait for what they call.
    pub(super) fn callback(&mut self, call: &Call) {
        let Expression::PropertyAccess(PropertyAccess::Simple(access)) = call.function().flatten() else {
            return;
        };
        let Some((method, at)) = self.field(access.field()) else { return };
        let Some((waits, variable)) = call.args().first().and_then(|callback| self.asynchronous(callback))
        else {
            return;
        };
        let (message, help) = match method {
            "forEach" if waits && self.executors == 0 => (
                "forEach waits for no async callback: what comes behind its first `await` may be lost, and an error there \
                 may come too late to fail the run"
                    .to_owned(),
                "write `for (const x of list) { await … }`, or `await Promise.all(list.map(async (x) => { … }))`",
            ),
            "filter" | "find" | "findIndex" | "findLast" | "findLastIndex" | "some" | "every" => (
                format!("{method} does not wait for an async callback: its promise always counts as true"),
                "find out first, `const answers = await Promise.all(list.map(…))`, and then choose by the answers",
            ),
            _ => return,
        };
        let finding = warning(Rule::NotAwaited, at, message, help);
        self.notes.note(Noted { finding, about: String::new(), variable });
    }

    /// Whether an async function awaits, and the variable that holds it; `None` for anything else.
    fn asynchronous(&self, function: &Expression) -> Option<(bool, Option<Sym>)> {
        if let Some(Callee { variable, waits, .. }) = self.async_callee(function) {
            return Some((waits, variable));
        }
        waits::function_that_awaits(function.flatten()).map(|waits| (waits, None))
    }

    /// Notes the variables that nobody can have waited for.
    pub(super) fn tell_of_promises(&mut self) {
        let promises = std::mem::take(&mut self.promises.found);
        for Promise { name, function, line, misuse, excused } in promises {
            let is_another = function.variable.is_some_and(|name| self.notes.assigned.contains(&name));
            let (Some((at, so)), false) = (misuse, excused || is_another) else { continue };
            let Some(written) = self.text(name) else { continue };
            let function = function.written;
            let message = format!("`{written}` is a promise, because `{function}` is async, so {so}");
            let help = format!("write `await {function}(…)` in line {line}");
            let finding: Finding = warning(Rule::NotAwaited, at, message, help);
            self.notes.note(Noted { finding, about: String::new(), variable: Some(name) });
        }
    }
}
