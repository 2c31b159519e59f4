//! What every target takes for granted: an image, policies, and whom they trust.
//!
//! The files are made by `examples/seeds.rs`, with keys that were then forgotten: nobody can sign
//! anything new for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{PolicyFile, load, only_inline_keys};
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::trust::{StoreName, TrustStore};
use sealgate_core::{Digest, Policies, TrustMaterial, UnixTime};
use serde_json::Value;

/// The image that is asked about.
pub const IMAGE: &str = "registry.example.com/prod/app:1.0";

/// When it is asked about.
pub const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// Where the certificates of the Notary Project's signers say that one can ask.
pub(crate) const OCSP_URL: &str = "http://ocsp.example.com/";
/// The same for lists.
pub(crate) const CRL_URL: &str = "http://crl.example.com/acme.crl";

/// The policies, of which a question names one.
pub const POLICIES: &[&str] = &[
    "keyless",
    "witnessed",
    "attested",
    "key",
    "notary",
    "stamped",
    "logged",
];

/// A file of the world, which lies beside this crate.
pub(crate) fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("world")
        .join(name);
    match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

pub(crate) struct World {
    pub(crate) manifest: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) policies: Policies,
    pub(crate) trust: TrustMaterial,
    /// Genuine signatures, whose parts the targets replace.
    pub(crate) bundle_v1: Value,
    pub(crate) bundle_v2: Value,
    pub(crate) jws: Value,
    /// The leaf and its issuer, of the JWS.
    pub(crate) leaf: Digest,
    pub(crate) issuer: Digest,
}

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let jws: Value = serde_json::from_str(&file("jws.json")).unwrap();
        let certificate = |at: usize| {
            let text = jws["header"]["x5c"][at].as_str().unwrap();
            Digest::sha256(&STANDARD.decode(text).unwrap())
        };
        let manifest = file("manifest.json").into_bytes();
        World {
            digest: Digest::sha256(&manifest),
            manifest,
            policies: policies(),
            trust: trust(),
            bundle_v1: serde_json::from_str(&file("bundle_v1.json")).unwrap(),
            bundle_v2: serde_json::from_str(&file("bundle_v2.json")).unwrap(),
            leaf: certificate(0),
            issuer: certificate(1),
            jws,
        }
    })
}

fn policies() -> Policies {
    let policies = PolicyFile {
        name: "policies.json".to_owned(),
        text: file("policies.json"),
    };
    load(&[policies], NoMatch::Deny, &only_inline_keys).unwrap()
}

fn trust() -> TrustMaterial {
    let mut trust = TrustMaterial::new();
    let root = SigstoreRoot::from_json(file("trusted_root.json").as_bytes()).unwrap();
    trust.insert_root("private", root);
    for (name, pem) in stores() {
        let name: StoreName = name.parse().unwrap();
        let store = TrustStore::read(name.kind, [pem.as_bytes()]).unwrap();
        trust.insert_store(name, store);
    }
    trust
}

fn stores() -> [(&'static str, String); 2] {
    [("ca:acme", file("ca.pem")), ("tsa:time", file("tsa.pem"))]
}

/// Policies and trust material as a wasm host gives them.
pub(crate) fn wasm_fields() -> BTreeMap<&'static str, Value> {
    let stores = stores().map(|(name, pem)| (name.to_owned(), Value::from(vec![pem])));
    let root: Value = serde_json::from_str(&file("trusted_root.json")).unwrap();
    BTreeMap::from([
        ("policies", Value::from(vec![file("policies.json")])),
        ("trustRoots", serde_json::json!({"private": root})),
        ("trustStores", Value::Object(stores.into_iter().collect())),
        ("now", Value::from(NOW.to_string())),
    ])
}
