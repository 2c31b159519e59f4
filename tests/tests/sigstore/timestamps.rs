//! Timestamps: RFC 3161, and whose count.

use crate::prelude::*;

#[test]
fn timestamp_authorities_count_once_each_cve_2026_49834() {
    let two = Wants {
        logs: 0,
        timestamps: 2,
        scts: 1,
    };
    let mut bench = Bench::new().wanting(two);
    let signature = bench.message().signature().to_vec();
    let mut bundle = bench.v2();
    add_timestamp(
        &mut bundle,
        &bench.sigstore.tsa.token(&signature, SIGNED.plus(1)),
    );
    bench.refuses(&bundle, "timestamp_threshold_not_met");
    let second = TimestampAuthority::new("https://second.example", KeyKind::P384, (START, END));
    add_timestamp(&mut bundle, &second.token(&signature, SIGNED.plus(2)));
    bench.refuses(&bundle, "timestamp_untrusted");
    bench.root["timestampAuthorities"]
        .as_array_mut()
        .unwrap()
        .push(second.trust(START));
    assert_eq!(bench.passes(&bundle).times.len(), 3);
}

#[test]
fn timestamps_are_held_to_rfc_3161_cve_2026_39984() {
    let bench = Bench::new();
    let signature = bench.message().signature().to_vec();
    let stamped = |token: &[u8]| {
        let mut bundle = bench.v2();
        remove(
            &mut bundle["verificationMaterial"],
            "timestampVerificationData",
        );
        add_timestamp(&mut bundle, token);
        bundle
    };
    let odd = |odd| stamped(&bench.sigstore.tsa.odd_token(&signature, SIGNED, odd));
    let none = Oddities::default;
    for good in [
        Oddities {
            embed: true,
            ..none()
        },
        Oddities {
            name_certificate: true,
            ..none()
        },
        Oddities {
            fraction: true,
            ..none()
        },
    ] {
        bench.passes(&odd(good));
    }
    bench.refuses(
        &odd(Oddities {
            name_another: true,
            ..none()
        }),
        "timestamp_invalid",
    );
    bench.refuses(
        &odd(Oddities {
            forged: true,
            ..none()
        }),
        "timestamp_invalid",
    );
    bench.refuses(
        &odd(Oddities {
            sha1: true,
            ..none()
        }),
        "algorithm_unsupported",
    );
    bench.refuses(
        &stamped(&bench.sigstore.tsa.token(b"something else", SIGNED)),
        "timestamp_mismatch",
    );
    let stranger = TimestampAuthority::new("https://stranger.example", KeyKind::P256, (START, END));
    bench.refuses(
        &stamped(&stranger.odd_token(
            &signature,
            SIGNED,
            Oddities {
                embed: true,
                ..none()
            },
        )),
        "timestamp_untrusted",
    );
    // Another certificate of the same authority and number is not the one that is trusted.
    let sibling = TimestampAuthority::new(&bench.sigstore.tsa.uri, KeyKind::P384, (START, END));
    bench.refuses(
        &stamped(&sibling.odd_token(
            &signature,
            SIGNED,
            Oddities {
                embed: true,
                ..none()
            },
        )),
        "timestamp_invalid",
    );
}

#[test]
fn the_certificate_of_a_timestamp_is_for_timestamps_alone_adv_26() {
    let signing = || Description {
        purposes_critical: true,
        ..Description::leaf(TIME_STAMPING, (START, END))
    };
    for (name, leaf) in [
        (
            "not critical",
            Description {
                purposes_critical: false,
                ..signing()
            },
        ),
        (
            "and for servers",
            Description {
                purposes: vec![TIME_STAMPING, SERVER_AUTH],
                ..signing()
            },
        ),
        (
            "and for what nobody knows",
            Description {
                purposes: vec![TIME_STAMPING, "1.2.3.4.5"],
                ..signing()
            },
        ),
        (
            "for code",
            Description {
                purposes: vec![CODE_SIGNING],
                ..signing()
            },
        ),
    ] {
        let mut bench = Bench::new();
        let tsa = TimestampAuthority::with_signer(
            "https://odd.example",
            KeyKind::P256,
            (START, END),
            &leaf,
        );
        bench.root["timestampAuthorities"] = json!([tsa.trust(START)]);
        let mut bundle = bench.v2();
        remove(
            &mut bundle["verificationMaterial"],
            "timestampVerificationData",
        );
        add_timestamp(&mut bundle, &tsa.token(bench.message().signature(), SIGNED));
        assert_eq!(
            bench.judge(&bundle).unwrap_err(),
            "timestamp_invalid",
            "{name}"
        );
    }
}

#[test]
fn timestamps_by_keys_of_other_kinds_count() {
    for kind in [KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa] {
        let mut bench = Bench::new();
        let tsa = TimestampAuthority::new("https://other.example", kind, (START, END));
        bench.root["timestampAuthorities"] = json!([tsa.trust(START)]);
        let mut bundle = bench.v2();
        remove(
            &mut bundle["verificationMaterial"],
            "timestampVerificationData",
        );
        add_timestamp(&mut bundle, &tsa.token(bench.message().signature(), SIGNED));
        assert_eq!(
            bench.judge(&bundle).map(|s| s.times[0].name.clone()),
            Ok(tsa.uri),
            "{kind:?}"
        );
    }
}

#[test]
fn a_timestamp_borrows_nobody_elses_validity_tob_11() {
    let mut bench = Bench::new();
    let generous = TimestampAuthority::new("https://generous.example", KeyKind::P256, (START, END));
    bench.root["timestampAuthorities"][0]["validFor"]["end"] = json!(SIGNED.plus(-1));
    bench.root["timestampAuthorities"]
        .as_array_mut()
        .unwrap()
        .push(generous.trust(START));
    // An authority without certificates vouches for nothing.
    bench.root["timestampAuthorities"]
        .as_array_mut()
        .unwrap()
        .push(json!({"certChain": {"certificates": []}}));
    bench.refuses(&bench.v2(), "timestamp_outside_validity");
    bench.root["timestampAuthorities"][0]["validFor"]["end"] = json!(SIGNED);
    bench.passes(&bench.v2());
}

#[test]
fn github_s_way_timestamps_alone_is_expressible() {
    let mut bench = Bench::new().wanting(Wants {
        logs: 0,
        timestamps: 1,
        scts: 0,
    });
    for part in ["tlogs", "ctlogs"] {
        bench.root[part] = json!([]);
    }
    let leaf = bench.sigstore.leaf().issued_by(
        Key::new(KeyKind::P256, "leaf"),
        &bench.sigstore.intermediate,
    );
    let signed = Signed::message(&leaf.key, ARTIFACT);
    let mut bundle = bundle(&signed, &Verifier::Certificate(&leaf));
    bench.refuses(&bundle, "timestamp_threshold_not_met");
    add_timestamp(
        &mut bundle,
        &bench.sigstore.tsa.token(signed.signature(), SIGNED),
    );
    let signer = bench.passes(&bundle);
    assert!(signer.logs.is_empty());
    assert_eq!(signer.times[0].source, "timestamp_authority");
}
