//! A provider that misbehaves, the real one, and Gatekeeper's client before them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealgate_testkit::rego::{VERIFIED_IMAGES, VERIFIED_IMAGES_V1};
use sealgate_tests::e2e::{
    Authority, CosignKey, Expect, GatekeeperClient, Generation, Names, Point, Provider,
    ProviderOptions, RegistryProcess, Relay, Reviewed, Signer, StandIn, fresh_folder, shapes,
};
use serde_json::{Value, json};

/// The name in Gatekeeper's certificate, which the provider pins.
pub(crate) const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// Longer than a suite takes.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// Gatekeeper's certificate, and a stand-in for the provider.
pub(crate) struct Stage {
    pub(crate) generation: Generation,
    pub(crate) folder: PathBuf,
    pub(crate) stand_in: StandIn,
    /// The CA of the stand-in's certificate.
    pub(crate) ca: String,
    /// The CA of Gatekeeper's.
    pub(crate) gatekeeper_ca: Authority,
}

impl Stage {
    pub(crate) async fn start(suite: &str, generation: Generation) -> Self {
        let folder = fresh_folder(env!("CARGO_TARGET_TMPDIR"), suite).unwrap();
        let authority = Authority::new("provider CA").unwrap();
        let stand_in = StandIn::start(&authority, &folder, shapes::answer).await;
        let gatekeeper_ca = Authority::new("gatekeeper-ca").unwrap();
        let stage = Self {
            generation,
            folder,
            stand_in: stand_in.unwrap(),
            ca: authority.pem(),
            gatekeeper_ca,
        };
        stage.identity("manager", &stage.gatekeeper_ca, GATEKEEPER);
        stage
    }

    /// A folder with a certificate for this name, as Gatekeeper has one.
    pub(crate) fn identity(&self, folder: &str, authority: &Authority, name: &str) -> PathBuf {
        let folder = self.folder.join(folder);
        fs::create_dir_all(&folder).unwrap();
        let names = Names {
            common: name,
            alternatives: &[name],
            ..Names::default()
        };
        authority.issue(names, &folder, "tls").unwrap();
        folder
    }

    /// Gatekeeper's certificate, renewed by this CA.
    pub(crate) fn renew(&self, authority: &Authority) {
        self.identity("manager", authority, GATEKEEPER);
    }

    /// A client with Gatekeeper's certificate.
    pub(crate) fn gatekeeper(&self, response_cache: Duration) -> Gatekeeper {
        self.gatekeeper_as(&self.folder.join("manager"), response_cache)
    }

    pub(crate) fn gatekeeper_as(
        &self,
        certificates: &Path,
        response_cache: Duration,
    ) -> Gatekeeper {
        let client = GatekeeperClient::start(self.generation, certificates, response_cache);
        let mut client = client.unwrap();
        client
            .apply_yaml(match self.generation {
                Generation::V3_23 => VERIFIED_IMAGES_V1,
                Generation::V3_17 => VERIFIED_IMAGES,
            })
            .unwrap();
        let constraint = include_str!("../../../manifests/gatekeeper/samples/constraint.yaml");
        client.apply_yaml(constraint).unwrap();
        Gatekeeper { client }
    }
}

/// A client with the shipped template and constraint.
pub(crate) struct Gatekeeper {
    pub(crate) client: GatekeeperClient,
}

impl Gatekeeper {
    /// Upserts the Provider.
    pub(crate) fn provider(&mut self, ca: &str, url: &str) {
        self.client.apply(&provider(ca, url, 2)).unwrap();
    }

    /// A Pod of this image, at the webhook.
    pub(crate) fn review(&mut self, image: &str) -> Reviewed {
        self.review_pod(&pod("app", &[image]))
    }

    pub(crate) fn review_pod(&mut self, pod: &Value) -> Reviewed {
        let pods = std::slice::from_ref(pod);
        self.client.review(Point::Webhook, pods).unwrap().remove(0)
    }
}

