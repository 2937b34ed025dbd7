//! What in a file may have failed, where the engine tells only the neighbourhood.
//!
//! The engine keeps positions for a few kinds of expressions: calls, accesses to members, assignments, `throw`. All code
//! between has the position of the one around it, and at last that of the function's body: its *region*. A name that is not
//! defined, or a method of nothing (`order.ship()`), is told by its region alone. So the file is parsed anew, after the
//! failure, and walked through as the engine's compiler does it (`boa_engine::bytecompiler`, each `position_guard`): every
//! expression that may fail so is a [`Suspect`], with its region and with the neighbours that the engine has positions of.

use std::collections::HashMap;
use std::ops::ControlFlow;

use boa_engine::ast::declaration::{Binding, LexicalDeclaration, Variable};
use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField, SimplePropertyAccess};
use boa_engine::ast::expression::operator::assign::AssignTarget;
use boa_engine::ast::expression::operator::unary::UnaryOp;
use boa_engine::ast::expression::operator::update::UpdateTarget;
use boa_engine::ast::expression::operator::{Assign, Unary, Update};
use boa_engine::ast::expression::{
    Call, Expression, Identifier, New, Optional, OptionalOperationKind, Spread,
};
use boa_engine::ast::function::{
    ClassDeclaration, ClassElement, ClassExpression, FormalParameterList, FunctionBody, FunctionExpression,
};
use boa_engine::ast::operations::{bound_names, lexically_declared_names, var_declared_names};
use boa_engine::ast::pattern::Pattern;
use boa_engine::ast::property::PropertyName;
use boa_engine::ast::statement::iteration::{ForInLoop, ForLoop, ForLoopInitializer, ForOfLoop};
use boa_engine::ast::statement::{Block, Catch, Switch, Throw};
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Spanned};
use boa_engine::interner::Sym;

/// Line and column; the column is 0 for the beginning of a file's body.
pub(super) type At = (u32, u32);

/// The position of a file's own body.
pub(super) const TOP: At = (1, 0);

/// An expression that may have failed.
pub(super) struct Suspect<'a> {
    pub(super) kind: Kind<'a>,
    /// What an author should look at.
    pub(super) at: At,
    /// The position that the engine has for it, if any.
    pub(super) region: Option<At>,
    /// The function that it stands in, and how many changes of the position are before it there.
    pub(super) function: usize,
    pub(super) after: usize,
    /// The names that it sees.
    pub(super) scope: usize,
}

/// How an expression may fail.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// A name that nothing may stand for.
    Name(Sym),
    /// A member of what may be null or undefined.
    Member(Member<'a>),
    /// A call of what may be no function.
    Call(&'a Call),
    /// `new` of what may be no constructor.
    New(&'a New),
    /// Taking apart what may be null or undefined.
    Pattern(Option<&'a Expression>),
    /// Going through what may be no list.
    Iteration(&'a Expression),
}

/// An access to a member.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) target: Object<'a>,
    pub(super) field: &'a PropertyAccessField,
    pub(super) verb: &'static str,
}

/// What a member is asked of.
#[derive(Clone, Copy)]
pub(super) enum Object<'a> {
    Whole(&'a Expression),
    /// The first so many operations of a chain with `?.`.
    Chain(&'a Optional, usize),
}

/// The names that are declared in a function or block.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) parent: Option<usize>,
    /// Each with what a `const` of it stands for.
    pub(super) names: HashMap<Sym, Option<&'a Expression>>,
    /// Those that cannot be used before their declaration, and where that is.
    pub(super) late: HashMap<Sym, At>,
}

/// What was found in a file.
#[derive(Default)]
pub(super) struct Suspects<'a> {
    pub(super) found: Vec<Suspect<'a>>,
    pub(super) scopes: Vec<Scope<'a>>,
    /// For each function the changes of the position, in the order of its code.
    pub(super) changes: Vec<Vec<Change>>,
}

/// A change of the engine's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// An expression begins that has one.
    Enter(At),
    /// It ends.
    Leave(At),
}

impl<'a> Suspects<'a> {
    /// Of a file's text, as a function's body.
    pub(super) fn of(body: &'a FunctionBody) -> Self {
        let mut walk = Walk::default();
        walk.open_scope();
        walk.open_function();
        walk.region(TOP, |walk| walk.body(body));
        walk.suspects
    }

    /// Whether the name is declared where a suspect stands.
    pub(super) fn scope_of(&self, scope: usize, name: Sym) -> Option<&Scope<'a>> {
        let mut next = Some(scope);
        while let Some(scope) = next.map(|index| &self.scopes[index]) {
            if scope.names.contains_key(&name) {
                return Some(scope);
            }
            next = scope.parent;
        }
        None
    }

    /// Every name that is declared where a suspect stands, the nearest first.
    pub(super) fn names_at(&self, scope: usize) -> Vec<Sym> {
        let mut names = Vec::new();
        let mut next = Some(scope);
        while let Some(scope) = next.map(|index| &self.scopes[index]) {
            names.extend(scope.names.keys().copied());
            next = scope.parent;
        }
        names
    }
}

