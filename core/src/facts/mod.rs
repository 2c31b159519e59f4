//! What predicates of well-known types say, in a few words that are the same for all of them.
//!
//! A fact is there only if the predicate spells it as its type says. What is absent, of another kind
//! or unknown makes the fact absent, never zero or empty: a scan that cannot be read does not say
//! that there is nothing. Facts are what the signer says; whether he may be believed is the policy's
//! question (`from`).

mod bom;
mod excuses;
mod provenance;
mod results;
mod vex;
mod vulnerabilities;

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::json;
use crate::limits;

pub(crate) use excuses::{Excuses, Why};
pub(crate) use vex::{Documents, TYPES as VEX_TYPES};

/// What is known of the image beside the predicate.
pub(crate) struct About<'a> {
    /// Its digest.
    pub(crate) image: &'a Digest,
    /// Which of its vulnerabilities do not count.
    pub(crate) excuses: &'a Excuses,
}

impl<'a> About<'a> {
    /// The image alone: all of its vulnerabilities count.
    pub(crate) fn alone(image: &'a Digest) -> Self {
        Self {
            image,
            excuses: const { &Excuses::none() },
        }
    }
}

/// A type of predicates that has facts.
struct Family {
    /// The types, letter by letter.
    types: &'static [&'static str],
    /// What begins like this and goes on with a version is of it, too.
    versioned: Option<&'static str>,
    /// The facts that there may be.
    facts: &'static [&'static str],
    read: fn(Part<'_>, &About<'_>) -> Facts,
}

/// Facts by their names.
type Facts = Map<String, Value>;

const FAMILIES: [Family; 9] = [
    Family {
        types: &["https://slsa.dev/provenance/v1"],
        versioned: None,
        facts: &["buildType", "builder", "parameters", "source", "workflow"],
        read: |predicate, _| provenance::v1(predicate),
    },
    Family {
        types: &["https://slsa.dev/provenance/v0.2"],
        versioned: None,
        facts: &["buildType", "builder", "parameters", "source", "workflow"],
        read: |predicate, _| provenance::v0_2(predicate),
    },
    Family {
        types: &["https://slsa.dev/verification_summary/v1"],
        versioned: None,
        facts: &[
            "dependencyLevels",
            "policy",
            "resourceUri",
            "result",
            "slsaVersion",
            "timeVerified",
            "verifiedLevels",
            "verifier",
        ],
        read: |predicate, _| results::verification_summary(predicate),
    },
    Family {
        types: &["https://in-toto.io/attestation/test-result/v0.1"],
        versioned: None,
        facts: &["result"],
        read: |predicate, _| results::test_result(predicate),
    },
    Family {
        types: &["https://cosign.sigstore.dev/attestation/vuln/v1"],
        versioned: None,
        facts: &["vulnerabilities"],
        read: |predicate, about| vulnerabilities::cosign(predicate, about.excuses),
    },
    Family {
        types: &vex::TYPES,
        versioned: None,
        facts: &["statements"],
        read: |predicate, about| vex::facts(predicate, about.image),
    },
    Family {
        types: &[
            "https://in-toto.io/attestation/scai/attribute-report/v0.2",
            "https://in-toto.io/attestation/scai/attribute-report/v0.3",
        ],
        versioned: None,
        facts: &["attributes"],
        read: |predicate, _| results::attribute_report(predicate),
    },
    Family {
        types: &["https://spdx.dev/Document"],
        versioned: Some("https://spdx.dev/Document/v2."),
        facts: &["licenses", "packages"],
        read: |predicate, _| bom::spdx(predicate),
    },
    Family {
        types: &["https://cyclonedx.org/bom"],
        versioned: Some("https://cyclonedx.org/bom/v1."),
        facts: &["licenses", "packages"],
        read: |predicate, _| bom::cyclonedx(predicate),
    },
];

fn family(predicate_type: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| {
        let versioned = family.versioned;
        family.types.contains(&predicate_type)
            || versioned.is_some_and(|start| predicate_type.starts_with(start))
    })
}

