//! Reads `attestations`: which attestations a policy takes.

use super::exceptions::{check_excusable, decides_nothing};
use super::reader::{Field, each, flip};
use super::requirement::indices;
use super::{AttestationRule, Authority, AuthorityKind, Condition, NonEmpty, RuleError, rules};
use crate::facts;

/// The rules of a list.
pub(super) fn read(
    list: &Field<'_>,
    authorities: Option<&NonEmpty<Authority>>,
    names: Option<&NonEmpty<String>>,
) -> Option<Vec<AttestationRule>> {
    let read = each(list, |item| rule(item, authorities, names?))?;
    let (rules, places): (Vec<_>, Vec<_>) = read.into_vec().into_iter().unzip();
    let conditions: Vec<_> = places.iter().map(|one| one.conditions.as_slice()).collect();
    check_others(&rules, &conditions)?;
    for (rule, places) in rules.iter().zip(&places) {
        if let Some(vex) = &places.vex
            && !rules::reads_facts_of(&rules, rule)
        {
            vex.warning(decides_nothing(&rule.name));
        }
    }
    Some(rules)
}

/// Where the parts of a rule stand.
struct Places<'a> {
    conditions: Vec<Field<'a>>,
    vex: Option<Field<'a>>,
}

fn rule<'a>(
    field: &Field<'a>,
    authorities: Option<&NonEmpty<Authority>>,
    names: &NonEmpty<String>,
) -> Option<(AttestationRule, Places<'a>)> {
    let mut fields = field.fields()?;
    let name = fields.need("name").and_then(|name| name.name());
    let predicate_type = fields.need("predicateType").and_then(|kind| {
        let checked = kind.checked(predicate_type)?;
        if let Some(short) = checked.strip_suffix('/') {
            kind.warning(format!(
                "predicate types are compared letter by letter, and few end with a slash: is \
                     {short:?} meant?"
            ));
        }
        Some(checked)
    });
    let from = match fields.take("from") {
        None => NonEmpty::new((0..names.len()).collect()),
        Some(list) => {
            let from = indices(&list, names);
            let listed = from.iter().flat_map(|from| from.iter());
            for authority in listed.filter_map(|place| authorities?.get(*place)) {
                if !authority.attests() {
                    list.warning(format!(
                        "the authority {:?} can make no attestation: {}",
                        authority.name,
                        match authority.trust {
                            AuthorityKind::Static(_) => "`static` signs nothing",
                            _ => "the Notary Project has none",
                        }
                    ));
                }
            }
            from
        }
    };
    if let (Some(authorities), Some(from)) = (authorities, &from)
        && !from
            .iter()
            .filter_map(|place| authorities.get(*place))
            .any(Authority::attests)
    {
        field.problem(
            "nobody can make this attestation: the Notary Project has no attestations, and `static` signs \
             nothing",
        );
    }
    let mut conditions_at = Vec::new();
    let conditions = match fields.take("conditions") {
        None => Some(Vec::new()),
        Some(list) => each(&list, |item| {
            let condition = item.checked(Condition::new)?;
            check_facts(item, condition.reads().facts(), predicate_type?)?;
            conditions_at.push(item.clone());
            Some(condition)
        })
        .map(NonEmpty::into_vec),
    };
    let vex = fields.take("vex");
    let max_age = fields.take("maxAge");
    if let (Some(field), Some(authorities), Some(from)) = (&max_age, authorities, &from) {
        let mut kinds = from.iter().filter_map(|place| authorities.get(*place));
        if !kinds.any(|authority| authority.trust.may_have_times()) {
            field.problem(
                "no attestation can pass: nobody vouches for its time; for a key that needs \
                 trustRoot with transparencyLog or signedTimestamp",
            );
        }
    }
    let max_age = flip(max_age.map(|field| field.parsed()));
    fields.finish(&[
        "name",
        "predicateType",
        "from",
        "conditions",
        "maxAge",
        "vex",
    ]);
    let read_vex = flip(
        vex.as_ref()
            .map(|field| from_vex(field, authorities, names)),
    );
    let rule = AttestationRule {
        name: name?.to_owned(),
        predicate_type: predicate_type?.to_owned(),
        from: from?,
        conditions: conditions?,
        max_age: max_age?,
        vex: read_vex?,
        exceptions: Vec::new(),
    };
    if let Some(field) = &vex {
        check_excusable(field, &rule)?;
    }
    let places = Places {
        conditions: conditions_at,
        vex,
    };
    Some((rule, places))
}

