//! Which vulnerabilities of a scan do not count: those that a VEX document clears, and those that
//! a policy has an exception for.

use std::collections::BTreeMap;

use super::vex::{Cleared, Clearing};

/// Why vulnerabilities do not count.
#[derive(Debug, Default)]
pub(crate) struct Excuses {
    cleared: Cleared,
    /// The places of exceptions, by the vulnerabilities that they name.
    exceptions: BTreeMap<String, usize>,
}

/// Why one does not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Why<'e> {
    /// A VEX document says so.
    Cleared(&'e Clearing),
    /// The policy has an exception in this place.
    Exception(usize),
}

impl Excuses {
    /// Of what documents clear, and exceptions in their places.
    pub(crate) fn new(cleared: Cleared, exceptions: BTreeMap<String, usize>) -> Self {
        Self {
            cleared,
            exceptions,
        }
    }

    /// None: everything counts.
    pub(crate) const fn none() -> Self {
        Self {
            cleared: Cleared::none(),
            exceptions: BTreeMap::new(),
        }
    }

    /// Whether everything counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.cleared.is_empty() && self.exceptions.is_empty()
    }

    /// Why a vulnerability in a component does not count. An exception is not needed for what is
    /// cleared.
    pub(super) fn of(&self, id: &str, component: Option<&str>) -> Option<Why<'_>> {
        let cleared = self.cleared.of(id, component).map(Why::Cleared);
        cleared.or_else(|| self.exceptions.get(id).copied().map(Why::Exception))
    }
}
