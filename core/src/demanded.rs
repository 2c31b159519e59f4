//! What a policy demands, one by one: who does it, or from whom it is missing and what he did do.

use std::collections::BTreeSet;

use crate::discovery::Discovered;
use crate::findings::Findings;
use crate::formats::SignedBy;
use crate::policy::{Authority, Group, Member, Policy, Require, Threshold};
use crate::reason::{Code, Reason};
use crate::threshold::{Met, Vouching};
use crate::time::UnixTime;
use crate::verdict::{Demand, DemandGroup, DemandMember, Did, Missing, Passed, Signs};

/// Authorities that a message names; the verdict has them all.
const NAMED: usize = 8;

/// What became of something that a policy demands.
pub(crate) struct Demanded {
    /// How it was met, or not.
    pub(crate) demand: Demand,
    /// Why not, in the policy's own words.
    pub(crate) reasons: Vec<Reason>,
    /// The places of the authorities whose part is missing.
    pub(crate) lacking: Vec<usize>,
    /// The places of the authorities whose VEX documents made vulnerabilities not count.
    pub(crate) helping: BTreeSet<usize>,
    /// Until when it is met.
    pub(crate) until: Option<UnixTime>,
}

/// An authority of a policy and what it found.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) place: usize,
    pub(crate) authority: &'a Authority,
    pub(crate) findings: &'a Findings,
}

impl Part<'_> {
    /// What it did in place of the signature or the attestation that is missing. Whose signature is
    /// missing has none.
    pub(crate) fn did_instead(self) -> Did {
        match self.findings {
            findings if !findings.attestations.is_empty() => Did::Attested,
            findings if findings.failures().next().is_some() => Did::Failed,
            findings if !findings.signatures.is_empty() => Did::Signed,
            _ => Did::Nothing,
        }
    }
}

/// The authorities in these places.
pub(crate) fn parts<'a>(
    policy: &'a Policy,
    findings: &'a [Findings],
    of: &[usize],
) -> Vec<Part<'a>> {
    let part = |place: &usize| {
        Some(Part {
            place: *place,
            authority: policy.authority(*place)?,
            findings: findings.get(*place)?,
        })
    };
    of.iter().filter_map(part).collect()
}

/// The image signatures that a policy demands, or that suffice; none if it asks for attestations
/// only, of which there is one rule at least.
pub(crate) fn signatures(
    policy: &Policy,
    findings: &[Findings],
    found: &Discovered,
) -> Option<Demanded> {
    let asked = match policy.require() {
        Require::AttestationsOnly => return None,
        Require::AtLeast(threshold) => Asked::of_threshold(policy, findings, threshold),
        Require::Nested(group) => Asked::of_group(policy, findings, group),
        Require::OneOf(ways) => Asked::of_threshold(policy, findings, &ways.signing()?),
    };
    let outcome = passed(&asked.met);
    let (mut by, mut lacking, mut refusing) = (Vec::new(), Vec::new(), Vec::new());
    for part in asked.listed {
        let signed = !part.findings.signatures.is_empty();
        let lets_in = outcome != Passed::Passed && part.findings.passes_unproven();
        match (signed || lets_in, asked.needless.contains(&part.place)) {
            (true, _) => by.push(part),
            (false, true) => {}
            // Nobody can do his part: nothing is missing.
            (false, false) => match &part.findings.refusal {
                Some(refusal) => refusing.push(refusal.clone()),
                None => lacking.push(part),
            },
        }
    }
    let mut demanded = Demanded {
        demand: Demand {
            signs: Signs::Image,
            rule: None,
            count: asked.count,
            outcome,
            group: asked.group,
            by: by.iter().map(|part| part.authority.name.clone()).collect(),
            missing: Vec::new(),
            excused: Vec::new(),
        },
        reasons: Vec::new(),
        lacking: Vec::new(),
        helping: BTreeSet::new(),
        until: None,
    };
    if let Err(vouching) = asked.met {
        if lacking.is_empty() && !refusing.is_empty() {
            demanded.reasons = refusing;
            return Some(demanded);
        }
        let tally = Tally {
            count: asked.count,
            expected: asked.expected,
            vouching,
            by: &by,
            lacking: &lacking,
        };
        demanded.reasons.push(tally.reason(policy, findings, found));
        demanded.lack(lacking.iter().map(|part| (*part, part.did_instead())));
    }
    Some(demanded)
}

