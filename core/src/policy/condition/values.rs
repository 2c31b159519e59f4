//! A predicate as CEL sees it, read from its text: strings stay there unless they are escaped, and
//! maps are in the order of their keys.
//!
//! `cel`'s own maps hash their keys with a random seed, and copy their whole content whenever
//! one is bound to a name.

use std::fmt;
use std::sync::Arc;

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Iterator as Lender, Sizer, Zeroer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt, LIST_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of JSON, read as what CEL has for it. Positive integers are `uint`, negative ones `int`.
pub(super) struct Read<'v>(pub(super) Box<dyn Val + 'v>);

impl<'v> Deserialize<'v> for Read<'v> {
    fn deserialize<D: Deserializer<'v>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'v> Visitor<'v> for AnyValue {
    type Value = Read<'v>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Read<'v>, E> {
        Ok(Read(Box::new(CelNull)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read<'v>, E> {
        Ok(Read(Box::new(CelBool::from(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read<'v>, E> {
        Ok(Read(Box::new(CelUInt::from(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read<'v>, E> {
        Ok(Read(match u64::try_from(value) {
            Ok(value) => Box::new(CelUInt::from(value)),
            Err(_) => Box::new(CelInt::from(value)),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read<'v>, E> {
        Ok(Read(Box::new(CelDouble::from(value))))
    }

    fn visit_borrowed_str<E>(self, text: &'v str) -> Result<Read<'v>, E> {
        Ok(Read(Box::new(CelString::from(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Read<'v>, E> {
        Ok(Read(Box::new(CelString::from(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'v>>(self, mut list: A) -> Result<Read<'v>, A::Error> {
        let mut items = Vec::new();
        while let Some(Read(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Read(Box::new(List(items.into()))))
    }

    fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<Read<'v>, A::Error> {
        let mut entries = Vec::new();
        while let Some((Key(key), Read(value))) = map.next_entry()? {
            entries.push((key, value));
        }
        // No key is there twice: the text came in through the strict door.
        entries.sort_unstable_by(|(a, _), (b, _)| a.inner().cmp(b.inner()));
        Ok(Read(Box::new(Map(entries.into()))))
    }
}

struct Key<'v>(CelString<'v>);

impl<'v> Deserialize<'v> for Key<'v> {
    fn deserialize<D: Deserializer<'v>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'v> Visitor<'v> for KeyVisitor {
            type Value = Key<'v>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'v str) -> Result<Key<'v>, E> {
                Ok(Key(CelString::from(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'v>, E> {
                Ok(Key(CelString::from(text.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A map of these fields, no two of which have one name.
pub(super) fn map<'v>(mut fields: Vec<(&'v str, Box<dyn Val + 'v>)>) -> Box<dyn Val + 'v> {
    fields.sort_unstable_by_key(|(name, _)| *name);
    let entries = fields.into_iter();
    let entries = entries.map(|(name, value)| (CelString::from(name), value));
    Box::new(Map(entries.collect()))
}

/// A small value of ours, whose whole numbers are `int`.
pub(super) fn owned<'v>(value: &serde_json::Value) -> Box<dyn Val + 'v> {
    match value {
        serde_json::Value::Null => Box::new(CelNull),
        serde_json::Value::Bool(value) => Box::new(CelBool::from(*value)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Box::new(CelInt::from(number)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        serde_json::Value::String(text) => Box::new(CelString::from(text.clone())),
        serde_json::Value::Array(items) => Box::new(List(items.iter().map(owned).collect())),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter();
            let mut entries: Vec<Entry<'v>> = fields
                .map(|(name, value)| (CelString::from(name.clone()), owned(value)))
                .collect();
            entries.sort_unstable_by(|(a, _), (b, _)| a.inner().cmp(b.inner()));
            Box::new(Map(entries.into()))
        }
    }
}

/// A list. Cheap to clone.
#[derive(Clone, Debug)]
struct List<'v>(Arc<[Box<dyn Val + 'v>]>);

/// A map, in the order of its keys. Cheap to clone.
#[derive(Clone, Debug)]
struct Map<'v>(Arc<[Entry<'v>]>);

/// The key as a value, and what it has.
type Entry<'v> = (CelString<'v>, Box<dyn Val + 'v>);

impl Val for List<'_> {
    fn get_type(&self) -> &Type {
        &LIST_TYPE
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_adder<'b, 'w>(&'b self) -> Option<&'b (dyn Adder + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }
}

impl Adder for List<'_> {
    fn add<'b, 'w>(&'b self, rhs: &(dyn Val + 'w)) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let mut rest = rhs.as_iterable().ok_or_else(|| mistyped(rhs))?.iter();
        let mut items: Vec<Box<dyn Val + 'w>> = self.0.iter().map(|i| i.clone_as_boxed()).collect();
        while let Some(item) = rest.next() {
            items.push(item.clone_as_boxed());
        }
        Ok(CowVal::owned(CelList::from(items)))
    }
}

impl Container for List<'_> {
    // `in` is looked up by an operation of ours, which counts.
    fn contains(&self, _value: &dyn Val) -> Result<bool, ExecutionError> {
        Err(mistyped(self))
    }
}

impl Indexer for List<'_> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        match position(index)?.and_then(|index| self.0.get(index)) {
            Some(item) => Ok(CowVal::Borrowed(item.as_ref())),
            None => Err(ExecutionError::IndexOutOfBounds(cel::Value::Null)),
        }
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

/// The position that a number names, if there can be one.
fn position(index: &dyn Val) -> Result<Option<usize>, ExecutionError> {
    if let Some(index) = index.downcast_ref::<CelInt>() {
        Ok(usize::try_from(*index.inner()).ok())
    } else if let Some(index) = index.downcast_ref::<CelUInt>() {
        Ok(usize::try_from(*index.inner()).ok())
    } else {
        Err(mistyped(index))
    }
}

impl Iterable for List<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn Lender<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        Box::new(Items(self.0.iter()))
    }
}

impl Sizer for List<'_> {
    fn size(&self) -> CelInt {
        size(self.0.len())
    }
}

impl Zeroer for List<'_> {
    fn is_zero_value(&self) -> bool {
        self.0.is_empty()
    }
}

struct Items<'b, 'v>(std::slice::Iter<'b, Box<dyn Val + 'v>>);

impl<'b, 'v: 'w, 'w> Lender<'b, 'w> for Items<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        let item = self.0.next()?;
        Some(item.as_ref())
    }
}

impl Val for Map<'_> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }
}

impl<'v> Map<'v> {
    fn find(&self, key: &dyn Val) -> Result<Option<&(dyn Val + 'v)>, ExecutionError> {
        match key.downcast_ref::<CelString>() {
            Some(key) => {
                let found = self
                    .0
                    .binary_search_by(|(one, _)| one.inner().cmp(key.inner()));
                let found = found.ok().and_then(|index| self.0.get(index));
                Ok(found.map(|(_, value)| value.as_ref()))
            }
            // Numbers and booleans may be keys of maps, and no key of JSON is one.
            None if is_key(key) => Ok(None),
            None => Err(mistyped(key)),
        }
    }
}

fn is_key(key: &dyn Val) -> bool {
    key.downcast_ref::<CelInt>().is_some()
        || key.downcast_ref::<CelUInt>().is_some()
        || key.downcast_ref::<CelDouble>().is_some()
        || key.downcast_ref::<CelBool>().is_some()
}

impl Container for Map<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        self.find(key).map(|found| found.is_some())
    }
}

impl Indexer for Map<'_> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        match self.find(key)? {
            Some(value) => Ok(CowVal::Borrowed(value)),
            None => Err(ExecutionError::no_such_key("field")),
        }
    }

    fn steal<'w>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

impl Iterable for Map<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn Lender<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        Box::new(Keys(self.0.iter()))
    }
}

impl Sizer for Map<'_> {
    fn size(&self) -> CelInt {
        size(self.0.len())
    }
}

impl Zeroer for Map<'_> {
    fn is_zero_value(&self) -> bool {
        self.0.is_empty()
    }
}

/// In the order of the keys.
struct Keys<'b, 'v>(std::slice::Iter<'b, Entry<'v>>);

impl<'b, 'v: 'w, 'w> Lender<'b, 'w> for Keys<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        let (key, _) = self.0.next()?;
        Some(key)
    }
}

fn size(length: usize) -> CelInt {
    CelInt::from(i64::try_from(length).unwrap_or(i64::MAX))
}

pub(super) fn mistyped(value: &dyn Val) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: value.get_type().name().to_owned(),
        want: "another type".to_owned(),
    }
}
