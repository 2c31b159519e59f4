//! The smallest change that would admit an image, with the command of cosign or notation that makes
//! it.
//!
//! It follows from what the policies demand and is not met. Nothing is offered where a signature more
//! would mend nothing: against what is broken or forged, revoked, or cannot be told.

use sealgate_core::policy::{AttestationRule, Authority, AuthorityKind, Require};
use sealgate_core::verdict::{Demand, Outcome, Passed, PolicyReport, Signs};
use sealgate_core::{Code, Policies, Policy, Reference, Verdict};

use crate::words::refusing;

/// Authorities for which a change shows a command each; any one of them would do.
const SHOWN: usize = 3;

/// Characters of a condition by which its reason is known.
const BEGINNING: usize = 100;

/// Something that is missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What must be there.
    pub(super) what: String,
    /// How it comes there, or why it is not.
    pub(super) how: Vec<String>,
}

/// What would admit an image that these policies refuse, all of it; empty if nothing honest would.
pub(super) fn changes(verdict: &Verdict, policies: &Policies) -> Vec<Change> {
    let Ok(reference) = verdict.image.reference.parse::<Reference>() else {
        return Vec::new();
    };
    match verdict.outcome {
        outcome if outcome.admits() => Vec::new(),
        Outcome::NoPolicy => vec![cover(&reference)],
        Outcome::Unsigned | Outcome::Untrusted => {
            let repository = reference.repository();
            let changes: Option<Vec<_>> = refusing(verdict)
                .map(|report| {
                    let digest = report.platform.unwrap_or(verdict.image.digest);
                    of_policy(report, policies, &format!("{repository}@{digest}"))
                })
                .collect();
            changes.unwrap_or_default().into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

fn cover(reference: &Reference) -> Change {
    let repository = reference.repository();
    Change {
        what: format!("a trust policy that covers {repository}"),
        how: vec![format!("images: [{{glob: {repository}}}]")],
    }
}

/// What a policy lacks; none if something of it cannot be made up for.
fn of_policy(report: &PolicyReport, policies: &Policies, image: &str) -> Option<Vec<Change>> {
    let mut known = policies.policies.iter();
    let policy = known.find(|one| one.name() == report.name)?;
    let case = Case {
        report,
        policy,
        image,
    };
    let failed = report.demands.iter();
    let failed = failed.filter(|demand| demand.outcome == Passed::Failed);
    ways(policy, failed.collect()).into_iter().find_map(|way| {
        let changes = way.into_iter().map(|demand| case.change(demand));
        changes.collect()
    })
}

/// What must be met, of what is not: all of it, or where one way of several suffices, all of one of
/// these, the shortest first.
fn ways<'a>(policy: &Policy, failed: Vec<&'a Demand>) -> Vec<Vec<&'a Demand>> {
    let Require::OneOf(ways) = policy.require() else {
        return vec![failed];
    };
    let of = |is_of: &dyn Fn(&Demand) -> bool| -> Vec<_> {
        let failed = failed.iter().copied();
        failed.filter(|demand| is_of(demand)).collect()
    };
    let mut all = vec![of(&|demand| demand.rule.is_none())];
    all.extend(ways.attesting().map(|rules| {
        of(&|demand| {
            rules
                .iter()
                .any(|rule| demand.rule.as_ref() == Some(&rule.name))
        })
    }));
    all.retain(|way| !way.is_empty());
    all.sort_by_key(Vec::len);
    all
}

struct Case<'a> {
    report: &'a PolicyReport,
    policy: &'a Policy,
    image: &'a str,
}

impl<'a> Case<'a> {
    fn change(&self, demand: &Demand) -> Option<Change> {
        match (demand.signs, &demand.rule) {
            (Signs::Attestation, Some(name)) => {
                let mut rules = self.policy.rules();
                self.attestation(rules.find(|rule| rule.name == *name)?, demand)
            }
            _ => self.signature(demand),
        }
    }

