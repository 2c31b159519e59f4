//! Conditions on predicates, in the Common Expression Language (CEL).
//!
//! The one variable is `predicate`. Evaluation has no clock, no IO and no state.
//! `text.matches(pattern)` finds the pattern anywhere in the text, as CEL defines it, in
//! linear time; there are no functions of time.

use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, ExecutionError, Program, Value};

use super::Condition;
use crate::reason::{Code, Reason};

/// The most bytes of an expression.
const MAX_BYTES: usize = 4096;

impl Condition {
    /// Reads an expression.
    ///
    /// # Errors
    /// If it is empty, longer than 4096 bytes, or not CEL.
    pub fn new(source: &str) -> Result<Self, ConditionError> {
        if source.trim().is_empty() {
            return Err(ConditionError::Empty);
        }
        if source.len() > MAX_BYTES {
            return Err(ConditionError::TooLong(source.len()));
        }
        Program::compile(source).map_err(|error| ConditionError::Syntax(error.to_string()))?;
        Ok(Self {
            source: source.to_owned(),
        })
    }
}

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// Nothing.
    #[error("expected a CEL expression, found an empty string")]
    Empty,
    /// More than 4096 bytes.
    #[error("expected a CEL expression of at most {MAX_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// Not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
}

/// Whether the condition is true of this predicate.
///
/// # Errors
/// `condition_failed` if it is false, `condition_error` if it cannot be evaluated or
/// gives no boolean: a field that is absent is no proof.
pub(crate) fn check(condition: &Condition, predicate: &serde_json::Value) -> Result<(), Reason> {
    let error = |why: String| {
        Reason::new(
            Code::ConditionError,
            format!(
                "the condition {:?} cannot be evaluated: {why}",
                condition.source
            ),
        )
    };
    let program = Program::compile(&condition.source).map_err(|e| error(e.to_string()))?;
    let mut context = Context::default();
    context
        .add_variable("predicate", predicate)
        .map_err(|e| error(e.to_string()))?;
    context
        .add_function("matches", matches)
        .map_err(|e| error(e.to_string()))?;
    match program.execute(&context) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(Value::Bool(false)) => Err(Reason::new(
            Code::ConditionFailed,
            format!("the condition {:?} is false", condition.source),
        )),
        Ok(other) => Err(error(format!(
            "expected true or false, found {:?}",
            other.type_of()
        ))),
        Err(e) => Err(error(e.to_string())),
    }
}

/// CEL's `matches`, by our own regular expressions: bounded in size, linear in time.
// The signature is the one that `cel` calls functions by.
#[allow(clippy::needless_pass_by_value)]
fn matches(This(text): This<Arc<String>>, pattern: Arc<String>) -> Result<bool, ExecutionError> {
    regex::RegexBuilder::new(&pattern)
        .size_limit(1 << 20)
        .build()
        .map(|regex| regex.is_match(&text))
        .map_err(|error| ExecutionError::function_error("matches", error.to_string()))
}
