//! Certificates and their CAs change on both sides, and nobody is restarted.

use std::fs;
use std::time::{Duration, Instant};

use sealgate_tests::e2e::{Authority, Expect, Table, wait_until};

use crate::world::{Gatekeeper, World, certify};

const UNDECIDED: Expect<'_> = Expect::Denied("could not be decided on");

/// The files are looked at five times a second, and Gatekeeper's at once.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run(world: &World, table: &mut Table) {
    let image = world.signed("rotated", &world.release);
    // Without a cache, so that every review needs a connection that holds.
    let mut gatekeeper = world.gatekeeper(Duration::ZERO);
    let scenario = "before anything changes";
    table.review(scenario, Expect::Admitted, &gatekeeper.review(&image));
    let ca = server_without_notice(world, &image, &mut gatekeeper, table);
    let ca = server_with_both_authorities(world, (&image, &ca), &mut gatekeeper, table);
    client(world, (&image, &ca), &mut gatekeeper, table);
}

/// The CA changes before the Provider knows: refused, until it does.
fn server_without_notice(
    world: &World,
    image: &str,
    gatekeeper: &mut Gatekeeper,
    table: &mut Table,
) -> Authority {
    let began = Instant::now();
    let next = Authority::new("provider CA, second").unwrap();
    reloaded(world, &next);
    let seen = gatekeeper.review(image);
    let scenario = "the provider's CA changes, the Provider does not";
    table.row(
        scenario,
        &UNDECIDED.to_string(),
        &seen.to_string(),
        UNDECIDED.met_by(&seen),
        began.elapsed(),
    );
    gatekeeper.provider(&next.pem(), &world.url());
    let scenario = "… the Provider's caBundle follows";
    table.review(scenario, Expect::Admitted, &gatekeeper.review(image));
    next
}

/// The caBundle has both CAs before the certificate changes: nobody is refused for a moment.
fn server_with_both_authorities(
    world: &World,
    (image, current): (&str, &Authority),
    gatekeeper: &mut Gatekeeper,
    table: &mut Table,
) -> Authority {
    let began = Instant::now();
    let next = Authority::new("provider CA, third").unwrap();
    gatekeeper.provider(&(current.pem() + &next.pem()), &world.url());
    let connections = world.relay.connections();
    let mut reviews = vec![gatekeeper.review(image)];
    reloaded(world, &next);
    reviews.extend((0..20).map(|_| gatekeeper.review(image)));
    let refused = reviews
        .iter()
        .filter(|one| !one.messages.is_empty())
        .count();
    let renewed = world.relay.connections() > connections;
    let scenario = "both CAs are in the caBundle, then the certificate changes";
    let seen = format!("{refused} of {} refused", reviews.len());
    table.row(
        scenario,
        "0 of 21 refused",
        &seen,
        refused == 0 && renewed,
        began.elapsed(),
    );

    let scenario = "… and the old CA is taken out";
    gatekeeper.provider(&next.pem(), &world.url());
    table.review(scenario, Expect::Admitted, &gatekeeper.review(image));
    gatekeeper.provider(&current.pem(), &world.url());
    let scenario = "… the old CA alone is trusted no more";
    table.review(scenario, UNDECIDED, &gatekeeper.review(image));
    gatekeeper.provider(&next.pem(), &world.url());
    next
}

/// Gatekeeper renews its certificate and its CA, as its cert-controller does: both at once.
fn client(
    world: &World,
    (image, ca): (&str, &Authority),
    gatekeeper: &mut Gatekeeper,
    table: &mut Table,
) {
    let folder = &world.stage.folder;
    let old = folder.join("gatekeeper-old");
    fs::create_dir_all(&old).unwrap();
    for file in ["tls.crt", "tls.key"] {
        fs::copy(folder.join("manager").join(file), old.join(file)).unwrap();
    }
    let mut left_behind = world.stage.gatekeeper_as(&old, Duration::ZERO);
    left_behind.provider(&ca.pem(), &world.url());
    let before = left_behind.review(image);
    table.review(
        "a second client, before the change",
        Expect::Admitted,
        &before,
    );

    let began = Instant::now();
    let next = Authority::new("gatekeeper-ca").unwrap();
    world.stage.renew(&next);
    fs::write(folder.join("client-ca.crt"), next.pem()).unwrap();
    for (scenario, expect, client) in [
        (
            "Gatekeeper's CA changes: the old certificate opens nothing",
            UNDECIDED,
            &mut left_behind,
        ),
        (
            "… and a running Gatekeeper shows the new one",
            Expect::Admitted,
            gatekeeper,
        ),
    ] {
        let mut seen = client.review(image);
        let outcome = wait_until("the certificates to be in force", LIMIT, || {
            seen = client.review(image);
            expect.met_by(&seen)
        });
        let holds = outcome.is_ok();
        table.row(
            scenario,
            &expect.to_string(),
            &seen.to_string(),
            holds,
            began.elapsed(),
        );
    }
}

/// Renews the provider's certificate, and waits until the new one is in force.
fn reloaded(world: &World, authority: &Authority) {
    let reloads = || {
        world
            .provider
            .log()
            .matches("certificates were reloaded")
            .count()
    };
    let before = reloads();
    certify(&world.stage.folder, authority);
    wait_until("the certificate to be read again", LIMIT, || {
        reloads() > before
    })
    .unwrap();
}
