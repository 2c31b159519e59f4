//! The program under the worst that registries and callers do: its memory stays within the limit
//! of the shipped manifests.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod soak;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::ClientConfig;
use sealgate_testkit::https::{Authority, Https, client_config};
use sealgate_testkit::image::{self, Image, MANIFEST};
use sealgate_testkit::publish::{self, EMPTY_CONFIG, Listing, Referrer};
use sealgate_testkit::registry::{
    Auth, Descriptor, Fault, Registry, RegistryOptions, Route, TokenAuth,
};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// `sealgate serve`, killed when it is dropped.
struct Program {
    process: Child,
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Program {
    /// With the defaults, these registries and a policy that wants images signed.
    fn start(folder: &Path, key: &SigningKey, registries: &[&Registry]) -> Self {
        Self::start_with(folder, key, registries, "")
    }

    /// The same, and what else the policy says.
    fn start_with(folder: &Path, key: &SigningKey, registries: &[&Registry], policy: &str) -> Self {
        let ca = Authority::new("CA").unwrap();
        let identity = ca.issue(&["localhost", "127.0.0.1"]).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        file("tls.crt", &identity.certificate);
        file("tls.key", &identity.key);
        file("key.pub", &key.public_pem());
        file(
            "policy.yaml",
            &format!(
                "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: all}}\nspec:\n  \
                 images: [{{glob: \"**\"}}]\n  authorities:\n  - name: release\n    \
                 key: {{file: key.pub}}\n{policy}"
            ),
        );
        let registries: Vec<_> = registries
            .iter()
            .map(|registry| json!({"host": registry.host(), "plainHttp": true}))
            .collect();
        let config = json!({
            "listeners": [{
                "address": "127.0.0.1:0",
                "tls": {"certificate": "tls.crt", "key": "tls.key"},
                "clientAuth": "none",
            }],
            "admin": {"address": "127.0.0.1:0"},
            "policies": ["policy.yaml"],
            "registries": registries,
            "audit": {"output": "off"},
            "log": {"format": "json"},
        });
        // JSON is YAML.
        let config = file("sealgate.yaml", &config.to_string());
        let program = std::env::var_os("SEALGATE_PROGRAM");
        let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_sealgate").into());
        let mut process = Command::new(program)
            .args(["serve", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| listening(&line))
            .expect("the program says where it listens");
        // Nobody reads it, and it must not stop the program.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            process,
            address,
            tls: client_config(&ca.pem, None).unwrap(),
        }
    }

    async fn ask(&self, route: &str, images: &[String]) -> Value {
        let mut client = Https::connect(self.address, self.tls.clone())
            .await
            .unwrap();
        let body = json!({"images": images}).to_string();
        let response = client.post(route, body).await.unwrap();
        serde_json::from_slice(response.body()).unwrap()
    }

    /// Asks until there is an answer.
    async fn verdicts(&self, images: &[String]) -> Value {
        loop {
            let answer = self.ask("/v1/verify", images).await;
            if answer.get("verdicts").is_some() {
                return answer;
            }
        }
    }

    /// The most memory that was ever resident, in bytes.
    fn most_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// What the system says of its memory, in bytes.
    fn memory(&self, field: &str) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() << 10
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    (fields["message"] == "listening").then(|| fields["address"].as_str()?.parse().ok())?
}

/// The limit in the manifests.
fn limit() -> u64 {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/base/deployment.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let deployment: Value = serde_norway::from_str(&text).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let memory = container["resources"]["limits"]["memory"].as_str().unwrap();
    let number = memory.strip_suffix("Gi").map(|number| (number, 30));
    let (number, shift) = number
        .or_else(|| Some((memory.strip_suffix("Mi")?, 20)))
        .expect("a limit in Mi or Gi");
    number.parse::<u64>().unwrap() << shift
}

fn attach(registry: &Registry, image: &Image, blob: &[u8]) {
    let artifact = Referrer {
        subject: &image.descriptor,
        artifact_type: Some(sign::BUNDLE),
        config_media_type: EMPTY_CONFIG,
        layer_media_type: sign::BUNDLE,
        blob,
        annotations: BTreeMap::new(),
    };
    publish::referrer(registry, &image.repository, &artifact, Listing::Api);
}

/// Images with this beside them, each of which differs from the others.
fn images(registry: &Registry, name: &str, count: usize, more: impl Fn(&Image)) -> Vec<String> {
    let one = |n: usize| {
        let tag = format!("v{n}");
        let image = image::single(registry, name, &tag, &format!("{name}{n}"));
        more(&image);
        image.tagged(&tag)
    };
    (0..count).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_the_limit_of_the_manifests_whatever_is_pushed_f1_f4_f5_f17() {
    let hostile = Registry::start(RegistryOptions::default()).await.unwrap();
    let issuer = RegistryOptions {
        auth: Auth::Token(TokenAuth::anonymous()),
        ..RegistryOptions::default()
    };
    let issuer = Registry::start(issuer).await.unwrap();
    let healthy = Registry::start(RegistryOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Kind::P256);
    let program = Program::start(folder.path(), &key, &[&hostile, &issuer, &healthy]);

    // 60 MiB of blobs beside each of twelve images.
    let blobs = [0, 1].map(|n| {
        let head = format!("{{\"mediaType\":\"{}\",\"n\":{n},\"pad\":\"", sign::BUNDLE);
        [head.as_bytes(), &vec![b'x'; 30 << 20], b"\"}"].concat()
    });
    let large = images(&hostile, "large", 12, |image| {
        blobs.iter().for_each(|blob| attach(&hostile, image, blob));
    });
    // 64 MiB of manifests beside each of two.
    let pads = images(&hostile, "pads", 2, |image| {
        for n in 0..64 {
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": sign::BUNDLE,
                "config": Descriptor::of(EMPTY_CONFIG, b"{}"),
                "layers": [],
                "subject": image.descriptor,
                "pad": format!("{n}{}", "x".repeat(1 << 20)),
            });
            hostile.push_manifest("pads", None, MANIFEST, manifest.to_string());
        }
    });
    // JSON that takes many times its bytes to read.
    let dense = format!("{{\"x\":[{}{{}}]}}", "{},".repeat(2 << 20));
    let dense = images(&hostile, "dense", 1, |image| {
        attach(&hostile, image, dense.as_bytes());
    });
    // Tokens as large as they are kept, one for each name.
    let token = format!(
        "{{\"token\":\"{}\",\"expires_in\":3600}}",
        "t".repeat(16 << 10)
    );
    issuer.fault(Route::Token, Fault::Body(token.into()));
    let names = |from: usize| (from..from + 400).map(|n| format!("{}/r{n}:v1", issuer.host()));

