//! How old a signature may be, by the times that others vouch for.

use sealgate_core::UnixTime;
use sealgate_core::verdict::Outcome;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::sigstore::{ISSUER, SIGNED, SUBJECT, Signed, Sigstore};
use sealgate_tests::parity::{self, TrustDocuments};
use serde_json::{Value, json};

use super::{IMAGE, document, load};

const DAY: i64 = 24 * 60 * 60;
const PREDICATE: &str = "https://example.com/p";

fn keyless(max_age: &str) -> Value {
    let keyless =
        json!({"trustRoot": "private", "identities": [{"issuer": ISSUER, "subject": SUBJECT}]});
    json!({"name": "ci", "keyless": keyless, "maxAge": max_age})
}

/// A day after the signature, and a second later; each with the code of the refusal, if it is one.
#[track_caller]
fn assert_young_for_a_day(sigstore: &Sigstore, pack: &Pack, spec: &Value) {
    let trust = TrustDocuments::default().with_root("private", &sigstore.trusted_root());
    let policies = load(&[document("production", spec)]).unwrap();
    let judge = |now| parity::judge(pack.evidence(), &policies, &trust, now);
    let end = SIGNED.plus(DAY);
    let young = judge(end);
    assert_eq!(young.outcome, Outcome::Verified, "{:?}", young.reasons);
    assert_eq!(young.valid_until, Some(end));
    let old = judge(end.plus(1));
    assert_eq!(old.outcome, Outcome::Untrusted);
    let reason = &old.reasons[0];
    assert_eq!(
        reason.code.as_str(),
        "signature_too_old",
        "{:?}",
        old.reasons
    );
    assert_eq!(
        reason.message,
        format!(
            "expected a signature of the last 24h, found one of {SIGNED}; now is {}",
            end.plus(1)
        )
    );
}

#[test]
fn an_image_signature_counts_as_long_as_it_is_young_enough() {
    let sigstore = Sigstore::new("private");
    let pack = Pack::image(IMAGE, "a");
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    let layer = sigstore.cosign_layer(&sigstore.signer(), &payload);
    let pack = pack.with_cosign(&[layer]);
    let spec = json!({"images": [{"glob": "**"}], "authorities": [keyless("24h")]});
    assert_young_for_a_day(&sigstore, &pack, &spec);
}

#[test]
fn an_attestation_counts_as_long_as_it_is_young_enough() {
    let sigstore = Sigstore::new("private");
    let pack = Pack::image(IMAGE, "a");
    let statement = sign::statement(&pack.digest(), PREDICATE, &json!({"a": 1}));
    let holder = sigstore.signer();
    let bundle = sigstore.bundle_v1(&Signed::statement(&holder.key, &statement), &holder);
    let pack = pack.with_bundle(&serde_json::to_vec(&bundle).unwrap());
    for (of_authority, of_rule) in [("24h", "30d"), ("30d", "24h")] {
        let spec = json!({
            "images": [{"glob": "**"}], "authorities": [keyless(of_authority)],
            "require": "attestationsOnly",
            "attestations": [{"name": "p", "predicateType": PREDICATE, "maxAge": of_rule}],
        });
        assert_young_for_a_day(&sigstore, &pack, &spec);
    }
}

/// A key's signature that nobody has seen has no age.
#[test]
fn a_signature_without_a_verified_time_is_not_young() {
    let sigstore = Sigstore::new("private");
    let key = SigningKey::generate(Kind::P256);
    let pack = Pack::image(IMAGE, "a");
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    let pack = pack.with_cosign(&[sign::cosign_layer(&key, payload)]);
    let authority = |more: Value| {
        let mut authority = json!({"name": "k", "key": {"data": key.public_pem()}, "maxAge": "1d"});
        authority
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"images": [{"glob": "**"}], "authorities": [authority]})
    };
    let trust = TrustDocuments::default().with_root("private", &sigstore.trusted_root());
    let policies = load(&[document("p", &authority(json!({"trustRoot": "private"})))]).unwrap();
    let verdict = parity::judge(
        pack.evidence(),
        &policies,
        &trust,
        UnixTime::from_seconds(1),
    );
    assert_eq!(verdict.outcome, Outcome::Untrusted);
    assert_eq!(
        verdict.reasons[0].code.as_str(),
        "no_verified_time",
        "{:?}",
        verdict.reasons
    );
    // Where nobody could vouch for a time, it is no policy.
    let told = |spec: &Value| load(&[document("p", spec)]).unwrap_err().join("\n");
    assert!(told(&authority(json!({}))).contains("authorities[0].maxAge: no signature can pass"));
    assert!(told(&authority(json!({"maxAge": "1w"}))).contains("expected an age such as 90m"));
    let rule = json!({
        "images": [{"glob": "**"}],
        "authorities": [{"name": "k", "key": {"data": key.public_pem()}}],
        "attestations": [{"name": "p", "predicateType": PREDICATE, "maxAge": "1d"}],
    });
    assert!(told(&rule).contains("attestations[0].maxAge: no attestation can pass"));
    let notation = json!({"images": [{"glob": "**"}], "authorities": [{
        "name": "n", "maxAge": "1d",
        "notation": {"trustStores": ["ca:acme"], "trustedIdentities": ["*"]},
    }]});
    assert!(told(&notation).contains("a tsa or signingAuthority trust store"));
    let untimed = json!({"trustRoot": "own", "insecureWithoutVerifiedTime": true,
        "identities": [{"withoutIssuer": true, "subject": "release@acme.example"}]});
    let of = json!({"images": [{"glob": "**"}],
        "authorities": [{"name": "own", "keyless": untimed, "maxAge": "1d"}]});
    assert!(told(&of).contains("keyless without insecureWithoutVerifiedTime"));
    let rule = json!({"images": [{"glob": "**"}],
        "authorities": [{"name": "own", "keyless": untimed}],
        "attestations": [{"name": "p", "predicateType": PREDICATE, "maxAge": "1d"}]});
    assert!(told(&rule).contains("attestations[0].maxAge: no attestation can pass"));
}
