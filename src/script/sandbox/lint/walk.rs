//! The way through a file's tree: what is in sight where, and who looks at what.

use std::collections::HashSet;
use std::ops::ControlFlow;

use boa_engine::ast::declaration::{Binding, Variable};
use boa_engine::ast::expression::access::PropertyAccess;
use boa_engine::ast::expression::literal::{PropertyDefinition, TemplateElement, TemplateLiteral};
use boa_engine::ast::expression::operator::assign::{Assign, AssignTarget};
use boa_engine::ast::expression::operator::binary::{BinaryOp, LogicalOp};
use boa_engine::ast::expression::operator::unary::UnaryOp;
use boa_engine::ast::expression::operator::update::UpdateTarget;
use boa_engine::ast::expression::operator::{Binary, Conditional, Unary, Update};
use boa_engine::ast::expression::{Call, Expression, Identifier, New, Optional};
use boa_engine::ast::function::{
    AsyncFunctionExpression, AsyncGeneratorExpression, ClassDeclaration, ClassExpression,
    FormalParameterList, FunctionBody, FunctionExpression, GeneratorExpression,
};
use boa_engine::ast::operations::{bound_names, var_declared_names};
use boa_engine::ast::pattern::Pattern;
use boa_engine::ast::statement::iteration::{
    DoWhileLoop, ForInLoop, ForLoop, ForLoopInitializer, ForOfLoop, WhileLoop,
};
use boa_engine::ast::statement::{Block, Catch, If, Switch, Try};
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Spanned, StatementList};
use boa_engine::interner::{Interner, Sym};

use super::idle::{self, Uncalled};
use super::promises::Promises;
use super::scopes::{Holds, Scopes, declared};
use super::waits::Forgotten;
use super::{Linter, Notes, start_of, warning};
use crate::script::protocol::{AsyncExport, Imported, Linted, Role, Rule, SourceFile, WrittenSql};
use crate::script::sandbox::modules::Modules;

/// See the module.
pub(super) struct Walk<'a> {
    pub(super) linter: &'a Linter,
    pub(super) interner: &'a Interner,
    pub(super) role: &'a Role,
    pub(super) imports: &'a [Imported],
    file: &'a SourceFile,
    pub(super) scopes: Scopes,
    pub(super) notes: Notes,
    /// Where names stand about which something better has been said.
    pub(super) said: HashSet<Position>,
    /// Whether parameters are in sight whose function's body comes next.
    in_parameters: bool,
    /// In how many `try` blocks with a `catch` this is.
    pub(super) caught: u32,
    /// In how many operands of `??` and `||`.
    pub(super) alternatives: u32,
    /// In how many arguments of `new Promise(…)`.
    pub(super) executors: u32,
    /// The variables that hold promises.
    pub(super) promises: Promises,
    /// The files that are required.
    pub(super) required: Vec<String>,
    /// Whether something is required that is known only when it runs.
    pub(super) requires_any: bool,
    /// The async functions that it exports.
    asynchronous: Vec<AsyncExport>,
    /// The statements of SQL that it writes out.
    pub(super) statements: Vec<WrittenSql>,
}

type Flow = ControlFlow<std::convert::Infallible>;

impl<'a> Walk<'a> {
    pub(super) fn new(
        linter: &'a Linter,
        interner: &'a Interner,
        file: &'a SourceFile,
        role: &'a Role,
        imports: &'a [Imported],
    ) -> Self {
        Self {
            linter,
            interner,
            role,
            imports,
            file,
            scopes: Scopes::default(),
            notes: Notes::default(),
            said: HashSet::new(),
            in_parameters: false,
            caught: 0,
            alternatives: 0,
            executors: 0,
            promises: Promises::default(),
            required: Vec::new(),
            requires_any: false,
            asynchronous: Vec::new(),
            statements: Vec::new(),
        }
    }

