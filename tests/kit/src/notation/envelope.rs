//! Signature envelopes in both formats, as the rules want them or broken in any single way.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sealgate_core::evidence::{Artifact, Blob, Source};
use sealgate_core::{Digest, UnixTime};
use serde_json::{Map, Value, json};

use super::cbor;
use crate::certificate::{Certificate, NOW};
use crate::key::Key;

/// The media type of the payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";
/// The artifact type of a signature.
pub const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// The attribute in which AWS Signer names the version of a signing profile.
pub const AWS_PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
/// The attribute in which AWS Signer names a signing job.
pub const AWS_JOB: &str = "com.amazonaws.signer.signingJob";

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JWS, flattened JSON.
    Jws,
    /// COSE_Sign1.
    Cose,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Jws, Self::Cose];

    /// The media type of the envelope.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jws => "application/jose+json",
            Self::Cose => "application/cose",
        }
    }
}

/// The value of a protected header.
#[derive(Clone, Debug)]
pub enum Header {
    /// A text.
    Text(String),
    /// A time: RFC 3339 in JWS, tag 1 in COSE.
    Time(i64),
    /// A number with a tag of COSE, which JWS has not.
    Tagged(u64, i64),
    /// A number, without a tag in COSE.
    Number(i64),
}

/// An envelope in the making.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The format.
    pub format: Format,
    /// The algorithm to name, instead of the key's.
    pub algorithm: Option<(&'static str, i64)>,
    /// The content type.
    pub content_type: Option<String>,
    /// The critical headers; none: no such header.
    pub critical: Vec<String>,
    /// The other protected headers.
    pub headers: Vec<(String, Header)>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The certificates, the leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The timestamp token.
    pub timestamp: Option<Vec<u8>>,
    /// Whether the chain stands in the protected header.
    pub protected_chain: bool,
}

/// The name of one of the Notary Project's headers.
pub fn header(name: &str) -> String {
    format!("io.cncf.notary.{name}")
}

/// The payload that names an image.
pub fn payload(media_type: &str, digest: &Digest, size: usize, metadata: &Value) -> Vec<u8> {
    let mut target = json!({"mediaType": media_type, "digest": digest, "size": size});
    if let (Some(target), false) = (target.as_object_mut(), metadata.is_null()) {
        target.insert("annotations".to_owned(), metadata.clone());
    }
    json!({ "targetArtifact": target }).to_string().into_bytes()
}

impl Envelope {
    /// An envelope of the scheme `notary.x509`, signed an hour before [`NOW`].
    pub fn x509(format: Format, chain: &[&Certificate], payload: Vec<u8>) -> Self {
        Self {
            format,
            algorithm: None,
            content_type: Some(PAYLOAD_TYPE.to_owned()),
            critical: vec![header("signingScheme")],
            headers: vec![
                (
                    header("signingScheme"),
                    Header::Text("notary.x509".to_owned()),
                ),
                (header("signingTime"), Header::Time(NOW - 3600)),
            ],
            payload,
            chain: chain
                .iter()
                .map(|certificate| certificate.der.clone())
                .collect(),
            timestamp: None,
            protected_chain: false,
        }
    }

    /// An envelope of the scheme `notary.x509.signingAuthority`, signed at this time.
    pub fn signing_authority(
        format: Format,
        chain: &[&Certificate],
        payload: Vec<u8>,
        time: i64,
    ) -> Self {
        let scheme = "notary.x509.signingAuthority".to_owned();
        Self {
            critical: vec![header("signingScheme"), header("authenticSigningTime")],
            headers: vec![
                (header("signingScheme"), Header::Text(scheme)),
                (header("authenticSigningTime"), Header::Time(time)),
            ],
            ..Self::x509(format, chain, payload)
        }
    }

    /// The same with another detail.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds a protected header.
    #[must_use]
    pub fn and(self, name: &str, value: Header, critical: bool) -> Self {
        self.with(|envelope| {
            envelope.headers.retain(|(other, _)| other != name);
            envelope.headers.push((name.to_owned(), value));
            if critical {
                envelope.critical.push(name.to_owned());
            }
        })
    }

    /// Adds what AWS Signer says in its envelopes: its plugin, the version of a signing profile, and
    /// a job.
    #[must_use]
    pub fn aws_signer(self, profile_version: &str, job: &str) -> Self {
        let text = |text: &str| Header::Text(text.to_owned());
        let plugin = text("com.amazonaws.signer.notation.plugin");
        self.and(&header("verificationPlugin"), plugin, true)
            .and(AWS_PROFILE, text(profile_version), true)
            .and(AWS_JOB, text(job), true)
    }

    /// Adds an expiry.
    #[must_use]
    pub fn expiring(self, time: i64) -> Self {
        self.and(&header("expiry"), Header::Time(time), true)
    }

