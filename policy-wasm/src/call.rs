//! A request and its response, as JSON.
//!
//! ```json
//! {
//!   "image": "registry.example.com/app:1.0",
//!   "namespace": "prod",
//!   "policy": "release",
//!   "evidence": { … an evidence pack … },
//!   "policies": ["apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\n…", { … the same as JSON … }],
//!   "trustRoots": {"corp": { … a trusted_root.json … }},
//!   "trustStores": {"ca:acme": ["-----BEGIN CERTIFICATE-----…"]},
//!   "now": "2026-01-31T12:00:00Z"
//! }
//! ```
//!
//! `image`, `namespace` and `policy` are the question, and the caller's own: an evidence pack
//! that says it answers another is refused (`question_mismatch`), since whoever carried it must
//! not choose which policies apply. `namespace` and `policy` may be absent; a policy that is
//! named must cover the image. Run `verdict.image.reference`, and nothing else.
//!
//! `trustRoots` and `trustStores` may be absent; `public-good`, `staging` and `github` are
//! built in. The response is `{"verdict": …}` or `{"error": {"code": …, "message": …}}`.
//! A forged signature is a verdict; an error means that nothing was decided.

use std::collections::BTreeMap;

use sealgate_core::TimeError;
use sealgate_core::evidence::pack::PackError;
use sealgate_core::evidence::{QuestionError, Request};
use sealgate_core::json::{Document, JsonError};
use sealgate_core::limits;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile, Problem};
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::trust::{StoreName, StoreNameError, TrustStore};
use sealgate_core::{Evidence, Policies, TrustMaterial, Undecided, UnixTime, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Judges a request. Total: whatever the bytes, the answer is a response document.
pub fn verify(request: &[u8]) -> Vec<u8> {
    match judge(request) {
        Ok(verdict) => {
            let mut response = br#"{"verdict":"#.to_vec();
            response.extend_from_slice(&verdict.to_json());
            response.push(b'}');
            response
        }
        Err(error) => error.to_response(),
    }
}

/// The answer to a host that is mistaken about where its request is.
pub(crate) fn no_room(address: usize, bytes: u32) -> Vec<u8> {
    CallError::Room { address, bytes }.to_response()
}

/// Names this module's versions and limits, as JSON.
pub fn info() -> Vec<u8> {
    let info = serde_json::json!({
        "name": "sealgate",
        "version": env!("CARGO_PKG_VERSION"),
        "abiVersion": crate::ABI_VERSION,
        "verdictSchemaVersion": sealgate_core::verdict::SCHEMA_VERSION,
        "evidenceSchemaVersion": sealgate_core::evidence::pack::SCHEMA_VERSION,
        "limits": {
            "packBytes": limits::PACK_BYTES,
            "blobBytes": limits::BLOB_BYTES,
            "manifestBytes": limits::MANIFEST_BYTES,
            "artifacts": limits::ARTIFACTS,
        },
    });
    serde_json::to_vec(&info).unwrap_or_default()
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(
        "expected a request in the room that sealgate_alloc gave, found {bytes} bytes at {address}"
    )]
    Room { address: usize, bytes: u32 },
    #[error("the request is not the JSON that was expected: {0}")]
    Request(String),
    #[error("evidence: {0}")]
    Evidence(#[from] PackError),
    #[error(transparent)]
    Question(#[from] QuestionError),
    #[error("policies: {}", lines(.0))]
    Policies(Vec<Problem>),
    #[error("trustRoots: {name}: {why}")]
    TrustRoot { name: String, why: String },
    #[error("trustStores: {0}")]
    StoreName(#[from] StoreNameError),
    #[error("trustStores: {name}: {why}")]
    TrustStore { name: StoreName, why: String },
    #[error("now: {0}")]
    Now(#[from] TimeError),
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

impl CallError {
    fn code(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::Room { .. } => "request_malformed",
            Self::Evidence(PackError::Question(error)) | Self::Question(error) => error.code(),
            Self::Evidence(_) => "evidence_malformed",
            Self::Policies(_) => "policy_invalid",
            Self::TrustRoot { .. } => "trust_root_invalid",
            Self::StoreName(_) | Self::TrustStore { .. } => "trust_store_invalid",
            Self::Now(_) => "now_invalid",
            Self::Undecided(undecided) => undecided.code(),
        }
    }

    fn to_response(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Response {
            error: Body,
        }
        #[derive(Serialize)]
        struct Body {
            code: &'static str,
            message: String,
        }
        let message: String = self.to_string().chars().take(16 << 10).collect();
        let error = Body {
            code: self.code(),
            message,
        };
        serde_json::to_vec(&Response { error }).unwrap_or_default()
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestWire<'a> {
    image: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(borrow)]
    evidence: &'a RawValue,
    policies: Vec<PolicyWire>,
    #[serde(default, borrow)]
    trust_roots: BTreeMap<String, &'a RawValue>,
    #[serde(default)]
    trust_stores: BTreeMap<String, Vec<String>>,
    now: String,
}

/// A policy as YAML text, or as JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum PolicyWire {
    Text(String),
    Json(serde_json::Map<String, serde_json::Value>),
}

fn judge(request: &[u8]) -> Result<Verdict, CallError> {
    let malformed = |error: JsonError| CallError::Request(error.to_string());
    let document = Document::check(request).map_err(malformed)?;
    let wire: RequestWire<'_> = document.read().map_err(malformed)?;
    let asked = Request {
        image: wire.image,
        namespace: wire.namespace,
        policy: wire.policy,
        beyond_scope: false,
    };
    // The evidence was checked with the request: it has most of the bytes.
    let carried = match document.part(wire.evidence) {
        Some(pack) => Evidence::from_document(pack)?,
        None => Evidence::from_pack(wire.evidence.get().as_bytes())?,
    };
    let evidence = carried.answering(asked)?;
    let policies = policies(wire.policies)?;
    let mut trust = trust(wire.trust_roots, wire.trust_stores)?;
    policies.complete(&mut trust);
    let now: UnixTime = wire.now.parse()?;
    Ok(sealgate_core::verify(&evidence, &policies, &trust, now)?)
}

fn policies(wires: Vec<PolicyWire>) -> Result<Policies, CallError> {
    let files: Vec<_> = wires
        .into_iter()
        .enumerate()
        .map(|(i, wire)| PolicyFile {
            name: format!("policies[{i}]"),
            text: match wire {
                PolicyWire::Text(text) => text,
                PolicyWire::Json(map) => serde_json::Value::Object(map).to_string(),
            },
        })
        .collect();
    file::load(&files, NoMatch::Deny, &file::only_inline_keys).map_err(CallError::Policies)
}

fn trust(
    roots: BTreeMap<String, &RawValue>,
    stores: BTreeMap<String, Vec<String>>,
) -> Result<TrustMaterial, CallError> {
    let mut trust = TrustMaterial::new();
    for (name, root) in roots {
        match SigstoreRoot::from_json(root.get().as_bytes()) {
            Ok(root) => trust.insert_root(name, root),
            Err(error) => {
                let why = error.to_string();
                return Err(CallError::TrustRoot { name, why });
            }
        }
    }
    for (name, certificates) in stores {
        let name: StoreName = name.parse()?;
        let store = TrustStore::read(name.kind, certificates.iter().map(String::as_bytes));
        match store {
            Ok(store) => trust.insert_store(name, store),
            Err(error) => {
                let why = error.to_string();
                return Err(CallError::TrustStore { name, why });
            }
        }
    }
    Ok(trust)
}
