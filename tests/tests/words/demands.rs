//! The right reason: what a policy demanded, from whom it is missing, and what he did do. For two
//! keys, two workflows and two signers of the Notary Project.

use sealgate_core::Verdict;
use sealgate_core::verdict::{Check, CheckResult, Did, Outcome, Passed, Signs};
use sealgate_testkit::notation::envelope::{artifact, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Key, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::sigstore::certificate::{Holder, San};
use sealgate_testkit::sigstore::{ISSUER, Signed, Sigstore, log};
use sealgate_tests::parity::{self, TrustDocuments};
use serde_json::{Value, json};

use super::{IMAGE, NOW, document, load};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// Somebody whom an authority of a policy stands for.
enum Who {
    Key(SigningKey),
    Workflow(Box<Holder>),
    Notary(Box<Notary>),
}

struct Notary {
    root: Certificate,
    leaf: Certificate,
}

impl Notary {
    fn new(name: &str) -> Self {
        let root = Profile::authority(&format!("C=US, ST=WA, O=acme, CN={name} root"));
        let root = Certificate::self_signed(&root);
        let leaf = Profile::signer(&format!("C=US, ST=WA, O=acme, CN={name}"));
        let leaf = root.issue(&leaf);
        Self { root, leaf }
    }
}

/// Two authorities of one kind, `release` and `ci`, and a stranger of that kind.
struct World {
    sigstore: Sigstore,
    release: Who,
    ci: Who,
    stranger: Who,
}

fn workflow(name: &str) -> String {
    format!("https://github.com/acme/app/.github/workflows/{name}.yml@refs/heads/main")
}

impl World {
    fn of_keys() -> Self {
        let key = || Who::Key(SigningKey::generate(Kind::P256));
        Self {
            sigstore: Sigstore::new("private"),
            release: key(),
            ci: key(),
            stranger: key(),
        }
    }

    fn of_workflows() -> Self {
        let sigstore = Sigstore::new("private");
        let who = |name: &str| {
            let mut leaf = sigstore.leaf();
            leaf.names = vec![San::Uri(workflow(name))];
            // A key of its own: with one key in common, two workflows are one signer.
            let key = Key::new(Kind::P256, name);
            let logs = [&sigstore.ct_log];
            let holder = log::issue_logged(&leaf, key, &sigstore.intermediate, &logs, &[]);
            Who::Workflow(Box::new(holder))
        };
        Self {
            release: who("release"),
            ci: who("ci"),
            stranger: who("stranger"),
            sigstore,
        }
    }

    fn of_notaries() -> Self {
        let who = |name: &str| Who::Notary(Box::new(Notary::new(name)));
        Self {
            sigstore: Sigstore::new("private"),
            release: who("release"),
            ci: who("ci"),
            stranger: who("stranger"),
        }
    }

    /// Those whose signers can attest: the Notary Project has no attestations.
    fn attesting() -> [Self; 2] {
        [Self::of_keys(), Self::of_workflows()]
    }

    fn all() -> [Self; 3] {
        [Self::of_keys(), Self::of_workflows(), Self::of_notaries()]
    }

    fn sign(&self, who: &Who, pack: Pack) -> Pack {
        let statement = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        match who {
            Who::Key(key) => pack.with_cosign(&[sign::cosign_layer(key, statement)]),
            Who::Workflow(holder) => {
                pack.with_cosign(&[self.sigstore.cosign_layer(holder, &statement)])
            }
            Who::Notary(notary) => {
                let subject = &pack.evidence().subject;
                let size = subject.manifest.bytes().len();
                let payload = payload(&subject.media_type, &pack.digest(), size, &Value::Null);
                let chain = [&notary.leaf, &notary.root];
                let envelope = Envelope::x509(Format::Jws, &chain, payload).sign(&notary.leaf.key);
                let artifact = artifact(&pack.digest(), Format::Jws, &envelope);
                pack.with(artifact)
            }
        }
    }

    fn attest(&self, who: &Who, pack: Pack) -> Pack {
        self.attest_as(PROVENANCE, who, pack)
    }

    fn attest_as(&self, predicate_type: &str, who: &Who, pack: Pack) -> Pack {
        let statement = sign::statement(&pack.digest(), predicate_type, &json!({"builder": "b"}));
        let bundle = match who {
            Who::Key(key) => sign::bundle(key, &statement),
            Who::Workflow(holder) => {
                let signed = Signed::statement(&holder.key, &statement);
                let bundle = self.sigstore.bundle_v1(&signed, holder);
                serde_json::to_vec(&bundle).unwrap()
            }
            Who::Notary(_) => unreachable!("the Notary Project has no attestations"),
        };
        pack.with_bundle(&bundle)
    }

    fn authority(&self, name: &str, who: &Who) -> Value {
        match who {
            Who::Key(key) => json!({"name": name, "key": {"data": key.public_pem(), "name": name}}),
            Who::Workflow(_) => json!({"name": name, "keyless": {
                "trustRoot": "private",
                "identities": [{"issuer": ISSUER, "subject": workflow(name)}],
            }}),
            Who::Notary(_) => json!({"name": name, "notation": {
                "trustStores": [format!("ca:{name}")],
                "trustedIdentities": ["*"],
                "level": "strict",
            }}),
        }
    }

    /// Judges by the policy `production` of both authorities, natively and in wasm.
    fn judge(&self, pack: &Pack, demands: Value) -> Verdict {
        let mut spec = json!({
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [self.authority("release", &self.release), self.authority("ci", &self.ci)],
        });
        if let (Value::Object(spec), Value::Object(demands)) = (&mut spec, demands) {
            spec.extend(demands);
        }
        let mut trust = TrustDocuments::default();
        trust = trust.with_root("private", &self.sigstore.trusted_root());
        for (name, who) in [("release", &self.release), ("ci", &self.ci)] {
            if let Who::Notary(notary) = who {
                trust = trust.with_store(&format!("ca:{name}"), vec![notary.root.pem()]);
            }
        }
        let policies = load(&[document("production", &spec)]).unwrap();
        parity::judge(pack.evidence(), &policies, &trust, NOW)
    }
}

fn image() -> Pack {
    Pack::image(IMAGE, "a")
}

fn require(count: usize, of: &[&str]) -> Value {
    json!({"require": {"atLeast": {"count": count, "of": of}}})
}

fn with_provenance(mut demands: Value, from: &[&str]) -> Value {
    demands["attestations"] = json!([{
        "name": "provenance", "predicateType": PROVENANCE, "from": from,
    }]);
    demands
}

/// The outcome, and the codes and words of the reasons.
#[track_caller]
fn says(verdict: &Verdict, outcome: Outcome, reasons: &[(&str, &str)]) {
    let found: Vec<_> = verdict
        .reasons
        .iter()
        .map(|reason| (reason.code.as_str(), reason.message.as_str()))
        .collect();
    assert!(!verdict.verified);
    assert_eq!(found, reasons);
    assert_eq!(verdict.outcome, outcome);
}

#[track_caller]
fn codes(verdict: &Verdict, outcome: Outcome, expected: &[&str]) {
    let found: Vec<_> = verdict.reasons.iter().map(|r| r.code.as_str()).collect();
    assert_eq!(found, expected, "{:?}", verdict.reasons);
    assert_eq!(verdict.outcome, outcome);
    assert!(!verdict.verified);
}

/// What the first demand of the policy lacks.
fn lacks(verdict: &Verdict) -> Vec<(&str, Did)> {
    let demand = &verdict.policies[0].demands[0];
    assert_eq!(demand.outcome, Passed::Failed);
    let missing = demand.missing.iter();
    missing
        .map(|one| (one.authority.as_str(), one.did))
        .collect()
}

/// What is missing is a signature by `ci`; `release` signed, and nobody is told that `release`
/// is not `ci`.
#[test]
fn a_good_signature_of_another_authority_is_no_reason() {
    for world in World::all() {
        let signed = world.sign(&world.release, image());
        let verdict = world.judge(&signed, require(1, &["ci"]));
        says(
            &verdict,
            Outcome::Untrusted,
            &[(
                "threshold_not_met",
                "expected an image signature by ci (1 of ci); only release signed",
            )],
        );
        assert_eq!(lacks(&verdict), [("ci", Did::Nothing)]);
        let reports = &verdict.policies[0].authorities;
        assert_eq!(reports[0].outcome, Passed::Passed);
        assert!(reports[1].reasons.is_empty(), "{:?}", reports[1].reasons);
        assert!(world.judge(&signed, require(1, &["release"])).verified);
        assert!(world.judge(&signed, json!({})).verified);
    }
}

#[test]
fn one_of_two_says_who_is_missing() {
    for world in World::all() {
        let signed = world.sign(&world.release, image());
        let verdict = world.judge(&signed, require(2, &["release", "ci"]));
        says(
            &verdict,
            Outcome::Untrusted,
            &[(
                "threshold_not_met",
                "expected image signatures by at least 2 distinct signers (2 of release, ci), found \
                 1; release signed; ci did not sign",
            )],
        );
        assert_eq!(lacks(&verdict), [("ci", Did::Nothing)]);
        assert_eq!(verdict.policies[0].demands[0].by, ["release"]);
        assert_eq!(verdict.policies[0].reasons, verdict.reasons);
        let both = world.sign(&world.ci, signed);
        assert!(world.judge(&both, require(2, &["release", "ci"])).verified);
    }
}

/// Beside the good one, a stranger's: it might be meant for `ci`, and is his reason alone.
#[test]
fn a_strangers_signature_is_a_reason_for_whoever_is_missing() {
    for world in World::all() {
        let signed = world.sign(&world.release, image());
        let signed = world.sign(&world.stranger, signed);
        let verdict = world.judge(&signed, require(2, &["release", "ci"]));
        assert_eq!(lacks(&verdict), [("ci", Did::Failed)]);
        let of_ci = &verdict.policies[0].authorities[1].reasons;
        assert_eq!(of_ci.len(), 1, "{of_ci:?}");
        assert_eq!(verdict.reasons.len(), 2, "{:?}", verdict.reasons);
        assert_eq!(verdict.reasons[0], of_ci[0]);
        assert_eq!(
            verdict.reasons[1].message,
            "expected image signatures by at least 2 distinct signers (2 of release, ci), found 1; \
             release signed; nothing there passes as a signature by ci"
        );
        // Nor is anything said of it against whoever did sign.
        assert!(verdict.policies[0].authorities[0].reasons.is_empty());
        // Where `ci` is not needed, only its own report says why it did not pass.
        let verdict = world.judge(&signed, require(1, &["release"]));
        assert!(verdict.verified && verdict.reasons.is_empty());
        assert_eq!(verdict.policies[0].authorities[1].reasons.len(), 1);
        let failed = |check: &&Check| check.result == CheckResult::Failed;
        assert_eq!(verdict.checks.iter().filter(failed).count(), 0);
    }
}

#[test]
fn nobody_signed_is_one_reason_that_names_who_should() {
    for world in World::all() {
        for (demands, expected) in [
            (
                require(1, &["ci"]),
                "the image has no signature; expected an image signature by ci (1 of ci)",
            ),
            (
                require(1, &["release", "ci"]),
                "the image has no signature; expected an image signature by release or ci (1 of \
                 release, ci)",
            ),
            (
                require(2, &["release", "ci"]),
                "the image has no signature; expected image signatures by at least 2 distinct \
                 signers (2 of release, ci)",
            ),
        ] {
            let verdict = world.judge(&image(), demands);
            says(&verdict, Outcome::Unsigned, &[("no_signatures", expected)]);
        }
        // Both are reasons: nothing by either could have been meant for the other.
        let verdict = world.judge(&world.sign(&world.stranger, image()), require(1, &["ci"]));
        assert_eq!(verdict.reasons.len(), 2);
        assert_eq!(verdict.reasons[1].code.as_str(), "threshold_not_met");
        assert_eq!(
            verdict.reasons[1].message,
            "expected an image signature by ci (1 of ci); nothing there passes as a signature by ci"
        );
        assert_eq!(verdict.outcome, Outcome::Untrusted);
    }
}

/// `ci` attested, which is something else than to sign.
#[test]
fn an_attestation_is_told_from_a_missing_signature() {
    for world in World::attesting() {
        let attested = world.attest(&world.ci, image());
        let verdict = world.judge(&attested, require(1, &["ci"]));
        says(
            &verdict,
            Outcome::Unsigned,
            &[(
                "no_image_signature",
                "expected an image signature by ci (1 of ci); ci made an attestation, but did not \
                 sign the image; where attestations are enough, the policy can say `require: \
                 attestationsOnly`",
            )],
        );
        assert_eq!(lacks(&verdict), [("ci", Did::Attested)]);
        // With the image signed by another, and the provenance that is asked for.
        let both = world.sign(&world.release, attested);
        let verdict = world.judge(&both, with_provenance(require(1, &["ci"]), &["ci"]));
        says(
            &verdict,
            Outcome::Untrusted,
            &[(
                "threshold_not_met",
                "expected an image signature by ci (1 of ci); ci made an attestation, but did not \
                 sign the image",
            )],
        );
        let demands = &verdict.policies[0].demands;
        assert_eq!(demands.len(), 2);
        assert_eq!(
            (demands[1].signs, demands[1].outcome),
            (Signs::Attestation, Passed::Passed)
        );
        assert_eq!(demands[1].rule.as_deref(), Some("provenance"));
        assert_eq!(demands[1].by, ["ci"]);
        let reports = &verdict.policies[0].authorities;
        assert!(reports.iter().all(|one| one.reasons.is_empty()));
    }
}

/// Who signed the image is told from whoever attested something of it; who did both is there
/// twice.
#[test]
fn each_signer_says_what_it_signed() {
    for world in World::attesting() {
        let pack = world.attest(&world.ci, world.sign(&world.release, image()));
        let demands = with_provenance(require(1, &["release"]), &["ci"]);
        let signed = |pack: &Pack| -> Vec<(String, Signs)> {
            let verdict = world.judge(pack, demands.clone());
            assert_eq!(verdict.outcome, Outcome::Verified);
            assert_eq!(verdict.attestations[0].signer.signs, Signs::Attestation);
            let signers = verdict.signers.iter();
            signers
                .map(|one| (one.authority.clone(), one.signs))
                .collect()
        };
        let [release, ci] = ["production/release", "production/ci"].map(str::to_owned);
        assert_eq!(
            signed(&pack),
            [
                (ci.clone(), Signs::Attestation),
                (release.clone(), Signs::Image)
            ]
        );
        assert_eq!(
            signed(&world.sign(&world.ci, pack)),
            [
                (ci.clone(), Signs::Image),
                (ci, Signs::Attestation),
                (release, Signs::Image)
            ]
        );
    }
    // Nothing else is there to be signed in the Notary Project.
    let world = World::of_notaries();
    let verdict = world.judge(&world.sign(&world.ci, image()), require(1, &["ci"]));
    assert_eq!(verdict.signers.len(), 1);
    assert_eq!(verdict.signers[0].signs, Signs::Image);
}

/// Signed as it should be, and without the provenance: there is nothing, so nobody is a stranger.
#[test]
fn missing_provenance_of_a_signed_image_is_unsigned() {
    for world in World::attesting() {
        let signed = world.sign(&world.release, image());
        let demands = with_provenance(require(1, &["release"]), &["ci"]);
        let verdict = world.judge(&signed, demands.clone());
        says(
            &verdict,
            Outcome::Unsigned,
            &[(
                "no_matching_attestation",
                "the rule \"provenance\" expects a verified attestation of type \
                 https://slsa.dev/provenance/v1 by ci",
            )],
        );
        let own = world.judge(
            &signed,
            with_provenance(require(1, &["release"]), &["release"]),
        );
        assert_eq!(
            own.reasons[0].message,
            "the rule \"provenance\" expects a verified attestation of type \
             https://slsa.dev/provenance/v1 by release; release signed the image, and attested \
             nothing"
        );
        // One by whom the rule does not list is no reason, a stranger's is.
        let others = world.attest(&world.release, signed.clone());
        codes(
            &world.judge(&others, demands.clone()),
            Outcome::Unsigned,
            &["no_matching_attestation"],
        );
        let strangers = world.attest(&world.stranger, signed.clone());
        let verdict = world.judge(&strangers, demands.clone());
        assert_eq!(verdict.outcome, Outcome::Untrusted);
        assert_eq!(verdict.reasons.len(), 2, "{:?}", verdict.reasons);
        assert_eq!(verdict.reasons[1].code.as_str(), "no_matching_attestation");
        assert!(
            world
                .judge(&world.attest(&world.ci, signed), demands)
                .verified
        );
    }
}

/// A bill of materials that lies beside the image is no signature: it decides nothing.
#[test]
fn what_is_no_signature_leaves_an_image_unsigned() {
    let world = World::of_keys();
    let beside = |pack: Pack| {
        let digest = pack.digest();
        let bill = sealgate_testkit::pack::referrer(&digest, "application/spdx+json", b"{}");
        pack.with(bill)
    };
    let verdict = world.judge(&beside(image()), require(1, &["ci"]));
    codes(
        &verdict,
        Outcome::Unsigned,
        &["no_signatures", "artifact_unknown"],
    );
    let signed = beside(world.sign(&world.release, image()));
    let demands = with_provenance(require(1, &["release"]), &["ci"]);
    codes(
        &world.judge(&signed, demands),
        Outcome::Unsigned,
        &["no_matching_attestation", "artifact_unknown"],
    );
}

/// What the policy accepts, and what is there.
#[test]
fn a_signature_of_another_kind_says_which_is_expected() {
    let (keys, workflows) = (World::of_keys(), World::of_workflows());
    let verdict = keys.judge(&workflows.sign(&workflows.ci, image()), require(1, &["ci"]));
    says(
        &verdict,
        Outcome::Untrusted,
        &[(
            "signature_kind_mismatch",
            "expected an image signature by ci (1 of ci), made with a managed key; found 1 \
             signature(s), made with a Sigstore certificate",
        )],
    );
    let verdict = workflows.judge(&keys.sign(&keys.ci, image()), json!({}));
    says(
        &verdict,
        Outcome::Untrusted,
        &[(
            "signature_kind_mismatch",
            "expected an image signature by release or ci (1 of release, ci), made with a Sigstore \
             certificate; found 1 signature(s), made with a managed key",
        )],
    );
}

/// Whatever fails for an authority that is not needed decides nothing; nor does a policy that
/// only warns.
#[test]
fn a_reason_of_what_was_not_demanded_decides_nothing() {
    let world = World::of_keys();
    let Who::Key(ci) = &world.ci else {
        unreachable!()
    };
    // A signature of `ci` for another image is broken for `ci`, which is not asked.
    let other = Pack::image(IMAGE, "b");
    let payload = sign::simple_signing(&other.repository(), &other.digest(), &Value::Null);
    let pack = image().with_cosign(&[sign::cosign_layer(ci, payload)]);
    let verdict = world.judge(&pack, require(1, &["ci"]));
    codes(
        &verdict,
        Outcome::Invalid,
        &["subject_mismatch", "threshold_not_met"],
    );
    let verdict = world.judge(&pack, require(1, &["release"]));
    codes(
        &verdict,
        Outcome::Untrusted,
        &["signature_invalid", "threshold_not_met"],
    );
    let spec = |who: &Who, mode: &str| {
        json!({
            "mode": mode,
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [world.authority("it", who)],
        })
    };
    let texts = [
        document("enforced", &spec(&world.release, "enforce")),
        document("warning", &spec(&world.ci, "warn")),
    ];
    let policies = load(&texts).unwrap();
    let trust = TrustDocuments::default();
    let verdict = parity::judge(pack.evidence(), &policies, &trust, NOW);
    assert_eq!(verdict.outcome, Outcome::Untrusted);
    assert_eq!(verdict.reasons[0].code.as_str(), "subject_mismatch");
}

/// From whom an attestation is missing, and what he did in its place.
#[test]
fn a_missing_attestation_says_what_was_done_in_its_place() {
    const OTHER: &str = "https://example.com/other/v1";
    for world in World::attesting() {
        let missing = |pack: &Pack| -> Vec<(String, Did)> {
            let demands = with_provenance(require(1, &["release"]), &["release", "ci"]);
            let verdict = world.judge(pack, demands);
            codes_begin(&verdict, "no_matching_attestation");
            let missing = verdict.policies[0].demands[1].missing.iter();
            missing
                .map(|one| (one.authority.clone(), one.did))
                .collect()
        };
        let [release, ci] = ["release", "ci"].map(str::to_owned);
        let signed = world.sign(&world.release, image());
        assert_eq!(
            missing(&signed),
            [(release.clone(), Did::Signed), (ci.clone(), Did::Nothing)]
        );
        let other = world.attest_as(OTHER, &world.ci, signed.clone());
        assert_eq!(
            missing(&other),
            [(release.clone(), Did::Signed), (ci.clone(), Did::Attested)]
        );
        let strange = world.attest(&world.stranger, signed);
        assert_eq!(
            missing(&strange),
            [(release, Did::Failed), (ci, Did::Failed)]
        );
    }
}

#[track_caller]
fn codes_begin(verdict: &Verdict, code: &str) {
    assert!(!verdict.verified);
    let own = &verdict.policies[0].reasons;
    assert_eq!(own[0].code.as_str(), code, "{own:?}");
}

/// Whoever attested what is asked for is told what of it is wrong, and nothing of a stranger's
/// beside it; whoever attested something else is told both.
#[test]
fn a_strangers_attestation_is_a_reason_for_whoever_has_made_none_of_its_type() {
    for world in World::attesting() {
        let mut demands = with_provenance(require(1, &["release"]), &["ci"]);
        demands["attestations"][0]["conditions"] = json!(["predicate.builder == 'another'"]);
        let signed = world.sign(&world.release, image());
        let strange = world.attest(&world.stranger, signed);
        let verdict = world.judge(&world.attest(&world.ci, strange.clone()), demands.clone());
        codes(&verdict, Outcome::Untrusted, &["condition_failed"]);
        let other = world.attest_as("https://example.com/other/v1", &world.ci, strange);
        let verdict = world.judge(&other, demands);
        codes_begin(&verdict, "no_matching_attestation");
        assert_eq!(verdict.reasons.len(), 2, "{:?}", verdict.reasons);
    }
}

/// What a level lets in beside a proof is no part of what is proven.
#[test]
fn a_demand_that_is_proven_is_met_by_the_proof_alone() {
    let world = World::of_notaries();
    let mut lenient = world.authority("ci", &world.ci);
    lenient["notation"]["level"] = "audit".into();
    let mut demands = require(1, &["release", "ci"]);
    demands["authorities"] = json!([world.authority("release", &world.release), lenient]);
    let strange = world.sign(&world.stranger, image());
    let verdict = world.judge(&strange, demands.clone());
    assert_eq!(verdict.outcome, Outcome::Unproven);
    assert_eq!(verdict.policies[0].demands[0].by, ["ci"]);
    let verdict = world.judge(&world.sign(&world.release, strange), demands);
    assert_eq!(verdict.outcome, Outcome::Verified);
    assert_eq!(verdict.policies[0].demands[0].by, ["release"]);
}

/// `release`, `ci`, and a third, each with a key of its own.
fn three_keys() -> [SigningKey; 3] {
    [(); 3].map(|()| SigningKey::generate(Kind::P256))
}

fn judge_keys(pack: &Pack, authorities: &Value, require: &Value) -> Verdict {
    let spec = json!({
        "images": [{"glob": "**"}], "authorities": authorities, "require": require,
    });
    let policies = load(&[document("production", &spec)]).unwrap();
    parity::judge(pack.evidence(), &policies, &TrustDocuments::default(), NOW)
}

fn keyed(name: &str, keys: &[&SigningKey]) -> Value {
    let key = |key: &&SigningKey| json!({"data": key.public_pem(), "name": name});
    json!({"name": name, "keys": keys.iter().map(key).collect::<Vec<_>>()})
}

fn signed_by(keys: &[&SigningKey]) -> Pack {
    let pack = image();
    let layer = |key: &&SigningKey| {
        let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        sign::cosign_layer(key, payload)
    };
    let layers: Vec<_> = keys.iter().map(layer).collect();
    pack.with_cosign(&layers)
}

/// `release` or `ci`, and two of three: by three who are not the same.
#[test]
fn groups_are_met_by_distinct_signers_of_the_whole() {
    let [release, ci, x] = three_keys();
    let [y, z, _] = three_keys();
    let authorities = json!([
        keyed("release", &[&release]),
        keyed("ci", &[&ci]),
        keyed("x", &[&x]),
        keyed("y", &[&y]),
        keyed("z", &[&z]),
    ]);
    let require = json!({"allOf": [
        {"anyOf": ["release", "ci"]}, {"atLeast": {"count": 2, "of": ["x", "y", "z"]}},
    ]});
    let judge = |keys: &[&SigningKey]| judge_keys(&signed_by(keys), &authorities, &require);
    for keys in [[&release, &x, &y], [&ci, &z, &x]] {
        let verdict = judge(&keys);
        assert_eq!(verdict.outcome, Outcome::Verified, "{:?}", verdict.reasons);
        let demand = &verdict.policies[0].demands[0];
        assert_eq!((demand.count, demand.by.len()), (3, 3));
        assert!(demand.missing.is_empty());
    }
    let words = "expected image signatures by all of (any of (release, ci), 2 of (x, y, z)), each by \
                 a signer of its own";
    let verdict = judge(&[&release, &ci, &y]);
    says(
        &verdict,
        Outcome::Untrusted,
        &[(
            "threshold_not_met",
            &format!("{words}, found 3; release and ci and y signed; x and z did not sign"),
        )],
    );
    assert_eq!(lacks(&verdict), [("x", Did::Nothing), ("z", Did::Nothing)]);
    assert_eq!(
        serde_json::to_value(&verdict.policies[0].demands[0].group).unwrap(),
        json!({"count": 2, "outcome": "failed", "of": [
            {"count": 1, "outcome": "passed", "of": ["release", "ci"]},
            {"count": 2, "outcome": "failed", "of": ["x", "y", "z"]},
        ]})
    );
    let verdict = judge_keys(&image(), &authorities, &require);
    let nobody = format!("the image has no signature; {words}");
    says(&verdict, Outcome::Unsigned, &[("no_signatures", &nobody)]);
    assert_eq!(lacks(&verdict).len(), 5);
}

/// Each group is met, and by one signature: the whole is not.
#[test]
fn one_signer_does_not_meet_two_groups() {
    let [a, b, c] = three_keys();
    let authorities = json!([
        keyed("a", &[&a, &b]),
        keyed("b", &[&b, &c]),
        keyed("c", &[&c, &a])
    ]);
    let require = json!({"allOf": ["a", {"anyOf": ["b", "c"]}]});
    // Three names with keys in common are refused where more than one signer is asked for.
    let spec = json!({"images": [{"glob": "**"}], "authorities": authorities, "require": require});
    let told = load(&[document("p", &spec)]).unwrap_err().concat();
    assert!(told.contains("its holder is one signer"), "{told}");

    let sigstore = Sigstore::new("private");
    let leaf = |name: &str| {
        let mut leaf = sigstore.leaf();
        leaf.names = vec![San::Uri(workflow(name))];
        let key = Key::new(Kind::P256, name);
        log::issue_logged(&leaf, key, &sigstore.intermediate, &[&sigstore.ct_log], &[])
    };
    let authority = |name: &str, pattern: &str| {
        json!({"name": name, "keyless": {"trustRoot": "private", "identities": [
            {"issuer": ISSUER, "subjectRegExp": pattern},
        ]}})
    };
    let spec = json!({
        "images": [{"glob": "**"}],
        "authorities": [
            authority("all", r"https://github\.com/acme/.+"),
            authority("ci", r"https://github\.com/acme/app/.+/ci\.yml@.+"),
            authority("other", r"https://github\.com/corp/.+"),
        ],
        "require": {"allOf": ["all", {"anyOf": ["ci", "other"]}]},
    });
    let policies = load(&[document("production", &spec)]).unwrap();
    let trust = TrustDocuments::default().with_root("private", &sigstore.trusted_root());
    let judge = |holders: &[&Holder]| {
        let pack = image();
        let statement = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        let layers = holders
            .iter()
            .map(|one| sigstore.cosign_layer(one, &statement));
        let pack = pack.with_cosign(&layers.collect::<Vec<_>>());
        parity::judge(pack.evidence(), &policies, &trust, NOW)
    };
    let (ci, release) = (leaf("ci"), leaf("release"));
    let verdict = judge(&[&ci]);
    says(
        &verdict,
        Outcome::Untrusted,
        &[(
            "threshold_not_met",
            "expected image signatures by all of (all, any of (ci, other)), each by a signer of its \
             own, found 1: what 2 of the authorities accept was made by fewer signers than that; all \
             and ci signed",
        )],
    );
    // Twice by the same is once.
    codes(
        &judge(&[&ci, &leaf("ci")]),
        Outcome::Untrusted,
        &["threshold_not_met"],
    );
    // The other workflow is taken for `all`, and this one is left to `ci`.
    assert!(judge(&[&ci, &release]).verified);
    codes(
        &judge(&[&release]),
        Outcome::Untrusted,
        &["threshold_not_met"],
    );
}

#[test]
fn groups_that_can_never_be_met_are_no_policy() {
    let [a, b, c] = three_keys();
    let person = |name: &str| {
        json!({"name": name, "keyless": {"identities": [
            {"issuer": "https://accounts.google.com", "subject": "me@acme.example"},
        ]}})
    };
    let keys = json!([keyed("a", &[&a]), keyed("b", &[&b]), keyed("c", &[&c])]);
    let people = json!([person("a"), person("b"), keyed("c", &[&c])]);
    let deep = json!({"anyOf": [{"anyOf": [{"anyOf": [{"anyOf": [{"anyOf": ["a"]}]}]}]}]});
    for (authorities, require, expected) in [
        (
            &people,
            json!({"allOf": ["a", "b"]}),
            "fewer distinct signers",
        ),
        (
            &people,
            json!({"atLeast": {"count": 2, "of": ["a", "b"]}}),
            "fewer distinct signers",
        ),
        (
            &people,
            json!({"allOf": ["c", {"allOf": ["a", {"anyOf": ["b"]}]}]}),
            "fewer distinct signers",
        ),
        (
            &keys,
            json!({"allOf": ["a", {"anyOf": ["a"]}]}),
            "fewer distinct signers",
        ),
        (&keys, json!({"allOf": []}), "at least one entry"),
        (
            &keys,
            json!({"allOf": ["a", {"anyOf": []}]}),
            "at least one entry",
        ),
        (&keys, json!({"allOf": ["a", "a"]}), "listed twice"),
        (
            &keys,
            json!({"allOf": ["a"], "anyOf": ["b"]}),
            "found allOf and anyOf",
        ),
        (
            &keys,
            json!({}),
            "expected exactly one of allOf, anyOf and atLeast, found none",
        ),
        (&keys, json!({"oneOf": ["a"]}), "unknown field \"oneOf\""),
        (
            &keys,
            json!({"allOf": ["a", "d"]}),
            "expected the name of an authority",
        ),
        (
            &keys,
            json!({"atLeast": {"count": 3, "of": ["a", {"anyOf": ["b", "c"]}]}}),
            "from 1 to 2",
        ),
        (
            &keys,
            json!({"atLeast": {"count": 0, "of": ["a", {"anyOf": ["b", "c"]}]}}),
            "from 1 to 2",
        ),
        (&keys, deep, "4 deep at most"),
    ] {
        let spec =
            json!({"images": [{"glob": "**"}], "authorities": authorities, "require": require});
        let told = load(&[document("p", &spec)]).unwrap_err().join("\n");
        assert!(told.contains(expected), "{require}: {told}");
    }
    // Enough for one, and flat groups are thresholds.
    let spec = |require: Value| {
        document(
            "p",
            &json!({"images": [{"glob": "**"}], "authorities": people, "require": require}),
        )
    };
    assert!(load(&[spec(json!({"anyOf": ["a", "b"]}))]).is_ok());
    assert!(load(&[spec(json!({"allOf": ["c", {"anyOf": ["a", "b"]}]}))]).is_ok());
}
