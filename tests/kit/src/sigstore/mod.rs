//! A private Sigstore inside the process: certificate authority, certificate log, Rekor of
//! both generations, timestamp authority.
//!
//! It signs whatever it is told to, valid or broken, and the same bytes in every run. Keys
//! follow from names, times are given.
#![allow(
    clippy::indexing_slicing,
    reason = "what is indexed here was made here, and a test that panics fails"
)]

pub mod certificate;
pub mod log;
pub mod timestamp;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::{Digest, UnixTime};
use serde_json::{Value, json};

use crate::key::{Key, Kind};
use crate::sign::{self, Layer};
use certificate::{CODE_SIGNING, Description, Holder, San};
use log::{Log, canonical, sha256};
use timestamp::TimestampAuthority;

/// When everything in here began: 2023-11-14T22:13:20Z.
pub const START: UnixTime = UnixTime::from_seconds(1_700_000_000);
/// When signatures are made, unless told otherwise.
pub const SIGNED: UnixTime = UnixTime::from_seconds(1_720_000_000);
/// When the authorities' certificates end.
pub const END: UnixTime = UnixTime::from_seconds(2_000_000_000);

/// The OIDC issuer of the identity that signs by default.
pub const ISSUER: &str = "https://token.actions.example.com";
/// The subject of the identity that signs by default.
pub const SUBJECT: &str =
    "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0";

/// An instance of Sigstore.
#[derive(Debug)]
pub struct Sigstore {
    /// The root of the certificate authority.
    pub root: Holder,
    /// What issues leaves.
    pub intermediate: Holder,
    /// The certificate log.
    pub ct_log: Log,
    /// Rekor v1.
    pub rekor: Log,
    /// Rekor v2.
    pub rekor_v2: Log,
    /// The timestamp authority.
    pub tsa: TimestampAuthority,
}

impl Sigstore {
    /// The instance of this name. Two names share no key.
    pub fn new(name: &str) -> Self {
        let validity = (START, END);
        let root = Description::authority(&format!("{name} root"), validity)
            .self_signed(Key::new(Kind::P384, &format!("{name} root")));
        let mut intermediate = Description::authority(&format!("{name} intermediate"), validity);
        intermediate.purposes = vec![CODE_SIGNING];
        let key = Key::new(Kind::P384, &format!("{name} intermediate"));
        Self {
            intermediate: intermediate.issued_by(key, &root),
            root,
            ct_log: Log::new(Kind::P256, &format!("https://ct.{name}.example")),
            rekor: Log::new(Kind::P256, &format!("https://rekor.{name}.example")),
            rekor_v2: Log::new(Kind::Ed25519, &format!("https://log2025.{name}.example")),
            tsa: TimestampAuthority::new(
                &format!("https://tsa.{name}.example"),
                Kind::P256,
                validity,
            ),
        }
    }

