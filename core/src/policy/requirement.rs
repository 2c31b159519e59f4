//! Reads `require`: which image signatures a policy takes.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{Field, each};
use super::yaml::Kind;
use super::{
    Authority, AuthorityKind, Group, Matcher, Member, NonEmpty, Offer, PolicyError, Require,
    TrustedIssuer,
};

/// What a `require` field takes.
pub(super) fn require(
    field: &Field<'_>,
    authorities: Option<&NonEmpty<Authority>>,
    names: Option<&NonEmpty<String>>,
) -> Option<Require> {
    if let Kind::Scalar { .. } = field.node.kind {
        return field
            .one_of(&[("attestationsOnly", ())])
            .map(|()| Require::AttestationsOnly);
    }
    let (place, group) = group(field, names?)?;
    check_signers(&place, &group, authorities?)?;
    match group.threshold() {
        Some(Ok(threshold)) => Some(Require::AtLeast(threshold)),
        Some(Err(error)) => {
            place.problem(error.to_string());
            None
        }
        None => Some(Require::Nested(group)),
    }
}

/// A group, and where it stands.
fn group<'a>(field: &Field<'a>, names: &NonEmpty<String>) -> Option<(Field<'a>, Group)> {
    let mut fields = field.fields()?;
    let forms: Vec<_> = FORMS
        .into_iter()
        .filter_map(|form| Some((form, fields.take(form)?)))
        .collect();
    fields.finish(&["allOf", "anyOf", "atLeast"]);
    let [(form, place)] = forms.as_slice() else {
        let found: Vec<_> = forms.iter().map(|(form, _)| *form).collect();
        field.problem(format!(
            "expected exactly one of allOf, anyOf and atLeast, found {}",
            match found.is_empty() {
                true => "none".to_owned(),
                false => found.join(" and "),
            }
        ));
        return None;
    };
    let (count, members) = match *form {
        "atLeast" => {
            let mut fields = place.fields()?;
            let count = fields.need("count").and_then(|count| count.count());
            let of = match fields.take("of") {
                None => Some((0..names.len()).map(Member::Authority).collect()),
                Some(list) => members(&list, names),
            };
            fields.finish(&["count", "of"]);
            (count?, of?)
        }
        form => {
            let members = members(place, names)?;
            let count = match form {
                "anyOf" => 1,
                _ => members.len(),
            };
            (count, members)
        }
    };
    match Group::new(count, members) {
        Ok(group) => Some((place.clone(), group)),
        Err(error) => {
            place.problem(error.to_string());
            None
        }
    }
}

const FORMS: [&str; 3] = ["allOf", "anyOf", "atLeast"];

/// Names of authorities, and groups.
fn members(list: &Field<'_>, names: &NonEmpty<String>) -> Option<Vec<Member>> {
    let member = |item: &Field<'_>| match item.node.kind {
        Kind::Scalar { .. } => index_of(item, names).map(Member::Authority),
        _ => group(item, names).map(|(_, group)| Member::Group(group)),
    };
    each(list, member).map(NonEmpty::into_vec)
}

/// Checks that there can be as many distinct signers as a group asks for.
fn check_signers(
    field: &Field<'_>,
    group: &Group,
    authorities: &NonEmpty<Authority>,
) -> Option<()> {
    let counted = group.counted().into_iter();
    let mut counted = counted.filter_map(|place| authorities.get(place));
    if let Some(passing) = counted.find(|one| one.passes_unseen()) {
        field.problem(PolicyError::StaticPass(passing.name.clone()).to_string());
        return None;
    }
    if group.least() > 1
        && let Some((one, other, key)) = shared_key(authorities, group)
    {
        field.problem(format!(
            "the authorities {one:?} and {other:?} both have the key sha256:{key}: its holder is one \
             signer, and never counts twice; give each its own key, or ask for a count of 1"
        ));
        return None;
    }
    if group.is_met_by(&offers(authorities, group.authorities().len())) {
        return Some(());
    }
    field.problem(
        "this can never be met: its authorities know fewer distinct signers than it asks for, and \
         each counts once",
    );
    None
}

