//! Certificates: paths, profiles, identities, and certificate transparency.

use sealgate_core::verdict::CheckResult;

use crate::prelude::*;

#[test]
fn certificate_logs_count_once_each_cve_2026_49834() {
    let mut bench = Bench::new().wanting(Wants {
        logs: 1,
        timestamps: 0,
        scts: 2,
    });
    let second = Log::new(Kind::P256, "https://ct2.example");
    let leaf = bench.sigstore.leaf();
    let key = || Key::new(Kind::P256, "leaf");
    let issue =
        |logs: &[&Log]| log::issue_logged(&leaf, key(), &bench.sigstore.intermediate, logs, &[]);
    let ct = &bench.sigstore.ct_log;
    let (twice, both) = (issue(&[ct, ct]), issue(&[ct, &second]));
    let (twice, both) = (bench.by_holder(&twice), bench.by_holder(&both));
    bench.refuses(&twice, "sct_threshold_not_met");
    bench.refuses(&both, "sct_log_unknown");
    // A log that nobody knows takes nothing from one that is enough.
    let usual = keyless(&[exact(ISSUER, SUBJECT)], USUAL);
    let two = std::mem::replace(&mut bench.authority, usual);
    bench.passes(&both);
    bench.authority = two;
    bench.root["ctlogs"]
        .as_array_mut()
        .unwrap()
        .push(second.trust(START));
    bench.passes(&both);
    bench.refuses(&twice, "sct_threshold_not_met");
    // The same operator's two logs are one witness (trusted root v0.2).
    for log in 0..2 {
        bench.root["ctlogs"][log]["operator"] = "acme.example".into();
    }
    bench.refuses(&both, "sct_threshold_not_met");
}

#[test]
fn scts_with_extensions_count_and_broken_ones_do_not_atk_26() {
    let bench = Bench::new();
    let leaf = bench.sigstore.leaf();
    let key = || Key::new(Kind::P256, "leaf");
    let (ct, intermediate) = (&bench.sigstore.ct_log, &bench.sigstore.intermediate);
    let with_extension =
        log::issue_logged(&leaf, key(), intermediate, &[ct], b"\0\0\x05\0\0\0\0\x07");
    bench.passes(&bench.by_holder(&with_extension));

    let tbs = leaf.tbs(&key(), intermediate.name(), &intermediate.key);
    let good = ct.sct(&tbs, intermediate.key.spki(), SIGNED, &[]);
    let mut cut = good.clone();
    cut.pop();
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    let mut future_version = good.clone();
    future_version[0] = 1;
    let wrong_issuer = ct.sct(&tbs, bench.sigstore.root.key.spki(), SIGNED, &[]);
    for (scts, code) in [
        (vec![], "sct_threshold_not_met"),
        (vec![cut], "sct_invalid"),
        (vec![altered.clone()], "sct_invalid"),
        (vec![good.clone(), altered], "sct_invalid"),
        (vec![future_version], "sct_invalid"),
        (vec![wrong_issuer], "sct_invalid"),
        (vec![good.clone(); 33], "limit_exceeded"),
        (
            vec![ct.sct(&tbs, intermediate.key.spki(), START.plus(-1), &[])],
            "sct_outside_validity",
        ),
    ] {
        let holder = log::embed(&leaf, key(), intermediate, &scts);
        bench.refuses(&bench.by_holder(&holder), code);
    }
}

/// RFC 6962 section 2.1.4 knows two algorithms, and a log has the key of one.
#[test]
fn an_sct_names_the_algorithm_of_its_logs_key() {
    for kind in [Kind::P256, Kind::Rsa2048] {
        let mut bench = Bench::new();
        let ct = Log::new(kind, "https://ct.of-another-kind.example");
        bench.root["ctlogs"] = json!([ct.trust(START)]);
        let leaf = bench.sigstore.leaf();
        let key = || Key::new(Kind::P256, "leaf");
        let intermediate = &bench.sigstore.intermediate;
        let tbs = leaf.tbs(&key(), intermediate.name(), &intermediate.key);
        let good = ct.sct(&tbs, intermediate.key.spki(), SIGNED, &[]);
        // Version, log, time and extensions; then the hash and the algorithm.
        let at = 1 + 32 + 8 + 2;
        for (hash, algorithm) in [(4, 1), (4, 3), (4, 2), (4, 0), (1, 1), (2, 3), (0, 3)] {
            let mut sct = good.clone();
            let named = &mut sct[at..at + 2];
            let fits = named == [hash, algorithm];
            named.copy_from_slice(&[hash, algorithm]);
            let bundle = bench.by_holder(&log::embed(&leaf, key(), intermediate, &[sct]));
            match fits {
                true => drop(bench.passes(&bundle)),
                false => bench.refuses(&bundle, "sct_invalid"),
            }
        }
    }
}

