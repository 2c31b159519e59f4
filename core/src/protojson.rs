//! The JSON of Protocol Buffers, as far as Sigstore's files need it (proto3 JSON mapping).

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::base64_lines;
use crate::crypto::Hash;

/// `bytes`: base64 in the standard or the URL alphabet, padded or not. Line breaks in it
/// are let be, as Go does. `null` is the default value: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const LENIENT: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
        const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
        // Borrowed where it has no escapes: it may have megabytes.
        let Some(Borrowed(text)) = Option::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let text = base64_lines::without(text);
        let engine = match text.contains(['-', '_']) {
            true => URL_SAFE,
            false => STANDARD,
        };
        engine
            .decode(text.as_bytes())
            .map(Self)
            .map_err(|_| D::Error::custom("not base64"))
    }
}

#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// `string`. `null` is the default value: the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::deserialize(deserializer)?;
        Ok(Self(text.unwrap_or_default()))
    }
}

/// `int64`: a string of digits, or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Int64(pub(crate) i64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(i64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => text
                .parse()
                .map(Self)
                .map_err(|_| D::Error::custom("not a 64-bit integer")),
        }
    }
}

/// A `repeated` field. Elements beyond the limit are counted, not parsed (CVE-2024-45395).
#[derive(Clone, Debug)]
pub(crate) struct Repeated<T, const MOST: usize> {
    items: Vec<T>,
    found: usize,
}

impl<T, const MOST: usize> Repeated<T, MOST> {
    /// The elements, unless there are too many: then how many.
    pub(crate) fn within_limit(self) -> Result<Vec<T>, usize> {
        match self.found > MOST {
            true => Err(self.found),
            false => Ok(self.items),
        }
    }
}

impl<T, const MOST: usize> Default for Repeated<T, MOST> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            found: 0,
        }
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Repeated<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RepeatedVisitor(Self::default()))
    }
}

struct RepeatedVisitor<T, const MOST: usize>(Repeated<T, MOST>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for RepeatedVisitor<T, MOST> {
    type Value = Repeated<T, MOST>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    // proto3 JSON: null is the empty list.
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = self.0;
        loop {
            if list.found < MOST {
                match seq.next_element()? {
                    Some(item) => list.items.push(item),
                    None => return Ok(list),
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(list);
            }
            list.found += 1;
        }
    }
}

/// The hash function of protobuf-specs' `HashAlgorithm`.
pub(crate) fn hash_of(algorithm: &str) -> Option<Hash> {
    match algorithm {
        "SHA2_256" => Some(Hash::Sha256),
        "SHA2_384" => Some(Hash::Sha384),
        "SHA2_512" => Some(Hash::Sha512),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_every_base64_that_protojson_takes() {
        for text in [
            "\"-_8=\"",
            "\"+/8=\"",
            "\"-_8\"",
            "\"+/8\"",
            "\"+/\\n8=\\r\\n\"",
        ] {
            assert_eq!(serde_json::from_str::<Bytes>(text).unwrap().0, [0xfb, 0xff]);
        }
        for text in ["\"+_8=\"", "\"====\"", "\"a\"", "1"] {
            assert!(serde_json::from_str::<Bytes>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn null_is_the_default_value() {
        assert!(serde_json::from_str::<Bytes>("null").unwrap().0.is_empty());
        assert!(serde_json::from_str::<Text>("null").unwrap().0.is_empty());
        assert_eq!(serde_json::from_str::<Text>(r#""a""#).unwrap().0, "a");
        assert!(serde_json::from_str::<Text>("1").is_err());
    }

    #[test]
    fn integers_come_as_numbers_and_as_text() {
        for text in ["\"-7\"", "-7"] {
            assert_eq!(serde_json::from_str::<Int64>(text).unwrap().0, -7);
        }
        for text in ["\"1.5\"", "1.5", "\"9223372036854775808\"", "\"\""] {
            assert!(serde_json::from_str::<Int64>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn elements_beyond_the_limit_are_counted_and_not_parsed_cve_2024_45395_adv_12() {
        let list: Repeated<u8, 2> = serde_json::from_str("[1,2,\"no number\",4]").unwrap();
        assert_eq!(list.within_limit().unwrap_err(), 4);
        let list: Repeated<u8, 2> = serde_json::from_str("[1,2]").unwrap();
        assert_eq!(list.within_limit().unwrap(), [1, 2]);
        assert!(serde_json::from_str::<Repeated<u8, 2>>("[1,\"no number\"]").is_err());
        assert!(
            serde_json::from_str::<Repeated<u8, 2>>("null")
                .unwrap()
                .within_limit()
                .unwrap()
                .is_empty()
        );
    }
}
