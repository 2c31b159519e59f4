//! Who signed and attested what, and what each policy makes of it.

use std::time::Instant;

use sealgate_testkit::image::Image;
use sealgate_tests::e2e::Table;
use serde_json::{Value, json};

use crate::world::{BUILDER, PROVENANCE, SIGNER, World};

pub async fn run(world: &World, table: &mut Table) {
    signed(world, table).await;
    strangers(world, table).await;
    attested(world, table).await;
    transplanted(world, table).await;
}

/// An image and an index, signed by the right person.
async fn signed(world: &World, table: &mut Table) {
    let image = world.remote.image("signed", "a").await;
    let (index, _) = world.remote.index("signed-index", "a").await;
    for image in [&image, &index] {
        world.sign(&world.corp, &world.issuer.token(SIGNER), image);
    }
    for (what, asked) in [("image", image.tagged("v1")), ("index", index.pinned())] {
        let scenario = format!("{what} signed");
        let judged = world
            .judge
            .expect(table, &scenario, ("corp", &asked), "verified");
        identified(&judged.await, &world.issuer.url);
    }
    by_words(world, table, &image);
    for (policy, what, expected) in [
        (
            "other-subject",
            "another subject",
            "untrusted: identity_mismatch",
        ),
        (
            "other-issuer",
            "another issuer",
            "untrusted: issuer_mismatch",
        ),
        (
            "other-root",
            "another trust root",
            "untrusted: certificate_untrusted",
        ),
        ("two-logs", "two logs", "untrusted: log_threshold_not_met"),
        (
            "two-timestamps",
            "two timestamps",
            "untrusted: timestamp_threshold_not_met",
        ),
        (
            "two-scts",
            "two certificate logs",
            "untrusted: sct_threshold_not_met",
        ),
        (
            "provenance",
            "an attestation",
            "unsigned: no_matching_attestation",
        ),
    ] {
        let scenario = format!("image signed, but {what} demanded");
        let asked = image.pinned();
        world
            .judge
            .expect(table, &scenario, (policy, &asked), expected)
            .await;
    }
}

/// `sealgate verify` without a policy, in cosign's own words.
fn by_words(world: &World, table: &mut Table, image: &Image) {
    let issuer = &world.issuer.url;
    for (subject, expected) in [(SIGNER, 0), ("nobody@corp.example", 1)] {
        let began = Instant::now();
        let identity = ["--certificate-identity", subject];
        let words = [identity, ["--certificate-oidc-issuer", issuer]].concat();
        let (exit, verdict) = world.judge.look(&image.pinned(), &words);
        let holds = exit == expected && verdict["verified"] == (expected == 0);
        let scenario = format!("sealgate verify --certificate-identity {subject}");
        let seen = format!("exit {exit}, verified: {}", verdict["verified"]);
        let expected = format!("exit {expected}");
        table.row(&scenario, &expected, &seen, holds, began.elapsed());
    }
}

/// Others sign, by the same means.
async fn strangers(world: &World, table: &mut Table) {
    let image = world.remote.image("unsigned", "a").await;
    judged(world, table, "unsigned", &image, "unsigned: no_signatures").await;

    let image = world.remote.image("mallory", "a").await;
    world.sign(
        &world.corp,
        &world.issuer.token("mallory@corp.example"),
        &image,
    );
    let expected = "untrusted: identity_mismatch";
    judged(world, table, "signed by another subject", &image, expected).await;

    let image = world.remote.image("other-issuer", "a").await;
    world.sign(&world.corp, &world.other_issuer.token(SIGNER), &image);
    let scenario = "signed by the same subject of another issuer";
    let expected = "untrusted: issuer_mismatch";
    judged(world, table, scenario, &image, expected).await;

    let image = world.remote.image("other-authority", "a").await;
    world.sign(&world.other, &world.issuer.token(SIGNER), &image);
    let scenario = "signed with a certificate of another authority";
    let expected = "untrusted: certificate_untrusted";
    judged(world, table, scenario, &image, expected).await;
}

