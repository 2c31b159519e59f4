//! The budget of a whole verdict, through `verify`, natively and in wasm.

use sealgate_core::evidence::RevocationKind;
use sealgate_core::internals::{revocation_requests_at_cost, verify_at_cost};
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::trust::{StoreName, TrustStore};
use sealgate_core::{Policies, TrustMaterial};
use sealgate_testkit::notation::revocation::{Crl, Entry, answer};
use sealgate_testkit::notation::{Format, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign;
use sealgate_testkit::sign::COSIGN_SIGN;
use serde_json::{Value, json};

use crate::scene::{NOTARY_SIGNER, NOW, Scene, image, with_envelope};

const SCAN: &str = "https://example.com/scan/v1";
/// As SECURITY.md has them: steps of conditions for a verdict, and on one attestation.
const STEPS: u64 = 8_000_000;
const STEPS_EACH: u64 = 2_000_000;

/// An image with its signature, and a policy with a rule about scans that costs nearly all that
/// the conditions on one attestation may: text is looked at again and again, a step for each sixteen
/// bytes, and at the end the number is compared.
fn scanned() -> (Scene, Pack) {
    let mut scene = Scene::new();
    let rounds: Vec<_> = (0..18).map(|n| n.to_string()).collect();
    let condition = format!(
        "[{}].all(n, !predicate.text.contains('y')) && predicate.n == 9",
        rounds.join(", ")
    );
    scene.more = json!({"attestations": [{
        "name": "scan",
        "predicateType": SCAN,
        "from": ["key"],
        "conditions": [condition],
    }]});
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let signed = image.with_bundle(&sign::bundle(&scene.key, &statement));
    (scene, signed)
}

fn scan(scene: &Scene, pack: &Pack, n: usize) -> Vec<u8> {
    let predicate = json!({"text": "x".repeat(1_600_000), "n": n});
    let statement = sign::statement(&pack.digest(), SCAN, &predicate);
    sign::bundle(&scene.key, &statement)
}

/// The same envelope with something in it that nobody signed.
fn copy(bundle: &[u8], n: usize) -> Vec<u8> {
    let mut bundle: Value = serde_json::from_slice(bundle).unwrap();
    bundle["verificationMaterial"]["publicKey"]["hint"] = n.to_string().into();
    bundle.to_string().into_bytes()
}

fn costs(scene: &Scene, pack: &Pack, authority: &str) -> sealgate_core::internals::Costs {
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text: scene.policy(authority),
    };
    let policies: Policies = file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap();
    let (verdict, costs) = verify_at_cost(pack.evidence(), &policies, &TrustMaterial::new(), NOW);
    verdict.unwrap();
    costs
}

/// Beyond the limit of the verdict the rest is not judged, and the reason says what was exceeded:
/// at the same attestation and with the same bytes natively and in wasm, as `refuses` compares.
#[test]
fn the_conditions_of_one_verdict_have_one_budget_rt_14() {
    let (scene, mut pack) = scanned();
    for n in 0..4 {
        pack = pack.clone().with_bundle(&scan(&scene, &pack, n));
    }
    let verdict = scene.refuses(&pack, "key", "condition_failed");
    assert!(!verdict["reasons"].to_string().contains("limit_exceeded"));
    let spent = costs(&scene, &pack, "key")
        .of("steps of conditions")
        .unwrap();
    assert!(
        (4 * STEPS_EACH / 5 * 4..4 * STEPS_EACH).contains(&spent),
        "{spent}"
    );

    let more = pack.clone().with_bundle(&scan(&scene, &pack, 9));
    let verdict = scene.refuses(&more, "key", "limit_exceeded");
    let words = format!("more than the {STEPS} steps of conditions that one verdict may take");
    let reasons = verdict["reasons"].to_string();
    assert!(reasons.contains(&words), "{reasons}");
    assert_eq!(verdict["outcome"], "invalid");
    let costs = costs(&scene, &more, "key");
    assert!(costs.limit_met);
    assert!(costs.of("steps of conditions").unwrap() <= STEPS);
}

