//! Transparency logs: what an entry proves, how logs are counted, and when they count.

use crate::prelude::*;

#[test]
fn a_genuine_entry_of_another_signature_proves_nothing_cve_2022_23649_cve_2022_36056_cve_2026_22703()
 {
    let bench = Bench::new();
    let other = Signed::message(&bench.signer.key, b"another artifact");
    let other = bench.sigstore.bundle_v1(&other, &bench.signer);
    for version in [
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ] {
        let mut spliced = bench.v1();
        spliced["mediaType"] = version.into();
        if version.contains("version=0") {
            let certificate = spliced["verificationMaterial"]["certificate"].take();
            remove(&mut spliced["verificationMaterial"], "certificate");
            spliced["verificationMaterial"]["x509CertificateChain"] =
                json!({"certificates": [certificate]});
        }
        bench.passes(&spliced);
        spliced["verificationMaterial"]["tlogEntries"] =
            other["verificationMaterial"]["tlogEntries"].clone();
        bench.refuses(&spliced, "log_entry_mismatch");
    }
}

#[test]
fn a_spliced_entry_is_refused_even_where_no_log_is_wanted_tob_3_tob_101() {
    let bench = Bench::new().wanting(Wants {
        logs: 0,
        timestamps: 1,
        scts: 1,
    });
    let other = bench.sigstore.bundle_v1(
        &Signed::message(&bench.signer.key, b"another"),
        &bench.signer,
    );
    let mut spliced = bench.v2();
    bench.passes(&spliced);
    spliced["verificationMaterial"]["tlogEntries"] =
        other["verificationMaterial"]["tlogEntries"].clone();
    bench.refuses(&spliced, "log_entry_mismatch");
    let mut forged = bench.v2();
    add_entry(
        &mut forged,
        bench.v1()["verificationMaterial"]["tlogEntries"][0].clone(),
    );
    bench.passes(&forged);
    forged["verificationMaterial"]["tlogEntries"][1]["integratedTime"] = "1".into();
    bench.refuses(&forged, "set_invalid");
}

