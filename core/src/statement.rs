//! In-toto statements: what is attested, and of which artifacts.
//!
//! in-toto Attestation Framework, Statement v1 and v0.1.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::bound::{Bound, Name};
use crate::digest::Digest;
use crate::dsse::SignedEnvelope;
use crate::json;
use crate::limits;
use crate::policy::Condition;
use crate::policy::condition;
use crate::reason::{Code, Reason};
use crate::target::Target;
use crate::verdict::{Attestation, Signer};

/// The DSSE payload type of an in-toto statement.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The predicate type by which cosign v3 signs an image.
pub(crate) const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A statement. [`bind`] alone makes one, for an artifact that is among its subjects.
#[derive(Clone, Debug)]
pub struct Statement {
    predicate_type: String,
    predicate: Option<Value>,
    digest: Digest,
}

/// Reads the statement that was signed, and binds it to the artifact.
///
/// # Errors
/// If it is malformed, or none of its subjects is the artifact.
pub(crate) fn bind(
    envelope: &SignedEnvelope<'_>,
    target: &Target<'_>,
) -> Result<Bound<Statement>, Reason> {
    let payload = envelope.payload();
    let malformed = |why: String| Reason::new(Code::StatementMalformed, why);
    let wire: StatementWire = json::parse(payload)
        .map_err(|error| malformed(format!("not an in-toto statement: {error}")))?;
    if !matches!(
        wire.kind.as_str(),
        "https://in-toto.io/Statement/v1" | "https://in-toto.io/Statement/v0.1"
    ) {
        return Err(malformed(format!(
            "expected an in-toto statement v1 or v0.1, found the type {:?}",
            wire.kind
        )));
    }
    if wire.predicate_type.is_empty() {
        return Err(malformed(
            "the statement has an empty predicateType".to_owned(),
        ));
    }
    let (name, subject) = wire.subject_of(&target.digest())?;
    let annotations = text_values(&subject.annotations);
    let not_this = wire.not_about(&target.digest());
    let statement = Statement {
        predicate_type: wire.predicate_type,
        predicate: wire.predicate,
        digest: Digest::sha256(payload),
    };
    Bound::new(
        envelope.signature(),
        Name::Text(&name),
        target,
        statement,
        annotations,
    )
    .ok_or(not_this)
}

impl Statement {
    /// The predicate type.
    pub(crate) fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Whether the predicate meets every condition.
    pub(crate) fn meets(&self, conditions: &[Condition]) -> Result<(), Reason> {
        condition::check(conditions, self.predicate.as_ref().unwrap_or(&Value::Null))
    }

    /// The attestation as a verdict shows it.
    pub(crate) fn report(&self, rule: String, signer: Signer) -> Attestation {
        let predicate = self.predicate.clone().unwrap_or(Value::Null);
        let canonical = serde_json_canonicalizer::to_vec(&predicate).unwrap_or_default();
        let shown = canonical.len() <= limits::PREDICATE_BYTES;
        Attestation {
            rule,
            predicate_type: self.predicate_type.clone(),
            signer,
            statement_digest: self.digest,
            predicate_digest: Digest::sha256(&canonical),
            predicate: shown.then(|| numbers_as_strings(predicate)),
            predicate_omitted: (!shown).then(|| {
                format!(
                    "the predicate has {} bytes, more than the {} that a verdict shows",
                    canonical.len(),
                    limits::PREDICATE_BYTES
                )
            }),
        }
    }
}

#[derive(Deserialize)]
struct StatementWire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<SubjectWire>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    // Absent in what cosign 3.0.0 to 3.0.4 signed.
    #[serde(default)]
    predicate: Option<Value>,
}

#[derive(Deserialize)]
struct SubjectWire {
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, Value>>,
}

impl StatementWire {
    /// The subject that is the image, and how the statement names it.
    fn subject_of(&self, image: &Digest) -> Result<(String, &SubjectWire), Reason> {
        let counted = [
            ("subjects", self.subject.len(), limits::SUBJECTS),
            (
                "digests in one subject",
                self.subject
                    .iter()
                    .map(|s| s.digest.len())
                    .max()
                    .unwrap_or(0),
                limits::SUBJECT_DIGESTS,
            ),
        ];
        for (what, found, most) in counted {
            if found > most {
                return Err(Reason::new(
                    Code::LimitExceeded,
                    format!("the statement has {found} {what}, more than the {most} allowed"),
                ));
            }
        }
        let (algorithm, hex) = (image.algorithm_name(), image.hex());
        let named = self.subject.iter().find_map(|subject| {
            let found = subject
                .digest
                .get(algorithm)
                .filter(|found| **found == hex)?;
            Some((format!("{algorithm}:{found}"), subject))
        });
        named.ok_or_else(|| self.not_about(image))
    }

    fn not_about(&self, image: &Digest) -> Reason {
        let first = self.subject.first().and_then(|s| s.digest.iter().next());
        let found = match first {
            Some((algorithm, hex)) => {
                format!(
                    "{} subject(s), the first {algorithm}:{hex}",
                    self.subject.len()
                )
            }
            None => "no subject with a digest".to_owned(),
        };
        Reason::new(
            Code::SubjectMismatch,
            format!("expected a statement about this image {image}, found {found}"),
        )
    }
}

/// Annotations are text; other values keep their JSON spelling.
pub(crate) fn text_values(values: &Option<BTreeMap<String, Value>>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    values
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

/// Turns integers beyond 2^53 into strings, which every reader understands alike.
fn numbers_as_strings(value: Value) -> Value {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => {
            let large = number.as_u64().is_some_and(|n| n > EXACT)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() > EXACT);
            match large {
                true => Value::String(number.to_string()),
                false => Value::Number(number),
            }
        }
        Value::Array(items) => items.into_iter().map(numbers_as_strings).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, numbers_as_strings(value)))
            .collect(),
        other => other,
    }
}
