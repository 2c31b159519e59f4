//! The attestations that a policy takes, and in which order they are judged: a rule after those
//! whose attestations its conditions read.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::Condition;
use super::max_age::MaxAge;
use super::non_empty::NonEmpty;
use crate::time::UnixTime;

/// One attestation that must be there.
#[derive(Clone, Debug)]
pub struct AttestationRule {
    /// The name, unique in its policy.
    pub name: String,
    /// The exact predicate type.
    pub predicate_type: String,
    /// The authorities that may have made it, by their places.
    pub from: NonEmpty<usize>,
    /// Conditions on the predicate; all must be true.
    pub conditions: Vec<Condition>,
    /// How old its signature may be; without, as old as it is.
    pub max_age: Option<MaxAge>,
    /// The authorities whose VEX documents make vulnerabilities not count, by their places.
    pub vex: Option<NonEmpty<usize>>,
    /// The policy's exceptions to it.
    pub exceptions: Vec<Exception>,
}

/// Vulnerabilities that a policy lets pass for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Their names, as a scan has them.
    pub vulnerabilities: NonEmpty<String>,
    /// When it is over.
    pub until: UnixTime,
    /// Why there is one.
    pub reason: String,
}

impl Exception {
    /// The last second in which it holds.
    pub(crate) fn last(&self) -> UnixTime {
        self.until.plus(-1)
    }
}

impl AttestationRule {
    /// The names of the rules whose attestations its conditions read.
    pub(crate) fn reads(&self) -> BTreeSet<&str> {
        let conditions = self.conditions.iter();
        conditions
            .flat_map(|one| one.reads().rules().map(|(name, _)| name))
            .collect()
    }
}

/// Whether any condition looks at the facts of a rule's attestation.
pub(super) fn reads_facts_of(rules: &[AttestationRule], rule: &AttestationRule) -> bool {
    let mut own = rule.conditions.iter();
    let mut conditions = rules.iter().flat_map(|other| &other.conditions);
    own.any(|one| one.reads().facts().is_some())
        || conditions.any(|one| {
            let mut read = one.reads().rules();
            read.any(|(name, read)| name == rule.name && read.facts().is_some())
        })
}

/// Why a rule cannot read another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// There is none of this name.
    #[error(
        "expected the name of another rule of this policy after attestations ({known}), found {found:?}"
    )]
    Unknown {
        /// The name.
        found: String,
        /// The others that there are.
        known: String,
    },
    /// It reads itself.
    #[error("the rule {0:?} cannot read its own attestation so: that is `predicate`")]
    Itself(String),
    /// Each waits for the next.
    #[error("rules read one another in a circle, so that none can be judged first: {names}")]
    Circle {
        /// The place of one of them.
        rule: usize,
        /// The place of the one that it reads.
        next: usize,
        /// All of them, in words.
        names: String,
    },
}

/// The place of the other rule that a rule reads by this name.
pub(super) fn other(
    rules: &[AttestationRule],
    rule: &AttestationRule,
    name: &str,
) -> Result<usize, RuleError> {
    if rule.name == name {
        return Err(RuleError::Itself(name.to_owned()));
    }
    let found = rules.iter().position(|rule| rule.name == name);
    found.ok_or_else(|| {
        let others = rules.iter().filter(|other| other.name != rule.name);
        let known: Vec<_> = others.map(|other| other.name.as_str()).collect();
        RuleError::Unknown {
            found: name.to_owned(),
            known: match known.is_empty() {
                true => "there is none".to_owned(),
                false => known.join(", "),
            },
        }
    })
}

/// The places of rules in the order in which they are judged: that of the policy, but for those that
/// wait for a later one.
pub(super) fn order(rules: &[AttestationRule]) -> Result<Vec<usize>, RuleError> {
    let mut waiting = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        let read = rule.reads().into_iter();
        let read = read.map(|name| other(rules, rule, name));
        waiting.insert(place, read.collect::<Result<BTreeSet<_>, _>>()?);
    }
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready = |(_, read): &(&usize, &BTreeSet<usize>)| {
            let mut read = read.iter();
            read.all(|place| !waiting.contains_key(place))
        };
        let Some(place) = waiting.iter().find(ready).map(|(place, _)| *place) else {
            return Err(circle(rules, &waiting));
        };
        waiting.remove(&place);
        order.push(place);
    }
    Ok(order)
}

/// A circle among rules each of which waits for another of them.
fn circle(rules: &[AttestationRule], waiting: &BTreeMap<usize, BTreeSet<usize>>) -> RuleError {
    let mut way = Vec::new();
    let mut next = waiting.keys().next().copied();
    while let Some(place) = next.filter(|place| !way.contains(place)) {
        way.push(place);
        let read = waiting.get(&place).into_iter().flatten();
        next = read.copied().find(|place| waiting.contains_key(place));
    }
    let circle = way.into_iter().skip_while(|place| Some(*place) != next);
    let circle: Vec<_> = circle.chain(next).collect();
    let names = circle.iter().filter_map(|place| rules.get(*place));
    let names: Vec<_> = names.map(|rule| format!("{:?}", rule.name)).collect();
    RuleError::Circle {
        rule: circle.first().copied().unwrap_or_default(),
        next: circle.get(1).copied().unwrap_or_default(),
        names: names.join(" reads "),
    }
}

/// The first name that two rules have.
pub(super) fn twice(rules: &[AttestationRule]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    let mut names = rules.iter().map(|rule| rule.name.as_str());
    names.find(|name| !seen.insert(*name))
}
