//! The cluster, the registries, the provider, and who signs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_tests::e2e::{
    ControlPlane, CosignKey, E2eError, Gatekeeper, GatekeeperOptions, Generation, Kubectl,
    Manifests, NotationKey, Provider, ProviderOptions, RegistryProcess, Signer, Table,
    fresh_folder, wait_until,
};
use serde_json::json;

/// How long Gatekeeper remembers answers here.
pub(crate) const RESPONSE_CACHE: Duration = Duration::from_secs(2);

/// The time between audits.
const AUDIT: Duration = Duration::from_secs(5);

/// In the order in which they are stopped.
pub(crate) struct World {
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) provider: Provider,
    pub(crate) control_plane: ControlPlane,
    pub(crate) manifests: Manifests,
    /// Without the referrers API.
    pub(crate) distribution: RegistryProcess,
    /// With it.
    pub(crate) referrers: RegistryProcess,
    /// One that can be made slow.
    pub(crate) fragile: Registry,
    pub(crate) signer: Signer,
    pub(crate) release: CosignKey,
    pub(crate) stranger: CosignKey,
    pub(crate) notary: NotationKey,
    /// Where its certificate is.
    pub(crate) trust_stores: PathBuf,
}

impl World {
    /// Starts everything, and installs sealgate as the README says.
    pub(crate) async fn start(table: &mut Table) -> Self {
        let began = Instant::now();
        let folder = fresh_folder(env!("CARGO_TARGET_TMPDIR"), "cluster").unwrap();
        let control_plane = ControlPlane::start(&folder).unwrap();
        let gatekeeper = Gatekeeper::start(
            &control_plane,
            &folder,
            GatekeeperOptions {
                generation: Generation::V3_23,
                response_cache_seconds: RESPONSE_CACHE.as_secs() as u32,
                audit_seconds: AUDIT.as_secs() as u32,
            },
        )
        .unwrap();
        let started = "etcd, kube-apiserver and Gatekeeper start";
        table.row(started, "ready", "ready", true, began.elapsed());

        let signer = Signer::new(&folder).unwrap();
        let (release, stranger, notary) = (
            signer.cosign_key("release").unwrap(),
            signer.cosign_key("stranger").unwrap(),
            signer.notation_key("acme").unwrap(),
        );
        let distribution = RegistryProcess::distribution(&folder).unwrap();
        let referrers = RegistryProcess::referrers(&folder).unwrap();
        let fragile = Registry::start(RegistryOptions::default()).await.unwrap();

        let manifests = Manifests::copy(&folder).unwrap();
        super::quick_start::prepare(&manifests, &policy(&release));
        let trust_stores = trust_stores(&folder, &notary);
        let provider = Provider::start(
            &folder,
            &ProviderOptions {
                tls: manifests.path("base/tls"),
                client_ca: Some(gatekeeper.client_ca()),
                policies: manifests.path("base/policies"),
                trust_stores: Some(trust_stores.clone()),
                plain_http: [distribution.host(), referrers.host(), &fragile.host()]
                    .map(str::to_owned)
                    .to_vec(),
                token_review: None,
            },
        )
        .unwrap();
        let world = Self {
            gatekeeper,
            provider,
            control_plane,
            manifests,
            distribution,
            referrers,
            fragile,
            signer,
            release,
            stranger,
            notary,
            trust_stores,
        };
        world.install(table);
        world
    }

    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.control_plane.kubectl
    }

    /// Pushes an image by this name and tag to the registry without the referrers API.
    pub(crate) fn image(&self, name: &str) -> (String, String) {
        self.image_at(self.distribution.host(), name)
    }

    /// Pushes an image, and returns its name by tag and by digest.
    pub(crate) fn image_at(&self, host: &str, name: &str) -> (String, String) {
        let tagged = format!("{host}/prod/{name}:v1");
        let pinned = self.signer.push(&tagged).unwrap();
        (tagged, pinned)
    }

    /// An image signed by the release key, by tag.
    pub(crate) fn signed(&self, name: &str) -> String {
        let (tagged, pinned) = self.image(name);
        self.signer.sign(&self.release, &pinned).unwrap();
        tagged
    }

    fn install(&self, table: &mut Table) {
        let kubectl = self.kubectl();
        let began = Instant::now();
        let dry = self.apply(&["--dry-run=server"]);
        let (seen, holds) = match &dry {
            Ok(said) => (format!("{} objects", said.lines().count()), true),
            Err(error) => (error.to_string(), false),
        };
        let scenario = "kubectl apply -k manifests --dry-run=server";
        table.row(
            scenario,
            "every object is valid",
            &seen,
            holds,
            began.elapsed(),
        );

        let began = Instant::now();
        super::quick_start::install(self, table);
        for (namespace, action) in [("warned", "warn"), ("observed", "dryrun")] {
            self.namespace(namespace, action);
        }
        kubectl.must(&["create", "namespace", "prod"]).unwrap();
        self.until_enforced();
        let scenario = "the constraint is enforced";
        table.row(
            scenario,
            "within seconds",
            "enforced",
            true,
            began.elapsed(),
        );
    }

    /// `kubectl apply -k manifests/gatekeeper/`.
    pub(crate) fn apply(&self, extra: &[&str]) -> Result<String, E2eError> {
        let url = self.provider.url();
        self.manifests.apply(self.kubectl(), &url, extra)
    }

    /// A namespace with a constraint of its own, exempted from the shipped one.
    fn namespace(&self, name: &str, action: &str) {
        self.exempt(name);
        let constraint = super::objects::constraint(name, name, action);
        self.kubectl().apply(&constraint).must("apply").unwrap();
    }

    /// A namespace that the shipped constraint leaves alone.
    pub(crate) fn exempt(&self, name: &str) {
        let kubectl = self.kubectl();
        kubectl.must(&["create", "namespace", name]).unwrap();
        let exempt = json!([{
            "op": "add",
            "path": "/spec/match/excludedNamespaces/-",
            "value": name,
        }]);
        let shipped = ["patch", "sealgateverifiedimages", "verified-images"];
        let patch = ["--type", "json", "-p", &exempt.to_string()];
        kubectl.must(&[&shipped[..], &patch].concat()).unwrap();
    }

    /// The CA of the provider's certificate, as a Provider has it.
    pub(crate) fn ca_bundle(&self) -> String {
        let pem = std::fs::read(self.manifests.path("base/tls/ca.crt")).unwrap();
        STANDARD.encode(pem)
    }

    /// Gatekeeper takes constraints in after the API server has.
    fn until_enforced(&self) {
        let canary = |namespace| super::objects::pod(namespace, "canary", &["not an image"]);
        let dry = ["create", "--dry-run=server", "-f", "-"];
        let limit = Duration::from_secs(30);
        wait_until("the constraints to be enforced", limit, || {
            let prod = self.kubectl().pipe(&dry, &canary("prod").to_string());
            let warned = self.kubectl().pipe(&dry, &canary("warned").to_string());
            !prod.ok && warned.ok && warned.stderr.contains("Warning")
        })
        .unwrap();
    }
}

/// Either the release key, or the notary's certificate.
fn policy(release: &CosignKey) -> String {
    let key = release.public.replace('\n', "\n        ");
    format!(
        r#"apiVersion: sealgate.dev/v1alpha1
kind: TrustPolicy
metadata:
  name: production
spec:
  images:
  - glob: "127.0.0.1:*/prod/**"
  authorities:
  - name: release
    key:
      data: |
        {key}
  - name: notary
    notation:
      trustStores: ["ca:acme"]
      trustedIdentities: ["x509.subject: C=US, ST=WA, O=acme"]
      level: strict
"#
    )
}

fn trust_stores(folder: &std::path::Path, key: &NotationKey) -> PathBuf {
    let store = folder.join("truststore/x509/ca/acme");
    std::fs::create_dir_all(&store).unwrap();
    std::fs::write(store.join("root.crt"), &key.root).unwrap();
    folder.join("truststore")
}
