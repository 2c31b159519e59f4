//! Roots from keys and certificates that people hold themselves, without a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::file::RootError;
use crate::crypto::{self, KeyKind, PublicKey};
use crate::time::Window;
use crate::x509::Certificate;

/// The keys and certificates of an instance (what ClusterImagePolicy's TrustRoot calls
/// `sigstoreKeys`).
#[derive(Clone, Debug, Default)]
pub struct RootKeys {
    /// Those who issue signing certificates.
    pub certificate_authorities: Vec<AuthorityKeys>,
    /// Transparency logs (Rekor).
    pub logs: Vec<LogKeys>,
    /// Certificate transparency logs.
    pub ct_logs: Vec<LogKeys>,
    /// Timestamp authorities.
    pub timestamp_authorities: Vec<AuthorityKeys>,
}

/// The certificates of an authority.
#[derive(Clone, Debug)]
pub struct AuthorityKeys {
    /// Its URI; a name, for people.
    pub uri: String,
    /// Its certificates, PEM: for a timestamp authority the signing one first; the root last.
    pub chain: String,
    /// When it counts.
    pub valid_for: Window,
}

/// The key of a log.
#[derive(Clone, Debug)]
pub struct LogKeys {
    /// Its URL; the host part is the origin of a Rekor v2 log's checkpoints.
    pub url: String,
    /// Its public key, PEM.
    pub key: String,
    /// When it counts; a transparency log's must have a start.
    pub valid_for: Window,
}

impl RootKeys {
    /// The equivalent `trusted_root.json`.
    pub(super) fn to_json(&self) -> Result<String, RootError> {
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities":
                all("certificate authority", &self.certificate_authorities, AuthorityKeys::to_json)?,
            "tlogs": all("transparency log", &self.logs, |log| log.to_json(true))?,
            "ctlogs": all("certificate transparency log", &self.ct_logs, |log| log.to_json(false))?,
            "timestampAuthorities":
                all("timestamp authority", &self.timestamp_authorities, AuthorityKeys::to_json)?,
        });
        Ok(root.to_string())
    }
}

impl AuthorityKeys {
    fn to_json(&self) -> Result<Value, String> {
        let certificates =
            Certificate::all_from_pem(&self.chain).map_err(|error| error.to_string())?;
        let certificates: Vec<_> = certificates
            .iter()
            .map(|certificate| json!({"rawBytes": STANDARD.encode(certificate.der())}))
            .collect();
        Ok(json!({
            "uri": self.uri,
            "certChain": {"certificates": certificates},
            "validFor": range(self.valid_for),
        }))
    }
}

impl LogKeys {
    /// Rekor v2 names an Ed25519 log after its checkpoint key (C2SP signed-note), all other
    /// logs are named after their key (RFC 6962).
    fn to_json(&self, signs_notes: bool) -> Result<Value, String> {
        let key = PublicKey::from_pem(self.key.as_bytes()).map_err(|error| error.to_string())?;
        let id = match key.kind() {
            KeyKind::Ed25519 if signs_notes => {
                crypto::sha256(&[super::host(&self.url).as_bytes(), b"\n\x01", key.raw()].concat())
            }
            _ => *key.fingerprint_bytes(),
        };
        Ok(json!({
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(key.spki_der()),
                "validFor": range(self.valid_for),
            },
            "logId": {"keyId": STANDARD.encode(id)},
        }))
    }
}

fn all<T>(
    what: &str,
    items: &[T],
    to_json: impl Fn(&T) -> Result<Value, String>,
) -> Result<Vec<Value>, RootError> {
    let each = |(index, item)| {
        to_json(item).map_err(|why| RootError::Part {
            part: format!("{what} {index}"),
            why,
        })
    };
    items.iter().enumerate().map(each).collect()
}

fn range(window: Window) -> Value {
    let mut range = serde_json::Map::new();
    for (name, bound) in [("start", window.start), ("end", window.end)] {
        if let Some(bound) = bound {
            range.insert(name.to_owned(), bound.to_string().into());
        }
    }
    Value::Object(range)
}