#[test]
fn a_certificate_counts_at_every_verified_time_tob_4() {
    let bench = Bench::new();
    let signature = bench.message().signature().to_vec();
    for (at, code) in [
        (SIGNED.plus(-61), "certificate_outside_validity"),
        (SIGNED.plus(541), "certificate_outside_validity"),
        (NOW.plus(1), "timestamp_invalid"),
        (START.plus(-1), "timestamp_outside_validity"),
    ] {
        let mut bundle = bench.v1();
        add_timestamp(&mut bundle, &bench.sigstore.tsa.token(&signature, at));
        let judged = bench.judge(&bundle);
        match code {
            // Not counted; the log's time still is.
            "timestamp_outside_validity" => assert!(judged.is_ok()),
            _ => assert_eq!(judged.unwrap_err(), code),
        }
    }
    for at in [SIGNED.plus(-60), SIGNED.plus(540)] {
        let mut bundle = bench.v1();
        add_timestamp(&mut bundle, &bench.sigstore.tsa.token(&signature, at));
        assert_eq!(bench.passes(&bundle).times.len(), 2);
    }
}

#[test]
fn an_authority_that_expired_before_its_leaf_does_not_vouch_cve_2026_24122() {
    let mut bench = Bench::new();
    let ends = SIGNED.plus(-30);
    let mut short = Description::authority("short-lived", (START, ends));
    short.purposes = vec![CODE_SIGNING];
    let short = short.issued_by(Key::new(Kind::P384, "short-lived"), &bench.sigstore.root);
    let leaf = bench.sigstore.leaf();
    let holder = log::issue_logged(
        &leaf,
        Key::new(Kind::P256, "leaf"),
        &short,
        &[&bench.sigstore.ct_log],
        &[],
    );
    let bundle = bench.by_holder(&holder);
    let chain =
        [&short, &bench.sigstore.root].map(|c| json!({"rawBytes": STANDARD.encode(&c.der)}));
    bench.root["certificateAuthorities"][0]["certChain"]["certificates"] = json!(chain);
    bench.refuses(&bundle, "certificate_outside_validity");

    let mut ended = Bench::new();
    ended.root["certificateAuthorities"][0]["validFor"]["end"] = json!(SIGNED.plus(-1));
    ended.refuses(&ended.v1(), "certificate_outside_validity");
    ended.root["certificateAuthorities"][0]["validFor"]["end"] = json!(SIGNED);
    ended.passes(&ended.v1());
}

#[test]
fn the_issuer_of_an_sct_is_the_one_of_the_path_not_of_the_name_tob_104() {
    let mut bench = Bench::new();
    let mut twin = Description::authority("private intermediate", (START, END));
    twin.purposes = vec![CODE_SIGNING];
    let twin = twin.issued_by(Key::new(Kind::P384, "twin"), &bench.sigstore.root);
    let certificates = &mut bench.root["certificateAuthorities"][0]["certChain"]["certificates"];
    certificates
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"rawBytes": STANDARD.encode(&twin.der)}));
    bench.passes(&bench.v1());
    bench.passes(&bench.v2());
}

