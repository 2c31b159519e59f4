//! Basic and token authentication.

use std::time::Duration;

use http::{Method, StatusCode};
use sealgate_testkit::registry::{
    Auth, Credentials, Fault, Realm, RegistryOptions, Route, TokenAuth,
};
use serde_json::Value;

use super::client::{INDEX, Setup, error_code, header};

const PULL: &str = "repository:app:pull";

fn robot() -> Credentials {
    Credentials::new("robot", "secret")
}

async fn setup(auth: Auth) -> Setup {
    let setup = Setup::with(RegistryOptions {
        auth,
        ..RegistryOptions::default()
    })
    .await;
    setup.registry.push_manifest("app", "v1", INDEX, "{}");
    setup
}

/// Asks the endpoint for a token, with an `Authorization` header if it is not empty.
async fn token(setup: &Setup, scope: &str, authorization: &str) -> String {
    let request = setup.request(Method::GET, &format!("/token?service=any&scope={scope}"));
    let request = match authorization {
        "" => request,
        header => request.header("authorization", header),
    };
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["token"], body["access_token"]);
    body["token"].as_str().unwrap().to_owned()
}

async fn pull(setup: &Setup, authorization: &str) -> StatusCode {
    let request = setup.request(Method::GET, "/v2/app/manifests/v1");
    request
        .header("authorization", authorization)
        .send()
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn basic_credentials_are_demanded_and_checked() {
    let setup = setup(Auth::Basic(robot())).await;
    let refused = setup.get("/v2/app/manifests/v1").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&refused, "www-authenticate").starts_with("Basic realm="));
    assert_eq!(error_code(refused).await, "UNAUTHORIZED");
    let wrong = Credentials::new("robot", "guess").basic_header();
    assert_eq!(pull(&setup, &wrong).await, StatusCode::UNAUTHORIZED);
    assert_eq!(pull(&setup, &robot().basic_header()).await, StatusCode::OK);

    let had: Vec<bool> = setup
        .registry
        .requests()
        .iter()
        .map(|request| request.had_authorization())
        .collect();
    assert_eq!(had, [false, true, true]);
}

