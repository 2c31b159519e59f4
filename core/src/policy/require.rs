//! Which image signatures a policy takes.

use std::collections::BTreeSet;

use super::non_empty::NonEmpty;
use super::rules::AttestationRule;
use crate::limits;
use crate::matching::{self, Matching};

/// Which image signatures a policy takes.
#[derive(Clone, Debug)]
pub enum Require {
    /// So many of these authorities must have signed.
    AtLeast(Threshold),
    /// So many of these groups and authorities must have, and each group so many of its own.
    Nested(Group),
    /// No image signature: the attestation rules suffice, and there is at least one.
    AttestationsOnly,
    /// Any one of the authorities, each in its own way.
    OneOf(Ways),
}

/// In which way each authority of a policy suffices, by its place: by attestations of its own, all of
/// these, or where there are none by an image signature.
#[derive(Clone, Debug)]
pub struct Ways(NonEmpty<Vec<AttestationRule>>);

impl Ways {
    /// These ways, which are as many as there are authorities.
    pub(super) fn new(by_place: NonEmpty<Vec<AttestationRule>>) -> Self {
        Self(by_place)
    }

    /// The authorities that suffice by an image signature.
    pub(crate) fn signing(&self) -> Option<Threshold> {
        let places = self.0.iter().enumerate();
        let signing = places.filter(|(_, rules)| rules.is_empty());
        let of: Vec<_> = signing.map(|(place, _)| place).collect();
        (!of.is_empty()).then_some(Threshold { count: 1, of })
    }

    /// What each of the others must have attested.
    pub fn attesting(&self) -> impl Iterator<Item = &[AttestationRule]> {
        let ways = self.0.iter().map(Vec::as_slice);
        ways.filter(|rules| !rules.is_empty())
    }

    /// What the authority in this place must have attested; nothing if its signature suffices.
    pub fn of(&self, place: usize) -> &[AttestationRule] {
        self.0.get(place).map_or(&[], Vec::as_slice)
    }

    /// For how many authorities it says so.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// At least so many of these authorities (by their places among
/// [`Policy::authorities`](super::Policy::authorities)) must have signed, each by a signer of its
/// own.
///
/// One at least, and no more than are listed, each once: what nobody signed meets no threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    count: usize,
    of: Vec<usize>,
}

impl Threshold {
    /// At least `count` of the authorities `of`.
    ///
    /// # Errors
    /// If that is none, more than are listed, or one is listed twice.
    pub fn new(count: usize, of: Vec<usize>) -> Result<Self, ThresholdError> {
        let mut distinct = of.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != of.len() {
            return Err(ThresholdError::Twice);
        }
        if count == 0 || count > of.len() {
            let most = of.len();
            return Err(ThresholdError::Count { count, most });
        }
        Ok(Self { count, of })
    }

    /// Any one of all these authorities.
    pub(super) fn any_of<T>(authorities: &NonEmpty<T>) -> Self {
        Self {
            count: 1,
            of: (0..authorities.len()).collect(),
        }
    }

    /// How many must have signed: one at least.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Which of them count.
    pub fn of(&self) -> &[usize] {
        &self.of
    }
}

/// A group of authorities and groups, of which at least so many must be met, each authority by a
/// signer of its own: a signer counts once in the whole group, whatever he is called.
///
/// One at least, and no more than there are members: what nobody signed meets no group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    count: usize,
    members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// An authority, by its place among [`Policy::authorities`](super::Policy::authorities).
    Authority(usize),
    /// A group within it.
    Group(Group),
}

/// What an authority has to show for a group.
#[derive(Clone, Debug)]
pub(crate) enum Offer {
    /// These signers, by numbers that tell them apart.
    Signers(Vec<usize>),
    /// It lets in whoever signed, or nobody.
    Anybody,
}

