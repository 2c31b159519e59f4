//! What the real cosign wrote to real registries is found: with a referrers API that mislabels
//! (go-containerregistry) and without one (distribution).
//!
//! `just tools core`, then `cargo test -p sealgate-tests --test e2e_collect -- --ignored`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealgate::collect::{Collector, Wanted};
use sealgate::registry::{Registries, RegistryClient, RegistryConfig};
use sealgate_core::Manifest;
use sealgate_core::evidence::{Evidence, Request, Source};
use sealgate_tests::e2e::{E2eError, RegistryProcess, Scenario};
use sealgate_tests::tools::{find, run};
use tempfile::TempDir;
use tokio::time::Instant;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A registry as a process of its own, and a folder for the programs.
struct Bench {
    registry: RegistryProcess,
    folder: TempDir,
}

impl Bench {
    fn start(registry: fn(&Path) -> Result<RegistryProcess, E2eError>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path()).unwrap_or_else(|failed| panic!("{failed}"));
        std::fs::write(folder.path().join("layer.tar"), [0; 1024]).unwrap();
        Self { registry, folder }
    }

    /// go-containerregistry: a referrers API that gives the config's media type as artifact type.
    fn with_api() -> Self {
        Self::start(RegistryProcess::referrers)
    }

    /// distribution: no referrers API.
    fn without_api() -> Self {
        Self::start(RegistryProcess::distribution)
    }

    fn run(&self, name: &str, arguments: &[&str]) -> String {
        let home = self.folder.path();
        let mut command = Command::new(program(name));
        command.args(arguments).current_dir(home);
        command.env("HOME", home).env("DOCKER_CONFIG", home);
        let printed = run(command.env("COSIGN_PASSWORD", ""));
        printed
            .unwrap_or_else(|failed| panic!("{failed}"))
            .trim()
            .to_owned()
    }

    fn image(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    /// Pushes an image and returns its pinned name.
    fn push(&self) -> String {
        let tagged = self.image("app:v1");
        self.run(
            "crane",
            &["append", "-f", "layer.tar", "-t", &tagged, "--insecure"],
        );
        let digest = self.run("crane", &["digest", &tagged, "--insecure"]);
        self.image(&format!("app@{digest}"))
    }

    fn sign(&self, cosign: &str, form: &[&str], image: &str) {
        if !self.folder.path().join("cosign.key").exists() {
            self.run(cosign, &["generate-key-pair"]);
        }
        let flags = [
            "sign",
            "--key",
            "cosign.key",
            "--yes",
            "--tlog-upload=false",
        ];
        let insecure = ["--allow-http-registry", "--allow-insecure-registry", image];
        self.run(cosign, &[flags.as_slice(), form, &insecure].concat());
    }

    async fn collect(&self, wanted: Wanted) -> Evidence {
        let mut config = RegistryConfig::new(self.registry.host()).unwrap();
        config.plain_http = true;
        let client = RegistryClient::new(&Registries::default().with(config)).unwrap();
        let collector = Collector::new(client);
        let deadline = Instant::now() + Duration::from_secs(20);
        let image = self.image("app:v1").parse().unwrap();
        let image = collector.resolve(&image, deadline).await.unwrap();
        let request = Request::default();
        let evidence = collector.collect(&image, request, wanted, deadline).await;
        evidence.unwrap().evidence
    }
}

fn program(name: &str) -> std::path::PathBuf {
    find(name).unwrap_or_else(|missing| panic!("{missing}"))
}

/// Where the one artifact was found, its type, and how many blobs came with it.
fn only(evidence: &Evidence) -> (Source, String, usize) {
    let [artifact] = evidence.artifacts.as_slice() else {
        panic!("expected one artifact, found {:?}", evidence.artifacts);
    };
    let manifest = Manifest::parse(artifact.manifest.bytes()).unwrap();
    (
        artifact.source,
        manifest.kind().to_owned(),
        artifact.blobs.len(),
    )
}

#[tokio::test]
#[ignore = "needs real programs: just tools core"]
async fn a_bundle_of_cosign_v3_is_found_though_the_registry_mislabels_it() {
    let row = Scenario::begin(
        "cosign v3, a referrers API that mislabels",
        "one bundle, from the ReferrersApi",
    );
    let bench = Bench::with_api();
    bench.sign("cosign-v3", &["--use-signing-config=false"], &bench.push());
    let evidence = bench.collect(Wanted::REFERRERS).await;
    let found = only(&evidence);
    assert_eq!(found, (Source::ReferrersApi, BUNDLE.into(), 1));
    row.seen(format!("{found:?}"));
}

#[tokio::test]
#[ignore = "needs real programs: just tools core"]
async fn a_bundle_of_cosign_v3_is_found_by_the_fallback_tag() {
    let row = Scenario::begin(
        "cosign v3, no referrers API",
        "one bundle, from the ReferrersTag",
    );
    let bench = Bench::without_api();
    bench.sign("cosign-v3", &["--use-signing-config=false"], &bench.push());
    let evidence = bench.collect(Wanted::REFERRERS).await;
    let found = only(&evidence);
    assert_eq!(found, (Source::ReferrersTag, BUNDLE.into(), 1));
    row.seen(format!("{found:?}"));
}

#[tokio::test]
#[ignore = "needs real programs: just tools core"]
async fn a_signature_of_cosign_v2_is_found_in_both_registries() {
    for (name, bench) in [
        ("a referrers API", Bench::with_api()),
        ("no referrers API", Bench::without_api()),
    ] {
        let scenario = format!("cosign v2, {name}");
        let row = Scenario::begin(&scenario, "one signature, from the .sig tag");
        bench.sign("cosign-v2", &[], &bench.push());
        let (source, _, blobs) = only(&bench.collect(Wanted::ALL).await);
        assert_eq!((source, blobs), (Source::CosignSignatureTag, 1));
        row.seen(format!("{source:?}, {blobs} blob"));
    }
}