fn passed(met: &Result<Met, usize>) -> Passed {
    match met {
        Ok(met) if met.is_proven() => Passed::Passed,
        Ok(_) => Passed::Unproven,
        Err(_) => Passed::Failed,
    }
}

fn vouching<'a>(findings: &'a Findings) -> Vouching<'a> {
    Vouching {
        signatures: &findings.signatures,
        lets_in_unproven: findings.passes_unproven(),
    }
}

/// The image signatures that are asked for, and whether they are there.
struct Asked<'a> {
    /// Whether they are; if not, how many distinct signers there are.
    met: Result<Met, usize>,
    /// How many distinct signers, at the least.
    count: usize,
    /// What is expected, in words.
    expected: String,
    /// The authorities that are named, each once.
    listed: Vec<Part<'a>>,
    /// The places of those whose part is not needed: another does it.
    needless: BTreeSet<usize>,
    group: Option<DemandGroup>,
}

impl<'a> Asked<'a> {
    fn of_threshold(policy: &'a Policy, findings: &'a [Findings], threshold: &Threshold) -> Self {
        let listed = parts(policy, findings, threshold.of());
        let vouching: Vec<_> = listed.iter().map(|part| vouching(part.findings)).collect();
        Self {
            met: Met::of(threshold, &vouching),
            count: threshold.count(),
            expected: expected(policy, threshold),
            listed,
            needless: BTreeSet::new(),
            group: None,
        }
    }

    fn of_group(policy: &'a Policy, findings: &'a [Findings], group: &Group) -> Self {
        let vouching: Vec<_> = findings.iter().map(vouching).collect();
        let mut needed = BTreeSet::new();
        let (shown, met) = show(policy, group, &vouching, true, &mut needed);
        let named = group.distinct();
        let name = |place| {
            policy
                .authority(place)
                .map_or_else(String::new, |a| a.name.clone())
        };
        Self {
            met,
            count: group.least(),
            expected: format!(
                "expected image signatures by {}, each by a signer of its own",
                group.words(&name)
            ),
            listed: parts(policy, findings, &named.iter().copied().collect::<Vec<_>>()),
            needless: named.difference(&needed).copied().collect(),
            group: Some(shown),
        }
    }
}

/// A group as a verdict shows it, and whether it is met; `needed` are the members of those groups
/// that are not met, as long as these are `wanted`.
fn show(
    policy: &Policy,
    group: &Group,
    vouching: &[Vouching<'_>],
    wanted: bool,
    needed: &mut BTreeSet<usize>,
) -> (DemandGroup, Result<Met, usize>) {
    let met = Met::of_group(group, vouching);
    let wanted = wanted && met.is_err();
    let mut of = Vec::new();
    for member in group.members() {
        match member {
            Member::Authority(place) => {
                if wanted {
                    needed.insert(*place);
                }
                let authority = policy.authority(*place);
                of.extend(authority.map(|one| DemandMember::Authority(one.name.clone())));
            }
            Member::Group(group) => {
                let (shown, _) = show(policy, group, vouching, wanted, needed);
                of.push(DemandMember::Group(shown));
            }
        }
    }
    let shown = DemandGroup {
        count: group.count(),
        outcome: passed(&met),
        of,
    };
    (shown, met)
}

fn expected(policy: &Policy, threshold: &Threshold) -> String {
    let count = threshold.count();
    let of = threshold.of().iter();
    let names: Vec<_> = of
        .filter_map(|index| policy.authority(*index))
        .filter(|authority| authority.refuses_all().is_none())
        .map(|authority| authority.name.as_str())
        .collect();
    let listed = few(&names, ", ");
    match count {
        1 => format!(
            "expected an image signature by {} (1 of {listed})",
            few(&names, " or ")
        ),
        _ => format!(
            "expected image signatures by at least {count} distinct signers ({count} of {listed})"
        ),
    }
}

/// Who did his part of what is not met.
struct Tally<'a> {
    /// How many distinct signers are asked for, at the least.
    count: usize,
    /// What is expected, in words.
    expected: String,
    /// How many distinct signers there are.
    vouching: usize,
    by: &'a [Part<'a>],
    lacking: &'a [Part<'a>],
}

