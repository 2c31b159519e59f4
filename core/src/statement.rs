//! In-toto statements: what is attested, and of which artifacts.
//!
//! in-toto Attestation Framework, Statement v1 and v0.1.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::bound::{Bound, Name};
use crate::budget::{self, Exceeded, Room, Work};
use crate::claimed::{self, ClaimedContent};
use crate::digest::Digest;
use crate::dsse::{Envelope, SignedEnvelope};
use crate::facts::{self, About, Documents, Excuses, Why};
use crate::json::{self, Document, JsonError};
use crate::limits;
use crate::policy::Condition;
use crate::policy::condition::{self, Checked, Circumstances, Other, Others, View};
use crate::reason::{Code, Reason};
use crate::target::Target;
use crate::verdict::{Attestation, Signer};

/// The DSSE payload type of an in-toto statement.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The predicate type by which cosign v3 signs an image.
pub(crate) const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A statement. [`bind`] alone makes one, for an artifact that is among its subjects.
///
/// It holds the predicate as text, for as a tree it takes many times as much memory: that is made
/// for conditions, one statement at a time.
#[derive(Clone, Debug)]
pub struct Statement {
    digest: Digest,
    said: Arc<Said>,
}

/// What a statement says, which takes room in the budget.
#[derive(Debug)]
struct Said {
    kind: String,
    predicate_type: String,
    /// Names, digests and annotations of the subjects.
    subject: Box<RawValue>,
    predicate: Option<Box<RawValue>>,
    tree_bytes: u64,
    _room: Room,
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
    let malformed_json = |error| malformed(format!("not an in-toto statement: {error}"));
    let document = Document::check(payload).map_err(malformed_json)?;
    // Nothing of it is parsed unless there is room for all of it.
    let _tree = budget::hold(document.tree_bytes())?;
    let wire: StatementWire<'_> = document.read().map_err(malformed_json)?;
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
    let (named, subject) = wire.subject_of(target)?;
    let subjects = serde_json::value::to_raw_value(&wire.subject)
        .map_err(|error| malformed(format!("not an in-toto statement: {error}")))?;
    let length = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
    // What it may take: the annotations stand with the signer once more.
    let kept = wire
        .predicate
        .map_or(0, |predicate| length(predicate.get()))
        + subject
            .annotations
            .iter()
            .flatten()
            .map(|(name, value)| 2 * (length(name) + length(value.get())))
            .sum::<u64>()
        + length(subjects.get());
    let room = budget::hold(kept)?;
    let annotations = text_values(&subject.annotations.as_ref().map(values).transpose()?);
    let not_this = wire.not_about(target);
    let statement = Statement {
        digest: Digest::sha256(payload),
        said: Arc::new(Said {
            kind: wire.kind,
            subject: subjects,
            predicate_type: wire.predicate_type,
            predicate: wire.predicate.map(ToOwned::to_owned),
            tree_bytes: document.tree_bytes(),
            _room: room,
        }),
    };
    Bound::new(
        envelope.signature(),
        Name::Digest(&named),
        target,
        statement,
        annotations,
    )
    .ok_or(not_this)
}

/// What an envelope says of which artifacts, by anybody's word: its signature is not looked at.
///
/// # Errors
/// If it holds no statement that can be read.
pub(crate) fn claimed(envelope: &Envelope, image: &Digest) -> Result<ClaimedContent, Reason> {
    let malformed = |why: String| Reason::new(Code::StatementMalformed, why);
    let kind = envelope.unverified_payload_type();
    if kind != PAYLOAD_TYPE {
        let message = format!("expected the payload type {PAYLOAD_TYPE}, found {kind:?}");
        return Err(Reason::new(Code::PayloadTypeMismatch, message));
    }
    let unread = |error: JsonError| malformed(format!("not an in-toto statement: {error}"));
    let document = Document::check(envelope.unverified_payload()).map_err(unread)?;
    let _tree = budget::hold(document.tree_bytes())?;
    let wire: StatementWire<'_> = document.read().map_err(unread)?;
    let digests = wire.subject.iter().flat_map(|subject| &subject.digest);
    let facts = wire
        .predicate
        .and_then(|predicate| facts::of(&wire.predicate_type, predicate, &About::alone(image)));
    Ok(ClaimedContent {
        digests: digests
            .take(limits::CLAIMED_NAMES)
            .map(|(algorithm, hex)| claimed::shortened(&format!("{algorithm}:{hex}")))
            .collect(),
        predicate_type: Some(claimed::shortened(&wire.predicate_type)),
        facts: facts.and_then(claimed::shown),
    })
}

