//! Managed keys and what they sign.

use crate::prelude::*;

#[test]
fn managed_keys_count_while_they_are_in_force_cve_2026_54787() {
    let mut bench = Bench::new();
    let key = Key::new(Kind::P256, "managed");
    let signed = Signed::message(&key, ARTIFACT);
    let plain = bundle(&signed, &Verifier::Key(&key));
    let mut logged = plain.clone();
    add_entry(
        &mut logged,
        bench
            .sigstore
            .rekor
            .entry(&signed.body(&key.public_pem()), SIGNED),
    );
    let mut stamped = plain.clone();
    add_entry(
        &mut stamped,
        bench
            .sigstore
            .rekor_v2
            .entry_v2(&signed.body_v2(&Verifier::Key(&key))),
    );
    add_timestamp(
        &mut stamped,
        &bench.sigstore.tsa.token(signed.signature(), SIGNED),
    );
    let window = |start, end| Window {
        start: Some(start),
        end: Some(end),
    };
    let none = Wants {
        logs: 0,
        timestamps: 0,
        scts: 0,
    };
    for (bundle, time) in [(&plain, NOW), (&logged, SIGNED), (&stamped, SIGNED)] {
        for (valid_for, passes) in [
            (Window::ALWAYS, true),
            (window(time, time), true),
            (window(time.plus(1), END.plus(1)), false),
            (window(START, time.plus(-1)), false),
        ] {
            bench.authority = by_key(&key, valid_for, true, none);
            match passes {
                true => drop(bench.passes(bundle)),
                false => bench.refuses(bundle, "key_outside_validity"),
            }
        }
    }
    bench.authority = by_key(&key, Window::ALWAYS, true, USUAL);
    bench.refuses(&plain, "log_threshold_not_met");
    bench.passes(&logged);
    bench.authority = by_key(
        &key,
        Window::ALWAYS,
        true,
        Wants {
            timestamps: 1,
            ..none
        },
    );
    bench.refuses(&logged, "timestamp_threshold_not_met");
    bench.passes(&stamped);
}

#[test]
fn who_signed_instead_is_told_by_the_hint_if_there_is_one() {
    let mut bench = Bench::new();
    let (key, stranger) = (
        Key::new(Kind::P256, "managed"),
        Key::new(Kind::P256, "stranger"),
    );
    let none = Wants {
        logs: 0,
        timestamps: 0,
        scts: 0,
    };
    bench.authority = by_key(&key, Window::ALWAYS, false, none);
    let mut by_stranger = bundle(
        &Signed::message(&stranger, ARTIFACT),
        &Verifier::Key(&stranger),
    );
    for (hint, said) in [("who else", true), ("", false)] {
        by_stranger["verificationMaterial"]["publicKey"] = json!({"hint": hint});
        let reason = bench.reason(&by_stranger);
        assert_eq!(reason.code.as_str(), "signature_invalid");
        let words = format!("; it names the key {hint:?}");
        assert_eq!(reason.message.ends_with(&words), said, "{reason}");
        assert_eq!(
            reason.message.contains("it names the key"),
            said,
            "{reason}"
        );
    }
}

#[test]
fn a_managed_keys_entry_is_bound_to_it_without_any_trust_root() {
    let mut bench = Bench::new();
    let key = Key::new(Kind::P256, "managed");
    let none = Wants {
        logs: 0,
        timestamps: 0,
        scts: 0,
    };
    let signed = Signed::message(&key, ARTIFACT);
    let mut logged = bundle(&signed, &Verifier::Key(&key));
    add_entry(
        &mut logged,
        bench
            .sigstore
            .rekor
            .entry(&signed.body(&key.public_pem()), SIGNED),
    );
    bench.authority = by_key(&key, Window::ALWAYS, false, none);
    assert!(
        bench.passes(&logged).times.is_empty(),
        "nobody vouches for the log"
    );
    let other = Signed::message(&key, b"another");
    let mut spliced = bundle(&signed, &Verifier::Key(&key));
    add_entry(
        &mut spliced,
        bench
            .sigstore
            .rekor
            .entry(&other.body(&key.public_pem()), SIGNED),
    );
    bench.refuses(&spliced, "log_entry_mismatch");
    // Logged for a certificate.
    let mut for_another = bundle(&signed, &Verifier::Key(&key));
    let body = signed.body(&bench.signer.pem());
    add_entry(&mut for_another, bench.sigstore.rekor.entry(&body, SIGNED));
    bench.refuses(&for_another, "log_entry_mismatch");
    let stranger = Key::new(Kind::P256, "stranger");
    bench.authority = by_key(&stranger, Window::ALWAYS, false, none);
    bench.refuses(&logged, "signature_invalid");
    bench.refuses(&bench.v1(), "signature_kind_mismatch");
    bench.authority = keyless(&[exact(ISSUER, SUBJECT)], USUAL);
    bench.refuses(&logged, "signature_kind_mismatch");
}