/// Anybody can copy what a trusted signer once attested, and was refused for.
#[test]
fn copies_of_an_attestation_are_judged_and_held_once_rt_14_atk_29() {
    let (scene, pack) = scanned();
    let (old, good) = (scan(&scene, &pack, 1), scan(&scene, &pack, 9));
    let mut pack = pack.with_bundle(&old);
    for n in 0..12 {
        pack = pack.with_bundle(&copy(&old, n));
    }
    let pack = pack.with_bundle(&good);
    scene.passes(&pack, "key");
    let costs = costs(&scene, &pack, "key");
    assert!(!costs.limit_met);
    // Two texts, and one of them three times over while it is written.
    let held = costs.of("bytes in memory at once").unwrap();
    assert!(held < 6 * 1_700_000, "{held}");
}

/// A verdict shows predicates up to a limit, the first ones whole, and says what it leaves out.
#[test]
fn what_a_verdict_shows_is_bounded_adv_48() {
    let mut scene = Scene::new();
    let rules: Vec<_> = (0..6)
        .map(|n| {
            json!({
                "name": format!("r{n}"),
                "predicateType": format!("https://example.com/{n}"),
                "from": ["key"],
            })
        })
        .collect();
    scene.more = json!({"attestations": rules});
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let mut pack = image
        .clone()
        .with_bundle(&sign::bundle(&scene.key, &statement));
    for n in 0..6 {
        let kind = format!("https://example.com/{n}");
        let predicate = json!({"text": "x".repeat(200 << 10)});
        let statement = sign::statement(&image.digest(), &kind, &predicate);
        pack = pack.with_bundle(&sign::bundle(&scene.key, &statement));
    }
    let verdict = scene.passes(&pack, "key");
    let attestations = verdict["attestations"].as_array().unwrap();
    let shown = |one: &&Value| one["predicate"].is_object();
    assert_eq!(attestations.iter().filter(shown).count(), 5);
    let last = &attestations[5];
    let why = last["predicateOmitted"].as_str().unwrap();
    assert!(why.contains("1048576"), "{why}");
    assert!(last["predicateDigest"].is_string());
}

/// The question what to ask about revocation costs a list once, and each envelope its share.
#[test]
fn to_ask_about_revocation_reads_a_list_once_rt_15_rt_26() {
    const CRL: &str = "http://crl.example.com/acme.crl";
    let mut scene = Scene::new();
    let profile = Profile::signer(NOTARY_SIGNER).with(|p| p.crl = vec![CRL.to_owned()]);
    scene.notary = scene.notary_root.issue(&profile);
    let entry = |i: u32| {
        let mut entry = Entry::new(&scene.notary, None);
        entry.serial = [&[0x10], &i.to_be_bytes()[..]].concat();
        entry
    };
    let list = Crl::new((0..4_000).map(entry).collect()).sign(&scene.notary_root);
    let length = u64::try_from(list.len()).unwrap();
    let image = image();
    let envelope = scene.envelope(Format::Jws, &image).sign(&scene.notary.key);
    let mut pack = image;
    for n in 0..16_usize {
        let mut envelope: Value = serde_json::from_slice(&envelope).unwrap();
        envelope["header"]["copy"] = n.into();
        pack = with_envelope(pack, Format::Jws, envelope.to_string().as_bytes());
    }
    let list = answer(RevocationKind::Crl, CRL, &scene.notary_root, list);
    pack.evidence_mut().revocation = vec![list];
    let mut trust = TrustMaterial::new();
    let name: StoreName = "ca:acme".parse().unwrap();
    let store = TrustStore::read(name.kind, [scene.notary_root.der.as_slice()]).unwrap();
    trust.insert_store(name, store);
    let (requests, costs) = revocation_requests_at_cost(pack.evidence(), &trust, NOW);
    assert_eq!(requests, []);
    let decoded = costs.of("decoded bytes").unwrap();
    assert!(
        (length..2 * length).contains(&decoded),
        "{decoded}, the list has {length}"
    );
}
