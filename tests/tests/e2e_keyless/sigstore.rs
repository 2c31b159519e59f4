//! Fulcio, Rekor v2 and a timestamp authority as processes on loopback.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealgate_testkit::https;
use sealgate_tests::e2e::{Process, TimestampServer, free_port, http_ok};
use sealgate_tests::tools::find;
use serde_json::{Value, json};

use crate::ct_log::CtLog;
use crate::issuer::Issuer;
use crate::support::Cosign;

/// Before everything that is signed here.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// The services that several authorities share.
pub struct Services {
    pub ct_log: CtLog,
    rekor: u16,
    tsa: TimestampServer,
    _rekor: Process,
}

/// A certificate authority with its trust root and signing config, `NAME-….json`.
pub struct Fulcio {
    name: &'static str,
    _process: Process,
}

impl Services {
    pub async fn start(folder: &Path, cosign: &Cosign) -> Self {
        let rekor = free_port().unwrap();
        let process = start_rekor(folder, cosign, rekor);
        let tsa = TimestampServer::start(folder, false).await;
        let tsa = tsa.unwrap_or_else(|failed| panic!("{failed}"));
        cosign.write("tsa.pem", &tsa.chain);
        let ct_log = CtLog::start().await;
        cosign.write("ct-log.pub", &ct_log.pem());
        Self {
            ct_log,
            rekor,
            tsa,
            _rekor: process,
        }
    }
}

impl Fulcio {
    /// Starts an authority that certifies whom these issuers know.
    pub async fn start(
        folder: &Path,
        cosign: &Cosign,
        services: &Services,
        name: &'static str,
        issuers: &[&Issuer],
    ) -> Self {
        let [http, grpc, metrics] = [(); 3].map(|()| free_port().unwrap().to_string());
        let issuers = issuers.iter().map(|issuer| {
            let terms = json!({"issuer-url": issuer.url, "client-id": "sigstore", "type": "email"});
            (issuer.url.clone(), terms)
        });
        let issuers: serde_json::Map<String, Value> = issuers.collect();
        let config = folder.join(format!("{name}-fulcio.yaml"));
        // Of JSON it would read other names.
        let terms = serde_norway::to_string(&json!({"oidc-issuers": issuers})).unwrap();
        std::fs::write(&config, terms).unwrap();
        let mut command = Command::new(find("fulcio").unwrap());
        command.args(["serve", "--ca", "ephemeralca", "--config-path"]);
        command.arg(config);
        command.args(["--ct-log-url", services.ct_log.url()]);
        command.args(["--host", "127.0.0.1", "--port", &http]);
        command.args(["--grpc-host", "127.0.0.1", "--grpc-port", &grpc]);
        command.args(["--metrics-port", &metrics]);
        let socket = format!("@sealgate-{name}-{http}");
        command.args(["--legacy-unix-domain-socket", &socket]);
        let http = http.parse().unwrap();
        let path = "/api/v2/trustBundle";
        let process = serving(&format!("{name}-fulcio"), command, folder, http, path);
        let bundle: Value = serde_json::from_str(&get(http, path).await).unwrap();
        let chain = bundle["chains"][0]["certificates"].as_array().unwrap();
        let chain: String = chain.iter().filter_map(Value::as_str).collect();
        cosign.write(&format!("{name}-chain.pem"), &chain);
        trust(cosign, services, name, http);
        signing_config(cosign, services, name, http);
        Self {
            name,
            _process: process,
        }
    }

    /// The trust root, in cosign's folder.
    pub fn trusted_root(&self) -> String {
        format!("{}-root.json", self.name)
    }

    /// The signing config, in cosign's folder.
    pub fn signing_config(&self) -> String {
        format!("{}-signing.json", self.name)
    }
}

fn trust(cosign: &Cosign, services: &Services, name: &str, fulcio: u16) {
    let Services {
        ct_log, rekor, tsa, ..
    } = services;
    let fulcio = format!("url=http://127.0.0.1:{fulcio},certificate-chain={name}-chain.pem");
    let rekor = format!(
        "url=http://127.0.0.1:{rekor},public-key=rekor.pub,start-time={LONG_AGO},origin=127.0.0.1"
    );
    let tsa = format!("url={},certificate-chain=tsa.pem", tsa.base);
    let ct_log = ct_log.url();
    let ct_log = format!("url={ct_log},public-key=ct-log.pub,start-time={LONG_AGO}");
    let out = format!("{name}-root.json");
    let create = [
        "trusted-root",
        "create",
        "--fulcio",
        &fulcio,
        "--rekor",
        &rekor,
    ];
    let rest = ["--tsa", &tsa, "--ctfe", &ct_log, "--out", &out];
    cosign.run("cosign-v3", &[create.as_slice(), &rest].concat());
}

fn signing_config(cosign: &Cosign, services: &Services, name: &str, fulcio: u16) {
    let service = |url: &str, version: u8| {
        format!("url={url},api-version={version},start-time={LONG_AGO},operator=corp")
    };
    let fulcio = service(&format!("http://127.0.0.1:{fulcio}"), 1);
    let rekor = service(&format!("http://127.0.0.1:{}", services.rekor), 2);
    let tsa = service(&services.tsa.url, 1);
    let out = format!("{name}-signing.json");
    let create = ["signing-config", "create", "--fulcio", &fulcio];
    let rekor = ["--rekor", &rekor, "--rekor-config", "ANY"];
    let rest = ["--tsa", &tsa, "--tsa-config", "ANY", "--out", &out];
    cosign.run("cosign-v3", &[create.as_slice(), &rekor, &rest].concat());
}

fn start_rekor(folder: &Path, cosign: &Cosign, port: u16) -> Process {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    cosign.write("rekor.key", &key.serialize_pem());
    cosign.write("rekor.pub", &key.public_key_pem());
    let storage = folder.join("rekor");
    std::fs::create_dir_all(&storage).unwrap();
    let (grpc, metrics) = (free_port().unwrap(), free_port().unwrap());
    let mut command = Command::new(find("rekor-posix").unwrap());
    // The origin of its checkpoints is the host of its URL.
    command.args(["serve", "--hostname", "127.0.0.1"]);
    command.args(["--http-port", &port.to_string()]);
    command.args(["--grpc-port", &grpc.to_string()]);
    command.args(["--http-metrics-port", &metrics.to_string()]);
    command
        .arg("--signer-filepath")
        .arg(cosign.path("rekor.key"));
    command.arg("--storage-dir").arg(storage);
    command.args(["--checkpoint-interval", "1s"]);
    serving("rekor", command, folder, port, "/healthz")
}

fn serving(name: &str, mut command: Command, folder: &Path, port: u16, path: &str) -> Process {
    let mut process = Process::start(name, &mut command, folder).unwrap();
    let ready = process.ready(Duration::from_secs(30), || http_ok(port, path));
    ready.unwrap_or_else(|failed| panic!("{failed}"));
    process
}

async fn get(port: u16, path: &str) -> String {
    let address = ([127, 0, 0, 1], port).into();
    let (status, body) = https::get(address, path).await.unwrap();
    assert!(status.is_success(), "{path}: {status}");
    String::from_utf8(body.to_vec()).unwrap()
}