/// The trees of some values, which are few.
fn values(texts: &BTreeMap<String, &RawValue>) -> Result<BTreeMap<String, Value>, Reason> {
    let value = |(name, text): (&String, &&RawValue)| {
        let value = json::read_part(text);
        let value = value.map_err(|error| Reason::new(Code::StatementMalformed, error.to_string()));
        Ok((name.clone(), value?))
    };
    texts.iter().map(value).collect()
}

impl Statement {
    /// The digest of the payload.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Holds what another of the same digest says, and no copy of it.
    pub(crate) fn share(&mut self, same: &Self) {
        if self.digest == same.digest {
            self.said = Arc::clone(&same.said);
        }
    }

    /// The predicate type.
    pub(crate) fn predicate_type(&self) -> &str {
        &self.said.predicate_type
    }

    /// What its predicate says, if its type is known and it is not too long.
    pub(crate) fn facts(&self, image: &Digest) -> Option<Value> {
        let _tree = budget::hold(self.said.tree_bytes).ok()?;
        let about = About::alone(image);
        facts::of(&self.said.predicate_type, self.predicate(), &about).and_then(claimed::shown)
    }

    /// Whether it meets every condition, signed by whom a verdict would name so, beside attestations
    /// that met other rules.
    pub(crate) fn meets(
        &self,
        conditions: &[Condition],
        signer: &str,
        excuses: &Excuses,
        others: &Others<'_>,
        asked: &Circumstances<'_>,
    ) -> Checked {
        if conditions.is_empty() {
            return Checked::without_time(Ok(()));
        }
        let beside = others.values().map(|other| other.tree_bytes);
        let tree_bytes = beside.fold(self.said.tree_bytes, u64::saturating_add);
        let _tree = match budget::hold(tree_bytes) {
            Ok(room) => room,
            Err(exceeded) => return Checked::without_time(Err(exceeded.into())),
        };
        let view = View {
            predicate: self.predicate(),
            predicate_type: &self.said.predicate_type,
            statement_type: &self.said.kind,
            subject: &self.said.subject,
            signer,
            excuses,
            others,
            asked,
        };
        condition::check(conditions, &view)
    }