/// The authorities whose VEX documents count.
fn from_vex(
    field: &Field<'_>,
    authorities: Option<&NonEmpty<Authority>>,
    names: &NonEmpty<String>,
) -> Option<NonEmpty<usize>> {
    let mut fields = field.fields()?;
    let list = fields.need("from");
    fields.finish(&["from"]);
    let list = list?;
    let from = indices(&list, names)?;
    let mut listed = from.iter().filter_map(|place| authorities?.get(*place));
    if authorities.is_some() && !listed.any(Authority::attests) {
        list.problem(
            "nobody can make a VEX document: the Notary Project has no attestations, and `static` signs \
             nothing",
        );
        return None;
    }
    Some(from)
}

/// Refuses a condition on facts that predicates of this type never have.
fn check_facts<'f>(
    field: &Field<'_>,
    read: Option<impl Iterator<Item = &'f str>>,
    predicate_type: &str,
) -> Option<()> {
    let Some(mut read) = read else {
        return Some(());
    };
    let Some(known) = facts::names(predicate_type) else {
        field.problem(format!(
            "there are no facts of predicates of type {predicate_type}; name what is asked of \
             `predicate`"
        ));
        return None;
    };
    if let Some(unknown) = read.find(|name| !known.contains(name)) {
        field.problem(format!(
            "there is no facts.{unknown} of predicates of type {predicate_type}; there are {}",
            known.join(", ")
        ));
        return None;
    }
    Some(())
}

/// Refuses conditions on what no other rule of the policy has.
fn check_others(rules: &[AttestationRule], places: &[&[Field<'_>]]) -> Option<()> {
    let mut fine = Some(());
    for (rule, places) in rules.iter().zip(places) {
        for (condition, place) in rule.conditions.iter().zip(*places) {
            for (name, read) in condition.reads().rules() {
                let other = rules::other(rules, rule, name);
                let other = other.map_err(|error| place.problem(error.to_string()));
                let other = other.ok().and_then(|other| rules.get(other));
                let known =
                    other.and_then(|other| check_facts(place, read.facts(), &other.predicate_type));
                fine = fine.and(known);
            }
        }
    }
    fine?;
    let order = rules::order(rules);
    order.map_err(|error| report(&error, rules, places)).ok()?;
    Some(())
}

/// Reports why rules have no order, where one of them reads the next.
fn report(error: &RuleError, rules: &[AttestationRule], places: &[&[Field<'_>]]) {
    let RuleError::Circle { rule, next, .. } = error else {
        return;
    };
    let next = rules.get(*next).map(|rule| rule.name.as_str());
    let conditions = rules.get(*rule).map(|rule| rule.conditions.iter());
    let places = places
        .get(*rule)
        .into_iter()
        .flat_map(|places| places.iter());
    let mut reading = conditions.into_iter().flatten().zip(places);
    let reading = reading.find(|(condition, _)| {
        let mut read = condition.reads().rules();
        read.any(|(name, _)| Some(name) == next)
    });
    if let Some((_, place)) = reading {
        place.problem(error.to_string());
    }
}

/// A text that is no predicate type.
#[derive(Debug, thiserror::Error)]
#[error("expected the URI of a predicate type such as https://slsa.dev/provenance/v1, found {0:?}")]
struct PredicateTypeError<'a>(&'a str);

fn predicate_type(text: &str) -> Result<&str, PredicateTypeError<'_>> {
    match text.contains(':') {
        true => Ok(text),
        false => Err(PredicateTypeError(text)),
    }
}
