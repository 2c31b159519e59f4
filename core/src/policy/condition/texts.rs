//! The functions of texts and of times that Kubernetes' CEL has beyond the standard ones.
//!
//! They are operations that count (`operations.rs`): what they look at, and what they make, before
//! it is made. Positions are in code points, as everywhere in CEL.

use cel::Env;
use cel::ExecutionError;
use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::common::functions::Function;
use cel::common::types::{CelInt, CelList, CelString, CelUInt, DYN_TYPE};
use cel::common::value::{CowVal, Val};

use super::ConditionError;
use super::meter::Meter;
use super::moments::Moment;
use super::operations::text;
use super::values::mistyped;

/// A function of ours.
pub(super) struct Own {
    /// Its name.
    pub(super) name: &'static str,
    /// What stands for it once an expression is compiled.
    pub(super) operation: &'static str,
    /// Whether it stands behind a dot.
    pub(super) member: bool,
    /// How many arguments it takes beside what stands before the dot.
    least: usize,
    most: usize,
    /// What it always gives.
    pub(super) gives: &'static str,
    function: Function,
}

const fn member(
    name: &'static str,
    operation: &'static str,
    (least, most): (usize, usize),
    gives: &'static str,
    function: Function,
) -> Own {
    Own {
        name,
        operation,
        member: true,
        least,
        most,
        gives,
        function,
    }
}

const fn global(
    name: &'static str,
    operation: &'static str,
    gives: &'static str,
    function: Function,
) -> Own {
    Own {
        name,
        operation,
        member: false,
        least: 1,
        most: 1,
        gives,
        function,
    }
}

const OWN: [Own; 12] = [
    member("charAt", "@charAt", (1, 1), "a text", char_at),
    global("duration", "@duration", "a span of time", duration),
    member("indexOf", "@indexOf", (1, 2), "a number", index_of),
    member("join", "@join", (0, 1), "a text", join),
    member(
        "lastIndexOf",
        "@lastIndexOf",
        (1, 1),
        "a number",
        last_index_of,
    ),
    member("lowerAscii", "@lowerAscii", (0, 0), "a text", lower_ascii),
    member("replace", "@replace", (2, 3), "a text", replace),
    member("split", "@split", (1, 2), "a list", split),
    member("substring", "@substring", (1, 2), "a text", substring),
    global("timestamp", "@timestamp", "a time", timestamp),
    member("trim", "@trim", (0, 0), "a text", trim),
    member("upperAscii", "@upperAscii", (0, 0), "a text", upper_ascii),
];

/// The function of this name.
pub(super) fn own(name: &str) -> Option<&'static Own> {
    OWN.iter().find(|own| own.name == name)
}

