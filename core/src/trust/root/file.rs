//! `trusted_root.json` (protobuf-specs, `sigstore_trustroot.proto`).

use serde::Deserialize;
use serde_json::Value;

use super::{CertificateAuthority, Log, SigstoreRoot, TimestampAuthority};
use crate::crypto::{KeyError, PublicKey};
use crate::digest::Digest;
use crate::json;
use crate::limits;
use crate::protojson::Bytes;
use crate::time::{UnixTime, Window};
use crate::timestamp;
use crate::x509::path::TrustedChain;
use crate::x509::{Certificate, CertificateError};

/// Why some bytes are not a Sigstore trust root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// Too many bytes.
    #[error("the trust root has {0} bytes, more than the {max} allowed", max = limits::TRUST_ROOT_BYTES)]
    TooLarge(usize),
    /// Not the JSON of a trust root.
    #[error("not a Sigstore trust root: {0}")]
    Json(#[from] json::JsonError),
    /// Another kind of document.
    #[error(
        "expected a trusted_root.json (v0.1 or v0.2) or a ClientTrustConfig, found the media type {0:?}"
    )]
    MediaType(String),
    /// A part that cannot be used.
    #[error("{part}: {why}")]
    Part {
        /// Which part, as `tlogs[0]`.
        part: String,
        /// What is wrong with it.
        why: PartError,
    },
}

/// Why a part of a trust root cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// A log without the time from which it counts.
    #[error("publicKey.validFor.start is missing, and a log's validity must have it")]
    NoStart,
    /// A log of other hashes.
    #[error("expected the hashAlgorithm SHA2_256, found {0:?}")]
    HashAlgorithm(String),
    /// A log's key is none.
    #[error("publicKey: {0}")]
    Key(KeyError),
    /// An id from which no key hint can be taken.
    #[error("logId.keyId has less than 4 bytes")]
    ShortId,
    /// Two logs of one id.
    #[error("the log id {0} occurs twice")]
    IdTwice(String),
    /// An authority without certificates.
    #[error("certChain is empty")]
    NoChain,
    /// More certificates than a chain has.
    #[error("certChain has {0} certificates, more than the {max} allowed", max = limits::CHAIN_CERTIFICATES)]
    LongChain(usize),
    /// A certificate that is none.
    #[error("certChain: {0}")]
    Certificate(#[from] CertificateError),
    /// A validity that no time is in.
    #[error("validFor ends ({end}) before it starts ({start})")]
    Window {
        /// Its start.
        start: UnixTime,
        /// Its end.
        end: UnixTime,
    },
}

pub(super) fn parse(bytes: &[u8]) -> Result<SigstoreRoot, RootError> {
    if bytes.len() > limits::TRUST_ROOT_BYTES {
        return Err(RootError::TooLarge(bytes.len()));
    }
    let mut document: Value = json::parse(bytes)?;
    let is_config = media_type(&document).is_some_and(|t| t.contains("clienttrustconfig"));
    if is_config {
        document = document
            .get_mut("trustedRoot")
            .map(Value::take)
            .unwrap_or_default();
    }
    match media_type(&document) {
        Some(
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
            | "application/vnd.dev.sigstore.trustedroot+json;version=0.2"
            | "application/vnd.dev.sigstore.trustedroot.v0.1+json"
            | "application/vnd.dev.sigstore.trustedroot.v0.2+json",
        ) => {}
        other => {
            let found = other.unwrap_or_default().chars().take(120).collect();
            return Err(RootError::MediaType(found));
        }
    }
    let canonical = serde_json_canonicalizer::to_vec(&document).map_err(json::JsonError::from)?;
    let wire: RootWire = serde_json::from_value(document).map_err(json::JsonError::from)?;
    wire.into_root(Digest::sha256(&canonical))
}

fn media_type(document: &Value) -> Option<&str> {
    document.get("mediaType").and_then(Value::as_str)
}

