//! Counts what the conditions on one attestation cost.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cel::ExecutionError;
use cel::common::types::Type;
use cel::common::value::{StaticVal, Val};

/// The variable that holds it. Nothing that is written in CEL can name it.
pub(super) const NAME: &str = "@meter";

static TYPE: Type = Type::new_unspecified_type("sealgate.Meter");

/// The steps that are left. A value of CEL, so that functions are given it; clones count
/// together.
#[derive(Clone, Debug)]
pub(super) struct Meter(Arc<Count>);

#[derive(Debug)]
struct Count {
    left: AtomicUsize,
    exceeded: AtomicBool,
    bad_pattern: AtomicBool,
}

/// Why an evaluation has no result, whatever the expression makes of the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overrun {
    /// It takes more steps than it may.
    Steps,
    /// A pattern that came with the data cannot be used.
    Pattern,
}

impl Meter {
    pub(super) fn new(steps: usize) -> Self {
        Self(Arc::new(Count {
            left: AtomicUsize::new(steps),
            exceeded: AtomicBool::new(false),
            bad_pattern: AtomicBool::new(false),
        }))
    }

    /// Takes steps, or fails; then every later one fails, too, so that the evaluation ends soon.
    pub(super) fn pay(&self, steps: usize) -> Result<(), ExecutionError> {
        let count = &*self.0;
        let left = count.left.load(Ordering::Relaxed);
        let paid = left.checked_sub(steps).filter(|_| self.overrun().is_none());
        match paid {
            Some(left) => {
                count.left.store(left, Ordering::Relaxed);
                Ok(())
            }
            None => {
                if self.overrun().is_none() {
                    count.exceeded.store(true, Ordering::Relaxed);
                }
                Err(stopped())
            }
        }
    }

    /// Ends the evaluation: a pattern cannot be used.
    pub(super) fn bad_pattern(&self) -> ExecutionError {
        self.0.bad_pattern.store(true, Ordering::Relaxed);
        stopped()
    }

    /// Why it was ended, if it was.
    pub(super) fn overrun(&self) -> Option<Overrun> {
        if self.0.exceeded.load(Ordering::Relaxed) {
            Some(Overrun::Steps)
        } else if self.0.bad_pattern.load(Ordering::Relaxed) {
            Some(Overrun::Pattern)
        } else {
            None
        }
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
