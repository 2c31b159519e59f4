//! Real images through the real provider, and who may ask it.

use sealgate_tests::e2e::{Authority, Expect, Point, Table};

use crate::world::{GATEKEEPER, LONG, World, pod};

pub(crate) fn run(world: &World, table: &mut Table) {
    signatures(world, table);
    askers(world, table);
}

fn signatures(world: &World, table: &mut Table) {
    let mut gatekeeper = world.gatekeeper(LONG);
    let good = world.signed("good", &world.release);
    let stranger = world.signed("stranger", &world.stranger);
    let (unsigned, _) = world.image("unsigned");
    let missing = format!("{}/prod/missing:v1", world.registry.host());
    let elsewhere = good.replace("/prod/", "/other/");
    world.signer.push(&elsewhere).unwrap();
    let no_signature = Expect::Denied("is not signed as the policy demands");
    for (scenario, image, expect) in [
        ("an image signed by cosign", &good, Expect::Admitted),
        ("unsigned", &unsigned, no_signature),
        (
            "signed by a stranger",
            &stranger,
            Expect::Denied("is not signed by anyone whom the policy trusts"),
        ),
        (
            "not in its registry",
            &missing,
            Expect::Denied("does not exist in its registry"),
        ),
        (
            "covered by no policy",
            &elsewhere,
            Expect::Denied("is covered by no trust policy"),
        ),
    ] {
        table.review(scenario, expect, &gatekeeper.review(image));
    }
    let both = pod("both", &[&good, &unsigned]);
    let scenario = "a signed and an unsigned image in a Pod";
    let seen = gatekeeper.review_pod(&both);
    let one = seen.messages.len() == 1 && no_signature.met_by(&seen);
    table.row(
        scenario,
        "one message, about the second",
        &seen.to_string(),
        one,
        seen.took,
    );
    let audited = gatekeeper.client.review(Point::Audit, &[both]).unwrap();
    table.review("… in an audit", no_signature, &audited[0]);
}

/// Only Gatekeeper's certificate opens the provider.
fn askers(world: &World, table: &mut Table) {
    let stage = &world.stage;
    let good = world.signed("asked", &world.release);
    let undecided = Expect::Denied("could not be decided on");
    let another = Authority::new("gatekeeper-ca").unwrap();
    let by_another = stage.identity("by-another", &another, GATEKEEPER);
    let named = stage.identity("named", &stage.gatekeeper_ca, "another.default.svc");
    for (scenario, certificates) in [
        ("a client certificate of another CA", by_another),
        ("a client certificate for another name", named),
    ] {
        let mut gatekeeper = stage.gatekeeper_as(&certificates, LONG);
        gatekeeper.provider(&world.ca.pem(), &world.url());
        table.review(scenario, undecided, &gatekeeper.review(&good));
    }
}
