//! How old a signature may be.

use std::fmt;
use std::str::FromStr;

use crate::reason::{Code, Reason};
use crate::time::UnixTime;

/// How old a signature may be, by its verified times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge {
    seconds: i64,
    unit: char,
}

/// The units, and their seconds.
const UNITS: [(char, i64); 3] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60)];

/// A text that is no age.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an age such as 90m, 12h or 30d, found {0:?}")]
pub struct MaxAgeError(String);

impl FromStr for MaxAge {
    type Err = MaxAgeError;

    fn from_str(text: &str) -> Result<Self, MaxAgeError> {
        let read = UNITS.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(*unit)?;
            let plain = number.bytes().all(|c| c.is_ascii_digit());
            let number: u16 = number.parse().ok().filter(|n| plain && *n > 0)?;
            Some(Self {
                seconds: i64::from(number) * seconds,
                unit: *unit,
            })
        });
        read.ok_or_else(|| MaxAgeError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for MaxAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(unit, _)| *unit == self.unit);
        let seconds = unit.map_or(1, |(_, seconds)| *seconds);
        write!(f, "{}{}", self.seconds / seconds, self.unit)
    }
}

impl MaxAge {
    /// Until when a signature of these times is young enough. It is as old as the earliest of them:
    /// whoever has it can have it witnessed again later.
    ///
    /// # Errors
    /// If it is too old now, or nobody vouches for a time.
    pub(crate) fn until(
        self,
        times: impl IntoIterator<Item = UnixTime>,
        now: UnixTime,
    ) -> Result<UnixTime, Reason> {
        let made = times.into_iter().min();
        let made = made.ok_or_else(|| self.without_time())?;
        let until = made.plus(self.seconds);
        match now <= until {
            true => Ok(until),
            false => Err(Reason::new(
                Code::SignatureTooOld,
                format!(
                    "expected a signature of the last {self}, found one of {made}; now is {now}"
                ),
            )),
        }
    }

    /// That there is no time by which to judge.
    pub(crate) fn without_time(self) -> Reason {
        Reason::new(
            Code::NoVerifiedTime,
            format!(
                "expected a signature of the last {self}, found one without a time that anybody \
                 vouches for"
            ),
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_written_in_one_unit() {
        for text in ["1m", "12h", "30d", "65535d"] {
            assert_eq!(text.parse::<MaxAge>().unwrap().to_string(), text);
        }
        for text in [
            "", "d", "0d", "-1d", "+1d", "1", "1s", "1w", "1.5h", "1d2h", "65536d", "1 d",
        ] {
            assert!(text.parse::<MaxAge>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_signature_is_as_old_as_its_earliest_time_and_no_older_than_its_age() {
        let at = UnixTime::from_seconds;
        let hour: MaxAge = "1h".parse().unwrap();
        let judge = |times: &[UnixTime], now| {
            let until = hour.until(times.iter().copied(), at(now));
            until.map(UnixTime::seconds).map_err(|reason| reason.code)
        };
        let times = [at(5000), at(1000)];
        assert_eq!(judge(&times, 4600), Ok(4600));
        assert_eq!(judge(&times, 4601), Err(Code::SignatureTooOld));
        assert_eq!(judge(&times[..1], 4601), Ok(8600));
        assert_eq!(judge(&[], 0), Err(Code::NoVerifiedTime));
        assert_eq!(judge(&[at(i64::MAX)], i64::MAX), Ok(i64::MAX));
    }
}
