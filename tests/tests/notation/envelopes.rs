//! Envelopes: formats, algorithms, headers, payload.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealgate_core::Digest;
use sealgate_core::verdict::{CheckResult, SignerKind};
use sealgate_testkit::notation::envelope::{artifact_of, header, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Header, Key, Kind, NOW, Profile};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::scene::{
    IMAGE, SIGNER, Signer, accepted, check, image, judge, payload_for, payload_with, policy,
    refused, strict, trust, with_envelope,
};

fn text(value: &str) -> Header {
    Header::Text(value.to_owned())
}

/// Every change, in both formats, is refused for this reason.
#[track_caller]
fn refuses(code: &str, change: impl Fn(Envelope) -> Envelope) {
    let signer = Signer::new();
    for format in Format::ALL {
        let pack = signer.signed_with(format, &change);
        refused(&judge(&pack, &strict(), &signer.trust()), code);
    }
}

#[test]
fn every_algorithm_verifies_in_both_formats() {
    let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
    for kind in Kind::NOTARY {
        let leaf = root.issue_for(&Profile::signer(SIGNER), Arc::new(Key::generate(kind)));
        for format in Format::ALL {
            let pack = image();
            let envelope = Envelope::x509(format, &[&leaf, &root], payload_for(&pack));
            let pack = with_envelope(pack, format, &envelope.sign(&leaf.key));
            let verdict = judge(&pack, &strict(), &trust(&[("ca:acme", &[&root])]));
            accepted(&verdict);
            let signer = &verdict.signers[0];
            assert_eq!(signer.kind, SignerKind::Notation);
            assert_eq!(signer.authority, "prod/notation");
            assert_eq!(signer.fingerprint, Some(Digest::sha256(&leaf.der).hex()));
            assert_eq!(
                signer.x509_subject.as_deref(),
                Some("CN=release,O=acme,ST=WA,C=US")
            );
            let expected = match kind {
                Kind::P256 => "ecdsa-p256-sha256",
                Kind::P384 => "ecdsa-p384-sha384",
                Kind::P521 => "ecdsa-p521-sha512",
                Kind::Rsa2048 => "rsa-pss-sha256",
                Kind::Rsa3072 => "rsa-pss-sha384",
                Kind::Rsa4096 => "rsa-pss-sha512",
                Kind::Ed25519 => panic!("no kind of the Notary Project"),
            };
            assert_eq!(signer.scheme.as_str(), expected);
        }
    }
}

#[test]
fn chains_of_any_signature_algorithm_verify() {
    for kind in [Kind::P384, Kind::P521, Kind::Rsa2048] {
        let root = Certificate::self_signed_by(&Profile::authority("C=US, ST=WA, O=acme"), kind);
        let leaf = root.issue(&Profile::signer(SIGNER));
        let pack = image();
        let envelope = Envelope::x509(Format::Jws, &[&leaf, &root], payload_for(&pack));
        let pack = with_envelope(pack, Format::Jws, &envelope.sign(&leaf.key));
        accepted(&judge(&pack, &strict(), &trust(&[("ca:acme", &[&root])])));
    }
}

#[test]
fn both_artifact_layouts_are_read() {
    let signer = Signer::new();
    for legacy in [false, true] {
        let pack = image();
        let envelope = signer.envelope(Format::Jws, &pack).sign(&signer.leaf.key);
        let artifact = artifact_of(&pack.digest(), "application/jose+json", &envelope, legacy);
        accepted(&judge(&pack.with(artifact), &strict(), &signer.trust()));
    }
}

#[test]
fn an_envelope_of_an_unknown_type_is_malformed() {
    let signer = Signer::new();
    let pack = image();
    let envelope = signer.envelope(Format::Jws, &pack).sign(&signer.leaf.key);
    let artifact = artifact_of(&pack.digest(), "application/octet-stream", &envelope, false);
    refused(
        &judge(&pack.with(artifact), &strict(), &signer.trust()),
        "envelope_malformed",
    );
}

