//! Genuine signatures: every kind of key in both formats, on every registry.

use sealgate_testkit::notation::revocation::Status;
use sealgate_testkit::notation::{Format, Kind};
use sealgate_tests::e2e::Table;
use serde_json::Value;

use crate::remote::Remote;
use crate::world::{World, name};

pub async fn run(world: &World, table: &mut Table) {
    for (position, (registry, remote)) in world.registries.iter().enumerate() {
        // All of them on ours; on the others the cheap ones, in turn.
        let kinds: &[Kind] = match position {
            0 => &Kind::NOTARY,
            1 => &[Kind::P256, Kind::Rsa3072],
            2 => &[Kind::P384, Kind::Rsa2048],
            _ => &[Kind::P521, Kind::Rsa4096],
        };
        for kind in kinds {
            for format in Format::ALL {
                key(world, table, (registry, remote), *kind, format).await;
            }
        }
        index(world, table, (registry, remote)).await;
        countersigned(world, table, (registry, remote)).await;
    }
    vouched(world, table).await;
    not_revoked(world, table).await;
}

/// An image with an expiry and user metadata.
async fn key(
    world: &World,
    table: &mut Table,
    (registry, remote): (&str, &Remote),
    kind: Kind,
    format: Format,
) {
    let (key, form) = (kind.jws().to_lowercase(), name(format));
    let repository = format!("genuine/{key}/{form}");
    let image = remote.image(&repository, &repository).await;
    let leaf = world.authority.certify(kind, |_| {});
    let signer = world.signer(&key, &world.authority, &leaf);
    let more = ["--expiry", "24h", "--user-metadata", "build=7"];
    world.sign(&signer, format, &more, &image);
    let scenario = format!("{registry}: signed by {kind:?}, {form}");
    let asked = image.tagged("v1");
    let question = ("build-7", asked.as_str());
    let verdict = judged(world, table, &scenario, question, "verified").await;
    let signer = &verdict["signers"][0];
    assert_eq!(signer["kind"], "notation", "{scenario}");
    let scheme = signer["scheme"].as_str().unwrap();
    assert!(scheme.starts_with(scheme_of(kind)), "{scenario}: {scheme}");
    assert_eq!(signer["annotations"]["build"], "7", "{scenario}");
    assert!(verdict["validUntil"].is_string(), "{scenario}");
}

/// How verdicts begin to name what such a key signs by.
fn scheme_of(kind: Kind) -> &'static str {
    match kind {
        Kind::P256 => "ecdsa-p256-",
        Kind::P384 => "ecdsa-p384-",
        Kind::P521 => "ecdsa-p521-",
        Kind::Ed25519 => "ed25519",
        Kind::Rsa2048 | Kind::Rsa3072 | Kind::Rsa4096 => "rsa-pss-",
    }
}

/// The signature of an index.
async fn index(world: &World, table: &mut Table, (registry, remote): (&str, &Remote)) {
    let (index, image) = remote.index("genuine/index", "index").await;
    let leaf = world.authority.certify(Kind::P256, |_| {});
    let signer = world.signer("index", &world.authority, &leaf);
    world.sign(&signer, Format::Jws, &[], &index);
    for (what, asked, expected) in [
        ("an index", index.pinned(), "verified"),
        (
            "an image of a signed index",
            image.pinned(),
            "unsigned: no_signatures",
        ),
    ] {
        let scenario = format!("{registry}: {what}");
        judged(world, table, &scenario, ("acme", &asked), expected).await;
    }
}

/// With a countersignature of the real timestamp server.
async fn countersigned(world: &World, table: &mut Table, (registry, remote): (&str, &Remote)) {
    for format in Format::ALL {
        let form = name(format);
        let repository = format!("genuine/countersigned/{form}");
        let image = remote.image(&repository, &repository).await;
        let leaf = world.authority.certify(Kind::P256, |_| {});
        let signer = world.signer("countersigned", &world.authority, &leaf);
        world.sign_with_time(&signer, format, &image);
        let scenario = format!("{registry}: countersigned by a timestamp authority, {form}");
        let asked = image.tagged("v1");
        let verdict = judged(world, table, &scenario, ("time", &asked), "verified").await;
        let time = &verdict["signers"][0]["times"][0];
        assert_eq!(time["source"], "timestamp_authority", "{scenario}");
    }
}

/// By a signing authority, which vouches for the time.
async fn vouched(world: &World, table: &mut Table) {
    let leaf = world.authority.certify(Kind::P256, |_| {});
    let signer = world.signer("vouched", &world.authority, &leaf);
    for format in Format::ALL {
        let form = name(format);
        let repository = format!("genuine/vouched/{form}");
        let image = world.remote().image(&repository, &repository).await;
        world.sign(&signer, format, &["--scheme", "signingAuthority"], &image);
        let asked = image.pinned();
        for (policy, expected) in [
            ("vouched", "verified"),
            // The same root, as a store for another scheme.
            ("acme", "untrusted: certificate_untrusted"),
        ] {
            let scenario = format!("by a signing authority, judged by {policy:?}, {form}");
            judged(world, table, &scenario, (policy, &asked), expected).await;
        }
    }
}

/// Certificates that say who knows of their revocation, and he knows of none.
async fn not_revoked(world: &World, table: &mut Table) {
    let crl = world.revocation.url("good-crl");
    let ocsp = world.revocation.url("good-ocsp");
    let listed = world.authority.certify(Kind::P256, |p| p.crl = vec![crl]);
    let asked = world.authority.certify(Kind::P256, |p| p.ocsp = vec![ocsp]);
    world.list("good-crl", &[]);
    world.respond("good-ocsp", Status::Good, &asked);
    for (what, leaf) in [("list", listed), ("responder", asked)] {
        let repository = format!("genuine/not-revoked/{what}");
        let image = world.remote().image(&repository, &repository).await;
        let signer = world.signer(what, &world.authority, &leaf);
        world.sign(&signer, Format::Cose, &[], &image);
        let scenario = format!("not revoked, by a {what}");
        let question = ("acme", &*image.pinned());
        judged(world, table, &scenario, question, "verified").await;
    }
}

async fn judged(
    world: &World,
    table: &mut Table,
    scenario: &str,
    question: (&str, &str),
    expected: &str,
) -> Value {
    world
        .judge
        .expect(table, scenario, question, expected)
        .await
}
