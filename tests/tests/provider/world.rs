//! A registry, a key, a policy that trusts it, and the running provider.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::{Response, StatusCode};
use rustls::ClientConfig;
use sealgate::Clock;
use sealgate::config::{AuditOutput, ClientAuth, Listener, Registry as RegistryEntry, Tls};
use sealgate::{App, Config, Running};
use sealgate_core::UnixTime;
use sealgate_testkit::https::{self, Authority, GATEKEEPER, Https, Identity};
use sealgate_testkit::image::{self, Image};
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::registry::{Fault, Gate, Registry, RegistryOptions, Route};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Clocks that go only when they are told to.
#[derive(Default)]
pub struct TestClock {
    seconds: AtomicU64,
    /// How far the wall clock is from where it should be.
    off: AtomicI64,
}

impl TestClock {
    pub fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sets the wall clock alone.
    pub fn set_off(&self, seconds: i64) {
        self.off.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        let seconds: i64 = self.seconds.load(Ordering::SeqCst).try_into().unwrap();
        UnixTime::from_seconds(1_800_000_000).plus(seconds + self.off.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }
}

/// Everything there is in a test.
pub struct World {
    pub registry: Registry,
    pub key: SigningKey,
    pub clock: Arc<TestClock>,
    pub server_ca: Authority,
    pub client_ca: Authority,
    pub gatekeeper: Identity,
    pub directory: TempDir,
    pub running: Option<Running>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With another configuration than the usual.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let registry = Registry::start(RegistryOptions::default()).await.unwrap();
        let server_ca = Authority::new("server CA").unwrap();
        let client_ca = Authority::like_gatekeeper().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let gatekeeper = client_ca.issue(&[GATEKEEPER]).unwrap();
        let mut world = Self {
            registry,
            key: SigningKey::generate(Kind::P256),
            clock: Arc::default(),
            server_ca,
            client_ca,
            gatekeeper,
            directory,
            running: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        world.write_certificates();
        world.write("policies/production.yaml", &world.policy("production", ""));
        let mut config = world.config();
        change(&mut config);
        let app = App::with_clock(config, world.clock.clone()).unwrap();
        let running = app.start().await.unwrap();
        world.address = running.addresses()[0];
        world.admin = running.admin();
        world.running = Some(running);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file at once, as a rename does.
    pub fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let temporary = self.path(".new");
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(temporary, file).unwrap();
    }

    pub fn write_certificates(&self) {
        let server = self.server_ca.issue(&["localhost", "127.0.0.1"]).unwrap();
        self.write("tls.crt", &server.certificate);
        self.write("tls.key", &server.key);
        self.write("client-ca.crt", &self.client_ca.pem);
    }

    pub fn config(&self) -> Config {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = Config {
            listeners: vec![Listener {
                address: loopback,
                tls: Tls {
                    certificate: self.path("tls.crt"),
                    key: self.path("tls.key"),
                    ..Tls::default()
                },
                client_auth: ClientAuth::Required,
                client_ca: Some(self.path("client-ca.crt")),
                client_names: vec![GATEKEEPER.to_owned()],
                token_review: None,
            }],
            policies: vec![self.path("policies")],
            registries: vec![RegistryEntry {
                host: self.registry.host(),
                plain_http: true,
                ca: None,
                auth: None,
                token_hosts: Vec::new(),
                redirect_hosts: Vec::new(),
            }],
            reload_every: Duration::from_millis(10),
            ..Config::default()
        };
        config.admin.address = loopback;
        config.audit.output = AuditOutput::File(self.path("audit.log"));
        config.timeouts.request = Duration::from_secs(20);
        config
    }

    /// A policy that trusts the key for every image.
    pub fn policy(&self, name: &str, more: &str) -> String {
        policy_for(&self.key, name, more)
    }

    /// An image, not signed.
    pub fn image(&self, repository: &str, tag: &str) -> Image {
        image::single(
            &self.registry,
            repository,
            tag,
            &format!("{repository}:{tag}"),
        )
    }

