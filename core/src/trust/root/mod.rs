//! Sigstore trust roots: certificate authorities, logs and timestamp authorities.

mod anchors;
mod file;

use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::time::Window;
use crate::timestamp;
use crate::x509::path::TrustedChain;

pub use anchors::{Anchor, AnchorKind};
pub use file::{PartError, RootError};

/// The anchors of one Sigstore instance.
///
/// Every certificate in it is trusted as it stands: a certificate authority's chain is
/// anchored at each of its certificates, and all of them must be valid at the times that
/// count.
#[derive(Clone, Debug)]
pub struct SigstoreRoot {
    pub(crate) authorities: Vec<CertificateAuthority>,
    pub(crate) logs: Vec<Log>,
    pub(crate) ct_logs: Vec<Log>,
    pub(crate) timestamp_authorities: Vec<TimestampAuthority>,
    unsupported: Vec<String>,
    revision: Digest,
}

impl SigstoreRoot {
    /// The names of the built-in roots: Sigstore's public-good instance, its staging
    /// instance, and GitHub's own for private repositories.
    pub const BUILT_IN: [&'static str; 3] = ["public-good", "staging", "github"];

    /// The built-in root of this name, as the `sigstore-trust-root` crate ships it.
    ///
    /// It ages: whoever can reach the instance's TUF repository should refresh it.
    pub fn built_in(name: &str) -> Option<Self> {
        let json = match name {
            "public-good" => sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT,
            "staging" => sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT,
            "github" => sigstore_trust_root::SIGSTORE_GITHUB_TRUSTED_ROOT,
            _ => return None,
        };
        // A test reads every one of them.
        Self::from_json(json.as_bytes()).ok()
    }

    /// Reads a `trusted_root.json` (v0.1 or v0.2), or a ClientTrustConfig that holds one.
    ///
    /// # Errors
    /// If it is neither, if a key or certificate in it cannot be read, or if a validity is
    /// malformed or lacks the start that a log's must have. Keys of an algorithm that is
    /// not accepted are left out, and listed by [`Self::unsupported`].
    pub fn from_json(json: &[u8]) -> Result<Self, RootError> {
        file::parse(json)
    }

    /// A digest over the whole root, canonicalised.
    pub fn revision(&self) -> Digest {
        self.revision
    }

    /// What was left out because its algorithm is not accepted, a line each.
    pub fn unsupported(&self) -> &[String] {
        &self.unsupported
    }
}

/// Somebody who issues signing certificates.
#[derive(Clone, Debug)]
pub(crate) struct CertificateAuthority {
    /// Its URI, or the subject of its root.
    pub(crate) name: String,
    /// Its certificates.
    pub(crate) chain: TrustedChain,
    /// When its certificates count.
    pub(crate) valid_for: Window,
}

/// A transparency log, of signatures or of certificates.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Its URL.
    pub(crate) name: String,
    /// Who runs it: logs of one operator count once. Its id, where that is not stated.
    pub(crate) operator: String,
    /// Its id, as entries name it.
    pub(crate) id: Vec<u8>,
    /// The first bytes by which its signatures on checkpoints are found.
    pub(crate) key_hint: [u8; 4],
    /// Its key.
    pub(crate) key: PublicKey,
    /// When its entries count.
    pub(crate) valid_for: Window,
}

impl Log {
    /// The host part of its URL, which is the origin of a Rekor v2 log's checkpoints.
    pub(crate) fn host(&self) -> &str {
        host(&self.name)
    }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Somebody who tells the time.
#[derive(Clone, Debug)]
pub(crate) struct TimestampAuthority {
    /// Its URI, or the subject of its first certificate.
    pub(crate) name: String,
    /// Who runs it: authorities of one operator count once. Its URI, where that is not stated.
    pub(crate) operator: String,
    /// Its certificates and its validity.
    pub(crate) authority: timestamp::Authority,
}
