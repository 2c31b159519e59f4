//! Distinguished names as trust policies write them (RFC 4514).

use crate::limits;
use std::collections::BTreeMap;
use std::fmt;

/// What every identity must say.
const MANDATORY: [&str; 3] = ["C", "ST", "O"];

/// The attributes of a distinguished name, each type once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DistinguishedName(BTreeMap<String, String>);

impl DistinguishedName {
    /// Reads a name: RFC 4514, with `;` as another separator and no multi-valued parts.
    pub(super) fn parse(text: &str) -> Result<Self, NameError> {
        let name = || text.chars().take(200).collect::<String>();
        let wrong = |why| NameError::Malformed { name: name(), why };
        if text.len() > limits::NAME_BYTES {
            return Err(wrong(Syntax::TooLong));
        }
        if text.contains("=#") {
            return Err(NameError::Hexadecimal(name()));
        }
        let mut attributes = BTreeMap::new();
        for (kind, value) in split(text).map_err(wrong)? {
            if attributes.len() >= limits::NAME_ATTRIBUTES {
                return Err(wrong(Syntax::TooManyAttributes));
            }
            if attributes.contains_key(&kind) {
                return Err(NameError::Twice {
                    name: name(),
                    attribute: kind,
                });
            }
            attributes.insert(kind, value);
        }
        match MANDATORY
            .into_iter()
            .find(|kind| !attributes.contains_key(*kind))
        {
            Some(attribute) => Err(NameError::Missing {
                name: name(),
                attribute,
            }),
            None => Ok(Self(attributes)),
        }
    }

    /// The subject of a certificate. One whose attributes are ambiguous matches no identity.
    pub(super) fn of_subject(
        shown: &str,
        parts: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, Ambiguous> {
        let mut attributes = BTreeMap::new();
        for (attribute, value) in parts {
            if attributes.insert(attribute.to_owned(), value).is_some() {
                let subject = shown.to_owned();
                return Err(Ambiguous { subject, attribute });
            }
        }
        Ok(Self(attributes))
    }

    /// The name as [`parse`](Self::parse) reads it.
    pub(super) fn text(&self) -> String {
        let parts = self.0.iter();
        let parts: Vec<_> = parts
            .map(|(kind, value)| format!("{kind}={}", escaped(value)))
            .collect();
        parts.join(", ")
    }

    /// Whether every attribute of this name is in `other`, with the same value.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0
            .iter()
            .all(|(kind, value)| other.0.get(kind) == Some(value))
    }
}

/// A value with the escapes of RFC 4514, section 2.4.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (place, c) in value.chars().enumerate() {
        let at_an_end = place == 0 || place == last;
        // What is read has no "=#", wherever it stands.
        if "\"#+,;<>=\\".contains(c) || (c == ' ' && at_an_end) {
            text.push('\\');
        }
        match c {
            '\0' => text.push_str("\\00"),
            c => text.push(c),
        }
    }
    text
}

/// Why a text is no distinguished name that a trust policy may use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The hexadecimal form of values (CVE-2023-25656).
    #[error("the distinguished name {0:?} contains \"=#\", which is not supported")]
    Hexadecimal(String),
    /// Not a distinguished name of RFC 4514.
    #[error("{name:?} is not a distinguished name (RFC 4514): {why}")]
    Malformed {
        /// The name, shortened.
        name: String,
        /// What is wrong.
        why: Syntax,
    },
    /// A mandatory attribute is missing.
    #[error(
        "the distinguished name {name:?} has no {attribute}: it needs C, ST (or S) and O at least"
    )]
    Missing {
        /// The name.
        name: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// An attribute occurs twice.
    #[error("the distinguished name {name:?} has {attribute} twice")]
    Twice {
        /// The name.
        name: String,
        /// The attribute.
        attribute: String,
    },
}

/// How a text breaks the syntax of distinguished names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Syntax {
    /// More than `limits::NAME_BYTES`.
    #[error("it is too long")]
    TooLong,
    /// More than `limits::NAME_ATTRIBUTES`.
    #[error("it has too many attributes")]
    TooManyAttributes,
    /// A part that is no attribute.
    #[error("an attribute has no '='")]
    NoEquals,
    /// Section 3 of RFC 4514.
    #[error("an attribute's type is empty or has characters that types do not have")]
    Type,
    /// `CN=a+OU=b`
    #[error("several values in one part are not supported")]
    SeveralValues,
    /// A quote, an angle bracket, or NUL.
    #[error("a special character is not escaped")]
    NotEscaped,
    /// Section 2.4 of RFC 4514.
    #[error("a backslash is followed by neither a special character nor two hex digits")]
    Escape,
    /// Bytes that are no text.
    #[error("an escaped value is not UTF-8")]
    NotUtf8,
    /// Nothing after `=`.
    #[error("an attribute has no value")]
    NoValue,
}

