//! A server in a provider's place that answers what a test wants, to see what Gatekeeper and the
//! constraint make of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Authority, E2eError, Names};

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status and body.
    Body(StatusCode, String),
    /// Nothing, ever.
    Silence,
}

/// A running server. Dropping it closes its port.
#[derive(Debug)]
pub struct StandIn {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl StandIn {
    /// Starts it with a certificate of `authority`. `answer` gets the path and the keys.
    ///
    /// # Errors
    /// If there is no port, or no certificate.
    pub async fn start(
        authority: &Authority,
        folder: &Path,
        answer: fn(&str, &[String]) -> Reply,
    ) -> Result<Self, E2eError> {
        let acceptor = acceptor(authority, folder)?;
        let bound = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
        let listener = bound.map_err(E2eError::io("listen"))?;
        let address = listener.local_addr().map_err(E2eError::io("listen"))?;
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let requests = Arc::new(AtomicUsize::new(0));
        let asked = requests.clone();
        let router = Router::new().fallback(async move |request| {
            asked.fetch_add(1, Ordering::Relaxed);
            respond(request, answer).await
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                open.spawn(serve(stream, acceptor.clone(), router.clone()));
            }
        });
        Ok(Self {
            url: format!("https://{address}"),
            connections,
            requests,
            _server: server,
        })
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many requests there have been.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn respond(request: Request, answer: fn(&str, &[String]) -> Reply) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
    let request: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    let keys = request.pointer("/request/keys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten().filter_map(Value::as_str);
    let keys: Vec<_> = keys.map(str::to_owned).collect();
    match answer(&path, &keys) {
        Reply::Body(status, body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response
        }
        Reply::Silence => std::future::pending().await,
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    // A client that cannot shake hands, or goes away, is no event here.
    if let Ok(stream) = acceptor.accept(stream).await {
        let service = TowerToHyperService::new(router);
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connection.await.ok();
    }
}

fn acceptor(authority: &Authority, folder: &Path) -> Result<TlsAcceptor, E2eError> {
    let names = Names {
        common: "stand-in",
        alternatives: &["127.0.0.1"],
        ..Names::default()
    };
    let pair = authority.issue(names, folder, "stand-in")?;
    let invalid = |error: &dyn std::error::Error| E2eError::Io {
        what: "the stand-in's certificate".to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let certificate =
        CertificateDer::from_pem_file(pair.certificate).map_err(|error| invalid(&error))?;
    let key = PrivateKeyDer::from_pem_file(pair.key).map_err(|error| invalid(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
        })
        .map_err(|error| invalid(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
