//! Good bundles changed in one place: each change is refused for its own reason, as a file's
//! and as an image's, natively and in wasm.

use std::collections::BTreeMap;

use sealgate_tests::parity::Question;
use sealgate_tests::vectors::{ConformanceCase, NAME};

use crate::prelude::*;

#[test]
fn what_is_changed_is_good_before() {
    let bench = Bench::new();
    for good in [
        bench.v1(),
        bench.v2(),
        bench.dsse(),
        bench.dsse_v2(),
        bench.intoto(),
    ] {
        assert_eq!(judge_image(&bench, &good, &good), Ok(()));
        let signer = bench.passes(&good);
        assert_eq!(signer.issuer.as_deref(), Some(ISSUER));
        assert_eq!(signer.subject.as_deref(), Some(SUBJECT));
        assert_eq!(signer.subject_type, Some(SubjectType::Uri));
        assert_eq!(signer.claims["buildSignerURI"], SUBJECT);
        assert_eq!(signer.claims["githubWorkflowTrigger"], "push");
        assert_eq!(signer.times[0].time, SIGNED);
        assert_eq!(signer.logs.len(), 1);
    }
    assert_eq!(
        bench.v1(),
        Bench::new().v1(),
        "what is made is the same in every run"
    );
}

type Change = (&'static str, fn(&mut Value), &'static str);

