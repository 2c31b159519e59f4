//! Thresholds: how many authorities are satisfied by **distinct** signers.
//!
//! One signature may satisfy several authorities, and one signer may sign as often as he
//! likes: he still is one. So each authority is given a signer of its own where that is
//! possible, and what counts is how many can be given one at once (a maximum matching of a
//! bipartite graph). What somebody calls an authority does not matter.

use std::collections::BTreeMap;

use crate::judgement::Verified;
use crate::limits;
use crate::matching;
use crate::policy::{Group, Offer, Threshold};
use crate::verdict::Signer;

/// A threshold that is met. `Met::of` alone makes one.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    is_proven: bool,
}

/// What one of the authorities of a threshold has to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vouching<'a> {
    /// Signatures of the image that it accepts.
    pub(crate) signatures: &'a [Verified],
    /// Whether it lets in without knowing who signed.
    pub(crate) lets_in_unproven: bool,
}

impl<'a> Vouching<'a> {
    fn signers(&self) -> impl Iterator<Item = &'a Signer> + use<'a> {
        self.signatures.iter().map(Verified::signer)
    }
}

impl Met {
    /// Whether enough of the authorities vouch, each with a signer of its own; if not, how many
    /// do.
    pub(crate) fn of(threshold: &Threshold, vouching: &[Vouching<'_>]) -> Result<Self, usize> {
        let all = distinct_signers(vouching.iter().map(Vouching::signers));
        if all >= threshold.count() {
            return Ok(Self { is_proven: true });
        }
        // What lets in without proof takes no signer from anybody.
        let unproven = vouching.iter().filter(|one| one.lets_in_unproven).count();
        let proven = vouching.iter().filter(|one| !one.lets_in_unproven);
        match unproven + distinct_signers(proven.map(Vouching::signers)) >= threshold.count() {
            true => Ok(Self { is_proven: false }),
            false => Err(all),
        }
    }

    /// As [`of`](Self::of), for a group of groups: what each authority of the policy has to show, by
    /// its place. A signer counts once in the whole group.
    pub(crate) fn of_group(group: &Group, vouching: &[Vouching<'_>]) -> Result<Self, usize> {
        let mut people = People::default();
        let signers = options(&mut people, vouching.iter().map(Vouching::signers));
        let offer = |(signers, one): (&Vec<usize>, &Vouching<'_>), unproven: bool| match unproven
            && one.lets_in_unproven
        {
            true => Offer::Anybody,
            false => Offer::Signers(signers.clone()),
        };
        for unproven in [false, true] {
            let offers = signers.iter().zip(vouching);
            let offers: Vec<_> = offers.map(|one| offer(one, unproven)).collect();
            if group.is_met_by(&offers) {
                return Ok(Self {
                    is_proven: !unproven,
                });
            }
        }
        let named = group.distinct().into_iter();
        let named = named.filter_map(|place| vouching.get(place));
        Err(distinct_signers(named.map(Vouching::signers)))
    }

    /// Whether all that it was met by is proof.
    pub(crate) fn is_proven(self) -> bool {
        self.is_proven
    }
}

/// What tells that two signatures are by the same signer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark<'a> {
    /// The key that signed (fingerprint of its SubjectPublicKeyInfo).
    Key(&'a str),
    /// Whom a Sigstore certificate names: issuer, if it names one, and subject. Its key is new each time.
    Identity(Option<&'a str>, &'a str),
    /// The signing profile of AWS Signer, whose key and certificate are the service's own.
    Profile(&'a str),
}

/// The marks of a signer: at least one, and all of them his.
fn marks(signer: &Signer) -> impl Iterator<Item = Mark<'_>> {
    let key = signer.key_fingerprint.as_deref();
    // Of a managed key, the fingerprint is that of the key.
    let key = key.or(signer.fingerprint.as_deref()).map(Mark::Key);
    let profile = signer.signing_profile.as_deref().map(Mark::Profile);
    let names = signer.subject.iter().chain(&signer.other_subjects);
    let issuer = signer.issuer.as_deref();
    profile
        .or(key)
        .into_iter()
        .chain(names.map(move |name| Mark::Identity(issuer, name)))
}

/// To how many of the authorities a signer can be assigned that no other of them has.
///
/// Each entry of `accepted` is an authority with the signers that it accepts. Two of them are
/// the same signer if they have a key or an identity in common, and so if a third has one in
/// common with each.
fn distinct_signers<'a>(
    accepted: impl IntoIterator<Item = impl IntoIterator<Item = &'a Signer>>,
) -> usize {
    matching::largest(&options(&mut People::default(), accepted))
}

/// The signers of each authority, by number: one number for one signer.
fn options<'a>(
    people: &mut People<'a>,
    accepted: impl IntoIterator<Item = impl IntoIterator<Item = &'a Signer>>,
) -> Vec<Vec<usize>> {
    let authorities: Vec<Vec<usize>> = accepted
        .into_iter()
        .map(|signers| signers.into_iter().map(|s| people.of(s)).collect())
        .collect();
    // More than there are authorities, each in a group once, cannot all be taken by others.
    let most = authorities.len().max(limits::GROUP_AUTHORITIES);
    let distinct = |signers: &Vec<usize>| {
        let mut found: Vec<_> = signers.iter().map(|who| people.root(*who)).collect();
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        found
    };
    authorities.iter().map(distinct).collect()
}

/// Signers, where those with a mark in common are one.
#[derive(Default)]
struct People<'a> {
    known: BTreeMap<Mark<'a>, usize>,
    /// For each number its older equal, or itself.
    older: Vec<usize>,
}

