//! The variables that a condition may name, and what of them it reads.
//!
//! A variable is made for a condition that names it and for no other.

use std::collections::{BTreeMap, BTreeSet};

use cel::common::types::CelString;
use cel::common::value::Val;
use cel::{Context, ExecutionError};
use serde_json::value::RawValue;

use super::ConditionError;
use super::meter::Meter;
use super::moments::Moment;
use super::values::{self, Read};
use crate::digest::Digest;
use crate::evidence::{Request, Subject};
use crate::facts;
use crate::json;
use crate::time::UnixTime;

/// What the statement says of the image.
pub(super) const PREDICATE: &str = "predicate";
/// The statement that was signed.
pub(super) const STATEMENT: &str = "statement";
/// Who signed it.
pub(super) const SIGNER: &str = "signer";
/// What was asked about.
pub(super) const IMAGE: &str = "image";
/// What the predicate says, in words that are the same for all types.
pub(super) const FACTS: &str = "facts";
/// The time of the judgement.
pub(super) const NOW: &str = "now";

/// Every variable, and the fields that it may have; none where anything may be one.
const ALL: [(&str, Option<&[&str]>); 6] = [
    (PREDICATE, None),
    (
        STATEMENT,
        Some(&["_type", "predicate", "predicateType", "subject"]),
    ),
    (
        SIGNER,
        Some(&[
            "annotations",
            "authority",
            "claims",
            "fingerprint",
            "issuer",
            "key",
            "keyFingerprint",
            "kind",
            "subject",
            "subjectType",
            "x509Subject",
        ]),
    ),
    (
        IMAGE,
        Some(&["digest", NAMESPACE, "registry", "repository", "tag"]),
    ),
    // Which there are depends on the type of the predicate.
    (FACTS, None),
    (NOW, Some(&[])),
];

/// The field of the image that depends on who asks.
const NAMESPACE: &str = "namespace";

/// Bytes of JSON that are read in one step.
const READ: usize = 128;

/// The variable of this name.
pub(super) fn named(name: &str) -> Option<&'static str> {
    let found = ALL.iter().find(|(variable, _)| *variable == name);
    found.map(|(variable, _)| *variable)
}

/// The names of all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// What an expression reads of the variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads(BTreeMap<&'static str, Fields>);

#[derive(Clone, Debug, Default)]
struct Fields {
    named: BTreeSet<String>,
    /// Whether it reads more than the fields that it names.
    whole: bool,
}

impl Reads {
    /// Notes a field that is read by its name.
    pub(super) fn field(
        &mut self,
        variable: &'static str,
        field: &str,
    ) -> Result<(), ConditionError> {
        let known = ALL.iter().find(|(name, _)| *name == variable);
        if let Some((_, Some(known))) = known
            && !known.contains(&field)
        {
            return Err(ConditionError::NoField {
                variable,
                field: field.to_owned(),
                known: match known.is_empty() {
                    true => "none".to_owned(),
                    false => known.join(", "),
                },
            });
        }
        let fields = self.0.entry(variable).or_default();
        fields.named.insert(field.to_owned());
        Ok(())
    }

    /// Notes that a variable is read as a whole.
    pub(super) fn whole(&mut self, variable: &'static str) {
        self.0.entry(variable).or_default().whole = true;
    }

    /// Adds what another expression reads.
    pub(super) fn add(&mut self, other: &Self) {
        for (variable, read) in &other.0 {
            let fields = self.0.entry(variable).or_default();
            fields.named.extend(read.named.iter().cloned());
            fields.whole |= read.whole;
        }
    }

    fn names(&self, variable: &str) -> bool {
        self.0.contains_key(variable)
    }

    /// Whether the answer may depend on the namespace that is asked for.
    pub(crate) fn namespace(&self) -> bool {
        let image = self.0.get(IMAGE);
        image.is_some_and(|image| image.whole || image.named.contains(NAMESPACE))
    }

    /// The fields of `facts` that are read by name, if `facts` is.
    pub(crate) fn facts(&self) -> Option<impl Iterator<Item = &str>> {
        let facts = self.0.get(FACTS)?;
        Some(facts.named.iter().map(String::as_str))
    }