#[test]
fn what_is_no_envelope_is_malformed() {
    let signer = Signer::new();
    for format in Format::ALL {
        let good = signer.envelope(format, &image()).sign(&signer.leaf.key);
        let mut trailing = good.clone();
        trailing.push(b'!');
        for bytes in [
            &b""[..],
            b"{}",
            b"\xd2\x80",
            &good[..good.len() - 1],
            &trailing,
        ] {
            let pack = with_envelope(image(), format, bytes);
            refused(
                &judge(&pack, &strict(), &signer.trust()),
                "envelope_malformed",
            );
        }
    }
}

#[test]
fn jws_with_a_repeated_key_is_malformed() {
    let signer = Signer::new();
    let good = signer
        .envelope(Format::Jws, &image())
        .sign(&signer.leaf.key);
    let text = String::from_utf8(good)
        .unwrap()
        .replacen('{', "{\"payload\":\"e30\",", 1);
    let pack = with_envelope(image(), Format::Jws, text.as_bytes());
    refused(
        &judge(&pack, &strict(), &signer.trust()),
        "envelope_malformed",
    );
}

#[test]
fn cose_without_its_tag_is_malformed() {
    let signer = Signer::new();
    let good = signer
        .envelope(Format::Cose, &image())
        .sign(&signer.leaf.key);
    assert_eq!(good[0], 0xd2);
    let pack = with_envelope(image(), Format::Cose, &good[1..]);
    refused(
        &judge(&pack, &strict(), &signer.trust()),
        "envelope_malformed",
    );
}

#[test]
fn an_altered_signature_payload_or_header_is_refused() {
    let signer = Signer::new();
    for format in Format::ALL {
        let pack = image();
        let envelope = signer.envelope(format, &pack);
        let key = &signer.leaf.key;
        let signature = envelope.signature(key);
        let mut flipped = signature.clone();
        flipped[10] ^= 1;
        let other_payload = payload_with(&pack, &json!({"a": "b"}));
        let altered = [
            envelope.encode(key, &flipped),
            envelope.encode(key, &[]),
            envelope.encode(key, &signature[..63]),
            envelope
                .clone()
                .with(|e| e.payload = other_payload)
                .encode(key, &signature),
            envelope.clone().expiring(NOW + 9).encode(key, &signature),
        ];
        for bytes in altered {
            let pack = with_envelope(image(), format, &bytes);
            let verdict = judge(&pack, &strict(), &signer.trust());
            refused(&verdict, "envelope_signature_invalid");
            assert_eq!(check(&verdict, "integrity").result, CheckResult::Failed);
        }
    }
}

#[test]
fn another_key_than_the_leafs_is_refused() {
    let signer = Signer::new();
    for format in Format::ALL {
        let envelope = signer.envelope(format, &image()).sign(Key::shared());
        let pack = with_envelope(image(), format, &envelope);
        refused(
            &judge(&pack, &strict(), &signer.trust()),
            "envelope_signature_invalid",
        );
    }
}

#[test]
fn the_algorithm_must_be_the_one_of_the_key_atk_18() {
    for algorithm in [("ES384", -35), ("PS256", -37)] {
        refuses("algorithm_unsupported", |e| {
            e.with(|e| e.algorithm = Some(algorithm))
        });
    }
}

#[test]
fn algorithms_outside_the_specification_are_refused() {
    for algorithm in [("RS256", -257), ("EdDSA", -8), ("HS256", 5)] {
        refuses("algorithm_unsupported", |e| {
            e.with(|e| e.algorithm = Some(algorithm))
        });
    }
    let signer = Signer::new();
    let unsigned = |e: Envelope| e.with(|e| e.algorithm = Some(("none", 0)));
    let pack = signer.signed_with(Format::Jws, unsigned);
    refused(
        &judge(&pack, &strict(), &signer.trust()),
        "algorithm_unsupported",
    );
}

#[test]
fn the_content_type_must_be_the_projects() {
    refuses("header_invalid", |e| e.with(|e| e.content_type = None));
    refuses("header_invalid", |e| {
        e.with(|e| e.content_type = Some("application/json".to_owned()))
    });
}

#[test]
fn the_signing_scheme_must_be_there_known_and_critical() {
    let scheme = header("signingScheme");
    refuses("header_invalid", |e| e.without(&scheme));
    refuses("header_invalid", |e| {
        e.and(&scheme, text("notary.x509.other"), false)
    });
    refuses("header_invalid", |e| {
        e.and(&scheme, Header::Number(1), false)
    });
    refuses("header_invalid", |e| {
        e.with(|e| e.critical.clear()).expiring(NOW + 60)
    });
}