/// Bundles v0.1 have the log's promise, later ones its proof.
#[test]
fn an_entry_has_what_its_version_of_the_bundle_needs() {
    let bench = Bench::new();
    let chain = |bundle: &mut Value| {
        let material = &mut bundle["verificationMaterial"];
        let certificate = material["certificate"].take();
        remove(material, "certificate");
        material["x509CertificateChain"] = json!({"certificates": [certificate]});
    };
    for (version, needed) in [
        ("+json;version=0.1", "inclusionPromise"),
        ("+json;version=0.2", "inclusionProof"),
        (".v0.3+json", "inclusionProof"),
    ] {
        let mut bundle = bench.v1();
        bundle["mediaType"] = format!("application/vnd.dev.sigstore.bundle{version}").into();
        if needed == "inclusionPromise" || version.contains("0.2") {
            chain(&mut bundle);
        }
        bench.passes(&bundle);
        let mut lacking = bundle.clone();
        remove(entry(&mut lacking), needed);
        bench.refuses(&lacking, "inclusion_missing");
    }
    let mut empty = bench.v1();
    empty["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
    chain(&mut empty);
    entry(&mut empty)["inclusionPromise"]["signedEntryTimestamp"] = "".into();
    bench.refuses(&empty, "inclusion_missing");
}

/// What a log of the second generation signs for another place is no checkpoint of its own.
#[test]
fn a_checkpoint_is_in_the_name_of_its_log() {
    let bench = Bench::new();
    let mut bundle = bench.v2();
    let proof = &entry(&mut bundle)["inclusionProof"];
    let root = STANDARD
        .decode(proof["rootHash"].as_str().unwrap())
        .unwrap();
    let log = &bench.sigstore.rekor_v2;
    for (origin, fits) in [(log.host(), true), ("log2026.private.example", false)] {
        let note = log.checkpoint(origin, 5, &root);
        let mut bundle = bench.v2();
        entry(&mut bundle)["inclusionProof"]["checkpoint"]["envelope"] = note.into();
        match fits {
            true => drop(bench.passes(&bundle)),
            false => bench.refuses(&bundle, "checkpoint_invalid"),
        }
    }
}

#[test]
fn a_log_counts_from_its_first_second_on() {
    let mut bench = Bench::new();
    bench.now = SIGNED;
    for (start, fits) in [(SIGNED, true), (SIGNED.plus(1), false)] {
        bench.root["tlogs"][1]["publicKey"]["validFor"]["start"] = json!(start);
        match fits {
            true => drop(bench.passes(&bench.v2())),
            false => bench.refuses(&bench.v2(), "log_outside_validity"),
        }
    }
}

/// What cosign wrote at first.
#[test]
fn a_rekord_entry_proves_signatures_of_the_format_x509_alone() {
    let bench = Bench::new();
    let signed = bench.message();
    for (format, fits) in [(None, true), (Some("x509"), true), (Some("pgp"), false)] {
        let mut body = signed.body(&bench.signer.pem());
        body["kind"] = "rekord".into();
        if let Some(format) = format {
            body["spec"]["signature"]["format"] = format.into();
        }
        let mut bundle = bundle(&signed, &Verifier::Certificate(&bench.signer));
        add_entry(&mut bundle, bench.sigstore.rekor.entry(&body, SIGNED));
        match fits {
            true => drop(bench.passes(&bundle)),
            false => bench.refuses(&bundle, "form_unsupported"),
        }
    }
}

#[test]
fn every_entry_must_be_for_this_signature_cve_2024_51746() {
    let bench = Bench::new();
    let other = bench.sigstore.bundle_v1(
        &Signed::message(&bench.signer.key, b"another"),
        &bench.signer,
    );
    for first in [true, false] {
        let mut both = bench.v1();
        let entries = both["verificationMaterial"]["tlogEntries"]
            .as_array_mut()
            .unwrap();
        let stray = other["verificationMaterial"]["tlogEntries"][0].clone();
        entries.insert(if first { 0 } else { 1 }, stray);
        bench.refuses(&both, "log_entry_mismatch");
    }
}

#[test]
fn limits_are_counted_before_anything_is_parsed_cve_2024_45395() {
    let bench = Bench::new();
    let mut many = bench.v1();
    many["verificationMaterial"]["tlogEntries"] = vec![json!("not even an entry"); 33].into();
    // The first 32 are parsed, and are no entries.
    bench.refuses(&many, "bundle_malformed");
    let good = bench.v1()["verificationMaterial"]["tlogEntries"][0].clone();
    let mut entries = vec![good; 32];
    entries.push(json!("not even an entry"));
    many["verificationMaterial"]["tlogEntries"] = entries.into();
    bench.refuses(&many, "limit_exceeded");

    let mut stamps = bench.v2();
    let token = bench
        .sigstore
        .tsa
        .token(bench.message().signature(), SIGNED);
    (0..32).for_each(|_| add_timestamp(&mut stamps, &token));
    bench.refuses(&stamps, "limit_exceeded");

    let subject = |count: usize| {
        let digest = Digest::sha256(ARTIFACT).hex();
        let subjects = vec![json!({"name": "x", "digest": {"sha256": digest}}); count];
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects,
            "predicateType": "https://slsa.dev/provenance/v1", "predicate": {}});
        Signed::statement(&bench.signer.key, statement.to_string().as_bytes())
    };
    bench.passes(&bench.sigstore.bundle_v1(&subject(1024), &bench.signer));
    bench.refuses(
        &bench.sigstore.bundle_v1(&subject(1025), &bench.signer),
        "limit_exceeded",
    );
    let digests: serde_json::Map<_, _> = (0..33).map(|n| (format!("x{n}"), json!("00"))).collect();
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": digests}],
        "predicateType": "https://slsa.dev/provenance/v1"});
    let signed = Signed::statement(&bench.signer.key, statement.to_string().as_bytes());
    bench.refuses(
        &bench.sigstore.bundle_v1(&signed, &bench.signer),
        "limit_exceeded",
    );
}

#[test]
fn logs_count_once_each_cve_2026_49834_adv_14() {
    let two = Wants {
        logs: 2,
        timestamps: 0,
        scts: 1,
    };
    let bench = Bench::new().wanting(two);
    let mut twice = bench.v1();
    let entry = twice["verificationMaterial"]["tlogEntries"][0].clone();
    add_entry(&mut twice, entry);
    bench.refuses(&twice, "log_threshold_not_met");
    let mut both = bench.v1();
    let body = bench
        .message()
        .body_v2(&Verifier::Certificate(&bench.signer));
    add_entry(&mut both, bench.sigstore.rekor_v2.entry_v2(&body));
    assert_eq!(bench.passes(&both).logs.len(), 2);
    // The same operator's two logs are one witness (trusted root v0.2).
    let mut one_operator = bench;
    for log in 0..2 {
        one_operator.root["tlogs"][log]["operator"] = "acme.example".into();
    }
    one_operator.refuses(&both, "log_threshold_not_met");
}

