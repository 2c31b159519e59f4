//! Independent fetches run side by side, and scarce memory or connections stop nobody for good.

use std::time::Duration;

use futures::future::join_all;
use sealgate::collect::Wanted;
use sealgate::registry::Limits;
use sealgate_testkit::publish::Listing;
use sealgate_testkit::registry::{Fault, Gate, RegistryOptions, Route};

use super::setup::Setup;

#[tokio::test]
async fn all_places_are_asked_at_once() {
    let setup = Setup::new().await;
    let gate = Gate::new();
    setup
        .registry
        .fault(Route::Referrers, Fault::Gate(gate.clone()));
    setup
        .registry
        .fault(Route::ManifestByTag, Fault::Gate(gate.clone()));
    setup
        .registry
        .fault(Route::ManifestByDigest, Fault::Gate(gate.clone()));
    let pinned = setup.image.pinned();
    let collecting = setup.collect_image(&pinned, Wanted::ALL);
    // The image, its referrers, and two tags: none is answered before all have been asked.
    let opening = async {
        gate.arrivals(4).await;
        gate.open();
    };
    let (evidence, ()) = tokio::join!(collecting, opening);
    assert!(evidence.unwrap().artifacts.is_empty());
}

#[tokio::test]
async fn the_parts_of_all_signatures_are_fetched_at_once() {
    for route in [Route::ManifestByDigest, Route::Blob] {
        let setup = Setup::new().await;
        for _ in 0..8 {
            setup.bundle(Listing::Api);
        }
        let gate = Gate::new();
        setup.registry.fault(route, Fault::Gate(gate.clone()));
        let collecting = setup.collect(Wanted::REFERRERS);
        let opening = async {
            gate.arrivals(8).await;
            gate.open();
        };
        let (evidence, ()) = tokio::join!(collecting, opening);
        assert_eq!(evidence.unwrap().artifacts.len(), 8, "{route:?}");
    }
}

#[tokio::test]
async fn many_collections_share_little_memory_and_one_connection() {
    let limits = Limits {
        bytes_in_flight: 2 << 20,
        bytes_per_image: 1 << 20,
        requests_per_host: 1,
        longest_wait: Duration::from_secs(30),
    };
    let setup = Setup::with(RegistryOptions::default(), limits).await;
    for number in 0..3 {
        setup.attach(sealgate_testkit::sign::BUNDLE, &vec![number; 300 << 10]);
    }
    let all = join_all((0..20).map(|_| setup.collect(Wanted::ALL))).await;
    for evidence in all {
        assert_eq!(super::setup::blobs(&evidence.unwrap()).len(), 3);
    }
}