/// Changes to a message signature in a bundle v0.3 with an entry of Rekor v1.
const TO_V1: &[Change] = &[
    (
        "no media type",
        |b| remove(b, "mediaType"),
        "bundle_malformed",
    ),
    (
        "media type of a version to come",
        |b| b["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json".into(),
        "form_unsupported",
    ),
    (
        "unknown field",
        |b| b["extra"] = 1.into(),
        "bundle_malformed",
    ),
    (
        "unknown field in the material",
        |b| b["verificationMaterial"]["extra"] = 1.into(),
        "bundle_malformed",
    ),
    (
        "unknown field in an entry",
        |b| entry(b)["extra"] = 1.into(),
        "bundle_malformed",
    ),
    (
        "no material",
        |b| remove(b, "verificationMaterial"),
        "bundle_malformed",
    ),
    (
        "no certificate",
        |b| remove(&mut b["verificationMaterial"], "certificate"),
        "bundle_malformed",
    ),
    (
        "certificate and key",
        |b| b["verificationMaterial"]["publicKey"] = json!({"hint": ""}),
        "bundle_malformed",
    ),
    (
        "certificate chain in v0.3",
        |b| {
            let certificate = b["verificationMaterial"]["certificate"].take();
            b["verificationMaterial"]["x509CertificateChain"] =
                json!({"certificates": [certificate]});
        },
        "form_unsupported",
    ),
    (
        "certificate is not DER",
        |b| b["verificationMaterial"]["certificate"]["rawBytes"] = "AAAA".into(),
        "certificate_malformed",
    ),
    (
        "certificate altered",
        |b| flip(&mut b["verificationMaterial"]["certificate"]["rawBytes"]),
        "certificate_untrusted",
    ),
    (
        "no content",
        |b| remove(b, "messageSignature"),
        "bundle_malformed",
    ),
    (
        "two contents",
        |b| {
            b["dsseEnvelope"] =
                json!({"payload": "", "payloadType": "t", "signatures": [{"sig": "AA=="}]})
        },
        "bundle_malformed",
    ),
    (
        "signature empty",
        |b| b["messageSignature"]["signature"] = "".into(),
        "bundle_malformed",
    ),
    (
        "signature altered",
        |b| flip(&mut b["messageSignature"]["signature"]),
        "signature_invalid",
    ),
    (
        "digest of the wrong length",
        |b| b["messageSignature"]["messageDigest"]["digest"] = "AAAA".into(),
        "bundle_malformed",
    ),
    (
        "digest of SHA-1",
        |b| b["messageSignature"]["messageDigest"]["algorithm"] = "SHA1".into(),
        "algorithm_unsupported",
    ),
    (
        "digest of another artifact",
        |b| flip(&mut b["messageSignature"]["messageDigest"]["digest"]),
        "message_digest_mismatch",
    ),
    (
        "no log entry",
        |b| b["verificationMaterial"]["tlogEntries"] = json!([]),
        "log_threshold_not_met",
    ),
    (
        "entry without a log",
        |b| remove(entry(b), "logId"),
        "log_entry_malformed",
    ),
    (
        "entry of an unknown log",
        |b| flip(&mut entry(b)["logId"]["keyId"]),
        "log_unknown",
    ),
    (
        "entry without a kind",
        |b| remove(entry(b), "kindVersion"),
        "log_entry_malformed",
    ),
    (
        "entry of another kind than it says",
        |b| entry(b)["kindVersion"]["kind"] = "dsse".into(),
        "log_entry_malformed",
    ),
    (
        "entry of another version than it says",
        |b| entry(b)["kindVersion"]["version"] = "0.0.2".into(),
        "log_entry_malformed",
    ),
    (
        "entry of an unknown kind",
        |b| {
            entry(b)["kindVersion"]["kind"] = "rpm".into();
            rewrite(entry(b), |body| body["kind"] = "rpm".into());
        },
        "form_unsupported",
    ),
    (
        "entry without a body",
        |b| remove(entry(b), "canonicalizedBody"),
        "log_entry_malformed",
    ),
    (
        "entry's body is not JSON",
        |b| entry(b)["canonicalizedBody"] = "AAAA".into(),
        "log_entry_malformed",
    ),
    (
        "entry's body with a repeated key",
        |b| {
            let body = STANDARD
                .decode(entry(b)["canonicalizedBody"].as_str().unwrap())
                .unwrap();
            let body = String::from_utf8(body)
                .unwrap()
                .replacen('{', "{\"kind\":\"dsse\",", 1);
            entry(b)["canonicalizedBody"] = STANDARD.encode(body).into();
        },
        "log_entry_malformed",
    ),
    (
        "entry for another signature",
        |b| {
            rewrite(entry(b), |body| {
                flip(&mut body["spec"]["signature"]["content"])
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry for another artifact",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["data"]["hash"]["value"] = "00".repeat(32).into()
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry of an unknown hash",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["data"]["hash"]["algorithm"] = "md5".into()
            })
        },
        "log_entry_malformed",
    ),
    (
        "entry for another key",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["signature"]["publicKey"]["content"] = STANDARD
                    .encode(Key::new(Kind::P256, "another").public_pem())
                    .into();
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry with more than was logged",
        |b| rewrite(entry(b), |body| body["spec"]["more"] = 1.into()),
        "inclusion_proof_invalid",
    ),
    (
        "entry with a negative index",
        |b| entry(b)["logIndex"] = "-1".into(),
        "log_entry_malformed",
    ),
    (
        "entry moved in the log",
        |b| entry(b)["logIndex"] = "4712".into(),
        "set_invalid",
    ),
    (
        "integrated at another time",
        |b| entry(b)["integratedTime"] = (SIGNED.seconds() + 1).to_string().into(),
        "set_invalid",
    ),
    (
        "integrated at no time",
        |b| remove(entry(b), "integratedTime"),
        "set_invalid",
    ),
    (
        "promise altered",
        |b| flip(&mut entry(b)["inclusionPromise"]["signedEntryTimestamp"]),
        "set_invalid",
    ),
    (
        "no proof",
        |b| remove(entry(b), "inclusionProof"),
        "inclusion_missing",
    ),
    (
        "neither promise nor proof",
        |b| {
            remove(entry(b), "inclusionProof");
            remove(entry(b), "inclusionPromise");
        },
        "inclusion_missing",
    ),
    (
        "proof at another index",
        |b| entry(b)["inclusionProof"]["logIndex"] = "3".into(),
        "inclusion_proof_invalid",
    ),
    (
        "proof at a negative index",
        |b| entry(b)["inclusionProof"]["logIndex"] = "-3".into(),
        "inclusion_proof_invalid",
    ),
    (
        "proof beyond the tree",
        |b| entry(b)["inclusionProof"]["logIndex"] = "5".into(),
        "inclusion_proof_invalid",
    ),
    (
        "proof in a tree of 2^63 - 1 entries",
        |b| entry(b)["inclusionProof"]["treeSize"] = "9223372036854775807".into(),
        "checkpoint_invalid",
    ),
    (
        "proof for another root",
        |b| flip(&mut entry(b)["inclusionProof"]["rootHash"]),
        "checkpoint_invalid",
    ),
    (
        "proof with an altered hash",
        |b| flip(&mut entry(b)["inclusionProof"]["hashes"][0]),
        "inclusion_proof_invalid",
    ),
    (
        "proof with a hash too few",
        |b| {
            entry(b)["inclusionProof"]["hashes"]
                .as_array_mut()
                .unwrap()
                .pop();
        },
        "inclusion_proof_invalid",
    ),
    (
        "proof with a short hash",
        |b| entry(b)["inclusionProof"]["hashes"][0] = "AAAA".into(),
        "inclusion_proof_invalid",
    ),
    (
        "proof of 65 hashes",
        |b| entry(b)["inclusionProof"]["hashes"] = vec![STANDARD.encode([0; 32]); 65].into(),
        "limit_exceeded",
    ),
    (
        "no checkpoint",
        |b| remove(&mut entry(b)["inclusionProof"], "checkpoint"),
        "checkpoint_invalid",
    ),
    (
        "checkpoint without signatures",
        |b| {
            let text = note(b)
                .as_str()
                .unwrap()
                .split("\n\n")
                .next()
                .unwrap()
                .to_owned();
            *note(b) = format!("{text}\n\n").into();
        },
        "checkpoint_invalid",
    ),
    (
        "checkpoint altered",
        |b| {
            *note(b) = note(b)
                .as_str()
                .unwrap()
                .replacen("- 1193", "- 1194", 1)
                .into()
        },
        "checkpoint_invalid",
    ),
    (
        "checkpoint of another size",
        |b| {
            *note(b) = note(b)
                .as_str()
                .unwrap()
                .replacen("\n5\n", "\n6\n", 1)
                .into()
        },
        "checkpoint_invalid",
    ),
    (
        "checkpoint's size with a leading zero",
        |b| {
            *note(b) = note(b)
                .as_str()
                .unwrap()
                .replacen("\n5\n", "\n05\n", 1)
                .into()
        },
        "checkpoint_invalid",
    ),
    (
        "checkpoint signed by somebody else alone",
        |b| {
            let stranger = Log::new(Kind::P256, "https://stranger.example");
            let text = note(b)
                .as_str()
                .unwrap()
                .split("\n\n")
                .next()
                .unwrap()
                .to_owned()
                + "\n";
            *note(b) = format!(
                "{text}\n{}",
                stranger.note_signature("rekor.private.example", &text)
            )
            .into();
        },
        "checkpoint_invalid",
    ),
];

#[test]
fn each_change_to_a_message_signature_is_refused_for_its_reason_adv_17_adv_19_adv_32() {
    let bench = Bench::new();
    refuse_all(&bench, TO_V1, &bench.v1());
}

/// Changes to a message signature with an entry of Rekor v2 and a timestamp.
const TO_V2: &[Change] = &[
    (
        "no timestamp",
        |b| remove(&mut b["verificationMaterial"], "timestampVerificationData"),
        "no_verified_time",
    ),
    (
        "timestamp is not DER",
        |b| {
            b["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] =
                "AAAA".into()
        },
        "timestamp_invalid",
    ),
    (
        "timestamp altered",
        |b| {
            flip(
                &mut b["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]
                    ["signedTimestamp"],
            )
        },
        "timestamp_invalid",
    ),
    (
        "an integrated time, which nobody signed",
        |b| {
            remove(&mut b["verificationMaterial"], "timestampVerificationData");
            entry(b)["integratedTime"] = SIGNED.seconds().to_string().into();
        },
        "no_verified_time",
    ),
    (
        "entry at another index",
        |b| entry(b)["logIndex"] = "3".into(),
        "inclusion_proof_invalid",
    ),
    (
        "entry with more than was signed",
        |b| rewrite(entry(b), |body| body["spec"]["more"] = 1.into()),
        "log_entry_malformed",
    ),
    (
        "entry for another certificate",
        |b| {
            rewrite(entry(b), |body| {
                flip(
                    &mut body["spec"]["hashedRekordV002"]["signature"]["verifier"]["x509Certificate"]
                        ["rawBytes"],
                );
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry for another kind of key",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] =
                    "PKIX_ED25519".into();
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry for another digest",
        |b| {
            rewrite(entry(b), |body| {
                flip(&mut body["spec"]["hashedRekordV002"]["data"]["digest"])
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry not canonical",
        |b| {
            let body = STANDARD
                .decode(entry(b)["canonicalizedBody"].as_str().unwrap())
                .unwrap();
            let body = String::from_utf8(body).unwrap().replacen(',', ", ", 1);
            entry(b)["canonicalizedBody"] = STANDARD.encode(body).into();
        },
        "log_entry_mismatch",
    ),
    (
        "no proof",
        |b| remove(entry(b), "inclusionProof"),
        "inclusion_missing",
    ),
    (
        "no proof, relabelled as v0.1",
        |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
            remove(entry(b), "inclusionProof");
        },
        "inclusion_missing",
    ),
    (
        "checkpoint of another origin",
        |b| {
            *note(b) = note(b)
                .as_str()
                .unwrap()
                .replacen("log2025.", "log2026.", 1)
                .into()
        },
        "checkpoint_invalid",
    ),
    (
        "checkpoint signed in another name",
        |b| {
            *note(b) = note(b)
                .as_str()
                .unwrap()
                .replacen("\u{2014} log2025.", "\u{2014} log2026.", 1)
                .into()
        },
        "checkpoint_invalid",
    ),
];

#[test]
fn each_change_to_a_rekor_v2_bundle_is_refused_for_its_reason() {
    let bench = Bench::new();
    refuse_all(&bench, TO_V2, &bench.v2());
}

/// Changes to a DSSE envelope with an entry of Rekor v1.
const TO_DSSE: &[Change] = &[
    (
        "no signature",
        |b| b["dsseEnvelope"]["signatures"] = json!([]),
        "envelope_malformed",
    ),
    (
        "two signatures",
        |b| {
            let one = b["dsseEnvelope"]["signatures"][0].clone();
            b["dsseEnvelope"]["signatures"]
                .as_array_mut()
                .unwrap()
                .push(one);
        },
        "form_unsupported",
    ),
    (
        "signature altered",
        |b| flip(&mut b["dsseEnvelope"]["signatures"][0]["sig"]),
        "signature_invalid",
    ),
    (
        "payload altered",
        |b| flip(&mut b["dsseEnvelope"]["payload"]),
        "signature_invalid",
    ),
    (
        "payload type altered",
        |b| b["dsseEnvelope"]["payloadType"] = "text/plain".into(),
        "signature_invalid",
    ),
    (
        "entry for another payload",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["payloadHash"]["value"] = "00".repeat(32).into()
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry for another signature",
        |b| {
            rewrite(entry(b), |body| {
                flip(&mut body["spec"]["signatures"][0]["signature"])
            })
        },
        "log_entry_mismatch",
    ),
    (
        "entry with two signatures",
        |b| {
            rewrite(entry(b), |body| {
                let one = body["spec"]["signatures"][0].clone();
                body["spec"]["signatures"].as_array_mut().unwrap().push(one);
            })
        },
        "log_entry_malformed",
    ),
    (
        "entry for another key",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["signatures"][0]["verifier"] = STANDARD
                    .encode(Key::new(Kind::P256, "another").public_pem())
                    .into();
            })
        },
        "log_entry_mismatch",
    ),
];

#[test]
fn each_change_to_an_attestation_is_refused_for_its_reason_adv_19_adv_32() {
    let bench = Bench::new();
    refuse_all(&bench, TO_DSSE, &bench.dsse());
}

/// Every field of a canonical intoto entry binds.
const TO_INTOTO: &[Change] = &[
    (
        "payload hash",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["content"]["payloadHash"]["value"] = "00".repeat(32).into()
            })
        },
        "log_entry_mismatch",
    ),
    (
        "payload type",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["content"]["envelope"]["payloadType"] = "text/plain".into()
            })
        },
        "log_entry_mismatch",
    ),
    (
        "signature",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["content"]["envelope"]["signatures"][0]["sig"] =
                    STANDARD.encode(STANDARD.encode("bad")).into()
            })
        },
        "log_entry_mismatch",
    ),
    (
        "signature that is not base64",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["content"]["envelope"]["signatures"][0]["sig"] = "YmFk".into()
            })
        },
        "log_entry_mismatch",
    ),
    (
        "certificate",
        |b| {
            rewrite(entry(b), |body| {
                body["spec"]["content"]["envelope"]["signatures"][0]["publicKey"] = STANDARD
                    .encode(Key::new(Kind::P256, "another").public_pem())
                    .into();
            })
        },
        "log_entry_mismatch",
    ),
    (
        "two signatures",
        |b| {
            rewrite(entry(b), |body| {
                let one = body["spec"]["content"]["envelope"]["signatures"][0].clone();
                body["spec"]["content"]["envelope"]["signatures"]
                    .as_array_mut()
                    .unwrap()
                    .push(one);
            })
        },
        "log_entry_malformed",
    ),
];