#[test]
fn critical_headers_must_be_there_and_be_listed_once() {
    refuses("header_invalid", |e| {
        e.with(|e| e.critical.push("com.example.absent".to_owned()))
    });
    refuses("header_invalid", |e| {
        e.with(|e| e.critical.push(header("signingScheme")))
    });
    refuses("header_invalid", |e| {
        e.with(|e| e.critical.push("alg".to_owned()))
    });
    refuses("header_invalid", |e| {
        e.with(|e| e.critical.push("cty".to_owned()))
    });
}

#[test]
fn the_claimed_signing_time_must_be_there() {
    refuses("header_invalid", |e| e.without(&header("signingTime")));
    refuses("header_invalid", |e| {
        e.and(&header("signingTime"), text("yesterday"), false)
    });
    refuses("header_invalid", |e| {
        e.and(&header("signingTime"), Header::Number(NOW), false)
    });
}

#[test]
fn each_scheme_has_its_own_time_and_not_the_others() {
    refuses("header_invalid", |e| {
        e.and(
            &header("authenticSigningTime"),
            Header::Time(NOW - 60),
            true,
        )
    });
    let signer = Signer::new();
    for format in Format::ALL {
        for broken in [
            |e: Envelope| e.without(&header("authenticSigningTime")),
            |e: Envelope| e.and(&header("signingTime"), Header::Time(NOW - 60), false),
            |e: Envelope| e.with(|e| e.critical.truncate(1)),
        ] {
            let pack = image();
            let envelope =
                Envelope::signing_authority(format, &signer.chain(), payload_for(&pack), NOW - 60);
            let pack = with_envelope(pack, format, &broken(envelope).sign(&signer.leaf.key));
            refused(&judge(&pack, &strict(), &signer.trust()), "header_invalid");
        }
    }
}

#[test]
fn an_expiry_must_be_critical_and_after_the_signing_time() {
    let expiry = header("expiry");
    refuses("header_invalid", |e| {
        e.and(&expiry, Header::Time(NOW + 60), false)
    });
    refuses("header_invalid", |e| e.and(&expiry, text("tomorrow"), true));
    refuses("header_invalid", |e| {
        e.and(&expiry, Header::Number(NOW + 60), true)
    });
    refuses("header_invalid", |e| e.expiring(NOW - 3600));
    refuses("header_invalid", |e| e.expiring(NOW - 3601));
}

#[test]
fn unknown_critical_attributes_are_refused_and_others_ignored() {
    refuses("critical_attribute_unknown", |e| {
        e.and("com.example.build", text("7"), true)
    });
    let signer = Signer::new();
    for format in Format::ALL {
        let pack = signer.signed_with(format, |e| {
            e.and("com.example.build", Header::Number(7), false)
        });
        accepted(&judge(&pack, &strict(), &signer.trust()));
    }
}

#[test]
fn a_verification_plugin_is_named_and_fails_closed_at_every_level() {
    let signer = Signer::new();
    for format in Format::ALL {
        for level in ["strict", "permissive", "audit"] {
            let pack = signer.signed_with(format, |e| {
                e.and(
                    &header("verificationPlugin"),
                    text("com.example.plugin"),
                    true,
                )
                .and(&header("verificationPluginMinVersion"), text("1.0.0"), true)
                .and("com.example.attribute", text("for the plugin"), true)
            });
            let policy = policy(&[("signatureVerification", json!({"level": level}))]);
            let verdict = judge(&pack, &policy, &signer.trust());
            refused(&verdict, "plugin_unsupported");
            assert!(verdict.reasons[0].message.contains("com.example.plugin"));
        }
    }
    refuses("header_invalid", |e| {
        e.and(&header("verificationPlugin"), text("x"), false)
    });
    refuses("header_invalid", |e| {
        e.and(&header("verificationPlugin"), text(" "), true)
    });
    refuses("header_invalid", |e| {
        e.and(&header("verificationPlugin"), Header::Number(1), true)
    });
}