pub(crate) fn provider(ca: &str, url: &str, timeout: u32) -> Value {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "Provider",
        "metadata": {"name": "sealgate"},
        "spec": {"url": url, "timeout": timeout, "caBundle": STANDARD.encode(ca)},
    })
}

pub(crate) fn pod(name: &str, images: &[&str]) -> Value {
    let container = |(index, image)| json!({"name": format!("c{index}"), "image": image});
    let containers: Vec<_> = images.iter().enumerate().map(container).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "prod"},
        "spec": {"containers": containers},
    })
}

/// The real provider behind a relay that counts, a registry, and who signs.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) provider: Provider,
    pub(crate) relay: Relay,
    /// The CA of its first certificate.
    pub(crate) ca: Authority,
    pub(crate) registry: RegistryProcess,
    pub(crate) signer: Signer,
    pub(crate) release: CosignKey,
    pub(crate) stranger: CosignKey,
}

impl World {
    pub(crate) async fn start(stage: Stage) -> Self {
        let folder = stage.folder.clone();
        let signer = Signer::new(&folder).unwrap();
        let release = signer.cosign_key("release").unwrap();
        let stranger = signer.cosign_key("stranger").unwrap();
        let registry = RegistryProcess::distribution(&folder).unwrap();
        let ca = Authority::new("provider CA").unwrap();
        certify(&folder, &ca);
        fs::write(folder.join("client-ca.crt"), stage.gatekeeper_ca.pem()).unwrap();
        let policies = folder.join("policies");
        fs::create_dir_all(&policies).unwrap();
        fs::write(policies.join("policy.yaml"), policy(&release).to_string()).unwrap();
        let provider = Provider::start(
            &folder,
            &ProviderOptions {
                tls: folder.join("server"),
                client_ca: Some(folder.join("client-ca.crt")),
                policies,
                trust_stores: None,
                plain_http: vec![registry.host().to_owned()],
                token_review: None,
            },
        )
        .unwrap();
        let relay = Relay::start(provider.port()).await.unwrap();
        Self {
            stage,
            provider,
            relay,
            ca,
            registry,
            signer,
            release,
            stranger,
        }
    }

    /// The provider's URL, through the relay.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/v1/validate", self.relay.port)
    }

    /// A client that asks the provider.
    pub(crate) fn gatekeeper(&self, response_cache: Duration) -> Gatekeeper {
        let mut gatekeeper = self.stage.gatekeeper(response_cache);
        gatekeeper.provider(&self.ca.pem(), &self.url());
        gatekeeper
    }

    /// An image that nobody signed, by tag and by digest.
    pub(crate) fn image(&self, name: &str) -> (String, String) {
        let tagged = format!("{}/prod/{name}:v1", self.registry.host());
        let pinned = self.signer.push(&tagged).unwrap();
        (tagged, pinned)
    }

    /// An image signed by this key, by tag.
    pub(crate) fn signed(&self, name: &str, key: &CosignKey) -> String {
        let (tagged, pinned) = self.image(name);
        self.signer.sign(key, &pinned).unwrap();
        tagged
    }

    /// How many requests the provider has answered.
    pub(crate) async fn requests(&self) -> u64 {
        self.provider
            .counted("sealgate_requests_total{")
            .await
            .unwrap()
    }
}

/// Gives the provider a certificate of this CA, as its renewal does.
pub(crate) fn certify(folder: &Path, authority: &Authority) {
    let server = folder.join("server");
    fs::create_dir_all(&server).unwrap();
    let names = Names {
        common: "sealgate",
        alternatives: &["127.0.0.1"],
        ..Names::default()
    };
    authority.issue(names, &server, "tls").unwrap();
}

fn policy(release: &CosignKey) -> Value {
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": "127.0.0.1:*/prod/**"}],
            "authorities": [{"name": "release", "key": {"data": release.public}}],
        },
    })
}

/// What is expected of a review, and of the provider's work for it.
pub(crate) fn described(expect: Expect<'_>, requests: usize) -> String {
    format!("{expect}, {requests} requests")
}
