//! The provider fetches what OCSP responders and revocation lists say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use sealgate::collect::RevocationClient;
use sealgate_core::evidence::{NoAnswer, RevocationKind};
use sealgate_core::{Evidence, UnixTime, Verdict};
use sealgate_testkit::notation::revocation::{Crl, Ocsp, Status};
use sealgate_testkit::notation::{Format, NOW};
use sealgate_tests::parity::{self, TrustDocuments};
use tokio::time::Instant;

use crate::scene::{Signer, accepted, refused, strict};

/// What a path answers.
#[derive(Clone)]
enum Says {
    Bytes(Vec<u8>),
    Fails,
    Redirects(String),
    Hangs,
}

/// A service on loopback that counts who asks.
#[derive(Clone, Default)]
struct Service {
    answers: Arc<Mutex<HashMap<String, Says>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start() -> (Self, String) {
        let service = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (service, base)
    }

    fn says(&self, path: &str, says: Says) {
        self.answers.lock().unwrap().insert(path.to_owned(), says);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(service): State<Service>, method: Method, uri: Uri, _: Bytes) -> Response {
    let first = uri
        .path()
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    service
        .asked
        .lock()
        .unwrap()
        .push(format!("{method} {first}"));
    let says = service.answers.lock().unwrap().get(&first).cloned();
    match says {
        Some(Says::Bytes(bytes)) => bytes.into_response(),
        Some(Says::Fails) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Says::Redirects(to)) => Redirect::temporary(&to).into_response(),
        Some(Says::Hangs) => std::future::pending().await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn client() -> RevocationClient {
    RevocationClient::new(["127.0.0.1".to_owned()]).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn complete(client: &RevocationClient, signer: &Signer) -> Evidence {
    let evidence = signer.signed(Format::Jws).evidence().clone();
    let now = UnixTime::from_seconds(NOW);
    client
        .complete(evidence, &signer.trust(), now, soon())
        .await
}

fn judge(evidence: &Evidence, trust: &TrustDocuments) -> Verdict {
    parity::judge(evidence, &strict(), trust, UnixTime::from_seconds(NOW))
}

fn by_ocsp(base: &str) -> Signer {
    Signer::with(|_| {}, |_| {}, |p| p.ocsp = vec![format!("{base}/ocsp")])
}

fn by_both(base: &str) -> Signer {
    Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.ocsp = vec![format!("{base}/ocsp")];
            p.crl = vec![format!("{base}/base")];
        },
    )
}

fn good(signer: &Signer) -> Says {
    let ocsp = Ocsp::new(Status::Good);
    Says::Bytes(ocsp.sign(&signer.leaf, &signer.intermediate, &signer.intermediate))
}

#[tokio::test]
async fn an_ocsp_answer_is_fetched_once_and_kept() {
    let (service, base) = Service::start().await;
    let signer = by_ocsp(&base);
    service.says("ocsp", good(&signer));
    let client = client();
    for _ in 0..3 {
        let evidence = complete(&client, &signer).await;
        assert_eq!(evidence.revocation.len(), 1);
        accepted(&judge(&evidence, &signer.trust()));
    }
    assert_eq!(service.asked(), ["GET ocsp"]);
}

#[tokio::test]
async fn a_hundred_at_once_ask_once() {
    let (service, base) = Service::start().await;
    let signer = by_ocsp(&base);
    service.says("ocsp", good(&signer));
    let client = client();
    let all = (0..100).map(|_| complete(&client, &signer));
    for evidence in futures::future::join_all(all).await {
        assert!(evidence.revocation[0].outcome.is_ok());
    }
    assert_eq!(service.asked(), ["GET ocsp"]);
}

#[tokio::test]
async fn lists_and_deltas_follow_where_ocsp_fails() {
    let (service, base) = Service::start().await;
    let signer = by_both(&base);
    let list = Crl::new(Vec::new()).with(|c| c.delta_urls = vec![format!("{base}/delta")]);
    let delta = Crl::new(Vec::new()).with(|c| {
        c.number = 11;
        c.base_number = Some(10);
    });
    service.says("ocsp", Says::Fails);
    service.says("base", Says::Bytes(list.sign(&signer.intermediate)));
    service.says("delta", Says::Bytes(delta.sign(&signer.intermediate)));
    let evidence = complete(&client(), &signer).await;
    accepted(&judge(&evidence, &signer.trust()));
    assert_eq!(service.asked(), ["GET ocsp", "GET base", "GET delta"]);
    let kinds: Vec<_> = evidence
        .revocation
        .iter()
        .map(|answer| answer.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            RevocationKind::Ocsp,
            RevocationKind::Crl,
            RevocationKind::Crl
        ]
    );
}

#[tokio::test]
async fn whatever_fails_is_recorded_and_left_to_the_level() {
    let (service, base) = Service::start().await;
    for (says, expected) in [
        (Says::Fails, "500"),
        (Says::Redirects(format!("{base}/elsewhere")), "307"),
        (Says::Bytes(vec![0; 30_000]), "more than the 20480 bytes"),
        (Says::Hangs, "no answer within 2 s"),
    ] {
        let signer = by_ocsp(&base);
        service.says("ocsp", says);
        let evidence = complete(&client(), &signer).await;
        let NoAnswer(why) = evidence.revocation[0].outcome.as_ref().unwrap_err();
        assert!(why.contains(expected), "{why}");
        refused(&judge(&evidence, &signer.trust()), "revocation_unknown");
    }
    assert!(
        !service
            .asked()
            .iter()
            .any(|asked| asked.ends_with("elsewhere"))
    );
}

#[tokio::test]
async fn the_callers_deadline_ends_the_wait() {
    let (service, base) = Service::start().await;
    let signer = by_ocsp(&base);
    service.says("ocsp", Says::Hangs);
    let evidence = signer.signed(Format::Jws).evidence().clone();
    let deadline = Instant::now() + Duration::from_millis(50);
    let now = UnixTime::from_seconds(NOW);
    let evidence = client()
        .complete(evidence, &signer.trust(), now, deadline)
        .await;
    let NoAnswer(why) = evidence.revocation[0].outcome.as_ref().unwrap_err();
    assert_eq!(why, "no answer before the deadline");
}

/// A certificate of a trusted authority names a responder inside the cluster.
#[tokio::test]
async fn private_addresses_are_not_reached_unless_listed_cve_2026_4789() {
    let (service, base) = Service::start().await;
    let port = base.rsplit(':').next().unwrap();
    let client = RevocationClient::new([]).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let signer = by_ocsp(&format!("http://{host}:{port}"));
        let evidence = complete(&client, &signer).await;
        let NoAnswer(why) = evidence.revocation[0].outcome.as_ref().unwrap_err();
        assert!(why.contains("address"), "{host}: {why}");
    }
    assert!(service.asked().is_empty());
}
