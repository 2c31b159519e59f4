//! Envelopes that could be read in two ways.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN, SigningKey};
use serde_json::{Value, json};

use crate::scene::{IMAGE, accepted, bundle_of, judge, key, policies, refused};

const KIND: &str = "application/vnd.in-toto+json";

/// An envelope whose signature is over other bytes than the specification's.
fn signed_over(key: &SigningKey, statement: &[u8], kind: &str, signed: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(statement),
        "payloadType": kind,
        "signatures": [{"sig": STANDARD.encode(key.sign(signed))}],
    })
}

fn encoded(head: &str, statement: &[u8]) -> Vec<u8> {
    [head.as_bytes(), statement].concat()
}

#[test]
fn the_signed_bytes_have_one_form_atk_17() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let policies = policies(&key, "");
    let statement = sign::statement(&pack.digest(), COSIGN_SIGN, &json!({"n": "\u{e9}"}));
    let length = statement.len();
    let characters = String::from_utf8_lossy(&statement).chars().count();
    assert_ne!(length, characters);
    let with = |envelope: &Value| pack.clone().with_bundle(&bundle_of(&key, envelope));
    let good = format!("DSSEv1 28 {KIND} {length} ");
    accepted(
        &with(&signed_over(
            &key,
            &statement,
            KIND,
            &encoded(&good, &statement),
        )),
        &policies,
    );
    for head in [
        format!("DSSEv1 028 {KIND} {length} "),
        format!("DSSEv1 28 {KIND} 0{length} "),
        format!("DSSEv1 28 {KIND} {characters} "),
        format!("DSSEv1  28 {KIND} {length} "),
        format!("DSSEv1 28 {KIND} {length}"),
        format!("DSSEv1 28 {KIND} {length}\n"),
        format!("DSSEv1 {KIND} {length} "),
        format!("DSSEv2 28 {KIND} {length} "),
        String::new(),
    ] {
        let envelope = signed_over(&key, &statement, KIND, &encoded(&head, &statement));
        refused(&with(&envelope), &policies, "signature_invalid");
    }
}

/// A type with a length in it cannot take bytes from the payload, nor give it any.
#[test]
fn type_and_payload_cannot_trade_bytes_atk_17() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let policies = policies(&key, "");
    let statement = sign::statement(&pack.digest(), COSIGN_SIGN, &json!({}));
    let signed = encoded(
        &format!("DSSEv1 28 {KIND} {} ", statement.len()),
        &statement,
    );
    let with = |envelope: &Value| pack.clone().with_bundle(&bundle_of(&key, envelope));
    for kind in [
        format!("{KIND} {}", statement.len()),
        format!(" {KIND}"),
        format!("{KIND} "),
        format!("28 {KIND}"),
        "application/vnd.in-toto".to_owned(),
        String::new(),
    ] {
        let verdict = judge(
            &with(&signed_over(&key, &statement, &kind, &signed)),
            &policies,
        );
        assert!(!verdict.verified, "{kind:?}");
        let code = verdict.reasons[0].code.as_str();
        let codes = [
            "signature_invalid",
            "payload_type_unsupported",
            "bundle_malformed",
        ];
        assert!(codes.contains(&code), "{kind:?}: {code}");
    }
}

/// Of an envelope as a layer of its own, which cosign writes under `.att`.
#[test]
fn base64_has_one_reading_atk_17() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let kind = "https://example.com/p";
    let more = format!(
        "  require: attestationsOnly\n  attestations:\n  - name: p\n    predicateType: {kind}\n"
    );
    let policies = policies(&key, &more);
    // Its length leaves padding, and its bytes differ between the two alphabets.
    let predicate = (0..64)
        .map(|n| json!({"a": "\u{fffd}>?\u{ff}".repeat(3), "n": "x".repeat(n)}))
        .find(|predicate| {
            let text = STANDARD.encode(sign::statement(&pack.digest(), kind, predicate));
            text.ends_with("==") && text.contains(['+', '/'])
        });
    let statement = sign::statement(&pack.digest(), kind, &predicate.unwrap());
    let envelope = sign::envelope(&key, &statement);
    let with = |payload: String| {
        let mut envelope = envelope.clone();
        envelope["payload"] = payload.into();
        let layer = sign::Layer {
            media_type: sign::DSSE.to_owned(),
            annotations: vec![(
                "dev.cosignproject.cosign/signature".to_owned(),
                String::new(),
            )],
            bytes: envelope.to_string().into_bytes(),
        };
        pack.clone().with_cosign(&[layer])
    };
    let standard = STANDARD.encode(&statement);
    accepted(&with(standard.clone()), &policies);
    accepted(&with(URL_SAFE.encode(&statement)), &policies);
    let (head, tail) = standard.split_at(8);
    // As Go's decoder, whatever line breaks there are: the bytes are the same.
    accepted(&with(format!("{head}\r\n{tail}\n")), &policies);
    let last = standard.trim_end_matches('=').len() - 1;
    // Bits beyond the last byte that are not zero.
    let mut bits = standard.clone().into_bytes();
    bits[last] = match bits[last] {
        b'A' => b'B',
        b'Q' => b'R',
        b'g' => b'h',
        _ => b'x',
    };
    for other in [
        format!("{head} {tail}"),
        format!("{head}\t{tail}"),
        format!(" {standard}"),
        format!("{standard}===="),
        STANDARD_NO_PAD.encode(&statement),
        // One alphabet, not a mixture.
        standard.replacen(['+', '/'], "-", 1) + "/+/+",
        String::from_utf8(bits).unwrap(),
    ] {
        let verdict = judge(&with(other.clone()), &policies);
        assert!(!verdict.verified, "{other:?}");
        let code = verdict.reasons[0].code.as_str();
        assert!(
            ["envelope_malformed", "signature_invalid"].contains(&code),
            "{code}: {other:?}"
        );
    }
}