    /// Walks through the whole file.
    pub(super) fn file(&mut self, body: &FunctionBody) {
        if matches!(self.role, Role::Action { .. }) {
            for Forgotten { call, at, what } in self.forgotten(body) {
                let message =
                    format!("nobody waits for {call}: a run ends with the file, and {what} is lost");
                self.notes.add("", warning(Rule::NotAwaited, at, message, "write `await` before it"));
            }
            if let Some(Uncalled { name, takes_input }) = idle::uncalled(body, self.interner)
                && let Some(text) = self.text(name.sym())
            {
                let message = "nothing happens in this action: it declares functions, and calls none";
                let input = if takes_input { "vo" } else { "" };
                let help =
                    format!("the whole file is the action; call it at its end: `return {text}({input});`");
                self.notes.add("", warning(Rule::NothingRuns, name.span().start(), message, help));
            }
        }
        self.asynchronous = self.async_exports(body);
        let _ = self.visit_function_body(body);
        self.tell_of_promises();
    }

    /// What was found.
    pub(super) fn linted(self) -> Linted {
        Linted {
            findings: self.notes.into_findings(),
            required: self.required,
            requires_any: self.requires_any,
            asynchronous: self.asynchronous,
            statements: self.statements,
        }
    }

    pub(super) fn text(&self, name: Sym) -> Option<&'a str> {
        self.interner.resolve(name)?.utf8()
    }

    pub(super) fn in_test(&self) -> bool {
        matches!(self.role, Role::Test)
    }

    pub(super) fn modules(&self) -> &'a Modules {
        &self.linter.state.modules
    }

    pub(super) fn path(&self) -> &'a str {
        &self.file.path
    }

    /// The name of a variable that the file does not declare.
    pub(super) fn free(&self, expression: &Expression) -> Option<&'a str> {
        match expression.flatten() {
            Expression::Identifier(name) if self.scopes.find(name.sym()).is_none() => self.text(name.sym()),
            _ => None,
        }
    }

    /// In the sight of `names`.
    pub(super) fn within<T>(
        &mut self,
        names: impl IntoIterator<Item = Sym>,
        inside: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.scopes.enter(names);
        let flow = inside(self);
        self.scopes.leave();
        flow
    }
}

/// The names that a function's body declares for all of it.
pub(super) fn names_of(body: &FunctionBody) -> Vec<Sym> {
    let mut names = declared(body.statements());
    names.extend(var_declared_names(body));
    names
}

