//! Registries that hang, drip, refuse and fail: what that costs, and whom.

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use sealgate::registry::{Auth, Cause, Credential, Patience, RegistryError};
use sealgate_core::reference::Repository;
use sealgate_testkit::registry::{self, Fault, RegistryOptions, Route, Rule, TokenAuth};
use tokio::time::Instant;

use super::setup::{Setup, alice, private, soon, tokens};

const HASTY: Patience = Patience {
    hesitation: Duration::from_millis(100),
    silence: Duration::from_millis(400),
};

impl Setup {
    async fn hasty() -> Self {
        Self::with_patience(RegistryOptions::default(), HASTY, |_| {}).await
    }

    /// Asks for something by this route.
    async fn ask(&self, route: Route) -> Result<(), RegistryError> {
        match route {
            Route::ManifestByTag => self.tag().await.map(drop),
            Route::ManifestByDigest => self.manifest().await.map(drop),
            Route::Blob => self.blob().await.map(drop),
            _ => {
                let (repository, digest) = (self.repository(), self.image.digest);
                let found = self.client.referrers(&repository, &digest, soon());
                found.await.map(drop)
            }
        }
    }

    /// Another repository of the same registry.
    fn other(&self) -> Repository {
        sealgate_testkit::image::single(&self.registry, "other", "v1", "other");
        format!("{}/other", self.registry.host()).parse().unwrap()
    }
}

const ROUTES: [Route; 4] = [
    Route::ManifestByTag,
    Route::ManifestByDigest,
    Route::Referrers,
    Route::Blob,
];

