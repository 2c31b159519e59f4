//! `attestations` of an authority, and the policies in CUE and Rego, which are refused.

use super::super::NonEmpty;
use super::super::reader::{Field, each};
use super::twice;

/// The attestations that an authority lists, all of which it must have made.
pub(super) struct Attested(pub(super) NonEmpty<Listed>);

/// One of them.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) predicate_type: String,
}

/// Reads a list of them.
pub(super) fn read(list: &Field<'_>) -> Option<Attested> {
    let listed = each(list, one)?;
    if let Some(name) = twice(listed.iter().map(|one| one.name.as_str())) {
        list.problem(format!("two attestations are named {name:?}"));
        return None;
    }
    Some(Attested(listed))
}

fn one(field: &Field<'_>) -> Option<Listed> {
    let mut fields = field.fields()?;
    let name = fields.need("name").and_then(|name| name.text());
    let predicate_type = fields
        .need("predicateType")
        .and_then(|kind| kind.checked(predicate_type));
    let policy = fields.take("policy");
    fields.finish(&["name", "predicateType", "policy"]);
    if let Some(policy) = policy {
        refuse_policy(
            &policy,
            "say it in CEL, as `conditions` of an attestation in a TrustPolicy, or in the engine's own \
             Rego over the verified predicate",
        )?;
    }
    Some(Listed {
        name: name?.to_owned(),
        predicate_type: predicate_type?.to_owned(),
    })
}

/// Reports a policy in another language.
pub(super) fn refuse_policy(field: &Field<'_>, instead: &str) -> Option<()> {
    let kind = field.fields()?.need("type")?;
    let kind = kind.one_of(&[("cue", "CUE"), ("rego", "Rego")])?;
    field.not_honoured(format!("{kind} in a policy is not evaluated: {instead}"))
}

/// Cosign's short names of predicate types.
pub(super) const SHORT: [(&str, &str); 9] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

/// A name of a predicate type that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected the URI of a predicate type such as https://slsa.dev/provenance/v1, or one of {short}, \
     found {found:?}",
    short = SHORT.map(|(short, _)| short).join(", ")
)]
struct PredicateTypeError<'a> {
    found: &'a str,
}

fn predicate_type(text: &str) -> Result<&str, PredicateTypeError<'_>> {
    match SHORT.iter().find(|(short, _)| *short == text) {
        Some((_, uri)) => Ok(*uri),
        None if text.contains(':') => Ok(text),
        None => Err(PredicateTypeError { found: text }),
    }
}
