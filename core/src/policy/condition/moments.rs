//! Times and spans of time in conditions, and until when their comparisons hold.
//!
//! `now` moves on, and so does whatever is made of it: `now - timestamp(t)` grows by a second each
//! second. An expression can see of a moment only how it compares with another, so that each
//! comparison says until when it comes out the same, and the answer holds until the first of these
//! times. Nothing turns a moment into a text or a number.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;

use cel::ExecutionError;
use cel::common::traits::{Adder, Comparer, Subtractor};
use cel::common::types::{DURATION_TYPE, TIMESTAMP_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};

use super::meter::Meter;
use super::values::mistyped;
use crate::time::UnixTime;

/// Nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

/// The units of a span, and their nanoseconds; `ms` is tried before `m` and `s`.
const UNITS: [(&str, i128); 6] = [
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("h", 3600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
];

/// A time, or a span of time.
#[derive(Clone)]
pub(super) struct Moment {
    kind: Kind,
    /// Nanoseconds, of a time since 1970, as it is now.
    nanoseconds: i128,
    /// How many seconds it grows by in a second.
    moves: i32,
    meter: Meter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Time,
    Span,
}

impl Moment {
    /// The time of the judgement.
    pub(super) fn now(now: UnixTime, meter: &Meter) -> Self {
        Self {
            kind: Kind::Time,
            nanoseconds: i128::from(now.seconds()) * SECOND,
            moves: 1,
            meter: meter.clone(),
        }
    }

    /// A time as RFC 3339 spells it.
    pub(super) fn time(text: &str, meter: &Meter) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(Self {
            kind: Kind::Time,
            nanoseconds: time.as_nanosecond(),
            moves: 0,
            meter: meter.clone(),
        })
    }

    /// A span as CEL spells it: `168h`, `1h30m`, `-1.5s`.
    pub(super) fn span(text: &str, meter: &Meter) -> Option<Self> {
        Some(Self {
            kind: Kind::Span,
            nanoseconds: span(text)?,
            moves: 0,
            meter: meter.clone(),
        })
    }

    /// Whether it is a time.
    pub(super) fn is_time(&self) -> bool {
        self.kind == Kind::Time
    }

    fn made_of(&self, other: &Self, kind: Kind, sign: i32) -> Option<Self> {
        let added = other.nanoseconds.checked_mul(i128::from(sign))?;
        Some(Self {
            kind,
            nanoseconds: self.nanoseconds.checked_add(added)?,
            moves: self.moves.checked_add(other.moves.checked_mul(sign)?)?,
            meter: self.meter.clone(),
        })
    }

    /// How it compares with another of its kind, and until when that is so.
    fn against(&self, other: &Self) -> Option<Ordering> {
        if self.kind != other.kind {
            return None;
        }
        let apart = self.nanoseconds.saturating_sub(other.nanoseconds);
        let speed = i128::from(self.moves) - i128::from(other.moves);
        let nears = apart == 0 || (apart < 0) != (speed < 0);
        if speed != 0 && nears {
            // The last whole second before they meet; where they meet now, that is now.
            let way = apart.unsigned_abs();
            let seconds = way.div_ceil(speed.unsigned_abs().saturating_mul(SECOND.unsigned_abs()));
            let seconds = i64::try_from(seconds.saturating_sub(1)).unwrap_or(i64::MAX);
            self.meter.note_change(seconds);
        }
        Some(apart.cmp(&0))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment")
            .field("kind", &self.kind)
            .field("nanoseconds", &self.nanoseconds)
            .field("moves", &self.moves)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_nanosecond(self.nanoseconds);
        match (self.kind, time) {
            (Kind::Time, Ok(time)) => write!(f, "{time}"),
            _ => {
                let sign = if self.nanoseconds < 0 { "-" } else { "" };
                let whole = self.nanoseconds.unsigned_abs();
                let second = SECOND.unsigned_abs();
                let part = format!("{:09}", whole % second);
                match part.trim_end_matches('0') {
                    "" => write!(f, "{sign}{}s", whole / second),
                    part => write!(f, "{sign}{}.{part}s", whole / second),
                }
            }
        }
    }
}

