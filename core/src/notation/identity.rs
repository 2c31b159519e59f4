//! Trusted identities: whose certificates a policy accepts.
//!
//! Trust store and trust policy specification, "Trusted identities constraints"; RFC 4514.

use std::collections::BTreeMap;
use std::fmt;

use super::certificate::Certificate;

/// Bytes of one distinguished name; real ones have a few hundred (CVE-2023-25656).
const NAME_BYTES: usize = 4096;
/// Attributes of one distinguished name.
const NAME_ATTRIBUTES: usize = 64;
/// What every identity must say.
const MANDATORY: [&str; 3] = ["C", "ST", "O"];

/// The identities that a policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIdentities(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Subjects(Vec<DistinguishedName>),
}

impl TrustedIdentities {
    /// Reads identities: `*` alone, or texts such as `x509.subject: C=US, ST=WA, O=acme`.
    ///
    /// An identity with another prefix is meant for a plugin: it is accepted and matches nobody.
    ///
    /// # Errors
    /// Every problem there is: none given, `*` beside others, a name that is none, or one that
    /// covers another.
    pub fn parse<T: AsRef<str>>(identities: &[T]) -> Result<Self, Vec<IdentityError>> {
        if identities.is_empty() {
            return Err(vec![IdentityError::Empty]);
        }
        if identities.iter().any(|identity| identity.as_ref() == "*") {
            return match identities.len() {
                1 => Ok(Self(Kind::Any)),
                _ => Err(vec![IdentityError::WildcardBesideOthers]),
            };
        }
        let mut errors = Vec::new();
        let mut subjects = Vec::new();
        for identity in identities {
            match parse_identity(identity.as_ref()) {
                Ok(subject) => subjects.extend(subject),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(overlap(&subjects));
        if errors.is_empty() {
            Ok(Self(Kind::Subjects(subjects)))
        } else {
            Err(errors)
        }
    }

    /// Nobody: for policies that verify nothing.
    pub fn none() -> Self {
        Self(Kind::Subjects(Vec::new()))
    }

    /// Whether these identities include the certificate's subject, and if not, why.
    pub(super) fn match_subject(&self, leaf: &Certificate) -> Result<(), String> {
        let Kind::Subjects(trusted) = &self.0 else {
            return Ok(());
        };
        let subject = subject_of(leaf)?;
        if trusted.iter().any(|identity| identity.is_within(&subject)) {
            return Ok(());
        }
        let expected: Vec<_> = trusted.iter().map(ToString::to_string).collect();
        Err(format!(
            "expected a subject with {}, found {:?}",
            if expected.is_empty() {
                "no x509.subject at all".to_owned()
            } else {
                expected.join(" or ")
            },
            leaf.subject()
        ))
    }
}

impl fmt::Display for TrustedIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Any => f.write_str("*"),
            Kind::Subjects(subjects) => {
                let subjects: Vec<_> = subjects.iter().map(ToString::to_string).collect();
                f.write_str(&subjects.join("; "))
            }
        }
    }
}

/// Why a text is no trusted identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// There are none.
    #[error("expected at least one trusted identity, found none")]
    Empty,
    /// `*` and something else.
    #[error("the trusted identity \"*\" must stand alone")]
    WildcardBesideOthers,
    /// No prefix.
    #[error(
        "expected a trusted identity such as \"x509.subject: C=US, ST=WA, O=acme\", found {0:?}"
    )]
    Prefix(String),
    /// The hexadecimal form of values (CVE-2023-25656).
    #[error("the distinguished name {0:?} contains \"=#\", which is not supported")]
    Hexadecimal(String),
    /// Not a distinguished name of RFC 4514.
    #[error("{name:?} is not a distinguished name (RFC 4514): {why}")]
    Name {
        /// The name, shortened.
        name: String,
        /// What is wrong.
        why: &'static str,
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
    /// Whoever matches the one matches the other.
    #[error(
        "the trusted identities {wide:?} and {narrow:?} overlap: whoever matches the second matches the first"
    )]
    Overlap {
        /// The less specific one.
        wide: String,
        /// The more specific one.
        narrow: String,
    },
}