    /// An image signed as cosign v3 does.
    pub fn signed(&self, repository: &str, tag: &str) -> Image {
        let image = self.image(repository, tag);
        self.sign(&image);
        image
    }

    pub fn sign(&self, image: &Image) {
        let statement = sign::statement(&image.digest, sign::COSIGN_SIGN, &json!({}));
        let bundle = sign::bundle(&self.key, &statement);
        let subject = &image.descriptor;
        publish::bundle(
            &self.registry,
            &image.repository,
            subject,
            &bundle,
            Listing::Api,
        );
    }

    /// Holds every request to `route` of the registry until the gate is opened.
    pub fn hold(&self, route: Route) -> Gate {
        let gate = Gate::new();
        self.registry.fault(route, Fault::Gate(gate.clone()));
        gate
    }

    pub fn tls(&self) -> Arc<ClientConfig> {
        https::client_config(&self.server_ca.pem, Some(&self.gatekeeper)).unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    pub async fn connect(&self) -> Https {
        Https::connect(self.address, self.tls()).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: impl Into<bytes::Bytes>) -> Reply {
        Reply::of(&self.connect().await.post(path, body).await.unwrap())
    }

    /// What Gatekeeper gets for these keys.
    pub async fn validate(&self, keys: &[&str]) -> Reply {
        self.post("/v1/validate", provider_request(keys)).await
    }

    /// The verdict about one image.
    pub async fn verdict(&self, key: &str) -> Value {
        let reply = self.validate(&[key]).await;
        assert_eq!(reply.status, StatusCode::OK);
        reply.value(key)
    }

    pub async fn admin(&self, path: &str) -> (StatusCode, String) {
        let (status, body) = https::get(self.admin, path).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Asks until the answer is as wished: for what a reload changes.
    pub async fn until(&self, key: &str, wished: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let verdict = self.verdict(key).await;
                if wished(&verdict) {
                    return verdict;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap()
    }

    /// The lines of the audit log, once everything is written.
    pub async fn audit(&mut self) -> Vec<Value> {
        assert!(self.running.take().unwrap().shutdown().await);
        let log = std::fs::read_to_string(self.path("audit.log")).unwrap();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A pipe by this name, of which nobody has the other end.
pub fn make_fifo(path: &Path) {
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
}

pub fn policy_for(key: &SigningKey, name: &str, more: &str) -> String {
    let pem = key.public_pem().replace('\n', "\n        ");
    format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: {name}}}\n\
         spec:\n  images: [{{glob: \"**\"}}]\n{more}  authorities:\n  - name: release\n    key:\n      \
         data: |\n        {pem}\n"
    )
}

pub fn provider_request(keys: &[&str]) -> String {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    })
    .to_string()
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

impl Reply {
    pub fn of(response: &Response<bytes::Bytes>) -> Self {
        assert_eq!(response.headers()["content-type"], "application/json");
        Self {
            status: response.status(),
            body: serde_json::from_slice(response.body()).unwrap(),
        }
    }

    pub fn items(&self) -> &[Value] {
        let items = &self.body["response"]["items"];
        items.as_array().map_or(&[], Vec::as_slice)
    }

    /// The one item of a key.
    pub fn item(&self, key: &str) -> &Value {
        let items: Vec<_> = self.items().iter().filter(|i| i["key"] == key).collect();
        let [item] = items[..] else {
            panic!("expected one item for {key}, found {:#}", self.body);
        };
        item
    }

    pub fn value(&self, key: &str) -> Value {
        let item = self.item(key);
        assert!(item.get("error").is_none(), "{item}");
        item["value"].clone()
    }

    pub fn error(&self, key: &str) -> &str {
        let item = self.item(key);
        assert!(item.get("value").is_none(), "{item}");
        item["error"].as_str().unwrap()
    }

    /// The system error; then there are no items.
    pub fn system_error(&self) -> &str {
        let response = &self.body["response"];
        assert!(response.get("items").is_none(), "{response}");
        response["systemError"].as_str().unwrap()
    }
}
