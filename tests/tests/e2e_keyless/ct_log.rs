//! A certificate transparency log, as far as Fulcio needs one: it promises to log what it is
//! shown (RFC 6962 section 4.2), and logs nothing.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::UnixTime;
use sealgate_testkit::key::Kind;
use sealgate_testkit::sigstore::log::Log;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// The extension that makes a certificate a precertificate (RFC 6962 section 3.1).
const POISON: &str = "1.3.6.1.4.1.11129.2.4.3";

/// Version, log id, time and no extensions: what precedes the signature in a timestamp.
const BEFORE_SIGNATURE: usize = 1 + 32 + 8 + 2;

/// A running log. Dropping it closes its port.
pub struct CtLog {
    log: Arc<Log>,
    _server: JoinSet<()>,
}

#[derive(Deserialize)]
struct Chain {
    chain: Vec<String>,
}

impl CtLog {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Log::new(Kind::P256, &url));
        let router = Router::new()
            .route("/ct/v1/add-pre-chain", post(promise))
            .with_state(log.clone());
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap() });
        Self {
            log,
            _server: server,
        }
    }

    pub fn url(&self) -> &str {
        &self.log.url
    }

    /// Its public key, PEM.
    pub fn pem(&self) -> String {
        self.log.key.public_pem()
    }
}

/// A signed certificate timestamp of the first certificate, which the second will issue.
async fn promise(State(log): State<Arc<Log>>, body: String) -> String {
    let Chain { chain } = serde_json::from_str(&body).unwrap();
    let certificate = |text: &String| {
        let der = STANDARD.decode(text).unwrap();
        Certificate::from_der(&der).unwrap()
    };
    let mut promised = certificate(&chain[0]).tbs_certificate;
    let extensions = promised.extensions.as_mut().unwrap();
    let all = extensions.len();
    extensions.retain(|extension| extension.extn_id.to_string() != POISON);
    assert_eq!(extensions.len(), all - 1, "one precertificate");
    let issuer = certificate(&chain[1]).tbs_certificate;
    let issuer = issuer.subject_public_key_info.to_der().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = UnixTime::from_seconds(now.as_secs().try_into().unwrap());
    let sct = log.sct(&promised.to_der().unwrap(), &issuer, now, &[]);
    json!({
        "sct_version": 0,
        "id": STANDARD.encode(&log.id),
        "timestamp": now.seconds() * 1000,
        "extensions": "",
        "signature": STANDARD.encode(&sct[BEFORE_SIGNATURE..]),
    })
    .to_string()
}
