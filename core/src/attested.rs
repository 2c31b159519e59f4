//! The attestations that a policy demands: which meet its rules, or why none does.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget;
use crate::demanded::{Demanded, Part, few, parts};
use crate::digest::Digest;
use crate::facts::{About, Documents, Excuses, VEX_TYPES, Why};
use crate::findings::Findings;
use crate::judgement::Says;
use crate::policy::condition::{Circumstances, Others};
use crate::policy::{AttestationRule, Policy};
use crate::reason::{self, Code, Reason};
use crate::statement::Statement;
use crate::time::{UnixTime, earliest};
use crate::verdict::{Attestation, Demand, Did, Excused, ExcusedBy, Passed, Signs};

/// Vulnerabilities that did not count, as a verdict shows them.
const EXCUSED: usize = 100;

/// What became of these attestation rules of a policy, in their order, and the attestations that meet
/// them. They are judged in the other order, each after those that its conditions read.
pub(crate) fn judge(
    (rules, order): (&[AttestationRule], &[usize]),
    policy: &Policy,
    findings: &[Findings],
    asked: &Circumstances<'_>,
) -> Vec<(Demanded, Option<Attestation>)> {
    let mut accepted = BTreeMap::new();
    let mut judged = BTreeMap::new();
    for place in order {
        let Some(rule) = rules.get(*place) else {
            continue;
        };
        let listed = parts(policy, findings, &rule.from);
        let found = match unmet(rule, &accepted) {
            Some(reason) => Err(Unmet {
                reasons: vec![reason],
                until: None,
                looked: false,
            }),
            None => find(policy, rule, findings, &listed, asked, &accepted),
        };
        let mut demanded = demanded(rule);
        let attestation = match found {
            Ok(found) => {
                demanded.until = found.until;
                demanded.demand.outcome = Passed::Passed;
                demanded.demand.by.push(found.by);
                demanded.demand.excused = found.excused;
                demanded.helping = found.helping;
                accepted.insert(rule.name.as_str(), found.accepted);
                Some(found.attestation)
            }
            Err(unmet) => {
                unmet.tell(&mut demanded, rule, &listed);
                None
            }
        };
        judged.insert(*place, (demanded, attestation));
    }
    judged.into_values().collect()
}

/// A rule that is not met so far.
fn demanded(rule: &AttestationRule) -> Demanded {
    Demanded {
        demand: Demand {
            signs: Signs::Attestation,
            rule: Some(rule.name.clone()),
            count: 1,
            outcome: Passed::Failed,
            group: None,
            by: Vec::new(),
            missing: Vec::new(),
            excused: Vec::new(),
        },
        reasons: Vec::new(),
        lacking: Vec::new(),
        helping: BTreeSet::new(),
        until: None,
    }
}

/// The first rule that this one reads and that is not met. What is not there excuses nothing, whatever
/// a condition would make of it.
fn unmet(rule: &AttestationRule, accepted: &BTreeMap<&str, Accepted>) -> Option<Reason> {
    let read = rule.reads().into_iter();
    let mut missing = read.filter(|name| !accepted.contains_key(name));
    let missing = missing.next()?;
    Some(Reason::new(
        Code::RuleNotMet,
        format!(
            "the rule {:?} reads the attestation of the rule {missing:?}, which is not met",
            rule.name
        ),
    ))
}

/// What meets a rule.
struct Found {
    /// The authority that made it.
    by: String,
    attestation: Attestation,
    accepted: Accepted,
    /// The vulnerabilities in it that did not count.
    excused: Vec<Excused>,
    /// The places of the authorities that say so of some.
    helping: BTreeSet<usize>,
    /// Until when it meets the rule.
    until: Option<UnixTime>,
}

/// An attestation that met a rule, for those that read it.
struct Accepted {
    statement: Statement,
    /// Who signed it, in JSON.
    signer: String,
    excuses: Excuses,
}

/// Whether somebody attested this; what else is wrong with it is another question.
fn is_of_type(says: &Says, rule: &AttestationRule) -> bool {
    match says {
        Says::Attestation(statement) => statement.predicate_type() == rule.predicate_type,
        Says::ImageSignature => false,
    }
}

/// Why no attestation meets a rule.
struct Unmet {
    reasons: Vec<Reason>,
    /// Until when that is so, if it depends on the time.
    until: Option<UnixTime>,
    /// Whether anything was looked at.
    looked: bool,
}

