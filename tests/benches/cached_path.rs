//! What the service adds to its HTTP server, in ratios measured in one run.
//!
//! Client, server and an empty handler on the same TLS stack share the machine; blocks of
//! both are measured in turn, so that whatever else runs there slows both alike. A second
//! handler sends sealgate's answer as a constant: what is beyond that is sealgate's own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use futures::future::join_all;
use rustls::ClientConfig;
use sealgate::Metrics;
use sealgate::config::{AuditOutput, Listener, Registry as RegistryEntry};
use sealgate::server::{Bound, Serving};
use sealgate::{App, Config, Running};
use sealgate_testkit::https::{self, Authority, GATEKEEPER, Https};
use sealgate_testkit::registry::{Fault, Registry, RegistryOptions, Route, Rule};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::{image, publish};
use serde_json::json;
use tempfile::TempDir;

#[tokio::main]
async fn main() {
    let bench = Bench::start().await;
    bench.kept_alive().await;
    bench.new_connections().await;
    bench.identical_cold_requests().await;
    bench.batch_of_cold_images().await;
    assert!(bench.running.shutdown().await);
}

struct Bench {
    registry: Registry,
    key: SigningKey,
    tls: Arc<ClientConfig>,
    service: SocketAddr,
    empty: SocketAddr,
    constant: SocketAddr,
    answer: Arc<OnceLock<Bytes>>,
    running: Running,
    _serving: Serving,
    _directory: TempDir,
}