#[tokio::test]
async fn a_request_that_hangs_once_is_made_again_f10() {
    for route in ROUTES {
        for fault in [Fault::Hang, Fault::Stall(5)] {
            let setup = Setup::hasty().await;
            setup
                .registry
                .inject(Rule::on(route, fault.clone()).times(1));
            let start = Instant::now();
            setup.ask(route).await.unwrap();
            assert!(start.elapsed() >= HASTY.hesitation, "{route:?} {fault:?}");
            let requests = setup.registry.requests();
            let asked = requests.iter().filter(|one| one.route == route).count();
            assert_eq!(asked, 2, "{route:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn silence_ends_long_before_the_deadline_f10() {
    for route in ROUTES {
        for fault in [Fault::Hang, Fault::Stall(5)] {
            let setup = Setup::hasty().await;
            setup.registry.fault(route, fault.clone());
            let start = Instant::now();
            let error = setup.ask(route).await.unwrap_err();
            assert_eq!(error.cause(), Cause::Unreachable, "{route:?} {fault:?}");
            assert!(error.to_string().contains("silence for"), "{error}");
            assert!(start.elapsed() < Duration::from_secs(10));
            assert_eq!(setup.calls().len(), 2, "{route:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_answer_is_taken_from_whichever_request_it_comes_f10() {
    let setup = Setup::hasty().await;
    let slow = Fault::Latency(HASTY.hesitation + Duration::from_millis(50));
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, slow).times(1));
    // The second request would take for ever.
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, Fault::Hang).skip(1));
    setup.tag().await.unwrap();
}

#[tokio::test]
async fn a_drip_is_given_up_f10() {
    let setup = Setup::hasty().await;
    let drip = Fault::Trickle(HASTY.hesitation / 4);
    setup.registry.fault(Route::ManifestByTag, drip);
    let start = Instant::now();
    let error = setup.tag().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    assert!(error.to_string().contains("bytes in"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_form_is_sent_once_f10() {
    let auth = TokenAuth {
        identity_token: Some("refresh me".to_owned()),
        ..TokenAuth::user(alice())
    };
    let setup = Setup::with_patience(tokens(auth), HASTY, |config| {
        config.auth = Auth::Static(Credential::IdentityToken("refresh me".to_owned()));
    })
    .await;
    let slow = Fault::Latency(HASTY.hesitation * 2);
    setup.registry.fault(Route::Token, slow);
    setup.tag().await.unwrap();
    let forms = setup.calls();
    let forms = forms.iter().filter(|call| call.starts_with("POST"));
    assert_eq!(forms.count(), 1);
}

#[tokio::test]
async fn an_error_whose_body_never_ends_is_an_error_f25() {
    for (status, cause) in [
        (StatusCode::NOT_FOUND, Cause::NotFound),
        (StatusCode::FORBIDDEN, Cause::Forbidden),
        (StatusCode::TEMPORARY_REDIRECT, Cause::RedirectRefused),
    ] {
        let setup = Setup::open().await;
        setup
            .registry
            .fault(Route::ManifestByTag, Fault::Unfinished(status));
        let start = Instant::now();
        assert_eq!(setup.tag().await.unwrap_err().cause(), cause, "{status}");
        assert!(start.elapsed() < Duration::from_secs(10), "{status}");
    }
}

#[tokio::test]
async fn a_registry_that_throttles_without_a_time_is_left_alone_f13() {
    let setup = Setup::open().await;
    setup.registry.fault(
        Route::ManifestByTag,
        Fault::Status(StatusCode::TOO_MANY_REQUESTS),
    );
    for _ in 0..50 {
        let error = setup.tag_within(Duration::from_millis(500)).await;
        assert_eq!(error.unwrap_err().code(), "registry_throttled");
    }
    assert_eq!(setup.calls().len(), 1);
}

#[tokio::test]
async fn a_busy_repository_does_not_stop_its_registry_f14() {
    let setup = Setup::open().await;
    let busy = Fault::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, 3600);
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, busy).times(1));
    assert_eq!(setup.tag().await.unwrap_err().code(), "registry_error");
    assert_eq!(setup.tag().await.unwrap_err().code(), "registry_throttled");
    assert_eq!(setup.calls().len(), 1);
    setup
        .client
        .tag(&setup.other(), "v1", soon())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_repository_that_always_fails_is_left_alone_and_it_alone_f13() {
    let setup = Setup::open().await;
    let failing = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
    setup
        .registry
        .inject(Rule::everywhere(failing).repository("app"));
    for _ in 0..50 {
        assert_eq!(setup.tag().await.unwrap_err().code(), "registry_error");
    }
    assert!(setup.calls().len() < 10, "{}", setup.calls().len());
    setup
        .client
        .tag(&setup.other(), "v1", soon())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_registry_that_is_gone_is_left_alone_and_comes_back_f13() {
    let setup = Setup::open().await;
    setup.registry.down();
    let start = Instant::now();
    let mut last = None;
    for _ in 0..50 {
        let error = setup.tag().await.unwrap_err();
        assert_eq!(error.code(), "registry_unreachable");
        last = Some(error.to_string());
    }
    assert!(last.unwrap().contains("times in a row"));
    assert!(start.elapsed() < Duration::from_secs(10));
    setup.registry.up();
    let back = async {
        while setup.tag().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_issuer_that_was_named_once_does_not_take_the_registry_away_f7() {
    let setup = Setup::open().await;
    let realm = format!(
        "Bearer realm=\"{}/gone\",service=\"s\"",
        setup.registry.url()
    );
    setup
        .registry
        .inject(Rule::on(Route::ManifestByTag, Fault::Challenge(realm)).times(1));
    let error = setup.tag().await.unwrap_err();
    assert_eq!(error.code(), "registry_token_refused", "{error}");
    setup.tag().await.unwrap();
    setup.registry.clear_requests();
    setup.manifest().await.unwrap();
    assert_eq!(setup.calls().len(), 1, "the issuer is forgotten");
}

/// Writes a password, and gives the file the time that it had.
fn write_unnoticed(file: &Path, password: &str) {
    let before = std::fs::metadata(file).unwrap().modified().unwrap();
    std::fs::write(file, password).unwrap();
    let opened = std::fs::File::options().write(true).open(file).unwrap();
    opened.set_modified(before).unwrap();
}

#[tokio::test]
async fn a_password_that_changed_unnoticed_is_read_after_a_refusal_f27() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let basic = RegistryOptions {
        auth: registry::Auth::Basic(alice()),
        ..RegistryOptions::default()
    };
    for options in [basic, private()] {
        std::fs::write(&file, "shut, sesame").unwrap();
        let setup = Setup::with(options, |config| {
            config.auth = Auth::PasswordFile {
                username: "alice".to_owned(),
                file: file.clone(),
            };
        })
        .await;
        let error = setup.tag().await.unwrap_err();
        assert_eq!(error.code(), "registry_unauthorized");
        write_unnoticed(&file, "open sesame\n");
        let admitted = async {
            while setup.tag().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_millis(900), admitted)
            .await
            .unwrap();
    }
}