#[test]
fn every_field_of_an_intoto_entry_is_bound_tob_12() {
    let bench = Bench::new();
    refuse_all(&bench, TO_INTOTO, &bench.intoto());
}

#[test]
fn there_are_at_least_sixty_changes() {
    assert!(TO_V1.len() + TO_V2.len() + TO_DSSE.len() + TO_INTOTO.len() >= 60);
}

#[test]
fn json_that_two_readers_could_read_differently_is_refused_atk_16() {
    let bench = Bench::new();
    let good = bench.v1().to_string();
    let twice = good.replacen('{', "{\"mediaType\":\"x\",", 1);
    for bad in [
        twice,
        format!("{good} x"),
        good[..good.len() - 1].to_owned(),
        String::new(),
    ] {
        assert_eq!(
            bench.judge_bytes(bad.as_bytes()).unwrap_err(),
            "bundle_malformed"
        );
    }
}

/// Every fourth character of a bundle, a bit of each: nothing in a bundle is beyond what was
/// signed or is otherwise compared, but for the frame of a timestamp, which CMS leaves open,
/// and what Rekor v2's inclusion proofs repeat for nobody.
#[test]
fn no_single_changed_character_passes() {
    let bench = Bench::new();
    let mut v2 = bench.v2();
    for field in ["logIndex", "rootHash", "treeSize"] {
        remove(&mut entry(&mut v2)["inclusionProof"], field);
    }
    for good in [bench.v1(), v2, bench.dsse()] {
        let good = good.to_string();
        let token = good
            .find("signedTimestamp")
            .map(|start| start..start + 1000);
        let token = token.unwrap_or_default();
        for at in (0..good.len()).step_by(4).filter(|at| !token.contains(at)) {
            let mut changed = good.clone().into_bytes();
            changed[at] ^= 1 << (at / 4 % 7);
            let around = at.saturating_sub(40)..(at + 40).min(good.len());
            let shown = String::from_utf8_lossy(&changed[around]).into_owned();
            assert!(bench.judge_bytes(&changed).is_err(), "{shown}");
        }
    }
}