    // Bodies that do not end.
    let mut bodies = Vec::new();
    for _ in 0..100 {
        let tcp = TcpStream::connect(program.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(program.tls.clone());
        let name = "localhost".try_into().unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        bodies.push(tokio::spawn(async move {
            let head = "POST /v1/verify HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n";
            // The program may hang up before all is sent.
            drop(stream.write_all(head.as_bytes()).await);
            drop(stream.write_all(&vec![b' '; 1_000_000]).await);
            stream
        }));
    }
    tokio::join!(
        program.ask("/v1/verify", &large),
        program.ask("/v1/evidence", &large),
        program.ask("/v1/verify", &pads),
        program.ask("/v1/verify", &dense),
        async {
            for from in [0, 400, 800] {
                program
                    .ask("/v1/verify", &Vec::from_iter(names(from)))
                    .await;
            }
        }
    );
    let good = images(&healthy, "good", 1, |image| {
        let statement = sign::statement(&image.digest, sign::COSIGN_SIGN, &json!({}));
        let bundle = sign::bundle(&key, &statement);
        let subject = &image.descriptor;
        publish::bundle(&healthy, "good", subject, &bundle, Listing::Api);
    });
    let verdict = program.verdicts(&good).await;
    assert_eq!(verdict["verdicts"][0]["verified"], true);
    for image in pads.iter().chain(&dense).chain(&large[..2]) {
        let verdict = program.verdicts(std::slice::from_ref(image)).await;
        assert_eq!(verdict["verdicts"][0]["verified"], false, "{image}");
    }
    let (found, limit) = (program.most_memory(), limit());
    println!("{} of {} MiB", found >> 20, limit >> 20);
    assert!(found < limit, "{} of {} MiB", found >> 20, limit >> 20);
    drop(bodies);
}

/// The policy's attestations, and conditions that go through all of one.
const LARGE: &str = "  require: attestationsOnly
  attestations:
  - name: bom
    predicateType: https://spdx.dev/Document
    conditions:
    - facts.packages > 1000
    - predicate.packages.all(p, p.name != 'left-pad')
  - name: built
    predicateType: https://slsa.dev/provenance/v1
    conditions: [\"facts.builder == 'https://ci/48'\"]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_of_materials_of_20_mb_among_50_attestations_is_judged_within_the_memory() {
    let registry = Registry::start(RegistryOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Kind::P256);
    let program = Program::start_with(folder.path(), &key, &[&registry], LARGE);
    let attest = |image: &Image, predicate_type: &str, predicate: &Value| {
        let statement = sign::statement(&image.digest, predicate_type, predicate);
        let bundle = sign::bundle(&key, &statement);
        let subject = &image.descriptor;
        publish::bundle(&registry, &image.repository, subject, &bundle, Listing::Api);
    };
    let packages: Vec<_> = (0..40_000)
        .map(|n| {
            json!({
                "name": format!("package-{n}"),
                "licenseDeclared": "MIT",
                "comment": "x".repeat(400),
            })
        })
        .collect();
    let bom = json!({"spdxVersion": "SPDX-2.3", "packages": packages});
    assert!(bom.to_string().len() > 18_000_000);
    let images = images(&registry, "app", 2, |image| {
        attest(image, "https://spdx.dev/Document", &bom);
        for n in 0..49 {
            let built = json!({"runDetails": {"builder": {"id": format!("https://ci/{n}")}}});
            attest(image, "https://slsa.dev/provenance/v1", &built);
        }
    });
    let idle = program.most_memory();
    let answer = program.verdicts(&images).await;
    for verdict in answer["verdicts"].as_array().unwrap() {
        assert_eq!(verdict["verified"], true, "{verdict}");
    }
    let (found, limit) = (program.most_memory(), limit());
    println!(
        "{} MiB idle, {} of {} MiB with two such images, a verdict of {} bytes",
        idle >> 20,
        found >> 20,
        limit >> 20,
        answer["verdicts"][0].to_string().len(),
    );
    assert!(found < limit, "{} of {} MiB", found >> 20, limit >> 20);
}