impl<'a> People<'a> {
    fn of(&mut self, signer: &'a Signer) -> usize {
        let who = self.older.len();
        self.older.push(who);
        for mark in marks(signer) {
            let other = *self.known.entry(mark).or_insert(who);
            let (a, b) = (self.root(who), self.root(other));
            if let Some(older) = self.older.get_mut(a.max(b)) {
                *older = a.min(b);
            }
        }
        who
    }

    fn root(&self, mut who: usize) -> usize {
        while let Some(older) = self.older.get(who).filter(|older| **older != who) {
            who = *older;
        }
        who
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Scheme;
    use crate::digest::Digest;
    use crate::verdict::{SignatureFormat, SignerKind, Signs};

    fn signer(key: Option<&str>, identity: Option<(&str, &str)>) -> Signer {
        Signer {
            kind: SignerKind::Key,
            authority: String::new(),
            signs: Signs::Image,
            format: SignatureFormat::CosignSignature,
            artifact: Digest::sha256(b""),
            scheme: Scheme::EcdsaP256Sha256,
            key: None,
            fingerprint: None,
            key_fingerprint: key.map(str::to_owned),
            issuer: identity.map(|(issuer, _)| issuer.to_owned()),
            subject: identity.map(|(_, subject)| subject.to_owned()),
            subject_type: None,
            claims: BTreeMap::new(),
            other_subjects: Vec::new(),
            x509_subject: None,
            signing_profile: None,
            signing_profile_version: None,
            signing_job: None,
            annotations: BTreeMap::new(),
            times: Vec::new(),
            logs: Vec::new(),
        }
    }

    fn keys(accepted: &[Vec<usize>]) -> usize {
        let people: Vec<_> = (0..8)
            .map(|i| signer(Some(&format!("key {i}")), None))
            .collect();
        let signers = |of: &Vec<usize>| {
            of.iter()
                .filter_map(|i| people.get(*i))
                .collect::<Vec<&Signer>>()
        };
        distinct_signers(accepted.iter().map(signers))
    }

    /// Tries every assignment.
    fn brute_force(accepted: &[Vec<usize>], taken: &mut Vec<usize>) -> usize {
        let Some((first, rest)) = accepted.split_first() else {
            return 0;
        };
        let mut best = brute_force(rest, taken);
        for signer in first {
            if !taken.contains(signer) {
                taken.push(*signer);
                best = best.max(1 + brute_force(rest, taken));
                taken.pop();
            }
        }
        best
    }

    /// Every graph of up to four authorities and four signers.
    #[test]
    fn as_many_are_satisfied_as_any_assignment_satisfies_rt_5() {
        for (authorities, signers) in [(1, 4), (2, 4), (3, 4), (4, 3), (4, 4)] {
            for graph in 0_u32..1 << (authorities * signers) {
                let accepted: Vec<Vec<usize>> = (0..authorities)
                    .map(|a| {
                        (0..signers)
                            .filter(|s| graph >> (a * signers + s) & 1 == 1)
                            .collect()
                    })
                    .collect();
                let expected = brute_force(&accepted, &mut Vec::new());
                assert_eq!(keys(&accepted), expected, "{accepted:?}");
                let backwards: Vec<Vec<usize>> = accepted
                    .iter()
                    .rev()
                    .map(|signers| signers.iter().rev().copied().collect())
                    .collect();
                assert_eq!(keys(&backwards), expected, "{backwards:?}");
            }
        }
    }

    /// Two names of one certificate do not make two signers, whatever keys there are.
    #[test]
    fn all_names_of_a_certificate_are_one_signer_rt_5() {
        let named = |key: &str, subject: &str, other: &[&str]| Signer {
            subject: Some(subject.to_owned()),
            other_subjects: other.iter().map(|name| (*name).to_owned()).collect(),
            ..signer(Some(key), None)
        };
        for (one, other, expected) in [
            (named("a", "x", &["y"]), named("b", "y", &["x"]), 1),
            (named("a", "x", &["y"]), named("b", "z", &["y"]), 1),
            (named("a", "x", &["y"]), named("b", "z", &[]), 2),
            // The same text, of an issuer's.
            (
                named("a", "x", &[]),
                signer(Some("b"), Some(("issuer", "x"))),
                2,
            ),
        ] {
            let signers = [[&one], [&other]];
            assert_eq!(distinct_signers(signers), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_key_or_an_identity_in_common_is_one_signer_rt_5() {
        let (ci, dev) = (Some(("issuer", "ci")), Some(("issuer", "dev")));
        let count = |signers: &[Signer]| distinct_signers(signers.iter().map(|s| [s]));
        for (signers, expected) in [
            (vec![signer(Some("a"), None), signer(Some("a"), None)], 1),
            (vec![signer(Some("a"), None), signer(Some("b"), None)], 2),
            // Short-lived keys of one identity.
            (vec![signer(Some("a"), ci), signer(Some("b"), ci)], 1),
            (vec![signer(Some("a"), ci), signer(Some("b"), dev)], 2),
            // One key under two identities, and a managed key in a certificate.
            (vec![signer(Some("a"), ci), signer(Some("a"), dev)], 1),
            (vec![signer(Some("a"), ci), signer(Some("a"), None)], 1),
            // The third has something in common with each.
            (
                vec![
                    signer(Some("a"), ci),
                    signer(Some("b"), dev),
                    signer(Some("a"), dev),
                ],
                1,
            ),
        ] {
            let mut orders = vec![signers.clone(), signers.clone()];
            if let Some(last) = orders.last_mut() {
                last.reverse();
            }
            for order in orders {
                assert_eq!(count(&order), expected, "{order:?}");
            }
        }
    }

    #[test]
    fn an_authority_with_many_signers_leaves_the_rare_ones_to_others() {
        assert_eq!(keys(&[vec![0, 1, 2, 3, 4, 5, 6, 7], vec![0], vec![1]]), 3);
        assert_eq!(keys(&[vec![0, 1, 2, 3, 4, 5, 6, 7], vec![0], vec![0]]), 2);
        assert_eq!(keys(&[]), 0);
        assert_eq!(keys(&[vec![], vec![]]), 0);
    }
}
