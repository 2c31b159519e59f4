//! Who asks, and whom: tokens that a real API server reviews, and a provider that is somebody
//! else, or gone.

use sealgate_tests::e2e::{Authority, Table};

use crate::kyverno::{Caller, Expect, KINDS, Kind, pod};
use crate::world::World;

pub(crate) fn run(world: &mut World, table: &mut Table) {
    let (image, pinned) = world.image("asked-about");
    world.signer.sign(&world.release, &pinned).unwrap();
    let pod = pod(&image);
    let both = |token: String| Caller {
        own: token.clone(),
        secret: token,
    };
    let elsewhere = "for another audience";
    let default = both(world.token("kyverno-admission-controller", "https://localhost"));
    let other = both(world.token("kyverno-admission-controller", "vault"));
    let forged = {
        let good = world.caller().own;
        let (body, signature) = good.rsplit_once('.').unwrap();
        let reversed: String = signature.chars().rev().collect();
        both(format!("{body}.{reversed}"))
    };
    let cases = [
        (
            "token of another account",
            both(world.token("somebody-else", "sealgate")),
            "somebody-else",
        ),
        (elsewhere, other, "does not accept the token"),
        (
            "for the API server itself",
            default,
            "does not accept the token",
        ),
        ("forged token", forged, "does not accept the token"),
        (
            "garbage for a token",
            both("garbage".to_owned()),
            "does not accept the token",
        ),
        ("no token", both(String::new()), "Authorization: Bearer"),
    ];
    for kind in KINDS {
        for (scenario, caller, said) in &cases {
            let kyverno = world.kyverno().show(caller.clone());
            kyverno.expect(table, kind, scenario, &pod, Expect::Refused(said));
        }
    }
    table.no_token_logged(&world.provider, "does not accept the token");

    let stranger = world.folder.join("stranger.crt");
    std::fs::write(&stranger, Authority::new("stranger").unwrap().pem()).unwrap();
    let mut kyverno = world.kyverno();
    kyverno.trust(&stranger);
    for kind in KINDS {
        let expect = Expect::Refused("x509");
        kyverno.expect(table, kind, "wrong certificate authority", &pod, expect);
    }

    world.provider.stop();
    for kind in KINDS {
        let expect = Expect::Refused("connection refused");
        world
            .kyverno()
            .expect(table, kind, "provider down", &pod, expect);
    }
    world.provider.resume().unwrap();
    let again = "provider started again";
    world
        .kyverno()
        .expect(table, Kind::Validating, again, &pod, Expect::Passes);
}
