//! What the real cosign wrote to real registries is found: with a referrers API that mislabels
//! (go-containerregistry) and without one (distribution).
//!
//! `just tools core`, then `cargo test -p sealgate-tests --test e2e_collect -- --ignored`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::time::Duration;

use sealgate::collect::{Collector, Wanted};
use sealgate::registry::{Registries, RegistryClient, RegistryConfig};
use sealgate_core::Manifest;
use sealgate_core::evidence::{Evidence, Request, Source};
use sealgate_tests::e2e::{CosignKey, E2eError, RegistryProcess, Scenario, Signer};
use tempfile::TempDir;
use tokio::time::Instant;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A registry as a process of its own, and a folder for the programs.
struct Bench {
    registry: RegistryProcess,
    signer: Signer,
    _folder: TempDir,
}

impl Bench {
    fn start(registry: fn(&Path) -> Result<RegistryProcess, E2eError>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path()).unwrap_or_else(|failed| panic!("{failed}"));
        Self {
            registry,
            signer: Signer::new(folder.path()).unwrap(),
            _folder: folder,
        }
    }

    /// go-containerregistry: a referrers API that gives the config's media type as artifact type.
    fn with_api() -> Self {
        Self::start(RegistryProcess::referrers)
    }

    /// distribution: no referrers API.
    fn without_api() -> Self {
        Self::start(RegistryProcess::distribution)
    }

    fn image(&self) -> String {
        format!("{}/app:v1", self.registry.host())
    }

    /// Pushes an image and signs it, with cosign v3 or v2.
    fn push_signed(&self, sign: fn(&Signer, &CosignKey, &str) -> Result<(), E2eError>) {
        let pushed = || {
            let key = self.signer.cosign_key("cosign")?;
            sign(&self.signer, &key, &self.signer.push(&self.image())?)
        };
        pushed().unwrap_or_else(|failed| panic!("{failed}"));
    }

    async fn collect(&self, wanted: Wanted) -> Evidence {
        let mut config = RegistryConfig::new(self.registry.host()).unwrap();
        config.plain_http = true;
        let client = RegistryClient::new(&Registries::default().with(config)).unwrap();
        let collector = Collector::new(client);
        let deadline = Instant::now() + Duration::from_secs(20);
        let image = self.image().parse().unwrap();
        let image = collector.resolve(&image, deadline).await.unwrap();
        let request = Request::default();
        let evidence = collector.collect(&image, request, wanted, deadline).await;
        evidence.unwrap().evidence
    }
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
    bench.push_signed(Signer::sign);
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
    bench.push_signed(Signer::sign);
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
        bench.push_signed(Signer::sign_v2);
        let (source, _, blobs) = only(&bench.collect(Wanted::ALL).await);
        assert_eq!((source, blobs), (Source::CosignSignatureTag, 1));
        row.seen(format!("{source:?}, {blobs} blob"));
    }
}