#[test]
fn statements_are_held_to_their_form_cve_2026_39395_tob_102() {
    let bench = Bench::new();
    let about = |digest: &Digest| statement(digest, "https://slsa.dev/provenance/v1");
    let good = String::from_utf8(about(&Digest::sha256(ARTIFACT))).unwrap();
    let signed = |payload: &str| Signed::statement(&bench.signer.key, payload.as_bytes());
    let empty = json!({"_type": "https://in-toto.io/Statement/v1", "subject": [],
        "predicateType": "https://slsa.dev/provenance/v1", "predicate": {}})
    .to_string();
    let other = String::from_utf8(about(&Digest::sha256(b"another"))).unwrap();
    for (payload, code) in [
        ("not JSON".to_owned(), "statement_malformed"),
        (
            good.replace("Statement/v1", "Statement/v9"),
            "statement_malformed",
        ),
        (
            good.replace("\"predicateType\"", "\"predicateKind\""),
            "statement_malformed",
        ),
        (
            good.replacen('{', "{\"_type\":\"x\",", 1),
            "statement_malformed",
        ),
        (good.replace("\"sha256\"", "\"sha512\""), "subject_mismatch"),
        // An empty list of subjects is about nothing, not about everything (sigstore-rust #119).
        (empty, "subject_mismatch"),
        (other, "subject_mismatch"),
    ] {
        assert_eq!(
            bench
                .judge(&bench.sigstore.bundle_v1(&signed(&payload), &bench.signer))
                .unwrap_err(),
            code,
            "{payload}"
        );
    }
    let text = Signed::dsse(&bench.signer.key, "text/plain", good.as_bytes());
    bench.refuses(
        &bench.sigstore.bundle_v1(&text, &bench.signer),
        "payload_type_mismatch",
    );
}

#[test]
fn no_artifact_is_another_one_than_this_adv_18_tob_102() {
    let bench = Bench::new();
    for (bundle, code) in [
        (bench.v1(), "message_digest_mismatch"),
        (bench.dsse(), "subject_mismatch"),
    ] {
        assert_eq!(bench.judge_artifact(&bundle, b"").unwrap_err(), code);
    }
    // The stated digest is a hint, and nothing hangs on it.
    let mut without_hint = bench.v1();
    remove(&mut without_hint["messageSignature"], "messageDigest");
    bench.passes(&without_hint);
    assert_eq!(
        bench.judge_artifact(&without_hint, b"").unwrap_err(),
        "signature_invalid"
    );
}

/// What a retired log says today, its key may have been made to say by anybody.
#[test]
fn a_retired_log_counts_for_no_managed_key_without_a_time_rt_20() {
    let mut bench = Bench::new();
    let key = Key::new(Kind::P256, "managed");
    let verifier = Verifier::Key(&key);
    let signed = Signed::message(&key, ARTIFACT);
    let mut logged = bundle(&signed, &verifier);
    let entry = bench.sigstore.rekor_v2.entry_v2(&signed.body_v2(&verifier));
    add_entry(&mut logged, entry);
    bench.authority = by_key(&key, Window::ALWAYS, true, USUAL);
    bench.passes(&logged);
    bench.root["tlogs"][1]["publicKey"]["validFor"]["end"] = SIGNED.plus(60).to_string().into();
    bench.refuses(&logged, "log_outside_validity");
    // With a time at which it counted, it counts.
    add_timestamp(
        &mut logged,
        &bench.sigstore.tsa.token(signed.signature(), SIGNED),
    );
    bench.passes(&logged);
}