    /// Its trusted root, to change before it is used.
    pub fn trusted_root(&self) -> Value {
        let chain =
            [&self.intermediate, &self.root].map(|c| json!({"rawBytes": STANDARD.encode(&c.der)}));
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [{
                "uri": "https://fulcio.example",
                "certChain": {"certificates": chain},
                "validFor": {"start": START},
            }],
            "tlogs": [self.rekor.trust(START), self.rekor_v2.trust(START)],
            "ctlogs": [self.ct_log.trust(START)],
            "timestampAuthorities": [self.tsa.trust(START)],
        })
    }

    /// Its anchors as a `TrustRoot` of policy-controller's, under this name.
    pub fn trust_root(&self, name: &str) -> Value {
        let root = self.trusted_root();
        let text = |label: &str, der: &Value| {
            let der = der.as_str().unwrap_or_default();
            format!("-----BEGIN {label}-----\n{der}\n-----END {label}-----\n")
        };
        let all = |name: &str, read: &dyn Fn(&Value) -> Value| -> Vec<Value> {
            let entries = root[name].as_array().into_iter().flatten();
            entries.map(read).collect()
        };
        let authority = |authority: &Value| {
            let certificates = authority["certChain"]["certificates"].as_array();
            let certificates = certificates.into_iter().flatten();
            let chain: String = certificates
                .map(|one| text("CERTIFICATE", &one["rawBytes"]))
                .collect();
            json!({
                "subject": {"organization": "acme", "commonName": "acme"},
                "uri": authority["uri"],
                "certChain": STANDARD.encode(chain),
            })
        };
        let log = |log: &Value| {
            let key = text("PUBLIC KEY", &log["publicKey"]["rawBytes"]);
            json!({
                "baseURL": log["baseUrl"],
                "hashAlgorithm": "sha-256",
                "publicKey": STANDARD.encode(key),
            })
        };
        json!({
            "apiVersion": "policy.sigstore.dev/v1alpha1",
            "kind": "TrustRoot",
            "metadata": {"name": name},
            "spec": {"sigstoreKeys": {
                "certificateAuthorities": all("certificateAuthorities", &authority),
                "tLogs": all("tlogs", &log),
                "ctLogs": all("ctlogs", &log),
                "timestampAuthorities": all("timestampAuthorities", &authority),
            }},
        })
    }

    /// What a leaf says by default: the default identity, for ten minutes around [`SIGNED`].
    pub fn leaf(&self) -> Description {
        let mut leaf = Description::leaf(CODE_SIGNING, (SIGNED.plus(-60), SIGNED.plus(540)));
        leaf.names = vec![San::Uri(SUBJECT.to_owned())];
        leaf.fulcio(1, ISSUER)
            .fulcio(2, "push")
            .fulcio(8, ISSUER)
            .fulcio(9, SUBJECT)
            .fulcio(11, "github-hosted")
            .fulcio(12, "https://github.com/acme/app")
    }

    /// Issues a leaf and logs it, for a key of this kind.
    pub fn issue(&self, leaf: &Description, kind: Kind) -> Holder {
        let key = Key::new(kind, &format!("{} leaf", self.rekor.url));
        log::issue_logged(leaf, key, &self.intermediate, &[&self.ct_log], &[])
    }

    /// A leaf of the default identity.
    pub fn signer(&self) -> Holder {
        self.issue(&self.leaf(), Kind::P256)
    }
}

/// Something signed.
#[derive(Clone, Debug)]
pub enum Signed {
    /// The artifact itself.
    Message {
        /// The artifact.
        artifact: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// A DSSE envelope.
    Dsse {
        /// The payload type.
        payload_type: String,
        /// The payload.
        payload: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
}

impl Signed {
    /// Signs an artifact.
    pub fn message(key: &Key, artifact: &[u8]) -> Self {
        Self::Message {
            signature: key.sign(artifact),
            artifact: artifact.to_vec(),
        }
    }

    /// Signs an in-toto statement.
    pub fn statement(key: &Key, statement: &[u8]) -> Self {
        Self::dsse(key, "application/vnd.in-toto+json", statement)
    }

    /// Signs a payload of any type.
    pub fn dsse(key: &Key, payload_type: &str, payload: &[u8]) -> Self {
        Self::Dsse {
            signature: key.sign(&pae(payload_type, payload)),
            payload_type: payload_type.to_owned(),
            payload: payload.to_vec(),
        }
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        match self {
            Self::Message { signature, .. } | Self::Dsse { signature, .. } => signature,
        }
    }

    /// What was hashed and signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        match self {
            Self::Message { artifact, .. } => artifact.clone(),
            Self::Dsse {
                payload_type,
                payload,
                ..
            } => pae(payload_type, payload),
        }
    }

    /// The DSSE envelope as JSON; null for messages.
    pub fn envelope(&self) -> Value {
        match self {
            Self::Message { .. } => Value::Null,
            Self::Dsse {
                payload_type,
                payload,
                signature,
            } => json!({
                "payload": STANDARD.encode(payload),
                "payloadType": payload_type,
                "signatures": [{"sig": STANDARD.encode(signature)}],
            }),
        }
    }

