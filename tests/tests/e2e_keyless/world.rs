//! Two certificate authorities, two issuers, a registry, and policies that trust one of each.

use std::path::{Path, PathBuf};

use sealgate_testkit::image::Image;
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_testkit::sigstore::Sigstore;
use sealgate_tests::e2e::fresh_folder;
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::sigstore::{Fulcio, Services};
use crate::support::{Cosign, Judge, Remote, Setup, policy};

/// Whom the policies trust.
pub const SIGNER: &str = "release@corp.example";

/// The predicate type of the attestations.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// The builder in their predicate.
pub const BUILDER: &str = "https://corp.example/builder";

/// Everything there is in the suite.
pub struct World {
    pub cosign: Cosign,
    _registry: Registry,
    pub remote: Remote,
    pub judge: Judge,
    /// Whose tokens the policies trust.
    pub issuer: Issuer,
    /// Whose tokens the authority takes, too.
    pub other_issuer: Issuer,
    /// The authority that the policies trust.
    pub corp: Fulcio,
    /// One that they do not.
    pub other: Fulcio,
    _services: Services,
}

impl World {
    pub async fn start(base: &str) -> Self {
        let folder = fresh_folder(base, "keyless").unwrap();
        let cosign = Cosign::new(&folder);
        let services = Services::start(&folder, &cosign).await;
        let (issuer, other_issuer) = (Issuer::start().await, Issuer::start().await);
        let issuers = [&issuer, &other_issuer];
        let corp = Fulcio::start(&folder, &cosign, &services, "corp", &issuers).await;
        let other = Fulcio::start(&folder, &cosign, &services, "other", &issuers).await;
        let registry = Registry::start(RegistryOptions::default()).await.unwrap();
        let root = |fulcio: &Fulcio| with_others(&cosign.path(&fulcio.trusted_root()));
        let setup = Setup {
            policies: policies(&issuer.url, &other_issuer.url),
            trust_roots: vec![
                ("corp".to_owned(), root(&corp)),
                ("other".to_owned(), root(&other)),
            ],
            plain_http: vec![registry.host()],
            ..Setup::default()
        };
        Self {
            judge: Judge::start(&folder, setup).await,
            remote: Remote::new(&registry.host()),
            cosign,
            _registry: registry,
            issuer,
            other_issuer,
            corp,
            other,
            _services: services,
        }
    }

    /// Signs as whoever has this token.
    pub fn sign(&self, fulcio: &Fulcio, token: &str, image: &Image) {
        self.keyless(fulcio, token, &["sign"], image);
    }

    /// Attests how the image was built.
    pub fn attest(&self, fulcio: &Fulcio, token: &str, image: &Image) {
        let predicate = json!({
            "buildDefinition": {"buildType": "https://corp.example/build", "externalParameters": {}},
            "runDetails": {"builder": {"id": BUILDER}},
        });
        self.cosign.write("predicate.json", &predicate.to_string());
        let what = ["--type", "slsaprovenance1", "--predicate", "predicate.json"];
        self.keyless(
            fulcio,
            token,
            &[&["attest"], what.as_slice()].concat(),
            image,
        );
    }

    fn keyless(&self, fulcio: &Fulcio, token: &str, what: &[&str], image: &Image) {
        let (root, config) = (fulcio.trusted_root(), fulcio.signing_config());
        let pinned = image.pinned();
        let how = ["--yes", "--identity-token", token];
        let services = ["--signing-config", &config, "--trusted-root", &root];
        let registry = ["--allow-http-registry", pinned.as_str()];
        let arguments = [what, &how, &services, &registry].concat();
        self.cosign.run("cosign-v3", &arguments);
    }
}

/// A trust root beside its file, with the logs and timestamp authorities of others, whom nobody
/// asks here: a threshold of two is within its reach, and not met.
fn with_others(file: &Path) -> PathBuf {
    let mut root: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let others = Sigstore::new("others").trusted_root();
    for list in ["tlogs", "ctlogs", "timestampAuthorities"] {
        let theirs = others[list].as_array().unwrap().iter().cloned();
        root[list].as_array_mut().unwrap().extend(theirs);
    }
    let more = file.with_extension("more.json");
    std::fs::write(&more, root.to_string()).unwrap();
    more
}

/// Policies that demand a log entry, a timestamp and a certificate timestamp, and variants.
fn policies(issuer: &str, other_issuer: &str) -> Vec<(String, Value)> {
    let nobody = "nobody@corp.example";
    let attested = |condition: &str| {
        json!([{
            "name": "provenance",
            "predicateType": PROVENANCE,
            "from": ["ci"],
            "conditions": [format!("predicate.runDetails.builder.id == '{condition}'")],
        }])
    };
    let only =
        |attestations: Value| json!({"require": "attestationsOnly", "attestations": attestations});
    let witnesses = |log: u8, time: u8, certificate: u8| {
        let mut trust = keyless("corp", issuer, SIGNER);
        trust["transparencyLog"]["threshold"] = log.into();
        trust["signedTimestamp"]["threshold"] = time.into();
        trust["certificateTransparency"]["threshold"] = certificate.into();
        trust
    };
    let corp = || witnesses(1, 1, 1);
    let all = [
        ("corp", corp(), json!({})),
        ("other-subject", keyless("corp", issuer, nobody), json!({})),
        (
            "other-issuer",
            keyless("corp", other_issuer, SIGNER),
            json!({}),
        ),
        ("other-root", keyless("other", issuer, SIGNER), json!({})),
        ("two-logs", witnesses(2, 1, 1), json!({})),
        ("two-timestamps", witnesses(1, 2, 1), json!({})),
        ("two-scts", witnesses(1, 1, 2), json!({})),
        ("provenance", corp(), only(attested(BUILDER))),
        (
            "other-builder",
            corp(),
            only(attested("https://elsewhere.example")),
        ),
        (
            "signed-and-attested",
            corp(),
            json!({"attestations": attested(BUILDER)}),
        ),
    ];
    let named = all.map(|(name, trust, more)| {
        let authorities = json!([{"name": "ci", "keyless": trust}]);
        (name.to_owned(), policy(name, &authorities, &more))
    });
    named.to_vec()
}

fn keyless(root: &str, issuer: &str, subject: &str) -> Value {
    json!({
        "trustRoot": root,
        "identities": [{"issuer": issuer, "subject": subject}],
        "transparencyLog": {"threshold": 1},
        "signedTimestamp": {"threshold": 1},
        "certificateTransparency": {"threshold": 1},
    })
}
