//! Callers without a certificate: a provider that has their tokens reviewed by the API server.

use std::path::Path;
use std::time::{Duration, Instant};

use sealgate_testkit::https::client_config;
use sealgate_tests::e2e::{Provider, ProviderOptions, Table};
use serde_json::{Value, json};

use crate::world::World;

const NAMESPACE: &str = "gatekeeper-system";

pub(crate) async fn run(world: &World, table: &mut Table) {
    let image = world.signed("asked-with-a-token");
    for account in ["caller", "somebody-else"] {
        let create = ["create", "serviceaccount", account, "-n", NAMESPACE];
        world.kubectl().must(&create).unwrap();
    }
    let folder = world.manifests.path("../tokens");
    std::fs::create_dir_all(&folder).unwrap();
    let provider = start(world, &folder);
    let caller = Caller::new(world, &provider, image);

    let mine = token(world, "caller", "sealgate");
    let row = "token, while sealgate may not review it";
    caller
        .expect(table, row, Some(&mine), 503, "token_not_reviewed")
        .await;
    let account = format!("{NAMESPACE}:sealgate");
    let bind = ["create", "clusterrolebinding", "sealgate-token-review"];
    let to = [
        "--clusterrole=system:auth-delegator",
        "--serviceaccount",
        &account,
    ];
    world.kubectl().must(&[&bind[..], &to].concat()).unwrap();
    caller.admitted(table, &mine).await;

    let other = token(world, "caller", "vault");
    let theirs = token(world, "somebody-else", "sealgate");
    let unknown = "token_not_authenticated";
    for (scenario, token, status, code) in [
        ("no token", None, 401, "token_missing"),
        ("token for another audience", Some(&*other), 401, unknown),
        (
            "token of another account",
            Some(&*theirs),
            403,
            "token_user_not_allowed",
        ),
        ("garbage for a token", Some("garbage"), 401, unknown),
    ] {
        caller.expect(table, scenario, token, status, code).await;
    }
    table.no_token_logged(&provider, "not answered");
}

fn token(world: &World, account: &str, audience: &str) -> String {
    let create = [
        "create",
        "token",
        account,
        "-n",
        NAMESPACE,
        "--audience",
        audience,
    ];
    world.kubectl().must(&create).unwrap()
}

/// A second provider, whose listener takes tokens.
fn start(world: &World, folder: &Path) -> Provider {
    let own = ["create", "token", "sealgate", "-n", NAMESPACE];
    let token_file = folder.join("token");
    std::fs::write(&token_file, world.kubectl().must(&own).unwrap()).unwrap();
    let options = ProviderOptions {
        tls: world.manifests.path("base/tls"),
        client_ca: None,
        policies: world.manifests.path("base/policies"),
        trust_stores: Some(world.trust_stores.clone()),
        plain_http: vec![world.distribution.host().to_owned()],
        token_review: Some(json!({
            "audiences": ["sealgate"],
            "users": [format!("system:serviceaccount:{NAMESPACE}:caller")],
            "apiServer": world.control_plane.url(),
            "ca": world.control_plane.ca(),
            "tokenFile": token_file,
        })),
    };
    Provider::start(folder, &options).unwrap()
}

struct Caller {
    client: reqwest::Client,
    url: String,
    image: String,
}

impl Caller {
    fn new(world: &World, provider: &Provider, image: String) -> Self {
        let ca = std::fs::read_to_string(world.manifests.path("base/tls/ca.crt")).unwrap();
        let tls = client_config(&ca, None).unwrap();
        let client = reqwest::Client::builder().tls_backend_preconfigured((*tls).clone());
        Self {
            client: client.no_proxy().build().unwrap(),
            url: format!("{}/v1/verify", provider.url()),
            image,
        }
    }

    /// The status, and the answer, and the time it took.
    async fn ask(&self, token: Option<&str>) -> (u16, Value, Duration) {
        let began = Instant::now();
        let request = self.client.post(&self.url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.json(&json!({"images": [self.image]})).send().await;
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap(), began.elapsed())
    }

    async fn expect(
        &self,
        table: &mut Table,
        scenario: &str,
        token: Option<&str>,
        status: u16,
        code: &str,
    ) {
        let (seen, answer, took) = self.ask(token).await;
        let holds = seen == status && answer["error"]["code"] == code;
        let seen = format!("{seen} {answer}");
        table.row(scenario, &format!("{status} {code}"), &seen, holds, took);
    }

    async fn admitted(&self, table: &mut Table, token: &str) {
        let (status, answer, took) = self.ask(Some(token)).await;
        let holds = status == 200 && answer["verdicts"][0]["verified"] == true;
        let seen = if holds {
            "200, verified"
        } else {
            &answer.to_string()
        };
        let scenario = "token of a listed account, made by kubectl create token";
        table.row(scenario, "200, verified", seen, holds, took);
    }
}