impl Group {
    /// At least `count` of these members.
    ///
    /// # Errors
    /// If that is none, or more than there are, if an authority is a member twice, or if there are
    /// groups and they nest too deep or name too many authorities.
    pub fn new(count: usize, members: Vec<Member>) -> Result<Self, ThresholdError> {
        let mut own: Vec<_> = members.iter().filter_map(Member::authority).collect();
        let listed = own.len();
        own.sort_unstable();
        own.dedup();
        if own.len() != listed {
            return Err(ThresholdError::Twice);
        }
        if count == 0 || count > members.len() {
            let most = members.len();
            return Err(ThresholdError::Count { count, most });
        }
        let group = Self { count, members };
        let depth = group.depth();
        if depth > 1 && group.authorities().len() > limits::GROUP_AUTHORITIES {
            return Err(ThresholdError::TooMany);
        }
        match depth > limits::GROUP_DEPTH {
            true => Err(ThresholdError::TooDeep),
            false => Ok(group),
        }
    }

    /// How many of its members must be met: one at least.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Its members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The authorities that it and its groups name, in their order, as often as they do.
    pub fn authorities(&self) -> Vec<usize> {
        let of = |member: &Member| match member {
            Member::Authority(place) => vec![*place],
            Member::Group(group) => group.authorities(),
        };
        self.members.iter().flat_map(of).collect()
    }

    /// The same, each once.
    pub(crate) fn distinct(&self) -> BTreeSet<usize> {
        self.authorities().into_iter().collect()
    }

    /// The authorities that it and its groups name where more than one member is needed, there or
    /// further out.
    pub(super) fn counted(&self) -> Vec<usize> {
        if self.count > 1 {
            return self.authorities();
        }
        let of = |member: &Member| match member {
            Member::Authority(_) => Vec::new(),
            Member::Group(group) => group.counted(),
        };
        self.members.iter().flat_map(of).collect()
    }

    /// The fewest signers that can meet it.
    pub fn least(&self) -> usize {
        let of = |member: &Member| match member {
            Member::Authority(_) => 1,
            Member::Group(group) => group.least(),
        };
        let mut least: Vec<usize> = self.members.iter().map(of).collect();
        least.sort_unstable();
        least.iter().take(self.count).sum()
    }

    /// It in words, as `all of (any of (a, b), 2 of (c, d, e))`.
    pub fn words(&self, name: &impl Fn(usize) -> String) -> String {
        let count = match self.count {
            all if all == self.members.len() => "all".to_owned(),
            1 => "any".to_owned(),
            some => some.to_string(),
        };
        let member = |member: &Member| match member {
            Member::Authority(place) => name(*place),
            Member::Group(group) => group.words(name),
        };
        let members: Vec<_> = self.members.iter().map(member).collect();
        format!("{count} of ({})", members.join(", "))
    }

    /// The threshold that it is, where no member is a group.
    pub(super) fn threshold(&self) -> Option<Result<Threshold, ThresholdError>> {
        let of: Option<Vec<_>> = self.members.iter().map(Member::authority).collect();
        of.map(|of| Threshold::new(self.count, of))
    }

    fn depth(&self) -> usize {
        let of = |member: &Member| match member {
            Member::Authority(_) => 0,
            Member::Group(group) => group.depth(),
        };
        1 + self.members.iter().map(of).max().unwrap_or(0)
    }

    /// Whether it can be met by these, each time that an authority is named with a signer whom no
    /// other has. `offers` are by the places of the authorities.
    ///
    /// Without groups in it, a largest matching tells. With them it is found by trying: the bound on
    /// authorities is the bound on the work.
    pub(crate) fn is_met_by(&self, offers: &[Offer]) -> bool {
        let named = self.authorities();
        let offer = |place: &usize| offers.get(*place);
        let search = Search {
            group: self,
            signers: named
                .iter()
                .map(|place| match offer(place) {
                    Some(Offer::Signers(signers)) => signers.clone(),
                    Some(Offer::Anybody) | None => Vec::new(),
                })
                .collect(),
            free: named
                .iter()
                .map(|place| matches!(offer(place), Some(Offer::Anybody)))
                .collect(),
        };
        if self.depth() == 1 {
            let free = search.free.iter().filter(|free| **free).count();
            return free + matching::largest(&search.signers) >= self.count;
        }
        search.succeeds(&mut vec![false; named.len()], 0, &Matching::default())
    }

