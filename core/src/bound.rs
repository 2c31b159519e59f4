//! What was signed, bound to one artifact.

use std::collections::BTreeMap;

use crate::crypto::VerifiedSignature;
use crate::digest::Digest;
use crate::target::Target;

/// What a verified signature says about one artifact.
///
/// `Bound::new` is the only way to one: it wants a signature that was verified, and compares what
/// was signed with the artifact itself.
#[derive(Clone, Debug)]
pub struct Bound<T> {
    says: T,
    annotations: BTreeMap<String, String>,
}

/// How what was signed names its artifact.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// By a digest, as text: `sha256:…`.
    Text(&'a str),
    /// By a digest.
    Digest(&'a Digest),
    /// It is the artifact.
    Itself,
}

impl<T> Bound<T> {
    /// Binds what was signed to the artifact that it names; none if that is another one.
    ///
    /// `says` and `annotations` are what was read of it.
    pub(crate) fn new(
        signature: &VerifiedSignature<'_>,
        name: Name<'_>,
        target: &Target<'_>,
        says: T,
        annotations: BTreeMap<String, String>,
    ) -> Option<Self> {
        let is_named = match name {
            Name::Text(text) => text == target.digest().to_string(),
            Name::Digest(digest) => target.has(digest),
            Name::Itself => signature.is_over(target.bytes(), |hash| target.hash(hash)),
        };
        is_named.then_some(Self { says, annotations })
    }

    /// The same, seen as something else.
    pub(crate) fn map<U>(self, see: impl FnOnce(T) -> U) -> Bound<U> {
        Bound {
            says: see(self.says),
            annotations: self.annotations,
        }
    }

    /// What it says.
    pub(crate) fn says(&self) -> &T {
        &self.says
    }

    /// The annotations under the signature.
    pub(crate) fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::{Hash, PublicKey, Scheme};

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
        -----END PUBLIC KEY-----\n";
    // RFC 8032, section 7.1, test 1: the empty message.
    const SIGNATURE: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
        5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

    fn bound(name: Name<'_>, target: &Target<'_>) -> bool {
        let key = PublicKey::from_pem(KEY.as_bytes()).unwrap();
        let signature = hex::decode(SIGNATURE).unwrap();
        let signature =
            VerifiedSignature::by_any(&key, &[Scheme::Ed25519], b"", &signature).unwrap();
        Bound::new(&signature, name, target, (), BTreeMap::new()).is_some()
    }

    #[test]
    fn what_names_another_artifact_is_not_bound() {
        let (own, other) = (Digest::sha256(b""), Digest::sha256(b"x"));
        let sha512 = |bytes| Digest::of(crate::digest::Algorithm::Sha512, bytes);
        let target = Target::bytes_of(b"");
        assert!(bound(Name::Text(&own.to_string()), &target));
        assert!(!bound(Name::Text(&other.to_string()), &target));
        assert!(!bound(Name::Text(&own.to_string().to_uppercase()), &target));
        assert!(bound(Name::Digest(&own), &target));
        assert!(bound(Name::Digest(&sha512(b"")), &target));
        assert!(!bound(Name::Digest(&other), &target));
        assert!(!bound(Name::Digest(&sha512(b"x")), &target));
        assert!(!bound(Name::Digest(&sha512(b"")), &Target::known_by(own)));
        assert!(bound(Name::Itself, &target));
        assert!(!bound(Name::Itself, &Target::bytes_of(b"x")));
        // The message is not known by its hash alone.
        assert!(!bound(Name::Itself, &Target::known_by(own)));
        assert_eq!(target.hash(Hash::Sha256).unwrap(), own.as_bytes());
    }
}
