//! Whether an expression names only what there is, and can be true or false: said when the policy
//! is read, not about the first image.

use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};
use cel::{Context, ExecutionError, Value};

use super::{ConditionError, ENVIRONMENT, texts, variables};

/// The functions and macros that a message offers; others are those of optional values.
const FUNCTIONS: &str = "all, bytes, charAt, contains, double, duration, endsWith, exists, exists_one, \
                         filter, has, indexOf, int, join, lastIndexOf, lowerAscii, map, matches, \
                         replace, size, split, startsWith, string, substring, timestamp, trim, \
                         type, uint, upperAscii";

/// The function that is our own (`super::compile`): it stands in no namespace.
const MATCHES: &str = "matches";

/// The names that an expression may use where it stands.
pub(super) struct Names {
    /// Knows the functions and types of the environment, and no variable.
    context: Context<'static, 'static>,
    /// The variables in scope.
    variables: Vec<String>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            context: Context::with_env(Arc::clone(&ENVIRONMENT)),
            variables: variables::names().map(str::to_owned).collect(),
        }
    }

    /// Adds the variables of a comprehension; until how many there were is given to
    /// [`leave`](Self::leave).
    pub(super) fn enter(&mut self, comprehension: &ComprehensionExpr) -> usize {
        let known = self.variables.len();
        self.variables.push(comprehension.iter_var.clone());
        self.variables.extend(comprehension.iter_var2.clone());
        self.variables.push(comprehension.accu_var.clone());
        known
    }

    pub(super) fn leave(&mut self, known: usize) {
        self.variables.truncate(known);
    }

    /// The variable that an expression is, unless a comprehension has its name for something else.
    pub(super) fn variable(&self, expression: &IdedExpr) -> Option<&'static str> {
        let Expr::Ident(name) = &expression.expr else {
            return None;
        };
        let place = self.variables.iter().rposition(|known| known == name)?;
        let own = place < variables::names().count();
        variables::named(name).filter(|_| own)
    }

    /// The variable that an expression begins with, and the names of the fields that lead on from
    /// there, if it is nothing else.
    pub(super) fn path(&self, expression: &IdedExpr) -> Option<(&'static str, Vec<String>)> {
        let (operand, field) = match &expression.expr {
            Expr::Ident(_) => return Some((self.variable(expression)?, Vec::new())),
            Expr::Select(select) => (&*select.operand, select.field.as_str()),
            Expr::Call(call) => by_key(call)?,
            _ => return None,
        };
        let (variable, mut path) = self.path(operand)?;
        path.push(field.to_owned());
        Some((variable, path))
    }

    /// Checks a name that stands for a value: a variable or a type.
    pub(super) fn check_variable(&self, expression: &IdedExpr) -> Result<(), ConditionError> {
        match root(expression) {
            Some(name) if !self.is_variable(name) && !self.knows(expression) => {
                Err(ConditionError::NoVariable(name.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether what stands before the dot is a value. In `optional.of(x)` it is a part of the name.
    pub(super) fn target_is_value(&self, call: &CallExpr) -> bool {
        call.target.as_deref().is_some_and(|target| {
            call.func_name == MATCHES
                || texts::own(&call.func_name).is_some()
                || root(target).is_none_or(|name| self.is_variable(name))
        })
    }

    /// Checks the name of a function.
    pub(super) fn check_function(&self, call: &CallExpr) -> Result<(), ConditionError> {
        if let Some(own) = texts::own(&call.func_name) {
            return own.check(self.target_is_value(call), &call.args);
        }
        let named = call.func_name.starts_with(char::is_alphabetic);
        if !named || call.func_name == MATCHES {
            return Ok(());
        }
        let null = || IdedExpr {
            id: 0,
            expr: Expr::Literal(LiteralValue::Null),
        };
        let is_value = self.target_is_value(call);
        let namespace = call.target.as_deref().filter(|_| !is_value);
        let without_values = IdedExpr {
            id: 0,
            expr: Expr::Call(CallExpr {
                func_name: call.func_name.clone(),
                target: match namespace {
                    Some(namespace) => Some(Box::new(namespace.clone())),
                    None => call.target.as_ref().map(|_| Box::new(null())),
                },
                args: call.args.iter().map(|_| null()).collect(),
            }),
        };
        match (self.knows(&without_values), namespace.and_then(root)) {
            (true, _) => Ok(()),
            (false, Some(name)) => Err(ConditionError::NoVariable(name.to_owned())),
            (false, None) => Err(ConditionError::NoFunction {
                name: call.func_name.clone(),
                known: FUNCTIONS,
            }),
        }
    }

    /// Whether the environment knows a name, whatever else it has to say.
    fn knows(&self, named: &IdedExpr) -> bool {
        let found = Value::resolve_val(named, &self.context);
        !matches!(found, Err(ExecutionError::UndeclaredReference(_)))
    }

    fn is_variable(&self, name: &str) -> bool {
        self.variables.iter().any(|known| known == name)
    }
}

/// What a call takes a field of, if it is `value["field"]`, and the field.
pub(super) fn by_key(call: &CallExpr) -> Option<(&IdedExpr, &str)> {
    let by_key = matches!(
        call.func_name.as_str(),
        operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT
    );
    let [operand, key] = call.args.as_slice() else {
        return None;
    };
    match &key.expr {
        Expr::Literal(LiteralValue::String(key)) if by_key => Some((operand, key.inner())),
        _ => None,
    }
}

/// Checks that an expression, as it was written, can be true or false.
pub(super) fn check_result(expression: &IdedExpr) -> Result<(), ConditionError> {
    match no_boolean(expression) {
        Some(found) => Err(ConditionError::NotBoolean { found }),
        None => Ok(()),
    }
}

/// What an expression always gives, if that is neither true nor false.
fn no_boolean(expression: &IdedExpr) -> Option<&'static str> {
    match &expression.expr {
        Expr::Literal(literal) => match literal {
            LiteralValue::Boolean(_) => None,
            LiteralValue::Null => Some("null"),
            LiteralValue::String(_) => Some("a text"),
            LiteralValue::Bytes(_) => Some("bytes"),
            LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => {
                Some("a number")
            }
        },
        Expr::List(_) => Some("a list"),
        Expr::Map(_) => Some("a map"),
        Expr::Comprehension(comprehension) => match &comprehension.accu_init.expr {
            // `map` and `filter`, as their macros are expanded.
            Expr::List(_) => Some("a list"),
            _ => None,
        },
        Expr::Call(call) => match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
                call.args.iter().find_map(no_boolean)
            }
            operators::CONDITIONAL => call.args.iter().skip(1).find_map(no_boolean),
            operators::ADD => Some("a sum"),
            operators::SUBSTRACT => Some("a difference"),
            operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE
            | "size"
            | "int"
            | "uint"
            | "double" => Some("a number"),
            "string" => Some("a text"),
            "bytes" => Some("bytes"),
            "type" => Some("a type"),
            name => texts::own(name).map(|own| own.gives),
        },
        Expr::Ident(name) if name == variables::NOW => Some("a time"),
        // A predicate may be anything.
        Expr::Ident(name) if name == variables::PREDICATE => None,
        Expr::Ident(name) => variables::named(name).map(|_| "a map"),
        Expr::Select(select) if !select.test => of_rule(select),
        Expr::Unspecified | Expr::Select(_) | Expr::Struct(_) => None,
    }
}

/// What another rule's attestation always is, and those of its fields that are always one thing.
fn of_rule(select: &SelectExpr) -> Option<&'static str> {
    let is_rules = |expression: &IdedExpr| matches!(&expression.expr, Expr::Ident(name) if name == variables::ATTESTATIONS);
    match &select.operand.expr {
        _ if is_rules(&select.operand) => Some("a map"),
        Expr::Select(rule) if is_rules(&rule.operand) => match select.field.as_str() {
            variables::FACTS | variables::SIGNER => Some("a map"),
            variables::PREDICATE_TYPE => Some("a text"),
            _ => None,
        },
        _ => None,
    }
}

/// The name that a chain of fields begins with; none of anything else.
fn root(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Ident(name) => Some(name),
        Expr::Select(select) if !select.test => root(&select.operand),
        _ => None,
    }
}
