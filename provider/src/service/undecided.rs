//! Why no answer could be given. Never a statement about the image, and never cached.

use std::fmt;

use crate::registry::{Cause, RegistryError};

/// Why no answer could be given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Undecided {
    /// The registry did not give what was asked for.
    Registry(RegistryError),
    /// Trust material is missing.
    Core(sealgate_core::Undecided),
    /// The time of this request was up. The work goes on.
    Deadline,
    /// Too much is being fetched already.
    Overloaded,
    /// A defect of this program.
    Crashed,
}

/// The classes of [`Undecided`], for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub(crate) enum UndecidedCause {
    /// The registry's, by its class.
    Registry(Cause),
    /// Trust material is missing.
    TrustMissing,
    /// The time was up.
    Deadline,
    /// Too much at once.
    Overloaded,
    /// A defect.
    Crashed,
}

impl Undecided {
    /// The class.
    pub(crate) fn cause(&self) -> UndecidedCause {
        match self {
            Self::Registry(error) => UndecidedCause::Registry(error.cause()),
            Self::Core(_) => UndecidedCause::TrustMissing,
            Self::Deadline => UndecidedCause::Deadline,
            Self::Overloaded => UndecidedCause::Overloaded,
            Self::Crashed => UndecidedCause::Crashed,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Core(undecided) => undecided.code(),
            other => other.cause().code(),
        }
    }

    /// What only whoever runs sealgate can do about it: no part of the message.
    pub(crate) fn admin_hint(&self) -> Option<&'static str> {
        match self {
            Self::Registry(error) => error.admin_hint(),
            _ => None,
        }
    }
}

impl UndecidedCause {
    /// The stable name.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Registry(cause) => cause.code(),
            Self::TrustMissing => "trust_missing",
            Self::Deadline => "deadline_exceeded",
            Self::Overloaded => "overloaded",
            Self::Crashed => "internal_error",
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => write!(f, "{error}"),
            Self::Core(undecided) => write!(f, "{undecided}"),
            Self::Deadline => f.write_str(
                "the registry took longer than timeouts.request; fetching goes on, try again",
            ),
            Self::Overloaded => f.write_str(
                "too much else is fetched or judged already, or waits for it; try again",
            ),
            Self::Crashed => f.write_str("a defect of sealgate, which its log describes"),
        }
    }
}

impl std::error::Error for Undecided {}

impl From<RegistryError> for Undecided {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl From<sealgate_core::Undecided> for Undecided {
    fn from(undecided: sealgate_core::Undecided) -> Self {
        Self::Core(undecided)
    }
}
