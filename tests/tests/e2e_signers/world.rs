//! Three registries, every key, and the judges of all of them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_testkit::image::Image;
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_tests::e2e::{RegistryProcess, fresh_folder};
use serde_json::{Value, json};

use crate::keys::{Key, every_kind};
use crate::support::{Cosign, Judge, Remote, Setup, policy};

/// How a signature is made and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub name: &'static str,
    pub program: &'static str,
    pub flags: &'static [&'static str],
    /// The format that the verdict names.
    pub format: &'static str,
}

const BUNDLE_FORMAT: &str = "sigstore_bundle_v0.3";
const TAG_FORMAT: &str = "cosign_signature";

pub const BUNDLE: Form = Form {
    name: "v3 bundle",
    program: "cosign-v3",
    flags: &["--use-signing-config=false"],
    format: BUNDLE_FORMAT,
};

pub const LEGACY: Form = Form {
    name: "v3 legacy",
    program: "cosign-v3",
    flags: &["--use-signing-config=false", "--new-bundle-format=false"],
    format: TAG_FORMAT,
};

pub const FORMS: [Form; 4] = [
    BUNDLE,
    LEGACY,
    Form {
        name: "v2 legacy",
        program: "cosign-v2",
        flags: &[],
        format: TAG_FORMAT,
    },
    Form {
        name: "v2 bundle",
        program: "cosign-v2",
        flags: &["--new-bundle-format"],
        format: BUNDLE_FORMAT,
    },
];

/// Everything there is in the suite.
pub struct World {
    pub cosign: Cosign,
    pub keys: Vec<Key>,
    /// Whom no policy trusts.
    pub stranger: Key,
    pub judge: Judge,
    /// The registries by name; the first is ours.
    pub registries: Vec<(&'static str, Remote)>,
    /// Ours, which can be made to misbehave.
    pub ours: Registry,
    _processes: [RegistryProcess; 2],
}

impl World {
    pub async fn start(base: &str) -> Self {
        let folder = fresh_folder(base, "signers").unwrap();
        let cosign = Cosign::new(&folder);
        let keys = every_kind(&cosign);
        let stranger = Key::generate(&cosign, "cosign-v3", "stranger");
        let ours = Registry::start(RegistryOptions::default()).await.unwrap();
        let processes = registries(&folder);
        let [go, distribution] = &processes;
        let registries = vec![
            ("ours", Remote::new(&ours.host())),
            ("go-containerregistry", Remote::new(go.host())),
            ("distribution", Remote::new(distribution.host())),
        ];
        let setup = Setup {
            policies: policies(&keys),
            plain_http: vec![
                ours.host(),
                go.host().to_owned(),
                distribution.host().to_owned(),
            ],
            ..Setup::default()
        };
        Self {
            judge: Judge::start(&folder, setup).await,
            cosign,
            keys,
            stranger,
            registries,
            ours,
            _processes: processes,
        }
    }

    /// The key of the attacks: ECDSA on P-256.
    pub fn key(&self) -> &Key {
        &self.keys[0]
    }

    pub fn sign(&self, key: &Key, form: Form, image: &Image) {
        self.sign_with(key, form, &[], image);
    }

    pub fn sign_with(&self, key: &Key, form: Form, more: &[&str], image: &Image) {
        let (file, pinned) = (key.file(), image.pinned());
        let sign = ["sign", "--yes", "--tlog-upload=false", "--key", &file];
        let insecure = [
            "--allow-http-registry",
            "--allow-insecure-registry",
            &pinned,
        ];
        let arguments = [&sign, form.flags, more, &insecure].concat();
        self.cosign.run(form.program, &arguments);
    }
}

fn registries(folder: &Path) -> [RegistryProcess; 2] {
    [
        RegistryProcess::referrers(folder).unwrap(),
        RegistryProcess::distribution(folder).unwrap(),
    ]
}

/// For each key the policy of its name; `both` demands the first key and the last.
fn policies(keys: &[Key]) -> Vec<(String, Value)> {
    let authority = |key: &Key| {
        let Key { name, public, .. } = key;
        json!({"name": name, "key": {"name": name, "data": public}})
    };
    let alone = |key: &Key| {
        let one = policy(&key.name, &json!([authority(key)]), &json!({}));
        (key.name.clone(), one)
    };
    let mut policies: Vec<_> = keys.iter().map(alone).collect();
    let (first, last) = (&keys[0], &keys[keys.len() - 1]);
    let require = json!({"atLeast": {"count": 2, "of": [first.name, last.name]}});
    let both = json!([authority(first), authority(last)]);
    let both = policy("both", &both, &json!({"require": require}));
    policies.push(("both".to_owned(), both));
    let rsa = keys.iter().find(|key| key.name == "rsa-2048").unwrap();
    let altered = Key {
        name: "rsa-altered".to_owned(),
        public: flip_key(&rsa.public),
        ..rsa.clone()
    };
    policies.push(alone(&altered));
    policies
}

/// The public key with one bit of it changed: of an RSA modulus, or of a point's y.
pub fn flip_key(pem: &str) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut key = STANDARD.decode(body).unwrap();
    let within = key.len() * 2 / 3;
    key[within] ^= 1;
    let body = STANDARD.encode(key);
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}
