//! The provider over mTLS, `sealgate verify` as a process, and where it is wanted the wasm module,
//! asked the same.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use sealgate::config::{AuditOutput, ClientAuth, Listener, Registry, Tls, TrustRoot};
use sealgate::{App, Config, Running};
use sealgate_core::UnixTime;
use sealgate_testkit::https::{Authority, GATEKEEPER, Https, client_config};
use sealgate_tests::e2e::{self, Table};
use sealgate_tests::tools;
use sealgate_tests::wasm::Host;
use serde_json::{Value, json};

const LOOPBACK: &str = "127.0.0.1";

/// By what to judge, and where the images are.
#[derive(Debug, Default)]
pub struct Setup {
    /// Policies by name, made by [`policy`].
    pub policies: Vec<(String, Value)>,
    /// Sigstore trust roots by name.
    pub trust_roots: Vec<(String, PathBuf)>,
    /// Notation's trust stores, as `ca:acme`: PEM. With any, the wasm module judges, too.
    pub trust_stores: BTreeMap<String, String>,
    /// Registries without TLS.
    pub plain_http: Vec<String>,
}

/// All judges, with the same policies and trust.
pub struct Judge {
    setup: Setup,
    folder: PathBuf,
    sealgate: PathBuf,
    tls: Arc<ClientConfig>,
    running: Running,
}

/// The verdicts of all judges.
#[derive(Debug)]
pub struct Verdict {
    /// The provider's, as the `value` of Gatekeeper's key.
    pub verdict: Value,
    /// `verified`, `OUTCOME: CODE` of the first reason, or `undecided: …`.
    pub provider: String,
    /// The same from the command line.
    pub command: String,
    /// The same from the wasm module; the provider's where it is not asked.
    pub wasm: String,
    /// Whether the verdicts are equal but for the revision of the trust; true without any.
    pub same: bool,
    /// How the command ended.
    pub exit: i32,
    /// How long the provider took.
    pub took: Duration,
}

/// A policy for every image.
pub fn policy(name: &str, authorities: &Value, more: &Value) -> Value {
    let mut spec = json!({"images": [{"glob": "**"}], "authorities": authorities});
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": name},
        "spec": spec,
    })
}

impl Judge {
    pub async fn start(folder: &Path, setup: Setup) -> Self {
        let folder = folder.join("judge");
        let policies = folder.join("policies");
        std::fs::create_dir_all(&policies).unwrap();
        for (name, policy) in &setup.policies {
            // JSON is YAML.
            std::fs::write(policies.join(format!("{name}.yaml")), policy.to_string()).unwrap();
        }
        write_stores(&folder, &setup);
        let server_ca = Authority::new("server CA").unwrap();
        let client_ca = Authority::like_gatekeeper().unwrap();
        let server = server_ca.issue(&["localhost"]).unwrap();
        std::fs::write(folder.join("tls.crt"), server.certificate).unwrap();
        std::fs::write(folder.join("tls.key"), server.key).unwrap();
        std::fs::write(folder.join("client-ca.crt"), &client_ca.pem).unwrap();
        let gatekeeper = client_ca.issue(&[GATEKEEPER]).unwrap();
        let app = App::new(configuration(&folder, &setup)).unwrap();
        Self {
            setup,
            folder,
            sealgate: e2e::sealgate().unwrap_or_else(|missing| panic!("{missing}")),
            tls: client_config(&server_ca.pem, Some(&gatekeeper)).unwrap(),
            running: app.start().await.unwrap(),
        }
    }

    /// What all judges say of an image by one policy.
    pub async fn ask(&self, policy: &str, image: &str) -> Verdict {
        let asked = now();
        let began = Instant::now();
        let verdict = self.validate(policy, image).await;
        let took = began.elapsed();
        let (exit, command) = self.verify(policy, image);
        let wasm = match self.setup.trust_stores.is_empty() {
            true => verdict.clone(),
            false => self.judge_in_wasm(policy, image),
        };
        if verdict.get("verified").is_some() {
            assert_eq!(verdict["request"], json!({"policy": policy}));
        }
        let age = verdict["cache"]["ageSeconds"].as_i64().unwrap_or_default();
        let while_judged = asked.seconds() - age - 1..=now().seconds();
        let comparable = |verdict| comparable(verdict, while_judged.clone());
        let own = comparable(&verdict);
        let equal = own == comparable(&command) && own == comparable(&wasm);
        Verdict {
            same: equal || command.get("error").is_some(),
            provider: summary(&verdict),
            command: summary(&command),
            wasm: summary(&wasm),
            verdict,
            exit,
            took,
        }
    }