impl Bench {
    async fn start() -> Self {
        let registry = Registry::start(RegistryOptions::default()).await.unwrap();
        let key = SigningKey::generate(Kind::P256);
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let server_ca = Authority::new("server").unwrap();
        let client_ca = Authority::new("clients").unwrap();
        let server = server_ca.issue(&["localhost"]).unwrap();
        let client = client_ca.issue(&[GATEKEEPER]).unwrap();
        for (name, text) in [
            ("tls.crt", &server.certificate),
            ("tls.key", &server.key),
            ("client-ca.crt", &client_ca.pem),
            ("policy.yaml", &policy(&key)),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut listener = Listener {
            address: loopback,
            client_ca: Some(path("client-ca.crt")),
            client_names: vec![GATEKEEPER.to_owned()],
            token_review: None,
            ..Listener::default()
        };
        listener.tls.certificate = path("tls.crt");
        listener.tls.key = path("tls.key");
        let host = registry.host();
        let entry: RegistryEntry =
            serde_json::from_value(json!({"host": host, "plainHttp": true})).unwrap();
        let mut config = Config {
            listeners: vec![listener.clone()],
            policies: vec![path("policy.yaml")],
            registries: vec![entry],
            ..Config::default()
        };
        config.admin.address = loopback;
        config.audit.output = AuditOutput::File(path("audit.log"));
        config.timeouts.request = Duration::from_secs(30);
        // The handlers that are compared admit nobody, and a connection without that has an end.
        config.timeouts.handshake = Duration::from_secs(600);
        config.limits.requests = 4096;
        config.limits.connections = 4096;
        config.limits.connections_per_address = 4096;
        // Tags are looked up once and for all: this is about the cached path.
        config.cache.tag = Duration::from_secs(3600);

        let serving = Serving::new(&config, Arc::new(Metrics::new()));
        let serve = async |router: Router| {
            let bound = Bound::new(&listener).await.unwrap();
            let address = bound.address();
            bound.serve(&serving, router);
            address
        };
        let empty = Router::new().route("/v1/validate", post(async |_: Bytes| ()));
        let empty = serve(empty).await;
        let answer = Arc::new(OnceLock::<Bytes>::new());
        let told = Arc::clone(&answer);
        let constant = post(move |_: Bytes| std::future::ready(told.get().cloned().unwrap()));
        let constant = serve(Router::new().route("/v1/validate", constant)).await;
        let running = App::new(config).unwrap().start().await.unwrap();
        Self {
            registry,
            key,
            tls: https::client_config(&server_ca.pem, Some(&client)).unwrap(),
            service: running.addresses()[0],
            empty,
            constant,
            answer,
            running,
            _serving: serving,
            _directory: directory,
        }
    }

    /// A signed image.
    fn signed(&self, repository: &str) -> String {
        let image = image::single(&self.registry, repository, "1", repository);
        let statement = sign::statement(&image.digest, sign::COSIGN_SIGN, &json!({}));
        let bundle = sign::bundle(&self.key, &statement);
        let listing = publish::Listing::Api;
        publish::bundle(
            &self.registry,
            repository,
            &image.descriptor,
            &bundle,
            listing,
        );
        image.tagged("1")
    }

    async fn connect(&self, address: SocketAddr) -> Https {
        Https::connect(address, Arc::clone(&self.tls))
            .await
            .unwrap()
    }

    async fn kept_alive(&self) {
        let body = request(&[self.signed("cached")]);
        let mut service = self.connect(self.service).await;
        let answer = service.post("/v1/validate", body.clone()).await.unwrap();
        self.answer.set(answer.into_body()).unwrap();
        let contestants = [
            ("empty handler", self.empty),
            ("a constant", self.constant),
            ("sealgate", self.service),
        ];

        let mut clients = Vec::new();
        for (_, address) in contestants {
            clients.push((self.connect(address).await, Vec::new()));
        }
        for _ in 0..40 {
            for (client, seen) in &mut clients {
                latencies(client, &body, 500, seen).await;
            }
        }
        println!("cached request over kept-alive mTLS");
        let percentiles = clients
            .iter_mut()
            .map(|(_, seen)| [50, 99].map(|percent| percentile(seen, percent)));
        let percentiles: Vec<_> = percentiles.collect();
        for ((name, _), [p50, p99]) in contestants.iter().zip(&percentiles) {
            let [base50, base99] = percentiles[0];
            println!(
                "  {name:<14} p50 {p50:?} (+{:?}), p99 {p99:?} (+{:?})",
                p50.saturating_sub(base50),
                p99.saturating_sub(base99)
            );
        }
        println!("  (budget: sealgate's p99 +40µs)");

        let mut rates = [0.0; 3];
        for _ in 0..20 {
            for ((_, address), rate) in contestants.iter().zip(&mut rates) {
                *rate += self.throughput(*address, &body).await / 20.0;
            }
        }
        for ((name, _), rate) in contestants.iter().zip(rates) {
            println!(
                "  {name:<14} {rate:.0} requests/s, {:.2} of empty, {:.2} of constant",
                rate / rates[0],
                rate / rates[1]
            );
        }
        println!("  (budget: sealgate 0.90 of empty, 0.95 of constant)");
    }

    /// Requests a second, over 32 connections.
    async fn throughput(&self, address: SocketAddr, body: &Bytes) -> f64 {
        const EACH: usize = 250;
        let clients = join_all((0..32).map(|_| self.connect(address))).await;
        let started = Instant::now();
        let tasks = clients.into_iter().map(|mut client| {
            let body = body.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    client.post("/v1/validate", body.clone()).await.unwrap();
                }
            })
        });
        let count = join_all(tasks).await.len() * EACH;
        count as f64 / started.elapsed().as_secs_f64()
    }

    async fn new_connections(&self) {
        let body = request(&[self.signed("cached")]);
        let (mut base, mut ours) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..20 {
            for (address, total) in [(self.empty, &mut base), (self.service, &mut ours)] {
                let started = Instant::now();
                for _ in 0..20 {
                    let mut client = self.connect(address).await;
                    client.post("/v1/validate", body.clone()).await.unwrap();
                }
                *total += started.elapsed();
            }
        }
        let each = |total: Duration| total / 400;
        println!(
            "new TLS connection per request: empty handler {:?}, sealgate {:?}, ratio {:.2} (budget 0.97)",
            each(base),
            each(ours),
            base.as_secs_f64() / ours.as_secs_f64()
        );
    }

    async fn identical_cold_requests(&self) {
        let body = request(&[self.signed("herd")]);
        self.registry
            .inject(Rule::everywhere(Fault::Latency(Duration::from_millis(50))));
        let clients = join_all((0..1000).map(|_| self.connect(self.service))).await;
        self.registry.clear_requests();
        let tasks = clients.into_iter().map(|mut client| {
            let body = body.clone();
            tokio::spawn(async move { client.post("/v1/validate", body).await.unwrap() })
        });
        for response in join_all(tasks).await {
            assert!(verified(response.unwrap().body()));
        }
        let requests = self.registry.requests();
        let blobs = requests.iter().filter(|r| r.route == Route::Blob).count();
        println!(
            "1000 identical cold requests at once: {} requests upstream, the bundle fetched {blobs} time(s) (budget 1)",
            requests.len()
        );
        self.registry.clear_faults();
    }

    async fn batch_of_cold_images(&self) {
        let latency = Rule::everywhere(Fault::Latency(Duration::from_millis(50)));
        let mut client = self.connect(self.service).await;
        let (mut one, mut many) = (Duration::ZERO, Duration::ZERO);
        for round in 0..3 {
            let single = [self.signed(&format!("one-{round}"))];
            let batch: Vec<_> = (0..50)
                .map(|n| self.signed(&format!("many-{round}-{n}")))
                .collect();
            self.registry.inject(latency.clone());
            for (images, total) in [(&single[..], &mut one), (&batch[..], &mut many)] {
                let started = Instant::now();
                let response = client.post("/v1/validate", request(images)).await.unwrap();
                *total += started.elapsed();
                assert!(verified(response.body()));
            }
            self.registry.clear_faults();
        }
        println!(
            "50 cold images in one request, 50 ms registry: {:?}, one image: {:?}, ratio {:.2} (budget 1.5)",
            many / 3,
            one / 3,
            many.as_secs_f64() / one.as_secs_f64()
        );
    }
}

async fn latencies(client: &mut Https, body: &Bytes, count: usize, into: &mut Vec<Duration>) {
    for _ in 0..count {
        let started = Instant::now();
        client.post("/v1/validate", body.clone()).await.unwrap();
        into.push(started.elapsed());
    }
}

fn percentile(of: &mut [Duration], percent: usize) -> Duration {
    of.sort_unstable();
    of[of.len() * percent / 100]
}

fn request(images: &[String]) -> Bytes {
    let request = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": images},
    });
    request.to_string().into()
}

fn verified(body: &[u8]) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap();
    let items = answer["response"]["items"].as_array().unwrap();
    items.iter().all(|item| item["value"]["verified"] == true)
}

fn policy(key: &SigningKey) -> String {
    let pem = key.public_pem().replace('\n', "\n        ");
    format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: bench}}\n\
         spec:\n  images: [{{glob: \"**\"}}]\n  authorities:\n  - name: release\n    key:\n      \
         data: |\n        {pem}\n"
    )
}
