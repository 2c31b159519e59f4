//! A registry with an image, another host, and a provider that trusts one key.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use sealgate::config::{AuditOutput, Auth as AuthEntry, Registry as RegistryEntry};
use sealgate::{App, Config};
use sealgate_testkit::image::{self, Image};
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::registry::{
    Auth, Credentials, Descriptor, Fault, Registry, RegistryOptions, Route, Rule, TokenAuth,
};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "open-sesame";

/// Where the signature of the image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// A bundle that the referrers API lists.
    Bundle,
    /// A bundle under the fallback tag, without a referrers API.
    Fallback,
    /// Under cosign's tag `.sig`.
    Sig,
    /// Nowhere.
    No,
}

/// How the registry asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarded {
    Open,
    Basic,
    Token,
}

pub(crate) struct Scene {
    pub(crate) registry: Registry,
    /// Another host, to which the registry may redirect.
    pub(crate) storage: Registry,
    /// Another host, to which nothing may go.
    pub(crate) stranger: Registry,
    pub(crate) image: Image,
    pub(crate) key: SigningKey,
    app: Router,
    /// The bundle, as the registry lists it.
    listed: Option<Descriptor>,
    _folder: TempDir,
}

/// What the provider answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) class: Class,
    /// The code of the first reason, of the error, or of what made it undecided.
    pub(crate) code: String,
    /// The whole body.
    pub(crate) body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Verified,
    Refused,
    Undecided,
    /// An error of the key: the image does not exist.
    Error,
}

/// Short enough for a suite, and long beside what a busy machine takes.
const HESITATION: Duration = Duration::from_millis(400);
const SILENCE: Duration = Duration::from_millis(800);

impl Scene {
    pub(crate) async fn new(signed: Signed, guarded: Guarded) -> Self {
        Self::with(signed, guarded, |_| {}).await
    }

