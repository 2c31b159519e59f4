//! Ratify v1: `Verifier` for Notary's and cosign's signatures, and its `Policy`.

use std::collections::BTreeSet;

use sealgate_core::policy::file::{self, PolicyFile, only_inline_keys};

use super::tree::Part;
use super::write;
use super::yaml::Yaml;
use super::{ImportError, Printed};

/// The API group.
pub(super) const GROUP: &str = "config.ratify.deislabs.io";

/// Translates a document.
pub(super) fn translate(
    document: &Part<'_>,
    names: &mut BTreeSet<String>,
) -> Result<Vec<Printed>, ImportError> {
    let kind = document.text_of("kind").unwrap_or_default();
    let spec = document
        .take("spec")
        .ok_or(ImportError::Missing("a spec"))?;
    match kind {
        "Verifier" | "NamespacedVerifier" => verifier(document, &spec, names),
        "Policy" | "NamespacedPolicy" => Ok(vec![policy(&spec)]),
        "Store" | "NamespacedStore" => {
            spec.lose("registries and credentials are named in the configuration");
            Ok(vec![nothing(document)])
        }
        "CertificateStore" | "KeyManagementProvider" | "NamespacedKeyManagementProvider" => {
            spec.lose("keys and certificates: put public keys into `data`, certificates into a trust store");
            Ok(vec![nothing(document)])
        }
        _ => Err(ImportError::Kind {
            expected: "a Verifier or a Policy of Ratify",
            found: kind.to_owned(),
        }),
    }
}

/// Nothing but what was lost.
fn nothing(document: &Part<'_>) -> Printed {
    Printed {
        document: None,
        lost: document.take_lost(),
    }
}

/// How many of an image's artifacts must be verified: a policy is about signatures, not artifacts.
fn policy(spec: &Part<'_>) -> Printed {
    match spec.text_of("type") {
        Some("regopolicy") => spec.lose("a policy in Rego: say it in the constraint's own"),
        _ => spec.lose(
            "artifactVerificationPolicies: one good signature suffices in the policies above, and a bad \
             one beside it changes nothing, as `any`; for several signers say `require`",
        ),
    }
    nothing(spec)
}

fn verifier(
    document: &Part<'_>,
    spec: &Part<'_>,
    names: &mut BTreeSet<String>,
) -> Result<Vec<Printed>, ImportError> {
    let kind = ["type", "name"];
    let kinds: Vec<_> = kind.iter().filter_map(|name| spec.text_of(name)).collect();
    let is = |what: &str| kinds.iter().any(|kind| kind.contains(what));
    spec.lose_all_but(&["name", "type", "artifactTypes", "version", "parameters"]);
    let parameters = spec
        .take("parameters")
        .ok_or(ImportError::Missing("parameters"))?;
    if is("notation") || is("notaryv2") {
        notation(&parameters, names)
    } else if is("cosign") {
        cosign(document, &parameters, names)
    } else {
        spec.lose("a verifier that is none for signatures");
        Ok(vec![nothing(document)])
    }
}

/// Its trust policy is the Notary Project's own.
fn notation(
    parameters: &Part<'_>,
    names: &mut BTreeSet<String>,
) -> Result<Vec<Printed>, ImportError> {
    let policies = parameters
        .take("trustPolicyDoc")
        .ok_or(ImportError::Missing("parameters.trustPolicyDoc"))?;
    parameters.lose_all_but(&[
        "trustPolicyDoc",
        "verificationCertStores",
        "verificationCerts",
    ]);
    for certificates in ["verificationCertStores", "verificationCerts"] {
        if let Some(stores) = parameters.take(certificates) {
            stores.lose(
                "certificates: put them into directories x509/KIND/NAME, which the policies name as \
                 KIND:NAME",
            );
        }
    }
    let file = PolicyFile {
        name: "parameters.trustPolicyDoc".to_owned(),
        text: policies.json(),
    };
    let imported = file::import(&file, &only_inline_keys).map_err(ImportError::Inner)?;
    let mut lost = parameters.take_lost();
    let policies = imported.iter().flat_map(|one| &one.policies);
    let printed = policies.map(|policy| {
        let written = write::policy(policy, names);
        let mut lost = std::mem::take(&mut lost);
        lost.extend(written.lost);
        Printed {
            document: Some(written.document),
            lost,
        }
    });
    Ok(printed.collect())
}

