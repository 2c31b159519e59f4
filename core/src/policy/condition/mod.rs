//! Conditions on predicates, in the Common Expression Language (CEL).
//!
//! The variables are those of `variables.rs`, and each is made for who names it (`view.rs`). Evaluation has no
//! clock, no IO and no state, and its result is the same everywhere: maps are gone through in the
//! order of their keys, and `now` is the time of the judgement (`moments.rs`). What is false shows
//! in a few words what it found (`found.rs`); other messages show no values. `text.matches(pattern)`
//! finds the pattern anywhere in the text, as CEL defines it, in linear time.
//!
//! What a condition costs is counted while it is evaluated (`meter.rs`), in the budget of the
//! verdict (`limits::CONDITION_STEPS`): an element of a list that is gone through is a step, sixteen
//! bytes of text that are looked at are one. Patterns that the expression spells out are
//! compiled when the policy is read; others must be short.

mod compile;
mod found;
mod meter;
mod moments;
mod names;
mod operations;
mod texts;
mod values;
mod variables;
mod view;

use std::sync::{Arc, LazyLock};

use cel::common::types::CelBool;
use cel::{Context, Env, ExecutionError, Value};

use crate::budget;
use crate::limits;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;

use compile::Compiled;
use meter::Meter;
pub(crate) use variables::Reads;
use view::Unmade;
pub(crate) use view::{Circumstances, Other, Others, READ, View};

/// A condition on an attestation, in the Common Expression Language.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The expression as it was written.
    source: String,
    /// The expression, compiled.
    compiled: Arc<Compiled>,
}

impl Condition {
    /// Reads an expression, and compiles the patterns that it spells out.
    ///
    /// # Errors
    /// If it is empty, longer than 4096 bytes, nested deeper than 100 levels, not CEL, names what
    /// there is not, cannot be true or false, or has a pattern that is none or compiles to more
    /// than 1 MiB.
    pub fn new(source: &str) -> Result<Self, ConditionError> {
        if source.trim().is_empty() {
            return Err(ConditionError::Empty);
        }
        if source.len() > limits::CONDITION_BYTES {
            return Err(ConditionError::TooLong(source.len()));
        }
        Ok(Self {
            source: source.to_owned(),
            compiled: Arc::new(Compiled::new(source)?),
        })
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads.
    pub(crate) fn reads(&self) -> &Reads {
        &self.compiled.reads
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
    #[error("expected a CEL expression of at most {max} bytes, found {0}", max = limits::CONDITION_BYTES)]
    TooLong(usize),
    /// Nested too deep.
    #[error("expected a CEL expression of at most {max} nested levels, found more", max = limits::CONDITION_DEPTH)]
    TooDeep,
    /// Not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// A variable that there is not.
    #[error("there is no variable {0:?}; there are {all}", all = variables::names().collect::<Vec<_>>().join(", "))]
    NoVariable(String),
    /// A field that a variable never has.
    #[error("there is no {variable}.{field}; the fields of {variable} are {known}")]
    NoField {
        /// The variable.
        variable: &'static str,
        /// The field.
        field: String,
        /// Those that there are.
        known: String,
    },
    /// Other rules, and not by their names.
    #[error(
        "expected the name of a rule after attestations, as attestations.NAME or attestations['NAME']"
    )]
    AllRules,
    /// A field that no rule's attestation has.
    #[error("there is no {field} of attestations[{rule:?}]; there are {known}")]
    NoRuleField {
        /// The rule.
        rule: String,
        /// The field.
        field: String,
        /// Those that there are.
        known: String,
    },
    /// A function that there is not.
    #[error("there is no function {name:?}; there are {known}")]
    NoFunction {
        /// Its name.
        name: String,
        /// Those that there are.
        known: &'static str,
    },
    /// A function that is called as it cannot be.
    #[error("{name} is called {how}, with {least} to {most} argument(s)")]
    Call {
        /// Its name.
        name: &'static str,
        /// Where it stands, in words.
        how: &'static str,
        /// The fewest arguments that it takes.
        least: usize,
        /// The most.
        most: usize,
    },
    /// A time, or a span of time, that is spelled out and is none.
    #[error("expected {expected}, found {found:?}")]
    Time {
        /// What it has to be, in words.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// It can be neither true nor false.
    #[error("expected an expression that is true or false, found one that is {found}")]
    NotBoolean {
        /// What it is, in words.
        found: &'static str,
    },
    /// A pattern that is none, or too large.
    #[error("the pattern {pattern:?} cannot be used: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        why: String,
    },
}