    /// Whether the answer may depend on who signed.
    pub(crate) fn signer(&self) -> bool {
        self.names(SIGNER)
    }
}

/// What a condition looks at.
pub(crate) struct View<'a> {
    /// What the statement says.
    pub(crate) predicate: &'a RawValue,
    /// Its type.
    pub(crate) predicate_type: &'a str,
    /// The type of the statement.
    pub(crate) statement_type: &'a str,
    /// The subjects of the statement: their names, digests and annotations.
    pub(crate) subject: &'a RawValue,
    /// Who signed it, in JSON.
    pub(crate) signer: &'a str,
    /// What was asked, and when.
    pub(crate) asked: &'a Circumstances<'a>,
}

/// What was asked about, and the time of the judgement.
pub(crate) struct Circumstances<'a> {
    /// The image.
    pub(crate) subject: &'a Subject,
    /// The question.
    pub(crate) request: &'a Request,
    /// The time.
    pub(crate) now: UnixTime,
}

impl<'a> View<'a> {
    /// Makes the variables that are read.
    pub(super) fn add_to(
        &self,
        context: &mut Context<'_, 'a>,
        reads: &Reads,
        meter: &Meter,
    ) -> Result<(), Unmade> {
        if reads.names(PREDICATE) || reads.names(STATEMENT) {
            let Read(predicate) = json::read_part(self.predicate)?;
            if reads.names(STATEMENT) {
                pay(meter, self.subject.get())?;
                let Read(subject) = json::read_part(self.subject)?;
                let statement = values::map(vec![
                    ("_type", text(self.statement_type)),
                    ("predicate", predicate.clone()),
                    ("predicateType", text(self.predicate_type)),
                    ("subject", subject),
                ]);
                context.add_variable_as_val(STATEMENT, statement);
            }
            context.add_variable_as_val(PREDICATE, predicate);
        }
        if reads.names(SIGNER) {
            pay(meter, self.signer)?;
            let Read(signer) = json::parse(self.signer.as_bytes())?;
            context.add_variable_as_val(SIGNER, signer);
        }
        if reads.names(IMAGE) {
            context.add_variable_as_val(IMAGE, self.asked.image());
        }
        if reads.names(FACTS) {
            pay(meter, self.predicate.get())?;
            if let Some(facts) = facts::of(self.predicate_type, self.predicate) {
                context.add_variable_as_val(FACTS, values::owned(&facts));
            }
        }
        if reads.names(NOW) {
            let now = Moment::now(self.asked.now, meter);
            context.add_variable_as_val(NOW, Box::new(now));
        }
        Ok(())
    }
}

/// Why a variable was not made.
pub(super) enum Unmade {
    /// What it is read from is malformed.
    Malformed(json::JsonError),
    /// That takes more steps than there are.
    Stopped,
}

impl From<json::JsonError> for Unmade {
    fn from(error: json::JsonError) -> Self {
        Self::Malformed(error)
    }
}

impl From<ExecutionError> for Unmade {
    fn from(_: ExecutionError) -> Self {
        Self::Stopped
    }
}

fn pay(meter: &Meter, json: &str) -> Result<(), ExecutionError> {
    meter.pay(1 + json.len() / READ)
}

impl<'a> Circumstances<'a> {
    /// The image as conditions see it.
    fn image(&self) -> Box<dyn Val + 'a> {
        let repository = self.subject.reference.repository();
        let digest: Digest = self.subject.digest();
        let mut fields: Vec<(&str, Box<dyn Val + 'a>)> = vec![
            ("digest", Box::new(CelString::from(digest.to_string()))),
            ("registry", text(repository.host())),
            ("repository", text(repository.path())),
        ];
        let namespace = self.request.namespace.as_deref();
        fields.extend(namespace.map(|name| (NAMESPACE, text(name))));
        let tag = self.subject.reference.tag();
        fields.extend(tag.map(|tag| ("tag", text(tag))));
        values::map(fields)
    }
}

fn text<'a>(text: &'a str) -> Box<dyn Val + 'a> {
    Box::new(CelString::from(text))
}