#[derive(Default)]
struct Walk<'a> {
    suspects: Suspects<'a>,
    regions: Vec<Option<At>>,
    functions: Vec<usize>,
    scopes: Vec<usize>,
    /// Parameters have been seen, and the body follows that belongs to them.
    has_parameters: bool,
    /// The position of a constructor, which is that of the whole function.
    constructor: Option<At>,
}

fn at(position: Position) -> At {
    (position.line_number(), position.column_number())
}

impl<'a> Walk<'a> {
    fn open_function(&mut self) {
        self.functions.push(self.suspects.changes.len());
        self.suspects.changes.push(Vec::new());
        self.regions.push(None);
    }

    fn close_function(&mut self) {
        self.functions.pop();
        self.regions.pop();
    }

    fn open_scope(&mut self) {
        let parent = self.scopes.last().copied();
        self.scopes.push(self.suspects.scopes.len());
        self.suspects.scopes.push(Scope { parent, ..Scope::default() });
    }

    fn scope(&mut self, names: impl IntoIterator<Item = Sym>, inside: impl FnOnce(&mut Self)) {
        self.open_scope();
        self.declare(names);
        inside(self);
        self.scopes.pop();
    }

    fn here(&mut self) -> Option<&mut Scope<'a>> {
        self.suspects.scopes.get_mut(*self.scopes.last()?)
    }

    fn declare(&mut self, names: impl IntoIterator<Item = Sym>) {
        if let Some(scope) = self.here() {
            scope.names.extend(names.into_iter().map(|name| (name, None)));
        }
    }

    fn change(&mut self, change: Change) {
        if let Some(function) = self.functions.last() {
            self.suspects.changes[*function].push(change);
        }
    }

    fn region(&mut self, region: At, inside: impl FnOnce(&mut Self)) {
        self.regions.push(Some(region));
        self.change(Change::Enter(region));
        inside(self);
        self.change(Change::Leave(region));
        self.regions.pop();
    }

    fn suspect(&mut self, at: At, kind: Kind<'a>) {
        let (Some(function), Some(scope)) = (self.functions.last(), self.scopes.last()) else { return };
        let after = self.suspects.changes[*function].len();
        let region = self.regions.last().copied().flatten();
        let suspect = Suspect { kind, at, region, function: *function, after, scope: *scope };
        self.suspects.found.push(suspect);
    }

    fn body(&mut self, body: &'a FunctionBody) {
        self.declare(var_declared_names(body));
        self.declare(lexically_declared_names(body));
        let _ = body.visit_with(self);
    }

    fn expression(&mut self, expression: &'a Expression) {
        let _ = self.visit_expression(expression);
    }

    /// An access in which the engine has no position of its own for reading or writing the member.
    fn bare_access(
        &mut self,
        access: &'a PropertyAccess,
        verb: &'static str,
        inside: impl FnOnce(&mut Self),
    ) {
        let PropertyAccess::Simple(simple) = access else {
            let _ = access.visit_with(self);
            return inside(self);
        };
        self.expression(simple.target());
        let _ = self.visit_property_access_field(simple.field());
        inside(self);
        self.member(simple, verb);
    }

    fn member(&mut self, access: &'a SimplePropertyAccess, verb: &'static str) {
        let target = Object::Whole(access.target());
        let at = at(access.field().span().start());
        self.suspect(at, Kind::Member(Member { target, field: access.field(), verb }));
    }

    fn taken_apart(&mut self, pattern: &'a Pattern, value: Option<&'a Expression>) {
        let place = value.map_or(pattern.span(), Spanned::span);
        let kind = match (pattern, value) {
            (Pattern::Array(_), Some(value)) => Kind::Iteration(value),
            _ => Kind::Pattern(value),
        };
        self.suspect(at(place.start()), kind);
    }

    fn class(&mut self, constructor: Option<&'a FunctionExpression>, elements: &'a [ClassElement]) {
        if let Some(constructor) = constructor {
            self.constructor = Some(at(constructor.span().start()));
            let _ = self.visit_function_expression(constructor);
        }
        for element in elements {
            let _ = self.visit_class_element(element);
        }
    }

    fn iterated(&mut self, iterable: &'a Expression) {
        self.expression(iterable);
        self.suspect(at(iterable.span().start()), Kind::Iteration(iterable));
    }
}

const ON: ControlFlow<()> = ControlFlow::Continue(());

