//! The functions that stand for operators and for `matches` once an expression is compiled:
//! they count, and they see maps in the order of their keys.

use std::any::Any;
use std::sync::Arc;

use cel::common::types::{
    CelBool, CelBytes, CelInt, CelList, CelMap, CelString, DYN_TYPE, Kind, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError};
use regex::Regex;

use super::meter::Meter;
use super::values::mistyped;
use crate::limits;

/// `(value, meter)`: the value, once it is paid for.
pub(super) const KEEP: &str = "@keep";
/// `(value, meter)`: the same, of a value that is added to another: a map is none.
pub(super) const ADDEND: &str = "@addend";
/// `(value, meter)`: what is gone through, in order, once it is paid for.
pub(super) const EACH: &str = "@each";
/// `(a, b, meter)`
pub(super) const EQUALS: &str = "@equals";
/// `(a, b, meter)`
pub(super) const DIFFERS: &str = "@differs";
/// `(value, container, meter)`
pub(super) const WITHIN: &str = "@within";
/// `(text, number of the pattern, patterns, meter)`
pub(super) const MATCHES: &str = "@matches";
/// `(text, pattern, meter)`
pub(super) const FINDS: &str = "@finds";
/// `(truth, number of the part, meter)`: the same, once it is noted if it is false.
pub(super) const TELL: &str = "@tell";

/// The variable with the compiled patterns.
pub(super) const PATTERNS: &str = "@patterns";

/// Bytes of text that are looked at in one step.
const TEXT: usize = 16;
static PATTERNS_TYPE: Type = Type::new_unspecified_type("sealgate.Patterns");

/// Compiled patterns, as a value of CEL.
#[derive(Clone, Debug)]
pub(super) struct Patterns(pub(super) Arc<[Regex]>);

impl Val for Patterns {
    fn get_type(&self) -> &Type {
        &PATTERNS_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERNS_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Patterns {}

/// Declares the functions.
pub(super) fn add_to(env: &mut Env) {
    let functions: [(&str, usize, cel::common::functions::Function); 9] = [
        (KEEP, 2, keep),
        (ADDEND, 2, addend),
        (EACH, 2, each),
        (EQUALS, 3, equals),
        (DIFFERS, 3, differs),
        (WITHIN, 3, within),
        (MATCHES, 4, matches),
        (FINDS, 3, finds),
        (TELL, 3, tell),
    ];
    for (name, arguments, function) in functions {
        let types = (0..arguments).map(|_| DYN_TYPE).collect();
        // Their names are no one else's.
        let added = env.add_overload(name, name, types, function);
        debug_assert!(added.is_ok(), "{name} is declared once");
    }
}

type Resolved<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// The meter is the last argument.
fn split<'b, 'v, const N: usize>(
    mut arguments: Vec<CowVal<'b, 'v>>,
) -> Result<([CowVal<'b, 'v>; N], Meter), ExecutionError> {
    let meter = arguments
        .pop()
        .and_then(|last| last.downcast_ref::<Meter>().cloned());
    match (<[_; N]>::try_from(arguments), meter) {
        (Ok(arguments), Some(meter)) => Ok((arguments, meter)),
        _ => Err(ExecutionError::MissingArgumentOrTarget),
    }
}

fn keep<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value], meter) = split(arguments)?;
    pay_for(value.as_ref(), &meter)?;
    Ok(value)
}

fn addend<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value], meter) = split(arguments)?;
    if value.get_type().kind() == Kind::Map {
        return Err(mistyped(value.as_ref()));
    }
    // What is added is copied, element by element.
    meter.pay(length(value.as_ref()))?;
    pay_for(value.as_ref(), &meter)?;
    Ok(value)
}

fn each<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value], meter) = split(arguments)?;
    meter.pay(1 + length(value.as_ref()))?;
    pay_for(value.as_ref(), &meter)?;
    // A map that the expression makes is in the order of a random seed.
    let Some(map) = value.downcast_ref::<CelMap>() else {
        return Ok(value);
    };
    let mut keys: Vec<_> = map.inner().keys().cloned().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys.iter().map(|k| k.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn equals<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([a, b], meter) = split(arguments)?;
    Ok(boolean(equal(a.as_ref(), b.as_ref(), &meter)?))
}

fn differs<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([a, b], meter) = split(arguments)?;
    Ok(boolean(!equal(a.as_ref(), b.as_ref(), &meter)?))
}

