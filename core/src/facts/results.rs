//! What somebody found who looked: verification summaries and results of tests.
//!
//! <https://slsa.dev/spec/v1.0/verification_summary>, and in-toto's test result v0.1.

use serde_json::Value;

use super::{Facts, Part, object};

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
    ])
}

/// in-toto's test result.
pub(super) fn test_result(predicate: Part<'_>) -> Facts {
    object([("result", text(predicate.field("result")))])
}

fn text(part: Part<'_>) -> Option<Value> {
    part.text().map(Value::from)
}
