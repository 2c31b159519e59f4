//! The real crane and cosign take the test registry for a registry.
//!
//! `just tools core`, then `cargo test -p sealgate-tests --test e2e_registries -- --ignored`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use sealgate_testkit::registry::{
    Auth, Credentials, Registry, RegistryOptions, Route, TokenAuth, sha256,
};
use sealgate_tests::e2e::{E2eError, Scenario, Signer};
use tempfile::TempDir;

/// A registry that serves on threads of its own, and a folder for the programs.
struct Bench {
    registry: Registry,
    signer: Signer,
    _folder: TempDir,
}

impl Bench {
    async fn new(options: RegistryOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            registry: Registry::start(options).await.unwrap(),
            signer: Signer::new(folder.path()).unwrap(),
            _folder: folder,
        }
    }

    fn image(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    fn crane(&self, arguments: &[&str]) -> String {
        let printed = done(self.signer.crane(arguments));
        printed.trim().to_owned()
    }

    /// Pushes an image and returns its digest.
    fn push(&self) -> String {
        let pinned = done(self.signer.push(&self.image("app:v1")));
        let (_, digest) = pinned.split_once('@').unwrap();
        digest.to_owned()
    }

    fn sign_and_verify(&self, program: &str, form: &[&str], digest: &str) {
        let image = self.image(&format!("app@{digest}"));
        let key = done(self.signer.cosign_key("cosign"));
        done(self.signer.sign_as(program, form, &key, &image));
        done(self.signer.verify_as(program, &key, &image));
    }
}

fn done<T>(outcome: Result<T, E2eError>) -> T {
    outcome.unwrap_or_else(|failed| panic!("{failed}"))
}

const BUNDLE: &[&str] = &["--use-signing-config=false"];
const LEGACY: &[&str] = &["--use-signing-config=false", "--new-bundle-format=false"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core"]
async fn crane_pushes_copies_mutates_indexes_lists_and_deletes() {
    let row = Scenario::begin(
        "crane: append, copy, mutate, index, ls, pull, push, delete",
        "the same digests everywhere, and the tags that are left",
    );
    let options = RegistryOptions {
        page_size: Some(2),
        ..RegistryOptions::default()
    };
    let bench = Bench::new(options).await;
    let digest = bench.push();
    let image = bench.image("app:v1");
    bench.crane(&["copy", &image, &bench.image("copy/of/app:v1")]);
    assert_eq!(
        bench.crane(&["digest", &bench.image("copy/of/app:v1")]),
        digest
    );

    bench.crane(&[
        "mutate",
        &image,
        "--label",
        "a=b",
        "-t",
        &bench.image("app:v2"),
    ]);
    let index = bench.image("app:multi");
    bench.crane(&[
        "index",
        "append",
        "-m",
        &image,
        "-m",
        &bench.image("app:v2"),
        "-t",
        &index,
    ]);
    assert_eq!(bench.crane(&["ls", &bench.image("app")]), "multi\nv1\nv2");

    bench.crane(&["pull", &image, "image.tar"]);
    bench.crane(&["push", "image.tar", &bench.image("pushed:v1")]);
    assert_eq!(bench.crane(&["digest", &bench.image("pushed:v1")]), digest);
    let manifest = done(bench.signer.crane(&["manifest", &image]));
    assert_eq!(sha256(manifest.as_bytes()), digest);

    bench.crane(&["delete", &bench.image(&format!("app@{digest}"))]);
    assert_eq!(bench.registry.tags("app"), ["multi", "v2"]);
    row.seen(format!("{digest}; multi, v2"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core"]
async fn cosign_signs_through_the_referrers_api() {
    let row = Scenario::begin(
        "cosign v3 sign, verify: a registry with the referrers API",
        "verified through the API; no tag is written",
    );
    let bench = Bench::new(RegistryOptions::default()).await;
    bench.sign_and_verify("cosign-v3", BUNDLE, &bench.push());
    let tags = bench.registry.tags("app");
    assert_eq!(tags, ["v1"]);
    let asked = bench.registry.requests();
    let asked = asked.iter().filter(|one| one.route == Route::Referrers);
    let asked = asked.count();
    assert!(asked > 0);
    row.seen(format!("verified; {asked} requests to the API; {tags:?}"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core"]
async fn cosign_signs_through_the_fallback_tag() {
    let row = Scenario::begin(
        "cosign v3 sign, verify: a registry without it",
        "verified through the fallback tag",
    );
    let options = RegistryOptions {
        referrers_api: false,
        ..RegistryOptions::default()
    };
    let bench = Bench::new(options).await;
    let digest = bench.push();
    bench.sign_and_verify("cosign-v3", BUNDLE, &digest);
    let tags = bench.registry.tags("app");
    assert_eq!(tags, [digest.replace(':', "-"), "v1".to_owned()]);
    row.seen(format!("verified; {tags:?}"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core"]
async fn cosign_signs_by_tag_in_its_third_and_second_generation() {
    for (program, form) in [("cosign-v3", LEGACY), ("cosign-v2", &[])] {
        let scenario = format!("{program} sign, verify: by tag");
        let row = Scenario::begin(&scenario, "verified through sha256-….sig");
        let bench = Bench::new(RegistryOptions::default()).await;
        let digest = bench.push();
        bench.sign_and_verify(program, form, &digest);
        let tag = format!("{}.sig", digest.replace(':', "-"));
        let tags = bench.registry.tags("app");
        assert_eq!(tags, [tag, "v1".to_owned()]);
        row.seen(format!("verified; {tags:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real programs: just tools core"]
async fn crane_and_cosign_log_in_with_basic_and_with_tokens() {
    let user = Credentials::new("robot", "secret");
    for (name, auth) in [
        ("basic authentication", Auth::Basic(user.clone())),
        ("tokens", Auth::Token(TokenAuth::user(user.clone()))),
    ] {
        let scenario = format!("crane auth login, cosign v3 sign, verify: {name}");
        let row = Scenario::begin(&scenario, "verified");
        let bench = Bench::new(RegistryOptions {
            auth,
            ..RegistryOptions::default()
        })
        .await;
        let host = bench.registry.host();
        bench.crane(&["auth", "login", &host, "-u", "robot", "-p", "secret"]);
        bench.sign_and_verify("cosign-v3", BUNDLE, &bench.push());
        row.seen("verified");
    }
}
