//! Callers that show a token in place of a certificate.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sealgate::config::{ClientAuth, TokenReview};
use sealgate::{App, Config};
use sealgate_testkit::https::{self, Authority, Https};
use sealgate_testkit::token_review::{Manner, TokenReviewServer};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tracing::dispatcher::Dispatch;

use crate::world::World;

const KYVERNO: &str = "system:serviceaccount:kyverno:kyverno-admission-controller";
const TOKEN: &str = "kyvernos-token.which-nobody.may-see";
const OWN: &str = "our-own-token";

struct Cluster {
    world: World,
    api: TokenReviewServer,
    ca: Authority,
}

/// What a caller gets.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    challenge: Option<String>,
    body: String,
}

impl Cluster {
    /// With one account that may ask, whose token is [`TOKEN`].
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With another configuration than the usual.
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let ca = Authority::new("cluster CA").unwrap();
        let identity = ca.issue(&["127.0.0.1"]).unwrap();
        let api = TokenReviewServer::start(&identity, OWN).await.unwrap();
        api.account(TOKEN, KYVERNO, &["sealgate", "other"]);
        let world = World::with(|config| {
            let folder = config.listeners[0].tls.key.parent().unwrap().to_owned();
            std::fs::write(folder.join("cluster-ca.crt"), &ca.pem).unwrap();
            std::fs::write(folder.join("own-token"), format!("{OWN}\n")).unwrap();
            let review = TokenReview {
                audiences: vec!["sealgate".to_owned()],
                users: vec![KYVERNO.to_owned()],
                api_server: Some(api.url.clone()),
                ca: folder.join("cluster-ca.crt"),
                token_file: folder.join("own-token"),
                ..TokenReview::default()
            };
            token_listener(config, review);
            change(config);
        });
        let world = world.await;
        Self { world, api, ca }
    }

    /// Asks with these values of `Authorization`.
    async fn ask(&self, route: &str, authorization: &[&str], body: &Value) -> Answer {
        let tls = https::client_config(&self.world.server_ca.pem, None).unwrap();
        let mut https = Https::connect(self.world.address(), tls).await.unwrap();
        let mut request = Request::post(route).header("host", "localhost");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string())));
        let response = https.send(request.unwrap()).await.unwrap();
        let challenge = response.headers().get("www-authenticate");
        Answer {
            status: response.status(),
            challenge: challenge.map(|value| value.to_str().unwrap().to_owned()),
            body: String::from_utf8(response.body().to_vec()).unwrap(),
        }
    }

    /// Asks for a verdict with this token.
    async fn verify(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.ask(
            "/v1/verify",
            &[&bearer],
            &json!({"images": ["localhost:1/nothing"]}),
        )
        .await
    }
}

fn token_listener(config: &mut Config, review: TokenReview) {
    let listener = &mut config.listeners[0];
    listener.client_auth = ClientAuth::None;
    listener.client_ca = None;
    listener.client_names.clear();
    listener.token_review = Some(review);
}

impl Answer {
    /// It is a refusal with this status and code, and says how to authenticate if need be.
    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["error"]["code"], code, "{self:?}");
        assert!(body.get("verdicts").is_none(), "{self:?}");
        let challenge = (status == 401).then_some("Bearer realm=\"sealgate\"");
        assert_eq!(self.challenge.as_deref(), challenge);
        assert!(!self.body.contains(TOKEN), "{self:?}");
    }
}

#[tokio::test]
async fn the_token_of_a_listed_user_opens_the_door() {
    let cluster = Cluster::new().await;
    let image = cluster.world.signed("app", "1");
    let images = json!({"images": [image.tagged("1")]});
    for _ in 0..3 {
        let bearer = format!("Bearer {TOKEN}");
        let answer = cluster.ask("/v1/verify", &[&bearer], &images).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["verdicts"][0]["verified"], true, "{body}");
    }
    assert_eq!(cluster.api.asked(), 1, "the answer is kept");
}

#[tokio::test]
async fn without_a_token_nothing_is_answered_on_any_route() {
    let cluster = Cluster::new().await;
    for route in ["/v1/verify", "/v1/evidence"] {
        let body = json!({"images": ["localhost:1/nothing"]});
        cluster
            .ask(route, &[], &body)
            .await
            .refused(401, "token_missing");
    }
    for route in ["/v1/validate", "/v1/validate/production", "/v1/mutate"] {
        let answer = cluster
            .ask(route, &[], &json!({"request": {"keys": ["a"]}}))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let error = body["response"]["systemError"].as_str().unwrap();
        assert!(error.contains("Authorization: Bearer"), "{error}");
        assert!(body["response"].get("items").is_none());
    }
    assert_eq!(cluster.api.asked(), 0, "nobody is bothered");
}

#[tokio::test]
async fn a_header_that_is_no_single_bearer_token_is_refused() {
    let cluster = Cluster::new().await;
    let (bearer, body) = (format!("Bearer {TOKEN}"), json!({"images": ["a"]}));
    for values in [
        &["Basic dXNlcjpwYXNz"][..],
        &["Bearer"],
        &["Bearer a b"],
        &[&bearer, "Bearer other"],
        &[&bearer, &bearer],
    ] {
        let answer = cluster.ask("/v1/verify", values, &body).await;
        answer.refused(401, "token_malformed");
    }
    assert_eq!(cluster.api.asked(), 0);
}