    /// Asks all judges and adds a row, which holds if they say what is expected, and the same in
    /// every other respect, and the command ends as it should.
    pub async fn expect(
        &self,
        table: &mut Table,
        scenario: &str,
        (policy, image): (&str, &str),
        expected: &str,
    ) -> Value {
        let said = self.ask(policy, image).await;
        let exit = match expected {
            "verified" => 0,
            undecided if undecided.starts_with("undecided") => 2,
            _ => 1,
        };
        let Verdict {
            provider,
            command,
            wasm,
            ..
        } = &said;
        let all = [provider, command, wasm];
        let holds = said.same && said.exit == exit && all.iter().all(|one| *one == expected);
        let seen = match holds {
            true => format!("{provider}, exit {exit}{}", signers(&said.verdict)),
            false => format!(
                "provider {provider}; command {command}, exit {}; wasm {wasm}; equal: {}; {}",
                said.exit, said.same, said.verdict
            ),
        };
        table.row(scenario, expected, &seen, holds, said.took);
        said.verdict
    }

    /// How the command ends that is given these arguments, and what it prints.
    pub fn sealgate(&self, arguments: &[&str]) -> (i32, Output) {
        let mut command = Command::new(&self.sealgate);
        command.args(arguments).env("DOCKER_CONFIG", &self.folder);
        let output = tools::output(&mut command, "", Duration::from_secs(60));
        let output = output.unwrap_or_else(|failed| panic!("{failed}"));
        (output.status.code().unwrap(), output)
    }

    /// The verdict, or the system error, that Gatekeeper gets.
    async fn validate(&self, policy: &str, image: &str) -> Value {
        let request = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": {"keys": [image]},
        });
        let address = self.running.addresses()[0];
        let mut https = Https::connect(address, self.tls.clone()).await.unwrap();
        let path = format!("/v1/validate/{policy}");
        let answer = https.post(&path, request.to_string()).await.unwrap();
        let mut answer: Value = serde_json::from_slice(answer.body()).unwrap();
        let response = answer["response"].take();
        let item = &response["items"][0];
        match item.get("value") {
            Some(verdict) => {
                assert_eq!(item["key"], image);
                verdict.clone()
            }
            None => response,
        }
    }

    /// `sealgate verify`, and how it ended.
    fn verify(&self, policy: &str, image: &str) -> (i32, Value) {
        let file = self.folder.join(format!("policies/{policy}.yaml"));
        self.look(image, &["--policy", &file.display().to_string()])
    }

    /// `sealgate verify` by other means than one of the policies.
    pub fn look(&self, image: &str, by: &[&str]) -> (i32, Value) {
        self.answer(&[&["verify", image, "-o", "json"], by].concat())
    }

    /// What a command answers about images in these registries, by this trust.
    fn answer(&self, command: &[&str]) -> (i32, Value) {
        let mut arguments = command.to_vec();
        for host in &self.setup.plain_http {
            arguments.extend(["--plain-http", host]);
        }
        let root = |(name, file): &(String, PathBuf)| format!("{name}={}", file.display());
        let roots: Vec<_> = self.setup.trust_roots.iter().map(root).collect();
        for root in &roots {
            arguments.extend(["--trust-root", root]);
        }
        let stores = self.folder.join("stores").display().to_string();
        let config = self.folder.join("config.json").display().to_string();
        if !self.setup.trust_stores.is_empty() {
            arguments.extend(["--trust-store", &stores, "--config", &config]);
        }
        let (exit, output) = self.sealgate(&arguments);
        let errors = || json!({"errors": String::from_utf8_lossy(&output.stderr)});
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| errors());
        (exit, answer)
    }

    /// What `sealgate evidence` packs, judged by the module: without any network.
    fn judge_in_wasm(&self, policy: &str, image: &str) -> Value {
        let (_, pack) = self.answer(&["evidence", image]);
        let policies = self.setup.policies.iter();
        let policies: Vec<_> = policies.filter(|(name, _)| name == policy).collect();
        let stores = self.setup.trust_stores.iter();
        let stores: BTreeMap<_, _> = stores.map(|(name, pem)| (name, [pem])).collect();
        let request = json!({
            "image": image,
            "evidence": pack,
            "policies": policies.iter().map(|(_, policy)| policy).collect::<Vec<_>>(),
            "trustStores": stores,
            "now": now(),
        });
        let response = Host::shared().verify(request.to_string().as_bytes());
        let mut response: Value = serde_json::from_slice(&response.unwrap()).unwrap();
        match response["verdict"].take() {
            Value::Null => response,
            verdict => verdict,
        }
    }
}

