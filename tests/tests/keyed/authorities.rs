//! What several authorities of a policy make of an image, and what the verdict says of each.

use sealgate_core::evidence::Artifact;
use sealgate_core::verdict::Passed;
use sealgate_testkit::notation::envelope::{artifact, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Profile};

use super::*;

fn keys(count: usize) -> Vec<SigningKey> {
    (0..count)
        .map(|_| SigningKey::generate(Kind::P256))
        .collect()
}

fn demanding(keys: &[&SigningKey], require: &str) -> PolicyTexts {
    let names = ["a", "b", "c"];
    let named: Vec<_> = names.into_iter().zip(keys.iter().copied()).collect();
    policies(&named, require)
}

fn codes(verdict: &Verdict) -> Vec<&str> {
    let codes = verdict.reasons.iter().map(|reason| reason.code.as_str());
    codes.collect()
}

fn outcomes(verdict: &Verdict) -> Vec<Passed> {
    let authorities = verdict.policies[0].authorities.iter();
    authorities.map(|authority| authority.outcome).collect()
}

/// A policy with a key and an authority that only reports who signed, for Notary's signatures.
fn with_audit(key: &SigningKey, require: &str) -> PolicyTexts {
    let more = format!(
        "  - name: audit\n    notation: {{trustStores: [\"ca:acme\"], trustedIdentities: [\"*\"], \
         level: audit}}\n{require}"
    );
    policies(&[("a", key)], &more)
}

/// Signed for Notary by somebody whom nobody trusts.
fn by_a_stranger(pack: &Pack) -> Artifact {
    let stranger = Certificate::self_signed(&Profile::signer("C=US, ST=WA, O=stranger, CN=me"));
    let subject = &pack.evidence().subject;
    let size = subject.manifest.bytes().len();
    let body = payload(&subject.media_type, &pack.digest(), size, &Value::Null);
    let envelope = Envelope::x509(Format::Jws, &[&stranger], body).sign(&stranger.key);
    artifact(&pack.digest(), Format::Jws, &envelope)
}

/// It lets in, and says that nothing was proven; a signature of another authority is a proof.
#[test]
fn an_authority_that_only_reports_is_no_proof_and_takes_no_signer() {
    let key = SigningKey::generate(Kind::P256);
    let image = Pack::image(IMAGE, "a");
    let unsigned = image.clone().with(by_a_stranger(&image));
    let signed = unsigned.clone().with_cosign(&[signed_layer(&key, &image)]);
    let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
    let trust = TrustDocuments::default().with_store("ca:acme", vec![root.pem()]);
    let judge = |pack: &Pack, policies| parity::judge(pack.evidence(), policies, &trust, NOW);
    let any = with_audit(&key, "");
    let verdict = judge(&unsigned, &any);
    assert!(verdict.verified);
    assert_eq!(verdict.outcome, Outcome::Unproven);
    assert_eq!(outcomes(&verdict), [Passed::Failed, Passed::Unproven]);
    assert_eq!(judge(&signed, &any).outcome, Outcome::Verified);

    let both = with_audit(&key, "  require: {atLeast: {count: 2, of: [a, audit]}}\n");
    let verdict = judge(&signed, &both);
    assert_eq!(verdict.outcome, Outcome::Unproven);
    assert_eq!(outcomes(&verdict), [Passed::Passed, Passed::Unproven]);
    let verdict = judge(&unsigned, &both);
    assert!(!verdict.verified);
    assert_eq!(verdict.policies[0].outcome, Passed::Failed);
}

#[test]
fn a_threshold_says_how_many_distinct_signers_were_found() {
    let keys = keys(3);
    let policies = demanding(
        &keys.iter().collect::<Vec<_>>(),
        "  require: {atLeast: {count: 2, of: [a, b, c]}}\n",
    );
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&keys[0], &pack);
    let verdict = judge(&pack.with_cosign(&[layer]), &policies);
    let said = verdict
        .reasons
        .iter()
        .find(|reason| reason.code.as_str() == "threshold_not_met")
        .unwrap();
    assert_eq!(
        said.message,
        "expected image signatures by at least 2 distinct signers (2 of a, b, c), found 1; a signed; \
         b and c did not sign"
    );
    // One signed, so nobody is told that there is no signature.
    for code in codes(&verdict) {
        assert!(
            matches!(code, "threshold_not_met" | "signature_invalid"),
            "{code}"
        );
    }
    assert_eq!(
        outcomes(&verdict),
        [Passed::Passed, Passed::Failed, Passed::Failed]
    );
}