    /// What Rekor v1 takes of it: `hashedrekord` for a message, `dsse` for an envelope.
    pub fn body(&self, verifier_pem: &str) -> Value {
        match self {
            Self::Message { .. } => json!({
                "apiVersion": "0.0.1",
                "kind": "hashedrekord",
                "spec": {
                    "data": {"hash": self.hash()},
                    "signature": {
                        "content": STANDARD.encode(self.signature()),
                        "publicKey": {"content": STANDARD.encode(verifier_pem)},
                    },
                },
            }),
            Self::Dsse { payload, .. } => json!({
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {
                        "algorithm": "sha256",
                        "value": hex::encode(sha256(self.envelope().to_string().as_bytes())),
                    },
                    "payloadHash": {"algorithm": "sha256", "value": hex::encode(sha256(payload))},
                    "signatures": [{
                        "signature": STANDARD.encode(self.signature()),
                        "verifier": STANDARD.encode(verifier_pem),
                    }],
                },
            }),
        }
    }

    /// What Rekor v1 takes of an envelope as `intoto` 0.0.2.
    pub fn intoto_body(&self, verifier_pem: &str) -> Value {
        let Self::Dsse {
            payload_type,
            payload,
            signature,
        } = self
        else {
            return Value::Null;
        };
        json!({
            "apiVersion": "0.0.2",
            "kind": "intoto",
            "spec": {"content": {
                "envelope": {
                    "payloadType": payload_type,
                    "signatures": [{
                        "sig": STANDARD.encode(STANDARD.encode(signature)),
                        "publicKey": STANDARD.encode(verifier_pem),
                    }],
                },
                "hash": {"algorithm": "sha256", "value": "00"},
                "payloadHash": {"algorithm": "sha256", "value": hex::encode(sha256(payload))},
            }},
        })
    }

    /// What Rekor v2 takes of it.
    pub fn body_v2(&self, verifier: &Verifier<'_>) -> Value {
        let (name, der, details) = match verifier {
            Verifier::Certificate(holder) => (
                "x509Certificate",
                holder.der.as_slice(),
                holder.key.kind().details(),
            ),
            Verifier::Key(key) => ("publicKey", key.spki(), key.kind().details()),
        };
        json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(sha256(&self.signed_bytes())),
                },
                "signature": {
                    "content": STANDARD.encode(self.signature()),
                    "verifier": {"keyDetails": details, (name): {"rawBytes": STANDARD.encode(der)}},
                },
            }},
        })
    }

    fn hash(&self) -> Value {
        json!({"algorithm": "sha256", "value": hex::encode(sha256(&self.signed_bytes()))})
    }
}

/// Who signed.
#[derive(Clone, Copy, Debug)]
pub enum Verifier<'a> {
    /// The holder of a certificate.
    Certificate(&'a Holder),
    /// The holder of a key.
    Key(&'a Key),
}

impl Verifier<'_> {
    /// The certificate or the key, in PEM.
    pub fn pem(&self) -> String {
        match self {
            Self::Certificate(holder) => holder.pem(),
            Self::Key(key) => key.public_pem(),
        }
    }
}

/// A bundle v0.3 without witnesses, to be completed and changed.
pub fn bundle(signed: &Signed, verifier: &Verifier<'_>) -> Value {
    let mut bundle =
        json!({"mediaType": sign::BUNDLE, "verificationMaterial": {"tlogEntries": []}});
    let (name, material) = match verifier {
        Verifier::Certificate(holder) => (
            "certificate",
            json!({"rawBytes": STANDARD.encode(&holder.der)}),
        ),
        Verifier::Key(key) => (
            "publicKey",
            json!({"hint": STANDARD.encode(sha256(key.spki()))}),
        ),
    };
    bundle["verificationMaterial"][name] = material;
    match signed {
        Signed::Message {
            artifact,
            signature,
        } => {
            bundle["messageSignature"] = json!({
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(sha256(artifact)),
                },
                "signature": STANDARD.encode(signature),
            });
        }
        Signed::Dsse { .. } => bundle["dsseEnvelope"] = signed.envelope(),
    }
    bundle
}