impl<'ast> Visitor<'ast> for Walk<'_> {
    type BreakTy = std::convert::Infallible;

    fn visit_expression(&mut self, expression: &'ast Expression) -> Flow {
        match expression {
            Expression::Identifier(name) => {
                self.reference(*name, false);
                self.may_be_waited_for(*name);
            }
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => self.member(access, false),
            Expression::ImportCall(import) => self.import(import),
            Expression::Spread(spread) => self.taken_apart(spread.target(), start_of(spread.target())),
            _ => {}
        }
        expression.visit_with(self)
    }

    fn visit_call(&mut self, call: &'ast Call) -> Flow {
        self.call(call);
        match call.function().flatten() {
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                self.member(access, true);
                self.visit_expression(access.target())?;
                self.visit_property_access_field(access.field())?;
            }
            function => self.visit_expression(function)?,
        }
        call.args().iter().try_for_each(|argument| self.visit_expression(argument))
    }

    fn visit_optional(&mut self, optional: &'ast Optional) -> Flow {
        self.test(optional.target());
        self.member_of_optional(optional);
        optional.visit_with(self)
    }

    fn visit_unary(&mut self, unary: &'ast Unary) -> Flow {
        match unary.op() {
            UnaryOp::TypeOf => {
                self.test(unary.target());
                if let Some(name) = self.free(unary.target()) {
                    self.notes.tested.insert(name.to_owned());
                    return Flow::Continue(());
                }
            }
            UnaryOp::Not => {
                self.test(unary.target());
                self.condition(unary.target());
            }
            UnaryOp::Minus | UnaryOp::Plus => {
                self.needs_value(unary.target(), start_of(unary.target()), "it is no number");
            }
            _ => {}
        }
        unary.visit_with(self)
    }

    fn visit_binary(&mut self, binary: &'ast Binary) -> Flow {
        self.tests_of(binary);
        self.operands(binary);
        let is_alternative = matches!(binary.op(), BinaryOp::Logical(LogicalOp::Or | LogicalOp::Coalesce));
        self.alternatives += u32::from(is_alternative);
        let flow = binary.visit_with(self);
        self.alternatives -= u32::from(is_alternative);
        flow
    }

    fn visit_conditional(&mut self, conditional: &'ast Conditional) -> Flow {
        self.test(conditional.condition());
        self.condition(conditional.condition());
        conditional.visit_with(self)
    }

    fn visit_if(&mut self, statement: &'ast If) -> Flow {
        self.test(statement.cond());
        self.condition(statement.cond());
        statement.visit_with(self)
    }

    fn visit_while_loop(&mut self, statement: &'ast WhileLoop) -> Flow {
        self.test(statement.condition());
        self.condition(statement.condition());
        statement.visit_with(self)
    }

    fn visit_do_while_loop(&mut self, statement: &'ast DoWhileLoop) -> Flow {
        self.test(statement.cond());
        self.condition(statement.cond());
        statement.visit_with(self)
    }

    fn visit_assign(&mut self, assign: &'ast Assign) -> Flow {
        self.assign_to(assign.lhs(), assign.op());
        if let AssignTarget::Pattern(Pattern::Object(pattern)) = assign.lhs() {
            self.destructured(pattern, assign.rhs());
        }
        assign.visit_with(self)
    }

    fn visit_update(&mut self, update: &'ast Update) -> Flow {
        if let UpdateTarget::Identifier(name) = update.target() {
            self.notes.assigned.insert(name.sym());
            self.reference(*name, true);
            self.change(name.sym(), name.span().start());
        }
        update.visit_with(self)
    }

    fn visit_property_definition(&mut self, property: &'ast PropertyDefinition) -> Flow {
        if let PropertyDefinition::IdentifierReference(name) = property {
            self.reference(*name, false);
            self.may_be_waited_for(*name);
        }
        property.visit_with(self)
    }

    fn visit_variable(&mut self, variable: &'ast Variable) -> Flow {
        if let Some(value) = variable.init() {
            match variable.binding() {
                Binding::Identifier(name) => {
                    if let Some(function) = self.json_call(value) {
                        self.scopes.note(name.sym(), Holds::Json(function));
                    }
                }
                Binding::Pattern(Pattern::Object(pattern)) => self.destructured(pattern, value),
                Binding::Pattern(Pattern::Array(_)) => {
                    self.taken_apart(value, start_of(value));
                }
            }
        }
        variable.visit_with(self)
    }

    fn visit_template_literal(&mut self, template: &'ast TemplateLiteral) -> Flow {
        for element in template.elements() {
            if let TemplateElement::Expr(value) = element {
                self.needs_value(value, start_of(value), "`[object Promise]` stands in the text");
            }
        }
        template.visit_with(self)
    }

    fn visit_new(&mut self, new: &'ast New) -> Flow {
        let is_promise = self.free(new.constructor()) == Some("Promise");
        self.executors += u32::from(is_promise);
        let flow = new.visit_with(self);
        self.executors -= u32::from(is_promise);
        flow
    }

    // What opens a scope.

    fn visit_formal_parameter_list(&mut self, parameters: &'ast FormalParameterList) -> Flow {
        self.scopes.enter(bound_names(parameters));
        let flow = parameters.visit_with(self);
        // The body comes next, and leaves the scope.
        self.in_parameters = true;
        flow
    }

    fn visit_function_body(&mut self, body: &'ast FunctionBody) -> Flow {
        let in_parameters = std::mem::take(&mut self.in_parameters);
        let caught = std::mem::take(&mut self.caught);
        let flow = self.within(names_of(body), |walk| {
            walk.scopes.note_constants(body.statements());
            walk.note_asynchronous(body.statements());
            body.visit_with(walk)
        });
        if in_parameters {
            self.scopes.leave();
        }
        self.caught = caught;
        flow
    }

    fn visit_function_expression(&mut self, function: &'ast FunctionExpression) -> Flow {
        let name = function.name().map(Identifier::sym);
        self.within(name, |walk| function.visit_with(walk))
    }

    fn visit_generator_expression(&mut self, function: &'ast GeneratorExpression) -> Flow {
        let name = function.name().map(Identifier::sym);
        self.within(name, |walk| function.visit_with(walk))
    }

    fn visit_async_function_expression(&mut self, function: &'ast AsyncFunctionExpression) -> Flow {
        let name = function.name().map(Identifier::sym);
        self.within(name, |walk| function.visit_with(walk))
    }

    fn visit_async_generator_expression(&mut self, function: &'ast AsyncGeneratorExpression) -> Flow {
        let name = function.name().map(Identifier::sym);
        self.within(name, |walk| function.visit_with(walk))
    }

    fn visit_class_expression(&mut self, class: &'ast ClassExpression) -> Flow {
        let name = class.name().map(Identifier::sym);
        self.within(name, |walk| class.visit_with(walk))
    }

    fn visit_class_declaration(&mut self, class: &'ast ClassDeclaration) -> Flow {
        self.within([class.name().sym()], |walk| class.visit_with(walk))
    }

    fn visit_block(&mut self, block: &'ast Block) -> Flow {
        let items = block.statement_list().statements();
        self.within(declared(items), |walk| {
            walk.scopes.note_constants(items);
            walk.note_asynchronous(items);
            block.visit_with(walk)
        })
    }

    fn visit_switch(&mut self, switch: &'ast Switch) -> Flow {
        let bodies = switch.cases().iter().map(|case| StatementList::statements(case.body()));
        self.within(bodies.flat_map(declared).collect::<Vec<_>>(), |walk| switch.visit_with(walk))
    }

    fn visit_try(&mut self, statement: &'ast Try) -> Flow {
        self.caught += u32::from(statement.catch().is_some());
        let flow = self.visit_block(statement.block());
        self.caught -= u32::from(statement.catch().is_some());
        flow?;
        if let Some(catch) = statement.catch() {
            self.visit_catch(catch)?;
        }
        statement.finally().map_or(Flow::Continue(()), |finally| self.visit_finally(finally))
    }

    fn visit_catch(&mut self, catch: &'ast Catch) -> Flow {
        let names = catch.parameter().map(super::scopes::bound).unwrap_or_default();
        self.within(names, |walk| catch.visit_with(walk))
    }

    fn visit_for_loop(&mut self, statement: &'ast ForLoop) -> Flow {
        if let Some(condition) = statement.condition() {
            self.test(condition);
            self.condition(condition);
        }
        let names = match statement.init() {
            Some(ForLoopInitializer::Lexical(lexical)) => bound_names(lexical.declaration()),
            _ => Vec::new(),
        };
        self.within(names, |walk| statement.visit_with(walk))
    }

    fn visit_for_of_loop(&mut self, statement: &'ast ForOfLoop) -> Flow {
        self.taken_apart(statement.iterable(), start_of(statement.iterable()));
        let names = self.of_loop(statement.initializer());
        self.within(names, |walk| statement.visit_with(walk))
    }

    fn visit_for_in_loop(&mut self, statement: &'ast ForInLoop) -> Flow {
        let names = self.of_loop(statement.initializer());
        self.within(names, |walk| statement.visit_with(walk))
    }
}