#[tokio::test]
async fn tokens_that_are_forged_for_others_or_of_others_are_refused() {
    let cluster = Cluster::new().await;
    let api = &cluster.api;
    api.account("for-another-audience", KYVERNO, &["other"]);
    api.account(
        "of-another",
        "system:serviceaccount:default:kyverno-admission-controller",
        &["sealgate"],
    );
    api.account("of-nobody", "", &["sealgate"]);
    cluster
        .verify("made-up")
        .await
        .refused(401, "token_not_authenticated");
    let other = cluster.verify("for-another-audience").await;
    other.refused(401, "token_not_authenticated");
    assert!(
        other.body.contains("sealgate"),
        "the message names what is expected: {other:?}"
    );
    let other = cluster.verify("of-another").await;
    other.refused(403, "token_user_not_allowed");
    assert!(other.body.contains("serviceaccount:default"), "{other:?}");
    cluster
        .verify("of-nobody")
        .await
        .refused(403, "token_user_not_allowed");
}

#[tokio::test]
async fn an_api_server_that_ignores_audiences_admits_nobody() {
    let cluster = Cluster::new().await;
    cluster.api.answer(Manner::WithoutAudiences);
    cluster
        .verify(TOKEN)
        .await
        .refused(401, "token_wrong_audience");
}

#[tokio::test]
async fn an_api_server_that_fails_admits_nobody_and_is_asked_again() {
    let cluster = Cluster::new().await;
    let mut asked = 0;
    for (manner, said) in [
        (Manner::Silent, "timeout"),
        (Manner::Status(403), "system:auth-delegator"),
        (Manner::Status(500), "expected 201"),
        (Manner::Status(307), "expected 201"),
        (Manner::Garbage, "no TokenReview"),
        (Manner::Endless, "bytes"),
    ] {
        cluster.api.answer(manner);
        let answer = cluster.verify(TOKEN).await;
        answer.refused(503, "token_not_reviewed");
        assert!(answer.body.contains(said), "{manner:?}: {answer:?}");
        asked += 1;
        assert_eq!(cluster.api.asked(), asked, "failures are not kept");
    }
    cluster.api.answer(Manner::Truthful);
    // The image cannot be had; the caller is known.
    let answer = cluster.verify(TOKEN).await;
    assert!(answer.body.contains("\"undecided\""), "{answer:?}");
}

#[tokio::test]
async fn an_api_server_that_is_gone_or_somebody_else_admits_nobody() {
    let Cluster { world, api, ca } = Cluster::new().await;
    let stranger = Authority::new("stranger").unwrap();
    api.certify(&stranger.issue(&["127.0.0.1"]).unwrap())
        .unwrap();
    let cluster = Cluster { world, api, ca };
    let answer = cluster.verify(TOKEN).await;
    answer.refused(503, "token_not_reviewed");
    assert_eq!(cluster.api.asked(), 0, "a stranger gets no token to see");
    // A renewed authority is read without a restart.
    cluster.world.write("cluster-ca.crt", &stranger.pem);
    let answer = cluster.verify(TOKEN).await;
    assert!(answer.body.contains("\"undecided\""), "{answer:?}");
    // A broken file is not: the last good one stays.
    cluster.world.write("cluster-ca.crt", "nothing");
    cluster
        .verify("made-up")
        .await
        .refused(401, "token_not_authenticated");

    let Cluster { world, api, ca } = cluster;
    let url = api.url.clone();
    drop(api);
    let identity = ca.issue(&["127.0.0.1"]).unwrap();
    let api = TokenReviewServer::start(&identity, OWN).await.unwrap();
    assert_ne!(api.url, url);
    let cluster = Cluster { world, api, ca };
    cluster
        .verify("another")
        .await
        .refused(503, "token_not_reviewed");
}

#[tokio::test]
async fn our_own_token_is_read_anew_for_every_review() {
    let cluster = Cluster::new().await;
    cluster.api.reviewer("rotated");
    let answer = cluster.verify(TOKEN).await;
    answer.refused(503, "token_not_reviewed");
    assert!(answer.body.contains("tokenFile"), "{answer:?}");
    cluster.world.write("own-token", "rotated");
    let answer = cluster.verify(TOKEN).await;
    assert!(answer.body.contains("\"undecided\""), "{answer:?}");
}

#[tokio::test]
async fn answers_are_kept_for_a_short_time_only() {
    let cluster = Cluster::new().await;
    let clock = &cluster.world.clock;
    let known = |answer: &Answer| answer.body.contains("\"undecided\"");
    assert!(known(&cluster.verify(TOKEN).await));
    cluster.api.withdraw(TOKEN);
    clock.advance(59);
    assert!(known(&cluster.verify(TOKEN).await), "still kept");
    assert_eq!(cluster.api.asked(), 1);
    clock.advance(1);
    cluster
        .verify(TOKEN)
        .await
        .refused(401, "token_not_authenticated");
    assert_eq!(cluster.api.asked(), 2);

    cluster.api.account(TOKEN, KYVERNO, &["sealgate"]);
    clock.advance(9);
    cluster
        .verify(TOKEN)
        .await
        .refused(401, "token_not_authenticated");
    assert_eq!(cluster.api.asked(), 2);
    clock.advance(1);
    assert!(known(&cluster.verify(TOKEN).await));
}