impl Unmet {
    /// Says why a rule is not met, and from whom its attestation is missing.
    fn tell(self, demanded: &mut Demanded, rule: &AttestationRule, listed: &[Part<'_>]) {
        demanded.reasons = self.reasons;
        demanded.until = self.until;
        if !self.looked {
            return;
        }
        demanded.lack(listed.iter().map(|part| (*part, part.did_instead())));
        // Whoever did attest this is no longer looked for among what failed.
        let attests = |part: &&Part<'_>| {
            let says = part.findings.attestations.iter().map(|one| one.says());
            says.into_iter().any(|says| is_of_type(says, rule))
        };
        let attesting: BTreeSet<_> = listed.iter().filter(attests).map(|p| p.place).collect();
        demanded.lacking.retain(|place| !attesting.contains(place));
    }
}

/// Finds an attestation that meets the rule, or says why there is none.
fn find(
    policy: &Policy,
    rule: &AttestationRule,
    findings: &[Findings],
    listed: &[Part<'_>],
    asked: &Circumstances<'_>,
    accepted: &BTreeMap<&str, Accepted>,
) -> Result<Found, Unmet> {
    let read = rule.reads();
    let others: Others<'_> = accepted
        .iter()
        .filter(|(name, _)| read.contains(*name))
        .map(|(name, one)| (*name, one.statement.as_other(&one.signer, &one.excuses)))
        .collect();
    let excuses = excuses(policy, rule, findings, asked).map_err(|exceeded| Unmet {
        reasons: vec![beyond(rule, exceeded)],
        until: None,
        looked: true,
    })?;
    let about = About {
        image: &asked.digest,
        excuses: &excuses.all,
    };
    let by_signer = rule.conditions.iter().any(|one| one.reads().signer());
    let mut reasons = Vec::new();
    // What was found of others may be another thing then.
    let mut changes = None;
    let mut other_types = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (part, verified) in listed
        .iter()
        .flat_map(|part| part.findings.attestations.iter().map(move |v| (part, v)))
    {
        let Says::Attestation(statement) = verified.says() else {
            continue;
        };
        if statement.predicate_type() != rule.predicate_type {
            other_types.insert(statement.predicate_type().to_owned());
            continue;
        }
        let young = rule
            .max_age
            .map(|age| age.until(verified.signed_at(), asked.now));
        let until = match young.transpose() {
            Ok(until) => until,
            Err(reason) => {
                reasons.push(reason);
                continue;
            }
        };
        // Anybody can make copies of an envelope. What it says is looked at once, of each signer
        // where that makes a difference.
        let signer = match by_signer {
            true => verified.signer().seen(),
            false => String::new(),
        };
        if !seen.insert((statement.digest(), signer.clone())) {
            continue;
        }
        let name = format!("{}/{}", policy.name(), rule.name);
        let met = budget::share(|| {
            let excused = excused(rule, statement.excused(&excuses.all)?);
            // What is excused counts again when the exception is over.
            let over = excused.iter().filter_map(|one| Some(one.until?.plus(-1)));
            changes = over.fold(changes, |changes, over| earliest(changes, Some(over)));
            let checked = statement.meets(&rule.conditions, &signer, &excuses.all, &others, asked);
            changes = earliest(changes, checked.until);
            checked.met?;
            let attestation = statement.report(name, verified.signer().clone(), &about)?;
            Ok::<_, Reason>((attestation, excused))
        });
        match met {
            Ok(Ok((attestation, mut excused))) => {
                let helping = excuses.helping(&excused);
                excused.truncate(EXCUSED);
                return Ok(Found {
                    by: part.authority.name.clone(),
                    attestation,
                    accepted: Accepted {
                        statement: statement.clone(),
                        signer: verified.signer().seen(),
                        excuses: excuses.all,
                    },
                    excused,
                    helping,
                    until: earliest(until, changes),
                });
            }
            Ok(Err(reason)) => reasons.push(reason),
            Err(exceeded) => reasons.push(beyond(rule, exceeded)),
        }
    }
    if reasons.is_empty() {
        reasons.push(none_matches(rule, listed, other_types));
    }
    Err(Unmet {
        reasons: reason::most_specific(reasons),
        until: changes,
        looked: true,
    })
}

fn beyond(rule: &AttestationRule, exceeded: budget::Exceeded) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("the attestation rule {:?}: {exceeded}", rule.name),
    )
}

