//! Reads policies from files: `TrustPolicy` documents, several per file, Sigstore's
//! `ClusterImagePolicy` with its `TrustRoot`, and the Notary Project's `trustpolicy.json`.
//!
//! Every problem of every file is reported at once, with file, line and field. A set
//! of policies with a problem is no set of policies: nothing of it is used.

use super::reader::{Field, Log};
use super::{NoMatch, Policies, Policy, cluster_image_policy, notary, trust_policy, yaml};

use std::collections::BTreeMap;

use crate::trust::SigstoreRoot;

pub use super::key_source::{KeySource, KeySourceError, ResolveKey, only_inline_keys};
pub use super::problem::Problem;

/// A file of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text, YAML or JSON.
    pub text: String,
}

/// Policies, and what is suspicious in them.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The policies.
    pub policies: Policies,
    /// What means something, and perhaps not what its author meant, in the order of the files.
    pub warnings: Vec<Problem>,
}

/// Reads all policies.
///
/// # Errors
/// Every problem of every file: YAML that does not parse, unknown or missing fields,
/// unreadable keys, empty lists, names that occur twice, no policy at all.
pub fn load(
    files: &[PolicyFile],
    no_match: NoMatch,
    resolve: ResolveKey<'_>,
) -> Result<Policies, Vec<Problem>> {
    check(files, no_match, resolve).map(|checked| checked.policies)
}

/// As [`load`], with what is suspicious in policies that can be used: what means something, and
/// perhaps not what its author meant.
///
/// # Errors
/// As [`load`].
pub fn check(
    files: &[PolicyFile],
    no_match: NoMatch,
    resolve: ResolveKey<'_>,
) -> Result<Checked, Vec<Problem>> {
    let mut policies: Vec<Policy> = Vec::new();
    let mut trust_roots = BTreeMap::new();
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    for file in files {
        match read(file, resolve, &mut warnings) {
            Ok(read) => {
                for (line, part) in read {
                    let twice = match part {
                        Part::Policy(policy) => {
                            let known = policies.iter().any(|other| other.name() == policy.name());
                            let twice =
                                known.then(|| format!("a policy named {:?}", policy.name()));
                            policies.push(*policy);
                            twice
                        }
                        Part::TrustRoot(name, root) => {
                            let twice = format!("a TrustRoot named {name:?}");
                            trust_roots.insert(name, *root).map(|_| twice)
                        }
                    };
                    if let Some(what) = twice {
                        let message = format!("{what} exists already");
                        problems.push(Problem::new(&file.name, line, "metadata.name", message));
                    }
                }
            }
            Err(found) => problems.extend(found),
        }
    }
    // Without this, files of trust roots alone would be a set of policies that covers no image.
    if let (true, [], Some(first)) = (problems.is_empty(), &policies[..], files.first())
        && !trust_roots.is_empty()
    {
        let message = "expected a policy beside the trust roots, found none";
        problems.push(Problem::new(&first.name, 1, "", message));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Checked {
        policies: Policies {
            policies,
            no_match,
            trust_roots,
        },
        warnings,
    })
}

fn read(
    file: &PolicyFile,
    resolve: ResolveKey<'_>,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<(usize, Part)>, Vec<Problem>> {
    let documents = yaml::documents(&file.name, &file.text).map_err(|problem| vec![problem])?;
    if documents.is_empty() {
        let message = "expected a document of kind TrustPolicy, found an empty file";
        return Err(vec![Problem::new(&file.name, 1, "", message)]);
    }
    let mut parts = Vec::new();
    let mut problems = Vec::new();
    for document in &documents {
        let log = Log::new(&file.name);
        let read = read_document(&Field::root(document, &log), &file.name, resolve);
        let (found, suspicious) = log.into_parts();
        warnings.extend(suspicious);
        match read {
            Some(read) if found.is_empty() => {
                parts.extend(read.into_iter().map(|part| (document.line, part)));
            }
            None if found.is_empty() => {
                let message = "this document is not a policy that sealgate can read";
                problems.push(Problem::new(&file.name, document.line, "", message));
            }
            _ => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(parts)
    } else {
        Err(problems)
    }
}

/// What a document of another format holds, and what of it cannot be honoured.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its policies; none if it is of trust roots.
    pub policies: Vec<Policy>,
    /// The document itself, if it is a trust root that stands beside policies.
    pub trust_root: Option<serde_json::Value>,
    /// What was left out.
    pub lost: Vec<Problem>,
}