    fn signature(&self, demand: &Demand) -> Option<Change> {
        // No signature changes that.
        let mut reasons = self.report.reasons.iter();
        if reasons.any(|reason| reason.code == Code::StaticFail) {
            return None;
        }
        let missing = self.missing(demand)?;
        let needed = match demand.group {
            // Those who signed may be more than it takes in one group, and too few in another.
            Some(_) => 1,
            None => demand.count.saturating_sub(demand.by.len()).max(1),
        };
        if missing.len() < needed {
            return Some(Change {
                what: format!("image signatures by {} distinct signers", demand.count),
                how: vec![format!(
                    "what {} accept was made by fewer: each needs a signer of its own",
                    demand.by.join(" and ")
                )],
            });
        }
        let sign = |authority: &Authority| match &authority.trust {
            AuthorityKind::Key(_) => format!("cosign sign --key PRIVATE_KEY{}", marks(authority)),
            AuthorityKind::Keyless(_) => format!("cosign sign{}", marks(authority)),
            AuthorityKind::Notation(_) => "notation sign".to_owned(),
            // Nobody's part is missing.
            AuthorityKind::Static(_) => String::new(),
        };
        if demand.group.is_some() {
            let what = "image signatures as `require` groups them; missing are those by";
            return Some(self.by(what, ", ", &missing, sign));
        }
        Some(match needed {
            1 => self.by("an image signature by", " or ", &missing, sign),
            _ => {
                let what = format!("image signatures by {needed} of");
                self.by(&what, ", ", &missing, sign)
            }
        })
    }

    fn attestation(&self, rule: &AttestationRule, demand: &Demand) -> Option<Change> {
        let kind = &rule.predicate_type;
        if let Some(change) = self.condition(rule) {
            return Some(change);
        }
        let mut missing = self.missing(demand)?;
        // The Notary Project has no attestations, and who looks at no signature has none either.
        missing.retain(|authority| {
            matches!(
                authority.trust,
                AuthorityKind::Key(_) | AuthorityKind::Keyless(_)
            )
        });
        if missing.is_empty() {
            return None;
        }
        let attest = |authority: &Authority| {
            let key = match &authority.trust {
                AuthorityKind::Key(_) => " --key PRIVATE_KEY",
                _ => "",
            };
            let kind = quoted(cosign_type(kind));
            format!("cosign attest{key} --type {kind} --predicate FILE")
        };
        Some(self.by(
            &format!("an attestation of type {kind} by"),
            " or ",
            &missing,
            attest,
        ))
    }

    /// What a condition of the rule says against what is attested.
    fn condition(&self, rule: &AttestationRule) -> Option<Change> {
        let about = |message: &str| {
            rule.conditions.iter().any(|condition| {
                let beginning: String = condition.source().chars().take(BEGINNING).collect();
                let beginning = format!("the condition {beginning:?}");
                let beginning = beginning.strip_suffix('"').unwrap_or(&beginning);
                message.starts_with(beginning)
            })
        };
        let mut reasons = self.report.reasons.iter();
        let reason = reasons.find(|reason| about(&reason.message))?;
        let what = match reason.code {
            Code::ConditionFailed => format!(
                "an attestation of type {} that meets the rule {:?}",
                rule.predicate_type, rule.name
            ),
            Code::ConditionError => {
                format!(
                    "a condition that can be evaluated, in the rule {:?}",
                    rule.name
                )
            }
            _ => return None,
        };
        Some(Change {
            what,
            how: vec![reason.message.clone()],
        })
    }