    /// Removes a protected header.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        self.with(|envelope| {
            envelope.headers.retain(|(other, _)| other != name);
            envelope.critical.retain(|other| other != name);
        })
    }

    /// The signature over the envelope as it stands.
    pub fn signature(&self, key: &Key) -> Vec<u8> {
        key.sign_envelope(&self.signed_bytes(key))
    }

    /// The envelope, signed.
    pub fn sign(&self, key: &Key) -> Vec<u8> {
        self.encode(key, &self.signature(key))
    }

    /// The envelope, signed, with a countersignature that is made over the signature.
    pub fn sign_and_stamp(&self, key: &Key, stamp: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let signature = self.signature(key);
        let stamped = self.clone().with(|e| e.timestamp = Some(stamp(&signature)));
        stamped.encode(key, &signature)
    }

    /// The envelope with this signature.
    pub fn encode(&self, key: &Key, signature: &[u8]) -> Vec<u8> {
        match self.format {
            Format::Jws => self.encode_jws(key, signature),
            Format::Cose => self.encode_cose(key, signature),
        }
    }

    /// What the signature is over.
    pub fn signed_bytes(&self, key: &Key) -> Vec<u8> {
        match self.format {
            Format::Jws => {
                let protected = URL_SAFE_NO_PAD.encode(self.protected_jws(key));
                format!("{protected}.{}", URL_SAFE_NO_PAD.encode(&self.payload)).into_bytes()
            }
            Format::Cose => cbor::array(&[
                cbor::text("Signature1"),
                cbor::bytes(&self.protected_cose(key)),
                cbor::bytes(b""),
                cbor::bytes(&self.payload),
            ]),
        }
    }

    fn protected_jws(&self, key: &Key) -> String {
        let algorithm = self.algorithm.map_or(key.kind().jws(), |(name, _)| name);
        // Not a `Map`: a name may stand here twice.
        let mut protected = vec![("alg", Value::from(algorithm))];
        if let Some(content_type) = &self.content_type {
            protected.push(("cty", content_type.clone().into()));
        }
        if !self.critical.is_empty() {
            protected.push(("crit", self.critical.clone().into()));
        }
        for (name, value) in &self.headers {
            let value = match value {
                Header::Text(text) => text.clone().into(),
                Header::Time(time) => UnixTime::from_seconds(*time).to_string().into(),
                Header::Number(number) | Header::Tagged(_, number) => (*number).into(),
            };
            protected.push((name, value));
        }
        if self.protected_chain {
            protected.push(("x5c", self.jws_chain()));
        }
        let members: Vec<_> = protected
            .into_iter()
            .map(|(name, value)| format!("{}:{value}", Value::from(name)))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn jws_chain(&self) -> Value {
        self.chain.iter().map(|der| STANDARD.encode(der)).collect()
    }

    fn encode_jws(&self, key: &Key, signature: &[u8]) -> Vec<u8> {
        let mut header = Map::new();
        if !self.protected_chain {
            header.insert("x5c".to_owned(), self.jws_chain());
        }
        if let Some(token) = &self.timestamp {
            let token = STANDARD.encode(token);
            header.insert(self::header("timestampSignature"), token.into());
        }
        json!({
            "payload": URL_SAFE_NO_PAD.encode(&self.payload),
            "protected": URL_SAFE_NO_PAD.encode(self.protected_jws(key)),
            "header": header,
            "signature": URL_SAFE_NO_PAD.encode(signature),
        })
        .to_string()
        .into_bytes()
    }

    fn protected_cose(&self, key: &Key) -> Vec<u8> {
        let algorithm = self
            .algorithm
            .map_or(key.kind().cose(), |(_, number)| number);
        let mut entries = vec![(cbor::number(1), cbor::number(algorithm))];
        if !self.critical.is_empty() {
            let names: Vec<_> = self.critical.iter().map(|name| cbor::text(name)).collect();
            entries.push((cbor::number(2), cbor::array(&names)));
        }
        if let Some(content_type) = &self.content_type {
            entries.push((cbor::number(3), cbor::text(content_type)));
        }
        for (name, value) in &self.headers {
            let value = match value {
                Header::Text(text) => cbor::text(text),
                Header::Time(time) => cbor::tagged(1, &cbor::number(*time)),
                Header::Tagged(tag, number) => cbor::tagged(*tag, &cbor::number(*number)),
                Header::Number(number) => cbor::number(*number),
            };
            entries.push((cbor::text(name), value));
        }
        if self.protected_chain {
            entries.push((cbor::number(33), self.cose_chain()));
        }
        cbor::map(&entries)
    }

    fn cose_chain(&self) -> Vec<u8> {
        let chain: Vec<_> = self.chain.iter().map(|der| cbor::bytes(der)).collect();
        cbor::array(&chain)
    }

    fn encode_cose(&self, key: &Key, signature: &[u8]) -> Vec<u8> {
        let mut unprotected = Vec::new();
        if !self.protected_chain {
            unprotected.push((cbor::number(33), self.cose_chain()));
        }
        if let Some(token) = &self.timestamp {
            let name = header("timestampSignature");
            unprotected.push((cbor::text(&name), cbor::bytes(token)));
        }
        cbor::tagged(
            18,
            &cbor::array(&[
                cbor::bytes(&self.protected_cose(key)),
                cbor::map(&unprotected),
                cbor::bytes(&self.payload),
                cbor::bytes(signature),
            ]),
        )
    }
}

/// The artifact of an envelope, as a referrer of an image.
pub fn artifact(subject: &Digest, format: Format, envelope: &[u8]) -> Artifact {
    artifact_of(subject, format.media_type(), envelope, false)
}

/// The artifact of an envelope; `legacy`: its type is that of the config.
pub fn artifact_of(subject: &Digest, media_type: &str, envelope: &[u8], legacy: bool) -> Artifact {
    let config = match legacy {
        true => ARTIFACT_TYPE,
        false => "application/vnd.oci.empty.v1+json",
    };
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": config, "digest": Digest::sha256(b"{}"), "size": 2},
        "layers": [{
            "mediaType": media_type,
            "digest": Digest::sha256(envelope),
            "size": envelope.len(),
        }],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": subject,
            "size": 0,
        },
    });
    if let (Some(manifest), false) = (manifest.as_object_mut(), legacy) {
        manifest.insert("artifactType".to_owned(), ARTIFACT_TYPE.into());
    }
    Artifact {
        source: Source::ReferrersApi,
        manifest: Blob::new(manifest.to_string().into_bytes()),
        blobs: vec![Blob::new(envelope.to_vec())],
        omitted: Vec::new(),
    }
}
