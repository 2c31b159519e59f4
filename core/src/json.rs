//! Strict JSON: bounded depth, no duplicate keys, nothing after the end.
//!
//! `serde_json` keeps the last of two equal keys. Another reader may keep the
//! first, and then two programs see two documents behind one signature. So every
//! signed or attacker-supplied document passes [`check`] before it is parsed.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// Parses strict JSON into `T`.
///
/// # Errors
/// If the text is not UTF-8, is not one JSON document, nests deeper than
/// [`limits::JSON_DEPTH`], repeats a key in an object, or does not fit `T`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check(bytes)?;
    serde_json::from_slice(bytes).map_err(JsonError::from)
}

/// Checks that `bytes` are strict JSON.
///
/// # Errors
/// As [`parse`], but for the type.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Strict {
        depth: limits::JSON_DEPTH,
    }
    .deserialize(&mut reader)?;
    reader.end()?;
    Ok(())
}

/// Why a document is not the strict JSON that was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Visits a value without keeping it.
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth }),
            None => Err(E::custom(format_args!(
                "nested deeper than {} levels",
                limits::JSON_DEPTH
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
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

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.inner()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<Key>()? {
            if seen.contains(&key.0) {
                let name: String = key.0.chars().take(80).collect();
                return Err(serde::de::Error::custom(format_args!(
                    "the key {name:?} occurs twice in one object"
                )));
            }
            seen.insert(key.0);
            map.next_value_seed(self.inner()?)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_documents_are_refused() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            "{} x",
            "",
            "\u{feff}{}",
            r#"{"a":1,}"#,
            &deep,
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(check(b"\"\xff\"").is_err());
    }

    #[test]
    fn ordinary_documents_are_read() {
        assert!(check(br#" {"a":[1,-2,3.5,null,true,"x"],"b":{"a":{}}} "#).is_ok());
    }
}
