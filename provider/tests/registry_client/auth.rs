//! Credentials reach the registry they are for, and nobody else.

use std::path::PathBuf;

use http::StatusCode;
use sealgate::registry::{Auth, Cause, Credential, Registries, RegistryClient, RegistryConfig};
use sealgate_testkit::registry::{
    self, Fault, Realm, Registry, RegistryOptions, Route, Rule, TokenAuth,
};

use super::setup::{Setup, alice, calls, listed, private, soon, tokens};

fn as_alice(config: &mut RegistryConfig) {
    config.auth = Auth::Static(Credential::basic("alice", "open sesame"));
}

#[tokio::test]
async fn a_public_registry_gives_an_anonymous_token_once() {
    let setup = Setup::with(tokens(TokenAuth::anonymous()), |_| {}).await;
    setup.tag().await.unwrap();
    setup.manifest().await.unwrap();
    let by_digest = format!("GET /v2/app/manifests/{}", setup.image.digest);
    let token = "GET /token?service=sealgate-test-registry&scope=repository%3Aapp%3Apull";
    assert_eq!(
        setup.calls(),
        [
            "GET /v2/app/manifests/v1",
            token,
            "GET /v2/app/manifests/v1",
            by_digest.as_str()
        ]
    );
}

#[tokio::test]
async fn a_refused_token_is_forgotten_and_no_other_f3() {
    let setup = Setup::with(private(), as_alice).await;
    let index = sealgate_testkit::image::INDEX;
    setup.registry.push_manifest("other", "v1", index, "{}");
    let other = format!("{}/other", setup.registry.host()).parse().unwrap();
    setup.tag().await.unwrap();
    setup.client.tag(&other, "v1", soon()).await.unwrap();
    let refusal = Fault::Status(StatusCode::UNAUTHORIZED);
    let refusal = Rule::on(Route::ManifestByTag, refusal).repository("app");
    setup.registry.inject(refusal.times(1));
    setup.registry.clear_requests();
    setup.tag().await.unwrap();
    setup.client.tag(&other, "v1", soon()).await.unwrap();
    let tokens: Vec<_> = setup
        .calls()
        .into_iter()
        .filter(|call| call.contains("/token"))
        .collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(tokens[0].contains("repository%3Aapp%3Apull"), "{tokens:?}");
}

#[tokio::test]
async fn a_token_endpoint_named_at_length_is_refused_f4() {
    let setup = Setup::open().await;
    let realm = format!("{}/token?{}", setup.registry.url(), "x".repeat(3000));
    let challenge = Fault::Challenge(format!("Bearer realm=\"{realm}\",service=\"s\""));
    setup.registry.fault(Route::ManifestByTag, challenge);
    let error = setup.tag().await.unwrap_err();
    assert_eq!(error.code(), "registry_token_refused");
    assert!(error.to_string().contains("more than 2048"), "{error}");
    assert_eq!(setup.calls(), ["GET /v2/app/manifests/v1"]);
}

#[tokio::test]
async fn a_token_of_many_bytes_is_refused_f4() {
    let setup = Setup::with(tokens(TokenAuth::anonymous()), |_| {}).await;
    for (bytes, expected) in [
        (16 << 10, "registry_unauthorized"),
        (17 << 10, "registry_token_refused"),
    ] {
        setup.registry.clear_faults();
        let body = format!("{{\"token\":\"{}\"}}", "t".repeat(bytes));
        setup.registry.fault(Route::Token, Fault::Body(body.into()));
        let error = setup.tag().await.unwrap_err();
        assert_eq!(error.code(), expected, "{bytes}: {error}");
    }
}

#[tokio::test]
async fn those_who_want_the_same_token_share_one_request_l_19() {
    let setup = Setup::with(private(), as_alice).await;
    setup.tag().await.unwrap();
    setup.registry.revoke_tokens();
    setup.registry.clear_requests();
    let all = futures::future::join_all((0..8).map(|_| setup.manifest())).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let tokens = setup
        .calls()
        .iter()
        .filter(|call| call.starts_with("GET /token"))
        .count();
    assert!((1..=2).contains(&tokens), "{:?}", setup.calls());
}

#[tokio::test]
async fn each_repository_has_its_own_token() {
    let setup = Setup::with(private(), as_alice).await;
    setup
        .registry
        .push_manifest("other", "v1", sealgate_testkit::image::INDEX, "{}");
    setup.tag().await.unwrap();
    let other = format!("{}/other", setup.registry.host()).parse().unwrap();
    setup.client.tag(&other, "v1", soon()).await.unwrap();
    let scopes = setup
        .calls()
        .into_iter()
        .filter(|call| call.contains("/token"));
    let scopes: Vec<_> = scopes
        .filter_map(|call| call.split("repository%3A").nth(1).map(str::to_owned))
        .collect();
    assert_eq!(scopes, ["app%3Apull", "other%3Apull"]);
}

