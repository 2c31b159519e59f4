//! An image, a policy with one authority of each kind, and what each of them trusts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::evidence::{Artifact, Blob, Source};
use sealgate_core::{Digest, UnixTime};
use sealgate_testkit::notation::envelope::{artifact, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::sigstore::certificate::Holder;
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Sigstore};
use sealgate_tests::parity::Question;
use sealgate_tests::wasm::Host;
use serde_json::{Value, json};

pub(crate) const IMAGE: &str = "registry.example.com/prod/app:1.0";
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
pub(crate) const NOTARY_SIGNER: &str = "C=US, ST=WA, O=acme, CN=release";

/// Instructions and bytes of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) fuel: u64,
    pub(crate) memory: usize,
}

/// Who may sign.
pub(crate) struct Scene {
    pub(crate) key: SigningKey,
    pub(crate) sigstore: Sigstore,
    pub(crate) root: Value,
    pub(crate) signer: Holder,
    pub(crate) notary_root: Certificate,
    pub(crate) notary: Certificate,
    pub(crate) more: Value,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let sigstore = Sigstore::new("private");
        let name = "C=US, ST=WA, O=acme, CN=root";
        let notary_root = Certificate::self_signed(&Profile::authority(name));
        Self {
            key: SigningKey::generate(Kind::P256),
            signer: sigstore.signer(),
            root: sigstore.trusted_root(),
            sigstore,
            notary: notary_root.issue(&Profile::signer(NOTARY_SIGNER)),
            notary_root,
            more: json!({}),
        }
    }

    /// A policy with the authority of this name: `key`, `keyless`, `notary`.
    pub(crate) fn policy(&self, authority: &str) -> String {
        let authority = match authority {
            "key" => json!({"name": "key", "key": {"data": self.key.public_pem()}}),
            "keyless" => json!({"name": "keyless", "keyless": {
                "trustRoot": "private",
                "identities": [{"issuer": ISSUER, "subject": SUBJECT}],
            }}),
            "notary" => json!({"name": "notary", "notation": {
                "trustStores": ["ca:acme"],
                "trustedIdentities": [format!("x509.subject: {NOTARY_SIGNER}")],
                "level": "strict",
            }}),
            other => panic!("no authority {other}"),
        };
        let mut spec = json!({
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [authority],
        });
        let fields = spec.as_object_mut().unwrap();
        fields.extend(self.more.as_object().unwrap().clone());
        json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "prod"},
            "spec": spec,
        })
        .to_string()
    }

    pub(crate) fn question(&self, pack: &Pack, authority: &str) -> Question {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&self.notary_root.der)
        );
        Question {
            evidence: pack.evidence().clone(),
            policies: vec![self.policy(authority)],
            trust_roots: BTreeMap::from([("private".to_owned(), self.root.clone())]),
            trust_stores: BTreeMap::from([("ca:acme".to_owned(), vec![pem])]),
            now: NOW,
        }
    }

    /// The verdict, which is the same natively and in wasm.
    pub(crate) fn judge(&self, pack: &Pack, authority: &str) -> Value {
        let response = self.question(pack, authority).judge();
        assert!(response["verdict"].is_object(), "{response}");
        response["verdict"].clone()
    }

    #[track_caller]
    pub(crate) fn passes(&self, pack: &Pack, authority: &str) -> Value {
        let verdict = self.judge(pack, authority);
        assert_eq!(verdict["verified"], true, "{}", verdict["reasons"]);
        verdict
    }

    /// Refused, and the code is among the reasons.
    #[track_caller]
    pub(crate) fn refuses(&self, pack: &Pack, authority: &str, code: &str) -> Value {
        let verdict = self.judge(pack, authority);
        assert_eq!(verdict["verified"], false);
        assert!(
            codes(&verdict).contains(&code.to_owned()),
            "{}",
            verdict["reasons"]
        );
        verdict
    }

    /// What a verdict costs in wasm, where cost is the same in every run.
    pub(crate) fn cost(&self, pack: &Pack, authority: &str) -> Cost {
        let mut guest = Host::shared().instance().unwrap();
        guest
            .verify(&self.question(pack, authority).request())
            .unwrap();
        Cost {
            fuel: guest.fuel_used(),
            memory: guest.memory_bytes(),
        }
    }

    /// The instructions that a verdict takes in wasm.
    pub(crate) fn fuel(&self, pack: &Pack, authority: &str) -> u64 {
        self.cost(pack, authority).fuel
    }

    /// The image with a signature by the Notary signer.
    pub(crate) fn signed(&self, format: Format) -> Pack {
        let image = image();
        let envelope = self.envelope(format, &image).sign(&self.notary.key);
        with_envelope(image, format, &envelope)
    }

    /// A Notary envelope for the image.
    pub(crate) fn envelope(&self, format: Format, pack: &Pack) -> Envelope {
        let subject = &pack.evidence().subject;
        let size = subject.manifest.bytes().len();
        let payload = payload(&subject.media_type, &pack.digest(), size, &Value::Null);
        Envelope::x509(format, &[&self.notary, &self.notary_root], payload)
    }
}

pub(crate) fn image() -> Pack {
    Pack::image(IMAGE, "a")
}

pub(crate) fn with_envelope(pack: Pack, format: Format, envelope: &[u8]) -> Pack {
    let artifact = artifact(&pack.digest(), format, envelope);
    pack.with(artifact)
}

/// The codes of a verdict's reasons.
pub(crate) fn codes(verdict: &Value) -> Vec<String> {
    let reasons = verdict["reasons"].as_array().unwrap();
    let code = |reason: &Value| reason["code"].as_str().unwrap().to_owned();
    reasons.iter().map(code).collect()
}

/// An artifact of cosign's with these layers: digest and annotations.
pub(crate) fn layers<'a>(
    media_type: &str,
    layers: impl Iterator<Item = (Digest, &'a Value)>,
    source: Source,
    blobs: Vec<Blob>,
) -> Artifact {
    let layer = |(digest, annotations): (Digest, &Value)| {
        json!({
            "mediaType": media_type,
            "digest": digest,
            "size": 1,
            "annotations": annotations,
        })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::sha256(b"{}"),
            "size": 2,
        },
        "layers": layers.map(layer).collect::<Vec<_>>(),
    });
    Artifact {
        source,
        manifest: Blob::new(manifest.to_string().into_bytes()),
        blobs,
        omitted: Vec::new(),
    }
}

/// The payload that cosign signs for an image.
pub(crate) fn simple_signing(pack: &Pack) -> Vec<u8> {
    sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null)
}
