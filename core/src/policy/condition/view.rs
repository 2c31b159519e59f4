//! What a condition looks at, made into the variables that it reads.

use std::collections::BTreeMap;

use cel::common::types::CelString;
use cel::common::value::Val;
use cel::{Context, ExecutionError};
use serde_json::value::RawValue;

use super::meter::Meter;
use super::moments::Moment;
use super::values::{self, Read};
use super::variables::{
    ATTESTATIONS, FACTS, IMAGE, NAMESPACE, NOW, PREDICATE, PREDICATE_TYPE, Reads, RuleReads,
    SIGNER, STATEMENT,
};
use crate::digest::Digest;
use crate::evidence::{Request, Subject};
use crate::facts::{self, About, Excuses};
use crate::json;
use crate::time::UnixTime;

/// Bytes of JSON that are read in one step.
pub(crate) const READ: usize = 128;

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
    /// Which vulnerabilities do not count.
    pub(crate) excuses: &'a Excuses,
    /// The attestations that met other rules, by the rule's name.
    pub(crate) others: &'a Others<'a>,
    /// What was asked, and when.
    pub(crate) asked: &'a Circumstances<'a>,
}

/// Attestations that met other rules, by the rule's name.
pub(crate) type Others<'a> = BTreeMap<&'a str, Other<'a>>;

/// An attestation that met another rule.
#[derive(Clone, Copy)]
pub(crate) struct Other<'a> {
    /// What it says.
    pub(crate) predicate: &'a RawValue,
    /// Its type.
    pub(crate) predicate_type: &'a str,
    /// Who signed it, in JSON.
    pub(crate) signer: &'a str,
    /// Which of its vulnerabilities do not count.
    pub(crate) excuses: &'a Excuses,
    /// The memory that it takes at most, as conditions see it.
    pub(crate) tree_bytes: u64,
}

/// What was asked about, and the time of the judgement.
pub(crate) struct Circumstances<'a> {
    /// The image.
    pub(crate) subject: &'a Subject,
    /// The question.
    pub(crate) request: &'a Request,
    /// The time.
    pub(crate) now: UnixTime,
    /// The digest of the image.
    pub(crate) digest: Digest,
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
            let about = self.asked.about(self.excuses);
            if let Some(facts) = facts::of(self.predicate_type, self.predicate, &about) {
                context.add_variable_as_val(FACTS, values::owned(&facts));
            }
        }
        if reads.names(NOW) {
            let now = Moment::now(self.asked.now, meter);
            context.add_variable_as_val(NOW, Box::new(now));
        }
        let mut others = Vec::new();
        for (name, read) in reads.rules() {
            // Of a rule that is not met there is nothing: the rule that reads it is not judged.
            if let Some((name, other)) = self.others.get_key_value(name) {
                others.push((*name, other.value(read, self.asked, meter)?));
            }
        }
        context.add_variable_as_val(ATTESTATIONS, values::map(others));
        Ok(())
    }
}

impl<'a> Other<'a> {
    /// Those of its fields that are read.
    fn value(
        self,
        read: &RuleReads,
        asked: &Circumstances<'_>,
        meter: &Meter,
    ) -> Result<Box<dyn Val + 'a>, Unmade> {
        let mut fields = vec![(PREDICATE_TYPE, text(self.predicate_type))];
        if read.names(PREDICATE) {
            pay(meter, self.predicate.get())?;
            let Read(predicate) = json::read_part(self.predicate)?;
            fields.push((PREDICATE, predicate));
        }
        if read.names(SIGNER) {
            pay(meter, self.signer)?;
            let Read(signer) = json::parse(self.signer.as_bytes())?;
            fields.push((SIGNER, signer));
        }
        if read.names(FACTS) {
            pay(meter, self.predicate.get())?;
            let about = asked.about(self.excuses);
            let facts = facts::of(self.predicate_type, self.predicate, &about);
            fields.extend(facts.map(|facts| (FACTS, values::owned(&facts))));
        }
        Ok(values::map(fields))
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

impl Circumstances<'_> {
    /// The image, of whose vulnerabilities these do not count.
    fn about<'e>(&'e self, excuses: &'e Excuses) -> About<'e> {
        About {
            image: &self.digest,
            excuses,
        }
    }
}

impl<'a> Circumstances<'a> {
    /// The image as conditions see it.
    fn image(&self) -> Box<dyn Val + 'a> {
        let repository = self.subject.reference.repository();
        let mut fields: Vec<(&str, Box<dyn Val + 'a>)> = vec![
            ("digest", Box::new(CelString::from(self.digest.to_string()))),
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
