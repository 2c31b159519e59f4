//! Hundreds of reviews: what reaches the provider, by what connections, and at what price.

use std::time::{Duration, Instant};

use sealgate_tests::e2e::{Generation, Point, Reviewed, Table};
use serde_json::Value;

use crate::world::{Gatekeeper, LONG, World, pod};

/// Objects of an audit.
const PODS: usize = 300;

pub(crate) async fn run(world: &World, table: &mut Table) {
    let images = Images::make(world);
    remembered(world, &images, table).await;
    forgetful(world, &images, table).await;
    at_once(world, table).await;
}

/// Four signed images and an unsigned one.
struct Images(Vec<String>);

impl Images {
    fn make(world: &World) -> Self {
        let signed = |index| world.signed(&format!("audited-{index}"), &world.release);
        let mut images: Vec<_> = (0..4).map(signed).collect();
        images.push(world.image("audited-unsigned").0);
        Self(images)
    }

    /// As many Pods, with one image after the other.
    fn pods(&self) -> Vec<Value> {
        let image = |index: usize| self.0[index % self.0.len()].as_str();
        (0..PODS)
            .map(|index| pod(&format!("pod-{index}"), &[image(index)]))
            .collect()
    }
}

/// What a round of reviews cost.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    refused: usize,
    requests: u64,
    connections: usize,
}

async fn round(
    world: &World,
    gatekeeper: &mut Gatekeeper,
    point: Point,
    pods: &[Value],
) -> (Cost, Duration, Vec<Reviewed>) {
    let (requests, connections) = (world.requests().await, world.relay.connections());
    let began = Instant::now();
    let reviewed = gatekeeper.client.review(point, pods).unwrap();
    let took = began.elapsed();
    let refused = reviewed.iter().filter(|one| !one.messages.is_empty());
    let cost = Cost {
        refused: refused.count(),
        requests: world.requests().await - requests,
        connections: world.relay.connections() - connections,
    };
    (cost, took, reviewed)
}

async fn remembered(world: &World, images: &Images, table: &mut Table) {
    let mut gatekeeper = world.gatekeeper(LONG);
    let pods = images.pods();
    let opened = match world.stage.generation {
        Generation::V3_23 => 1,
        Generation::V3_17 => 5,
    };
    for (scenario, requests, connections) in [
        ("an audit of 300 Pods of 5 images, one unsigned", 5, opened),
        ("… the next one, within the cache's lifetime", 0, 0),
    ] {
        let expected = Cost {
            refused: PODS / 5,
            requests,
            connections,
        };
        let (cost, took, reviewed) = round(world, &mut gatekeeper, Point::Audit, &pods).await;
        row(table, scenario, &expected, &cost, took, &reviewed);
    }
}

/// With `--external-data-provider-response-cache-ttl=0`, all that is remembered is what the
/// provider remembers.
async fn forgetful(world: &World, images: &Images, table: &mut Table) {
    let mut gatekeeper = world.gatekeeper(Duration::ZERO);
    let pods = images.pods();
    let expected = Cost {
        refused: PODS / 5,
        requests: PODS as u64,
        connections: match world.stage.generation {
            Generation::V3_23 => 1,
            Generation::V3_17 => PODS,
        },
    };
    let verified = world.provider.counted(VERIFICATIONS).await.unwrap();
    let (cost, took, reviewed) = round(world, &mut gatekeeper, Point::Audit, &pods).await;
    let scenario = "an audit of 300 Pods without Gatekeeper's cache";
    row(table, scenario, &expected, &cost, took, &reviewed);
    let verified = world.provider.counted(VERIFICATIONS).await.unwrap() - verified;
    let seen = format!("{verified} verifications");
    table.row(
        "… from the provider's",
        "0 verifications",
        &seen,
        verified == 0,
        took,
    );
}

const VERIFICATIONS: &str = "sealgate_work_duration_seconds_count{work=\"verification\"}";

async fn at_once(world: &World, table: &mut Table) {
    let mut gatekeeper = world.gatekeeper(LONG);
    let image = world.signed("rollout", &world.release);
    let pods: Vec<_> = (0..50)
        .map(|index| pod(&format!("pod-{index}"), &[&image]))
        .collect();
    let verified = world.provider.counted(VERIFICATIONS).await.unwrap();
    let (cost, took, reviewed) = round(world, &mut gatekeeper, Point::WebhookAtOnce, &pods).await;
    let verified = world.provider.counted(VERIFICATIONS).await.unwrap() - verified;
    // Gatekeeper asks for each until the first answer is there.
    let holds = cost.refused == 0 && cost.requests <= 50 && verified == 1;
    let seen = format!("{cost:?}, {verified} verifications{}", pace(&reviewed));
    let expected = "none refused, at most 50 requests, 1 verification";
    table.row(
        "50 Pods of a new image at once",
        expected,
        &seen,
        holds,
        took,
    );
}

fn row(
    table: &mut Table,
    scenario: &str,
    expected: &Cost,
    cost: &Cost,
    took: Duration,
    reviewed: &[Reviewed],
) {
    let seen = format!("{cost:?}{}", pace(reviewed));
    table.row(
        scenario,
        &format!("{expected:?}"),
        &seen,
        cost == expected,
        took,
    );
}

/// The median and the longest review.
fn pace(reviewed: &[Reviewed]) -> String {
    let mut times: Vec<_> = reviewed.iter().map(|one| one.took).collect();
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let (median, longest) = (at(times.len() / 2), at(times.len() - 1));
    format!("; a review takes {median:.1?}, at most {longest:.1?}")
}