/// The attributes of a distinguished name, each type once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DistinguishedName(BTreeMap<String, String>);

impl DistinguishedName {
    /// Reads a name: RFC 4514, with `;` as another separator and no multi-valued parts.
    fn parse(text: &str) -> Result<Self, IdentityError> {
        let name = || text.chars().take(200).collect::<String>();
        let wrong = |why| IdentityError::Name { name: name(), why };
        if text.len() > NAME_BYTES {
            return Err(wrong("it is too long"));
        }
        if text.contains("=#") {
            return Err(IdentityError::Hexadecimal(name()));
        }
        let mut attributes = BTreeMap::new();
        for (kind, value) in split(text).map_err(wrong)? {
            if attributes.len() >= NAME_ATTRIBUTES {
                return Err(wrong("it has too many attributes"));
            }
            if attributes.contains_key(&kind) {
                return Err(IdentityError::Twice {
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
            Some(attribute) => Err(IdentityError::Missing {
                name: name(),
                attribute,
            }),
            None => Ok(Self(attributes)),
        }
    }

    /// Whether every attribute of this name is in `other`, with the same value.
    fn is_within(&self, other: &Self) -> bool {
        self.0
            .iter()
            .all(|(kind, value)| other.0.get(kind) == Some(value))
    }
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

fn parse_identity(identity: &str) -> Result<Option<DistinguishedName>, IdentityError> {
    let (prefix, name) = identity
        .split_once(':')
        .filter(|(prefix, name)| !prefix.is_empty() && !name.trim().is_empty())
        .ok_or_else(|| IdentityError::Prefix(identity.chars().take(200).collect()))?;
    match prefix {
        "x509.subject" => DistinguishedName::parse(name).map(Some),
        _ => Ok(None),
    }
}

fn overlap(subjects: &[DistinguishedName]) -> Vec<IdentityError> {
    let mut errors = Vec::new();
    for (i, wide) in subjects.iter().enumerate() {
        for (j, narrow) in subjects.iter().enumerate() {
            if i != j && wide.is_within(narrow) && (wide != narrow || i < j) {
                errors.push(IdentityError::Overlap {
                    wide: wide.to_string(),
                    narrow: narrow.to_string(),
                });
            }
        }
    }
    errors
}

/// The subject of a certificate. One whose attributes are ambiguous matches no identity.
fn subject_of(leaf: &Certificate) -> Result<DistinguishedName, String> {
    let mut attributes = BTreeMap::new();
    for (kind, value) in leaf.subject_attributes() {
        if attributes.insert(kind.to_owned(), value).is_some() {
            return Err(format!("the subject {:?} has {kind} twice", leaf.subject()));
        }
    }
    Ok(DistinguishedName(attributes))
}

/// The attributes of a name, in order: their types in upper case (`S` as `ST`), their values
/// without escapes. One pass, no allocation beyond the text's length.
fn split(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut attributes = Vec::new();
    let mut rest = text;
    loop {
        let (kind, after) = rest.split_once('=').ok_or("an attribute has no '='")?;
        let kind = attribute_type(kind.trim())?;
        let (value, after) = attribute_value(after)?;
        attributes.push((kind, value));
        match after {
            Some(after) => rest = after,
            None => return Ok(attributes),
        }
    }
}

fn attribute_type(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if text.is_empty() || !text.chars().all(allowed) {
        return Err("an attribute's type is empty or has characters that types do not have");
    }
    let upper = text.to_ascii_uppercase();
    Ok(if upper == "S" { "ST".to_owned() } else { upper })
}

/// A value up to its separator, and what follows the separator, if there is one.
fn attribute_value(text: &str) -> Result<(String, Option<&str>), &'static str> {
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
            '+' => return Err("several values in one part are not supported"),
            '"' | '<' | '>' | '\0' => return Err("a special character is not escaped"),
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
    let value = String::from_utf8(value).map_err(|_| "an escaped value is not UTF-8")?;
    if value.is_empty() {
        return Err("an attribute has no value");
    }
    Ok((value, after))
}

/// What an escape stands for, and what follows it.
fn unescape(text: &str) -> Result<(Vec<u8>, &str), &'static str> {
    let wrong = "a backslash is followed by neither a special character nor two hex digits";
    let first = text.chars().next().ok_or(wrong)?;
    if " \"#+,;<=>\\".contains(first) {
        return Ok((vec![first as u8], text.get(1..).unwrap_or_default()));
    }
    let digits = text.get(..2).ok_or(wrong)?;
    let byte = hex::decode(digits).map_err(|_| wrong)?;
    Ok((byte, text.get(2..).unwrap_or_default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> BTreeMap<String, String> {
        DistinguishedName::parse(text).unwrap().0
    }

    fn error(text: &str) -> IdentityError {
        TrustedIdentities::parse(&[text]).unwrap_err().remove(0)
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
    fn names_that_are_none_are_refused() {
        for text in [
            "x509.subject:C",
            "x509.subject:=US",
            "x509.subject:C=",
            "x509.subject:C=US,,O=x",
            "x509.subject:C=US,ST=WA,O=a+OU=b",
            r"x509.subject:C=US,ST=WA,O=a\",
            r"x509.subject:C=US,ST=WA,O=\zz",
            r"x509.subject:C=US,ST=WA,O=\ff",
            "x509.subject:C=US,ST=WA,O=\"a\"",
        ] {
            assert!(
                matches!(error(text), IdentityError::Name { .. }),
                "{text}: {:?}",
                error(text)
            );
        }
        assert!(matches!(
            error("x509.subject:C=US,O=a"),
            IdentityError::Missing {
                attribute: "ST",
                ..
            }
        ));
        assert!(matches!(
            error("x509.subject:C=US,S=a,ST=b,O=c"),
            IdentityError::Twice { .. }
        ));
        for text in ["", "acme", ":x", "x509.subject:", "x509.subject: "] {
            assert!(matches!(error(text), IdentityError::Prefix(_)), "{text}");
        }
    }

    #[test]
    fn hexadecimal_and_endless_names_cost_nothing_cve_2023_25656() {
        assert!(matches!(
            error("x509.subject:C=US,ST=WA,O=#0c0161"),
            IdentityError::Hexadecimal(_)
        ));
        let endless = format!("x509.subject:{}", "C=US,".repeat(1 << 20));
        assert!(matches!(error(&endless), IdentityError::Name { .. }));
        let many: String = (0..500).map(|i| format!("A{i}=x,")).collect();
        assert!(matches!(
            error(&format!("x509.subject:{many}C=US")),
            IdentityError::Name { .. }
        ));
    }

    #[test]
    fn arbitrary_text_never_panics() {
        let alphabet: Vec<char> = "C=ST,O+;\\\"# üä0a\0<>*:".chars().collect();
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::from("x509.subject:");
            for _ in 0..(state % 40) {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let index = usize::try_from(state >> 33).unwrap() % alphabet.len();
                text.push(alphabet[index]);
            }
            state = state.wrapping_add(1);
            let _ = TrustedIdentities::parse(&[text]);
        }
    }

    #[test]
    fn identities_that_cover_each_other_are_refused() {
        let parse = |texts: &[&str]| TrustedIdentities::parse(texts);
        let wide = "x509.subject:C=US,ST=WA,O=acme";
        let narrow = "x509.subject:C=US,ST=WA,O=acme,OU=ops";
        assert!(matches!(
            parse(&[narrow, wide]).unwrap_err()[..],
            [IdentityError::Overlap { .. }]
        ));
        assert_eq!(parse(&[wide, wide]).unwrap_err().len(), 1);
        assert!(parse(&[wide, "x509.subject:C=US,ST=WA,O=other"]).is_ok());
        assert_eq!(
            parse(&["*", wide]).unwrap_err(),
            [IdentityError::WildcardBesideOthers]
        );
        assert_eq!(parse(&[]).unwrap_err(), [IdentityError::Empty]);
        assert_eq!(parse(&["*"]).unwrap(), TrustedIdentities(Kind::Any));
    }

    #[test]
    fn identities_for_plugins_are_read_and_match_nobody() {
        let identities = TrustedIdentities::parse(&["com.example.profile: arn:x"]).unwrap();
        assert_eq!(identities, TrustedIdentities(Kind::Subjects(Vec::new())));
    }
}