#[tokio::test]
async fn challenge_names_realm_service_and_scope() {
    let setup = setup(Auth::Token(TokenAuth::anonymous())).await;
    let realm = format!("{}/token", setup.registry.url());
    let service = "sealgate-test-registry";
    let challenge = header(&setup.get("/v2/app/manifests/v1").await, "www-authenticate");
    let expected = format!(r#"Bearer realm="{realm}",service="{service}",scope="{PULL}""#);
    assert_eq!(challenge, expected);

    let push = setup
        .request(Method::POST, "/v2/app/blobs/uploads/")
        .send()
        .await
        .unwrap();
    assert!(header(&push, "www-authenticate").ends_with(r#"scope="repository:app:pull,push""#));
    let base = header(&setup.get("/v2/").await, "www-authenticate");
    assert_eq!(
        base,
        format!(r#"Bearer realm="{realm}",service="{service}""#)
    );
}

#[tokio::test]
async fn anonymous_token_pulls_what_it_was_asked_for_and_pushes_nothing() {
    let setup = setup(Auth::Token(TokenAuth::anonymous())).await;
    let bearer = format!(
        "Bearer {}",
        token(&setup, "repository:app:pull,push", "").await
    );
    assert_eq!(pull(&setup, &bearer).await, StatusCode::OK);
    let push = setup.request(Method::POST, "/v2/app/blobs/uploads/");
    let push = push.header("authorization", &bearer).send().await.unwrap();
    assert_eq!(push.status(), StatusCode::UNAUTHORIZED);
    let other = format!(
        "Bearer {}",
        token(&setup, "repository:other:pull", "").await
    );
    assert_eq!(pull(&setup, &other).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn token_endpoint_checks_credentials() {
    let setup = setup(Auth::Token(TokenAuth::user(robot()))).await;
    let wrong = Credentials::new("robot", "guess").basic_header();
    for request in [
        setup.request(Method::GET, "/token"),
        setup
            .request(Method::GET, "/token")
            .header("authorization", wrong),
    ] {
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let scope = "repository:app:pull,push,delete";
    let bearer = format!(
        "Bearer {}",
        token(&setup, scope, &robot().basic_header()).await
    );
    assert_eq!(pull(&setup, &bearer).await, StatusCode::OK);
    let delete = setup.request(Method::DELETE, "/v2/app/manifests/v1");
    let deleted = delete.header("authorization", bearer).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn post_takes_a_password_or_an_identity_token() {
    let auth = TokenAuth {
        identity_token: Some("identity".to_owned()),
        ..TokenAuth::user(robot())
    };
    let setup = setup(Auth::Token(auth)).await;
    let scope = "scope=repository%3Aapp%3Apull&service=any";
    for (proof, expected) in [
        (
            "grant_type=password&username=robot&password=secret",
            StatusCode::OK,
        ),
        (
            "grant_type=password&username=robot&password=guess",
            StatusCode::UNAUTHORIZED,
        ),
        (
            "grant_type=refresh_token&refresh_token=identity",
            StatusCode::OK,
        ),
        (
            "grant_type=refresh_token&refresh_token=guess",
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let request = setup
            .request(Method::POST, "/token")
            .body(format!("{proof}&{scope}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), expected, "{proof}");
        if expected == StatusCode::OK {
            let body: Value = answer.json().await.unwrap();
            let bearer = format!("Bearer {}", body["token"].as_str().unwrap());
            assert_eq!(pull(&setup, &bearer).await, StatusCode::OK, "{proof}");
        }
    }
}

#[tokio::test]
async fn token_is_worthless_once_revoked_or_at_another_registry() {
    let setup = setup(Auth::Token(TokenAuth::anonymous())).await;
    let other = self::setup(Auth::Token(TokenAuth::anonymous())).await;
    let bearer = format!("Bearer {}", token(&setup, PULL, "").await);
    let bearer_there = format!("Bearer {}", token(&other, PULL, "").await);
    assert_eq!(pull(&setup, &bearer).await, StatusCode::OK);
    assert_eq!(pull(&setup, &bearer_there).await, StatusCode::UNAUTHORIZED);
    setup.registry.revoke_tokens();
    assert_eq!(pull(&setup, &bearer).await, StatusCode::UNAUTHORIZED);
    let renewed = format!("Bearer {}", token(&setup, PULL, "").await);
    assert_eq!(pull(&setup, &renewed).await, StatusCode::OK);
}

#[tokio::test]
async fn token_is_worthless_after_its_lifetime() {
    let auth = TokenAuth {
        lifetime: Duration::ZERO,
        ..TokenAuth::anonymous()
    };
    let setup = setup(Auth::Token(auth)).await;
    let bearer = format!("Bearer {}", token(&setup, PULL, "").await);
    assert_eq!(pull(&setup, &bearer).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn realm_can_be_another_port_or_any_url() {
    let auth = TokenAuth {
        realm: Realm::OwnServer,
        ..TokenAuth::anonymous()
    };
    let setup = setup(Auth::Token(auth)).await;
    let challenge = header(&setup.get("/v2/").await, "www-authenticate");
    let realm = challenge.split('"').nth(1).unwrap().to_owned();
    assert!(!realm.starts_with(&setup.registry.url()), "{realm}");
    let answer = setup.get(&format!("{realm}?scope={PULL}")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let recorded = setup.registry.requests().pop().unwrap();
    assert_eq!(recorded.route, Route::Token);
    assert!(
        realm.contains(&recorded.host),
        "{} is not in {realm}",
        recorded.host
    );

    let url = "http://192.0.2.1/token";
    let auth = TokenAuth {
        realm: Realm::Url(url.into()),
        ..TokenAuth::anonymous()
    };
    let setup = self::setup(Auth::Token(auth)).await;
    assert!(header(&setup.get("/v2/").await, "www-authenticate").contains(url));
}

#[tokio::test]
async fn faults_act_with_or_without_valid_credentials() {
    let setup = setup(Auth::Token(TokenAuth::anonymous())).await;
    let bearer = format!("Bearer {}", token(&setup, PULL, "").await);
    setup
        .registry
        .fault(Route::ManifestByTag, Fault::Status(StatusCode::FORBIDDEN));
    assert_eq!(pull(&setup, "").await, StatusCode::FORBIDDEN);
    assert_eq!(pull(&setup, &bearer).await, StatusCode::FORBIDDEN);

    setup.registry.clear_faults();
    setup.registry.fault(
        Route::ManifestByTag,
        Fault::Status(StatusCode::UNAUTHORIZED),
    );
    let refused = setup
        .request(Method::GET, "/v2/app/manifests/v1")
        .bearer_auth("any");
    let challenge = header(&refused.send().await.unwrap(), "www-authenticate");
    assert!(
        challenge.ends_with(&format!("scope=\"{PULL}\"")),
        "{challenge}"
    );
}
