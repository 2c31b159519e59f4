//! What the authorities find among the candidates.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{self, Exceeded};
use crate::digest::Digest;
use crate::discovery::Discovered;
use crate::formats::{Found, Judge, Memory, SignedBy};
use crate::judgement::{Context, Judgement, Says, Unproven, Verified};
use crate::policy::{Authority, MaxAge, Policy};
use crate::reason::{Code, Reason};
use crate::statement::Statement;
use crate::undecided::Undecided;
use crate::verdict::Check;

/// What one authority found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Signatures of the image.
    pub(crate) signatures: Vec<Verified>,
    /// Attestations.
    pub(crate) attestations: Vec<Verified>,
    /// Signatures that a level lets in whoever made them.
    pub(crate) unproven: Vec<Unproven>,
    /// Why others do not count.
    failures: Vec<Failure>,
    /// The places of the candidates that are known to be its own.
    own: BTreeSet<usize>,
    /// It lets in without looking at signatures, and says so by these checks.
    pub(crate) unseen: Option<Vec<Check>>,
    /// It refuses without looking at signatures.
    pub(crate) refusal: Option<Reason>,
}

/// A candidate that does not count.
struct Failure {
    /// Its place among the candidates.
    candidate: usize,
    reasons: Vec<Reason>,
    checks: Vec<Check>,
}

impl Findings {
    /// Why what was found does not count for this authority.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Reason> {
        self.failures.iter().flat_map(|failure| &failure.reasons)
    }

    /// The checks of what does not count.
    pub(crate) fn failed_checks(&self) -> impl Iterator<Item = &Check> {
        self.failures.iter().flat_map(|failure| &failure.checks)
    }

    /// Whether the authority lets in without proof.
    pub(crate) fn passes_unproven(&self) -> bool {
        self.unseen.is_some() || !self.unproven.is_empty()
    }
}

/// Why an authority that looks at no signature refuses.
fn refusal(authority: &Authority) -> Reason {
    let message = authority.refuses_all().flatten();
    Reason::new(
        Code::StaticFail,
        format!(
            "the authority {:?} refuses every image{}",
            authority.name,
            message.map_or_else(String::new, |text| format!(": {text}"))
        ),
    )
}

/// What every authority of every policy found, in their order.
///
/// Each candidate is read once, judged by all of them, and forgotten: one is in memory at a
/// time. The smallest come first: what a stranger adds to a copy makes it larger than the
/// original, and megabytes come last.
pub(crate) fn judge_authorities<'a>(
    policies: &[&Policy],
    found: &mut Discovered,
    context: impl Fn(&Policy, &Authority) -> Context<'a>,
) -> Result<Vec<Vec<Findings>>, Undecided> {
    let mut findings = Vec::with_capacity(policies.len());
    let mut asked = Vec::new();
    for (policy_index, policy) in policies.iter().enumerate() {
        let mut of_policy = Vec::with_capacity(policy.authorities().len());
        for (index, authority) in policy.authorities().iter().enumerate() {
            let context = context(policy, authority);
            of_policy.push(match Judge::of(authority, &context.authority_name) {
                Judge::Nothing(checks) => Findings {
                    unseen: Some(checks),
                    ..Findings::default()
                },
                Judge::Refuses => Findings {
                    refusal: Some(refusal(authority)),
                    ..Findings::default()
                },
                judge => {
                    asked.push(Juror {
                        place: (policy_index, index),
                        authority,
                        judge,
                        context,
                    });
                    Findings::default()
                }
            });
        }
        findings.push(of_policy);
    }
    let Judgements {
        mut judgements,
        unread,
        broken,
        kinds,
        ..
    } = judge_candidates(&found.candidates, &asked)?;
    judgements.sort_by_key(|(index, asked, _)| (asked.place, *index));
    for (candidate, asked, judgement) in judgements {
        let (policy, authority) = asked.place;
        let of_policy = findings.get_mut(policy);
        if let Some(findings) = of_policy.and_then(|f| f.get_mut(authority)) {
            findings.add(asked, candidate, judgement);
        }
    }
    findings.iter_mut().for_each(|policy| forget_others(policy));
    let mut index = 0..;
    found
        .candidates
        .retain(|_| index.next().is_none_or(|index| !unread.contains(&index)));
    found.broken.extend(broken);
    found.kinds = kinds;
    Ok(findings)
}

/// That a signature is not an authority's says nothing where it is known to be another's of the
/// same policy.
fn forget_others(policy: &mut [Findings]) {
    let mut owners = BTreeMap::<usize, Vec<usize>>::new();
    for (authority, findings) in policy.iter().enumerate() {
        for candidate in &findings.own {
            owners.entry(*candidate).or_default().push(authority);
        }
    }
    for (authority, findings) in policy.iter_mut().enumerate() {
        findings.failures.retain(|failure| {
            let owners = owners.get(&failure.candidate);
            owners.is_none_or(|owners| owners.contains(&authority))
        });
    }
}

/// An authority that judges.
struct Juror<'a, 'c> {
    /// Its policy's place among the policies, and its own in it.
    place: (usize, usize),
    authority: &'a Authority,
    judge: Judge<'a>,
    context: Context<'c>,
}