/// An authority whose attestation met no rule vouches for nothing.
#[test]
fn an_authority_passes_by_the_attestation_that_was_used() {
    let keys = keys(2);
    let rule = |from: &str| {
        format!(
            "  require: attestationsOnly\n  attestations:\n  - name: built\n    \
             predicateType: https://slsa.dev/provenance/v1\n    from: [{from}]\n"
        )
    };
    let pack = Pack::image(IMAGE, "a");
    let attested = |key: &SigningKey, kind: &str| {
        sign::bundle(key, &sign::statement(&pack.digest(), kind, &json!({})))
    };
    let slsa = "https://slsa.dev/provenance/v1";
    let both = pack
        .clone()
        .with_bundle(&attested(&keys[0], slsa))
        .with_bundle(&attested(&keys[1], slsa));
    let policies = demanding(&[&keys[0], &keys[1]], &rule("a"));
    let verdict = judge(&both, &policies);
    assert_eq!(verdict.outcome, Outcome::Verified, "{:?}", verdict.reasons);
    assert_eq!(outcomes(&verdict), [Passed::Passed, Passed::Failed]);

    let others = pack
        .clone()
        .with_bundle(&attested(&keys[0], "https://spdx.dev/Document"))
        .with_bundle(&attested(&keys[0], "https://cyclonedx.org/bom"));
    for (pack, message) in [
        (
            &others,
            "the rule \"built\" expects a verified attestation of type \
             https://slsa.dev/provenance/v1 by a; verified attestations have the types \
             https://cyclonedx.org/bom, https://spdx.dev/Document",
        ),
        (
            &pack,
            "the rule \"built\" expects a verified attestation of type \
             https://slsa.dev/provenance/v1 by a",
        ),
    ] {
        let verdict = judge(pack, &policies);
        assert!(!verdict.verified);
        let reason = verdict
            .reasons
            .iter()
            .find(|reason| reason.code.as_str() == "no_matching_attestation")
            .unwrap();
        assert_eq!(reason.message, message);
    }
}

#[test]
fn a_policy_that_is_named_judges_no_image_outside_of_its_scope_unless_told() {
    let key = SigningKey::generate(Kind::P256);
    let policies = demanding(&[&key], "");
    let elsewhere = Pack::image("elsewhere.example.org/app:1", "a");
    let mut pack = elsewhere
        .clone()
        .with_cosign(&[signed_layer(&key, &elsewhere)]);
    pack.evidence_mut().request.policy = Some("prod".to_owned());
    refused(&pack, &policies, Outcome::NoPolicy, "no_policy");
    // A request to the module cannot ask so.
    pack.evidence_mut().request.beyond_scope = true;
    let verdict = sealgate_core::verify(pack.evidence(), &policies, &TrustMaterial::new(), NOW);
    let verdict = verdict.unwrap();
    assert_eq!(verdict.outcome, Outcome::Verified, "{:?}", verdict.reasons);

    let inside = Pack::image(IMAGE, "a");
    let mut inside = inside.clone().with_cosign(&[signed_layer(&key, &inside)]);
    inside.evidence_mut().request.policy = Some("prod".to_owned());
    assert!(judge(&inside, &policies).verified);
}

/// Of what no authority judged nothing is said while another one found its signature.
#[test]
fn one_signature_of_two_is_not_said_to_be_of_the_wrong_kind() {
    let key = SigningKey::generate(Kind::P256);
    let more = "  - name: notary\n    notation: {trustStores: [\"ca:acme\"], trustedIdentities: \
                [\"*\"]}\n  require: {atLeast: {count: 2, of: [a, notary]}}\n";
    let policies = policies(&[("a", &key)], more);
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&key, &pack);
    let verdict = judge(&pack.with_cosign(&[layer]), &policies);
    assert!(!verdict.verified);
    assert_eq!(codes(&verdict), ["threshold_not_met"]);
}
