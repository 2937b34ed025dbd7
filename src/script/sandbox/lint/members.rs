//! Members of what is known: `utils`, `console`, `vo`, the text that a function of the host returns.

use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField, SimplePropertyAccess};
use boa_engine::ast::expression::literal::LiteralKind;
use boa_engine::ast::expression::{Expression, Identifier};
use boa_engine::ast::pattern::{ObjectPattern, ObjectPatternElement};
use boa_engine::ast::property::PropertyName;
use boa_engine::ast::{Position, Spanned};

use super::known::Members;
use super::scopes::Holds;
use super::walk::Walk;
use super::{Noted, finding, folded, habits, is_slip, warning};
use crate::base::nearest;
use crate::script::protocol::{Finding, Role, Rule};

/// The longest chain of members that is looked at: each of its members asks for the whole of it.
const MAX_CHAIN: usize = 16;

impl<'a> Walk<'a> {
    /// `target.name`, which is called or not.
    pub(super) fn member(&mut self, access: &SimplePropertyAccess, is_called: bool) {
        self.member_of_promise(access);
        let Some((name, at)) = self.field(access.field()) else { return };
        if let Some((root, members)) = self.chain(access)
            && let Some(text) = self.free(&Expression::Identifier(root))
        {
            if text == "globalThis" {
                self.notes.tested.extend(members.first().map(|name| (*name).to_owned()));
            } else if !self.linter.known.is_global(text, self.in_test())
                && let Some(help) = habits::instead_of_member(text, &members)
            {
                self.say_of_member(&root, text, help);
            }
        }
        let target = access.target();
        if let Some((object, members)) = self.known_object(target) {
            self.known_member(&object, members, name, at, is_called);
        } else if self.free(target) == Some("vo") {
            self.field_of_vo(name, at);
        } else {
            self.member_of_text(target, name, at);
        }
    }

    /// The names that `{ a, b: c } = value` takes.
    pub(super) fn destructured(&mut self, pattern: &ObjectPattern, value: &Expression) {
        let names: Vec<_> = self.taken(pattern).into_iter().map(|(name, _, _)| name).collect();
        self.members_of_promise(&names, value);
        if let Some((object, members)) = self.known_object(value) {
            self.known_pattern(pattern, &object, members);
        } else if self.free(value) == Some("vo") {
            for (name, at, _) in self.taken(pattern) {
                self.field_of_vo(name, at);
            }
        } else {
            for (name, at, _) in self.taken(pattern) {
                self.member_of_text(value, name, at);
            }
        }
    }

    fn known_pattern(&mut self, pattern: &ObjectPattern, object: &str, members: &'a Members) {
        for (name, at, inner) in self.taken(pattern) {
            match (members.get(name).and_then(|member| member.members.as_ref()), inner) {
                (Some(members), Some(inner)) => {
                    self.known_pattern(inner, &format!("{object}.{name}"), members);
                }
                _ => self.known_member(object, members, name, at, false),
            }
        }
    }

