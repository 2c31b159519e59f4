//! Reads Sigstore's `ClusterImagePolicy` and `TrustRoot` (`policy.sigstore.dev`), unchanged.
//!
//! With policy-controller's semantics where they are sound: `docs/cluster-image-policy.md` has
//! every field and what happens with it. What cannot be honoured is a problem, never ignored.

mod attestation;
mod authority;
mod keys;
mod trust_root;
mod witnesses;

use std::collections::BTreeSet;

use serde_json::json;

use self::attestation::{Attested, Listed};
use self::authority::Reader;
use super::key_source::ResolveKey;
use super::reader::{Field, Fields, each, flip};
use super::{
    AttestationRule, Authority, ImagePattern, Mode, NonEmpty, Policy, Require, Scope, Threshold,
    Ways,
};
use crate::digest::Digest;
use crate::trust::SigstoreRoot;

/// What Kubernetes writes into the metadata of every object.
const OF_KUBERNETES: [&str; 14] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Reads a ClusterImagePolicy whose `apiVersion` and `kind` were taken. `None` only with a problem
/// reported.
pub(super) fn read(
    document: &Field<'_>,
    fields: Fields<'_>,
    file: &str,
    resolve: ResolveKey<'_>,
) -> Option<Policy> {
    let (name, spec) = frame(fields);
    let mut reader = Reader::new(file, resolve);
    let spec = spec?;
    let parts = parts(&spec, &mut reader);
    let (name, parts) = (name?.text()?.to_owned(), parts?);
    let whole = json!({
        "clusterImagePolicy": name,
        "spec": spec.node.to_json(),
        "keys": reader.external_keys(),
    });
    let canonical = serde_json_canonicalizer::to_vec(&whole).unwrap_or_default();
    let policy = Policy::new(
        name,
        Digest::sha256(&canonical),
        parts.scope,
        parts.authorities,
        parts.require,
        parts.attestations,
    );
    match policy {
        Ok(policy) => Some(policy.in_mode(parts.mode)),
        Err(error) => {
            document.problem(error.to_string());
            None
        }
    }
}

/// Reads a TrustRoot whose `apiVersion` and `kind` were taken: a trust root and its name. `None`
/// only with a problem reported.
pub(super) fn read_trust_root(fields: Fields<'_>) -> Option<(String, SigstoreRoot)> {
    let (name, spec) = frame(fields);
    let root = trust_root::read(&spec?);
    let name = name?;
    let text = name.text()?;
    if SigstoreRoot::BUILT_IN.contains(&text) {
        name.problem(format!(
            "{text:?} is a trust root that is built in, and policies mean that one: choose another name"
        ));
        return None;
    }
    Some((text.to_owned(), root?))
}

/// The name and the spec of an object.
fn frame<'a>(mut fields: Fields<'a>) -> (Option<Field<'a>>, Option<Field<'a>>) {
    let name = fields.need("metadata").and_then(|field| {
        let mut metadata = field.fields()?;
        let name = metadata.need("name");
        OF_KUBERNETES.iter().for_each(|name| metadata.leave(name));
        metadata.finish(&["name", "labels", "annotations"]);
        name
    });
    let spec = fields.need("spec");
    fields.leave("status");
    fields.finish(&["apiVersion", "kind", "metadata", "spec", "status"]);
    (name, spec)
}

/// What a policy says beside its name.
struct Parts {
    mode: Mode,
    scope: Scope,
    authorities: NonEmpty<Authority>,
    require: Require,
    attestations: Vec<AttestationRule>,
}

fn parts(spec: &Field<'_>, reader: &mut Reader<'_>) -> Option<Parts> {
    let mut fields = spec.fields()?;
    let mode = flip(fields.take("mode").map(|field| {
        let mode = field.one_of(&[("enforce", Mode::Enforce), ("warn", Mode::Warn)]);
        if mode == Some(Mode::Warn) {
            field.warning("this policy refuses nothing: images are let in all the same");
        }
        mode
    }));
    let images = fields.need("images").and_then(|list| each(&list, image));
    if let Some(selected) = fields.take("match") {
        let _ = selected.not_honoured(
            "what an image is a part of is not known here, so kinds and labels cannot select: leave \
             `match` out, and select by `match` of the constraint, or of the engine's own policy",
        );
    }
    if let Some(policy) = fields.take("policy") {
        let _ = attestation::refuse_policy(
            &policy,
            "how many must have signed is `require` of a TrustPolicy, and what kind of object is let \
             in a matter of the constraint",
        );
    }
    let mut place = 0..;
    let authorities = fields.need("authorities").and_then(|list| {
        each(&list, |item| {
            reader.authority(item, place.next().unwrap_or_default())
        })
    });
    fields.finish(&["mode", "images", "match", "policy", "authorities"]);
    let (authorities, attested) = split(authorities?);
    let (require, attestations) = demands(&authorities, attested);
    Some(Parts {
        mode: mode?.unwrap_or_default(),
        scope: Scope {
            images: images?,
            except: Vec::new(),
            namespaces: Vec::new(),
        },
        authorities,
        require,
        attestations,
    })
}

fn image(item: &Field<'_>) -> Option<ImagePattern> {
    let mut fields = item.fields()?;
    let glob = fields
        .need("glob")
        .and_then(|glob| glob.checked(ImagePattern::of_cluster_image_policy));
    fields.finish(&["glob"]);
    glob
}

fn split(
    read: NonEmpty<(Authority, Option<Attested>)>,
) -> (NonEmpty<Authority>, Vec<Option<Attested>>) {
    let authorities = read.map(|(authority, _)| authority.clone());
    let attested = read.into_vec().into_iter().map(|(_, attested)| attested);
    (authorities, attested.collect())
}

/// One authority suffices: by an image signature, or, where it lists attestations, by all of these
/// and no image signature.
fn demands(
    authorities: &NonEmpty<Authority>,
    attested: Vec<Option<Attested>>,
) -> (Require, Vec<AttestationRule>) {
    match attested.as_slice() {
        [Some(alone)] => {
            let rules = alone.0.iter().map(|one| rule(one, one.name.clone(), 0));
            return (Require::AttestationsOnly, rules.collect());
        }
        all if all.iter().all(Option::is_none) => {
            let any = Threshold::any_of(authorities);
            return (Require::AtLeast(any), Vec::new());
        }
        _ => {}
    }
    let mut place = 0..;
    let mut attested = attested.into_iter();
    let ways = authorities.map(|authority| {
        let place = place.next().unwrap_or_default();
        let listed = attested.next().flatten();
        let listed = listed.iter().flat_map(|attested| &attested.0);
        // Two authorities may call theirs the same.
        listed
            .map(|one| rule(one, format!("{}/{}", authority.name, one.name), place))
            .collect()
    });
    (Require::OneOf(Ways::new(ways)), Vec::new())
}

fn rule(listed: &Listed, name: String, place: usize) -> AttestationRule {
    AttestationRule {
        name,
        predicate_type: listed.predicate_type.clone(),
        from: NonEmpty::of(place),
        conditions: Vec::new(),
        max_age: None,
        vex: None,
        exceptions: Vec::new(),
    }
}

/// The first text that occurs twice.
fn twice<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    texts.into_iter().find(|text| !seen.insert(*text))
}
