//! Whether an expression names only what there is, and can be true or false: said when the policy
//! is read, not about the first image.

use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
};
use cel::{Context, ExecutionError, Value};

use super::{ConditionError, ENVIRONMENT, PREDICATE};

/// The functions and macros that a message offers; others are those of optional values.
const FUNCTIONS: &str = "all, bytes, contains, double, endsWith, exists, exists_one, filter, has, int, \
                         map, matches, size, startsWith, string, type, uint";

/// Checks an expression as it was written, macros expanded.
pub(super) fn check(expression: &IdedExpr) -> Result<(), ConditionError> {
    let mut reader = Reader {
        context: Context::with_env(Arc::clone(&ENVIRONMENT)),
        variables: vec![PREDICATE.to_owned()],
    };
    reader.visit(expression)?;
    match no_boolean(expression) {
        Some(found) => Err(ConditionError::NotBoolean { found }),
        None => Ok(()),
    }
}

struct Reader<'c> {
    /// Knows the functions and types of the environment, and no variable.
    context: Context<'c, 'c>,
    /// The variables in scope.
    variables: Vec<String>,
}

impl Reader<'_> {
    fn visit(&mut self, expression: &IdedExpr) -> Result<(), ConditionError> {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => match self.is_variable(name) || self.knows(expression) {
                true => Ok(()),
                false => Err(ConditionError::NoVariable(name.clone())),
            },
            Expr::Select(select) => self.visit(&select.operand),
            Expr::List(list) => list.elements.iter().try_for_each(|one| self.visit(one)),
            Expr::Map(map) => map
                .entries
                .iter()
                .try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(structure) => structure
                .entries
                .iter()
                .try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => self.call(call),
        }
    }

    fn entry(&mut self, entry: &EntryExpr) -> Result<(), ConditionError> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key)?;
                self.visit(&entry.value)
            }
        }
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<(), ConditionError> {
        self.visit(&comprehension.iter_range)?;
        self.visit(&comprehension.accu_init)?;
        let known = self.variables.len();
        self.variables.push(comprehension.iter_var.clone());
        self.variables.extend(comprehension.iter_var2.clone());
        self.variables.push(comprehension.accu_var.clone());
        self.visit(&comprehension.loop_cond)?;
        self.visit(&comprehension.loop_step)?;
        self.visit(&comprehension.result)?;
        self.variables.truncate(known);
        Ok(())
    }

    fn call(&mut self, call: &CallExpr) -> Result<(), ConditionError> {
        call.args.iter().try_for_each(|one| self.visit(one))?;
        // `optional.of(x)`: what stands before the dot is a part of the name.
        let namespace = call
            .target
            .as_deref()
            .filter(|target| root(target).is_some_and(|name| !self.is_variable(name)));
        if let (Some(target), None) = (&call.target, namespace) {
            self.visit(target)?;
        }
        // `matches` is our own (`super::compile`).
        let named = call.func_name.starts_with(char::is_alphabetic);
        if !named || call.func_name == "matches" {
            return Ok(());
        }
        let null = || IdedExpr {
            id: 0,
            expr: Expr::Literal(LiteralValue::Null),
        };
        let target = call.target.as_ref().map(|target| match namespace {
            Some(_) => target.clone(),
            None => Box::new(null()),
        });
        let without_values = IdedExpr {
            id: 0,
            expr: Expr::Call(CallExpr {
                func_name: call.func_name.clone(),
                target,
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
            operators::SUBSTRACT
            | operators::MULTIPLY
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
            _ => None,
        },
        Expr::Unspecified | Expr::Ident(_) | Expr::Select(_) | Expr::Struct(_) => None,
    }
}

/// The name that a chain of fields begins with; none of anything else.
pub(super) fn root(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Ident(name) => Some(name),
        Expr::Select(select) if !select.test => root(&select.operand),
        _ => None,
    }
}
