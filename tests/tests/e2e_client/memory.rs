//! What Gatekeeper remembers of answers, and what a provider has to know of that.

use std::time::{Duration, Instant};

use sealgate_tests::e2e::{Expect, Generation, Table, wait_until};

use crate::world::{Gatekeeper, LONG, Stage, described, pod};

const DOWN: Expect<'_> = Expect::Denied("the registry is down");
const NO_POLICY: Expect<'_> = Expect::Denied("no such policy");
const UNSIGNED: Expect<'_> = Expect::Denied("is not signed");

pub(crate) fn run(stage: &Stage, table: &mut Table) {
    proofs_and_refusals(stage, table);
    what_no_provider_may_send(stage, table);
    failures_forget(stage, table);
    lifetime(stage, table);
}

/// A client, and the stand-in whose requests are counted.
struct Scene<'a> {
    stage: &'a Stage,
    gatekeeper: Gatekeeper,
    table: &'a mut Table,
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Stage, table: &'a mut Table, response_cache: Duration) -> Self {
        let gatekeeper = stage.gatekeeper(response_cache);
        Self {
            stage,
            gatekeeper,
            table,
        }
    }

    fn answers(&mut self, path: &str) {
        let url = format!("{}{path}", self.stage.stand_in.url);
        self.gatekeeper.provider(&self.stage.ca, &url);
    }

    /// Reviews a Pod of these images, which takes so many requests.
    fn expect(&mut self, scenario: &str, images: &[&str], expect: Expect<'_>, requests: usize) {
        let before = self.stage.stand_in.requests();
        let images: Vec<_> = images.iter().map(|name| image(name)).collect();
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        let reviewed = self.gatekeeper.review_pod(&pod("app", &images));
        let asked = self.stage.stand_in.requests() - before;
        let expected = described(expect, requests);
        let seen = format!("{reviewed}, {asked} requests");
        let holds = expect.met_by(&reviewed) && asked == requests;
        self.table
            .row(scenario, &expected, &seen, holds, reviewed.took);
    }
}

fn image(name: &str) -> String {
    format!("registry.example.com/memory/{name}:v1")
}

fn proofs_and_refusals(stage: &Stage, table: &mut Table) {
    let mut scene = Scene::new(stage, table, LONG);
    scene.answers("/good");
    scene.expect("a proof", &["a"], Expect::Admitted, 1);
    let scenario = "… is remembered: status code 0";
    scene.expect(scenario, &["a"], Expect::Admitted, 0);
    let scenario = "three images of a Pod, one of them remembered";
    scene.expect(scenario, &["a", "b", "c"], Expect::Admitted, 1);

    scene.answers("/system-error");
    scene.expect(
        "a proof outlives a system error",
        &["a"],
        Expect::Admitted,
        0,
    );
    scene.expect("a system error", &["d"], DOWN, 1);
    scene.answers("/good");
    scene.expect("… is not remembered", &["d"], Expect::Admitted, 1);

    scene.answers("/refusal");
    scene.expect("a refusal", &["e"], UNSIGNED, 1);
    scene.answers("/good");
    scene.expect("… is remembered", &["e"], UNSIGNED, 0);

    scene.answers("/error");
    scene.expect("an item's error", &["f"], NO_POLICY, 1);
    scene.answers("/good");
    scene.expect("… is remembered", &["f"], NO_POLICY, 0);

    scene.gatekeeper.client.delete_provider("sealgate").unwrap();
    // 3.17 looks for the Provider before it looks into its cache.
    let (scenario, expect) = match stage.generation {
        Generation::V3_23 => ("a proof outlives even the Provider", Expect::Admitted),
        Generation::V3_17 => (
            "a proof does not outlive the Provider",
            Expect::Denied("does not have, or does not accept, the Provider"),
        ),
    };
    scene.expect(scenario, &["a"], expect, 0);
}

/// Gatekeeper remembers positive items whatever they came with. The template refuses them, once:
/// then they come from the cache, and nothing shows what was wrong. So sealgate sends no items
/// with a system error, and none but with status 200.
fn what_no_provider_may_send(stage: &Stage, table: &mut Table) {
    let mut scene = Scene::new(stage, table, LONG);
    for (path, what, name, expect) in [
        ("/both", "a proof beside a system error", "g", DOWN),
        (
            "/status-500",
            "a proof with HTTP status 500",
            "h",
            Expect::Denied("HTTP status 500"),
        ),
    ] {
        scene.answers(path);
        scene.expect(what, &[name], expect, 1);
        let scenario = "… is believed the second time: why sealgate never sends it";
        scene.expect(scenario, &[name], Expect::Admitted, 0);
    }
}

fn failures_forget(stage: &Stage, table: &mut Table) {
    let mut scene = Scene::new(stage, table, LONG);
    scene.answers("/good");
    scene.expect("a proof", &["i"], Expect::Admitted, 1);
    scene.answers("/malformed");
    // One violation for both.
    let both = "memory/i:v1\", \"registry.example.com/memory/j:v1\" could not be decided on";
    let undecided = Expect::Denied(both);
    let scenario = "a failed call takes the remembered image of the Pod with it";
    scene.expect(scenario, &["i", "j"], undecided, 1);
    scene.expect(
        "… which alone is still admitted",
        &["i"],
        Expect::Admitted,
        0,
    );
}

fn lifetime(stage: &Stage, table: &mut Table) {
    let mut scene = Scene::new(stage, table, Duration::from_secs(2));
    scene.answers("/refusal");
    scene.expect("a refusal, remembered for 2 s", &["k"], UNSIGNED, 1);
    scene.answers("/good");
    let began = Instant::now();
    let admitted = wait_until("admission", Duration::from_secs(10), || {
        let reviewed = scene.gatekeeper.review(&image("k"));
        reviewed.messages.is_empty()
    });
    let took = began.elapsed();
    let seen = format!("admitted after {} ms", took.as_millis());
    // Gatekeeper counts whole seconds.
    let holds = admitted.is_ok() && took < Duration::from_secs(4);
    let expected = "admitted within 4 s";
    scene
        .table
        .row("… is asked about again", expected, &seen, holds, took);

    let mut scene = Scene::new(stage, table, Duration::ZERO);
    scene.answers("/good");
    scene.expect("without a cache", &["l"], Expect::Admitted, 1);
    scene.expect("… every review asks", &["l"], Expect::Admitted, 1);
}