/// The nanoseconds of a span.
fn span(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut sum: i128 = 0;
    let mut first = true;
    while first || !rest.is_empty() {
        first = false;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let (unit, nanoseconds) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        sum = sum.checked_add(part(number, *nanoseconds)?)?;
        rest = after.strip_prefix(unit)?;
    }
    sum.checked_mul(sign)
}

/// So many units: a whole number, and perhaps nine places of a decimal fraction.
fn part(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = whole.len() + fraction.len();
    if digits == 0 || whole.len() > 12 || fraction.len() > 9 || fraction.contains('.') {
        return None;
    }
    let read = |digits: &str| match digits {
        "" => Some(0),
        digits => digits.parse::<i128>().ok(),
    };
    let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let whole = read(whole)?.checked_mul(unit)?;
    let fraction = read(fraction)?.checked_mul(unit)?.checked_div(places)?;
    whole.checked_add(fraction)
}

fn moment<'a>(value: &'a (dyn Val + '_)) -> Result<&'a Moment, ExecutionError> {
    value
        .as_any()
        .and_then(|value| value.downcast_ref())
        .ok_or_else(|| mistyped(value))
}

impl Val for Moment {
    fn get_type(&self) -> &Type {
        match self.kind {
            Kind::Time => &TIMESTAMP_TYPE,
            Kind::Span => &DURATION_TYPE,
        }
    }

    fn cel_type() -> &'static Type {
        &TIMESTAMP_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        let other = moment(other).ok();
        other.and_then(|other| self.against(other)) == Some(Ordering::Equal)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Moment {}

impl Comparer for Moment {
    fn compare(&self, rhs: &dyn Val) -> Result<Ordering, ExecutionError> {
        self.against(moment(rhs)?).ok_or_else(|| mistyped(rhs))
    }
}

impl Adder for Moment {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let other = moment(rhs)?;
        let kind = match (self.kind, other.kind) {
            (Kind::Time, Kind::Time) => return Err(mistyped(rhs)),
            (Kind::Span, Kind::Span) => Kind::Span,
            _ => Kind::Time,
        };
        let sum = self.made_of(other, kind, 1);
        sum.map(CowVal::owned).ok_or_else(|| mistyped(rhs))
    }
}

impl Subtractor for Moment {
    fn sub<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let other = moment(rhs)?;
        let kind = match (self.kind, other.kind) {
            (Kind::Span, Kind::Time) => return Err(mistyped(rhs)),
            (Kind::Time, Kind::Span) => Kind::Time,
            _ => Kind::Span,
        };
        let difference = self.made_of(other, kind, -1);
        difference.map(CowVal::owned).ok_or_else(|| mistyped(rhs))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_spelled_as_in_cel() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("168h", 168 * 3600 * SECOND),
            ("1h30m", 5400 * SECOND),
            ("-1.5s", -1_500_000_000),
            ("+2m", 120 * SECOND),
            ("3ms4us5ns", 3_004_005),
            (".5s", SECOND / 2),
        ] {
            assert_eq!(span(text), Some(nanoseconds), "{text}");
        }
        for text in [
            "",
            "-",
            "h",
            "1",
            "1d",
            "1h ",
            " 1h",
            "1.2.3s",
            ".s",
            "1hh",
            "1h-1m",
            "é",
            "9999999999999h",
        ] {
            assert_eq!(span(text), None, "{text:?}");
        }
    }

    #[test]
    fn moments_are_shown_as_they_are_spelled() {
        let meter = Meter::default();
        for text in ["2026-12-01T12:00:00Z", "2026-12-01T12:00:00.5Z"] {
            assert_eq!(Moment::time(text, &meter).unwrap().to_string(), text);
        }
        for text in ["90s", "-1.5s", "0s"] {
            assert_eq!(Moment::span(text, &meter).unwrap().to_string(), text);
        }
    }
}
