//! What is no proof admits nothing.

use std::time::Instant;

use sealgate_tests::e2e::{Authority, Expect, Generation, Table, free_port, shapes};

use crate::world::{LONG, Stage, pod, provider};

const UNDECIDED: Expect<'_> = Expect::Denied("could not be decided on");

pub(crate) fn run(stage: &Stage, table: &mut Table) {
    shapes(stage, table);
    nobody_there(stage, table);
    names_that_are_none(stage, table);
    connections(stage, table);
}

fn shapes(stage: &Stage, table: &mut Table) {
    let mut gatekeeper = stage.gatekeeper(LONG);
    let mut at = |path: &str| {
        let url = format!("{}{path}", stage.stand_in.url);
        gatekeeper
            .client
            .apply(&provider(&stage.ca, &url, 1))
            .unwrap();
        gatekeeper.review(&format!("registry.example.com{path}:v1"))
    };
    table.review("a proof", Expect::Admitted, &at("/good"));
    for shape in shapes::REFUSED {
        table.review(shape.what, Expect::Denied(shape.told), &at(shape.path));
    }
}

fn nobody_there(stage: &Stage, table: &mut Table) {
    let mut gatekeeper = stage.gatekeeper(LONG);
    let image = "registry.example.com/nobody:v1";
    let missing = Expect::Denied("does not have, or does not accept, the Provider");
    table.review("no Provider", missing, &gatekeeper.review(image));

    let good = format!("{}/good", stage.stand_in.url);
    let nobody = format!("https://127.0.0.1:{}/good", free_port().unwrap());
    let stranger = Authority::new("another CA").unwrap().pem();
    let name = good.replace("127.0.0.1", "localhost");
    for (scenario, ca, url, timeout) in [
        ("nobody listens", &stage.ca, &nobody, 2),
        ("a certificate of another CA", &stranger, &good, 2),
        ("a certificate for another name", &stage.ca, &name, 2),
        ("a Provider without a timeout", &stage.ca, &good, 0),
    ] {
        gatekeeper
            .client
            .apply(&provider(ca, url, timeout))
            .unwrap();
        table.review(scenario, UNDECIDED, &gatekeeper.review(image));
    }

    let began = Instant::now();
    let plain = provider(&stage.ca, &good.replace("https", "http"), 2);
    let refused = gatekeeper.client.apply(&plain).unwrap_err().to_string();
    let expected = "only HTTPS scheme is supported";
    let holds = refused.contains(expected);
    table.row(
        "a Provider over plain HTTP",
        expected,
        &refused,
        holds,
        began.elapsed(),
    );
}

/// A single control character, or a set for keys, leaves the whole call undefined.
fn names_that_are_none(stage: &Stage, table: &mut Table) {
    let mut gatekeeper = stage.gatekeeper(LONG);
    gatekeeper.provider(&stage.ca, &format!("{}/good", stage.stand_in.url));
    let before = stage.stand_in.requests();
    let no_name = Expect::Denied("is not an image name");
    let seen = gatekeeper.review("app\u{7}");
    table.review("a control character in the name", no_name, &seen);
    let asked = stage.stand_in.requests() - before;
    table.row(
        "… is not asked about",
        "0 requests",
        &format!("{asked} requests"),
        asked == 0,
        seen.took,
    );

    let good = "registry.example.com/beside:v1";
    let seen = gatekeeper.review_pod(&pod("two", &["app\u{7}", good]));
    let alone = seen.messages.len() == 1 && no_name.met_by(&seen);
    let scenario = "… and hides nothing about the image beside it";
    table.row(
        scenario,
        "one message, about the first",
        &seen.to_string(),
        alone,
        seen.took,
    );
}

fn connections(stage: &Stage, table: &mut Table) {
    let mut gatekeeper = stage.gatekeeper(LONG);
    gatekeeper.provider(&stage.ca, &format!("{}/good", stage.stand_in.url));
    gatekeeper.review("registry.example.com/warm-up:v1");
    let (began, before) = (Instant::now(), stage.stand_in.connections());
    for index in 0..5 {
        gatekeeper.review(&format!("registry.example.com/connection-{index}:v1"));
    }
    let opened = stage.stand_in.connections() - before;
    let expected = match stage.generation {
        Generation::V3_23 => 0,
        Generation::V3_17 => 5,
    };
    table.row(
        "five requests, one by one",
        &format!("{expected} new connections"),
        &format!("{opened} new connections"),
        opened == expected,
        began.elapsed(),
    );
}