/// What became of conditions.
pub(crate) struct Checked {
    /// Whether every one is true.
    pub(crate) met: Result<(), Reason>,
    /// Until when that is so, if it depends on the time.
    pub(crate) until: Option<UnixTime>,
}

impl Checked {
    /// What became of them, whenever it is.
    pub(crate) fn without_time(met: Result<(), Reason>) -> Self {
        Self { met, until: None }
    }
}

/// Whether every condition is true of an attestation, whose statement came in through the strict
/// door.
///
/// `condition_failed` if one is false, `condition_error` if one cannot be evaluated or
/// gives no boolean: a field that is absent is no proof. `limit_exceeded` if they take more
/// steps than they may, by the budget that this is called within.
pub(crate) fn check(conditions: &[Condition], view: &View<'_>) -> Checked {
    let meter = Meter::default();
    let met = met(conditions, view, &meter);
    let unchanged = meter.unchanged();
    Checked {
        met,
        until: unchanged.map(|seconds| view.asked.now.plus(seconds)),
    }
}

fn met(conditions: &[Condition], view: &View<'_>, meter: &Meter) -> Result<(), Reason> {
    let mut reads = Reads::default();
    for condition in conditions {
        reads.add(&condition.compiled.reads);
    }
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.add_variable_as_val(meter::NAME, Box::new(meter.clone()));
    match view.add_to(&mut context, &reads, meter) {
        // What was stopped is found out before anything is evaluated.
        Ok(()) | Err(Unmade::Stopped) => {}
        Err(Unmade::Malformed(error)) => {
            return Err(Reason::new(Code::StatementMalformed, error.to_string()));
        }
    }
    conditions.iter().try_for_each(|condition| {
        condition.within_budget()?;
        condition.evaluate(&context, meter)
    })
}

/// The standard functions, and those that count.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    operations::add_to(&mut env);
    texts::add_to(&mut env);
    Arc::new(env)
});

impl Condition {
    fn evaluate(&self, context: &Context<'_, '_>, meter: &Meter) -> Result<(), Reason> {
        let mut scope = context.new_inner_scope();
        scope.add_variable_as_val(
            operations::PATTERNS,
            Box::new(self.compiled.patterns.clone()),
        );
        let result = Value::resolve_val(&self.compiled.expression, &scope);
        // Whatever became of the rest: `true || failing` is true, but not proved in time.
        self.within_budget()?;
        if meter.is_pattern_bad() {
            return Err(self.error("a pattern in the predicate is none, or too large"));
        }
        let value = result.map_err(|error| self.error(&explain(&error)))?;
        match value.downcast_ref::<CelBool>().map(|value| *value.inner()) {
            Some(true) => Ok(()),
            Some(false) => {
                let part = self.compiled.parts.get(meter.false_part());
                let told = part.map(|part| part.is_false(&self.source, &scope, meter));
                self.within_budget()?;
                let told = match told {
                    Some(Ok(told)) => told,
                    _ => format!("the condition {:?} is false", self.source),
                };
                Err(Reason::new(Code::ConditionFailed, told))
            }
            None => Err(self.error(&format!(
                "expected true or false, found a value of type {}",
                value.get_type().name()
            ))),
        }
    }

    fn within_budget(&self) -> Result<(), Reason> {
        let exceeded = |exceeded| {
            Err(Reason::new(
                Code::LimitExceeded,
                format!("the condition {:?}: {exceeded}", self.source),
            ))
        };
        budget::exceeded().map_or(Ok(()), exceeded)
    }

    fn error(&self, why: &str) -> Reason {
        Reason::new(
            Code::ConditionError,
            format!("the condition {:?} cannot be evaluated: {why}", self.source),
        )
    }
}

/// What went wrong, without any value: values are data of others, and maps among them would be
/// printed in another order each time.
fn explain(error: &ExecutionError) -> String {
    if let Some(why) = texts::why_unfit(error) {
        return why.to_owned();
    }
    match error {
        ExecutionError::NoSuchKey(_) => "a field or key that it asks for is absent",
        ExecutionError::IndexOutOfBounds(_) => "a list has no element at an index that it asks for",
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero"
        }
        ExecutionError::Overflow(..) => "a number grows beyond what it can hold",
        ExecutionError::DuplicateKey(_) => "a map has a key twice",
        // Names and types alone.
        ExecutionError::NoSuchOverload(error) => return error.to_string(),
        ExecutionError::UndeclaredReference(name) => return format!("there is no {name:?}"),
        _ => "a value is of a type that an operation does not take",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
