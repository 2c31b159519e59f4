//! Timestamps: RFC 3161, and whose count.

use sealgate_testkit::timestamp::Token;

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
    let second = TimestampAuthority::new("https://second.example", Kind::P384, (START, END));
    add_timestamp(&mut bundle, &second.token(&signature, SIGNED.plus(2)));
    bench.refuses(&bundle, "timestamp_untrusted");
    bench.root["timestampAuthorities"]
        .as_array_mut()
        .unwrap()
        .push(second.trust(START));
    assert_eq!(bench.passes(&bundle).times.len(), 3);
}

/// A time that is now is not in the future.
#[test]
fn a_timestamp_of_this_very_moment_counts() {
    let mut bench = Bench::new();
    bench.now = SIGNED;
    bench.passes(&bench.v2());
    bench.now = SIGNED.plus(-1);
    bench.refuses(&bench.v2(), "timestamp_invalid");
}

#[test]
fn a_timestamp_larger_than_any_real_one_is_refused_unread() {
    let bench = Bench::new();
    let mut bundle = bench.v2();
    add_timestamp(&mut bundle, &vec![0x30; 1 << 20]);
    bench.refuses(&bundle, "limit_exceeded");
}

#[test]
fn timestamps_are_held_to_rfc_3161_cve_2026_39984_tob_105() {
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
    let tsa = &bench.sigstore.tsa;
    let odd = |change: &dyn Fn(&mut Token)| stamped(&tsa.odd_token(&signature, SIGNED, change));
    let own = || Some(tsa.signer.der.clone());
    let good: [&dyn Fn(&mut Token); 5] = [
        &|t| t.certificates.extend(own()),
        &|t| t.identified = own(),
        &|t| (t.identified, t.identified_serial) = (own(), Some(2)),
        &|t| t.time = t.time.replace('Z', ".25Z"),
        &|t| t.extensions.push(("1.2.3.4", false)),
    ];
    for change in good {
        bench.passes(&odd(change));
    }
    let broken: [&dyn Fn(&mut Token); 11] = [
        &|t| t.identified = Some(tsa.root.der.clone()),
        &|t| (t.identified, t.identified_serial) = (own(), Some(3)),
        &|t| t.forged = true,
        &|t| t.wrong_digest = true,
        &|t| t.signers = 2,
        &|t| t.version = 2,
        &|t| t.cms_version = 4,
        &|t| t.signer_version = 3,
        &|t| t.time = t.time.replace('Z', ".Z"),
        &|t| t.extensions.push(("1.2.3.4", true)),
        &|t| t.content_type = "1.2.840.113549.1.7.1",
    ];
    for change in broken {
        bench.refuses(&odd(change), "timestamp_invalid");
    }
    bench.refuses(&odd(&|t| t.hash = "1.3.14.3.2.26"), "algorithm_unsupported");
    // A bundle carries the answer, not the token alone.
    let bare = tsa.bare_token(&signature, SIGNED, |_| {});
    bench.refuses(&stamped(&bare), "timestamp_invalid");
    bench.refuses(
        &stamped(&tsa.token(b"something else", SIGNED)),
        "timestamp_mismatch",
    );
    let embed = |tsa: &TimestampAuthority| {
        let bring = |t: &mut Token| t.certificates.push(tsa.signer.der.clone());
        stamped(&tsa.odd_token(&signature, SIGNED, bring))
    };
    let stranger = TimestampAuthority::new("https://stranger.example", Kind::P256, (START, END));
    bench.refuses(&embed(&stranger), "timestamp_untrusted");
    // Another certificate of the same authority and number is not the one that is trusted.
    let sibling = TimestampAuthority::new(&bench.sigstore.tsa.uri, Kind::P384, (START, END));
    bench.refuses(&embed(&sibling), "timestamp_invalid");
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
        (
            "and for key agreement",
            Description {
                key_usage: 0x88,
                ..signing()
            },
        ),
        (
            "not for signatures",
            Description {
                key_usage: 0x40,
                ..signing()
            },
        ),
    ] {
        let mut bench = Bench::new();
        let tsa =
            TimestampAuthority::with_signer("https://odd.example", Kind::P256, (START, END), &leaf);
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

/// RFC 3161 and RFC 5280 ask for none; the Notary Project does.
#[test]
fn the_certificate_of_a_timestamp_may_go_without_a_key_usage() {
    let mut bench = Bench::new();
    let leaf = Description {
        purposes_critical: true,
        key_usage: 0,
        ..Description::leaf(TIME_STAMPING, (START, END))
    };
    let uri = "https://plain.example";
    let tsa = TimestampAuthority::with_signer(uri, Kind::P256, (START, END), &leaf);
    bench.root["timestampAuthorities"] = json!([tsa.trust(START)]);
    let mut bundle = bench.v2();
    remove(
        &mut bundle["verificationMaterial"],
        "timestampVerificationData",
    );
    add_timestamp(&mut bundle, &tsa.token(bench.message().signature(), SIGNED));
    assert_eq!(bench.passes(&bundle).times[0].name, uri);
}

#[test]
fn timestamps_by_keys_of_other_kinds_count() {
    for kind in [Kind::P384, Kind::Ed25519, Kind::Rsa2048] {
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
    let generous = TimestampAuthority::new("https://generous.example", Kind::P256, (START, END));
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
    let leaf = bench
        .sigstore
        .leaf()
        .issued_by(Key::new(Kind::P256, "leaf"), &bench.sigstore.intermediate);
    let signed = Signed::message(&leaf.key, ARTIFACT);
    let mut bundle = bundle(&signed, &Verifier::Certificate(&leaf));
    bench.refuses(&bundle, "timestamp_threshold_not_met");
    add_timestamp(
        &mut bundle,
        &bench.sigstore.tsa.token(signed.signature(), SIGNED),
    );
    let signer = bench.passes(&bundle);
    assert!(signer.logs.is_empty());
    assert_eq!(signer.times[0].source.as_str(), "timestamp_authority");
}
