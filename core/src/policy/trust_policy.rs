//! `TrustPolicy` of `sealgate.dev/v1alpha1`, as people write it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::key_source::{KeySource, ResolveKey};
use super::keyless::{read_keyless, threshold};
use super::notation::read_notation;
use super::reader::{Field, Fields, each, flip};
use super::requirement::require;
use super::static_action::read_static;
use super::{
    AttestationRule, Authority, AuthorityKind, ImagePattern, KeyAuthority, KeyWitnesses, Mode,
    NamespacePattern, NonEmpty, Platforms, Policy, Require, Scope, Threshold, TrustedKey,
    attestation, exceptions, rules,
};
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::time::Window;

/// Reads a document whose `apiVersion` and `kind` were taken. `None` only with a
/// problem reported.
pub(super) fn read(
    document: &Field<'_>,
    mut fields: Fields<'_>,
    file: &str,
    resolve: ResolveKey<'_>,
) -> Option<Policy> {
    let name = fields.need("metadata").and_then(|field| {
        let mut metadata = field.fields()?;
        let name = metadata.need("name").and_then(|name| name.name());
        metadata.take("labels");
        metadata.take("annotations");
        metadata.finish(&["name", "labels", "annotations"]);
        name.map(str::to_owned)
    });
    let spec = fields.need("spec").and_then(|spec| spec.fields());
    fields.take("status");
    fields.finish(&["apiVersion", "kind", "metadata", "spec"]);
    let mut reader = Reader {
        file,
        resolve,
        external_keys: Vec::new(),
    };
    let spec = reader.spec(spec?);
    let revision = revision(document, &reader.external_keys);
    let (name, spec) = (name?, spec?);
    let policy = Policy::new(
        name,
        revision,
        spec.scope,
        spec.authorities,
        spec.require,
        spec.attestations,
    );
    match policy {
        Ok(policy) => Some(policy.in_mode(spec.mode).of_platforms(spec.platforms)),
        Err(error) => {
            document.problem(error.to_string());
            None
        }
    }
}

/// What a policy says beside its name.
struct Spec {
    mode: Mode,
    platforms: Platforms,
    scope: Scope,
    authorities: NonEmpty<Authority>,
    require: Require,
    attestations: Vec<AttestationRule>,
}

/// A digest over the document, whatever its layout, and the keys outside of it.
fn revision(document: &Field<'_>, external_keys: &[String]) -> Digest {
    let whole = json!({"document": document.node.to_json(), "keys": external_keys});
    let canonical = serde_json_canonicalizer::to_vec(&whole).unwrap_or_default();
    Digest::sha256(&canonical)
}

struct Reader<'a> {
    file: &'a str,
    resolve: ResolveKey<'a>,
    /// The fingerprints of keys that are not in the document itself.
    external_keys: Vec<String>,
}