/// Which vulnerabilities do not count for a rule, and who said so in VEX documents.
struct Excusing {
    all: Excuses,
    /// The places of authorities, by the digests of the statements that they made.
    by: BTreeMap<Digest, BTreeSet<usize>>,
}

impl Excusing {
    /// The places of the authorities whose documents excuse some of these.
    fn helping(&self, excused: &[Excused]) -> BTreeSet<usize> {
        let statements = excused.iter().filter_map(|one| one.statement_digest);
        let by = statements.filter_map(|digest| self.by.get(&digest));
        by.flatten().copied().collect()
    }
}

/// What excuses vulnerabilities now: the rule's exceptions that are not over, and every verified VEX
/// document by an authority that it lists.
fn excuses(
    policy: &Policy,
    rule: &AttestationRule,
    findings: &[Findings],
    asked: &Circumstances<'_>,
) -> Result<Excusing, budget::Exceeded> {
    let mut by = BTreeMap::<Digest, BTreeSet<usize>>::new();
    let mut documents = Documents::default();
    let mut rooms = Vec::new();
    let listed = rule.vex.as_deref().unwrap_or_default();
    for part in parts(policy, findings, listed) {
        for verified in &part.findings.attestations {
            let Says::Attestation(statement) = verified.says() else {
                continue;
            };
            if !VEX_TYPES.contains(&statement.predicate_type()) {
                continue;
            }
            let known = by.entry(statement.digest()).or_default();
            // Copies of an envelope say the same.
            if known.is_empty() {
                let read = budget::share(|| statement.add_to(&mut documents, &asked.digest));
                rooms.push(read.and_then(|read| read)?);
            }
            known.insert(part.place);
        }
    }
    let mut exceptions = BTreeMap::new();
    let mut by_end: Vec<_> = rule.exceptions.iter().enumerate().collect();
    // Of several for one vulnerability the one that is over last.
    by_end.sort_by_key(|(_, exception)| exception.until);
    for (place, exception) in by_end {
        if asked.now <= exception.last() {
            let names = exception.vulnerabilities.iter();
            exceptions.extend(names.map(|name| (name.clone(), place)));
        }
    }
    Ok(Excusing {
        all: Excuses::new(documents.cleared(), exceptions),
        by,
    })
}

/// What is excused, as a verdict shows it.
fn excused(rule: &AttestationRule, found: BTreeMap<String, Why<'_>>) -> Vec<Excused> {
    let excused = found.into_iter().filter_map(|(vulnerability, why)| {
        Some(match why {
            Why::Cleared(clearing) => Excused {
                by: ExcusedBy::Vex,
                vulnerability,
                reason: clearing.why.clone(),
                until: None,
                statement_digest: Some(clearing.statement),
            },
            Why::Exception(place) => {
                let exception = rule.exceptions.get(place)?;
                Excused {
                    by: ExcusedBy::Exception,
                    vulnerability,
                    reason: exception.reason.clone(),
                    until: Some(exception.until),
                    statement_digest: None,
                }
            }
        })
    });
    let mut excused: Vec<_> = excused.collect();
    excused.sort();
    excused
}

fn none_matches(
    rule: &AttestationRule,
    listed: &[Part<'_>],
    other_types: BTreeSet<String>,
) -> Reason {
    let names: Vec<_> = listed.iter().map(|p| p.authority.name.as_str()).collect();
    let signed: Vec<_> = listed
        .iter()
        .filter(|part| part.did_instead() == Did::Signed)
        .map(|part| part.authority.name.as_str())
        .collect();
    let mut deeds = String::new();
    if !signed.is_empty() {
        let names = few(&signed, " and ");
        deeds.push_str(&format!("; {names} signed the image, and attested nothing"));
    }
    if !other_types.is_empty() {
        let types = other_types.into_iter().collect::<Vec<_>>().join(", ");
        deeds.push_str(&format!("; verified attestations have the types {types}"));
    }
    Reason::new(
        Code::NoMatchingAttestation,
        format!(
            "the rule {:?} expects a verified attestation of type {} by {}{deeds}",
            rule.name,
            rule.predicate_type,
            few(&names, " or "),
        ),
    )
}