/// Reads the documents of other formats in a file, without what cannot be honoured: an authority
/// that is left out so accepts nobody, and a condition is not asked for.
///
/// # Errors
/// Every problem beside that, as [`load`]; and a document that is a `TrustPolicy` already.
pub fn import(file: &PolicyFile, resolve: ResolveKey<'_>) -> Result<Vec<Imported>, Vec<Problem>> {
    let documents = yaml::documents(&file.name, &file.text).map_err(|problem| vec![problem])?;
    let mut imported = Vec::new();
    let mut problems = Vec::new();
    for document in &documents {
        let log = Log::leaving_out(&file.name);
        let root = Field::root(document, &log);
        let read = read_document(&root, &file.name, resolve);
        if document
            .to_json()
            .get("kind")
            .is_some_and(|kind| kind == "TrustPolicy")
        {
            root.problem("this is a TrustPolicy already");
        }
        let lost = log.lost();
        let mut policies = Vec::new();
        let mut trust_root = None;
        for part in read.into_iter().flatten() {
            match part {
                Part::Policy(policy) => policies.push(*policy),
                Part::TrustRoot(..) => trust_root = Some(document.to_json()),
            }
        }
        let (found, _) = log.into_parts();
        problems.extend(found);
        imported.push(Imported {
            policies,
            trust_root,
            lost,
        });
    }
    match problems.is_empty() {
        true => Ok(imported),
        false => Err(problems),
    }
}

/// What a document holds.
enum Part {
    Policy(Box<Policy>),
    TrustRoot(String, Box<SigstoreRoot>),
}