impl Own {
    /// Checks how it is called, and what it is called with if that is spelled out.
    pub(super) fn check(
        &self,
        has_target: bool,
        arguments: &[IdedExpr],
    ) -> Result<(), ConditionError> {
        let count = arguments.len();
        if has_target != self.member || count < self.least || count > self.most {
            return Err(ConditionError::Call {
                name: self.name,
                how: match self.member {
                    true => "behind the dot of a text or list",
                    false => "as a function",
                },
                least: self.least,
                most: self.most,
            });
        }
        if let (false, [argument]) = (self.member, arguments)
            && let Expr::Literal(LiteralValue::String(text)) = &argument.expr
        {
            let (meter, text) = (Meter::default(), text.inner());
            let (read, expected) = match self.name {
                "timestamp" => (
                    Moment::time(text, &meter),
                    "an RFC 3339 time such as 2026-01-31T12:00:00Z",
                ),
                _ => (
                    Moment::span(text, &meter),
                    "a span of time such as 168h or 1h30m",
                ),
            };
            if read.is_none() {
                return Err(ConditionError::Time {
                    expected,
                    found: text.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// Declares the functions.
pub(super) fn add_to(env: &mut Env) {
    for own in &OWN {
        let target = usize::from(own.member);
        for count in own.least..=own.most {
            // What stands before the dot, the arguments and the meter.
            let types = (0..target + count + 1).map(|_| DYN_TYPE).collect();
            let id = format!("{}{count}", own.operation);
            let added = env.add_overload(own.operation, &id, types, own.function);
            debug_assert!(added.is_ok(), "{id} is declared once");
        }
    }
}

/// What is wrong with an argument, in words that show nothing of it.
const NO_TIME: &str = "a text that is read as a time is none";
const NO_SPAN: &str = "a text that is read as a span of time is none";
const NO_POSITION: &str = "a text has no such position as it asks for";

/// The function in whose name an argument is refused.
const UNFIT: &str = "@unfit";

fn unfit(why: &'static str) -> ExecutionError {
    ExecutionError::function_error(UNFIT, why)
}

/// What is wrong with an argument, if that is what an error says.
pub(super) fn why_unfit(error: &ExecutionError) -> Option<&'static str> {
    match error {
        ExecutionError::FunctionError { function, message } if function == UNFIT => {
            let mut words = [NO_TIME, NO_SPAN, NO_POSITION].into_iter();
            words.find(|words| words == message)
        }
        _ => None,
    }
}

type Resolved<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// The arguments of a call, and the meter, which is the last.
struct Called<'b, 'v> {
    arguments: Vec<CowVal<'b, 'v>>,
    meter: Meter,
}

impl<'b, 'v> Called<'b, 'v> {
    fn new(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<Self, ExecutionError> {
        let meter = arguments
            .pop()
            .and_then(|last| last.downcast_ref::<Meter>().cloned());
        let meter = meter.ok_or(ExecutionError::MissingArgumentOrTarget)?;
        Ok(Self { arguments, meter })
    }

    fn value(&self, place: usize) -> Result<&(dyn Val + 'v), ExecutionError> {
        let value = self.arguments.get(place).map(AsRef::as_ref);
        value.ok_or(ExecutionError::MissingArgumentOrTarget)
    }

    fn text(&self, place: usize) -> Result<&str, ExecutionError> {
        text(self.value(place)?, &self.meter)
    }

    /// A number that may be left out.
    fn number(&self, place: usize) -> Result<Option<i64>, ExecutionError> {
        let Some(value) = self.arguments.get(place) else {
            return Ok(None);
        };
        let number = match (
            value.downcast_ref::<CelInt>(),
            value.downcast_ref::<CelUInt>(),
        ) {
            (Some(number), _) => Some(*number.inner()),
            (_, Some(number)) => i64::try_from(*number.inner()).ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| mistyped(value.as_ref()))
    }

    /// Pays for a text before it is made.
    fn make(&self, bytes: usize) -> Result<(), ExecutionError> {
        self.meter.pay(bytes / 16)
    }

    /// The byte at which a code point begins; its end for the last one's.
    fn byte(&self, text: &str, point: i64) -> Result<usize, ExecutionError> {
        let ends = text
            .char_indices()
            .map(|(byte, _)| byte)
            .chain([text.len()]);
        let byte = usize::try_from(point)
            .ok()
            .and_then(|point| ends.into_iter().nth(point));
        byte.ok_or_else(|| unfit(NO_POSITION))
    }
}

fn made<'b, 'v>(text: String) -> CowVal<'b, 'v> {
    CowVal::owned(CelString::from(text))
}

/// How many code points there are before a byte; -1 if there is no such byte.
fn point<'b, 'v>(text: &str, byte: Option<usize>) -> CowVal<'b, 'v> {
    let before = byte.and_then(|byte| text.get(..byte));
    let points = before.map(|before| i64::try_from(before.chars().count()).unwrap_or(i64::MAX));
    CowVal::owned(CelInt::from(points.unwrap_or(-1)))
}

fn lower_ascii<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let text = called.text(0)?;
    called.make(text.len())?;
    Ok(made(text.to_ascii_lowercase()))
}

fn upper_ascii<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let text = called.text(0)?;
    called.make(text.len())?;
    Ok(made(text.to_ascii_uppercase()))
}

fn trim<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let text = called.text(0)?;
    called.make(text.len())?;
    Ok(made(text.trim().to_owned()))
}

fn char_at<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let text = called.text(0)?;
    let at = called.number(1)?.unwrap_or_default();
    let found = text.get(called.byte(text, at)?..);
    let found = found.and_then(|rest| rest.chars().next());
    Ok(made(found.map(String::from).unwrap_or_default()))
}

fn index_of<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let (text, sought) = (called.text(0)?, called.text(1)?);
    let from = match called.number(2)? {
        Some(point) => called.byte(text, point)?,
        None => 0,
    };
    let found = text.get(from..).and_then(|rest| rest.find(sought));
    Ok(point(text, found.map(|at| from + at)))
}

fn last_index_of<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let (text, sought) = (called.text(0)?, called.text(1)?);
    Ok(point(text, text.rfind(sought)))
}