    /// The names that a pattern takes without a value for the case that there is none.
    fn taken<'p>(&self, pattern: &'p ObjectPattern) -> Vec<(&'a str, Position, Option<&'p ObjectPattern>)> {
        let names = pattern.bindings().iter().filter_map(|element| {
            let (name, inner) = match element {
                ObjectPatternElement::SingleName { name, default_init: None, .. }
                | ObjectPatternElement::AssignmentPropertyAccess { name, default_init: None, .. } => {
                    (name, None)
                }
                ObjectPatternElement::Pattern { name, pattern, default_init: None } => match pattern {
                    boa_engine::ast::pattern::Pattern::Object(inner) => (name, Some(inner)),
                    boa_engine::ast::pattern::Pattern::Array(_) => (name, None),
                },
                _ => return None,
            };
            let PropertyName::Literal(name) = name else { return None };
            Some((self.text(name.sym())?, name.span().start(), inner))
        });
        names.collect()
    }

    fn known_member(&mut self, object: &str, members: &Members, name: &str, at: Position, is_called: bool) {
        if members.get(name).is_some() || self.linter.known.every_object_has(name) {
            return;
        }
        let near = nearest(name, members.names());
        let help = near.map_or_else(
            || format!("`{object}` has {}", list(members)),
            |near| format!("did you mean `{object}.{near}`?"),
        );
        let message = format!("`{object}` has no `{name}`");
        let is_error = near.is_some() || is_called && self.caught == 0;
        let finding = Finding { is_error, ..finding(Rule::UnknownName, at, message, help) };
        self.notes.add(&format!("{object}.{name}"), finding);
    }

    /// A field of `vo` whose name differs from one of Twilio's in case, underscores or one letter only.
    fn field_of_vo(&mut self, name: &str, at: Position) {
        let Role::Action { vo } = self.role else { return };
        if self.alternatives > 0 || vo.iter().any(|known| known == name) {
            return;
        }
        let folded_name = folded(name);
        let same = vo.iter().find(|known| folded(known) == folded_name);
        let Some(known) = same.or_else(|| vo.iter().find(|known| is_slip(&folded_name, &folded(known))))
        else {
            return;
        };
        let message = format!("`vo` has no `{name}` here: the field is called `{known}`");
        let warning = warning(Rule::VoField, at, message, format!("write vo.{known}"));
        self.notes.add(&format!("vo.{name}"), warning);
    }

    /// A member of the JSON text that a function of the host has returned, or of what stands at a place of it.
    fn member_of_text(&mut self, target: &Expression, name: &str, at: Position) {
        let text = match target.flatten() {
            // `rows[0].name`: rows[0] is a character.
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => match access.field() {
                PropertyAccessField::Expr(_) => access.target().flatten(),
                PropertyAccessField::Const(_) => return,
            },
            target => target,
        };
        if !self.linter.known.every_string_has(name) {
            self.not_parsed(text, &format!("`{name}` is read of"), at);
        }
    }

    /// A value is gone through element by element.
    pub(super) fn taken_apart(&mut self, value: &Expression, at: Position) {
        self.needs_value(value, at, "it has no elements");
        self.not_parsed(value, "the elements are taken of", at);
    }

    /// Notes that something is done with `text` as if it were more than the JSON text that it is.
    fn not_parsed(&mut self, text: &Expression, what: &str, at: Position) {
        let (function, variable) = match text.flatten() {
            Expression::Identifier(name) => match self.scopes.find(name.sym()) {
                Some(Holds::Json(function)) => (function, Some(name.sym())),
                _ => return,
            },
            text => match self.json_call(text) {
                Some(function) => (function, None),
                None => return,
            },
        };
        let Some(spec) = self.linter.vocabulary.start.functions.get(function) else { return };
        let message = format!("{what} what utils.{} returned, which is JSON text", spec.name);
        let help = format!("write JSON.parse(utils.{}(…))", spec.name);
        let finding = warning(Rule::OutcomeNotParsed, at, message, help);
        self.notes.note(Noted { finding, about: String::new(), variable });
    }

    /// The object that an expression leads to, if its members are known, and how it is written.
    pub(super) fn known_object(&self, expression: &Expression) -> Option<(String, &'a Members)> {
        if let Some(name) = self.free(expression) {
            return self.linter.known.object(name).map(|members| (name.to_owned(), members));
        }
        let Expression::PropertyAccess(PropertyAccess::Simple(access)) = expression.flatten() else {
            return None;
        };
        let (name, _) = self.field(access.field())?;
        let (object, members) = self.known_object(access.target())?;
        Some((format!("{object}.{name}"), members.get(name)?.members.as_ref()?))
    }

    /// The variable at the beginning of `a.b.c` and the names behind it; `None` where there are more than anything known has.
    fn chain(&self, access: &SimplePropertyAccess) -> Option<(Identifier, Vec<&'a str>)> {
        let mut members = vec![self.field(access.field())?.0];
        let mut target = access.target().flatten();
        loop {
            match target {
                Expression::Identifier(root) => {
                    members.reverse();
                    return Some((*root, members));
                }
                Expression::PropertyAccess(PropertyAccess::Simple(inner)) if members.len() < MAX_CHAIN => {
                    members.push(self.field(inner.field())?.0);
                    target = inner.target().flatten();
                }
                _ => return None,
            }
        }
    }

    /// A name or a member as the file writes it.
    pub(super) fn written(&self, expression: &Expression) -> Option<String> {
        match expression.flatten() {
            Expression::Identifier(name) => self.text(name.sym()).map(str::to_owned),
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                let (root, members) = self.chain(access)?;
                Some(format!("{}.{}", self.text(root.sym())?, members.join(".")))
            }
            _ => None,
        }
    }

    /// The name behind a dot, or the text in brackets.
    pub(super) fn field(&self, field: &PropertyAccessField) -> Option<(&'a str, Position)> {
        match field {
            PropertyAccessField::Const(name) => Some((self.text(name.sym())?, name.span().start())),
            PropertyAccessField::Expr(expression) => {
                Some((self.literal(expression)?, expression.span().start()))
            }
        }
    }

    /// The name of a property, where it is written out.
    pub(super) fn property_name(&self, name: &PropertyName) -> Option<&'a str> {
        match name {
            PropertyName::Literal(name) => self.text(name.sym()),
            PropertyName::Computed(value) => self.literal(value),
        }
    }

    /// The text of a literal.
    pub(super) fn literal(&self, expression: &Expression) -> Option<&'a str> {
        match expression.flatten() {
            Expression::Literal(literal) => match literal.kind() {
                LiteralKind::String(text) => self.text(*text),
                _ => None,
            },
            _ => None,
        }
    }
}

fn list(members: &Members) -> String {
    let names: Vec<_> = members.names().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