/// Adds a log entry to a bundle.
pub fn add_entry(bundle: &mut Value, entry: Value) {
    if let Some(entries) = bundle["verificationMaterial"]["tlogEntries"].as_array_mut() {
        entries.push(entry);
    }
}

/// Adds a timestamp to a bundle.
pub fn add_timestamp(bundle: &mut Value, token: &[u8]) {
    let data =
        &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
    if data.is_null() {
        *data = json!([]);
    }
    if let Some(timestamps) = data.as_array_mut() {
        timestamps.push(json!({"signedTimestamp": STANDARD.encode(token)}));
    }
}

impl Sigstore {
    /// A good bundle by the default signer, with an entry in Rekor v1.
    pub fn bundle_v1(&self, signed: &Signed, signer: &Holder) -> Value {
        let verifier = Verifier::Certificate(signer);
        let mut bundle = bundle(signed, &verifier);
        add_entry(
            &mut bundle,
            self.rekor.entry(&signed.body(&verifier.pem()), SIGNED),
        );
        bundle
    }

    /// A good bundle by the default signer, with an entry in Rekor v2 and a timestamp.
    pub fn bundle_v2(&self, signed: &Signed, signer: &Holder) -> Value {
        let verifier = Verifier::Certificate(signer);
        let mut bundle = bundle(signed, &verifier);
        add_entry(
            &mut bundle,
            self.rekor_v2.entry_v2(&signed.body_v2(&verifier)),
        );
        add_timestamp(&mut bundle, &self.tsa.token(signed.signature(), SIGNED));
        bundle
    }

    /// A layer of cosign's of old: a payload, its signature, certificate, chain and log entry.
    pub fn cosign_layer(&self, signer: &Holder, payload: &[u8]) -> Layer {
        let signed = Signed::message(&signer.key, payload);
        let entry = self.rekor.entry(&signed.body(&signer.pem()), SIGNED);
        Layer {
            media_type: sign::SIMPLE_SIGNING.to_owned(),
            bytes: payload.to_vec(),
            annotations: vec![
                annotation(
                    "dev.cosignproject.cosign/signature",
                    STANDARD.encode(signed.signature()),
                ),
                annotation("dev.sigstore.cosign/certificate", signer.pem()),
                annotation(
                    "dev.sigstore.cosign/chain",
                    self.intermediate.pem() + &self.root.pem(),
                ),
                annotation("dev.sigstore.cosign/bundle", cosign_bundle(&entry)),
            ],
        }
    }

    /// A layer of cosign's of old with an attestation.
    pub fn attestation_layer(&self, signer: &Holder, statement: &[u8]) -> Layer {
        let signed = Signed::statement(&signer.key, statement);
        let entry = self.rekor.entry(&signed.body(&signer.pem()), SIGNED);
        Layer {
            media_type: sign::DSSE.to_owned(),
            bytes: canonical(&signed.envelope()),
            annotations: vec![
                annotation("dev.cosignproject.cosign/signature", String::new()),
                annotation("dev.sigstore.cosign/certificate", signer.pem()),
                annotation(
                    "dev.sigstore.cosign/chain",
                    self.intermediate.pem() + &self.root.pem(),
                ),
                annotation("dev.sigstore.cosign/bundle", cosign_bundle(&entry)),
            ],
        }
    }
}

/// The annotation `bundle` of a cosign layer, from an entry of Rekor v1.
pub fn cosign_bundle(entry: &Value) -> String {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
    let id = entry["logId"]["keyId"]
        .as_str()
        .and_then(|id| STANDARD.decode(id).ok());
    json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number(&entry["integratedTime"]),
            "logIndex": number(&entry["logIndex"]),
            "logID": id.map(hex::encode),
        },
    })
    .to_string()
}

/// The predicate of an in-toto statement about an artifact.
pub fn statement(digest: &Digest, predicate_type: &str) -> Vec<u8> {
    sign::statement(digest, predicate_type, &json!({"builder": "ci"}))
}

fn annotation(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}

/// DSSE's pre-authentication encoding.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend(payload);
    bytes
}
