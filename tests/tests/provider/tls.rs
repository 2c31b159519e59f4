//! Who may connect, and what happens when certificates change.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rustls::ClientConfig;
use sealgate::config::ClientAuth;
use sealgate_testkit::https::{self, Authority, GATEKEEPER, Https, Identity};

use crate::world::{World, provider_request};

/// A request with this identity, trusting the server's CA.
async fn ask(world: &World, identity: Option<&Identity>) -> io::Result<StatusCode> {
    let config = https::client_config(&world.server_ca.pem, identity)?;
    ask_with(world, config).await
}

async fn ask_with(world: &World, config: Arc<ClientConfig>) -> io::Result<StatusCode> {
    let mut client = Https::connect(world.address(), config).await?;
    let response = client.post("/v1/validate", provider_request(&[])).await?;
    Ok(response.status())
}

#[tokio::test]
async fn only_gatekeepers_certificate_opens_the_door_atk_33_l27() {
    let world = World::new().await;
    assert_eq!(
        ask(&world, Some(&world.gatekeeper)).await.unwrap(),
        StatusCode::OK
    );

    let other_name = world
        .client_ca
        .issue(&["other.gatekeeper-system.svc"])
        .unwrap();
    let other_ca = Authority::new("stranger")
        .unwrap()
        .issue(&[GATEKEEPER])
        .unwrap();
    for (what, identity) in [
        ("no certificate", None),
        ("another name", Some(&other_name)),
        ("another CA", Some(&other_ca)),
    ] {
        let refused = ask(&world, identity).await;
        assert!(refused.is_err(), "{what}: {refused:?}");
    }
}

#[tokio::test]
async fn optional_authentication_admits_the_anonymous_but_no_false_certificate() {
    let world = World::with(|config| config.listeners[0].client_auth = ClientAuth::Optional).await;
    assert_eq!(ask(&world, None).await.unwrap(), StatusCode::OK);
    assert_eq!(
        ask(&world, Some(&world.gatekeeper)).await.unwrap(),
        StatusCode::OK
    );
    let stranger = Authority::new("stranger")
        .unwrap()
        .issue(&[GATEKEEPER])
        .unwrap();
    assert!(ask(&world, Some(&stranger)).await.is_err());
}

#[tokio::test]
async fn without_authentication_nobody_is_asked() {
    let world = World::with(|config| {
        let listener = &mut config.listeners[0];
        listener.client_auth = ClientAuth::None;
        listener.client_ca = None;
        listener.client_names.clear();
    })
    .await;
    assert_eq!(ask(&world, None).await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn tls_1_2_is_refused_unless_configured() {
    let old = |world: &World| {
        let mut roots = rustls::RootCertStore::empty();
        use rustls::pki_types::pem::PemObject;
        let ca = rustls::pki_types::CertificateDer::from_pem_slice(world.server_ca.pem.as_bytes());
        roots.add(ca.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    };
    let world = World::with(|config| config.listeners[0].client_auth = ClientAuth::Optional).await;
    assert!(ask_with(&world, Arc::new(old(&world))).await.is_err());
    let world = World::with(|config| {
        config.listeners[0].client_auth = ClientAuth::Optional;
        config.listeners[0].tls.min_version = sealgate::config::TlsVersion::V1_2;
    })
    .await;
    let status = ask_with(&world, Arc::new(old(&world))).await.unwrap();
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_rotated_client_ca_takes_over_and_closes_old_connections() {
    let mut world = World::new().await;
    let old = world.gatekeeper.clone();
    let mut kept_alive = world.connect().await;
    kept_alive
        .post("/v1/validate", provider_request(&[]))
        .await
        .unwrap();

    let next = Authority::like_gatekeeper().unwrap();
    world.gatekeeper = next.issue(&[GATEKEEPER]).unwrap();
    world.write("client-ca.crt", &next.pem);
    let rotated = async {
        while ask(&world, Some(&world.gatekeeper)).await.is_err() {}
        while !kept_alive.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), rotated)
        .await
        .unwrap();
    assert!(ask(&world, Some(&old)).await.is_err());
}

#[tokio::test]
async fn a_new_server_certificate_is_served_and_a_broken_one_is_not_ops_05() {
    let mut world = World::new().await;
    world.write("tls.crt", "not a certificate");
    let reported = async {
        while !world
            .admin("/metrics")
            .await
            .1
            .contains(r#"load_broken{what="tls",listener="127.0.0.1:0"} 1"#)
        {}
    };
    tokio::time::timeout(Duration::from_secs(30), reported)
        .await
        .unwrap();
    assert_eq!(
        ask(&world, Some(&world.gatekeeper)).await.unwrap(),
        StatusCode::OK
    );

    world.server_ca = Authority::new("next CA").unwrap();
    world.write_certificates();
    let served = async { while ask(&world, Some(&world.gatekeeper)).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), served)
        .await
        .unwrap();
}

#[tokio::test]
async fn certificates_of_our_own_serve_whoever_trusts_their_ca() {
    let directory = tempfile::tempdir().unwrap();
    let own = sealgate::server::SelfSigned {
        directory: directory.path().to_owned(),
        namespace: "gatekeeper-system".to_owned(),
        url: "https://sealgate.gatekeeper-system.svc:8443/v1/validate".to_owned(),
        timeout_seconds: 3,
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = sealgate_core::UnixTime::from_seconds(now.as_secs().try_into().unwrap());
    own.ensure(now).unwrap();
    let world = World::with(|config| {
        config.listeners[0].tls.certificate = own.certificate();
        config.listeners[0].tls.key = own.key();
    })
    .await;
    let ca = std::fs::read_to_string(own.ca()).unwrap();
    let config = https::client_config(&ca, Some(&world.gatekeeper)).unwrap();
    assert_eq!(ask_with(&world, config).await.unwrap(), StatusCode::OK);
}
