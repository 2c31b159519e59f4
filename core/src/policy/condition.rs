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
        let program =
            Program::compile(source).map_err(|error| ConditionError::Syntax(error.to_string()))?;
        Ok(Self {
            source: source.to_owned(),
            program: Arc::new(program),
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

/// Whether every condition is true of this predicate.
///
/// # Errors
/// `condition_failed` if one is false, `condition_error` if one cannot be evaluated or
/// gives no boolean: a field that is absent is no proof.
pub(crate) fn check(conditions: &[Condition], predicate: &serde_json::Value) -> Result<(), Reason> {
    let Some(first) = conditions.first() else {
        return Ok(());
    };
    let context = context(predicate).map_err(|why| first.error(&why))?;
    conditions
        .iter()
        .try_for_each(|condition| condition.evaluate(&context))
}

/// What the conditions on one predicate see; none of them can change it.
fn context(predicate: &serde_json::Value) -> Result<Context<'static, 'static>, String> {
    let mut context = Context::default();
    context
        .add_variable("predicate", predicate)
        .map_err(|error| error.to_string())?;
    context
        .add_function("matches", matches)
        .map_err(|error| error.to_string())?;
    Ok(context)
}

impl Condition {
    fn evaluate(&self, context: &Context<'_, '_>) -> Result<(), Reason> {
        match self.program.execute(context) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(Value::Bool(false)) => Err(Reason::new(
                Code::ConditionFailed,
                format!("the condition {:?} is false", self.source),
            )),
            Ok(other) => Err(self.error(&format!(
                "expected true or false, found {:?}",
                other.type_of()
            ))),
            Err(error) => Err(self.error(&error.to_string())),
        }
    }

    fn error(&self, why: &str) -> Reason {
        Reason::new(
            Code::ConditionError,
            format!("the condition {:?} cannot be evaluated: {why}", self.source),
        )
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