#[test]
fn the_chain_may_be_protected_if_it_is_not_unprotected() {
    let signer = Signer::new();
    for format in Format::ALL {
        let pack = signer.signed_with(format, |e| e.with(|e| e.protected_chain = true));
        accepted(&judge(&pack, &strict(), &signer.trust()));
    }
}

#[test]
fn a_missing_chain_is_refused() {
    refuses("certificate_chain_invalid", |e| e.with(|e| e.chain.clear()));
}

#[test]
fn a_certificate_that_is_none_is_malformed() {
    refuses("certificate_malformed", |e| {
        e.with(|e| e.chain[1] = b"none".to_vec())
    });
    refuses("certificate_malformed", |e| e.with(|e| e.chain[0].push(0)));
    refuses("certificate_malformed", |e| {
        e.with(|e| e.chain[0] = vec![0x30; 100_000])
    });
}

#[test]
fn the_payload_must_name_the_image_by_type_digest_and_size() {
    let subject = image().evidence().subject.clone();
    let (kind, digest, size) = (
        &subject.media_type,
        subject.digest(),
        subject.manifest.bytes().len(),
    );
    let other = Digest::sha256(b"another image");
    for wrong in [
        payload(kind, &other, size, &json!({})),
        payload(kind, &digest, size + 1, &json!({})),
        payload(
            "application/vnd.oci.image.index.v1+json",
            &digest,
            size,
            &json!({}),
        ),
    ] {
        refuses("subject_mismatch", |e| {
            e.with(|e| e.payload = wrong.clone())
        });
    }
}

#[test]
fn a_payload_that_is_none_is_malformed() {
    for wrong in [
        &b""[..],
        b"{}",
        b"not json",
        br#"{"targetArtifact": {"mediaType": "a", "digest": "sha256:0", "size": 1}}"#,
        br#"{"targetArtifact": {"mediaType": "a", "size": 1}}"#,
        br#"{"targetArtifact": {}, "targetArtifact": {}}"#,
    ] {
        refuses("payload_malformed", |e| {
            e.with(|e| e.payload = wrong.to_vec())
        });
    }
}

/// RFC 8949 section 3.4.2: seconds since the epoch have the tag 1.
#[test]
fn a_time_of_cose_is_a_tagged_number_and_what_it_is_instead_is_said() {
    let signer = Signer::new();
    for (expiry, said) in [
        (
            Header::Number(NOW + 60),
            "a number without the tag 1 of times",
        ),
        (Header::Tagged(0, NOW + 60), "a value tagged 0"),
        (Header::Tagged(100, 7), "a value tagged 100"),
    ] {
        let pack = signer.signed_with(Format::Cose, |e| e.and(&header("expiry"), expiry, true));
        let verdict = judge(&pack, &strict(), &signer.trust());
        refused(&verdict, "header_invalid");
        let message = &verdict.reasons[0].message;
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn user_metadata_is_shown_and_demanded() {
    let signer = Signer::new();
    let metadata = json!({"build": "7", "team": "a"});
    let pack = image();
    let payload = payload_with(&pack, &metadata);
    let envelope = signer
        .envelope(Format::Cose, &pack)
        .with(|e| e.payload = payload);
    let pack = with_envelope(pack, Format::Cose, &envelope.sign(&signer.leaf.key));
    let verdict = judge(&pack, &strict(), &signer.trust());
    accepted(&verdict);
    assert_eq!(json!(verdict.signers[0].annotations), metadata);
    for (demanded, fits) in [
        ("{build: \"7\"}", true),
        ("{build: \"8\"}", false),
        ("{c: d}", false),
    ] {
        let text = format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: p}}\nspec:\n  \
             images: [{{glob: '**'}}]\n  authorities:\n  - name: notary\n    notation: \
             {{trustStores: ['ca:acme'], trustedIdentities: ['*']}}\n    annotations: {demanded}\n"
        );
        let policies = crate::scene::load_text(text).unwrap();
        let verdict = judge(&pack, &policies, &signer.trust());
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "annotation_mismatch"),
        }
    }
}