impl<'a> Visitor<'a> for Walk<'a> {
    type BreakTy = ();

    // Parameters, then the body, of every kind of function: `VisitWith` for each goes so.
    fn visit_formal_parameter_list(&mut self, parameters: &'a FormalParameterList) -> ControlFlow<()> {
        self.open_function();
        self.open_scope();
        self.declare(bound_names(parameters));
        self.has_parameters = true;
        let region = self.constructor.take();
        for parameter in parameters.as_ref() {
            self.has_parameters = false;
            let _ = self.visit_variable(parameter.variable());
        }
        self.has_parameters = true;
        self.constructor = region;
        ON
    }

    fn visit_function_body(&mut self, body: &'a FunctionBody) -> ControlFlow<()> {
        if !std::mem::take(&mut self.has_parameters) {
            self.open_function();
            self.open_scope();
        }
        let region = self.constructor.take().unwrap_or_else(|| at(body.span().start()));
        self.region(region, |walk| walk.body(body));
        self.scopes.pop();
        self.close_function();
        ON
    }

    fn visit_class_declaration(&mut self, class: &'a ClassDeclaration) -> ControlFlow<()> {
        class.super_ref().into_iter().for_each(|parent| self.expression(parent));
        self.class(class.constructor(), class.elements());
        ON
    }

    fn visit_class_expression(&mut self, class: &'a ClassExpression) -> ControlFlow<()> {
        class.super_ref().into_iter().for_each(|parent| self.expression(parent));
        let names = class.name().map(Identifier::sym);
        self.scope(names, |walk| walk.class(class.constructor(), class.elements()));
        ON
    }

    fn visit_function_expression(&mut self, function: &'a FunctionExpression) -> ControlFlow<()> {
        let names = function.name().map(Identifier::sym);
        self.scope(names, |walk| {
            let _ = walk.visit_formal_parameter_list(function.parameters());
            let _ = walk.visit_function_body(function.body());
        });
        ON
    }

    fn visit_block(&mut self, block: &'a Block) -> ControlFlow<()> {
        let names = lexically_declared_names(block.statement_list());
        self.scope(names, |walk| {
            let _ = block.visit_with(walk);
        });
        ON
    }

    fn visit_switch(&mut self, switch: &'a Switch) -> ControlFlow<()> {
        let names = switch.cases().iter().flat_map(|case| lexically_declared_names(case.body()));
        let names: Vec<_> = names.collect();
        self.scope(names, |walk| {
            let _ = switch.visit_with(walk);
        });
        ON
    }

    fn visit_catch(&mut self, catch: &'a Catch) -> ControlFlow<()> {
        let names = catch.parameter().map(bound_names).unwrap_or_default();
        self.scope(names, |walk| {
            let _ = catch.visit_with(walk);
        });
        ON
    }

    fn visit_for_loop(&mut self, each: &'a ForLoop) -> ControlFlow<()> {
        let names = match each.init() {
            Some(ForLoopInitializer::Lexical(lexical)) => bound_names(lexical.declaration()),
            _ => Vec::new(),
        };
        self.scope(names, |walk| {
            let _ = each.visit_with(walk);
        });
        ON
    }

    fn visit_for_in_loop(&mut self, each: &'a ForInLoop) -> ControlFlow<()> {
        self.expression(each.target());
        self.scope(bound_names(each.initializer()), |walk| {
            let _ = walk.visit_iterable_loop_initializer(each.initializer());
            let _ = walk.visit_statement(each.body());
        });
        ON
    }

    fn visit_for_of_loop(&mut self, each: &'a ForOfLoop) -> ControlFlow<()> {
        self.iterated(each.iterable());
        self.scope(bound_names(each.initializer()), |walk| {
            let _ = walk.visit_iterable_loop_initializer(each.initializer());
            let _ = walk.visit_statement(each.body());
        });
        ON
    }

    fn visit_spread(&mut self, spread: &'a Spread) -> ControlFlow<()> {
        self.iterated(spread.target());
        ON
    }

    fn visit_lexical_declaration(&mut self, declaration: &'a LexicalDeclaration) -> ControlFlow<()> {
        let is_const = matches!(declaration, LexicalDeclaration::Const(_));
        for variable in declaration.variable_list().as_ref() {
            let _ = self.visit_variable(variable);
            if let Binding::Identifier(name) = variable.binding()
                && let Some(scope) = self.here()
            {
                scope.late.insert(name.sym(), at(name.span().start()));
                if is_const {
                    scope.names.insert(name.sym(), variable.init());
                }
            }
        }
        ON
    }

    fn visit_variable(&mut self, variable: &'a Variable) -> ControlFlow<()> {
        variable.init().into_iter().for_each(|init| self.expression(init));
        if let Binding::Pattern(pattern) = variable.binding() {
            self.taken_apart(pattern, variable.init());
            return self.visit_pattern(pattern);
        }
        ON
    }

    // A binding, a label or a property's name mentions no variable.
    fn visit_binding(&mut self, binding: &'a Binding) -> ControlFlow<()> {
        match binding {
            Binding::Identifier(_) => ON,
            Binding::Pattern(pattern) => self.visit_pattern(pattern),
        }
    }

    fn visit_property_name(&mut self, name: &'a PropertyName) -> ControlFlow<()> {
        match name {
            PropertyName::Literal(_) => ON,
            PropertyName::Computed(expression) => self.visit_expression(expression),
        }
    }

    fn visit_property_access_field(&mut self, field: &'a PropertyAccessField) -> ControlFlow<()> {
        match field {
            PropertyAccessField::Const(_) => ON,
            PropertyAccessField::Expr(expression) => self.visit_expression(expression),
        }
    }

    fn visit_identifier(&mut self, name: &'a Identifier) -> ControlFlow<()> {
        self.suspect(at(name.span().start()), Kind::Name(name.sym()));
        ON
    }

    fn visit_property_access(&mut self, access: &'a PropertyAccess) -> ControlFlow<()> {
        let PropertyAccess::Simple(simple) = access else { return access.visit_with(self) };
        self.region(at(simple.field().span().start()), |walk| {
            walk.expression(simple.target());
            let _ = walk.visit_property_access_field(simple.field());
            walk.member(simple, "read");
        });
        ON
    }

    fn visit_call(&mut self, call: &'a Call) -> ControlFlow<()> {
        match call.function().flatten() {
            Expression::PropertyAccess(access) => self.bare_access(access, "read", |_| ()),
            function => self.expression(function),
        }
        let region = at(call.span().start());
        self.region(region, |walk| {
            call.args().iter().for_each(|argument| walk.expression(argument));
            walk.suspect(called_at(call), Kind::Call(call));
        });
        ON
    }

    fn visit_new(&mut self, new: &'a New) -> ControlFlow<()> {
        self.expression(new.constructor());
        let region = at(new.span().start());
        self.region(region, |walk| {
            new.arguments().iter().for_each(|argument| walk.expression(argument));
            walk.suspect(region, Kind::New(new));
        });
        ON
    }

    fn visit_optional(&mut self, chain: &'a Optional) -> ControlFlow<()> {
        self.expression(chain.target());
        for (index, operation) in chain.chain().iter().enumerate() {
            if let OptionalOperationKind::SimplePropertyAccess { field } = operation.kind()
                && !operation.shorted()
            {
                let member = Member { target: Object::Chain(chain, index), field, verb: "read" };
                self.suspect(at(field.span().start()), Kind::Member(member));
            }
            let _ = self.visit_optional_operation(operation);
        }
        ON
    }

    fn visit_assign(&mut self, assign: &'a Assign) -> ControlFlow<()> {
        self.region(at(assign.span().start()), |walk| match assign.lhs() {
            AssignTarget::Access(access) => {
                walk.bare_access(access, "set", |walk| walk.expression(assign.rhs()));
            }
            AssignTarget::Identifier(name) => {
                walk.expression(assign.rhs());
                let _ = walk.visit_identifier(name);
            }
            AssignTarget::Pattern(pattern) => {
                walk.expression(assign.rhs());
                walk.taken_apart(pattern, Some(assign.rhs()));
                let _ = walk.visit_pattern(pattern);
            }
        });
        ON
    }

    fn visit_update(&mut self, update: &'a Update) -> ControlFlow<()> {
        self.region(at(update.span().start()), |walk| match update.target() {
            UpdateTarget::Identifier(name) => {
                let _ = walk.visit_identifier(name);
            }
            UpdateTarget::PropertyAccess(access) => walk.bare_access(access, "read", |_| ()),
        });
        ON
    }

    fn visit_unary(&mut self, unary: &'a Unary) -> ControlFlow<()> {
        match (unary.op(), unary.target().flatten()) {
            (UnaryOp::TypeOf, Expression::Identifier(_)) => ON,
            (UnaryOp::Delete, Expression::PropertyAccess(access)) => {
                let region = at(unary.span().start());
                self.region(region, |walk| walk.bare_access(access, "delete", |_| ()));
                ON
            }
            _ => unary.visit_with(self),
        }
    }

    fn visit_throw(&mut self, throw: &'a Throw) -> ControlFlow<()> {
        let region = at(throw.target().span().start());
        self.region(region, |walk| walk.expression(throw.target()));
        ON
    }
}

/// Where a call names what it calls.
fn called_at(call: &Call) -> At {
    match call.function().flatten() {
        Expression::PropertyAccess(PropertyAccess::Simple(access)) => at(access.field().span().start()),
        function => at(function.span().start()),
    }
}
