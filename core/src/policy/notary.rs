//! Reads the Notary Project's own trust policies (`trustpolicy.json`), unchanged.
//!
//! Trust store and trust policy specification, "OCI trust policy". Each statement becomes one
//! policy with one authority. A statement for a repository comes before the one for `*`, so the
//! latter's scope leaves out every repository that is named.

use std::collections::BTreeSet;

use serde_json::json;

use super::notation::{check_profiles, overridden, trusted_identities};
use super::reader::{Field, Fields, each};
use super::{
    Authority, AuthorityKind, ImagePattern, NonEmpty, NotationAuthority, NotationLevel, Policy,
    PolicyError, Require, Scope, Threshold, TrustedIdentities, VerifyTimestamp,
};
use crate::digest::Digest;
use crate::trust::{StoreKind, StoreName};

/// Whether a document is a trust policy document, by its shape: it has no `kind`.
pub(super) fn claims(fields: &Fields<'_>) -> bool {
    fields.has("trustPolicies") && !fields.has("kind") && !fields.has("apiVersion")
}

/// Reads a trust policy document.
pub(super) fn read(mut fields: Fields<'_>) -> Option<Vec<Policy>> {
    let version = fields
        .need("version")
        .and_then(|version| version.one_of(&[("1.0", ())]));
    let statements = fields.need("trustPolicies").and_then(|list| list.items());
    fields.finish(&["version", "trustPolicies"]);
    let statements = statements?;
    let mut seen = Seen::default();
    let read: Vec<_> = statements
        .iter()
        .map(|field| statement(field, &mut seen))
        .collect();
    version?;
    let read = read.into_iter().collect::<Option<Vec<_>>>()?;
    let named = named(&read);
    statements
        .iter()
        .zip(read)
        .map(|(field, statement)| policy(field, statement, &named).ok())
        .collect()
}

/// A digest over a statement, whatever its layout, and over what the other statements take out of
/// its scope.
fn revision(statement: &Field<'_>, except: &[ImagePattern]) -> Digest {
    let except: Vec<_> = except.iter().map(ImagePattern::as_str).collect();
    let whole = json!({"statement": statement.node.to_json(), "except": except});
    let canonical = serde_json_canonicalizer::to_vec(&whole).unwrap_or_default();
    Digest::sha256(&canonical)
}

/// What may occur once in a document.
#[derive(Default)]
struct Seen<'a> {
    names: BTreeSet<&'a str>,
    scopes: BTreeSet<String>,
}

/// One statement.
struct Statement {
    name: String,
    scopes: NonEmpty<ImagePattern>,
    trust: NotationAuthority,
}

/// How a statement's signatures are verified.
struct Verification {
    level: NotationLevel,
    verify_timestamp: VerifyTimestamp,
}

fn statement<'a>(field: &Field<'a>, seen: &mut Seen<'a>) -> Option<Statement> {
    let mut fields = field.fields()?;
    let name = fields
        .need("name")
        .and_then(|name| unique_name(&name, seen));
    let scopes = fields
        .need("registryScopes")
        .and_then(|list| scopes(&list, seen));
    let verification = fields
        .need("signatureVerification")
        .and_then(|map| verification(&map));
    let stores = fields.take("trustStores");
    let identities = fields.take("trustedIdentities");
    fields.finish(&[
        "name",
        "registryScopes",
        "signatureVerification",
        "trustStores",
        "trustedIdentities",
    ]);
    let verification = verification?;
    let listed = identities.clone();
    let trust = match verification.level.is_skip() {
        true => skip(field, scopes.as_deref(), [stores, identities]),
        false => verified(field, stores, identities),
    };
    let ((trust_stores, trusted_identities), name) = (trust?, name?);
    let trust = NotationAuthority {
        trust_stores,
        trusted_identities,
        level: verification.level,
        verify_timestamp: verification.verify_timestamp,
    };
    if let Some(listed) = listed {
        check_profiles(&listed, &trust);
    }
    Some(Statement {
        name: name.to_owned(),
        scopes: scopes?,
        trust,
    })
}

/// Every repository that a statement names.
fn named(statements: &[Statement]) -> Vec<ImagePattern> {
    let any = ImagePattern::any();
    let scopes = statements.iter().flat_map(|statement| &statement.scopes);
    scopes.filter(|image| **image != any).cloned().collect()
}

/// The policy of a statement; `*` leaves out the repositories that are named.
fn policy(
    field: &Field<'_>,
    statement: Statement,
    named: &[ImagePattern],
) -> Result<Policy, PolicyError> {
    let except = match statement.scopes.contains(&ImagePattern::any()) {
        true => named.to_vec(),
        false => Vec::new(),
    };
    let scope = Scope {
        images: statement.scopes,
        except,
        namespaces: Vec::new(),
    };
    let authorities = NonEmpty::of(Authority {
        name: "notation".to_owned(),
        trust: AuthorityKind::Notation(statement.trust),
        annotations: Default::default(),
        max_age: None,
    });
    let require = Require::AtLeast(Threshold::any_of(&authorities));
    let revision = revision(field, &scope.except);
    Policy::new(
        statement.name,
        revision,
        scope,
        authorities,
        require,
        Vec::new(),
    )
}