/// Fields that are not read here are left to the versions to come: a root arrives over a
/// trusted way, and an unknown field must not cut off its refresh.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootWire {
    tlogs: Option<Vec<LogWire>>,
    certificate_authorities: Option<Vec<AuthorityWire>>,
    ctlogs: Option<Vec<LogWire>>,
    timestamp_authorities: Option<Vec<AuthorityWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogWire {
    base_url: Option<String>,
    hash_algorithm: Option<Value>,
    public_key: KeyWire,
    log_id: Option<IdWire>,
    checkpoint_key_id: Option<IdWire>,
    operator: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyWire {
    raw_bytes: Bytes,
    valid_for: Option<RangeWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdWire {
    key_id: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityWire {
    uri: Option<String>,
    cert_chain: ChainWire,
    valid_for: Option<RangeWire>,
    operator: Option<String>,
}

#[derive(Deserialize)]
struct ChainWire {
    #[serde(default)]
    certificates: Vec<CertificateWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateWire {
    raw_bytes: Bytes,
}

/// A misspelt bound would be an open one, so nothing else may be in here.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeWire {
    start: Option<UnixTime>,
    end: Option<UnixTime>,
}

impl RootWire {
    fn into_root(self, revision: Digest) -> Result<SigstoreRoot, RootError> {
        let mut unsupported = Vec::new();
        Ok(SigstoreRoot {
            authorities: each(
                "certificateAuthorities",
                self.certificate_authorities,
                authority,
            )?,
            logs: logs("tlogs", self.tlogs, &mut unsupported)?,
            ct_logs: logs("ctlogs", self.ctlogs, &mut unsupported)?,
            timestamp_authorities: each("timestampAuthorities", self.timestamp_authorities, tsa)?,
            unsupported,
            revision,
        })
    }
}

fn each<T, U>(
    name: &str,
    items: Option<Vec<T>>,
    read: impl Fn(T) -> Result<Option<U>, PartError>,
) -> Result<Vec<U>, RootError> {
    let mut all = Vec::new();
    for (index, item) in items.unwrap_or_default().into_iter().enumerate() {
        let part = || format!("{name}[{index}]");
        all.extend(read(item).map_err(|why| RootError::Part { part: part(), why })?);
    }
    Ok(all)
}

fn logs(
    name: &'static str,
    wires: Option<Vec<LogWire>>,
    unsupported: &mut Vec<String>,
) -> Result<Vec<Log>, RootError> {
    let skipped = std::cell::RefCell::new(unsupported);
    let logs = each(name, wires, |wire| {
        let label = wire.base_url.clone().unwrap_or_default();
        let start_needed = name == "tlogs";
        log(wire, start_needed, |why| {
            skipped.borrow_mut().push(format!("{name}: {label}: {why}"));
        })
    })?;
    for (index, log) in logs.iter().enumerate() {
        if logs.iter().take(index).any(|other| other.id == log.id) {
            return Err(RootError::Part {
                part: name.to_owned(),
                why: PartError::IdTwice(hex::encode(&log.id)),
            });
        }
    }
    Ok(logs)
}

fn log(
    wire: LogWire,
    start_needed: bool,
    skip: impl FnOnce(String),
) -> Result<Option<Log>, PartError> {
    let valid_for = window(wire.public_key.valid_for)?;
    if start_needed && valid_for.start.is_none() {
        return Err(PartError::NoStart);
    }
    match wire.hash_algorithm.as_ref().and_then(Value::as_str) {
        Some("SHA2_256") | None => {}
        Some(other) => return Err(PartError::HashAlgorithm(other.to_owned())),
    }
    let key = match PublicKey::from_der(&wire.public_key.raw_bytes.0) {
        Ok(key) => key,
        Err(error @ (KeyError::UnsupportedAlgorithm(_) | KeyError::UnsupportedCurve(_))) => {
            skip(error.to_string());
            return Ok(None);
        }
        Err(error) => return Err(PartError::Key(error)),
    };
    let id = match wire.log_id {
        Some(id) => id.key_id.0,
        None => key.fingerprint_bytes().to_vec(),
    };
    // Rekor's logs sign checkpoints under the first bytes of their id, unless v0.2 of the
    // format says otherwise.
    let hinted = wire
        .checkpoint_key_id
        .as_ref()
        .map_or(&id, |id| &id.key_id.0);
    let key_hint = *hinted.first_chunk().ok_or(PartError::ShortId)?;
    Ok(Some(Log {
        operator: named(wire.operator, || hex::encode(&id)),
        name: wire.base_url.unwrap_or_default(),
        key_hint,
        id,
        key,
        valid_for,
    }))
}

fn authority(wire: AuthorityWire) -> Result<Option<CertificateAuthority>, PartError> {
    let chain = chain(&wire.cert_chain)?;
    let Some(first) = chain.first() else {
        return Err(PartError::NoChain);
    };
    Ok(Some(CertificateAuthority {
        name: named(wire.uri, || first.subject()),
        valid_for: window(wire.valid_for)?,
        chain: TrustedChain::new(chain),
    }))
}

/// An authority without certificates cannot vouch for anything, and is left out
/// (TOB-SIGSTORE-11).
fn tsa(wire: AuthorityWire) -> Result<Option<TimestampAuthority>, PartError> {
    let mut chain = chain(&wire.cert_chain)?;
    let Some(first) = chain.first() else {
        return Ok(None);
    };
    let subject = first.subject();
    let fingerprint = first.fingerprint().hex();
    // A self-signed certificate for timestamping alone is its own chain.
    let leaf = match !first.is_ca() {
        true if chain.len() == 1 => chain.first().cloned(),
        true => Some(chain.remove(0)),
        false => None,
    };
    Ok(Some(TimestampAuthority {
        operator: named(wire.operator, || named(wire.uri.clone(), || fingerprint)),
        name: named(wire.uri, || subject),
        authority: timestamp::Authority {
            leaf,
            chain: TrustedChain::new(chain),
            valid_for: window(wire.valid_for)?,
        },
    }))
}

fn chain(wire: &ChainWire) -> Result<Vec<Certificate>, PartError> {
    if wire.certificates.len() > limits::CHAIN_CERTIFICATES {
        return Err(PartError::LongChain(wire.certificates.len()));
    }
    let certificates = wire.certificates.iter();
    certificates
        .map(|certificate| Ok(Certificate::from_der(&certificate.raw_bytes.0)?))
        .collect()
}

fn window(wire: Option<RangeWire>) -> Result<Window, PartError> {
    let Some(RangeWire { start, end }) = wire else {
        return Ok(Window::ALWAYS);
    };
    match (start, end) {
        (Some(start), Some(end)) if end < start => Err(PartError::Window { start, end }),
        _ => Ok(Window { start, end }),
    }
}

fn named(name: Option<String>, otherwise: impl FnOnce() -> String) -> String {
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(otherwise)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn public_good() -> Value {
        serde_json::from_str(sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT).unwrap()
    }

    fn read(root: &Value) -> Result<SigstoreRoot, RootError> {
        SigstoreRoot::from_json(root.to_string().as_bytes())
    }

    #[test]
    fn the_built_in_roots_are_read() {
        let held = |name| {
            let root = SigstoreRoot::built_in(name).unwrap();
            assert!(root.unsupported().is_empty(), "{:?}", root.unsupported());
            [
                root.authorities.len(),
                root.logs.len(),
                root.ct_logs.len(),
                root.timestamp_authorities.len(),
            ]
        };
        let [authorities, logs, ct_logs, timestamping] = held("public-good");
        assert!(authorities >= 2 && logs >= 2 && ct_logs >= 2 && timestamping >= 1);
        assert!(held("staging").into_iter().all(|count| count > 0));
        // GitHub's own has timestamps alone.
        assert!(matches!(held("github"), [_, 0, 0, _]));
        assert!(SigstoreRoot::built_in("elsewhere").is_none());
    }

    #[test]
    fn a_client_trust_config_holds_a_root() {
        let config = json!({
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": public_good(),
            "signingConfig": {},
        });
        assert_eq!(
            read(&config).unwrap().revision(),
            read(&public_good()).unwrap().revision()
        );
        for bad in [json!({}), json!([]), json!({"mediaType": "text/plain"})] {
            assert!(matches!(read(&bad), Err(RootError::MediaType(_))));
        }
    }

    #[test]
    fn the_revision_is_of_the_content_not_of_the_layout() {
        let root = public_good();
        let pretty = serde_json::to_string_pretty(&root).unwrap();
        let revision = read(&root).unwrap().revision();
        assert_eq!(
            SigstoreRoot::from_json(pretty.as_bytes())
                .unwrap()
                .revision(),
            revision
        );
        let mut changed = root;
        changed["tlogs"][0]["publicKey"]["validFor"]["end"] = "2030-01-01T00:00:00Z".into();
        assert_ne!(read(&changed).unwrap().revision(), revision);
    }

    #[test]
    fn a_malformed_validity_is_no_open_one_tob_103() {
        for (validity, passes) in [
            (json!({"start": "2021-01-12T11:53:27Z"}), true),
            (json!({"start": "2021-01-12T11:53:27Z", "end": null}), true),
            (json!({}), false),
            (json!(null), false),
            (json!({"start": "yesterday"}), false),
            (json!({"start": 0}), false),
            (
                json!({"start": "2021-01-12T11:53:27Z", "end": "never"}),
                false,
            ),
            (
                json!({"start": "2021-01-12T11:53:27Z", "ends": "2022-01-01T00:00:00Z"}),
                false,
            ),
            (
                json!({"start": "2022-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}),
                false,
            ),
        ] {
            let mut root = public_good();
            root["tlogs"][0]["publicKey"]["validFor"] = validity.clone();
            assert_eq!(read(&root).is_ok(), passes, "{validity}");
        }
        let mut root = public_good();
        root["timestampAuthorities"][0]["validFor"] = json!({"start": "soon"});
        assert!(read(&root).is_err());
    }

    #[test]
    fn keys_of_algorithms_to_come_are_left_out_and_broken_ones_are_errors() {
        let mut root = public_good();
        // An X25519 key.
        root["tlogs"][0]["publicKey"]["rawBytes"] =
            "MCowBQYDK2VuAyEAPn+AREHoBaZ7wgS1zBqpxmLSGnyhxXj4lFxSdWVB8o8=".into();
        let read_root = read(&root).unwrap();
        assert_eq!(read_root.unsupported().len(), 1);
        assert_eq!(
            read_root.logs.len(),
            read(&public_good()).unwrap().logs.len() - 1
        );
        root["tlogs"][0]["publicKey"]["rawBytes"] = "AAAA".into();
        assert!(matches!(read(&root), Err(RootError::Part { part, .. }) if part == "tlogs[0]"));
        let mut twice = public_good();
        let log = twice["tlogs"][0].clone();
        twice["tlogs"].as_array_mut().unwrap().push(log);
        assert!(read(&twice).is_err());
        let mut empty = public_good();
        empty["certificateAuthorities"][0]["certChain"]["certificates"] = json!([]);
        assert!(read(&empty).is_err());
    }
}