#[tokio::test]
async fn basic_credentials_are_shown_only_when_asked_for() {
    let options = RegistryOptions {
        auth: registry::Auth::Basic(alice()),
        ..RegistryOptions::default()
    };
    let setup = Setup::with(options, as_alice).await;
    setup.tag().await.unwrap();
    setup.manifest().await.unwrap();
    let shown: Vec<_> = setup
        .registry
        .requests()
        .iter()
        .map(|one| one.had_authorization())
        .collect();
    assert_eq!(shown, [false, true, true]);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_a_token() {
    let auth = TokenAuth {
        identity_token: Some("refresh me".to_owned()),
        ..TokenAuth::user(alice())
    };
    let setup = Setup::with(tokens(auth), |config| {
        config.auth = Auth::Static(Credential::IdentityToken("refresh me".to_owned()));
    })
    .await;
    setup.tag().await.unwrap();
    assert!(setup.calls().contains(&"POST /token".to_owned()));
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_unauthorized_and_not_told() {
    let wrong = |config: &mut RegistryConfig| {
        config.auth = Auth::Static(Credential::basic("alice", "hunter2"));
    };
    let basic = || RegistryOptions {
        auth: registry::Auth::Basic(alice()),
        ..RegistryOptions::default()
    };
    for setup in [
        Setup::with(private(), wrong).await,
        Setup::with(private(), |_| {}).await,
        Setup::with(basic(), wrong).await,
        Setup::with(basic(), |_| {}).await,
    ] {
        let error = setup.tag().await.unwrap_err();
        assert_eq!(error.code(), "registry_unauthorized", "{error}");
        let text = error.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("Basic YW"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn failures_of_the_token_endpoint_have_their_classes() {
    for (status, cause) in [
        (StatusCode::TOO_MANY_REQUESTS, Cause::Throttled),
        (StatusCode::BAD_GATEWAY, Cause::ServerError),
        (StatusCode::FORBIDDEN, Cause::Unauthorized),
        (StatusCode::NOT_FOUND, Cause::TokenRefused),
    ] {
        let setup = Setup::with(private(), as_alice).await;
        setup.registry.fault(Route::Token, Fault::Status(status));
        assert_eq!(setup.tag().await.unwrap_err().cause(), cause, "{status}");
        setup.registry.clear_faults();
        assert!(setup.tag().await.is_ok(), "a failure is not kept");
    }
    for body in ["", "{}", r#"{"token":""}"#, "{\"token\":\"a\\nb\"}"] {
        let setup = Setup::with(private(), as_alice).await;
        let length = Fault::ContentLength(body.len() as u64);
        setup.registry.fault(Route::Token, Fault::Body(body.into()));
        setup.registry.fault(Route::Token, length);
        assert_eq!(
            setup.tag().await.unwrap_err().cause(),
            Cause::Malformed,
            "{body}"
        );
    }
}

#[tokio::test]
async fn credentials_never_reach_a_realm_elsewhere_adv_57_adv_41_adv_60_atk_09() {
    let evil = Registry::start(RegistryOptions::default()).await.unwrap();
    let port = evil.host().split_once(':').unwrap().1.to_owned();
    for realm in [
        format!("{}/token", evil.url()),
        format!("https://{}/token", evil.host()),
        format!("https://localhost:{port}/token"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        format!("https://user:word@{}/token", evil.host()),
        "file:///etc/passwd".to_owned(),
    ] {
        let setup = Setup::with(private(), as_alice).await;
        let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
        setup
            .registry
            .fault(Route::ManifestByTag, Fault::Challenge(challenge));
        let error = setup.tag().await.unwrap_err();
        assert_eq!(error.code(), "registry_token_refused", "{realm}: {error}");
    }
    assert_eq!(calls(&evil), [""; 0]);
}

#[tokio::test]
async fn a_listed_token_host_gets_the_credentials() {
    let realm = || {
        tokens(TokenAuth {
            realm: Realm::OwnServer,
            ..TokenAuth::user(alice())
        })
    };
    let unlisted = Setup::with(realm(), as_alice).await;
    assert_eq!(
        unlisted.tag().await.unwrap_err().code(),
        "registry_token_refused"
    );

    let registry = Registry::start(realm()).await.unwrap();
    sealgate_testkit::image::single(&registry, "app", "v1", "seed");
    let host = own_token_host(&registry).await;
    let mut config = listed(&registry);
    as_alice(&mut config);
    config.token_hosts = vec![host];
    let client = RegistryClient::new(&Registries::default().with(config)).unwrap();
    let repository = format!("{}/app", registry.host()).parse().unwrap();
    client.tag(&repository, "v1", soon()).await.unwrap();
}

/// The host that the registry's challenge names.
async fn own_token_host(registry: &Registry) -> String {
    // The first caller's provider stays, whoever that is.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let answer = reqwest::get(format!("{}/v2/", registry.url()))
        .await
        .unwrap();
    let challenge = answer.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    let rest = challenge.split("http://").nth(1).unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_form_with_an_identity_token_is_not_redirected_adv_59() {
    let evil = Registry::start(RegistryOptions::default()).await.unwrap();
    let auth = TokenAuth {
        identity_token: Some("refresh me".to_owned()),
        ..TokenAuth::user(alice())
    };
    let setup = Setup::with(tokens(auth), |config| {
        config.auth = Auth::Static(Credential::IdentityToken("refresh me".to_owned()));
        config.redirect_hosts = vec![evil.host()];
    })
    .await;
    setup
        .registry
        .fault(Route::Token, Fault::RedirectOrigin(evil.url()));
    assert_eq!(
        setup.tag().await.unwrap_err().code(),
        "registry_token_refused"
    );
    assert_eq!(calls(&evil), [""; 0]);
}

#[tokio::test]
async fn credentials_of_one_host_are_none_for_another_adv_22() {
    let basic = || RegistryOptions {
        auth: registry::Auth::Basic(alice()),
        ..RegistryOptions::default()
    };
    let mine = Registry::start(basic()).await.unwrap();
    let evil = Registry::start(basic()).await.unwrap();
    for registry in [&mine, &evil] {
        sealgate_testkit::image::single(registry, "app", "v1", "seed");
    }
    let (_folder, file) = docker_config(&format!(
        r#"{{"auths":{{"{}":{{"username":"alice","password":"open sesame"}}}}}}"#,
        mine.host()
    ));
    let mut registries = Registries::default()
        .with(listed(&mine))
        .with(listed(&evil));
    registries.docker_configs = vec![file];
    let client = RegistryClient::new(&registries).unwrap();
    let repository = |registry: &Registry| format!("{}/app", registry.host()).parse().unwrap();
    client.tag(&repository(&mine), "v1", soon()).await.unwrap();
    let error = client
        .tag(&repository(&evil), "v1", soon())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "registry_unauthorized");
    assert!(
        evil.requests()
            .iter()
            .all(|request| !request.had_authorization())
    );
}

#[tokio::test]
async fn repositories_of_one_host_use_their_own_credentials_l_06() {
    let auth = TokenAuth {
        users: vec![alice(), registry::Credentials::new("bob", "b")],
        ..TokenAuth::user(alice())
    };
    let registry = Registry::start(tokens(auth)).await.unwrap();
    for repository in ["a/app", "b/app"] {
        sealgate_testkit::image::single(&registry, repository, "v1", "seed");
    }
    let (_folder, file) = docker_config(&format!(
        r#"{{"auths":{{
            "{host}/a":{{"username":"alice","password":"open sesame"}},
            "{host}/b":{{"username":"bob","password":"b"}}}}}}"#,
        host = registry.host()
    ));
    let mut config = listed(&registry);
    config.auth = Auth::DockerConfig(file);
    let client = RegistryClient::new(&Registries::default().with(config)).unwrap();
    for repository in ["a/app", "b/app"] {
        let repository = format!("{}/{repository}", registry.host()).parse().unwrap();
        client.tag(&repository, "v1", soon()).await.unwrap();
    }
    let shown = registry
        .requests()
        .into_iter()
        .filter(|one| one.target.starts_with("/token"));
    let shown: Vec<_> = shown.filter_map(|one| one.authorization).collect();
    let bob = registry::Credentials::new("bob", "b");
    assert_eq!(shown, [alice().basic_header(), bob.basic_header()]);
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_no_anonymous_access() {
    let setup = Setup::with(RegistryOptions::default(), |config| {
        config.auth = Auth::DockerConfig(PathBuf::from("/does/not/exist.json"));
    })
    .await;
    let challenge = Fault::Challenge("Basic realm=\"x\"".to_owned());
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, challenge).times(1));
    let error = setup.tag().await.unwrap_err();
    assert_eq!(error.code(), "registry_credentials_unavailable");
    assert!(
        error.to_string().contains("/does/not/exist.json"),
        "{error}"
    );
}

fn docker_config(json: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, json).unwrap();
    (folder, file)
}
