//! What somebody found who looked: verification summaries and results of tests.
//!
//! <https://slsa.dev/spec/v1.2/verification_summary>, in-toto's test result v0.1, and its SCAI reports
//! v0.2 and v0.3.

use serde_json::Value;

use super::{Facts, Part, fact, object, part};

/// SLSA's verification summary v1.
pub(super) fn verification_summary(predicate: Part<'_>) -> Facts {
    let levels = predicate.field("verifiedLevels").items();
    let levels = levels.and_then(|levels| levels.into_iter().map(Part::text).collect());
    object([
        ("verifier", text(predicate.at(["verifier", "id"]))),
        (
            "verifiedLevels",
            levels.map(|levels: Vec<String>| Value::from(levels)),
        ),
        ("result", text(predicate.field("verificationResult"))),
        ("resourceUri", text(predicate.field("resourceUri"))),
        (
            "policy",
            fact([
                ("uri", predicate.at(["policy", "uri"]).text()),
                (
                    "sha256",
                    predicate.at(["policy", "digest", "sha256"]).text(),
                ),
            ]),
        ),
        ("timeVerified", text(predicate.field("timeVerified"))),
        ("slsaVersion", text(predicate.field("slsaVersion"))),
        (
            "dependencyLevels",
            predicate.field("dependencyLevels").object(),
        ),
    ])
}

/// in-toto's test result.
pub(super) fn test_result(predicate: Part<'_>) -> Facts {
    object([("result", text(predicate.field("result")))])
}

/// SCAI's attribute report: the attributes of the image itself that hold without a condition.
pub(super) fn attribute_report(predicate: Part<'_>) -> Facts {
    let attributes = predicate.field("attributes").items();
    let attributes = attributes.and_then(|list| list.into_iter().map(attribute).collect());
    object([(
        "attributes",
        attributes.map(|read: Vec<Option<String>>| {
            let names = read.into_iter().flatten();
            Value::from(names.collect::<Vec<_>>())
        }),
    )])
}

/// The name of an attribute, if it is of the image as a whole; none of all if it is malformed.
fn attribute(one: Part<'_>) -> Option<Option<String>> {
    let fields = one.fields()?;
    let name = part(&fields, "attribute").text()?;
    let limited = ["target", "conditions"].into_iter();
    let limited = limited.filter(|field| part(&fields, field).is_there());
    Some((limited.count() == 0).then_some(name))
}

fn text(part: Part<'_>) -> Option<Value> {
    part.text().map(Value::from)
}
