//! Policies that ask each platform of an image index for itself. What a container runtime may choose
//! from it must have its own proof, whatever it calls itself.

use sealgate_core::Digest;
use sealgate_core::evidence::{Blob, Platform};
use sealgate_core::verdict::Passed;

use super::*;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// An image of one platform, not signed.
fn platform(seed: &str) -> Pack {
    Pack::image(IMAGE, seed)
}

fn sign_image(key: &SigningKey, pack: Pack) -> Pack {
    let layer = layer(key, &pack);
    pack.with_cosign(&[layer])
}

/// A descriptor as an index has it.
fn entry(pack: &Pack, os: &str, architecture: &str) -> Value {
    json!({
        "mediaType": MANIFEST, "digest": pack.digest(),
        "size": pack.evidence().subject.manifest.bytes().len(),
        "platform": {"os": os, "architecture": architecture},
    })
}

fn index_of(entries: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

/// The evidence about an index, and about these of its platforms.
fn image(index: &str, platforms: &[&Pack]) -> Pack {
    let mut pack = Pack::image(IMAGE, "index");
    let evidence = pack.evidence_mut();
    evidence.subject.media_type = INDEX.to_owned();
    evidence.subject.manifest = Blob::new(index.as_bytes().to_vec());
    let of = |pack: &&Pack| {
        let found = pack.evidence();
        Platform {
            media_type: MANIFEST.to_owned(),
            manifest: found.subject.manifest.clone(),
            artifacts: found.artifacts.clone(),
            omitted: found.omitted.clone(),
        }
    };
    evidence.platforms = platforms.iter().map(of).collect();
    pack
}

struct World {
    key: SigningKey,
    stranger: SigningKey,
}

impl World {
    fn new() -> Self {
        let key = || SigningKey::generate(Kind::P256);
        Self {
            key: key(),
            stranger: key(),
        }
    }

    fn policy(&self, more: &Value) -> String {
        let mut all = json!({"platforms": "each"});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        by_keys("each", "**", &[("release", &self.key)], all)
    }

    #[track_caller]
    fn judge(&self, pack: &Pack) -> Verdict {
        judge(pack, &[self.policy(&json!({}))], &[])
    }

    fn signed(&self, seed: &str) -> Pack {
        sign_image(&self.key, platform(seed))
    }
}

fn two(amd64: &Pack, arm64: &Pack) -> String {
    index_of(&[
        entry(amd64, "linux", "amd64"),
        entry(arm64, "linux", "arm64"),
    ])
    .to_string()
}

#[test]
fn each_platform_of_an_index_needs_its_own_signature_atk_03() {
    let world = World::new();
    let (amd64, arm64) = (world.signed("amd64"), world.signed("arm64"));
    let index = two(&amd64, &arm64);
    let verdict = world.judge(&image(&index, &[&amd64, &arm64]));
    assert_eq!(verdict.outcome, Outcome::Verified, "{:?}", verdict.reasons);
    let parts: Vec<_> = verdict
        .platforms
        .iter()
        .map(|part| {
            (
                part.digest,
                part.names.clone(),
                part.verified,
                part.signers.len(),
            )
        })
        .collect();
    assert_eq!(
        parts,
        [
            (amd64.digest(), vec!["linux/amd64".to_owned()], true, 1),
            (arm64.digest(), vec!["linux/arm64".to_owned()], true, 1),
        ]
    );
    // Who signed one platform did not sign the index.
    assert_eq!(verdict.signers, []);
    let unsigned = platform("arm64");
    let verdict = world.judge(&image(&index, &[&amd64, &unsigned]));
    refused(&verdict, "no_signatures");
    assert_eq!(verdict.outcome, Outcome::Unsigned);
    let message = &verdict.reasons[0].message;
    let named = format!("platform linux/arm64 ({})", arm64.digest());
    assert!(message.starts_with(&named), "{message}");
    assert_eq!(verdict.policies[0].platform, Some(arm64.digest()));
    let outcomes = verdict.platforms.iter().map(|part| part.outcome);
    assert!(outcomes.eq([Outcome::Verified, Outcome::Unsigned]));
    let strange = sign_image(&world.stranger, platform("arm64"));
    let verdict = world.judge(&image(&index, &[&amd64, &strange]));
    refused(&verdict, "signature_invalid");
    assert_eq!(verdict.outcome, Outcome::Untrusted);
    // A platform's signature is no other platform's.
    let mut borrowed = platform("arm64");
    borrowed.evidence_mut().artifacts = amd64.evidence().artifacts.clone();
    refused(
        &world.judge(&image(&index, &[&amd64, &borrowed])),
        "subject_mismatch",
    );
}

/// The index is a list of digests: its signature is not asked for, and does not stand for the
/// platforms' own.
#[test]
fn a_signature_on_the_index_is_none_on_its_platforms_atk_03_atk_04() {
    let world = World::new();
    let (amd64, arm64) = (platform("amd64"), platform("arm64"));
    let index = two(&amd64, &arm64);
    let signed = sign_image(&world.key, image(&index, &[&amd64, &arm64]));
    refused(&world.judge(&signed), "no_signatures");
    let by_index = by_keys("index", "**", &[("release", &world.key)], json!({}));
    let verdict = judge(&signed, std::slice::from_ref(&by_index), &[]);
    assert!(verdict.verified && verdict.platforms.is_empty());
    // Both policies have their own demand.
    let both = [by_index, world.policy(&json!({}))];
    let verdict = judge(&signed, &both, &[]);
    refused(&verdict, "no_signatures");
    let outcomes = verdict.policies.iter().map(|one| one.outcome);
    assert!(outcomes.eq([Passed::Passed, Passed::Failed]));
    let (amd64, arm64) = (world.signed("amd64"), world.signed("arm64"));
    let unsigned = image(&index, &[&amd64, &arm64]);
    refused(&judge(&unsigned, &both, &[]), "no_signatures");
    let signed = sign_image(&world.key, unsigned);
    let verdict = judge(&signed, &both, &[]);
    assert!(verdict.verified, "{:?}", verdict.reasons);
    assert_eq!(verdict.signers.len(), 1);
}

#[test]
fn a_manifest_that_is_no_index_is_judged_itself() {
    let world = World::new();
    let verdict = world.judge(&world.signed("amd64"));
    assert!(verdict.verified && verdict.platforms.is_empty());
    refused(&world.judge(&platform("amd64")), "no_signatures");
}

/// Nothing passes because nothing failed.
#[test]
fn an_index_without_a_platform_is_refused() {
    let world = World::new();
    let attested = world.signed("attested");
    for entries in [vec![], vec![entry(&attested, "unknown", "unknown")]] {
        let index = index_of(&entries).to_string();
        let pack = sign_image(&world.key, image(&index, &[&attested]));
        refused(&world.judge(&pack), "no_platforms");
    }
}

#[test]
fn a_platform_that_is_not_in_the_evidence_is_refused() {
    let world = World::new();
    let (amd64, arm64) = (world.signed("amd64"), world.signed("arm64"));
    let index = two(&amd64, &arm64);
    refused(&world.judge(&image(&index, &[&amd64])), "platform_missing");
    // Another one does not stand for it, nor does one that the index does not list.
    let other = world.signed("other");
    let pack = image(&index, &[&amd64, &amd64, &other]);
    refused(&world.judge(&pack), "platform_missing");
}

/// An entry leaves the demand only as one that no runtime ever chooses.
#[test]
fn no_entry_gets_out_of_the_demand_by_what_it_calls_itself_atk_03() {
    let world = World::new();
    let (good, bad) = (world.signed("good"), platform("bad"));
    let attestation = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let with = |name: &str, value: Value| {
        let mut entry = entry(&bad, "linux", "amd64");
        entry[name] = value;
        entry
    };
    let without_platform = {
        let mut entry = with("annotations", attestation.clone());
        entry.as_object_mut().unwrap().remove("platform");
        entry
    };
    for hostile in [
        without_platform,
        with("platform", Value::Null),
        with("platform", json!({})),
        with("platform", json!({"os": "unknown"})),
        with(
            "platform",
            json!({"os": "unknown", "architecture": "amd64"}),
        ),
        with(
            "platform",
            json!({"os": "linux", "architecture": "unknown"}),
        ),
        with(
            "platform",
            json!({"os": "Unknown", "architecture": "unknown"}),
        ),
        with("annotations", attestation.clone()),
        with("artifactType", json!("application/vnd.in-toto+json")),
        with("mediaType", json!("application/vnd.acme.notes+json")),
        entry(&bad, "plan9", "mips"),
    ] {
        let index = index_of(&[entry(&good, "linux", "arm64"), hostile.clone()]).to_string();
        let verdict = world.judge(&image(&index, &[&good, &bad]));
        refused(&verdict, "no_signatures");
        assert_eq!(verdict.platforms.len(), 2, "{hostile}");
    }
    // One manifest under two names is what the worse of them says.
    let twice = [
        entry(&bad, "unknown", "unknown"),
        entry(&good, "linux", "arm64"),
        entry(&bad, "linux", "amd64"),
    ];
    let pack = image(&index_of(&twice).to_string(), &[&good, &bad]);
    refused(&world.judge(&pack), "no_signatures");
    let left_out = [
        entry(&good, "linux", "arm64"),
        entry(&bad, "unknown", "unknown"),
    ];
    let pack = image(&index_of(&left_out).to_string(), &[&good]);
    assert!(world.judge(&pack).verified);
}

/// Runtimes are written in Go, which takes `Digest` for `digest`: two readers, two indexes.
#[test]
fn an_index_that_readers_read_differently_is_refused_adv_56() {
    let world = World::new();
    let (good, bad) = (world.signed("good"), platform("bad"));
    let plain = index_of(&[entry(&good, "linux", "amd64")]).to_string();
    let (good_digest, bad_digest) = (good.digest().to_string(), bad.digest().to_string());
    let bad_list = index_of(&[entry(&bad, "linux", "amd64")])["manifests"].to_string();
    let nobody = index_of(&[entry(&bad, "unknown", "unknown")])["manifests"].to_string();
    let changes = [
        (
            "\"manifests\":",
            format!("\"Manifests\":{bad_list},\"manifests\":"),
        ),
        (
            "\"manifests\":",
            format!("\"manifeſts\":{bad_list},\"manifests\":"),
        ),
        (
            "\"digest\":",
            format!("\"DIGEST\":\"{bad_digest}\",\"digest\":"),
        ),
        ("\"os\":", "\"OS\":\"windows\",\"os\":".to_owned()),
        ("\"os\":", "\"oſ\":\"windows\",\"os\":".to_owned()),
        ("\"platform\":", "\"Platform\":{},\"platform\":".to_owned()),
        // Two things at once.
        ("\"manifests\":", "\"layers\":[],\"manifests\":".to_owned()),
        ("\"manifests\":", "\"config\":{},\"manifests\":".to_owned()),
    ];
    assert!(world.judge(&image(&plain, &[&good, &bad])).verified);
    for (at, change) in changes {
        let index = plain.replacen(at, &change, 1);
        let pack = sign_image(&world.key, image(&index, &[&good, &bad]));
        let verdict = world.judge(&pack);
        refused(&verdict, "index_malformed");
        assert_eq!(verdict.outcome, Outcome::Invalid, "{index}");
    }
    let hidden = plain.replacen(
        "\"manifests\":",
        &format!("\"Manifests\":{bad_list},\"manifests\":"),
        1,
    );
    let hidden = hidden.replace(
        &index_of(&[entry(&good, "linux", "amd64")])["manifests"].to_string(),
        &nobody,
    );
    refused(&world.judge(&image(&hidden, &[&good])), "index_malformed");
    let without = plain.replace(&format!("\"digest\":\"{good_digest}\","), "");
    refused(&world.judge(&image(&without, &[&good])), "index_malformed");
}

#[test]
fn an_index_within_an_index_is_refused_atk_03() {
    let world = World::new();
    let good = world.signed("good");
    let mut inner = image(
        &index_of(&[entry(&good, "linux", "amd64")]).to_string(),
        &[],
    );
    inner = sign_image(&world.key, inner);
    for media_type in [INDEX, MANIFEST] {
        let mut nested = entry(&inner, "linux", "arm64");
        nested["mediaType"] = media_type.into();
        let index = index_of(&[entry(&good, "linux", "amd64"), nested]).to_string();
        refused(
            &world.judge(&image(&index, &[&good, &inner])),
            "index_malformed",
        );
    }
}

#[test]
fn more_platforms_than_are_judged_are_refused() {
    let world = World::new();
    let entries: Vec<_> = (0..25)
        .map(|n| entry(&platform(&n.to_string()), "linux", "amd64"))
        .collect();
    let pack = image(&index_of(&entries).to_string(), &[]);
    refused(&world.judge(&pack), "limit_exceeded");
    let verdict = world.judge(&image(&index_of(&entries[1..]).to_string(), &[]));
    refused(&verdict, "platform_missing");
    assert_eq!(verdict.platforms.len(), 24);
}

/// Attestations are those of the platform, and conditions see it.
#[test]
fn attestations_are_about_the_platform() {
    let world = World::new();
    let attest = |about: &Digest, pack: Pack| {
        let statement = sign::statement(about, PREDICATE, &json!({"a": 1}));
        pack.with_bundle(&sign::bundle(&world.key, &statement))
    };
    let (amd64, arm64) = (platform("amd64"), platform("arm64"));
    let index = two(&amd64, &arm64);
    let of_index = Digest::sha256(index.as_bytes());
    let good = |pack: &Pack| attest(&pack.digest(), pack.clone());
    let policy = |condition: String| {
        world.policy(&json!({"require": "attestationsOnly", "attestations": [
            {"name": "p", "predicateType": PREDICATE, "conditions": [condition]},
        ]}))
    };
    let seen = format!(
        "image.digest in ['{}', '{}']",
        amd64.digest(),
        arm64.digest()
    );
    let pack = image(&index, &[&good(&amd64), &good(&arm64)]);
    let verdict = judge(&pack, &[policy(seen.clone())], &[]);
    assert!(verdict.verified, "{:?}", verdict.reasons);
    let shown = verdict.platforms.iter().map(|part| part.attestations.len());
    assert!(shown.eq([1, 1]) && verdict.attestations.is_empty());
    let one = format!("image.digest == '{}'", amd64.digest());
    refused(&judge(&pack, &[policy(one)], &[]), "condition_failed");
    let wrong = image(&index, &[&good(&amd64), &attest(&of_index, arm64.clone())]);
    refused(&judge(&wrong, &[policy(seen)], &[]), "subject_mismatch");
}

/// They lie in the index, and whoever made it may write them.
#[test]
fn buildkits_attestations_are_told_apart_from_proof() {
    let world = World::new();
    let amd64 = platform("amd64");
    let attested = platform("attestation manifest");
    let mut entry_of = entry(&attested, "unknown", "unknown");
    entry_of["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": amd64.digest(),
    });
    let index = index_of(&[entry(&amd64, "linux", "amd64"), entry_of]).to_string();
    let pack = sign_image(&world.key, image(&index, &[&amd64]));
    let rule = json!({"attestations": [{"name": "p", "predicateType": PREDICATE}]});
    for platforms in ["index", "each"] {
        let mut more = rule.clone();
        more["platforms"] = platforms.into();
        let verdict = judge(&pack, &[world.policy(&more)], &[]);
        assert!(!verdict.verified);
        let codes = verdict.reasons.iter().map(|reason| reason.code.as_str());
        assert!(codes.clone().any(|code| code == "no_matching_attestation"));
        let [check] = verdict.checks.as_slice() else {
            panic!("{:?}", verdict.checks)
        };
        assert_eq!(check.artifact, Some(attested.digest()));
        let detail = check.detail.as_deref().unwrap();
        assert!(detail.contains(&format!("for {}; nobody signed them", amd64.digest())));
    }
    // Where nothing is missing, nothing is said.
    let plain = by_keys("index", "**", &[("release", &world.key)], json!({}));
    assert_eq!(judge(&pack, &[plain], &[]).checks, []);
}

/// What lies beside one platform takes nothing of what the others need.
#[test]
fn noise_beside_a_platform_leaves_the_others_their_share() {
    let world = World::new();
    let noise: Vec<_> = (0..60)
        .map(|n| {
            let stranger = SigningKey::generate(Kind::P256);
            let payload = sign::simple_signing("r.test/n", &Digest::sha256(&[n]), &Value::Null);
            sign::cosign_layer(&stranger, payload)
        })
        .collect();
    let noisy = platform("amd64");
    let own = layer(&world.key, &noisy);
    let noisy = noisy.with_cosign(&[noise, vec![own]].concat());
    let quiet = world.signed("arm64");
    let verdict = world.judge(&image(&two(&noisy, &quiet), &[&noisy, &quiet]));
    assert!(verdict.verified, "{:?}", verdict.reasons);
}

#[test]
fn the_field_says_index_or_each() {
    let world = World::new();
    let told = load(&[world.policy(&json!({"platforms": "all"}))]).unwrap_err();
    assert!(
        told[0].contains("spec.platforms: expected index or each"),
        "{told:?}"
    );
}
