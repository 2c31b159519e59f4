//! An instance with a signer, and the question about what it signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::Reason;
use sealgate_core::SignedFile;
use sealgate_core::Window;
use sealgate_core::policy::file::PolicyFile;
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::verdict::Signer;
use sealgate_core::verify_blob;
use sealgate_core::{Digest, TrustMaterial, UnixTime, Verdict};
use sealgate_testkit::key::{Key, Kind};
use sealgate_testkit::sigstore::certificate::{Description, Holder};
use sealgate_testkit::sigstore::log::canonical;
use sealgate_testkit::sigstore::{
    ISSUER, SIGNED, SUBJECT, Signed, Sigstore, Verifier, add_entry, bundle, statement,
};
use sealgate_tests::parity::{self, PolicyTexts, TrustDocuments};
use sealgate_tests::vectors::ConformanceCase;
use serde_json::{Value, json};

pub(crate) const ARTIFACT: &[u8] = b"an artifact";
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// How many witnesses of each kind an authority wants.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    pub(crate) logs: usize,
    pub(crate) timestamps: usize,
    pub(crate) scts: usize,
}

pub(crate) const USUAL: Wants = Wants {
    logs: 1,
    timestamps: 0,
    scts: 1,
};

pub(crate) fn exact(issuer: &str, subject: &str) -> Value {
    json!({"issuer": issuer, "subject": subject})
}

/// An authority as policies have it.
pub(crate) fn keyless(identities: &[Value], wants: Wants) -> Value {
    json!({"name": "ci", "keyless": {
        "trustRoot": "private",
        "identities": identities,
        "transparencyLog": {"threshold": wants.logs},
        "signedTimestamp": {"threshold": wants.timestamps},
        "certificateTransparency": {"threshold": wants.scts},
    }})
}

pub(crate) fn by_key(key: &Key, valid_for: Window, root: bool, wants: Wants) -> Value {
    let mut authority = json!({
        "name": "release",
        "key": {"name": "release", "data": key.public_pem()},
        "transparencyLog": {"threshold": wants.logs},
        "signedTimestamp": {"threshold": wants.timestamps},
    });
    for (name, time) in [("start", valid_for.start), ("end", valid_for.end)] {
        if let Some(time) = time {
            authority["key"]["validFor"][name] = json!(time);
        }
    }
    if root {
        authority["trustRoot"] = "private".into();
    }
    authority
}

pub(crate) fn read(policy: &Value) -> PolicyTexts {
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text: policy.to_string(),
    };
    PolicyTexts::read(&[file]).unwrap()
}