/// The facts that predicates of this type may have; none if it has none.
pub(crate) fn names(predicate_type: &str) -> Option<&'static [&'static str]> {
    family(predicate_type).map(|family| family.facts)
}

/// The facts of a predicate, which is a part of a document that was checked.
pub(crate) fn of(predicate_type: &str, predicate: &RawValue, about: &About<'_>) -> Option<Value> {
    let family = family(predicate_type)?;
    Some(Value::Object((family.read)(Part(Some(predicate)), about)))
}

/// The fact that exceptions and VEX documents are about.
pub(crate) const VULNERABILITIES: &str = "vulnerabilities";

/// The vulnerabilities in a scan that are excused, and why.
pub(crate) fn excused<'e>(
    predicate_type: &str,
    predicate: &RawValue,
    excuses: &'e Excuses,
) -> BTreeMap<String, Why<'e>> {
    let known = names(predicate_type).unwrap_or_default();
    match known.contains(&VULNERABILITIES) && !excuses.is_empty() {
        true => vulnerabilities::excused(Part(Some(predicate)), excuses),
        false => BTreeMap::new(),
    }
}

/// The same as a verdict shows them: without texts and lists of more than
/// [`FACT_BYTES`](limits::FACT_BYTES), and objects of more than eight times as much. None if none is
/// left.
pub(crate) fn shown(
    predicate_type: &str,
    predicate: &RawValue,
    about: &About<'_>,
) -> Option<Value> {
    let Value::Object(mut facts) = of(predicate_type, predicate, about)? else {
        return None;
    };
    leave_out_long(&mut facts);
    (!facts.is_empty()).then_some(Value::Object(facts))
}

fn leave_out_long(facts: &mut Facts) {
    facts.retain(|_, fact| {
        let most = match fact {
            Value::Object(fields) => {
                leave_out_long(fields);
                8 * limits::FACT_BYTES
            }
            _ => limits::FACT_BYTES,
        };
        *fact != Value::Object(Facts::new()) && json::printed_length(fact) <= most
    });
}

/// A part of a predicate, or nothing.
#[derive(Clone, Copy)]
struct Part<'a>(Option<&'a RawValue>);

/// The fields of an object.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl<'a> Part<'a> {
    /// Its fields, if it is an object.
    fn fields(self) -> Option<Fields<'a>> {
        json::read_part(self.0?).ok()
    }

    /// One of its fields.
    fn field(self, name: &str) -> Self {
        Self(self.fields().and_then(|fields| fields.get(name).copied()))
    }

    /// The field that a path leads to.
    fn at<const N: usize>(self, path: [&str; N]) -> Self {
        path.into_iter().fold(self, Self::field)
    }

    /// Its items, if it is a list.
    fn items(self) -> Option<Vec<Self>> {
        let items: Vec<&RawValue> = json::read_part(self.0?).ok()?;
        Some(items.into_iter().map(|item| Self(Some(item))).collect())
    }

    /// A text that is not empty.
    fn text(self) -> Option<String> {
        let text: String = json::read_part(self.0?).ok()?;
        (!text.is_empty()).then_some(text)
    }

    /// An object, as it is.
    fn object(self) -> Option<Value> {
        let fields: Map<String, Value> = json::read_part(self.0?).ok()?;
        Some(Value::Object(fields))
    }

    fn is_there(self) -> bool {
        self.0.is_some()
    }
}

/// The field of a part that was read into its fields.
fn part<'a>(fields: &Fields<'a>, name: &str) -> Part<'a> {
    Part(fields.get(name).copied())
}

/// An object of those fields that are there.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Facts {
    let there = fields.into_iter();
    there
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The same, as a fact; none without fields.
fn fact<const N: usize>(fields: [(&str, Option<String>); N]) -> Option<Value> {
    let fields = object(fields.map(|(name, text)| (name, text.map(Value::from))));
    (!fields.is_empty()).then_some(Value::Object(fields))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