/// Reads one document by its kind.
fn read_document(document: &Field<'_>, file: &str, resolve: ResolveKey<'_>) -> Option<Vec<Part>> {
    let policy = |policy| Part::Policy(Box::new(policy));
    let mut fields = document.fields()?;
    if notary::claims(&fields) {
        return notary::read(fields).map(|read| read.into_iter().map(policy).collect());
    }
    let version = fields.need("apiVersion")?.text()?;
    let kind = fields.need("kind")?.text()?;
    match (version, kind) {
        ("sealgate.dev/v1alpha1", "TrustPolicy") => {
            trust_policy::read(document, fields, file, resolve).map(|read| vec![policy(read)])
        }
        ("policy.sigstore.dev/v1alpha1" | "policy.sigstore.dev/v1beta1", "ClusterImagePolicy") => {
            let read = cluster_image_policy::read(document, fields, file, resolve);
            read.map(|read| vec![policy(read)])
        }
        ("policy.sigstore.dev/v1alpha1", "TrustRoot") => {
            let read = cluster_image_policy::read_trust_root(fields);
            read.map(|(name, root)| vec![Part::TrustRoot(name, Box::new(root))])
        }
        _ => {
            document.problem(format!(
                "expected kind TrustPolicy of sealgate.dev/v1alpha1, or ClusterImagePolicy or TrustRoot of \
                 policy.sigstore.dev, found {kind} of {version}"
            ));
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::{AuthorityKind, Mode, Require, SubjectType, Threshold};

    const KEY: &str = "-----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEv0DfPUEBNqOHzlGBUOZU6oR+w1Xp
      jJ8LPhJ26JyqzeoQ8AaEfTvPy0IyvwM2qLUTlQVj+XgAbcdxf3o+n7jYLA==
      -----END PUBLIC KEY-----";

    fn load_one(text: &str) -> Result<Policies, Vec<Problem>> {
        let file = PolicyFile {
            name: "p.yaml".to_owned(),
            text: text.to_owned(),
        };
        load(&[file], NoMatch::Deny, &only_inline_keys)
    }

    fn policy(spec: &str) -> String {
        let mut text = "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\n\
                        metadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n"
            .to_owned();
        for line in spec.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text
    }

    const KEYLESS: &str = "authorities:
- name: ci
  keyless:
    identities:
    - issuer: https://issuer.example.com
      subjectRegExp: 'https://github\\.com/acme/.+'
      subjectType: uri
      claims: {runnerEnvironment: github-hosted}";

    #[test]
    fn a_policy_of_every_kind_of_authority_is_read() {
        let text = policy(&format!(
            "{KEYLESS}
- name: release
  key:
    data: |
      {KEY}
    validFor: {{start: 2026-01-01T00:00:00Z, end: 2026-12-31T00:00:00Z}}
- name: notary
  notation: {{trustStores: [\"ca:acme\"], trustedIdentities: [\"*\"], level: permissive}}
require: {{atLeast: {{count: 2, of: [release, ci, notary]}}}}
attestations:
- name: provenance
  predicateType: https://slsa.dev/provenance/v1
  from: [ci]
  conditions: [\"predicate.x == 1\"]"
        ))
        .replace("          MFk", "      MFk");
        let policies = load_one(&text).unwrap();
        let policy = policies.named("p").unwrap();
        assert_eq!(policy.mode(), Mode::Enforce);
        assert_eq!(policy.authorities().len(), 3);
        let threshold = Threshold::new(2, vec![1, 0, 2]).unwrap();
        assert!(matches!(policy.require(), Require::AtLeast(found) if *found == threshold));
        assert_eq!(*policy.attestations().first().unwrap().from, [0]);
        let AuthorityKind::Keyless(keyless) = &policy.authorities().first().unwrap().trust else {
            panic!("expected a keyless authority");
        };
        assert_eq!(keyless.trust_root, "public-good");
        let subject_type = keyless.identities.first().unwrap().subject_type;
        assert_eq!(subject_type, Some(SubjectType::Uri));
        assert_eq!(keyless.transparency_log, 1);
        assert_eq!(keyless.certificate_transparency, 1);
    }

    #[test]
    fn the_revision_depends_on_the_content_not_on_the_layout() {
        let text = policy(KEYLESS);
        let revision = |text: &str| load_one(text).unwrap().revision();
        let spaced = text.replace("metadata: {name: p}", "# why\nmetadata:\n    name: \"p\"");
        assert_eq!(revision(&text), revision(&spaced));
        assert_ne!(revision(&text), revision(&text.replace("acme", "acne")));
    }

    #[test]
    fn policies_ask_for_the_namespace_if_one_of_them_names_any() {
        let plain = policy(KEYLESS);
        let bound = plain.replace("{name: p}", "{name: q}");
        let bound = bound.replace("spec:\n", "spec:\n  namespaces: [prod]\n");
        let by_namespace = |text: &str| load_one(text).unwrap().by_namespace();
        assert!(!by_namespace(&plain));
        assert!(by_namespace(&bound));
        assert!(by_namespace(&format!("{plain}---\n{bound}")));
        let asking = |condition: &str| {
            by_namespace(&policy(&format!(
                "{KEYLESS}\nattestations: [{{name: a, predicateType: \"https://example.com/x\", conditions: [{condition}]}}]"
            )))
        };
        assert!(!asking("\"image.tag == 'v1'\""));
        for condition in [
            "image.namespace == 'prod'",
            "image['namespace'] == 'prod'",
            "has(image.namespace)",
            "image.size() == 4",
        ] {
            assert!(asking(&format!("\"{condition}\"")), "{condition}");
        }
    }

    /// What predicates of a type never have can never be met.
    #[test]
    fn facts_are_known_by_the_type_of_the_predicate() {
        let read = |kind: &str, condition: &str| {
            load_one(&policy(&format!(
                "{KEYLESS}\nattestations: [{{name: a, predicateType: \"{kind}\", conditions: [\"{condition}\"]}}]"
            )))
        };
        let scan = "https://cosign.sigstore.dev/attestation/vuln/v1";
        assert!(read(scan, "facts.vulnerabilities.critical == 0").is_ok());
        for (kind, condition, expected) in [
            (
                scan,
                "facts.vulnerabilites.critical == 0",
                "no facts.vulnerabilites",
            ),
            (scan, "has(facts.builder)", "there are vulnerabilities"),
            (
                "https://example.com/x",
                "facts.builder == 'x'",
                "there are no facts of predicates",
            ),
            (
                "https://example.com/x",
                "size(facts) == 0",
                "there are no facts of predicates",
            ),
        ] {
            let problems = read(kind, condition).unwrap_err();
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert!(
                all.iter().any(|p| p.contains(expected)),
                "{condition}: {all:?}"
            );
        }
    }

    #[test]
    fn every_problem_is_reported_with_its_line_and_field() {
        let text = policy(
            "mode: enforced
authorities:
- name: a
  key: {data: nonsense}
- name: b
  keyless: {identities: []}
  colour: blue
require: {atLeast: {count: 3}}",
        );
        let problems = load_one(&text).unwrap_err();
        let fields: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.field.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                (6, "spec.mode"),
                (9, "spec.authorities[0].key.data"),
                (11, "spec.authorities[1].keyless.identities"),
                (12, "spec.authorities[1]"),
            ]
        );
    }

    #[test]
    fn what_could_never_refuse_or_never_pass_is_no_policy_atk_28() {
        for (spec, expected) in [
            ("authorities: []", "at least one entry"),
            ("mode: warn", "expected a field \"authorities\""),
            (
                "authorities: [{name: a, key: {secret: {name: a, key: b}}}]",
                "keys in Secrets are not read",
            ),
            (
                &format!("{KEYLESS}\nrequire: {{atLeast: {{count: 0}}}}"),
                "expected a count from 1",
            ),
            (
                &format!("{KEYLESS}\nrequire: {{atLeast: {{count: 2, of: [ci, ci]}}}}"),
                "listed twice",
            ),
            (
                &format!("{KEYLESS}\nrequire: attestationsOnly"),
                "needs at least one entry in attestations",
            ),
            (
                &KEYLESS.replace("issuer:", "issueer:"),
                "unknown field \"issueer\"",
            ),
            (&KEYLESS.replace("acme/.+", "acme/("), "regex"),
            (
                &KEYLESS.replace("subjectType: uri", "subjectType: host"),
                "other_name",
            ),
            (
                &KEYLESS.replace("subjectType: uri", "subjectType: dns"),
                "no certificate with an OIDC issuer names a host",
            ),
            (
                &KEYLESS.replace("runnerEnvironment", "runnerEnv"),
                "unknown claim",
            ),
        ] {
            let problems = load_one(&policy(spec)).unwrap_err();
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert!(all.iter().any(|p| p.contains(expected)), "{spec}: {all:?}");
        }
    }

    #[test]
    fn hostile_yaml_is_refused() {
        let deep = "[".repeat(100);
        for (text, expected) in [
            ("", "empty file"),
            ("a: &x [1]\nb: *x", "aliases"),
            ("a: 1\na: 2", "occurs twice"),
            (deep.as_str(), "nested deeper"),
            ("a: !!binary x", "tags"),
            ("a: [", "not YAML"),
            (
                "kind: TrustPolicy\napiVersion: v1",
                "expected kind TrustPolicy",
            ),
        ] {
            let problems = load_one(text).unwrap_err();
            assert!(
                problems.iter().any(|p| p.message.contains(expected)),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn two_policies_of_one_name_are_refused() {
        let text = policy(KEYLESS);
        let problems = load_one(&format!("{text}---\n{text}")).unwrap_err();
        assert_eq!(problems.first().unwrap().field, "metadata.name");
    }
}