/// An instance with a signer, and the question about what it signed.
pub(crate) struct Bench {
    pub(crate) sigstore: Sigstore,
    pub(crate) signer: Holder,
    pub(crate) root: Value,
    /// As policies have it.
    pub(crate) authority: Value,
    pub(crate) now: UnixTime,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let sigstore = Sigstore::new("private");
        Self {
            signer: sigstore.signer(),
            root: sigstore.trusted_root(),
            authority: keyless(&[exact(ISSUER, SUBJECT)], USUAL),
            now: NOW,
            sigstore,
        }
    }

    pub(crate) fn wanting(mut self, wants: Wants) -> Self {
        self.authority = keyless(&[exact(ISSUER, SUBJECT)], wants);
        self
    }

    pub(crate) fn message(&self) -> Signed {
        Signed::message(&self.signer.key, ARTIFACT)
    }

    pub(crate) fn statement(&self) -> Signed {
        let statement = statement(&Digest::sha256(ARTIFACT), "https://slsa.dev/provenance/v1");
        Signed::statement(&self.signer.key, &statement)
    }

    pub(crate) fn v1(&self) -> Value {
        self.sigstore.bundle_v1(&self.message(), &self.signer)
    }

    pub(crate) fn v2(&self) -> Value {
        self.sigstore.bundle_v2(&self.message(), &self.signer)
    }

    pub(crate) fn dsse(&self) -> Value {
        self.sigstore.bundle_v1(&self.statement(), &self.signer)
    }

    pub(crate) fn dsse_v2(&self) -> Value {
        self.sigstore.bundle_v2(&self.statement(), &self.signer)
    }

    /// A bundle v0.2 whose entry is intoto 0.0.2.
    pub(crate) fn intoto(&self) -> Value {
        let signed = self.statement();
        let mut bundle = bundle(&signed, &Verifier::Certificate(&self.signer));
        add_entry(
            &mut bundle,
            self.sigstore
                .rekor
                .entry(&signed.intoto_body(&self.signer.pem()), SIGNED),
        );
        bundle
    }

    /// As a file's, and as that of an image whose manifest the artifact is.
    pub(crate) fn judge(&self, bundle: &Value) -> Result<Signer, String> {
        let judged = self.judge_bytes(bundle.to_string().as_bytes());
        let verdict = self.judge_image(bundle);
        assert_eq!(verdict.verified, judged.is_ok(), "{:?}", verdict.reasons);
        judged
    }

    /// Natively and in wasm, and the verdicts must be equal to the byte.
    pub(crate) fn judge_image(&self, bundle: &Value) -> Verdict {
        let case = ConformanceCase {
            name: "image".to_owned(),
            bundle: bundle.to_string().into_bytes(),
            artifact: ARTIFACT.to_vec(),
            trusted_root: None,
            key: None,
            identity: SUBJECT.to_owned(),
            issuer: ISSUER.to_owned(),
        };
        // Which kind of content it wants, and no authority of its own.
        let mut policy = case.policy();
        policy["spec"]["authorities"] = json!([self.authority]);
        if let Some(rule) = policy.pointer_mut("/spec/attestations/0/from/0") {
            *rule = self.authority["name"].clone();
        }
        let trust = TrustDocuments::default().with_root("private", &self.root);
        parity::judge(&case.evidence(), &read(&policy), &trust, self.now)
    }

    pub(crate) fn judge_bytes(&self, bundle: &[u8]) -> Result<Signer, String> {
        self.ask(bundle, ARTIFACT)
    }

    pub(crate) fn judge_artifact(&self, bundle: &Value, artifact: &[u8]) -> Result<Signer, String> {
        self.ask(bundle.to_string().as_bytes(), artifact)
    }

    /// By the artifact's bytes and by its digest: the answers must be the same.
    fn ask(&self, bundle: &[u8], artifact: &[u8]) -> Result<Signer, String> {
        self.ask_why(bundle, artifact)
            .map_err(|reason| reason.code.to_string())
    }

    fn ask_why(&self, bundle: &[u8], artifact: &[u8]) -> Result<Signer, Reason> {
        let by_bytes = self.ask_about(bundle, SignedFile::Bytes(artifact));
        let by_digest = self.ask_about(bundle, SignedFile::Digest(Digest::sha256(artifact)));
        assert_eq!(by_bytes, by_digest);
        by_bytes
    }

    pub(crate) fn ask_about(&self, bundle: &[u8], file: SignedFile<'_>) -> Result<Signer, Reason> {
        let root = SigstoreRoot::from_json(self.root.to_string().as_bytes()).unwrap();
        let mut trust = TrustMaterial::new();
        trust.insert_root("private", root);
        let policy = json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "file"},
            "spec": {"images": [{"glob": "**"}], "authorities": [self.authority]},
        });
        let policies = read(&policy);
        let authority = &policies.policies[0].authorities()[0];
        let judged = verify_blob(bundle, file, authority, &trust, self.now).unwrap();
        judged.map_err(|reasons| reasons[0].clone())
    }

    /// Why a bundle is refused.
    #[track_caller]
    pub(crate) fn reason(&self, bundle: &Value) -> Reason {
        self.ask_why(bundle.to_string().as_bytes(), ARTIFACT)
            .expect_err("a bad bundle")
    }

    #[track_caller]
    pub(crate) fn passes(&self, bundle: &Value) -> Signer {
        self.judge(bundle).expect("a good bundle")
    }

    #[track_caller]
    pub(crate) fn refuses(&self, bundle: &Value, code: &str) {
        assert_eq!(self.judge(bundle).expect_err("a bad bundle"), code);
    }

    /// A bundle by a leaf of this description.
    pub(crate) fn by_leaf(&self, leaf: &Description) -> Value {
        self.by_holder(&self.sigstore.issue(leaf, Kind::P256))
    }

    pub(crate) fn by_holder(&self, holder: &Holder) -> Value {
        self.sigstore
            .bundle_v1(&Signed::message(&holder.key, ARTIFACT), holder)
    }
}

pub(crate) fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// Changes one bit of a base64 field, late in it.
pub(crate) fn flip(value: &mut Value) {
    let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    *value = STANDARD.encode(bytes).into();
}

pub(crate) fn remove(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field).unwrap();
}

/// Rewrites a log entry's body.
pub(crate) fn rewrite(entry: &mut Value, change: impl Fn(&mut Value)) {
    let body = STANDARD
        .decode(entry["canonicalizedBody"].as_str().unwrap())
        .unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    change(&mut body);
    entry["canonicalizedBody"] = STANDARD.encode(canonical(&body)).into();
}

pub(crate) fn note(bundle: &mut Value) -> &mut Value {
    &mut entry(bundle)["inclusionProof"]["checkpoint"]["envelope"]
}