    /// Whether it is met if those are that are `chosen`: one for each that it names, in order.
    fn holds(&self, chosen: &mut impl Iterator<Item = bool>) -> bool {
        let mut met = 0;
        for member in &self.members {
            // Every member takes its own, whatever became of those before it.
            met += usize::from(match member {
                Member::Authority(_) => chosen.next().unwrap_or(false),
                Member::Group(group) => group.holds(chosen),
            });
        }
        met >= self.count
    }
}

impl Member {
    fn authority(&self) -> Option<usize> {
        match self {
            Self::Authority(place) => Some(*place),
            Self::Group(_) => None,
        }
    }
}

/// A search for whom to take.
struct Search<'a> {
    group: &'a Group,
    /// The signers whom each that is named could be given.
    signers: Vec<Vec<usize>>,
    /// Who needs none.
    free: Vec<bool>,
}

impl Search<'_> {
    /// Whether the group is met by those chosen before `at` and some of the others.
    fn succeeds(&self, chosen: &mut Vec<bool>, at: usize, given: &Matching) -> bool {
        if self.group.holds(&mut chosen.iter().copied()) {
            return true;
        }
        let with_all = chosen.iter().take(at).copied();
        let mut with_all =
            with_all.chain(std::iter::repeat_n(true, chosen.len().saturating_sub(at)));
        if at >= chosen.len() || !self.group.holds(&mut with_all) {
            return false;
        }
        let mut with_this = given.clone();
        let is_free = self.free.get(at).copied().unwrap_or(false);
        if is_free || with_this.give(at, &self.signers) {
            self.choose(chosen, at, true);
            if self.succeeds(chosen, at + 1, &with_this) {
                return true;
            }
            self.choose(chosen, at, false);
        }
        self.succeeds(chosen, at + 1, given)
    }

    fn choose(&self, chosen: &mut [bool], at: usize, is: bool) {
        if let Some(one) = chosen.get_mut(at) {
            *one = is;
        }
    }
}

