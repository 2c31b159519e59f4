//! Sigstore trust roots: certificate authorities, logs and timestamp authorities.

mod anchors;
mod file;
mod keys;

use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::time::Window;
use crate::timestamp;
use crate::x509::path::TrustedChain;

pub use anchors::{Anchor, AnchorKind};
pub use file::RootError;
pub use keys::{AuthorityKeys, LogKeys, RootKeys};

/// The anchors of one Sigstore instance.
///
/// Every certificate in it is trusted as it stands: a certificate authority's chain is
/// anchored at each of its certificates, and all of them must be valid at the times that
/// count.
#[derive(Clone, Debug)]
pub struct SigstoreRoot {
    pub(super) authorities: Vec<CertificateAuthority>,
    pub(super) logs: Vec<Log>,
    pub(super) ct_logs: Vec<Log>,
    pub(super) timestamp_authorities: Vec<TimestampAuthority>,
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

    /// A root of one's own keys and certificates, for instances without a file.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_keys(keys: &RootKeys) -> Result<Self, RootError> {
        file::parse(keys.to_json()?.as_bytes())
    }

    /// A digest over the whole root, canonicalised.
    pub fn revision(&self) -> Digest {
        self.revision
    }

    /// What was left out because its algorithm is not accepted, a line each.
    pub fn unsupported(&self) -> &[String] {
        &self.unsupported
    }

    /// What it holds, a line each, for people.
    pub fn describe(&self) -> Vec<String> {
        let authorities = self
            .authorities
            .iter()
            .map(|ca| format!("certificate authority {}, valid {}", ca.name, ca.valid_for));
        let log = |kind: &'static str| {
            move |log: &Log| {
                format!(
                    "{kind} {} ({}), valid {}",
                    log.name,
                    hex::encode(&log.id),
                    log.valid_for
                )
            }
        };
        let timestamping = self.timestamp_authorities.iter().map(|tsa| {
            format!(
                "timestamp authority {}, valid {}",
                tsa.name, tsa.authority.valid_for
            )
        });
        authorities
            .chain(self.logs.iter().map(log("transparency log")))
            .chain(self.ct_logs.iter().map(log("certificate transparency log")))
            .chain(timestamping)
            .collect()
    }
}

/// Somebody who issues signing certificates.
#[derive(Clone, Debug)]
pub(super) struct CertificateAuthority {
    /// Its URI, or the subject of its root.
    pub(super) name: String,
    /// Its certificates.
    pub(super) chain: TrustedChain,
    /// When its certificates count.
    pub(super) valid_for: Window,
}

/// A transparency log, of signatures or of certificates.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// Its URL.
    pub(super) name: String,
    /// Who runs it: logs of one operator count once. Its id, where that is not stated.
    pub(super) operator: String,
    /// Its id, as entries name it.
    pub(super) id: Vec<u8>,
    /// The first bytes by which its signatures on checkpoints are found.
    pub(super) key_hint: [u8; 4],
    /// Its key.
    pub(super) key: PublicKey,
    /// When its entries count.
    pub(super) valid_for: Window,
}

impl Log {
    /// The host part of its URL, which is the origin of a Rekor v2 log's checkpoints.
    pub(super) fn host(&self) -> &str {
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
pub(super) struct TimestampAuthority {
    /// Its URI, or the subject of its first certificate.
    pub(super) name: String,
    /// Who runs it: authorities of one operator count once. Its URI, where that is not stated.
    pub(super) operator: String,
    /// Its certificates and its validity.
    pub(super) authority: timestamp::Authority,
}
