//! Reads `exceptions`: vulnerabilities that a policy lets pass for a time, and why.

use super::reader::{Field, each};
use super::{AttestationRule, Exception, NonEmpty, rules};
use crate::facts;

/// Gives each rule its exceptions.
pub(super) fn read(list: &Field<'_>, rules: Option<&mut Vec<AttestationRule>>) -> Option<()> {
    let names = rules.as_ref().map(|rules| {
        let names = rules.iter().map(|rule| rule.name.clone());
        names.collect::<Vec<_>>()
    });
    let read = each(list, |item| exception(item, names.as_deref()))?;
    let rules = rules?;
    for ((name, exception), field) in read.into_vec().into_iter().zip(list.items()?) {
        let place = rules.iter().position(|rule| rule.name == name)?;
        let rule = rules.get(place)?;
        check_excusable(&field, rule)?;
        if !rules::reads_facts_of(rules, rule) {
            field.warning(decides_nothing(&name));
        }
        rules.get_mut(place)?.exceptions.push(exception);
    }
    Some(())
}

/// What is said of vulnerabilities that nobody looks at.
pub(super) fn decides_nothing(rule: &str) -> String {
    format!("this decides nothing: no condition reads the facts of the rule {rule:?}")
}

/// Refuses an excuse of what has no vulnerabilities.
pub(super) fn check_excusable(field: &Field<'_>, rule: &AttestationRule) -> Option<()> {
    let known = facts::names(&rule.predicate_type).unwrap_or_default();
    if known.contains(&facts::VULNERABILITIES) {
        return Some(());
    }
    field.problem(format!(
        "there is nothing to excuse: predicates of type {} have no facts.vulnerabilities",
        rule.predicate_type
    ));
    None
}

fn exception(field: &Field<'_>, known: Option<&[String]>) -> Option<(String, Exception)> {
    let mut fields = field.fields()?;
    let rule = fields.need("rule").and_then(|rule| {
        let name = rule.text()?;
        let known = known?;
        if !known.iter().any(|known| known == name) {
            rule.problem(format!(
                "expected the name of an attestation rule ({}), found {name:?}",
                known.join(", ")
            ));
            return None;
        }
        Some(name.to_owned())
    });
    let vulnerabilities = fields.need("vulnerabilities").and_then(|list| {
        let names = each(&list, |item| item.checked(words))?;
        NonEmpty::new(names.iter().map(|name| (*name).to_owned()).collect())
    });
    let until = fields.need("until").and_then(|until| until.parsed());
    let reason = fields
        .need("reason")
        .and_then(|reason| reason.checked(words));
    fields.finish(&["rule", "vulnerabilities", "until", "reason"]);
    let exception = Exception {
        vulnerabilities: vulnerabilities?,
        until: until?,
        reason: reason?.to_owned(),
    };
    Some((rule?, exception))
}

/// A text that says nothing.
#[derive(Debug, thiserror::Error)]
#[error("expected words, found {0:?}")]
struct Blank<'a>(&'a str);

fn words(text: &str) -> Result<&str, Blank<'_>> {
    match text.trim() == text && !text.is_empty() {
        true => Ok(text),
        false => Err(Blank(text)),
    }
}
