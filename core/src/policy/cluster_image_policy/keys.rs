//! `key` of an authority: public keys, and the hash that they sign with.

use super::super::key_source::KeySourceError;
use super::super::reader::{Field, flip};
use super::super::{NonEmpty, TrustedKey};
use crate::crypto::{Hash, KeyError, KeyKind, PublicKey, Scheme};
use crate::time::Window;

/// What begins a key in a text of several.
const BEGIN: &str = "-----BEGIN ";

/// Why a key that is in a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExternalKeyError {
    #[error(transparent)]
    Source(#[from] KeySourceError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Reads the keys of a `key` field; `external` gets one that is in a file. None are inside if they
/// cannot be had and are left out.
pub(super) fn read(
    field: &Field<'_>,
    external: &mut dyn FnMut(&str) -> Result<PublicKey, ExternalKeyError>,
) -> Option<Option<NonEmpty<TrustedKey>>> {
    let mut fields = field.fields()?;
    let places: Vec<_> = ["data", "file", "secretRef", "kms"]
        .into_iter()
        .filter_map(|place| Some((place, fields.take(place)?)))
        .collect();
    let hash = fields.take("hashAlgorithm");
    fields.finish(&["data", "file", "secretRef", "kms", "hashAlgorithm"]);
    let hashed = flip(hash.as_ref().map(|hash| {
        hash.one_of(&[
            ("sha224", None),
            ("sha256", Some(Hash::Sha256)),
            ("sha384", Some(Hash::Sha384)),
            ("sha512", Some(Hash::Sha512)),
        ])
    }));
    let mut file = None;
    let keys = match places.as_slice() {
        [("data", data)] => public_keys(data),
        [("file", path)] => {
            let text = path.text()?;
            file = Some(text.to_owned());
            let key = external(text).map_err(|why| path.problem(why.to_string()));
            key.ok().map(NonEmpty::of)
        }
        [("secretRef", secret)] => {
            let path = file_of_secret(secret)?;
            match external(&path) {
                Ok(key) => {
                    file = Some(path);
                    Some(NonEmpty::of(key))
                }
                Err(why) => {
                    let lost = secret.not_honoured(format!(
                        "the key of a Secret is looked for beside the policy, here in {path:?}, and \
                         not there ({why}): mount the Secret with its cosign.pub under that name, or \
                         put the public key into `data`"
                    ));
                    return lost.map(|()| None);
                }
            }
        }
        [(_, kms)] => {
            let lost = kms.not_honoured(
                "keys are not fetched from a KMS: put the public key into `data` (cosign public-key \
                 --key KMS-URI prints it)",
            );
            return lost.map(|()| None);
        }
        other => {
            field.problem(format!(
                "expected exactly one of data, file, secretRef and kms, found {}",
                other.len()
            ));
            None
        }
    };
    let (keys, hashed) = (keys?, hashed?);
    if let (Some(field), Some(hashed)) = (hash, hashed) {
        keys.iter().try_for_each(|key| check(&field, hashed, key))?;
    }
    Some(Some(keys.map(|key| TrustedKey {
        name: TrustedKey::name_of(key, file.as_deref()),
        key: key.clone(),
        valid_for: Window::ALWAYS,
    })))
}

/// The file that has the key of a Secret: its name, with `.pub`.
fn file_of_secret(field: &Field<'_>) -> Option<String> {
    let mut fields = field.fields()?;
    let name = fields.need("name");
    // Who mounts the Secret chooses it.
    fields.leave("namespace");
    fields.finish(&["name", "namespace"]);
    let name = name?;
    let text = name.text()?;
    // As Kubernetes names Secrets: no way out of the policy's folder.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if !text.chars().all(plain) {
        name.problem(format!(
            "expected the name of a Secret, of lower-case letters, digits, - and ., found {text:?}"
        ));
        return None;
    }
    Some(format!("{text}.pub"))
}

/// The keys in a text, one at least.
fn public_keys(field: &Field<'_>) -> Option<NonEmpty<PublicKey>> {
    let text = field.text()?;
    let starts: Vec<_> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut parts: Vec<_> = starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| text.get(*start..end))
        .collect();
    if parts.is_empty() {
        parts.push(text);
    }
    let keys = parts.into_iter().map(|part| {
        let key = PublicKey::from_pem(part.as_bytes());
        key.map_err(|why| field.problem(why.to_string())).ok()
    });
    NonEmpty::new(keys.collect::<Option<Vec<_>>>()?)
}

/// A hash over which this key's signatures are never taken would refuse every image. Where several
/// are taken, as for RSA, the others are as good.
fn check(field: &Field<'_>, hash: Option<Hash>, key: &PublicKey) -> Option<()> {
    let kind = key.kind();
    // Ed25519 hashes inside.
    let mut schemes = Scheme::accepted_for(kind).iter();
    let taken =
        hash.is_some() && (kind == KeyKind::Ed25519 || schemes.any(|scheme| scheme.hash() == hash));
    if !taken {
        field.problem(format!(
            "signatures over this hash by a key of the kind {kind} are not taken: sign with cosign's \
             default for this key, and leave hashAlgorithm out"
        ));
    }
    taken.then_some(())
}
