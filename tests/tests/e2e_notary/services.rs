//! Whom signers and verifiers ask: a timestamp authority, and one who lists revoked certificates.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use sealgate_tests::e2e::{Process, free_port, http_ok};
use sealgate_tests::https;
use sealgate_tests::tools::find;

/// The real timestamp server.
pub struct TimestampServer {
    pub url: String,
    /// Its root, PEM.
    pub root: String,
    _process: Process,
}

impl TimestampServer {
    pub async fn start(folder: &Path) -> Self {
        let port = free_port().unwrap();
        let mut command = Command::new(find("timestamp-server").unwrap());
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--timestamp-signer", "memory", "--disable-ntp-monitoring"]);
        // Trust stores hold roots only, so the token must bring the rest.
        command.arg("--include-chain-in-response");
        let mut process = Process::start("tsa", &mut command, folder).unwrap();
        let ready = process.ready(Duration::from_secs(30), || http_ok(port, "/ping"));
        ready.unwrap_or_else(|failed| panic!("{failed}"));
        let address = ([127, 0, 0, 1], port).into();
        let chain = https::get(address, "/api/v1/timestamp/certchain").await;
        let chain = String::from_utf8(chain.unwrap().1.to_vec()).unwrap();
        let (_, root) = chain.rsplit_once("-----BEGIN").unwrap();
        Self {
            url: format!("http://127.0.0.1:{port}/api/v1/timestamp"),
            root: format!("-----BEGIN{root}"),
            _process: process,
        }
    }
}

type Answers = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Revocation lists and OCSP answers by path, over plain HTTP as everywhere.
pub struct RevocationService {
    base: String,
    answers: Answers,
}

impl RevocationService {
    pub async fn start() -> Self {
        let answers = Answers::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, answers }
    }

    /// The URL of an answer that [`says`](Self::says) will give.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    pub fn says(&self, name: &str, answer: Vec<u8>) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(name.to_owned(), answer);
    }
}

/// OCSP requests by GET add to the path.
async fn answer(State(answers): State<Answers>, uri: Uri) -> Response {
    let name = uri.path().split('/').nth(1).unwrap_or_default();
    match answers.lock().unwrap().get(name) {
        Some(answer) => answer.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
