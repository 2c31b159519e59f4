//! The variables that a condition may name, and what of them it reads.
//!
//! A variable is made for a condition that names it and for no other.

use std::collections::{BTreeMap, BTreeSet};

use super::ConditionError;

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
/// The attestations that met other rules, by the rule's name.
pub(super) const ATTESTATIONS: &str = "attestations";

/// Every variable, and the fields that it may have; none where anything may be one.
const ALL: [(&str, Option<&[&str]>); 7] = [
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
            "otherSubjects",
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
    // Which rules there are is the policy's.
    (ATTESTATIONS, None),
];

/// The field of the image that depends on who asks.
pub(super) const NAMESPACE: &str = "namespace";

/// What another rule's attestation has.
const RULE_FIELDS: [&str; 4] = [FACTS, PREDICATE, PREDICATE_TYPE, SIGNER];

/// The type of what another rule's attestation says.
pub(super) const PREDICATE_TYPE: &str = "predicateType";

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
pub(crate) struct Reads {
    variables: BTreeMap<&'static str, Fields>,
    rules: BTreeMap<String, RuleReads>,
}

#[derive(Clone, Debug, Default)]
struct Fields {
    named: BTreeSet<String>,
    /// Whether it reads more than the fields that it names.
    whole: bool,
}

/// What an expression reads of the attestation that met another rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleReads {
    fields: BTreeSet<&'static str>,
    facts: BTreeSet<String>,
}

impl RuleReads {
    /// Whether it reads this field.
    pub(super) fn names(&self, field: &str) -> bool {
        self.fields.contains(field)
    }

    /// The facts that are read by name, if facts are.
    pub(crate) fn facts(&self) -> Option<impl Iterator<Item = &str>> {
        self.names(FACTS)
            .then(|| self.facts.iter().map(String::as_str))
    }
}

impl Reads {
    /// Notes a field that is read by its name.
    pub(super) fn field(
        &mut self,
        variable: &'static str,
        field: &str,
    ) -> Result<(), ConditionError> {
        check_field(variable, field)?;
        let fields = self.variables.entry(variable).or_default();
        fields.named.insert(field.to_owned());
        Ok(())
    }

    /// Notes what is read of another rule's attestation: the rule's name, and what follows.
    pub(super) fn rule(&mut self, path: &[String]) -> Result<(), ConditionError> {
        let [name, path @ ..] = path else {
            return Err(ConditionError::AllRules);
        };
        let read = match path {
            [] => RULE_FIELDS.to_vec(),
            [field, ..] => {
                let mut known = RULE_FIELDS.into_iter();
                let known = known.find(|known| known == field);
                vec![known.ok_or_else(|| ConditionError::NoRuleField {
                    rule: name.clone(),
                    field: field.clone(),
                    known: RULE_FIELDS.join(", "),
                })?]
            }
        };
        let rule = self.rules.entry(name.clone()).or_default();
        rule.fields.extend(&read);
        match (read.as_slice(), path.get(1)) {
            ([FACTS], Some(fact)) => {
                rule.facts.insert(fact.clone());
            }
            ([SIGNER], Some(field)) => check_field(SIGNER, field)?,
            _ => {}
        }
        Ok(())
    }

    /// Notes that a variable is read as a whole.
    pub(super) fn whole(&mut self, variable: &'static str) {
        self.variables.entry(variable).or_default().whole = true;
    }

    /// Adds what another expression reads.
    pub(super) fn add(&mut self, other: &Self) {
        for (variable, read) in &other.variables {
            let fields = self.variables.entry(variable).or_default();
            fields.named.extend(read.named.iter().cloned());
            fields.whole |= read.whole;
        }
        for (name, read) in &other.rules {
            let rule = self.rules.entry(name.clone()).or_default();
            rule.fields.extend(&read.fields);
            rule.facts.extend(read.facts.iter().cloned());
        }
    }

    pub(super) fn names(&self, variable: &str) -> bool {
        self.variables.contains_key(variable)
    }

    /// The other rules whose attestations are read, in the order of their names, and what of them.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &RuleReads)> {
        self.rules.iter().map(|(name, read)| (name.as_str(), read))
    }

    /// Whether the answer may depend on the namespace that is asked for.
    pub(crate) fn namespace(&self) -> bool {
        let image = self.variables.get(IMAGE);
        image.is_some_and(|image| image.whole || image.named.contains(NAMESPACE))
    }

    /// The fields of `facts` that are read by name, if `facts` is.
    pub(crate) fn facts(&self) -> Option<impl Iterator<Item = &str>> {
        let facts = self.variables.get(FACTS)?;
        Some(facts.named.iter().map(String::as_str))
    }

    /// Whether the answer may depend on who signed.
    pub(crate) fn signer(&self) -> bool {
        self.names(SIGNER)
    }
}

/// Checks that a variable may have a field.
fn check_field(variable: &'static str, field: &str) -> Result<(), ConditionError> {
    let known = ALL.iter().find(|(name, _)| *name == variable);
    match known {
        Some((_, Some(known))) if !known.contains(&field) => Err(ConditionError::NoField {
            variable,
            field: field.to_owned(),
            known: match known.is_empty() {
                true => "none".to_owned(),
                false => known.join(", "),
            },
        }),
        _ => Ok(()),
    }
}
