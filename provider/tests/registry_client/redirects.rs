//! Redirects are followed by hand: without credentials, without downgrade, not inwards.

use http::StatusCode;
use sealgate::registry::{Auth, Cause, Credential};
use sealgate_testkit::registry::{Fault, Registry, RegistryOptions, Route, Rule};

use super::setup::{BLOB, Setup, calls, private, redirect_to};

#[tokio::test]
async fn a_redirect_is_followed_without_credentials_adv_59_atk_09() {
    let storage = Registry::start(RegistryOptions::default()).await.unwrap();
    storage.push_blob("app", BLOB);
    let setup = Setup::with(private(), |config| {
        config.auth = Auth::Static(Credential::basic("alice", "open sesame"));
        config.redirect_hosts = vec![storage.host()];
    })
    .await;
    setup.registry.fault(Route::Blob, redirect_to(&storage));
    assert_eq!(setup.blob().await.unwrap(), BLOB.as_bytes());
    let seen = storage.requests();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].had_authorization());
}

#[tokio::test]
async fn a_redirect_to_an_address_inside_is_refused_atk_08() {
    let inside = Registry::start(RegistryOptions::default()).await.unwrap();
    let port = inside.host().split_once(':').unwrap().1.to_owned();
    for (location, cause) in [
        (format!("{}/x", inside.url()), Cause::RedirectRefused),
        (
            format!("https://127.0.0.1:{port}/x"),
            Cause::AddressForbidden,
        ),
        (
            format!("https://localhost:{port}/x"),
            Cause::AddressForbidden,
        ),
        (
            format!("https://[::ffff:127.0.0.1]:{port}/x"),
            Cause::AddressForbidden,
        ),
        (
            format!("https://2130706433:{port}/x"),
            Cause::AddressForbidden,
        ),
        (
            "https://169.254.169.254/latest".to_owned(),
            Cause::AddressForbidden,
        ),
        (
            "https://[fd00:ec2::254]/latest".to_owned(),
            Cause::AddressForbidden,
        ),
        (
            "https://user:word@example.com/x".to_owned(),
            Cause::RedirectRefused,
        ),
        ("gopher://example.com/x".to_owned(), Cause::RedirectRefused),
        ("https://".to_owned(), Cause::RedirectRefused),
    ] {
        let setup = Setup::open().await;
        setup
            .registry
            .fault(Route::Blob, Fault::Redirect(location.clone()));
        assert_eq!(setup.blob().await.unwrap_err().cause(), cause, "{location}");
    }
    assert_eq!(calls(&inside), [""; 0]);
}

#[tokio::test]
async fn a_redirect_from_tls_to_plain_http_is_refused() {
    let plain = Registry::start(RegistryOptions::default()).await.unwrap();
    let options = RegistryOptions {
        tls: true,
        ..RegistryOptions::default()
    };
    let setup = Setup::with(options, |config| config.redirect_hosts = vec![plain.host()]).await;
    assert_eq!(setup.blob().await.unwrap(), BLOB.as_bytes());
    setup.registry.fault(Route::Blob, redirect_to(&plain));
    assert_eq!(
        setup.blob().await.unwrap_err().code(),
        "registry_redirect_refused"
    );
    assert_eq!(calls(&plain), [""; 0]);
}

#[tokio::test]
async fn redirects_end() {
    let setup = Setup::open().await;
    let itself = Fault::RedirectOrigin(setup.registry.url());
    setup.registry.fault(Route::ManifestByTag, itself);
    assert_eq!(
        setup.tag().await.unwrap_err().code(),
        "registry_redirect_refused"
    );
    assert_eq!(setup.calls().len(), 4);
}

#[tokio::test]
async fn a_redirect_within_the_registry_keeps_the_credentials() {
    let setup = Setup::with(private(), |config| {
        config.auth = Auth::Static(Credential::basic("alice", "open sesame"));
    })
    .await;
    setup.tag().await.unwrap();
    let itself = Fault::RedirectOrigin(setup.registry.url());
    setup
        .registry
        .inject(Rule::on(Route::Blob, itself).times(1));
    assert_eq!(setup.blob().await.unwrap(), BLOB.as_bytes());
}

#[tokio::test]
async fn tls_is_checked_against_the_listed_authorities() {
    let options = || RegistryOptions {
        tls: true,
        ..RegistryOptions::default()
    };
    assert!(Setup::with(options(), |_| {}).await.tag().await.is_ok());
    let public = Setup::with(options(), |config| config.ca = None).await;
    let error = public.tag().await.unwrap_err();
    assert_eq!(error.code(), "registry_unreachable");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(public.calls(), [""; 0]);
}

#[tokio::test]
async fn an_answer_of_the_redirect_target_counts_as_the_registrys() {
    let storage = Registry::start(RegistryOptions::default()).await.unwrap();
    storage.fault(Route::Blob, Fault::Status(StatusCode::FORBIDDEN));
    let setup = Setup::with(RegistryOptions::default(), |config| {
        config.redirect_hosts = vec![storage.host()];
    })
    .await;
    setup.registry.fault(Route::Blob, redirect_to(&storage));
    assert_eq!(setup.blob().await.unwrap_err().code(), "registry_forbidden");
}

#[tokio::test]
async fn a_redirect_target_cannot_ask_for_credentials() {
    let storage = Registry::start(RegistryOptions::default()).await.unwrap();
    let challenge = "Basic realm=\"x\"".to_owned();
    storage.fault(Route::Blob, Fault::Challenge(challenge));
    let setup = Setup::with(private(), |config| {
        config.auth = Auth::Static(Credential::basic("alice", "open sesame"));
        config.redirect_hosts = vec![storage.host()];
    })
    .await;
    setup.tag().await.unwrap();
    setup.registry.fault(Route::Blob, redirect_to(&storage));
    setup.registry.clear_requests();
    assert_eq!(
        setup.blob().await.unwrap_err().code(),
        "registry_unauthorized"
    );
    assert_eq!(setup.calls().len(), 1, "it is not asked again");
    assert!(
        storage
            .requests()
            .iter()
            .all(|one| !one.had_authorization())
    );
    setup.manifest().await.unwrap();
    let last = setup.registry.requests().pop().unwrap();
    assert!(last.authorization.unwrap().starts_with("Bearer "));
}
