//! What an expression of a file stands for, as far as that can be told without running anything: the names in scope, the
//! engine's and the host's globals, modules that are loaded, and the data below them. Getters and proxies are not asked.

use boa_engine::ast::expression::access::{PropertyAccess, PropertyAccessField};
use boa_engine::ast::expression::literal::LiteralKind;
use boa_engine::ast::expression::{Expression, OptionalOperationKind};
use boa_engine::interner::{Interner, Sym};
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsProxy;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsString, JsValue};

use super::state::State;
use super::suspects::{Object, Suspects};

/// Names that stand for names.
const MAX_DEPTH: usize = 16;
/// Characters of an expression that are shown.
const MAX_SHOWN: usize = 80;

/// What is known of an expression.
pub(super) enum Known {
    Value(JsValue),
    /// It is neither null nor undefined.
    Something,
    Nothing,
}

impl Known {
    /// `undefined` or `null`, where it is known to be that.
    pub(super) fn nullish(&self) -> Option<&'static str> {
        match self {
            Self::Value(value) if value.is_undefined() => Some("undefined"),
            Self::Value(value) if value.is_null() => Some("null"),
            _ => None,
        }
    }

    /// Whether it is known to be neither.
    pub(super) fn is_something(&self) -> bool {
        match self {
            Self::Value(value) => !value.is_null_or_undefined(),
            Self::Something => true,
            Self::Nothing => false,
        }
    }
}

/// What is asked.
pub(super) struct Knowledge<'k, 'a> {
    pub(super) suspects: &'k Suspects<'a>,
    pub(super) interner: &'k Interner,
    pub(super) state: &'k State,
    pub(super) global: JsObject,
    /// The index of the file.
    pub(super) file: usize,
}