#[tokio::test]
async fn a_hundred_callers_with_one_token_are_one_review() {
    let cluster = Cluster::new().await;
    let callers = (0..100).map(|_| cluster.verify(TOKEN));
    for answer in futures::future::join_all(callers).await {
        assert!(answer.body.contains("\"undecided\""), "{answer:?}");
    }
    assert_eq!(cluster.api.asked(), 1);
}

/// Everything that is logged, whatever its level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn strangers_whose_bodies_never_end_take_no_room_of_those_who_may_ask_f9() {
    use tokio::io::AsyncWriteExt;

    let cluster = Cluster::with(|config| {
        config.limits.requests = 1;
        // The bodies of strangers end with the test.
        config.timeouts.request = Duration::from_secs(600);
        config.timeouts.handshake = Duration::from_secs(600);
    })
    .await;
    let tls = https::client_config(&cluster.world.server_ca.pem, None).unwrap();
    let mut strangers = Vec::new();
    for _ in 0..50 {
        let tcp = TcpStream::connect(cluster.world.address()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let connector = tokio_rustls::TlsConnector::from(tls.clone());
        let mut stream = connector.connect(name, tcp).await.unwrap();
        let head = "POST /v1/verify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        strangers.push(stream);
    }
    for _ in 0..5 {
        let bearer = format!("Bearer {TOKEN}");
        let images = json!({"images": ["UPPER"]});
        let answer = cluster.ask("/v1/verify", &[&bearer], &images).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

/// Each refusal would have been a new beginning.
#[tokio::test]
async fn a_refused_stranger_who_keeps_asking_has_an_end_f9() {
    let cluster = Cluster::with(|config| {
        config.timeouts.handshake = Duration::from_secs(1);
        config.timeouts.idle = Duration::from_secs(600);
    })
    .await;
    let tls = https::client_config(&cluster.world.server_ca.pem, None).unwrap();
    let mut stranger = Https::connect(cluster.world.address(), tls.clone())
        .await
        .unwrap();
    let mut known = Https::connect(cluster.world.address(), tls).await.unwrap();
    let images = json!({"images": ["UPPER"]}).to_string();
    let ask = |token: &str| {
        Request::post("/v1/verify")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::new(Bytes::from(images.clone())))
            .unwrap()
    };
    assert_eq!(known.send(ask(TOKEN)).await.unwrap().status(), 200);
    let mut refused = 0;
    let asking = async {
        while let Ok(answer) = stranger.send(ask("nobody's")).await {
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            refused += 1;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .expect("the connection is closed, however often it asks");
    assert!(refused > 0);
    // Who was admitted once stays.
    assert_eq!(known.send(ask(TOKEN)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn no_token_is_seen_in_logs_metrics_or_the_audit_log() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // With a second one, tracing asks them all whether they want an event: with one alone it asks
    // the thread that comes by first, which may be another test's.
    let _second = Dispatch::new(tracing_subscriber::registry());
    // For this thread, on which the provider runs, too.
    let guard = tracing::subscriber::set_default(subscriber);
    let mut cluster = Cluster::new().await;
    cluster.verify(TOKEN).await;
    for manner in [Manner::Garbage, Manner::Status(500), Manner::Truthful] {
        cluster.api.answer(manner);
        cluster.verify("a-token-that-is-made-up").await;
    }
    let (_, metrics) = cluster.world.admin("/metrics").await;
    for line in [
        r#"sealgate_token_reviews_total{result="allowed"} 1"#,
        r#"sealgate_token_reviews_total{result="refused"} 1"#,
        r#"sealgate_token_reviews_total{result="failed"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let audit = format!("{:?}", cluster.world.audit().await);
    drop(guard);
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("TRACE") && logged.contains("not answered"),
        "{logged}"
    );
    for secret in [TOKEN, "a-token-that-is-made-up", OWN] {
        for text in [&logged, &metrics, &audit] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    let start = |review: TokenReview| {
        let mut config = Config::default();
        token_listener(&mut config, review);
        App::new(config).err().unwrap().to_string()
    };
    let review = TokenReview {
        audiences: vec!["sealgate".to_owned()],
        users: vec![KYVERNO.to_owned()],
        api_server: Some("https://127.0.0.1:1".to_owned()),
        ca: ca.clone(),
        token_file: folder.path().join("token"),
        timeout: Duration::from_secs(1),
        ..TokenReview::default()
    };
    let missing = start(review.clone());
    assert!(missing.contains("token: cannot be read"), "{missing}");
    std::fs::write(folder.path().join("token"), OWN).unwrap();
    std::fs::write(&ca, "nothing").unwrap();
    let broken = start(review);
    assert!(broken.contains("ca.crt: expected certificates"), "{broken}");
}
