//! How commands end.

/// How a command ended; the process exits with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done; every image is verified.
    Verified = 0,
    /// An image is not verified.
    NotVerified = 1,
    /// It could not be decided.
    Undecided = 2,
    /// Told to stop, the service left something unfinished: requests were cut off, or lines of the
    /// audit log not written.
    Unfinished = 3,
    /// The command or its configuration is wrong.
    Usage = 64,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
