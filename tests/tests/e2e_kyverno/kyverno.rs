//! `kyverno apply POLICY --resource OBJECT`, with the policies of `manifests/kyverno/policies`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sealgate_tests::e2e::{Manifests, Table};
use sealgate_tests::tools::{find, output};
use serde_json::{Value, json};

/// The two kinds of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Validating,
    Cluster,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Validating, Kind::Cluster];

/// The tokens that Kyverno shows.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// What is mounted into its Pod, which ClusterPolicies send.
    pub(crate) own: String,
    /// What is in the Secret `kyverno/sealgate-token`, which the ValidatingPolicy sends.
    pub(crate) secret: String,
}

/// Kyverno's command line.
#[derive(Debug)]
pub(crate) struct Kyverno {
    folder: PathBuf,
    /// What the provider is known by.
    ca: PathBuf,
    caller: Caller,
    validating: String,
    cluster: String,
}

/// What Kyverno did with an object.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `pass`, `fail` or `error`, each rule that looked at it.
    results: Vec<String>,
    messages: String,
    exit: Option<i32>,
    took: Duration,
}

/// What is to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect<'a> {
    Passes,
    /// Refused, in a message that says this.
    Refused(&'a str),
}

impl Kyverno {
    pub(crate) fn new(folder: &Path, manifests: &Manifests, url: &str, caller: Caller) -> Self {
        let shipped = |name: &str| {
            let policy = std::fs::read_to_string(manifests.path("kyverno").join(name)).unwrap();
            assert!(policy.contains(SHIPPED), "{name} asks {SHIPPED}");
            policy.replace(SHIPPED, url)
        };
        let mut kyverno = Self {
            folder: folder.to_owned(),
            ca: manifests.path("base/tls/ca.crt"),
            caller,
            validating: shipped("policies/validatingpolicy.yaml"),
            cluster: shipped("policies/clusterpolicy.yaml"),
        };
        let ca = kyverno.ca.clone();
        kyverno.trust(&ca);
        kyverno
    }

    /// Shows other tokens.
    pub(crate) fn show(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// Trusts another certificate authority.
    pub(crate) fn trust(&mut self, ca: &Path) {
        self.ca = ca.to_owned();
        let pem = std::fs::read_to_string(ca).unwrap();
        let mut policy: Value = serde_norway::from_str(&self.cluster).unwrap();
        // In a cluster it comes from a Secret; the command line has no cluster to read it from.
        let context = policy["spec"]["rules"][0]["context"]
            .as_array_mut()
            .unwrap();
        context.retain(|entry| entry["name"] != "ca");
        let answer = context.iter_mut().find(|entry| entry["name"] == "answer");
        answer.unwrap()["apiCall"]["service"]["caBundle"] = pem.into();
        self.cluster = policy.to_string();
    }

    /// Applies a policy, and adds a row to the table.
    pub(crate) fn expect(
        &self,
        table: &mut Table,
        kind: Kind,
        scenario: &str,
        object: &Value,
        expect: Expect<'_>,
    ) {
        let outcome = self.apply(kind, object);
        let holds = match expect {
            Expect::Passes => outcome.passed(),
            Expect::Refused(said) => outcome.refused() && outcome.messages.contains(said),
        };
        let scenario = format!("{kind}: {scenario}");
        let expected = expect.to_string();
        table.row(
            &scenario,
            &expected,
            &outcome.to_string(),
            holds,
            outcome.took,
        );
    }

    fn apply(&self, kind: Kind, object: &Value) -> Outcome {
        let began = Instant::now();
        let write = |name: &str, content: &str| {
            let path = self.folder.join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let policy = match kind {
            Kind::Validating => write("policy.yaml", &self.validating),
            Kind::Cluster => write("policy.yaml", &self.cluster),
        };
        // JSON is YAML.
        let resource = write("resource.yaml", &object.to_string());
        let context = write("context.yaml", &self.context().to_string());
        let token = write("own-token", &self.caller.own);
        let mut command = Command::new(find("kyverno").unwrap());
        command.arg("apply").arg(policy);
        command.arg("--resource").arg(resource);
        if kind == Kind::Validating {
            command.arg("--context-file").arg(context);
        }
        command
            .args(["--policy-report", "--output-format", "json"])
            .env("HOME", &self.folder)
            // Loopback is on its block list.
            .env("FLAG_HTTP_BLOCKLIST", "169.254.169.254/32")
            .env("SSL_CERT_FILE", &self.ca)
            .env("KYVERNO_SCOPED_TOKEN_PATH", token);
        let output = output(&mut command, "", Duration::from_secs(120)).unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Outcome::new(&said, output.status.code(), began.elapsed())
    }

    /// What the cluster has in store for ValidatingPolicies.
    fn context(&self) -> Value {
        use base64::Engine;
        let token = base64::engine::general_purpose::STANDARD.encode(&self.caller.secret);
        json!({
            "apiVersion": "cli.kyverno.io/v1alpha1",
            "kind": "Context",
            "metadata": {"name": "context"},
            "spec": {"resources": [{
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "sealgate-token", "namespace": "kyverno"},
                "data": {"token": token},
            }]},
        })
    }
}

/// The provider's address in the shipped policies.
const SHIPPED: &str = "https://sealgate.sealgate.svc/v1/verify";

impl Outcome {
    /// Reads the report, which the command line prints among other things.
    fn new(said: &str, exit: Option<i32>, took: Duration) -> Self {
        let report = said.lines().find(|line| line.starts_with('{'));
        let report: Value = report
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_default();
        let results = report["results"].as_array().cloned().unwrap_or_default();
        let text = |field: &str| {
            let fields = results.iter().filter_map(|result| result[field].as_str());
            fields.map(str::to_owned).collect::<Vec<_>>()
        };
        let messages = match results.is_empty() {
            true => format!("no report: {said}"),
            false => text("message").join("; "),
        };
        Self {
            results: text("result"),
            messages,
            exit,
            took,
        }
    }

    fn passed(&self) -> bool {
        self.exit == Some(0) && !self.results.is_empty() && self.results.iter().all(|r| r == "pass")
    }

    /// By a policy that failed, or could not be evaluated, which `failurePolicy: Fail` and
    /// `failureAction: Enforce` make refusals in a cluster.
    fn refused(&self) -> bool {
        let refusal = |result: &String| result == "fail" || result == "error";
        self.exit == Some(1) && !self.results.is_empty() && self.results.iter().all(refusal)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.results.join(", "))?;
        match self.messages.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", self.messages),
        }
    }
}

impl fmt::Display for Expect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes => f.write_str("pass"),
            Self::Refused(said) => write!(f, "refused: …{said}…"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validating => "ValidatingPolicy",
            Self::Cluster => "ClusterPolicy",
        })
    }
}

/// A Pod with one container.
pub(crate) fn pod(image: &str) -> Value {
    pod_of(json!({"containers": [{"name": "app", "image": image}]}))
}

/// A Pod.
pub(crate) fn pod_of(spec: Value) -> Value {
    object("v1", "Pod", spec)
}

/// An object in the namespace `prod`.
pub(crate) fn object(api_version: &str, kind: &str, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "app", "namespace": "prod"},
    });
    object["spec"] = spec;
    object
}
