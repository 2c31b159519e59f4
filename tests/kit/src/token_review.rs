//! An API server as far as TokenReviews go: `POST /apis/authentication.k8s.io/v1/tokenreviews`
//! over TLS, for tests that want it to fail, or to be asked about accounts that do not exist.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{Response, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::https::Identity;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Truthful,
    /// As one whose authenticator knows no audiences: tokens are good for anybody.
    WithoutAudiences,
    /// Never.
    Silent,
    /// With this status, and no review.
    Status(u16),
    /// With something that is no review.
    Garbage,
    /// With more than anybody wants to read.
    Endless,
}

/// What it knows and does.
#[derive(Debug)]
struct State {
    manner: Manner,
    /// The token of the one who may ask.
    reviewer: String,
    accounts: HashMap<String, (String, Vec<String>)>,
}

/// The running server. Dropping it closes its port.
#[derive(Debug)]
pub struct TokenReviewServer {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    state: Arc<Mutex<State>>,
    asked: Arc<AtomicUsize>,
    tls: Arc<Mutex<Arc<ServerConfig>>>,
    _server: JoinSet<()>,
}

impl TokenReviewServer {
    /// Starts it with this certificate. Only the holder of the token `reviewer` may ask.
    ///
    /// # Errors
    /// If there is no port, or no certificate.
    pub async fn start(identity: &Identity, reviewer: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let url = format!("https://{}", listener.local_addr()?);
        let tls = Arc::new(Mutex::new(config(identity)?));
        let asked = Arc::new(AtomicUsize::new(0));
        let state = Arc::new(Mutex::new(State {
            manner: Manner::Truthful,
            reviewer: reviewer.to_owned(),
            accounts: HashMap::new(),
        }));
        let (knows, counts, shown) = (state.clone(), asked.clone(), tls.clone());
        let router = Router::new().fallback(async move |request| {
            counts.fetch_add(1, Ordering::SeqCst);
            respond(request, &knows).await
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(lock(&shown).clone());
                open.spawn(serve(stream, acceptor, router.clone()));
            }
        });
        Ok(Self {
            url,
            state,
            asked,
            tls,
            _server: server,
        })
    }

    /// Makes a token known, of a user and for audiences.
    pub fn account(&self, token: &str, user: &str, audiences: &[&str]) {
        let audiences = audiences.iter().map(|&one| one.to_owned()).collect();
        let account = (user.to_owned(), audiences);
        lock(&self.state).accounts.insert(token.to_owned(), account);
    }

    /// Withdraws a token.
    pub fn withdraw(&self, token: &str) {
        lock(&self.state).accounts.remove(token);
    }

    /// Answers in another manner from now on.
    pub fn answer(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    /// Lets another token ask, and the one before no more.
    pub fn reviewer(&self, token: &str) {
        lock(&self.state).reviewer = token.to_owned();
    }

    /// Shows another certificate from the next connection on.
    ///
    /// # Errors
    /// If it is none.
    pub fn certify(&self, identity: &Identity) -> io::Result<()> {
        *lock(&self.tls) = config(identity)?;
        Ok(())
    }

    /// How many requests there have been.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn respond(request: Request, state: &Mutex<State>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization").cloned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
    let review: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    let manner = lock(state).manner;
    let (status, body) = match manner {
        Manner::Silent => std::future::pending().await,
        Manner::Status(status) => (status, r#"{"kind":"Status"}"#.to_owned()),
        Manner::Garbage => (201, format!("no review of {}", review["spec"]["token"])),
        Manner::Endless => (201, " ".repeat(8 << 20)),
        Manner::Truthful | Manner::WithoutAudiences => {
            let state = lock(state);
            let own = authorization.and_then(|value| Some(value.to_str().ok()?.to_owned()));
            match own == Some(format!("Bearer {}", state.reviewer)) {
                false => (401, r#"{"kind":"Status","code":401}"#.to_owned()),
                true if path != "/apis/authentication.k8s.io/v1/tokenreviews" => {
                    (404, r#"{"kind":"Status","code":404}"#.to_owned())
                }
                true => (201, reviewed(&state, review).to_string()),
            }
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// The same object with its status, as the API server returns it: with the token in it.
fn reviewed(state: &State, mut review: Value) -> Value {
    let token = review["spec"]["token"].as_str().unwrap_or_default();
    let asked: Vec<_> = review["spec"]["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let status = match state.accounts.get(token) {
        None => json!({"error": format!("[invalid bearer token {token}]")}),
        Some((user, audiences)) => {
            let both = audiences.iter().filter(|one| asked.contains(&&json!(one)));
            let both: Vec<_> = both.collect();
            match (state.manner, both.is_empty()) {
                (Manner::WithoutAudiences, _) => {
                    json!({"authenticated": true, "user": {"username": user}})
                }
                (_, true) => json!({"error": "token audiences are invalid for the target"}),
                (_, false) => json!({
                    "authenticated": true,
                    "user": {"username": user, "groups": ["system:authenticated"]},
                    "audiences": both,
                }),
            }
        }
    };
    review["status"] = status;
    review
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    // A client that cannot shake hands, or goes away, is no event here.
    if let Ok(stream) = acceptor.accept(stream).await {
        let service = TowerToHyperService::new(router);
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connection.await.ok();
    }
}

fn config(identity: &Identity) -> io::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
    let chain = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(Arc::new(config))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
