//! Calls: how many arguments, what is required, what leaves the file.

use boa_engine::ast::Spanned;
use boa_engine::ast::expression::access::{PropertyAccess, SimplePropertyAccess};
use boa_engine::ast::expression::literal::{PropertyDefinition, TemplateElement};
use boa_engine::ast::expression::{Call, Expression, ImportCall};

use super::walk::Walk;
use super::{finding, habits, start_of, warning};
use crate::base::nearest;
use crate::script::protocol::{Finding, MAX_REQUIRED, MAX_STATEMENTS, Role, Rule, WrittenSql};

impl<'a> Walk<'a> {
    pub(super) fn call(&mut self, call: &Call) {
        self.given(call);
        self.callback(call);
        if self.free(call.function()) == Some("require") {
            self.require(call);
        } else if let Some(function) = self.function(call.function()) {
            self.arguments(call, function);
            self.members_given(call, function);
            self.statement(call, function);
        }
    }

    /// The function of the host that an expression leads to.
    pub(super) fn function(&self, expression: &Expression) -> Option<usize> {
        if let Some(name) = self.free(expression) {
            return self.linter.known.function(name);
        }
        let Expression::PropertyAccess(PropertyAccess::Simple(access)) = expression.flatten() else {
            return None;
        };
        let (name, _) = self.field(access.field())?;
        self.known_object(access.target())?.1.get(name)?.function
    }

    /// The function of the host that an expression calls, awaited or not, where it returns JSON text.
    pub(super) fn json_call(&self, expression: &Expression) -> Option<usize> {
        match expression.flatten() {
            Expression::Await(awaited) => self.json_call(awaited.target()),
            Expression::Call(call) => {
                let function = self.function(call.function())?;
                self.linter.vocabulary.shapes.get(function)?.returns_json.then_some(function)
            }
            _ => None,
        }
    }

    fn arguments(&mut self, call: &Call, function: usize) {
        let vocabulary = &self.linter.vocabulary;
        let (Some(spec), Some(shape)) =
            (vocabulary.start.functions.get(function), vocabulary.shapes.get(function))
        else {
            return;
        };
        if call.args().iter().any(|argument| matches!(argument, Expression::Spread(_))) {
            return;
        }
        let takes_rest = spec.parameters.iter().any(|name| name.starts_with("..."));
        let (given, most) = (call.args().len(), spec.parameters.len());
        let message = if given < usize::from(shape.required) {
            let missing: Vec<_> =
                spec.parameters.iter().take(usize::from(shape.required)).skip(given).collect();
            let missing: Vec<_> = missing.iter().map(|name| format!("`{name}`")).collect();
            format!("utils.{} is called without {}", spec.name, missing.join(" and "))
        } else if given > most && !takes_rest {
            format!("utils.{} takes {most} arguments, and is called with {given}", spec.name)
        } else {
            return;
        };
        let help = format!("utils.{}({})", spec.name, spec.parameters.join(", "));
        self.notes.add("", warning(Rule::ArgumentCount, super::start_of(call.function()), message, help));
    }

    /// A statement of SQL. One that is put together is told too, but for queries: it may make a table.
    fn statement(&mut self, call: &Call, function: usize) {
        let Some(shape) = self.linter.vocabulary.shapes.get(function).filter(|shape| shape.takes_sql) else {
            return;
        };
        let Some(argument) = call.args().first() else { return };
        let (sql, is_whole) = match self.whole_text(argument) {
            Some(sql) => (sql, true),
            None if shape.returns_json => return,
            None => (self.beginning(argument).unwrap_or_default().to_owned(), false),
        };
        if self.statements.len() < MAX_STATEMENTS {
            let at = argument.span().start();
            let (line, column, is_sure) = (at.line_number(), at.column_number(), self.caught == 0);
            self.statements.push(WrittenSql { sql, is_whole, line, column, is_sure });
        }
    }