impl Reader<'_> {
    fn spec(&mut self, mut spec: Fields<'_>) -> Option<Spec> {
        let mode = spec.take("mode").map_or(Some(Mode::Enforce), |field| {
            let mode = field.one_of(&[("enforce", Mode::Enforce), ("warn", Mode::Warn)]);
            if mode == Some(Mode::Warn) {
                field.warning("this policy refuses nothing: images are let in all the same");
            }
            mode
        });
        let platforms = spec.take("platforms");
        let platforms = platforms.map_or(Some(Platforms::Index), |field| {
            field.one_of(&[("index", Platforms::Index), ("each", Platforms::Each)])
        });
        let images = spec.need("images").and_then(|images| self.images(&images));
        let namespaces = match spec.take("namespaces") {
            None => Some(Vec::new()),
            Some(list) => {
                each(&list, |item| item.checked(NamespacePattern::new)).map(NonEmpty::into_vec)
            }
        };
        let authorities = spec
            .need("authorities")
            .and_then(|list| each(&list, |item| self.authority(item)));
        let names = authorities.as_ref().map(|list| self.names(&spec, list));
        let mut attestations = match spec.take("attestations") {
            None => Some(Vec::new()),
            Some(list) => attestation::read(&list, authorities.as_ref(), names.as_ref()),
        };
        if let Some(list) = spec.take("exceptions")
            && exceptions::read(&list, attestations.as_mut()).is_none()
        {
            attestations = None;
        }
        let require = match spec.take("require") {
            None => authorities
                .as_ref()
                .map(|all| Require::AtLeast(Threshold::any_of(all))),
            Some(field) => require(&field, authorities.as_ref(), names.as_ref()),
        };
        if let (Some(Require::AttestationsOnly), Some([])) = (&require, attestations.as_deref()) {
            spec.problem("require: attestationsOnly needs at least one entry in attestations");
        }
        if let (Some(authorities), Some(require), Some(attestations)) =
            (&authorities, &require, &attestations)
        {
            warn_of_idle(&spec, authorities, require, attestations);
        }
        if let Some(name) = attestations.as_deref().and_then(rules::twice) {
            spec.problem(format!("two attestations are named {name:?}"));
        }
        spec.finish(&[
            "mode",
            "platforms",
            "images",
            "namespaces",
            "authorities",
            "require",
            "attestations",
            "exceptions",
        ]);
        Some(Spec {
            mode: mode?,
            platforms: platforms?,
            scope: Scope {
                images: images?,
                except: Vec::new(),
                namespaces: namespaces?,
            },
            authorities: authorities?,
            require: require?,
            attestations: attestations?,
        })
    }

    fn images(&self, images: &Field<'_>) -> Option<NonEmpty<ImagePattern>> {
        each(images, |item| {
            let mut fields = item.fields()?;
            let glob = fields
                .need("glob")
                .and_then(|g| g.checked(ImagePattern::new));
            fields.finish(&["glob"]);
            glob
        })
    }

    fn names(&self, spec: &Fields<'_>, authorities: &NonEmpty<Authority>) -> NonEmpty<String> {
        let mut seen = BTreeSet::new();
        authorities.map(|authority| {
            if !seen.insert(authority.name.as_str()) {
                spec.problem(format!("two authorities are named {:?}", authority.name));
            }
            authority.name.clone()
        })
    }

    fn authority(&mut self, field: &Field<'_>) -> Option<Authority> {
        let mut fields = field.fields()?;
        let name = fields.need("name").and_then(|name| name.name());
        let kinds: Vec<_> = ["key", "keys", "keyless", "notation", "static"]
            .into_iter()
            .filter_map(|kind| Some((kind, fields.take(kind)?)))
            .collect();
        let trust = match kinds.as_slice() {
            [("key" | "keys", keys)] => self.keys(keys, &mut fields).map(AuthorityKind::Key),
            [("keyless", keyless)] => read_keyless(keyless).map(AuthorityKind::Keyless),
            [("notation", notation)] => read_notation(notation).map(AuthorityKind::Notation),
            [("static", action)] => read_static(action).map(AuthorityKind::Static),
            other => {
                field.problem(format!(
                    "expected exactly one of key, keys, keyless, notation and static, found {}",
                    match other.len() {
                        0 => "none".to_owned(),
                        _ => other
                            .iter()
                            .map(|(k, _)| *k)
                            .collect::<Vec<_>>()
                            .join(" and "),
                    }
                ));
                None
            }
        };
        let annotations = fields.take("annotations");
        let max_age = fields.take("maxAge");
        if let Some(AuthorityKind::Static(_)) = &trust {
            for field in annotations.iter().chain(&max_age) {
                field.problem("`static` looks at no signature, so nothing can be demanded of one");
            }
        }
        let annotations = match annotations {
            None => Some(BTreeMap::new()),
            Some(map) => texts(&map),
        };
        if let (Some(field), Some(trust)) = (&max_age, &trust)
            && !trust.may_have_times()
            && !matches!(trust, AuthorityKind::Static(_))
        {
            field.problem(
                "no signature can pass: nobody vouches for its time; for a key that needs trustRoot \
                 with transparencyLog or signedTimestamp, for notation a tsa or signingAuthority \
                 trust store, and keyless without insecureWithoutVerifiedTime",
            );
        }
        let max_age = flip(max_age.map(|field| field.parsed()));
        fields.finish(&[
            "name",
            "key",
            "keys",
            "keyless",
            "notation",
            "static",
            "annotations",
            "maxAge",
            "trustRoot",
            "transparencyLog",
            "signedTimestamp",
        ]);
        Some(Authority {
            name: name?.to_owned(),
            trust: trust?,
            annotations: annotations?,
            max_age: max_age?,
        })
    }

    /// One key or several, and the witnesses that their signatures need.
    fn keys(&mut self, field: &Field<'_>, authority: &mut Fields<'_>) -> Option<KeyAuthority> {
        let keys = match &field.node.kind {
            super::yaml::Kind::List(_) => each(field, |item| self.key(item)),
            _ => self.key(field).map(NonEmpty::of),
        };
        let trust_root = match authority.take("trustRoot") {
            None => Some(None),
            Some(root) => root.text().map(|root| Some(root.to_owned())),
        };
        let transparency_log = threshold(authority.take("transparencyLog"), 0);
        let signed_timestamp = threshold(authority.take("signedTimestamp"), 0);
        let (keys, trust_root) = (keys?, trust_root?);
        let (transparency_log, signed_timestamp) = (transparency_log?, signed_timestamp?);
        if transparency_log + signed_timestamp > 0 && trust_root.is_none() {
            authority.problem(
                "transparencyLog and signedTimestamp need a trustRoot, which names the logs and authorities",
            );
            return None;
        }
        let witnesses = trust_root.map(|trust_root| KeyWitnesses {
            trust_root,
            transparency_log,
            signed_timestamp,
        });
        Some(KeyAuthority { keys, witnesses })
    }

    fn key(&mut self, field: &Field<'_>) -> Option<TrustedKey> {
        let mut fields = field.fields()?;
        let name = fields
            .take("name")
            .map(|name| name.text().map(str::to_owned));
        let places: Vec<_> = ["data", "file", "secret"]
            .into_iter()
            .filter_map(|place| Some((place, fields.take(place)?)))
            .collect();
        let file = match places.as_slice() {
            [("file", path)] => path.text(),
            _ => None,
        };
        let key = match places.as_slice() {
            [("data", data)] => data.checked(|text| PublicKey::from_pem(text.as_bytes())),
            [("file", path)] => file.and_then(|text| {
                let source = KeySource {
                    policy_file: self.file.to_owned(),
                    path: text.to_owned(),
                };
                self.external_key(path, &source)
            }),
            [(_, secret)] => {
                secret
                    .problem("keys in Secrets are not read: mount the Secret, and name the `file`");
                None
            }
            other => {
                field.problem(format!(
                    "expected exactly one of data, file and secret, found {}",
                    other.len()
                ));
                None
            }
        };
        let valid_for = fields
            .take("validFor")
            .map_or(Some(Window::ALWAYS), |f| window(&f));
        fields.finish(&["name", "data", "file", "secret", "validFor"]);
        let key = key?;
        Some(TrustedKey {
            name: match name {
                None => TrustedKey::name_of(&key, file),
                Some(name) => name?,
            },
            key,
            valid_for: valid_for?,
        })
    }

    fn external_key(&mut self, field: &Field<'_>, source: &KeySource) -> Option<PublicKey> {
        let bytes = (self.resolve)(source);
        let bytes = bytes.map_err(|why| field.problem(why.to_string())).ok()?;
        let key = PublicKey::from_pem(&bytes);
        let key = key.map_err(|why| field.problem(why.to_string())).ok()?;
        self.external_keys.push(key.fingerprint());
        Some(key)
    }
}