/// A certificate's subject has an attribute twice: it does not say whose it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the subject {subject:?} has {attribute} twice")]
pub(crate) struct Ambiguous {
    subject: String,
    attribute: &'static str,
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|(kind, value)| format!("{kind}={value}"))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// The attributes of a name, in order: their types in upper case (`S` as `ST`), their values
/// without escapes. One pass, no allocation beyond the text's length.
fn split(text: &str) -> Result<Vec<(String, String)>, Syntax> {
    let mut attributes = Vec::new();
    let mut rest = text;
    loop {
        let (kind, after) = rest.split_once('=').ok_or(Syntax::NoEquals)?;
        let kind = attribute_type(kind.trim())?;
        let (value, after) = attribute_value(after)?;
        attributes.push((kind, value));
        match after {
            Some(after) => rest = after,
            None => return Ok(attributes),
        }
    }
}

fn attribute_type(text: &str) -> Result<String, Syntax> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(Syntax::Type);
    }
    let upper = text.to_ascii_uppercase();
    Ok(if upper == "S" { "ST".to_owned() } else { upper })
}

/// A value up to its separator, and what follows the separator, if there is one.
fn attribute_value(text: &str) -> Result<(String, Option<&str>), Syntax> {
    let mut value = Vec::new();
    // Spaces at the end count only up to the last escaped one.
    let mut kept = 0;
    let mut chars = text.chars();
    let mut after = None;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let (escaped, next) = unescape(chars.as_str())?;
                value.extend(escaped);
                kept = value.len();
                chars = next.chars();
            }
            ',' | ';' => {
                after = Some(chars.as_str());
                break;
            }
            '+' => return Err(Syntax::SeveralValues),
            '"' | '<' | '>' | '\0' => return Err(Syntax::NotEscaped),
            ' ' if value.is_empty() && kept == 0 => {}
            c => {
                value.extend(c.encode_utf8(&mut [0; 4]).bytes());
                if c != ' ' {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    let value = String::from_utf8(value).map_err(|_| Syntax::NotUtf8)?;
    if value.is_empty() {
        return Err(Syntax::NoValue);
    }
    Ok((value, after))
}

/// What an escape stands for, and what follows it.
fn unescape(text: &str) -> Result<(Vec<u8>, &str), Syntax> {
    let first = text.chars().next().ok_or(Syntax::Escape)?;
    if " \"#+,;<=>\\".contains(first) {
        return Ok((vec![first as u8], text.get(1..).unwrap_or_default()));
    }
    let digits = text.get(..2).ok_or(Syntax::Escape)?;
    let byte = hex::decode(digits).map_err(|_| Syntax::Escape)?;
    Ok((byte, text.get(2..).unwrap_or_default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    fn name(text: &str) -> BTreeMap<String, String> {
        DistinguishedName::parse(text).unwrap().0
    }

    #[test]
    fn names_are_read_as_rfc_4514_writes_them() {
        let expected = name("C=US,ST=WA,O=acme");
        for text in [
            " C = US , ST = WA , O = acme ",
            "C=US;S=WA;O=acme",
            "c=US, st=WA, o=acme",
            r"C=\55\53,ST=WA,O=a\63me",
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
        assert_eq!(name(r"C=US,ST=WA,O=a\, b\; c\\d")["O"], r"a, b; c\d");
        assert_eq!(name(r"C=US,ST=WA,O=\ a b\  ")["O"], " a b ");
        assert_eq!(name("C=US,ST=WA,O=a=b")["O"], "a=b");
        assert_eq!(name(r"C=US,ST=WA,O=\C3\BC")["O"], "ü");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in [
            "a, b; c\\d",
            " a b ",
            "#a",
            "a=b",
            "a=#b",
            "\"<a>\"+b",
            " ",
            "ü",
            "\0",
        ] {
            let mut own = name("C=US,ST=WA,O=acme");
            own.insert("CN".to_owned(), value.to_owned());
            let text = DistinguishedName(own.clone()).text();
            assert_eq!(name(&text), own, "{text}");
        }
    }

    #[test]
    fn types_are_words_and_numbers_and_names_are_bounded() {
        for kind in ["1.2.3.4", "x-y", "UID2"] {
            let kinds = name(&format!("C=US,ST=WA,O=acme,{kind}=z"));
            assert_eq!(kinds[&kind.to_uppercase()], "z");
        }
        for kind in ["", "a_b", "a b", "é"] {
            let text = format!("C=US,ST=WA,O=acme,{kind}=z");
            assert!(DistinguishedName::parse(&text).is_err(), "{text}");
        }
        let long = |bytes: usize| {
            let head = "C=US,ST=WA,O=";
            format!("{head}{}", "o".repeat(bytes - head.len()))
        };
        assert_eq!(name(&long(limits::NAME_BYTES)).len(), 3);
        for bytes in [limits::NAME_BYTES + 1, 2 * limits::NAME_BYTES] {
            let refused = DistinguishedName::parse(&long(bytes)).unwrap_err();
            let NameError::Malformed { why, .. } = refused else {
                panic!("{refused}");
            };
            assert_eq!(why, Syntax::TooLong);
        }
    }
}