/// The trust stores in Notation's layout, and for the command that certificates' URLs on loopback
/// may be asked.
fn write_stores(folder: &Path, setup: &Setup) {
    for (name, pem) in &setup.trust_stores {
        let store = folder.join("stores/x509").join(name.replace(':', "/"));
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join("trusted.pem"), pem).unwrap();
    }
    let config = json!({"revocation": {"privateHosts": [LOOPBACK]}});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixTime::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

fn configuration(folder: &Path, setup: &Setup) -> Config {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let registry = |host: &String| Registry {
        host: host.clone(),
        plain_http: true,
        ..Registry::default()
    };
    let root = |(name, file): &(String, PathBuf)| TrustRoot::file(name, file);
    let mut config = Config {
        listeners: vec![Listener {
            address: loopback,
            tls: Tls {
                certificate: folder.join("tls.crt"),
                key: folder.join("tls.key"),
                ..Tls::default()
            },
            client_auth: ClientAuth::Required,
            client_ca: Some(folder.join("client-ca.crt")),
            client_names: vec![GATEKEEPER.to_owned()],
            token_review: None,
        }],
        policies: vec![folder.join("policies")],
        trust_roots: setup.trust_roots.iter().map(root).collect(),
        registries: setup.plain_http.iter().map(registry).collect(),
        ..Config::default()
    };
    if !setup.trust_stores.is_empty() {
        config.trust_stores = Some(folder.join("stores"));
        config.revocation.private_hosts = vec![LOOPBACK.to_owned()];
    }
    config.admin.address = loopback;
    config.audit.output = AuditOutput::File(folder.join("audit.log"));
    config.timeouts.request = Duration::from_secs(20);
    config
}

/// The verdict without what differs by right: where it comes from, the policy's name if it was
/// asked for by name, as the provider is alone, and the revision of the trust that all policies of
/// the judge need, of which the command has but one. Each judge looks at its own clock, and reasons
/// say what it showed: every second of `while_judged` is the same word here.
fn comparable(verdict: &Value, while_judged: RangeInclusive<i64>) -> Value {
    let mut verdict = verdict.clone();
    if let Some(fields) = verdict.as_object_mut() {
        fields.remove("cache");
        fields.remove("trustRevision");
        fields.remove("request");
    }
    let seconds = while_judged.map(|second| UnixTime::from_seconds(second).to_string());
    let text = seconds.fold(verdict.to_string(), |text, second| {
        text.replace(&second, "now")
    });
    text.parse().unwrap()
}

/// A verdict, a system error, or the error of the command line in a few words.
fn summary(verdict: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(code) = text(&verdict["error"]["code"]) {
        return format!("undecided: {code}");
    }
    if let Some(error) = text(&verdict["systemError"]) {
        // `… could not be decided: "KEY": CODE: …`
        let code = error.split("\": ").nth(1);
        let code = code.and_then(|rest| rest.split(':').next());
        return format!("undecided: {}", code.unwrap_or(&error));
    }
    match (verdict["verified"].as_bool(), text(&verdict["outcome"])) {
        (Some(true), Some(outcome)) => outcome,
        (Some(false), Some(outcome)) => {
            let code = text(&verdict["reasons"][0]["code"]);
            format!("{outcome}: {}", code.unwrap_or_default())
        }
        _ => verdict.to_string(),
    }
}

/// Who signed, and how.
fn signers(verdict: &Value) -> String {
    let signers = verdict["signers"].as_array();
    let signers = signers.into_iter().flatten().map(|signer| {
        let part = |name: &str| signer[name].as_str().unwrap_or_default().to_owned();
        format!("; {}, {}", part("format"), part("scheme"))
    });
    signers.collect()
}