fn texts(field: &Field<'_>) -> Option<BTreeMap<String, String>> {
    let entries = field.entries()?.into_iter();
    let read: Vec<_> = entries
        .map(|(key, value)| Some((key.to_owned(), value.text()?.to_owned())))
        .collect();
    read.into_iter().collect()
}

fn window(field: &Field<'_>) -> Option<Window> {
    let mut fields = field.fields()?;
    let start = fields.take("start").map(|time| time.parsed());
    let end = fields.take("end").map(|time| time.parsed());
    fields.finish(&["start", "end"]);
    let window = Window {
        start: flip(start)?,
        end: flip(end)?,
    };
    if let (Some(start), Some(end)) = (window.start, window.end)
        && end < start
    {
        field.problem(format!("the end {end} is before the start {start}"));
        return None;
    }
    Some(window)
}

/// Warns of authorities, and of annotations, that decide nothing.
fn warn_of_idle(
    spec: &Fields<'_>,
    authorities: &NonEmpty<Authority>,
    require: &Require,
    attestations: &[AttestationRule],
) {
    let signing = match require {
        Require::AtLeast(threshold) => threshold.of().to_vec(),
        Require::Nested(group) => group.authorities(),
        // No `require` of a TrustPolicy says that.
        Require::AttestationsOnly | Require::OneOf(_) => Vec::new(),
    };
    let one_suffices = matches!(require, Require::AtLeast(threshold) if threshold.count() == 1);
    for (place, authority) in authorities.iter().enumerate() {
        let name = &authority.name;
        let signs = signing.contains(&place);
        let attests = |rule: &AttestationRule| {
            let mut listed = rule.from.iter().chain(rule.vex.iter().flatten());
            listed.any(|listed| *listed == place)
        };
        if !signs && !attestations.iter().any(attests) {
            spec.warning(format!(
                "the authority {name:?} decides nothing: neither require nor an attestation's from \
                 names it"
            ));
        } else if authority.refuses_all().is_some() && signing.len() > 1 && one_suffices {
            spec.warning(format!(
                "the authority {name:?} decides nothing: it refuses, and another one may accept all the \
                 same"
            ));
        } else if !signs && !authority.annotations.is_empty() {
            spec.warning(format!(
                "the annotations of the authority {name:?} are not looked at: they are those of an \
                 image signature, and require asks for none by it"
            ));
        }
    }
}