impl Tally<'_> {
    /// The one reason of a threshold that is not met: who is missing, and what he did do.
    fn reason(&self, policy: &Policy, findings: &[Findings], found: &Discovered) -> Reason {
        let signed = findings.iter().any(|f| !f.signatures.is_empty());
        let attested = findings.iter().any(|f| !f.attestations.is_empty());
        let failed = self
            .lacking
            .iter()
            .any(|part| part.findings.failures().next().is_some());
        let expected = &self.expected;
        if signed || failed {
            Reason::new(
                Code::ThresholdNotMet,
                format!(
                    "{expected}{}{}",
                    self.counted(),
                    match self.deeds() {
                        none if none.is_empty() => others_signed(policy, findings),
                        deeds => deeds,
                    }
                ),
            )
        } else if attested {
            Reason::new(
                Code::NoImageSignature,
                format!(
                    "{expected}{}; where attestations are enough, the policy can say \
                     `require: attestationsOnly`",
                    match self.deeds() {
                        none if none.is_empty() => "; there are attestations only".to_owned(),
                        deeds => deeds,
                    }
                ),
            )
        } else if found.kinds.is_empty() {
            let nothing = match found.broken.is_empty() {
                true => "the image has no signature",
                false => "the image has no signature that can be read",
            };
            Reason::new(Code::NoSignatures, format!("{nothing}; {expected}"))
        } else {
            let accepted = self.lacking.iter().map(|part| part.authority);
            Reason::new(
                Code::SignatureKindMismatch,
                format!(
                    "{expected}, made {}; found {} signature(s), made {}",
                    kinds(accepted.filter_map(SignedBy::accepted_by).collect()),
                    found.candidates.len(),
                    kinds(found.kinds.clone()),
                ),
            )
        }
    }

    /// How many there are, where more than one is asked for.
    fn counted(&self) -> String {
        match (self.count, self.by.len(), self.vouching) {
            (1, ..) => String::new(),
            (_, signed, vouching) if signed > vouching => format!(
                ", found {vouching}: what {signed} of the authorities accept was made by fewer \
                 signers than that"
            ),
            (_, _, vouching) => format!(", found {vouching}"),
        }
    }

    /// Who did what.
    fn deeds(&self) -> String {
        let mut deeds = Vec::new();
        let names = |of: &dyn Fn(Did) -> bool| -> Vec<&str> {
            let lacking = self.lacking.iter();
            lacking
                .filter(|part| of(part.did_instead()))
                .map(|part| part.authority.name.as_str())
                .collect()
        };
        let by: Vec<_> = self.by.iter().map(|p| p.authority.name.as_str()).collect();
        let attested = names(&|did| did == Did::Attested);
        let failed = names(&|did| did == Did::Failed);
        let nothing = names(&|did| did == Did::Nothing);
        if !by.is_empty() {
            deeds.push(format!("; {} signed", few(&by, " and ")));
        }
        if !attested.is_empty() {
            let names = few(&attested, " and ");
            deeds.push(format!(
                "; {names} made an attestation, but did not sign the image"
            ));
        }
        if !failed.is_empty() {
            let names = few(&failed, " or ");
            deeds.push(format!("; nothing there passes as a signature by {names}"));
        }
        if !nothing.is_empty() && self.lacking.len() + self.by.len() > 1 {
            let names = few(&nothing, " and ");
            deeds.push(format!("; {names} did not sign"));
        }
        deeds.concat()
    }
}

/// Who signed, where nobody did who is asked for.
fn others_signed(policy: &Policy, findings: &[Findings]) -> String {
    let authorities = policy.authorities().iter().zip(findings);
    let signed: Vec<_> = authorities
        .filter(|(_, findings)| !findings.signatures.is_empty())
        .map(|(authority, _)| authority.name.as_str())
        .collect();
    format!("; only {} signed", few(&signed, " and "))
}

impl Demanded {
    /// Notes whose part is missing.
    pub(crate) fn lack<'a>(&mut self, parts: impl Iterator<Item = (Part<'a>, Did)>) {
        for (part, did) in parts {
            self.lacking.push(part.place);
            self.demand.missing.push(Missing {
                authority: part.authority.name.clone(),
                did,
            });
        }
    }
}

fn kinds(of: BTreeSet<SignedBy>) -> String {
    let words: Vec<_> = of.into_iter().map(SignedBy::words).collect();
    words.join(" or ")
}

/// The first few names.
pub(crate) fn few(names: &[&str], between: &str) -> String {
    let shown: Vec<_> = names.iter().take(NAMED).copied().collect();
    match names.len().checked_sub(NAMED) {
        None | Some(0) => shown.join(between),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