    /// The same, as the conditions of other rules see it, signed by whom a verdict would name so.
    pub(crate) fn as_other<'a>(&'a self, signer: &'a str, excuses: &'a Excuses) -> Other<'a> {
        Other {
            predicate: self.predicate(),
            predicate_type: &self.said.predicate_type,
            signer,
            excuses,
            tree_bytes: self.said.tree_bytes,
        }
    }

    /// Adds what it says of an image's vulnerabilities, if it is a VEX document; the room is that of
    /// what was added.
    ///
    /// # Errors
    /// If that takes more than there is.
    pub(crate) fn add_to(&self, vex: &mut Documents, image: &Digest) -> Result<Room, Exceeded> {
        let room = budget::hold(self.said.tree_bytes)?;
        self.charge_reading()?;
        vex.add(self.digest, self.predicate(), image);
        Ok(room)
    }

    /// The vulnerabilities in it that are excused, and why.
    ///
    /// # Errors
    /// If that takes more than there is.
    pub(crate) fn excused<'e>(
        &self,
        excuses: &'e Excuses,
    ) -> Result<BTreeMap<String, Why<'e>>, Exceeded> {
        if excuses.is_empty() {
            return Ok(BTreeMap::new());
        }
        let _tree = budget::hold(self.said.tree_bytes)?;
        self.charge_reading()?;
        let (kind, predicate) = (&self.said.predicate_type, self.predicate());
        Ok(facts::excused(kind, predicate, excuses))
    }

    /// Counts that the predicate is read once more.
    fn charge_reading(&self) -> Result<(), Exceeded> {
        let steps = 1 + self.predicate().get().len() / condition::READ;
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        budget::charge(Work::ConditionSteps, steps)
    }

    /// The predicate; where there is none, `null`.
    fn predicate(&self) -> &RawValue {
        self.said.predicate.as_deref().unwrap_or(RawValue::NULL)
    }

    /// What the predicate says as a verdict shows it, as far as there is room to read it.
    fn shown_facts(&self, about: &About<'_>) -> Option<Value> {
        let _tree = budget::spare(self.said.tree_bytes)?;
        let facts = facts::shown(&self.said.predicate_type, self.predicate(), about);
        facts.map(numbers_as_strings)
    }

    /// The attestation as a verdict shows it.
    ///
    /// # Errors
    /// If there is no room for its predicate.
    pub(crate) fn report(
        &self,
        rule: String,
        signer: Signer,
        about: &About<'_>,
    ) -> Result<Attestation, Reason> {
        let unread = |error: JsonError| Reason::new(Code::StatementMalformed, error.to_string());
        let predicate = self.predicate();
        // First, while there is room.
        let facts = self.shown_facts(about);
        let length = u64::try_from(predicate.get().len()).unwrap_or(u64::MAX);
        // The canonical form, and its parts while they are sorted.
        let _room = budget::hold(length.saturating_mul(3))?;
        let canonical = json::canonical(predicate).map_err(unread)?;
        let shown = canonical.len() <= limits::PREDICATE_BYTES;
        let tree = match shown {
            true => Some(numbers_as_strings(
                json::read_part(predicate).map_err(unread)?,
            )),
            false => None,
        };
        Ok(Attestation {
            rule,
            predicate_type: self.said.predicate_type.clone(),
            signer,
            statement_digest: self.digest,
            predicate_digest: Digest::sha256(&canonical),
            facts,
            predicate: tree,
            predicate_omitted: (!shown).then(|| {
                format!(
                    "the predicate has {} bytes, more than the {} that a verdict shows",
                    canonical.len(),
                    limits::PREDICATE_BYTES
                )
            }),
        })
    }
}

#[derive(Deserialize)]
struct StatementWire<'a> {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(borrow)]
    subject: Vec<SubjectWire<'a>>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    // Absent in what cosign 3.0.0 to 3.0.4 signed.
    #[serde(default, borrow)]
    predicate: Option<&'a RawValue>,
}

#[derive(Deserialize, Serialize)]
struct SubjectWire<'a> {
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    name: Option<&'a RawValue>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, &'a RawValue>>,
}

impl<'a> StatementWire<'a> {
    /// The subject that is the artifact, and the digest by which the statement names it.
    fn subject_of(&self, target: &Target<'_>) -> Result<(Digest, &SubjectWire<'a>), Reason> {
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
        self.named(target.digest())
            // Packages of npm are named by this one alone.
            .or_else(|| self.named(target.file_sha512()?))
            .ok_or_else(|| self.not_about(target))
    }

    /// The subject of this digest.
    fn named(&self, digest: Digest) -> Option<(Digest, &SubjectWire<'a>)> {
        let (algorithm, hex) = (digest.algorithm_name(), digest.hex());
        let is_named = |subject: &&SubjectWire<'a>| subject.digest.get(algorithm) == Some(&hex);
        Some((digest, self.subject.iter().find(is_named)?))
    }

    fn not_about(&self, target: &Target<'_>) -> Reason {
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
            format!(
                "expected a statement about this {} {}, found {found}",
                target.kind(),
                target.digest()
            ),
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