fn cosign(
    document: &Part<'_>,
    parameters: &Part<'_>,
    names: &mut BTreeSet<String>,
) -> Result<Vec<Printed>, ImportError> {
    parameters.lose_all_but(&["trustPolicies"]);
    let metadata = document.take("metadata");
    let own = metadata
        .as_ref()
        .and_then(|metadata| metadata.text_of("name"));
    let mut printed = Vec::new();
    for policy in parameters.items_of("trustPolicies") {
        policy.lose_all_but(&["name", "version", "scopes", "keys", "keyless", "tLogVerify"]);
        let name = policy.text_of("name").or(own).unwrap_or("cosign");
        let name = write::unique(name, names);
        let scopes = policy.items_of("scopes");
        let globs = scopes.iter().filter_map(|scope| scope.text());
        let globs = globs.map(|scope| Yaml::field("glob", Yaml::text(glob(scope))));
        let images: Vec<_> = globs.collect();
        if images.is_empty() {
            return Err(ImportError::Missing("scopes of a trust policy"));
        }
        let authority = match policy.take("keyless") {
            Some(keyless) => vec![
                ("name", Yaml::text("keyless")),
                ("keyless", keyless_fields(&policy, &keyless)?),
            ],
            None => {
                policy.lose(
                    "its keys, which a key management provider has: put the public keys into `key.data` \
                     of this authority; nobody is trusted in their place",
                );
                let message = "put the public keys of this policy here";
                vec![
                    ("name", Yaml::text("keys")),
                    ("static", write::action("fail", Some(message))),
                ]
            }
        };
        let spec = vec![
            ("images", Yaml::List(images)),
            ("authorities", Yaml::List(vec![Yaml::Map(authority)])),
        ];
        printed.push(Printed {
            document: Some(write::document(&name, spec)),
            lost: policy.take_lost(),
        });
    }
    if printed.is_empty() {
        parameters
            .lose("a verifier without trustPolicies: say its images and its key in a TrustPolicy");
        printed.push(nothing(document));
    }
    Ok(printed)
}

/// Ratify's `*` stands alone or at the end, and crosses slashes.
fn glob(scope: &str) -> String {
    match scope.strip_suffix('*') {
        Some(beginning) => format!("{beginning}**"),
        None => scope.to_owned(),
    }
}

fn keyless_fields(policy: &Part<'_>, keyless: &Part<'_>) -> Result<Yaml, ImportError> {
    keyless.lose_all_but(&[
        "ctLogVerify",
        "certificateIdentity",
        "certificateIdentityRegExp",
        "certificateOIDCIssuer",
        "certificateOIDCIssuerRegExp",
    ]);
    let identity = [
        ("certificateOIDCIssuer", "issuer", false),
        ("certificateOIDCIssuerRegExp", "issuerRegExp", true),
        ("certificateIdentity", "subject", false),
        ("certificateIdentityRegExp", "subjectRegExp", true),
    ];
    let fields = identity
        .into_iter()
        .filter_map(|(theirs, ours, expression)| {
            let text = keyless.text_of(theirs)?;
            // Go's expressions match anywhere.
            Some(match expression {
                true => (ours, Yaml::text(format!(".*(?:{text}).*"))),
                false => (ours, Yaml::text(text)),
            })
        });
    let fields: Vec<_> = fields.collect();
    if fields.len() != 2 {
        return Err(ImportError::Missing("an identity and an issuer in keyless"));
    }
    let count = |count: &str| Yaml::field("threshold", Yaml::Plain(count.to_owned()));
    let off = |part: &Part<'_>, name| part.text_of(name) == Some("false");
    let mut spec = vec![("identities", Yaml::List(vec![Yaml::Map(fields)]))];
    if off(policy, "tLogVerify") {
        policy.lose(
            "tLogVerify: false: a certificate needs a verified time, by a log or a timestamp",
        );
        spec.push(("transparencyLog", count("0")));
    }
    if off(keyless, "ctLogVerify") {
        spec.push(("certificateTransparency", count("0")));
    }
    Ok(Yaml::Map(spec))
}