/// What became of the candidates.
#[derive(Default)]
struct Judgements<'a, 'p, 'c> {
    /// By a candidate's place, what an authority says of it.
    judgements: Vec<(usize, &'a Juror<'p, 'c>, Judgement)>,
    /// The places of those that cannot be read.
    unread: BTreeSet<usize>,
    broken: Vec<Reason>,
    /// How those that can be read are signed.
    kinds: BTreeSet<SignedBy>,
    /// What statements say, by their digests: each is held once, however many envelopes carry it.
    statements: BTreeMap<Digest, Statement>,
}

fn judge_candidates<'a, 'p, 'c>(
    candidates: &[Found],
    asked: &'a [Juror<'p, 'c>],
) -> Result<Judgements<'a, 'p, 'c>, Undecided> {
    let mut order: Vec<_> = candidates.iter().enumerate().collect();
    order.sort_by_key(|(index, candidate)| (candidate.size(), *index));
    let memory = Memory::default();
    let mut judged = Judgements::default();
    for (position, (index, candidate)) in order.iter().enumerate() {
        if let Err(exceeded) = judged.judge(*index, candidate, asked, &memory)? {
            let left = order.len() - position;
            judged.broken.push(not_judged(exceeded, left));
            break;
        }
    }
    Ok(judged)
}

impl<'a, 'p, 'c> Judgements<'a, 'p, 'c> {
    /// Reads a candidate and has it judged by all, unless a limit of the verdict is met.
    fn judge(
        &mut self,
        index: usize,
        candidate: &Found,
        asked: &'a [Juror<'p, 'c>],
        memory: &Memory,
    ) -> Result<Result<(), Exceeded>, Undecided> {
        let read = match budget::share(|| candidate.read()) {
            Ok(read) => read,
            Err(exceeded) if exceeded.is_of_verdict() => return Ok(Err(exceeded)),
            Err(exceeded) => Err(beyond_share(candidate, exceeded)),
        };
        let read = match read {
            Ok(read) => read,
            Err(reason) => {
                self.unread.insert(index);
                self.broken.push(reason);
                return Ok(Ok(()));
            }
        };
        self.kinds.insert(read.signed_by());
        for asked in asked {
            let judged = budget::share(|| read.judge(&asked.judge, &asked.context, memory));
            let judgement = match judged {
                Ok(judgement) => judgement?,
                Err(exceeded) if exceeded.is_of_verdict() => return Ok(Err(exceeded)),
                Err(exceeded) => beyond_share(candidate, exceeded).into(),
            };
            let judgement = match judgement {
                Judgement::Passed(verified) => {
                    Judgement::Passed(Box::new(verified.sharing(&mut self.statements)))
                }
                other => other,
            };
            self.judgements.push((index, asked, judgement));
        }
        Ok(Ok(()))
    }
}

fn beyond_share(candidate: &Found, exceeded: Exceeded) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("the signature in {}: {exceeded}", candidate.artifact()),
    )
}

fn not_judged(exceeded: Exceeded, left: usize) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("{exceeded}; {left} signature(s) were not judged"),
    )
}

impl Findings {
    fn add(&mut self, juror: &Juror<'_, '_>, candidate: usize, judgement: Judgement) {
        let authority = juror.authority;
        match judgement {
            Judgement::NotApplicable => {}
            Judgement::Failed { reasons, checks } => self.failures.push(Failure {
                candidate,
                reasons,
                checks,
            }),
            Judgement::Unproven(unproven) => {
                // Whose signer is not known has no time either.
                let stale = authority.max_age.map(MaxAge::without_time);
                match stale.or_else(|| missing_annotation(authority, unproven.annotations())) {
                    Some(reason) => self.fail(candidate, reason),
                    None => self.unproven.push(unproven),
                }
            }
            Judgement::Passed(verified) => {
                self.own.insert(candidate);
                let now = juror.context.now;
                let verified = match authority.max_age {
                    None => *verified,
                    Some(age) => match age.until(verified.signed_at(), now) {
                        Ok(until) => verified.until(until),
                        Err(reason) => return self.fail(candidate, reason),
                    },
                };
                match verified.says() {
                    Says::ImageSignature => {
                        match missing_annotation(authority, verified.annotations()) {
                            Some(reason) => self.fail(candidate, reason),
                            None => self.signatures.push(verified),
                        }
                    }
                    Says::Attestation(_) => self.attestations.push(verified),
                }
            }
        }
    }

    fn fail(&mut self, candidate: usize, reason: Reason) {
        self.failures.push(Failure {
            candidate,
            reasons: vec![reason],
            checks: Vec::new(),
        });
    }
}

fn missing_annotation(authority: &Authority, signed: &BTreeMap<String, String>) -> Option<Reason> {
    let (key, expected) = authority
        .annotations
        .iter()
        .find(|(key, expected)| signed.get(*key) != Some(expected))?;
    let found = match signed.get(key) {
        Some(found) => format!("found {found:?}"),
        None => "found none".to_owned(),
    };
    Some(Reason::new(
        Code::AnnotationMismatch,
        format!("expected the signed annotation {key:?} to be {expected:?}, {found}"),
    ))
}