/// The signers whom each authority can have, for groups that name so many.
fn offers(authorities: &[Authority], named: usize) -> Vec<Offer> {
    let mut known = BTreeMap::new();
    let mut number = |mark: Mark| {
        let next = known.len();
        *known.entry(mark).or_insert(next)
    };
    let mut offers = Vec::new();
    for (place, authority) in authorities.iter().enumerate() {
        // Who lets nobody in says so, and it is no mistake.
        if authority.passes_unseen() || authority.refuses_all().is_some() {
            offers.push(Offer::Anybody);
            continue;
        }
        let marks = marks(&authority.trust);
        // Where there is no end to them, as many of its own as can be asked for.
        let marks = marks.unwrap_or_else(|| (0..named).map(|i| Mark::Any(place, i)).collect());
        offers.push(Offer::Signers(marks.into_iter().map(&mut number).collect()));
    }
    offers
}

/// What a signer is known by, before there is any.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Key(String),
    Identity(Option<String>, String),
    Profile(String),
    Any(usize, usize),
}

/// The signers that an authority can have; none if there is no end to them.
fn marks(authority: &AuthorityKind) -> Option<BTreeSet<Mark>> {
    match authority {
        AuthorityKind::Key(trust) => {
            let keys = trust.keys.iter();
            Some(keys.map(|key| Mark::Key(key.key.fingerprint())).collect())
        }
        AuthorityKind::Keyless(trust) => {
            let exact = trust
                .identities
                .iter()
                .map(|one| match (&one.issuer, &one.subject) {
                    (TrustedIssuer::Oidc(Matcher::Exact(issuer)), Matcher::Exact(subject)) => {
                        Some(Mark::Identity(Some(issuer.clone()), subject.clone()))
                    }
                    (TrustedIssuer::Nobody, Matcher::Exact(subject)) => {
                        Some(Mark::Identity(None, subject.clone()))
                    }
                    _ => None,
                });
            exact.collect()
        }
        AuthorityKind::Notation(trust) => {
            let profiles = trust.trusted_identities.only_profiles()?.iter();
            Some(
                profiles
                    .map(|one| Mark::Profile(one.arn().to_owned()))
                    .collect(),
            )
        }
        AuthorityKind::Static(_) => Some(BTreeSet::new()),
    }
}

fn index_of(field: &Field<'_>, names: &NonEmpty<String>) -> Option<usize> {
    let name = field.text()?;
    let index = names.iter().position(|other| other == name);
    if index.is_none() {
        field.problem(format!(
            "expected the name of an authority ({}), found {name:?}",
            names.join(", ")
        ));
    }
    index
}

/// Indices of distinct authorities.
pub(super) fn indices(list: &Field<'_>, names: &NonEmpty<String>) -> Option<NonEmpty<usize>> {
    let indices = each(list, |item| index_of(item, names))?;
    let distinct: BTreeSet<_> = indices.iter().collect();
    if distinct.len() != indices.len() {
        list.problem("an authority is listed twice, and would count twice");
        return None;
    }
    Some(indices)
}

/// Two authorities of a group that have a key in common.
fn shared_key<'a>(
    authorities: &'a [Authority],
    group: &Group,
) -> Option<(&'a str, &'a str, String)> {
    let mut holders = BTreeMap::new();
    let named = group.distinct().into_iter();
    for authority in named.filter_map(|place| authorities.get(place)) {
        let AuthorityKind::Key(trust) = &authority.trust else {
            continue;
        };
        for key in &trust.keys {
            let holder = *holders
                .entry(key.key.fingerprint())
                .or_insert(authority.name.as_str());
            if holder != authority.name {
                return Some((holder, &authority.name, key.key.fingerprint()));
            }
        }
    }
    None
}
