//! Public test vectors, which lie outside the repository (`../shared/vectors`).
#![allow(
    clippy::indexing_slicing,
    reason = "indexing a JSON value gives null where there is nothing"
)]

use std::fs;
use std::path::{Path, PathBuf};

use sealgate_core::evidence::{Blob, Request, Source, Subject};
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile, Problem};
use sealgate_core::trust::{RootError, SigstoreRoot};
use sealgate_core::{Digest, Evidence, Policies, TrustMaterial};
use serde_json::{Value, json};

use sealgate_testkit::pack;

/// Who signed, where a case does not say.
const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/\
                      .github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const GITHUB_ACTIONS: &str = "https://token.actions.githubusercontent.com";

/// The name of the one trust root and the one authority of a case.
pub const NAME: &str = "conformance";

/// A directory of sigstore-conformance's `bundle-verify`.
#[derive(Clone, Debug)]
pub struct ConformanceCase {
    /// The directory's name; it ends in `_fail` if the bundle must be refused.
    pub name: String,
    /// The bundle.
    pub bundle: Vec<u8>,
    /// The artifact.
    pub artifact: Vec<u8>,
    /// The trust root, where it is not the public-good instance's.
    pub trusted_root: Option<Vec<u8>>,
    /// The managed key, PEM.
    pub key: Option<String>,
    /// The expected subject.
    pub identity: String,
    /// The expected issuer.
    pub issuer: String,
}

/// sigstore-conformance's cases, in the order of their names; none where the vectors are absent.
///
/// # Panics
/// If the vectors are there without them.
#[expect(clippy::expect_used, reason = "a folder that is there can be read")]
pub fn sigstore_conformance() -> Vec<ConformanceCase> {
    if root().is_none() {
        return Vec::new();
    }
    let base = folder("sigstore-conformance").join("bundle-verify");
    let entries = fs::read_dir(&base).expect("the cases of sigstore-conformance");
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
        .iter()
        .map(|folder| read_case(folder, &base))
        .collect()
}

impl ConformanceCase {
    /// Whether the bundle must be accepted.
    pub fn must_pass(&self) -> bool {
        !self.name.ends_with("_fail")
    }

    /// The trust root.
    ///
    /// # Errors
    /// If the case's own cannot be used.
    ///
    /// # Panics
    /// If there is no public-good root built in.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn root(&self) -> Result<SigstoreRoot, RootError> {
        match &self.trusted_root {
            Some(json) => SigstoreRoot::from_json(json),
            None => Ok(SigstoreRoot::built_in("public-good").expect("it is built in")),
        }
    }

    /// The trust material with that root, under [`NAME`].
    ///
    /// # Errors
    /// As [`Self::root`].
    pub fn trust(&self) -> Result<TrustMaterial, RootError> {
        let mut trust = TrustMaterial::new();
        trust.insert_root(NAME, self.root()?);
        Ok(trust)
    }

    /// The policy, as JSON, which is YAML: one authority named [`NAME`] that wants what the
    /// suite's clients want, an entry in a log and, for identities, a certificate in a log.
    /// Where the bundle holds an attestation, one of its type suffices.
    pub fn policy(&self) -> Value {
        let authority = match &self.key {
            Some(key) => json!({
                "name": NAME,
                "key": {"data": key},
                "trustRoot": NAME,
                "transparencyLog": {"threshold": 1},
            }),
            None => json!({
                "name": NAME,
                "keyless": {
                    "trustRoot": NAME,
                    "identities": [{"issuer": self.issuer, "subject": self.identity}],
                },
            }),
        };
        let mut spec = json!({"images": [{"glob": "**"}], "authorities": [authority]});
        if let Some(predicate_type) = self.predicate_type() {
            spec["require"] = "attestationsOnly".into();
            spec["attestations"] =
                json!([{"name": "any", "predicateType": predicate_type, "from": [NAME]}]);
        }
        json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": NAME},
            "spec": spec,
        })
    }

    /// The policy, read.
    ///
    /// # Errors
    /// All that is wrong with it: a case may have a key that is none.
    pub fn policies(&self) -> Result<Policies, Vec<Problem>> {
        let file = PolicyFile {
            name: format!("{}.yaml", self.name),
            text: self.policy().to_string(),
        };
        file::load(&[file], NoMatch::Deny, &file::only_inline_keys)
    }

    /// The artifact as if it were an image's manifest, with the bundle as its referrer.
    ///
    /// # Panics
    /// Never: the reference is fixed.
    #[expect(clippy::expect_used, reason = "the reference is fixed")]
    pub fn evidence(&self) -> Evidence {
        let digest = Digest::sha256(&self.artifact);
        let image = format!("conformance.example.com/{NAME}@{digest}");
        let mut artifact = pack::referrer(&digest, sealgate_testkit::sign::BUNDLE, &self.bundle);
        artifact.source = Source::ReferrersApi;
        Evidence {
            request: Request {
                image: image.clone(),
                ..Request::default()
            },
            subject: Subject {
                reference: image.parse().expect("a reference"),
                media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                manifest: Blob::new(self.artifact.clone()),
            },
            artifacts: vec![artifact],
            omitted: Vec::new(),
            revocation: Vec::new(),
            platforms: Vec::new(),
        }
    }

    fn predicate_type(&self) -> Option<String> {
        use base64::Engine as _;
        let bundle: Value = serde_json::from_slice(&self.bundle).ok()?;
        let payload = bundle["dsseEnvelope"]["payload"].as_str()?;
        let payload = base64::engine::general_purpose::STANDARD
            .decode(payload)
            .ok()?;
        let statement: Value = serde_json::from_slice(&payload).ok()?;
        Some(statement["predicateType"].as_str()?.to_owned())
    }
}

/// Where the vectors are, if they are at hand: `shared/vectors` beside the repository, or beside
/// what holds the repository.
pub fn root() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["../shared/vectors", "../../shared/vectors"]
        .map(|folder| repository.join(folder))
        .into_iter()
        .find(|folder| folder.is_dir())
}

/// Where the vectors are looked for first.
pub fn expected_at() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors")
}

/// One set of the vectors. Whoever asks has seen that there are any: see [`root`].
///
/// # Panics
/// If this set is missing: some are there, so it was lost.
#[expect(clippy::panic, reason = "a set that was lost is a failed test")]
pub fn folder(name: &str) -> PathBuf {
    let folder = root().unwrap_or_else(expected_at).join(name);
    if !folder.is_dir() {
        panic!("the vectors {name} are not at {}", folder.display());
    }
    folder
}

#[expect(clippy::expect_used, reason = "vectors that are there can be read")]
fn read_case(folder: &Path, base: &Path) -> ConformanceCase {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let trimmed = |name: &str| text(name).map(|text| text.trim().to_owned());
    let artifact = fs::read(folder.join("artifact")).or_else(|_| fs::read(base.join("a.txt")));
    ConformanceCase {
        name: folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bundle: fs::read(folder.join("bundle.sigstore.json")).expect("a bundle"),
        artifact: artifact.expect("an artifact"),
        trusted_root: fs::read(folder.join("trusted_root.json")).ok(),
        key: text("key.pub"),
        identity: trimmed("identity").unwrap_or_else(|| BEACON.to_owned()),
        issuer: trimmed("issuer").unwrap_or_else(|| GITHUB_ACTIONS.to_owned()),
    }
}
