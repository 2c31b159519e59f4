//! `sigstore-verify`, which the Sigstore project maintains: the second opinion.
//!
//! It reads the clock; nothing here is signed in the future. It verifies with AWS-LC in its own
//! way: nothing of the core is under it.

use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

/// Whether the other verifier accepts a bundle.
pub(crate) fn oracle(bundle: &str, root: &str, artifact: &[u8], policy: Policy<'_>) -> bool {
    let judge = || {
        let root = TrustedRoot::from_json(root).ok()?;
        let bundle = Bundle::from_json(bundle).ok()?;
        let verifier = Verifier::new(&root).ok()?;
        match policy {
            Policy::Identity(subject, issuer) => {
                let policy = VerificationPolicy::new(subject, issuer);
                verifier.verify(artifact, &bundle, &policy).ok()
            }
            Policy::Key(der) => {
                let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(der));
                verifier.verify(artifact, &bundle, &policy).ok()
            }
        }
    };
    judge().is_some()
}

/// Whose signature is expected.
pub(crate) enum Policy<'a> {
    /// Subject and issuer.
    Identity(&'a str, &'a str),
    /// A key, the DER of its SPKI.
    #[allow(dead_code, reason = "only others' vectors are signed by keys")]
    Key(Vec<u8>),
}