#[test]
fn certificates_that_break_their_profile_are_refused_atk_24_tob_105() {
    let bench = Bench::new();
    let leaf = || bench.sigstore.leaf();
    let cases: Vec<(&str, Description, &str)> = vec![
        (
            "for a server",
            Description {
                purposes: vec![SERVER_AUTH],
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "for nothing",
            Description {
                purposes: vec![],
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "for encryption",
            Description {
                key_usage: 0x20,
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "an authority's",
            Description {
                is_ca: true,
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "of no name",
            Description {
                names: vec![],
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "of a host",
            Description {
                names: vec![San::Dns("acme.example".to_owned())],
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "of another system's user name",
            Description {
                names: vec![San::PrincipalName(SUBJECT.to_owned())],
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "of two names",
            Description {
                names: vec![
                    San::Uri(SUBJECT.to_owned()),
                    San::Email("a@acme.example".to_owned()),
                ],
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "with an unknown critical extension",
            Description {
                extensions: [
                    leaf().extensions,
                    vec![("1.2.3.4".to_owned(), true, der::null())],
                ]
                .concat(),
                ..leaf()
            },
            "certificate_profile",
        ),
        (
            "with two issuers",
            leaf().fulcio(1, ISSUER),
            "certificate_malformed",
        ),
        (
            "with a claim that is not text",
            Description {
                extensions: [
                    leaf().extensions,
                    vec![("1.3.6.1.4.1.57264.1.13".to_owned(), false, vec![0xff])],
                ]
                .concat(),
                ..leaf()
            },
            "certificate_malformed",
        ),
        (
            "without an issuer",
            Description {
                extensions: vec![],
                ..leaf()
            },
            "issuer_mismatch",
        ),
    ];
    for (name, description, code) in cases {
        assert_eq!(
            bench.judge(&bench.by_leaf(&description)).unwrap_err(),
            code,
            "{name}"
        );
    }
    // An extension of Fulcio's that came later says nothing to us.
    let later = Description {
        extensions: [
            leaf().extensions,
            vec![("1.3.6.1.4.1.57264.1.99".to_owned(), false, vec![0xff])],
        ]
        .concat(),
        ..leaf()
    };
    bench.passes(&bench.by_leaf(&later));
    let disagreeing = Description {
        extensions: vec![],
        ..leaf()
    }
    .fulcio(1, ISSUER)
    .fulcio(8, "https://evil.example");
    bench.refuses(&bench.by_leaf(&disagreeing), "certificate_malformed");
}

#[test]
fn another_root_or_a_stranger_of_the_same_name_is_untrusted_atk_25() {
    let bench = Bench::new();
    let stranger = Description::authority("private intermediate", (START, END))
        .self_signed(Key::new(Kind::P384, "stranger"));
    let leaf = bench.sigstore.leaf();
    let holder = log::issue_logged(
        &leaf,
        Key::new(Kind::P256, "leaf"),
        &stranger,
        &[&bench.sigstore.ct_log],
        &[],
    );
    bench.refuses(&bench.by_holder(&holder), "certificate_untrusted");
    let mut bench = bench;
    let another = Sigstore::new("another").trusted_root();
    bench.root["tlogs"] = another["tlogs"].clone();
    bench.refuses(&bench.v1(), "log_unknown");
    bench.root = another;
    bench.refuses(&bench.v1(), "certificate_untrusted");
}

#[test]
fn an_identity_must_match_in_every_part_adv_33_adv_44() {
    let mut bench = Bench::new();
    let with = |part: Value| {
        let mut identity = exact(ISSUER, SUBJECT);
        for (name, value) in part.as_object().unwrap() {
            identity
                .as_object_mut()
                .unwrap()
                .remove(name.trim_end_matches("RegExp"));
            identity[name] = value.clone();
        }
        identity
    };
    let good = [
        exact(ISSUER, SUBJECT),
        with(json!({
            "issuerRegExp": "https://token[.]actions[.]example[.]com",
            "subjectRegExp": "https://github[.]com/acme/.*",
        })),
        with(json!({"claims": {"runnerEnvironment": "github-hosted"}})),
        with(json!({"claimsRegExp": {"sourceRepositoryURI": "https://github[.]com/acme/[a-z]+"}})),
    ];
    for identity in good {
        bench.authority = keyless(&[exact("https://other.example", SUBJECT), identity], USUAL);
        bench.passes(&bench.v1());
    }
    let bad = [
        (exact("https://other.example", SUBJECT), "issuer_mismatch"),
        (
            exact(ISSUER, "https://github.com/acme/app"),
            "identity_mismatch",
        ),
        (
            with(
                json!({"issuerRegExp": "https://token[.]actions[.]example", "subjectRegExp": ".*"}),
            ),
            "issuer_mismatch",
        ),
        (
            with(json!({"issuerRegExp": ".*", "subjectRegExp": "https://github[.]com/acme/"})),
            "identity_mismatch",
        ),
        (
            with(json!({"claims": {"runnerEnvironment": "self-hosted"}})),
            "claim_mismatch",
        ),
        (
            with(json!({"claimsRegExp": {"deploymentEnvironment": ".*"}})),
            "claim_mismatch",
        ),
    ];
    for (identity, code) in bad {
        bench.authority = keyless(&[identity], USUAL);
        bench.refuses(&bench.v1(), code);
    }
}

/// Of several identities, the reason tells of the one that came closest, and of equals the first:
/// that is the one somebody meant.
#[test]
fn the_reason_is_that_of_the_identity_that_came_closest() {
    let mut bench = Bench::new();
    let issuer = |name: &str| exact(&format!("https://{name}.example"), SUBJECT);
    let subject = |name: &str| exact(ISSUER, &format!("https://github.com/acme/{name}"));
    let claim = |value: &str| {
        let mut identity = exact(ISSUER, SUBJECT);
        identity["claims"] = json!({"runnerEnvironment": value});
        identity
    };
    for (identities, code, named) in [
        (
            vec![issuer("a"), subject("b")],
            "identity_mismatch",
            "acme/b",
        ),
        (
            vec![subject("b"), issuer("a")],
            "identity_mismatch",
            "acme/b",
        ),
        (vec![issuer("a"), claim("c")], "claim_mismatch", "\"c\""),
        (vec![claim("c"), issuer("a")], "claim_mismatch", "\"c\""),
        (vec![subject("b"), claim("c")], "claim_mismatch", "\"c\""),
        (vec![claim("c"), subject("b")], "claim_mismatch", "\"c\""),
        (
            vec![issuer("a"), issuer("d")],
            "issuer_mismatch",
            "//a.example",
        ),
        (
            vec![subject("b"), subject("e")],
            "identity_mismatch",
            "acme/b",
        ),
        (vec![claim("c"), claim("f")], "claim_mismatch", "\"c\""),
    ] {
        bench.authority = keyless(&identities, USUAL);
        let reason = bench.reason(&bench.v1());
        assert_eq!(reason.code.as_str(), code);
        assert!(reason.message.contains(named), "{}", reason.message);
    }
}

#[test]
fn kinds_of_names_are_told_apart_atk_23() {
    let mut bench = Bench::new();
    let kinds = [SubjectType::Email, SubjectType::OtherName, SubjectType::Uri];
    for (san, kind) in [
        (San::Email(SUBJECT.to_owned()), SubjectType::Email),
        (San::OtherName(SUBJECT.to_owned()), SubjectType::OtherName),
        (San::Uri(SUBJECT.to_owned()), SubjectType::Uri),
    ] {
        let signed = bench.by_leaf(&Description {
            names: vec![san],
            ..bench.sigstore.leaf()
        });
        bench.authority = keyless(&[exact(ISSUER, SUBJECT)], USUAL);
        let signer = bench.passes(&signed);
        assert_eq!(signer.subject_type, Some(kind));
        for demanded in kinds {
            let mut identity = exact(ISSUER, SUBJECT);
            identity["subjectType"] = demanded.as_str().into();
            bench.authority = keyless(&[identity], USUAL);
            match demanded == kind {
                true => drop(bench.passes(&signed)),
                false => bench.refuses(&signed, "identity_mismatch"),
            }
        }
    }
}

/// GitHub's for its releases, and those of a certificate authority of one's own.
#[test]
fn a_certificate_without_an_issuer_counts_where_that_is_meant_and_nowhere_else() {
    let mut bench = Bench::new();
    let plain = Description {
        extensions: vec![],
        names: vec![
            San::PrincipalName("a@acme.example".to_owned()),
            San::Dns("build.acme.example".to_owned()),
            San::Email("release@acme.example".to_owned()),
        ],
        ..bench.sigstore.leaf()
    };
    let by_plain = bench.by_leaf(&plain);
    let trusting = |subject: &str, kind: Option<SubjectType>| {
        let mut identity = json!({"withoutIssuer": true, "subject": subject});
        if let Some(kind) = kind {
            identity["subjectType"] = kind.as_str().into();
        }
        keyless(&[identity], USUAL)
    };
    for (subject, kind, other) in [
        (
            "release@acme.example",
            SubjectType::Email,
            "build.acme.example",
        ),
        (
            "build.acme.example",
            SubjectType::Dns,
            "release@acme.example",
        ),
    ] {
        bench.authority = trusting(subject, Some(kind));
        let signer = bench.passes(&by_plain);
        assert_eq!(signer.issuer, None);
        assert_eq!(signer.subject.as_deref(), Some(subject));
        assert_eq!(signer.subject_type, Some(kind));
        assert_eq!(signer.other_subjects, [other]);
        // One that does name an issuer is another's.
        bench.refuses(&bench.v1(), "issuer_mismatch");
    }
    for (subject, kind) in [
        // Of a kind that policies do not know.
        ("a@acme.example", None),
        ("release@acme.example", Some(SubjectType::Dns)),
        ("release@acme", None),
    ] {
        bench.authority = trusting(subject, kind);
        bench.refuses(&by_plain, "identity_mismatch");
    }
    bench.authority = keyless(
        &[json!({"issuerRegExp": ".*", "subject": "release@acme.example"})],
        USUAL,
    );
    bench.refuses(&by_plain, "issuer_mismatch");
    bench.authority = trusting("release@acme.example", None);
    let with = |names: Vec<San>| {
        bench.by_leaf(&Description {
            names,
            ..plain.clone()
        })
    };
    let many = (0..17).map(|n| San::Dns(format!("{n}.acme.example")));
    for (names, code) in [
        (vec![], "certificate_profile"),
        (
            vec![San::PrincipalName("release@acme.example".to_owned())],
            "certificate_profile",
        ),
        (many.collect(), "limit_exceeded"),
    ] {
        bench.refuses(&with(names), code);
    }
}

/// A certificate authority of one's own without logs and timestamps: certificates for months, which
/// count while they are valid.
#[test]
fn without_a_verified_time_a_certificate_counts_while_it_is_valid_and_no_longer() {
    const RELEASE: &str = "release@acme.example";
    let mut bench = Bench::new();
    let (from, to) = (NOW.plus(-1000), NOW.plus(1000));
    let leaf = |of: &Bench| Description {
        validity: (from, to),
        extensions: vec![],
        names: vec![San::Email(RELEASE.to_owned())],
        ..of.sigstore.leaf()
    };
    let by = |of: &Bench, leaf: &Description| {
        let key = Key::new(Kind::P256, "release");
        let holder = log::issue_logged(leaf, key, &of.sigstore.intermediate, &[], &[]);
        let signed = Signed::message(&holder.key, ARTIFACT);
        bundle(&signed, &Verifier::Certificate(&holder))
    };
    let trusting = |subject: &str, untimed: bool| {
        let identity = json!({"withoutIssuer": true, "subject": subject});
        let none = Wants {
            logs: 0,
            timestamps: 0,
            scts: 0,
        };
        let mut authority = keyless(&[identity], none);
        if untimed {
            authority["keyless"]["insecureWithoutVerifiedTime"] = true.into();
        }
        authority
    };
    for list in ["tlogs", "ctlogs", "timestampAuthorities"] {
        bench.root[list] = json!([]);
    }
    let signed = by(&bench, &leaf(&bench));
    // Only where the policy says so.
    bench.authority = trusting(RELEASE, false);
    bench.refuses(&signed, "no_verified_time");
    bench.authority = trusting(RELEASE, true);
    assert_eq!(bench.passes(&signed).times, []);
    let verdict = bench.judge_image(&signed);
    assert_eq!(verdict.valid_until, Some(to));
    let checks = verdict.checks.iter();
    let said: Vec<_> = checks
        .map(|check| (check.name.as_str(), check.result))
        .collect();
    assert_eq!(
        said,
        [("conformance/ci: verified time", CheckResult::Skipped)]
    );
    // The first and the last moment are in.
    for (now, code) in [
        (from.plus(-1), Some("certificate_outside_validity")),
        (from, None),
        (to, None),
        (to.plus(1), Some("certificate_outside_validity")),
        (END.plus(1), Some("certificate_outside_validity")),
    ] {
        bench.now = now;
        match code {
            None => drop(bench.passes(&signed)),
            Some(code) => bench.refuses(&signed, code),
        }
    }
    bench.now = NOW;
    bench.authority = trusting("other@acme.example", true);
    bench.refuses(&signed, "identity_mismatch");
    bench.authority = trusting(RELEASE, true);
    // Another's authority, also one of the same name.
    for name in ["private", "other"] {
        let mut other = Bench::new();
        other.sigstore = Sigstore::new(name);
        other.sigstore.intermediate = Description::authority("private intermediate", (START, END))
            .self_signed(Key::new(Kind::P256, "another"));
        bench.refuses(&by(&other, &leaf(&other)), "certificate_untrusted");
    }
    // What is signed is still this image.
    assert_eq!(
        bench.judge_artifact(&signed, b"another").unwrap_err(),
        "message_digest_mismatch"
    );
    let mut altered = signed.clone();
    flip(&mut altered["messageSignature"]["signature"]);
    bench.refuses(&altered, "signature_invalid");
}

/// An authority above that ends first ends them all, and so does the trust in it.
#[test]
fn without_a_verified_time_the_whole_path_is_judged_by_now() {
    let mut bench = Bench::new();
    let leaf = Description {
        validity: (START, END),
        ..bench.sigstore.leaf()
    };
    bench.authority = keyless(
        &[exact(ISSUER, SUBJECT)],
        Wants {
            logs: 0,
            timestamps: 0,
            scts: 1,
        },
    );
    bench.authority["keyless"]["insecureWithoutVerifiedTime"] = true.into();
    let ended = Description::authority("ended", (START, NOW.plus(-1)));
    let ending = Description::authority("ending", (START, NOW.plus(9)));
    let below = |authority: &Description| {
        let key = Key::new(Kind::P256, "authority");
        let issuer = authority.issued_by(key, &bench.sigstore.intermediate);
        let key = Key::new(Kind::P256, "leaf");
        let holder = log::issue_logged(&leaf, key, &issuer, &[&bench.sigstore.ct_log], &[]);
        let signed = Signed::message(&holder.key, ARTIFACT);
        let mut bundle = bundle(&signed, &Verifier::Certificate(&holder));
        bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
        let both = [&holder, &issuer].map(|h| json!({"rawBytes": STANDARD.encode(&h.der)}));
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        material.remove("certificate");
        let chain = json!({"certificates": both});
        material.insert("x509CertificateChain".to_owned(), chain);
        bundle
    };
    bench.refuses(&below(&ended), "certificate_outside_validity");
    let verdict = bench.judge_image(&below(&ending));
    assert_eq!(verdict.valid_until, Some(NOW.plus(9)));
    // A time that somebody does tell must fit, too.
    let holder = bench.sigstore.issue(
        &Description {
            validity: (SIGNED.plus(1), END),
            ..bench.sigstore.leaf()
        },
        Kind::P256,
    );
    let early = bench.by_holder(&holder);
    bench.refuses(&early, "certificate_outside_validity");
    let timed = bench.by_holder(&bench.sigstore.issue(&leaf, Kind::P256));
    assert_eq!(bench.passes(&timed).times.len(), 1);
    let verdict = bench.judge_image(&timed);
    assert_eq!((verdict.checks.len(), verdict.valid_until), (0, Some(END)));
    // The trust root's word about its authority ends before the certificates do.
    bench.root["certificateAuthorities"][0]["validFor"]["end"] = json!(NOW.plus(5));
    assert_eq!(bench.judge_image(&timed).valid_until, Some(NOW.plus(5)));
    bench.now = NOW.plus(6);
    bench.refuses(&timed, "certificate_outside_validity");
}

#[test]
fn leaves_and_roots_of_every_kind_of_key_count() {
    for kind in [Kind::P256, Kind::P384, Kind::Ed25519, Kind::Rsa2048] {
        let bench = Bench::new();
        let holder = bench.sigstore.issue(&bench.sigstore.leaf(), kind);
        let statement = statement(&Digest::sha256(ARTIFACT), "https://slsa.dev/provenance/v1");
        let signed = Signed::statement(&holder.key, &statement);
        assert!(
            bench
                .judge(&bench.sigstore.bundle_v1(&signed, &holder))
                .is_ok(),
            "{kind:?}"
        );
    }
}