    /// The authorities whose part is missing; none if what one of them made cannot be made up for.
    fn missing(&self, demand: &Demand) -> Option<Vec<&'a Authority>> {
        let named = |name: &String| {
            let mut authorities = self.policy.authorities().iter();
            authorities.find(|authority| authority.name == *name)
        };
        let missing = demand
            .missing
            .iter()
            .filter_map(|one| named(&one.authority));
        let missing: Vec<_> = missing.collect();
        let in_vain = |code: Code| {
            matches!(
                code,
                Code::CertificateRevoked | Code::RevocationUnknown | Code::LimitExceeded
            )
        };
        let hopeless = missing.iter().any(|authority| {
            let mut reasons = self.reasons(authority);
            reasons.next().is_some_and(|(code, _)| in_vain(code))
        });
        (!hopeless).then_some(missing)
    }

    /// Why what was found is not this authority's.
    fn reasons(&self, authority: &Authority) -> impl Iterator<Item = (Code, &str)> {
        let mut reports = self.report.authorities.iter();
        let report = reports.find(|report| report.name == authority.name);
        let reasons = report.into_iter().flat_map(|report| &report.reasons);
        reasons.map(|reason| (reason.code, reason.message.as_str()))
    }

    /// Something that is missing from these, and the command with which each makes it.
    fn by(
        &self,
        what: &str,
        between: &str,
        missing: &[&Authority],
        command: impl Fn(&Authority) -> String,
    ) -> Change {
        let names: Vec<_> = missing.iter().map(|one| one.name.as_str()).collect();
        let mut how = Vec::new();
        let what = match missing {
            [one] => {
                how.push(format!("{} {}", command(one), self.image));
                format!("{what} {}, {}", one.name, with(one))
            }
            _ => {
                how.extend(missing.iter().take(SHOWN).map(|one| {
                    format!(
                        "{}, {}: {} {}",
                        one.name,
                        with(one),
                        command(one),
                        self.image
                    )
                }));
                format!("{what} {}", names.join(between))
            }
        };
        how.extend(missing.iter().filter_map(|one| self.mistaken(one)));
        Change { what, how }
    }

    /// Where somebody else signed, and may be whom the policy means.
    fn mistaken(&self, authority: &Authority) -> Option<String> {
        let part = |code: Code| match code {
            Code::IdentityMismatch => Some("subject"),
            Code::IssuerMismatch => Some("issuer"),
            Code::ClaimMismatch => Some("claims"),
            Code::TrustedIdentityMismatch => Some("trustedIdentities"),
            _ => None,
        };
        let (part, why) = self
            .reasons(authority)
            .find_map(|(code, why)| Some((part(code)?, why)))?;
        Some(format!(
            "or, if that signer is meant, the policy's {part} of {} does not match: {why}",
            authority.name
        ))
    }
}

/// With what an authority's signatures are made.
fn with(authority: &Authority) -> String {
    match &authority.trust {
        AuthorityKind::Key(trust) => {
            let names = trust.keys.iter().map(|key| key.name.as_str());
            format!("with the private half of {}", listed(names))
        }
        AuthorityKind::Keyless(trust) => {
            let identities: Vec<_> = trust
                .identities
                .iter()
                .map(|identity| format!("{} of {}", identity.subject, identity.issuer))
                .collect();
            format!("as {}", listed(identities.iter().map(String::as_str)))
        }
        AuthorityKind::Static(_) => "without a signature".to_owned(),
        AuthorityKind::Notation(trust) => {
            let stores: Vec<_> = trust.trust_stores.iter().map(ToString::to_string).collect();
            format!(
                "with a certificate that leads to {}",
                listed(stores.iter().map(String::as_str))
            )
        }
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(" or ")
}

/// The annotations that an authority demands, as cosign is given them.
fn marks(authority: &Authority) -> String {
    let annotations = authority.annotations.iter();
    annotations
        .map(|(name, value)| format!(" -a {}", quoted(&format!("{name}={value}"))))
        .collect()
}

/// Cosign's own name of a predicate type, where it has one.
fn cosign_type(predicate_type: &str) -> &str {
    match predicate_type {
        "https://slsa.dev/provenance/v0.2" => "slsaprovenance02",
        "https://slsa.dev/provenance/v1" => "slsaprovenance1",
        "https://spdx.dev/Document" => "spdxjson",
        "https://cyclonedx.org/bom" => "cyclonedx",
        "https://in-toto.io/Link/v1" => "link",
        "https://cosign.sigstore.dev/attestation/vuln/v1" => "vuln",
        "https://openvex.dev/ns" => "openvex",
        "https://cosign.sigstore.dev/attestation/v1" => "custom",
        other => other,
    }
}

/// A word of a shell's.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