#[test]
fn an_integrated_time_in_the_future_is_refused_tob_7() {
    let mut bench = Bench::new();
    bench.now = SIGNED.plus(-1);
    bench.refuses(&bench.v1(), "integrated_time_invalid");
    bench.now = SIGNED;
    bench.passes(&bench.v1());
}

#[test]
fn a_log_counts_within_its_validity_ends_included() {
    for (log, good) in [(0, Bench::v1 as fn(&Bench) -> Value), (1, Bench::v2)] {
        let mut bench = Bench::new();
        let code = ["integrated_time_invalid", "log_outside_validity"][log];
        for (start, end, passes) in [
            (SIGNED, SIGNED, true),
            (SIGNED.plus(1), END, false),
            (START, SIGNED.plus(-1), false),
        ] {
            bench.root["tlogs"][log]["publicKey"]["validFor"] = json!({"start": start, "end": end});
            match passes {
                true => drop(bench.passes(&good(&bench))),
                false => bench.refuses(&good(&bench), code),
            }
        }
    }
}

#[test]
fn cosigned_checkpoints_need_the_logs_own_signature_adv_20() {
    let bench = Bench::new();
    let witness = Log::new(Kind::Ed25519, "https://witness.example");
    let good = bench.v2();
    let text =
        good["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"]
            .as_str()
            .unwrap()
            .to_owned();
    let (body, own) = text.split_once("\n\n").unwrap();
    let body = format!("{body}\n");
    let cosignature = witness.note_signature("witness.example", &body);
    for (signatures, passes) in [
        (format!("{cosignature}{own}"), true),
        (format!("{own}{cosignature}"), true),
        (format!("{own}{}", cosignature.repeat(9)), true),
        (cosignature.clone(), false),
        (cosignature.repeat(65), false),
        (format!("{own}not a signature\n"), false),
    ] {
        let mut bundle = good.clone();
        *note(&mut bundle) = format!("{body}\n{signatures}").into();
        match passes {
            true => drop(bench.passes(&bundle)),
            false => bench.refuses(&bundle, "checkpoint_invalid"),
        }
    }
}

#[test]
fn an_integrated_time_without_its_promise_is_nobodys_word_adv_16() {
    let bench = Bench::new();
    let mut bundle = bench.v1();
    remove(entry(&mut bundle), "inclusionPromise");
    bench.refuses(&bundle, "no_verified_time");
    add_timestamp(
        &mut bundle,
        &bench
            .sigstore
            .tsa
            .token(bench.message().signature(), SIGNED.plus(5)),
    );
    let signer = bench.passes(&bundle);
    assert_eq!(signer.times.len(), 1);
    assert_eq!(signer.times[0].time, SIGNED.plus(5));
}

#[test]
fn a_tree_of_any_size_is_computed_without_overflow_tob_106() {
    let bench = Bench::new();
    let good = bench.v2();
    let proof = &good["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
    let root = STANDARD
        .decode(proof["rootHash"].as_str().unwrap())
        .unwrap();
    let log = &bench.sigstore.rekor_v2;
    for size in [0, 1, 2, u64::MAX - 1, u64::MAX] {
        let mut bundle = good.clone();
        *note(&mut bundle) = log.checkpoint(log.host(), size, &root).into();
        bench.refuses(&bundle, "inclusion_proof_invalid");
    }
}

/// Nothing signs the index of a Rekor v1 entry but its promise.
#[test]
fn only_an_index_that_is_proved_is_shown_rt_19() {
    let bench = Bench::new();
    let signer = bench.sigstore.signer();
    let signed = Signed::message(&signer.key, ARTIFACT);
    let mut bundle = bench.sigstore.bundle_v1(&signed, &signer);
    let position = bench.passes(&bundle).logs.remove(0);
    assert!(position.index.is_some() && position.shard_index.is_none());
    let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
    let proved = entry["inclusionProof"]["logIndex"]
        .as_str()
        .unwrap()
        .to_owned();
    entry
        .as_object_mut()
        .unwrap()
        .remove("inclusionPromise")
        .unwrap();
    entry
        .as_object_mut()
        .unwrap()
        .remove("integratedTime")
        .unwrap();
    entry["logIndex"] = "123456789".into();
    add_timestamp(
        &mut bundle,
        &bench.sigstore.tsa.token(signed.signature(), SIGNED),
    );
    let position = bench.passes(&bundle).logs.remove(0);
    assert_eq!(position.index, None);
    assert_eq!(position.shard_index, Some(proved));
}