/// Why some numbers are no threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// None, or too many.
    #[error("expected a count from 1 to {most}, the number of listed authorities, found {count}")]
    Count {
        /// How many are asked for.
        count: usize,
        /// How many are listed.
        most: usize,
    },
    /// One would count twice.
    #[error("an authority is listed twice, and would count twice")]
    Twice,
    /// Too many authorities in groups of groups.
    #[error(
        "expected groups that name {max} authorities at most, found more",
        max = limits::GROUP_AUTHORITIES
    )]
    TooMany,
    /// Groups that nest too deep.
    #[error("expected groups that nest {max} deep at most, found more", max = limits::GROUP_DEPTH)]
    TooDeep,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn no_threshold_is_met_by_nobody_and_none_is_out_of_reach() {
        for (count, of, fits) in [
            (0, vec![], false),
            (0, vec![0], false),
            (1, vec![], false),
            (2, vec![0], false),
            (2, vec![1, 1], false),
            (1, vec![1, 1], false),
            (1, vec![0], true),
            (2, vec![3, 1], true),
        ] {
            assert_eq!(
                Threshold::new(count, of.clone()).is_ok(),
                fits,
                "{count} of {of:?}"
            );
        }
    }

    fn group(count: usize, members: Vec<Member>) -> Group {
        Group::new(count, members).unwrap()
    }

    fn any(of: &[usize]) -> Member {
        Member::Group(group(1, of.iter().map(|a| Member::Authority(*a)).collect()))
    }

    #[test]
    fn no_group_is_met_by_nobody_and_none_is_out_of_reach() {
        use Member::Authority as A;
        for (count, members, error) in [
            (0, vec![A(0), any(&[1])], "expected a count from 1 to 2"),
            (3, vec![A(0), any(&[1])], "expected a count from 1 to 2"),
            (0, vec![], "expected a count from 1 to 0"),
            (1, vec![A(0), A(0)], "listed twice"),
            (
                1,
                vec![any(&(0..17).collect::<Vec<_>>())],
                "16 authorities at most",
            ),
        ] {
            let told = Group::new(count, members).unwrap_err().to_string();
            assert!(told.contains(error), "{told}");
        }
        let mut nested = any(&[0]);
        for _ in 0..2 {
            nested = Member::Group(group(1, vec![nested]));
        }
        let deepest = group(1, vec![nested]);
        assert_eq!(deepest.depth(), limits::GROUP_DEPTH);
        let deeper = Group::new(1, vec![Member::Group(deepest)]);
        assert_eq!(deeper.unwrap_err(), ThresholdError::TooDeep);
    }

    /// Tries every set of those that are named, and every way to give them signers.
    fn brute_force(group: &Group, offers: &[Vec<usize>]) -> bool {
        let named = group.authorities();
        (0_u32..1 << named.len()).any(|set| {
            let chosen: Vec<bool> = (0..named.len()).map(|i| set >> i & 1 == 1).collect();
            let taken = named.iter().zip(&chosen).filter(|(_, taken)| **taken);
            let wanted: Vec<_> = taken.map(|(place, _)| offers[*place].clone()).collect();
            group.holds(&mut chosen.iter().copied()) && assignable(&wanted, &mut Vec::new())
        })
    }

    fn assignable(wanted: &[Vec<usize>], taken: &mut Vec<usize>) -> bool {
        let Some((first, rest)) = wanted.split_first() else {
            return true;
        };
        first.iter().any(|signer| {
            if taken.contains(signer) {
                return false;
            }
            taken.push(*signer);
            let fits = assignable(rest, taken);
            taken.pop();
            fits
        })
    }

    #[test]
    fn a_group_is_met_as_some_assignment_of_distinct_signers_meets_it() {
        use Member::Authority as A;
        let groups = [
            group(2, vec![any(&[0, 1]), any(&[2, 3])]),
            group(2, vec![any(&[0, 1]), any(&[1, 2])]),
            group(2, vec![A(0), any(&[0, 1, 2])]),
            group(1, vec![Member::Group(group(2, vec![A(0), A(1)])), A(3)]),
            group(2, vec![A(0), A(1), A(3)]),
            group(
                2,
                vec![
                    Member::Group(group(2, vec![A(0), A(1), A(2)])),
                    any(&[2, 3]),
                ],
            ),
        ];
        for group in groups {
            // Every graph of four authorities and three signers.
            for graph in 0_u32..1 << 12 {
                let signers = |a: usize| (0..3).filter(|s| graph >> (a * 3 + s) & 1 == 1).collect();
                let offers: Vec<Vec<usize>> = (0..4).map(signers).collect();
                let expected = brute_force(&group, &offers);
                let offers: Vec<_> = offers.into_iter().map(Offer::Signers).collect();
                assert_eq!(group.is_met_by(&offers), expected, "{group:?} {offers:?}");
            }
            let nobody = vec![Offer::Signers(Vec::new()); 4];
            assert!(!group.is_met_by(&nobody) && !group.is_met_by(&[]));
            assert!(group.is_met_by(&vec![Offer::Anybody; 4]));
        }
    }

    #[test]
    fn many_authorities_with_few_signers_are_soon_told_apart() {
        let all = group(31, (0..60).map(Member::Authority).collect());
        let of = |signers: std::ops::Range<usize>| vec![Offer::Signers(signers.collect()); 60];
        assert!(all.is_met_by(&of(0..31)));
        assert!(!all.is_met_by(&of(0..30)));
    }

    #[test]
    fn the_fewest_signers_and_the_words_are_those_of_the_groups() {
        let two = group(2, [2, 3, 4].map(Member::Authority).to_vec());
        let all = group(2, vec![any(&[0, 1]), Member::Group(two)]);
        assert_eq!(all.least(), 3);
        let name = |place: usize| ["a", "b", "c", "d", "e"][place].to_owned();
        assert_eq!(all.words(&name), "all of (any of (a, b), 2 of (c, d, e))");
    }
}
