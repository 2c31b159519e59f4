//! The one door for JSON of others.
//!
//! Two programs that read one document differently see two documents behind one signature.
//! So every document that somebody else wrote (evidence, answers of registries and token
//! services, TUF metadata, requests, configuration of other programs) comes in through
//! [`parse`] or [`Document::check`], which refuse what readers disagree about:
//!
//! - the same key twice in one object: some keep the first, some the last;
//! - keys that a library gives a meaning of its own: `serde_json` takes what lies under
//!   `$serde_json::private::RawValue` for a document of its own, with a depth of its own;
//! - more than [`limits::JSON_DEPTH`] levels, or `limits::JSON_KEYS` keys at once;
//! - integers beyond 64 bits, which some round, and numbers that no double can hold;
//! - a byte order mark, lone surrogates, control characters in strings, text that is not
//!   UTF-8, anything after the end.
//!
//! Read alike by everybody, and let in: `\u0000` in strings, integers between 2^53 and 2^64
//! (as `serde` and Go read them; a verdict shows them as text), and numbers so small that
//! they are 0.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::io;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::limits;

/// What the keys begin with to which `serde_json` gives a meaning.
const RESERVED: &str = "$serde_json::private::";

/// Parses strict JSON into `T`.
///
/// # Errors
/// If the text is not strict JSON, as the module says, or does not fit `T`.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    Document::check(bytes)?.read()
}

/// Checks that `bytes` are strict JSON, for a reader that is not ours.
///
/// # Errors
/// If they are not, as the module says.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    Document::check(bytes).map(|_| ())
}

/// A document that is strict JSON. It may be read several times, and is checked once.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    text: &'a [u8],
    tree_bytes: u64,
}

impl<'a> Document<'a> {
    /// Checks that `bytes` are strict JSON.
    ///
    /// # Errors
    /// If they are not, as the module says.
    pub fn check(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let mut seen = Seen::default();
        Strict {
            depth: limits::JSON_DEPTH,
            seen: &mut seen,
        }
        .deserialize(&mut reader)?;
        reader.end()?;
        if seen.large_double {
            check_integers(bytes)?;
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(Self {
            text: bytes,
            tree_bytes: length
                .saturating_add(seen.containers.saturating_mul(limits::JSON_CONTAINER_BYTES))
                .saturating_add(seen.elements.saturating_mul(limits::JSON_ELEMENT_BYTES))
                .saturating_add(seen.all_keys.saturating_mul(limits::JSON_KEY_BYTES)),
        })
    }

    /// A value in it, as a document of its own: what is strict JSON as a whole is so in its parts.
    ///
    /// None if it is not a part of this document.
    pub fn part(self, value: &'a RawValue) -> Option<Self> {
        let (all, part) = (self.text.as_ptr_range(), value.get().as_bytes());
        let part_range = part.as_ptr_range();
        let inside = all.start <= part_range.start && part_range.end <= all.end;
        inside.then_some(Self { text: part, ..self })
    }

    /// Its text.
    pub(crate) fn text(self) -> &'a [u8] {
        self.text
    }

    /// The memory that the whole document takes at most, as conditions see it.
    pub(crate) fn tree_bytes(self) -> u64 {
        self.tree_bytes
    }

    /// Reads it as `T`.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn read<T: Deserialize<'a>>(self) -> Result<T, JsonError> {
        serde_json::from_slice(self.text).map_err(JsonError::from)
    }
}

/// Reads a value that is a part of a document which was checked.
///
/// # Errors
/// If it does not fit.
pub(crate) fn read_part<'a, T: Deserialize<'a>>(part: &'a RawValue) -> Result<T, JsonError> {
    serde_json::from_str(part.get()).map_err(JsonError::from)
}

/// A value that is a part of a document which was checked, in its canonical form (RFC 8785).
///
/// It is never a tree in memory: that would take ten times its bytes.
pub(crate) fn canonical(part: &RawValue) -> Result<Vec<u8>, JsonError> {
    serde_json_canonicalizer::to_vec(&Passed(part)).map_err(JsonError::from)
}

/// Passes what it reads on to whoever writes it.
struct Passed<'a>(&'a RawValue);