    /// How a text begins that is put together.
    fn beginning(&self, expression: &Expression) -> Option<&'a str> {
        let mut expression = expression.flatten();
        while let Expression::Binary(binary) = expression {
            expression = binary.lhs().flatten();
        }
        match expression {
            Expression::TemplateLiteral(template) => match template.elements().first()? {
                TemplateElement::String(text) => self.text(*text),
                TemplateElement::Expr(_) => None,
            },
            expression => self.literal(expression),
        }
    }

    /// A text that is written out: a literal, or a template in which no value stands.
    fn whole_text(&self, expression: &Expression) -> Option<String> {
        let Expression::TemplateLiteral(template) = expression.flatten() else {
            return self.literal(expression).map(str::to_owned);
        };
        let parts = template.elements().iter().map(|element| match element {
            TemplateElement::String(text) => self.text(*text),
            TemplateElement::Expr(_) => None,
        });
        parts.collect()
    }

    /// The members of an object that a function of the host is given.
    fn members_given(&mut self, call: &Call, function: usize) {
        let linter = self.linter;
        let (Some(spec), Some(shape)) =
            (linter.vocabulary.start.functions.get(function), linter.vocabulary.shapes.get(function))
        else {
            return;
        };
        let Some(Expression::ObjectLiteral(object)) = call.args().first().map(Expression::flatten) else {
            return;
        };
        if shape.members.is_empty() {
            return;
        }
        for property in object.properties() {
            let (name, at) = match property {
                PropertyDefinition::IdentifierReference(name) => (self.text(name.sym()), name.span().start()),
                PropertyDefinition::Property(name, value) => {
                    let at = name.literal().map_or_else(|| start_of(value), |name| name.span().start());
                    (self.property_name(name), at)
                }
                _ => continue,
            };
            let Some(name) = name.filter(|name| !shape.members.iter().any(|known| known == name)) else {
                continue;
            };
            let meant = shape.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
            let meant = meant
                .map(|(_, known)| known.as_str())
                .or_else(|| nearest(name, shape.members.iter().map(String::as_str)));
            let help = match meant {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("it takes {}", shape.members.join(", ")),
            };
            let message = format!("utils.{}: there is no member `{name}`", spec.name);
            let finding = finding(Rule::UnknownName, at, message, help);
            self.notes.add("", Finding { is_error: self.caught == 0, ..finding });
        }
    }

    fn require(&mut self, call: &Call) {
        let Some(specifier) = call.args().first().and_then(|argument| self.literal(argument)) else {
            self.requires_any |= !call.args().is_empty();
            return;
        };
        match self.modules().resolve(self.path(), specifier) {
            Ok(file) => {
                let path = &self.modules().file(file).path;
                if self.required.len() < MAX_REQUIRED && !self.required.contains(path) {
                    self.required.push(path.clone());
                }
            }
            Err(unresolved) => {
                let at = call.args().first().map_or(call.span().start(), |argument| argument.span().start());
                let help = self.instead_of(specifier, unresolved.nearest.as_deref());
                let finding = finding(Rule::UnknownModule, at, unresolved.message, help);
                self.notes.add("", Finding { is_error: self.caught == 0, ..finding });
            }
        }
    }

    /// What to write instead of a path that leads to nothing.
    fn instead_of(&self, specifier: &str, nearest: Option<&str>) -> String {
        if let Some(path) = nearest {
            return format!("did you mean the file `{path}`?");
        }
        if specifier.starts_with('.') {
            return "write the file, or correct the path: it begins at the file that it stands in".to_owned();
        }
        if specifier.starts_with('/') {
            return "write a path that begins with ./ or ../, from the file that it stands in".to_owned();
        }
        let from_here = format!("./{specifier}");
        match self.modules().resolve(self.path(), &from_here) {
            Ok(_) => format!("write require(\"{from_here}\")"),
            Err(_) => habits::instead_of_module(specifier).to_owned(),
        }
    }

    /// `import(…)`, which the sandbox refuses.
    pub(super) fn import(&mut self, import: &ImportCall) {
        let help = "write require(\"./lib/NAME\"): it loads a file of the application at once";
        let finding = finding(Rule::ForeignHabit, import.span().start(), "import() is not available", help);
        self.notes.add("", Finding { is_error: self.caught == 0, ..finding });
    }

    /// `exports.x = …` and `module.exports = …` in an action, which has neither.
    pub(super) fn exports(&mut self, access: &SimplePropertyAccess) {
        if !matches!(self.role, Role::Action { .. }) {
            return;
        }
        let target = access.target();
        let name = self.field(access.field()).map(|(name, _)| name);
        let written = match (self.free(target), name) {
            (Some("module"), Some("exports")) => "module.exports".to_owned(),
            (Some("exports"), Some(name)) => format!("exports.{name}"),
            _ if self.written(target).as_deref() == Some("module.exports") => "module.exports".to_owned(),
            _ => return,
        };
        if self.notes.noted.iter().any(|noted| noted.finding.rule == Rule::ExportsInAction) {
            return;
        }
        let message = format!("an action exports nothing, so `{written} = …` throws");
        let help = habits::INSTEAD_OF_EXPORTS;
        self.notes.add("module", finding(Rule::ExportsInAction, access.span().start(), message, help));
    }
}