    pub(crate) async fn with(
        signed: Signed,
        guarded: Guarded,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let alice = || Credentials::new("alice", PASSWORD);
        let registry = Registry::start(RegistryOptions {
            referrers_api: signed != Signed::Fallback,
            auth: match guarded {
                Guarded::Open => Auth::Open,
                Guarded::Basic => Auth::Basic(alice()),
                Guarded::Token => Auth::Token(TokenAuth::user(alice())),
            },
            ..RegistryOptions::default()
        })
        .await
        .unwrap();
        let open = || Registry::start(RegistryOptions::default());
        let (storage, stranger) = (open().await.unwrap(), open().await.unwrap());
        let key = SigningKey::generate(Kind::P256);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), policy(&key)).unwrap();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let mut config = Config {
            policies: vec![folder.path().join("policy.yaml")],
            registries: vec![RegistryEntry {
                host: registry.host(),
                plain_http: true,
                auth: Some(AuthEntry::Basic {
                    username: "alice".to_owned(),
                    password_file: folder.path().join("password"),
                }),
                redirect_hosts: vec![storage.host()],
                ..RegistryEntry::default()
            }],
            ..Config::default()
        };
        config.audit.output = AuditOutput::Off;
        config.timeouts.request = Duration::from_secs(20);
        config.timeouts.fetch = Duration::from_secs(20);
        config.timeouts.hesitation = HESITATION;
        config.timeouts.silence = SILENCE;
        configure(&mut config);
        let mut scene = Self {
            listed: None,
            image: image::single(&registry, "app", "v1", "seed"),
            registry,
            storage,
            stranger,
            key,
            app: App::new(config).unwrap().router(),
            _folder: folder,
        };
        scene.sign(signed);
        scene
    }

    /// The bundle as the registry lists it, and its manifest.
    pub(crate) fn signature(&self) -> (Descriptor, Value) {
        self.try_signature().unwrap()
    }

    pub(crate) fn try_signature(&self) -> Option<(Descriptor, Value)> {
        let listed = self.listed.clone()?;
        let (_, bytes) = self.registry.manifest("app", &listed.digest)?;
        Some((listed, serde_json::from_slice(&bytes).ok()?))
    }

    fn sign(&mut self, signed: Signed) {
        let digest = &self.image.digest;
        let listing = match signed {
            Signed::No => return,
            Signed::Sig => {
                let payload = sign::simple_signing(&self.image.name(), digest, &json!({}));
                let layer = sign::cosign_layer(&self.key, payload);
                publish::cosign_tag(&self.registry, "app", digest, &[layer]);
                return;
            }
            Signed::Bundle => Listing::Api,
            Signed::Fallback => Listing::FallbackTag,
        };
        let statement = sign::statement(digest, sign::COSIGN_SIGN, &json!({}));
        let bundle = sign::bundle(&self.key, &statement);
        let subject = &self.image.descriptor;
        let listed = publish::bundle(&self.registry, "app", subject, &bundle, listing);
        self.listed = Some(listed);
    }

    /// Injects a fault into all requests of a route.
    pub(crate) fn fault(&self, route: Route, fault: Fault) {
        self.registry.fault(route, fault);
    }

    /// Injects a fault into the requests for a tag beside the image; the fallback tag is `""`.
    pub(crate) fn fault_tag(&self, suffix: &str, fault: Fault) {
        let ending = format!("{}{suffix}", self.image.digest.tag_prefix());
        let rule = Rule::on(Route::ManifestByTag, fault);
        self.registry.inject(rule.ending(&ending));
    }

    /// What the provider says of an image.
    pub(crate) async fn ask_for(&self, key: &str) -> Answer {
        let body = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": {"keys": [key]},
        });
        let request = Request::post("/v1/validate").body(Body::from(body.to_string()));
        let service = TowerToHyperService::new(self.app.clone());
        let response = service.call(request.unwrap()).await.unwrap();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let item = &body["response"]["items"][0];
        let after_colon = |text: &str| text.split(": ").next().unwrap_or_default().to_owned();
        let (class, code) = if let Some(error) = item["error"].as_str() {
            (Class::Error, after_colon(error))
        } else if item["value"]["verified"] == true {
            (Class::Verified, "verified".to_owned())
        } else if let Some(code) = item["value"]["reasons"][0]["code"].as_str() {
            (Class::Refused, code.to_owned())
        } else {
            let error = body["response"]["systemError"].as_str().unwrap();
            assert!(body["response"].get("items").is_none(), "{body}");
            let cause = error.split_once("\": ").expect(error).1;
            (Class::Undecided, after_colon(cause))
        };
        let body = body.to_string();
        Answer { class, code, body }
    }

    /// Credentials at a host that may not have them, or in an answer.
    pub(crate) fn leaks(&self, answer: &Answer) -> Vec<String> {
        let mut leaks = Vec::new();
        let basic = Credentials::new("alice", PASSWORD).basic_header();
        for request in self.storage.requests() {
            if request.had_authorization() {
                leaks.push(format!("credentials at the storage: {request}"));
            }
        }
        for request in self.stranger.requests() {
            leaks.push(format!("a request at the stranger: {request}"));
        }
        let all = [&self.registry, &self.storage].map(Registry::requests);
        for request in all.iter().flatten() {
            if request.target.contains(PASSWORD) {
                leaks.push(format!("the password in {request}"));
            }
        }
        let secret = basic.trim_start_matches("Basic ");
        if answer.body.contains(PASSWORD) || answer.body.contains(secret) {
            leaks.push(format!("the password in the answer {}", answer.body));
        }
        leaks
    }

    pub(crate) fn requests(&self) -> usize {
        self.registry.requests().len() + self.storage.requests().len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.registry.bytes_sent() + self.storage.bytes_sent()
    }
}

/// How long something takes, and what it gives.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let value = work.await;
    (value, start.elapsed())
}

fn policy(key: &SigningKey) -> String {
    let pem = key.public_pem().replace('\n', "\n        ");
    format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: production}}\n\
         spec:\n  images: [{{glob: \"**\"}}]\n  authorities:\n  - name: release\n    key:\n      \
         data: |\n        {pem}\n"
    )
}