fn within<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value, container], meter) = split(arguments)?;
    if container.get_type().kind() == Kind::List {
        let items = container.as_iterable();
        let mut items = items.ok_or_else(|| mistyped(container.as_ref()))?.iter();
        while let Some(item) = items.next() {
            if equal(value.as_ref(), item, &meter)? {
                return Ok(boolean(true));
            }
        }
        return Ok(boolean(false));
    }
    meter.pay(1 + text_steps(value.as_ref()))?;
    container
        .as_container()
        .ok_or_else(|| mistyped(container.as_ref()))?
        .contains(value.as_ref())
        .map(boolean)
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value, number, patterns], meter) = split(arguments)?;
    let text = text(value.as_ref(), &meter)?;
    let number = number.downcast_ref::<CelInt>().map(|n| *n.inner());
    let number = number.and_then(|number| usize::try_from(number).ok());
    let patterns = patterns.downcast_ref::<Patterns>();
    match patterns.zip(number).and_then(|(all, n)| all.0.get(n)) {
        Some(pattern) => Ok(boolean(pattern.is_match(text))),
        None => Err(ExecutionError::MissingArgumentOrTarget),
    }
}

fn finds<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value, pattern], meter) = split(arguments)?;
    let text = text(value.as_ref(), &meter)?;
    let pattern = self::text(pattern.as_ref(), &meter)?;
    meter.pay(limits::FOUND_PATTERN_STEPS)?;
    if pattern.len() > limits::FOUND_PATTERN_BYTES {
        return Err(meter.bad_pattern());
    }
    let pattern = regex::RegexBuilder::new(pattern)
        .size_limit(limits::PATTERN_BYTES / 16)
        .build()
        .map_err(|_| meter.bad_pattern())?;
    Ok(boolean(pattern.is_match(text)))
}

fn tell<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Resolved<'b, 'v> {
    let ([value, number], meter) = split(arguments)?;
    let is_false = value.downcast_ref::<CelBool>().map(|value| *value.inner()) == Some(false);
    let number = number.downcast_ref::<CelInt>().map(|n| *n.inner());
    let number = number.and_then(|number| usize::try_from(number).ok());
    if let Some(number) = number.filter(|_| is_false) {
        meter.note_false(number);
    }
    Ok(value)
}

fn boolean<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

pub(super) fn text<'a>(value: &'a dyn Val, meter: &Meter) -> Result<&'a str, ExecutionError> {
    meter.pay(1 + text_steps(value))?;
    match value.downcast_ref::<CelString>() {
        Some(text) => Ok(text.inner()),
        None => Err(mistyped(value)),
    }
}

pub(super) fn text_steps(value: &dyn Val) -> usize {
    if let Some(text) = value.downcast_ref::<CelString>() {
        text.inner().len() / TEXT
    } else if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        bytes.inner().len() / TEXT
    } else {
        0
    }
}

/// The elements of a list or map; none of anything else.
pub(super) fn length(value: &dyn Val) -> usize {
    value.as_sizer().map_or(0, |sizer| {
        usize::try_from(*sizer.size().inner()).unwrap_or(usize::MAX)
    })
}

/// Pays for a copy: of text and of what the expression made itself; what belongs to the
/// predicate is shared.
fn pay_for(value: &dyn Val, meter: &Meter) -> Result<(), ExecutionError> {
    meter.pay(1 + text_steps(value))?;
    if let Some(list) = value.downcast_ref::<CelList>() {
        list.inner()
            .iter()
            .try_for_each(|item| pay_for(item.as_ref(), meter))
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        map.inner()
            .values()
            .try_for_each(|item| pay_for(item.as_ref(), meter))
    } else {
        Ok(())
    }
}

/// Whether two values are equal, as CEL defines it: numbers by their value, lists and maps by
/// their content.
fn equal(a: &dyn Val, b: &dyn Val, meter: &Meter) -> Result<bool, ExecutionError> {
    meter.pay(1 + text_steps(a).min(text_steps(b)))?;
    match (a.get_type().kind(), b.get_type().kind()) {
        (Kind::List, Kind::List) => {
            let (Some(left), Some(right)) = (a.as_iterable(), b.as_iterable()) else {
                return Err(mistyped(a));
            };
            if length(a) != length(b) {
                return Ok(false);
            }
            let (mut left, mut right) = (left.iter(), right.iter());
            while let (Some(one), Some(other)) = (left.next(), right.next()) {
                if !equal(one, other, meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Kind::Map, Kind::Map) => {
            let (Some(keys), Some(left), Some(right)) =
                (a.as_iterable(), a.as_indexer(), b.as_indexer())
            else {
                return Err(mistyped(a));
            };
            if length(a) != length(b) {
                return Ok(false);
            }
            let mut keys = keys.iter();
            while let Some(key) = keys.next() {
                let other = match right.get(key) {
                    Ok(other) => other,
                    Err(ExecutionError::NoSuchKey(_)) => return Ok(false),
                    Err(error) => return Err(error),
                };
                if !equal(left.get(key)?.as_ref(), other.as_ref(), meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Kind::List | Kind::Map, _) | (_, Kind::List | Kind::Map) => Ok(false),
        _ => Ok(a.equals(b)),
    }
}