fn unique_name<'a>(field: &Field<'a>, seen: &mut Seen<'a>) -> Option<&'a str> {
    let name = field.text()?;
    if !seen.names.insert(name) {
        field.problem(format!("a statement named {name:?} exists already"));
        return None;
    }
    Some(name)
}

fn scopes<'a>(list: &Field<'a>, seen: &mut Seen<'a>) -> Option<NonEmpty<ImagePattern>> {
    let items = list.items()?;
    let alone = items.len() == 1;
    let read = |item: &Field<'a>| {
        let text = item.text()?;
        let pattern = match text {
            "*" if alone => ImagePattern::any(),
            "*" => {
                item.problem("the scope \"*\" must stand alone");
                return None;
            }
            _ => item.checked(ImagePattern::repository)?,
        };
        // However it is spelled.
        if !seen.scopes.insert(pattern.as_str().to_owned()) {
            item.problem(format!(
                "the scope {text:?} occurs in another statement or twice in this one"
            ));
            return None;
        }
        Some(pattern)
    };
    let read: Vec<_> = items.iter().map(read).collect();
    NonEmpty::new(read.into_iter().collect::<Option<_>>()?)
}

fn verification(map: &Field<'_>) -> Option<Verification> {
    let mut fields = map.fields()?;
    let level = fields.need("level").and_then(|level| {
        level.one_of(&[
            ("strict", NotationLevel::STRICT),
            ("permissive", NotationLevel::PERMISSIVE),
            ("audit", NotationLevel::AUDIT),
            ("skip", NotationLevel::SKIP),
        ])
    });
    let overrides = fields.take("override");
    let verify_timestamp = match fields.take("verifyTimestamp") {
        None => Some(VerifyTimestamp::Always),
        Some(when) => when.one_of(&[
            ("always", VerifyTimestamp::Always),
            ("afterCertExpiry", VerifyTimestamp::AfterCertExpiry),
        ]),
    };
    fields.finish(&["level", "override", "verifyTimestamp"]);
    let level = match (level?, overrides) {
        (level, None) => level,
        (level, Some(map)) if level.is_skip() => {
            // An empty object changes nothing, and is written by tools.
            if !map.entries()?.is_empty() {
                map.problem("the level skip verifies nothing, so nothing can be overridden");
                return None;
            }
            level
        }
        (level, Some(map)) => overridden(&map, level)?,
    };
    Some(Verification {
        level,
        verify_timestamp: verify_timestamp?,
    })
}

type Trust = (Vec<StoreName>, TrustedIdentities);

/// A statement that verifies needs trust stores and identities.
fn verified(
    statement: &Field<'_>,
    stores: Option<Field<'_>>,
    identities: Option<Field<'_>>,
) -> Option<Trust> {
    let stores = match stores {
        Some(list) => {
            let stores = each(&list, |item| item.parsed::<StoreName>());
            stores.and_then(|stores| signers(&list, stores.into_vec()))
        }
        None => missing(statement, "trustStores"),
    };
    let identities = match identities {
        Some(list) => trusted_identities(&list),
        None => missing(statement, "trustedIdentities"),
    };
    Some((stores?, identities?))
}

/// Timestamp authorities alone vouch for nobody.
fn signers(list: &Field<'_>, stores: Vec<StoreName>) -> Option<Vec<StoreName>> {
    if stores.iter().all(|store| store.kind == StoreKind::Tsa) {
        list.problem("expected a trust store of kind ca or signingAuthority, found only tsa");
        return None;
    }
    Some(stores)
}

fn missing<T>(statement: &Field<'_>, name: &str) -> Option<T> {
    statement.problem(format!(
        "expected a field {name:?}, found none: only the level skip goes without"
    ));
    None
}

/// A statement that skips trusts nobody, and cannot be the one for everything.
fn skip(
    statement: &Field<'_>,
    scopes: Option<&[ImagePattern]>,
    trust: [Option<Field<'_>>; 2],
) -> Option<Trust> {
    let mut fine = true;
    for field in trust.into_iter().flatten() {
        if !field.is_empty_list() {
            field.problem("the level skip takes neither trust stores nor trusted identities");
            fine = false;
        }
    }
    if scopes.is_some_and(|scopes| scopes.contains(&ImagePattern::any())) {
        statement.problem("the level skip is not allowed for the scope \"*\"");
        fine = false;
    }
    fine.then_some((Vec::new(), TrustedIdentities::none()))
}
