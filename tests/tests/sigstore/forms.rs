//! Forms of bundles that are seen in the wild, beside those that Sigstore's own clients write.

use sealgate_core::{Code, SignedFile};

use crate::prelude::*;

/// As the JSON of Protocol Buffers has it: model-signing 0.2 to 1.0.1 write such.
#[test]
fn null_is_a_field_that_is_absent() {
    let bench = Bench::new();
    let mut keyed = bench.dsse();
    keyed["dsseEnvelope"]["signatures"][0]["keyid"] = Value::Null;
    bench.passes(&keyed);
    let mut no_promise = bench.v2();
    entry(&mut no_promise)["inclusionPromise"] = json!({"signedEntryTimestamp": null});
    bench.passes(&no_promise);
    // What is needed is missing all the same.
    for (field, code) in [
        ("/messageSignature/signature", "bundle_malformed"),
        (
            "/verificationMaterial/certificate/rawBytes",
            "certificate_malformed",
        ),
        (
            "/verificationMaterial/tlogEntries/0/canonicalizedBody",
            "log_entry_malformed",
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash",
            "checkpoint_invalid",
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope",
            "checkpoint_invalid",
        ),
        (
            "/verificationMaterial/tlogEntries/0/logId/keyId",
            "log_unknown",
        ),
    ] {
        let mut bundle = bench.v1();
        *bundle.pointer_mut(field).unwrap() = Value::Null;
        bench.refuses(&bundle, code);
    }
}

/// npm names its packages by SHA-512 alone. An image has one digest.
#[test]
fn a_file_may_be_named_by_sha512_alone_and_an_image_not() {
    let bench = Bench::new();
    let about = |bytes: &[u8]| {
        let digest = Digest::of(sealgate_core::digest::Algorithm::Sha512, bytes);
        let statement = statement(&digest, "https://slsa.dev/provenance/v1");
        let signed = Signed::statement(&bench.signer.key, &statement);
        let bundle = bench.sigstore.bundle_v1(&signed, &bench.signer);
        bundle.to_string().into_bytes()
    };
    let bundle = about(ARTIFACT);
    let judge = |bundle: &[u8], file| bench.ask_about(bundle, file).map_err(|reason| reason.code);
    assert!(judge(&bundle, SignedFile::Bytes(ARTIFACT)).is_ok());
    let by_digest = SignedFile::Digest(Digest::sha256(ARTIFACT));
    for (bundle, file) in [
        (bundle.as_slice(), by_digest),
        (&about(b"another"), SignedFile::Bytes(ARTIFACT)),
    ] {
        assert_eq!(judge(bundle, file).unwrap_err(), Code::SubjectMismatch);
    }
    let image = bench.judge_image(&serde_json::from_slice(&bundle).unwrap());
    assert!(!image.verified);
    assert_eq!(image.reasons[0].code, Code::SubjectMismatch);
}