impl Serialize for Passed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reader = serde_json::Deserializer::from_str(self.0.get());
        reader
            .deserialize_any(Passing(serializer))
            .map_err(serde::ser::Error::custom)
    }
}

/// Why a document is not the strict JSON that was expected.
///
/// Its text may quote the document; where that may hold a secret, say [`JsonError::line`] and
/// [`JsonError::column`] alone.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    message: String,
    line: usize,
    column: usize,
}

impl JsonError {
    /// The line at which reading ended, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The byte in that line at which reading ended, from 1.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self {
            message: error.to_string(),
            line: error.line(),
            column: error.column(),
        }
    }
}

/// How many bytes a value has when it is printed; nothing is kept of them.
pub(crate) fn printed_length(value: &Value) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// Whether every integer of a well-formed document has at most 64 bits.
fn check_integers(document: &[u8]) -> Result<(), serde_json::Error> {
    let mut rest = document;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'"' => after_string(after),
            b'-' | b'0'..=b'9' => {
                let in_number = |byte: &u8| b"+-.eE0123456789".contains(byte);
                let length = rest.iter().take_while(|byte| in_number(byte)).count();
                let (number, after) = rest.split_at_checked(length).unwrap_or_default();
                check_integer(number)?;
                after
            }
            _ => after,
        };
    }
    Ok(())
}

/// What follows a string whose opening quote was read.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let skipped = match rest.get(at) {
            Some(b'\\') => 2,
            _ => return rest.get(at + 1..).unwrap_or_default(),
        };
        rest = rest.get(at + skipped..).unwrap_or_default();
    }
    rest
}

fn check_integer(number: &[u8]) -> Result<(), serde_json::Error> {
    let text = str::from_utf8(number).unwrap_or_default();
    let is_integer = !text.contains(['.', 'e', 'E']);
    if is_integer && text.parse::<i64>().is_err() && text.parse::<u64>().is_err() {
        let shown: String = text.chars().take(40).collect();
        return Err(serde_json::Error::custom(format_args!(
            "the integer {shown} has more than 64 bits"
        )));
    }
    Ok(())
}

/// What `serde_json` reads as a double from here on may have been an integer of more than 64 bits.
const BEYOND_INTEGERS: f64 = 9_223_372_036_854_775_808.0;

/// What is remembered of a document.
#[derive(Default)]
struct Seen {
    /// The keys of all objects that are open.
    keys: usize,
    /// Whether a double was of [`BEYOND_INTEGERS`].
    large_double: bool,
    /// Lists and objects.
    containers: u64,
    /// Of all lists.
    elements: u64,
    /// Of all objects.
    all_keys: u64,
}

/// Visits a value without keeping it.
struct Strict<'s> {
    depth: usize,
    seen: &'s mut Seen,
}

impl Strict<'_> {
    fn inner<E: serde::de::Error>(&mut self) -> Result<Strict<'_>, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Strict {
                depth,
                seen: self.seen,
            }),
            None => Err(E::custom(format_args!(
                "nested deeper than {} levels",
                limits::JSON_DEPTH
            ))),
        }
    }

    fn count_key<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.seen.keys += 1;
        self.seen.all_keys += 1;
        match self.seen.keys > limits::JSON_KEYS {
            true => Err(E::custom(format_args!(
                "more than {} keys in one object and those around it",
                limits::JSON_KEYS
            ))),
            false => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.seen.large_double |= number.abs() >= BEYOND_INTEGERS;
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.seen.containers += 1;
        while seq.next_element_seed(self.inner()?)?.is_some() {
            self.seen.elements += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.seen.containers += 1;
        let mut seen = BTreeSet::new();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let shown = || -> String { key.chars().take(80).collect() };
            if key.starts_with(RESERVED) {
                return Err(A::Error::custom(format_args!(
                    "the key {:?} is reserved",
                    shown()
                )));
            }
            if seen.contains(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key {:?} occurs twice in one object",
                    shown()
                )));
            }
            self.count_key()?;
            seen.insert(key);
            map.next_value_seed(self.inner()?)?;
        }
        self.seen.keys -= seen.len();
        Ok(())
    }
}

struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Writes a value while it is read.
struct Passing<S>(S);

impl<'de, S: Serializer> Visitor<'de> for Passing<S> {
    type Value = S::Ok;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<S::Ok, E> {
        self.0.serialize_unit().map_err(E::custom)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<S::Ok, E> {
        self.0.serialize_bool(value).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<S::Ok, E> {
        self.0.serialize_u64(value).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<S::Ok, E> {
        self.0.serialize_i64(value).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<S::Ok, E> {
        self.0.serialize_f64(value).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<S::Ok, E> {
        self.0.serialize_str(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<S::Ok, A::Error> {
        let mut written = self.0.serialize_seq(None).map_err(A::Error::custom)?;
        while list.next_element_seed(Element(&mut written))?.is_some() {}
        written.end().map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Ok, A::Error> {
        let mut written = self.0.serialize_map(None).map_err(A::Error::custom)?;
        while let Some(Key(key)) = map.next_key()? {
            written.serialize_key(&key).map_err(A::Error::custom)?;
            map.next_value_seed(Member(&mut written))?;
        }
        written.end().map_err(A::Error::custom)
    }
}

/// The next element of a list that is written.
struct Element<'w, W>(&'w mut W);

impl<'de, W: SerializeSeq> DeserializeSeed<'de> for Element<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let value = Unread(Cell::new(Some(reader)));
        self.0.serialize_element(&value).map_err(D::Error::custom)
    }
}

/// The next value of an object that is written.
struct Member<'w, W>(&'w mut W);

impl<'de, W: SerializeMap> DeserializeSeed<'de> for Member<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let value = Unread(Cell::new(Some(reader)));
        self.0.serialize_value(&value).map_err(D::Error::custom)
    }
}

/// A value that is read when it is written, once.
struct Unread<D>(Cell<Option<D>>);

impl<'de, D: Deserializer<'de>> Serialize for Unread<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reader = self.0.take();
        let reader = reader.ok_or_else(|| serde::ser::Error::custom("it was written before"))?;
        reader
            .deserialize_any(Passing(serializer))
            .map_err(serde::ser::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Document::check(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_value_has_as_many_bytes_as_its_text() {
        for text in [
            "null",
            r#""é\u0007\"""#,
            r#"{"a":[1,-2.5,1e300,true],"b":{"c":"x"},"d":[],"e":{}}"#,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(printed_length(&value), value.to_string().len(), "{text}");
        }
    }

    #[test]
    fn what_readers_read_differently_is_refused_atk_16() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (bad, why) in [
            (r#"{"a":1,"a":2}"#, "occurs twice"),
            (r#"{"a":{"b":1,"\u0062":2}}"#, "occurs twice"),
            (r#"{"\u0000":1,"\u0000":1}"#, "occurs twice"),
            ("{} x", "trailing characters"),
            ("", "EOF"),
            ("\u{feff}{}", "expected value"),
            (r#"{"a":1,}"#, "trailing comma"),
            (&deep, "recursion limit"),
            (r#"["\ud800"]"#, "hex escape"),
            ("[\"\0\"]", "control character"),
            ("[1e400]", "out of range"),
            ("[18446744073709551616]", "more than 64 bits"),
            ("[-9223372036854775809]", "more than 64 bits"),
            (
                r#"["\\",{"1\"":[1,123456789012345678901]}]"#,
                "more than 64 bits",
            ),
            ("[NaN]", "expected value"),
        ] {
            let found = refusal(bad);
            assert!(found.contains(why), "{bad}: {found}");
        }
        assert!(Document::check(b"\"\xff\"").is_err());
    }

    #[test]
    fn keys_that_a_library_gives_a_meaning_are_refused_rt_1() {
        for bad in [
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"a":[{"\u0024serde_json::private::RawValue":"{}"}]}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
        ] {
            let found = refusal(bad);
            assert!(found.contains("is reserved"), "{bad}: {found}");
            assert!(parse::<Value>(bad.as_bytes()).is_err());
        }
    }

    #[test]
    fn keys_are_counted_over_all_open_objects_rt_9() {
        let object = |from: usize, count: usize, last: &str| {
            let mut text = "{".to_owned();
            for i in from..from + count {
                text += &format!("\"{i}\":0,");
            }
            text + "\"z\":" + last + "}"
        };
        let half = limits::JSON_KEYS / 2;
        let nested = object(0, half, &object(0, half - 2, "0"));
        assert!(Document::check(nested.as_bytes()).is_ok());
        let nested = object(0, half, &object(0, half, "0"));
        assert!(refusal(&nested).contains("keys in one object"));
        let beside = format!("[{0},{0},{0}]", object(0, half, "0"));
        assert!(Document::check(beside.as_bytes()).is_ok());
    }

    /// Where a string ends is told as JSON tells it: what it holds is no number, what follows is.
    #[test]
    fn digits_in_strings_are_no_integers_and_those_behind_them_are() {
        let long = "1".repeat(30);
        for text in [
            "L", r"xL", r"\nL", r"x\nL", r#"\"L"#, r#"x\"L"#, r"x\\L", r"L\\",
        ] {
            let string = text.replace('L', &long);
            // A double of that size makes the reader look for integers.
            let alone = format!(r#"["{string}", 1e30]"#);
            assert!(check(alone.as_bytes()).is_ok(), "{alone}");
            for before in [
                format!(r#"["{string}", {long}]"#),
                format!(r#"["{string}", {long}, "{string}"]"#),
            ] {
                let error = check(before.as_bytes()).unwrap_err().to_string();
                assert!(error.contains("64 bits"), "{before}: {error}");
            }
        }
    }

    #[test]
    fn ordinary_documents_are_read() {
        for good in [
            r#" {"a":[1,-2,3.5,null,true,"x"],"b":{"a":{}}} "#,
            r#"["\u0000",-0,1e-400,18446744073709551615,-9223372036854775808,1E22]"#,
            r#""99999999999999999999\"99999999999999999999""#,
        ] {
            assert!(Document::check(good.as_bytes()).is_ok(), "{good}");
        }
    }

    /// By what there is of each, however it is nested.
    #[test]
    fn the_memory_of_a_document_is_counted_by_its_parts() {
        for (text, containers, elements, keys) in [
            ("1", 0, 0, 0),
            ("[]", 1, 0, 0),
            ("{}", 1, 0, 0),
            ("[[],[1,2]]", 3, 4, 0),
            (r#"{"a":{},"b":{"c":1}}"#, 3, 0, 3),
            (r#"{"a":[{"b":[]},{"b":[1]}]}"#, 6, 3, 3),
        ] {
            let expected = u64::try_from(text.len()).unwrap()
                + containers * limits::JSON_CONTAINER_BYTES
                + elements * limits::JSON_ELEMENT_BYTES
                + keys * limits::JSON_KEY_BYTES;
            let document = Document::check(text.as_bytes()).unwrap();
            assert_eq!(document.tree_bytes(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_passed_on_is_what_a_tree_would_be() {
        for text in [
            r#"{"b": [1, -2, 3.50, 1E3, null, true, "\u00e9\n", {}], "a": {"z": [], "y": "x"}}"#,
            r#"["\ud83d\ude00", 18446744073709551615, -9223372036854775808, -0, 1e-400]"#,
            "7",
            "\"text\"",
        ] {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            let tree: Value = serde_json::from_str(text).unwrap();
            let expected = serde_json_canonicalizer::to_vec(&tree).unwrap();
            assert_eq!(canonical(raw).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_part_is_read_without_being_checked_again_and_nothing_else_is_a_part() {
        let text = r#"{"a": {"b": [1, 2]}, "c": 0}"#;
        let document = Document::check(text.as_bytes()).unwrap();
        let fields: std::collections::BTreeMap<String, &RawValue> = document.read().unwrap();
        let part = document.part(fields["a"]).unwrap();
        assert_eq!(
            part.read::<Value>().unwrap(),
            serde_json::json!({"b": [1, 2]})
        );
        let copy = fields["a"].to_owned();
        assert!(document.part(&copy).is_none());
        assert!(part.part(fields["c"]).is_none());
    }

    #[test]
    fn an_error_says_where() {
        let error = parse::<bool>(b"{\n  \"a\": x}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 8));
    }
}