impl<'a> Knowledge<'_, 'a> {
    pub(super) fn name(&self, name: Sym) -> String {
        self.interner.resolve_expect(name).to_string()
    }

    /// What an expression stands for where `scope` is seen.
    pub(super) fn of(&self, expression: &Expression, scope: usize) -> Known {
        self.at_depth(expression, scope, 0)
    }

    /// What a member is asked of.
    pub(super) fn of_object(&self, object: Object<'_>, scope: usize) -> Known {
        match object {
            Object::Whole(expression) => self.of(expression, scope),
            Object::Chain(..) => Known::Nothing,
        }
    }

    fn at_depth(&self, expression: &Expression, scope: usize, depth: usize) -> Known {
        if depth == MAX_DEPTH {
            return Known::Nothing;
        }
        match expression.flatten() {
            Expression::Identifier(name) => match self.suspects.scope_of(scope, name.sym()) {
                Some(declared) => match declared.names.get(&name.sym()) {
                    Some(Some(value)) => self.at_depth(value, scope, depth + 1),
                    _ => Known::Nothing,
                },
                None => self.outer(&self.name(name.sym())),
            },
            Expression::Literal(literal) => match literal.kind() {
                LiteralKind::Null => Known::Value(JsValue::null()),
                LiteralKind::Undefined => Known::Value(JsValue::undefined()),
                LiteralKind::Num(number) => Known::Value((*number).into()),
                LiteralKind::Int(number) => Known::Value((*number).into()),
                LiteralKind::Bool(value) => Known::Value((*value).into()),
                LiteralKind::String(text) => Known::Value(JsString::from(self.name(*text)).into()),
                LiteralKind::BigInt(_) => Known::Something,
            },
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                match (self.at_depth(access.target(), scope, depth + 1), self.key(access.field())) {
                    (Known::Value(value), Some(key)) => self.member(&value, &key),
                    _ => Known::Nothing,
                }
            }
            Expression::Call(call) => match (call.function().flatten(), call.args()) {
                (Expression::Identifier(name), [path]) if self.name(name.sym()) == "require" => {
                    let path = path.flatten();
                    let Expression::Literal(path) = path else { return Known::Nothing };
                    let path = path.as_string().map(|path| self.name(path));
                    path.and_then(|path| self.state.modules.exports(self.file, &path))
                        .map_or(Known::Nothing, Known::Value)
                }
                _ => Known::Nothing,
            },
            Expression::ArrayLiteral(_)
            | Expression::ObjectLiteral(_)
            | Expression::FunctionExpression(_)
            | Expression::ArrowFunction(_)
            | Expression::AsyncArrowFunction(_)
            | Expression::AsyncFunctionExpression(_)
            | Expression::GeneratorExpression(_)
            | Expression::AsyncGeneratorExpression(_)
            | Expression::ClassExpression(_)
            | Expression::TemplateLiteral(_)
            | Expression::RegExpLiteral(_)
            | Expression::New(_)
            | Expression::Binary(_) // of these only `&&`, `||` and `??` may be nothing
                if !is_logical(expression.flatten()) =>
            {
                Known::Something
            }
            _ => Known::Nothing,
        }
    }

    /// A name that the file does not declare.
    fn outer(&self, name: &str) -> Known {
        let scope = self.state.scope.borrow();
        if let Some(index) = super::compile::NAMES.iter().position(|known| *known == name) {
            return scope.get(index).cloned().map_or(Known::Something, Known::Value);
        }
        self.data(&self.global, &JsString::from(name).into())
    }

    fn key(&self, field: &PropertyAccessField) -> Option<PropertyKey> {
        match field {
            PropertyAccessField::Const(name) => Some(JsString::from(self.name(name.sym())).into()),
            PropertyAccessField::Expr(expression) => match expression.flatten() {
                Expression::Literal(literal) => match literal.kind() {
                    LiteralKind::String(text) => Some(JsString::from(self.name(*text)).into()),
                    LiteralKind::Int(index) => Some(u32::try_from(*index).ok()?.into()),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    fn member(&self, value: &JsValue, key: &PropertyKey) -> Known {
        value.as_object().map_or(Known::Nothing, |object| self.data(&object, key))
    }

    /// A member that is data, also an inherited one.
    fn data(&self, object: &JsObject, key: &PropertyKey) -> Known {
        let mut next = Some(object.clone());
        for _ in 0..MAX_DEPTH {
            let Some(object) = next else { return Known::Value(JsValue::undefined()) };
            if JsProxy::from_object(object.clone()).is_ok() {
                return Known::Nothing;
            }
            let found = object.borrow().properties().get(key);
            if let Some(property) = found {
                let getter = property.get().and_then(JsValue::as_object);
                let value = property.value().cloned().or_else(|| self.state.shielded(&getter?));
                return value.map_or(Known::Nothing, Known::Value);
            }
            next = object.prototype();
        }
        Known::Nothing
    }

    /// How an expression is written, when that is short enough to be said.
    pub(super) fn shown(&self, expression: &Expression) -> Option<String> {
        let shown = match expression.flatten() {
            Expression::This(_) => "this".to_owned(),
            Expression::Identifier(name) => self.name(name.sym()),
            Expression::Literal(literal) => match literal.kind() {
                LiteralKind::Null => "null".to_owned(),
                LiteralKind::Undefined => "undefined".to_owned(),
                LiteralKind::Int(number) => number.to_string(),
                LiteralKind::String(text) => format!("{:?}", self.name(*text)),
                _ => return None,
            },
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => {
                format!("{}{}", self.shown(access.target())?, self.field(access.field()))
            }
            Expression::Call(call) => format!("{}(…)", self.shown(call.function())?),
            Expression::Await(awaited) => format!("await {}", self.shown(awaited.target())?),
            _ => return None,
        };
        (shown.chars().count() <= MAX_SHOWN).then_some(shown)
    }

    pub(super) fn shown_object(&self, object: Object<'_>) -> Option<String> {
        match object {
            Object::Whole(expression) => self.shown(expression),
            Object::Chain(chain, operations) => {
                let mut shown = self.shown(chain.target())?;
                for operation in &chain.chain()[..operations] {
                    let dot = if operation.shorted() { "?" } else { "" };
                    shown.push_str(dot);
                    match operation.kind() {
                        OptionalOperationKind::SimplePropertyAccess { field } => {
                            shown.push_str(&self.field(field));
                        }
                        OptionalOperationKind::Call { .. } => shown.push_str("(…)"),
                        OptionalOperationKind::PrivatePropertyAccess { .. } => return None,
                    }
                }
                Some(shown)
            }
        }
    }

    fn field(&self, field: &PropertyAccessField) -> String {
        match field {
            PropertyAccessField::Const(name) => format!(".{}", self.name(name.sym())),
            PropertyAccessField::Expr(expression) => {
                format!("[{}]", self.shown(expression).as_deref().unwrap_or("…"))
            }
        }
    }

    /// The expression that a `const` was given, where one names it.
    pub(super) fn meaning<'e>(&self, expression: &'e Expression, scope: usize) -> &'e Expression
    where
        'a: 'e,
    {
        let mut meant = expression.flatten();
        for _ in 0..MAX_DEPTH {
            meant = match meant {
                Expression::Await(awaited) => awaited.target().flatten(),
                Expression::Identifier(name) => {
                    let scope = self.suspects.scope_of(scope, name.sym());
                    match scope.and_then(|scope| *scope.names.get(&name.sym())?) {
                        Some(value) => value.flatten(),
                        None => break,
                    }
                }
                _ => break,
            };
        }
        meant
    }
}

fn is_logical(expression: &Expression) -> bool {
    use boa_engine::ast::expression::operator::binary::BinaryOp;
    matches!(expression, Expression::Binary(binary) if matches!(binary.op(), BinaryOp::Logical(_) | BinaryOp::Comma))
}

/// The names of an object's members, inherited ones too, but not what every object has.
pub(super) fn members(object: &JsObject, context: &mut Context) -> Vec<String> {
    let everything = context.intrinsics().constructors().object().prototype();
    let mut names = Vec::new();
    let mut next = Some(object.clone());
    for _ in 0..MAX_DEPTH {
        let Some(object) = next.filter(|object| !JsObject::equals(object, &everything)) else { break };
        if JsProxy::from_object(object.clone()).is_ok() {
            break;
        }
        let keys = object.own_property_keys(context).unwrap_or_default();
        names.extend(keys.iter().filter_map(|key| match key {
            PropertyKey::String(name) => Some(name.to_std_string_lossy()),
            _ => None,
        }));
        next = object.prototype();
    }
    names
}