/// Every good bundle, and every change to one, by name.
pub(crate) fn all(bench: &Bench) -> Vec<(String, Value)> {
    let tables = [
        ("v1", TO_V1, bench.v1()),
        ("v2", TO_V2, bench.v2()),
        ("dsse", TO_DSSE, bench.dsse()),
        ("intoto", TO_INTOTO, bench.intoto()),
        ("dsse v2", &[], bench.dsse_v2()),
    ];
    let mut all = Vec::new();
    for (kind, changes, good) in tables {
        for (name, change, _) in changes {
            let mut bundle = good.clone();
            change(&mut bundle);
            all.push((format!("{kind}: {name}"), bundle));
        }
        all.push((format!("{kind}: good"), good));
    }
    all
}

#[track_caller]
fn refuse_all(bench: &Bench, changes: &[Change], good: &Value) {
    let mut wrong = Vec::new();
    for (name, change, code) in changes {
        let mut bundle = good.clone();
        change(&mut bundle);
        let judged = [
            (
                "a file",
                bench.judge_bytes(bundle.to_string().as_bytes()).map(|_| ()),
            ),
            ("an image", judge_image(bench, good, &bundle)),
        ];
        for (what, found) in judged {
            if found != Err((*code).to_owned()) {
                wrong.push(format!("{name}, {what}: expected {code}, found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Judges a bundle beside an image whose manifest is the artifact, by the policy that `good` meets:
/// natively and in wasm, and the verdicts must be equal to the byte.
fn judge_image(bench: &Bench, good: &Value, bundle: &Value) -> Result<(), String> {
    let case = |bundle: &Value| ConformanceCase {
        name: "mutation".to_owned(),
        bundle: bundle.to_string().into_bytes(),
        artifact: ARTIFACT.to_vec(),
        trusted_root: None,
        key: None,
        identity: SUBJECT.to_owned(),
        issuer: ISSUER.to_owned(),
    };
    let question = Question {
        evidence: case(bundle).evidence(),
        policies: vec![case(good).policy().to_string()],
        trust_roots: BTreeMap::from([(NAME.to_owned(), bench.root.clone())]),
        trust_stores: BTreeMap::new(),
        now: bench.now,
    };
    let response = question.judge();
    let verdict = &response["verdict"];
    match verdict["verified"] == true {
        true => Ok(()),
        false => Err(verdict["reasons"][0]["code"]
            .as_str()
            .unwrap_or("no reason")
            .to_owned()),
    }
}
