//! Points in time and validity windows. Nothing here knows what time it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnixTime(i64);

impl UnixTime {
    /// The time `seconds` after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds after the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This time moved by `seconds`, stopping at the ends of the range.
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl FromStr for UnixTime {
    type Err = TimeError;

    /// Reads an RFC 3339 time with its offset; fractions of a second are cut off.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError(text.chars().take(40).collect());
        let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        Ok(Self(time.as_second()))
    }
}

impl fmt::Display for UnixTime {
    /// RFC 3339 in UTC; the bare number where the year would not have four digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl TryFrom<String> for UnixTime {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<UnixTime> for String {
    fn from(time: UnixTime) -> Self {
        time.to_string()
    }
}

/// A text that is not an RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 time such as 2026-01-31T12:00:00Z, found {0:?}")]
pub struct TimeError(String);

/// A span of time, both ends included; a missing end is open.
///
/// Inclusive as in Sigstore's `TimeRange` (`validFor`) and RFC 5280 section 4.1.2.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first moment inside.
    pub start: Option<UnixTime>,
    /// The last moment inside.
    pub end: Option<UnixTime>,
}

impl Window {
    /// The window without bounds.
    pub const ALWAYS: Self = Self {
        start: None,
        end: None,
    };

    /// Whether `time` lies inside.
    pub fn contains(&self, time: UnixTime) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.start, self.end) {
            (None, None) => f.write_str("always"),
            (Some(start), None) => write!(f, "from {start}"),
            (None, Some(end)) => write!(f, "until {end}"),
            (Some(start), Some(end)) => write!(f, "from {start} until {end}"),
        }
    }
}

/// The earlier of two times, where there are any.
pub(crate) fn earliest(a: Option<UnixTime>, b: Option<UnixTime>) -> Option<UnixTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let time: UnixTime = "2026-01-31T13:00:00.9+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-31T12:00:00Z");
        assert!("yesterday".parse::<UnixTime>().is_err());
    }

    #[test]
    fn windows_include_both_ends_ops_06() {
        let at = UnixTime::from_seconds;
        let window = Window {
            start: Some(at(10)),
            end: Some(at(20)),
        };
        assert!([10, 15, 20].into_iter().all(|t| window.contains(at(t))));
        assert!([9, 21].into_iter().all(|t| !window.contains(at(t))));
        assert!(Window::ALWAYS.contains(at(i64::MIN)));
    }
}