/// Attestations are no signatures, and signatures no attestations.
async fn attested(world: &World, table: &mut Table) {
    let image = world.remote.image("attested", "a").await;
    world.attest(&world.corp, &world.issuer.token(SIGNER), &image);
    let asked = image.pinned();
    for (policy, scenario, expected) in [
        ("provenance", "attested", "verified"),
        (
            "corp",
            "an attestation in place of a signature",
            "unsigned: no_image_signature",
        ),
        (
            "other-builder",
            "attested, but by another builder",
            "untrusted: condition_failed",
        ),
        (
            "signed-and-attested",
            "attested, not signed",
            "unsigned: no_image_signature",
        ),
    ] {
        let judged = world
            .judge
            .expect(table, scenario, (policy, &asked), expected);
        let verdict = judged.await;
        if policy == "provenance" && verdict["verified"] == true {
            let attestation = &verdict["attestations"][0];
            assert_eq!(attestation["predicateType"], PROVENANCE);
            let builder = attestation["predicate"].pointer("/runDetails/builder/id");
            assert_eq!(builder, Some(&json!(BUILDER)));
        }
    }

    world.sign(&world.corp, &world.issuer.token(SIGNER), &image);
    let other = world.remote.image("attested-and-signed", "b").await;
    world.attest(&world.corp, &world.issuer.token(SIGNER), &other);
    world.sign(&world.corp, &world.issuer.token(SIGNER), &other);
    let asked = ("signed-and-attested", &*other.pinned());
    let judged = world
        .judge
        .expect(table, "attested and signed", asked, "verified");
    identified(&judged.await, &world.issuer.url);

    let image = world.remote.image("attested-by-mallory", "a").await;
    world.attest(
        &world.corp,
        &world.issuer.token("mallory@corp.example"),
        &image,
    );
    let asked = ("provenance", &*image.pinned());
    let scenario = "attested by another subject";
    let expected = "untrusted: identity_mismatch";
    world.judge.expect(table, scenario, asked, expected).await;
}

/// The bundle of one image under another.
async fn transplanted(world: &World, table: &mut Table) {
    let signed = world.remote.image("transplanted", "a").await;
    world.sign(&world.corp, &world.issuer.token(SIGNER), &signed);
    let [referrer] = &world.remote.referrers(&signed).await[..] else {
        panic!("expected one bundle");
    };
    let manifest = world
        .remote
        .manifest("transplanted", &referrer.digest)
        .await;
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let victim = world.remote.image("transplanted", "b").await;
    world.remote.list(&victim, manifest.to_string()).await;
    let scenario = "bundle listed for another image";
    let expected = "invalid: referrer_subject_mismatch";
    judged(world, table, scenario, &victim, expected).await;

    let victim = world.remote.image("transplanted/elsewhere", "b").await;
    for part in [&manifest["config"], &manifest["layers"][0]] {
        let digest = part["digest"].as_str().unwrap();
        let blob = world.remote.blob("transplanted", digest).await;
        world.remote.put_blob(&victim.repository, blob).await;
    }
    manifest["subject"] = json!(victim.descriptor);
    world.remote.refer(&victim, manifest.to_string()).await;
    let scenario = "bundle with its referrer's subject rewritten";
    let expected = "invalid: subject_mismatch";
    judged(world, table, scenario, &victim, expected).await;
}

async fn judged(world: &World, table: &mut Table, what: &str, image: &Image, expected: &str) {
    let asked = ("corp", &*image.pinned());
    world.judge.expect(table, what, asked, expected).await;
}

/// The verdict names who it was, when, and which log has it.
fn identified(verdict: &Value, issuer: &str) {
    let signers = verdict["signers"].as_array().unwrap();
    let Some(signer) = signers.first() else {
        // The row says so.
        return;
    };
    assert_eq!(signer["kind"], "keyless");
    assert_eq!(signer["issuer"], issuer);
    assert_eq!(signer["subject"], SIGNER);
    assert_eq!(
        signer["times"][0]["source"], "timestamp_authority",
        "{signer}"
    );
    assert!(signer["logs"][0].is_object(), "{signer}");
}
