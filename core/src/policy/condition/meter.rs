//! Counts what the conditions on one attestation cost, in the budget of the verdict.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use cel::ExecutionError;
use cel::common::types::Type;
use cel::common::value::{StaticVal, Val};

use crate::budget::{self, Work};

/// The variable that holds it. Nothing that is written in CEL can name it.
pub(super) const NAME: &str = "@meter";

static TYPE: Type = Type::new_unspecified_type("sealgate.Meter");

/// What is paid with. A value of CEL, so that functions are given it; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    bad_pattern: Arc<AtomicBool>,
    false_part: Arc<AtomicUsize>,
    /// For how many seconds more every comparison of times comes out as it did.
    unchanged: Arc<AtomicI64>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            bad_pattern: Arc::default(),
            false_part: Arc::default(),
            unchanged: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }
}

impl Meter {
    /// Takes steps, or fails; then every later one fails, too, so that the evaluation ends soon.
    pub(super) fn pay(&self, steps: usize) -> Result<(), ExecutionError> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        match budget::charge(Work::ConditionSteps, steps) {
            Ok(()) if !self.is_pattern_bad() => Ok(()),
            _ => Err(stopped()),
        }
    }

    /// Ends the evaluation: a pattern that came with the data cannot be used.
    pub(super) fn bad_pattern(&self) -> ExecutionError {
        self.bad_pattern.store(true, Ordering::Relaxed);
        stopped()
    }

    /// Whether that ended it, whatever the expression made of the error.
    pub(super) fn is_pattern_bad(&self) -> bool {
        self.bad_pattern.load(Ordering::Relaxed)
    }

    /// Notes which part of a conjunction is false; that ends it.
    pub(super) fn note_false(&self, part: usize) {
        self.false_part.store(part, Ordering::Relaxed);
    }

    /// The part of a conjunction that was false; where there is one part, that.
    pub(super) fn false_part(&self) -> usize {
        self.false_part.load(Ordering::Relaxed)
    }

    /// Notes that a comparison comes out as it did for so many seconds more.
    pub(super) fn note_change(&self, seconds: i64) {
        self.unchanged.fetch_min(seconds, Ordering::Relaxed);
    }

    /// For how many seconds all of them do; none if for ever.
    pub(super) fn unchanged(&self) -> Option<i64> {
        let seconds = self.unchanged.load(Ordering::Relaxed);
        (seconds != i64::MAX).then_some(seconds)
    }
}

fn stopped() -> ExecutionError {
    ExecutionError::function_error("meter", "stopped")
}

impl Val for Meter {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Meter {}