fn substring<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let text = called.text(0)?;
    let start = called.byte(text, called.number(1)?.unwrap_or_default())?;
    let end = match called.number(2)? {
        Some(point) => called.byte(text, point)?,
        None => text.len(),
    };
    called.make(end.saturating_sub(start))?;
    match text.get(start..end) {
        Some(part) => Ok(made(part.to_owned())),
        None => Err(unfit(NO_POSITION)),
    }
}

/// At most so many; all of them if it is negative.
fn at_most(number: Option<i64>) -> usize {
    number.map_or(usize::MAX, |number| {
        usize::try_from(number).unwrap_or(usize::MAX)
    })
}

fn replace<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let (text, from, to) = (called.text(0)?, called.text(1)?, called.text(2)?);
    let most = at_most(called.number(3)?);
    let count = text.matches(from).take(most).count();
    called.meter.pay(count)?;
    called.make(text.len().saturating_add(count.saturating_mul(to.len())))?;
    Ok(made(text.replacen(from, to, count)))
}

fn split<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let (text, by) = (called.text(0)?, called.text(1)?);
    let most = at_most(called.number(2)?);
    called.make(text.len())?;
    // Between code points where it is split by nothing, as in cel-go, and not before the first.
    let places: Vec<usize> = match by.is_empty() {
        true => text.char_indices().map(|(byte, _)| byte).skip(1).collect(),
        false => text.match_indices(by).map(|(byte, _)| byte).collect(),
    };
    let cuts = places.len().min(most.saturating_sub(1));
    called.meter.pay(cuts + 1)?;
    let mut parts: Vec<Box<dyn Val + 'v>> = Vec::new();
    let mut part = |text: &str| parts.push(Box::new(CelString::from(text.to_owned())));
    let mut start = 0;
    for cut in places.iter().take(cuts) {
        part(text.get(start..*cut).unwrap_or_default());
        start = cut + by.len();
    }
    match most {
        0 => {}
        _ if by.is_empty() && text.is_empty() => {}
        _ => part(text.get(start..).unwrap_or_default()),
    }
    Ok(CowVal::owned(CelList::from(parts)))
}

fn join<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let called = Called::new(arguments)?;
    let list = called.value(0)?;
    let by = match called.arguments.len() {
        1 => "",
        _ => called.text(1)?,
    };
    let mut items = list.as_iterable().ok_or_else(|| mistyped(list))?.iter();
    let mut joined = String::new();
    let mut first = true;
    while let Some(item) = items.next() {
        let item = text(item, &called.meter)?;
        called.make(by.len() + item.len())?;
        if !first {
            joined.push_str(by);
        }
        joined.push_str(item);
        first = false;
    }
    Ok(made(joined))
}

fn timestamp<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    moment(&Called::new(arguments)?, true, Moment::time)
}

fn duration<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    moment(&Called::new(arguments)?, false, Moment::span)
}

fn moment<'b, 'v>(
    called: &Called<'b, 'v>,
    time: bool,
    read: fn(&str, &Meter) -> Option<Moment>,
) -> Resolved<'b, 'v> {
    let value = called.value(0)?;
    if let Some(moment) = value.downcast_ref::<Moment>() {
        called.meter.pay(1)?;
        return match moment.is_time() == time {
            true => Ok(CowVal::owned(moment.clone())),
            false => Err(mistyped(value)),
        };
    }
    let text = called.text(0)?;
    match read(text, &called.meter) {
        Some(moment) => Ok(CowVal::owned(moment)),
        None => Err(unfit(match time {
            true => NO_TIME,
            false => NO_SPAN,
        })),
    }
}