#[test]
fn a_sha_512_digest_of_the_same_manifest_names_the_image() {
    let signer = Signer::new();
    let pack = image();
    let bytes = pack.evidence().subject.manifest.bytes().to_vec();
    let digest = Digest::of(sealgate_core::digest::Algorithm::Sha512, &bytes);
    let media_type = pack.evidence().subject.media_type.clone();
    let payload = payload(&media_type, &digest, bytes.len(), &json!({}));
    let envelope = signer
        .envelope(Format::Jws, &pack)
        .with(|e| e.payload = payload);
    let pack = with_envelope(pack, Format::Jws, &envelope.sign(&signer.leaf.key));
    accepted(&judge(&pack, &strict(), &signer.trust()));
}

#[test]
fn one_good_signature_suffices_among_bad_ones() {
    let signer = Signer::new();
    let stranger = Signer::new();
    let pack = image();
    let bad = stranger
        .envelope(Format::Jws, &pack)
        .sign(&stranger.leaf.key);
    let good = signer.envelope(Format::Cose, &pack).sign(&signer.leaf.key);
    let pack = with_envelope(pack, Format::Jws, &bad);
    let pack = with_envelope(pack, Format::Jws, b"garbage");
    let pack = with_envelope(pack, Format::Cose, &good);
    let verdict = judge(&pack, &strict(), &signer.trust());
    assert!(verdict.verified, "{:?}", verdict.reasons);
    assert_eq!(verdict.signers.len(), 1);
    assert_eq!(verdict.image.requested, IMAGE);
}

/// The flattened serialization with one signature is the only one; nothing is unpacked, decrypted
/// or left out of the encoding.
#[test]
fn jws_has_one_signature_and_no_second_form_adv_65() {
    let signer = Signer::new();
    let good = signer
        .envelope(Format::Jws, &image())
        .sign(&signer.leaf.key);
    let good: Value = serde_json::from_slice(&good).unwrap();
    let judged = |envelope: &[u8]| {
        let pack = with_envelope(image(), Format::Jws, envelope);
        judge(&pack, &strict(), &signer.trust())
    };
    accepted(&judged(good.to_string().as_bytes()));
    let one = json!({
        "protected": good["protected"], "header": good["header"], "signature": good["signature"],
    });
    let general =
        |signatures: &[&Value]| json!({"payload": good["payload"], "signatures": signatures});
    let compact = ["protected", "payload", "signature"].map(|part| good[part].as_str().unwrap());
    let mut encrypted = good.clone();
    for part in ["ciphertext", "iv", "tag", "encrypted_key"] {
        encrypted[part] = "AAAA".into();
    }
    encrypted.as_object_mut().unwrap().remove("payload");
    let mut unencoded = good.clone();
    let payload = URL_SAFE_NO_PAD.decode(compact[1]).unwrap();
    unencoded["payload"] = String::from_utf8(payload).unwrap().into();
    let mut detached = good.clone();
    detached.as_object_mut().unwrap().remove("payload");
    for other in [
        general(&[&one]).to_string(),
        general(&[&one, &one]).to_string(),
        general(&[]).to_string(),
        compact.join("."),
        format!("{:?}", compact.join(".")),
        encrypted.to_string(),
        unencoded.to_string(),
        detached.to_string(),
        json!([good]).to_string(),
    ] {
        refused(&judged(other.as_bytes()), "envelope_malformed");
    }
    // A second signature beside the one that is read is not read.
    let mut both = good.clone();
    both["signatures"] = json!([one]);
    both["signature"] = "AAAA".into();
    let verdict = judged(both.to_string().as_bytes());
    assert!(!verdict.verified, "the list of signatures counted");
    for (name, value) in [("b64", "false"), ("zip", "DEF"), ("enc", "A256GCM")] {
        let pack = signer.signed_with(Format::Jws, |e| e.and(name, text(value), true));
        refused(
            &judge(&pack, &strict(), &signer.trust()),
            "critical_attribute_unknown",
        );
    }
    // Uncritical, they change nothing: what was sent is what was signed, and is read as it is.
    let packed = signer.signed_with(Format::Jws, |e| {
        let zipped = e.and("zip", text("DEF"), false);
        zipped.with(|e| e.payload = b"\xab\x56\x4a\x04\x00".to_vec())
    });
    refused(
        &judge(&packed, &strict(), &signer.trust()),
        "payload_malformed",
    );
}
