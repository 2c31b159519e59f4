//! The API server, the registry, the provider installed as `manifests/kyverno/README.md` says, and who signs.

use std::path::PathBuf;
use std::time::Instant;

use sealgate_tests::e2e::{
    ControlPlane, CosignKey, Manifests, Provider, ProviderOptions, RegistryProcess, Signer, Table,
    fresh_folder,
};
use serde_json::{Value, json};

use crate::kyverno::{Caller, Kyverno};

/// In the order in which they are stopped.
pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) registry: RegistryProcess,
    pub(crate) control_plane: ControlPlane,
    pub(crate) manifests: Manifests,
    pub(crate) signer: Signer,
    pub(crate) release: CosignKey,
    pub(crate) stranger: CosignKey,
    pub(crate) folder: PathBuf,
}

impl World {
    pub(crate) fn start(table: &mut Table) -> Self {
        let began = Instant::now();
        let folder = fresh_folder(env!("CARGO_TARGET_TMPDIR"), "kyverno").unwrap();
        let control_plane = ControlPlane::start(&folder).unwrap();
        let manifests = Manifests::copy(&folder).unwrap();
        manifests.certify().unwrap();
        install(&control_plane, &manifests);
        let seen = "kubectl apply -k manifests/kyverno/ and manifests/kyverno/caller";
        table.row(
            "install beside Kyverno",
            "accepted",
            seen,
            true,
            began.elapsed(),
        );

        let signer = Signer::new(&folder).unwrap();
        let release = signer.cosign_key("release").unwrap();
        let stranger = signer.cosign_key("stranger").unwrap();
        let registry = RegistryProcess::referrers(&folder).unwrap();
        let policies = folder.join("policies");
        std::fs::create_dir_all(&policies).unwrap();
        std::fs::write(policies.join("release.yaml"), policy(&release)).unwrap();
        let options = ProviderOptions {
            tls: manifests.path("base/tls"),
            client_ca: None,
            policies,
            trust_stores: None,
            plain_http: vec![registry.host().to_owned(), NOWHERE.to_owned()],
            token_review: Some(token_review(&control_plane, &manifests, &folder)),
        };
        Self {
            provider: Provider::start(&folder, &options).unwrap(),
            registry,
            control_plane,
            manifests,
            signer,
            release,
            stranger,
            folder,
        }
    }

    /// Kyverno with the shipped policies, which find the provider at its address.
    pub(crate) fn kyverno(&self) -> Kyverno {
        self.kyverno_at(&format!("{}/v1/verify", self.provider.url()))
    }

    /// The same with another address.
    pub(crate) fn kyverno_at(&self, url: &str) -> Kyverno {
        Kyverno::new(&self.folder, &self.manifests, url, self.caller())
    }

    /// Kyverno's own account, and the one for ValidatingPolicies.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            own: self.token("kyverno-admission-controller", "kyverno-svc.kyverno.io"),
            secret: self.token("sealgate-caller", "sealgate"),
        }
    }

    /// A token of an account in the namespace `kyverno`, as the API server makes it.
    pub(crate) fn token(&self, account: &str, audience: &str) -> String {
        let create = ["create", "token", account, "-n", "kyverno"];
        let create = [&create[..], &["--audience", audience]].concat();
        self.control_plane.kubectl.must(&create).unwrap()
    }

    /// An image, not signed, by tag and by digest.
    pub(crate) fn image(&self, name: &str) -> (String, String) {
        let tagged = format!("{}/prod/{name}:v1", self.registry.host());
        let pinned = self.signer.push(&tagged).unwrap();
        (tagged, pinned)
    }
}

/// A registry that is not there.
pub(crate) const NOWHERE: &str = "127.0.0.1:9";

fn install(control_plane: &ControlPlane, manifests: &Manifests) {
    let kubectl = &control_plane.kubectl;
    kubectl.must(&["create", "namespace", "kyverno"]).unwrap();
    // The chart of Kyverno makes it.
    for account in ["kyverno-admission-controller", "somebody-else"] {
        let create = ["create", "serviceaccount", account, "-n", "kyverno"];
        kubectl.must(&create).unwrap();
    }
    for folder in [".", "caller"] {
        let folder = manifests.path("kyverno").join(folder).display().to_string();
        kubectl.must(&["apply", "-k", &folder]).unwrap();
    }
}

/// The shipped configuration's `tokenReview`, outside a Pod.
fn token_review(
    control_plane: &ControlPlane,
    manifests: &Manifests,
    folder: &std::path::Path,
) -> Value {
    let shipped = std::fs::read_to_string(manifests.path("kyverno/sealgate.yaml")).unwrap();
    let shipped: Value = serde_norway::from_str(&shipped).unwrap();
    let mut review = shipped["listeners"][0]["tokenReview"].clone();
    let token = ["create", "token", "sealgate", "-n", "sealgate"];
    let token_file = folder.join("sealgate-token");
    std::fs::write(&token_file, control_plane.kubectl.must(&token).unwrap()).unwrap();
    review["apiServer"] = json!(control_plane.url());
    review["ca"] = json!(control_plane.ca());
    review["tokenFile"] = json!(token_file);
    review
}

fn policy(release: &CosignKey) -> String {
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "release"},
        "spec": {
            "images": [{"glob": "**"}],
            "authorities": [{"name": "release", "key": {"data": release.public}}],
        },
    })
    .to_string()
}
