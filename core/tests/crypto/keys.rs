//! Which bytes are a public key, and what the others are told.

use sealgate_core::internals::crypto::{KeyError, KeyKind, PublicKey, sha256};

use crate::signatures::{ed25519_key, ed25519_spki, unhex};

const RSA_SPKI_PEM: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu+5APSPub905jxgIbfLD
C6Af6Q7Opv0YWGWuAL3QslNwjgfDwUXobHyWzYxVlss7pGSYtrggAmna40M8Hwns
yX7l+5D0XCyywpteBzOScRtq4va20qRE4ytwCGLNi2vKWXSwLYdblV3/fjMTTukG
Drqjtt6J/qn8wd+nEdl9D1JYnRlCWDKrmcXgFV3W6+E7j+8D4ys8afj3UXVQiF3l
q5NN0+JBnOeDmpz32SLBLXG9SiqgAI5yJ/OGvZctzFphhgFU/GMBKu+RAhsRL7dk
YSEbvHNFuvDDWms2pqSZw6Nte9mfs97F+XOOqpeajlC4CLqJLdX40OytU9FMXAXD
eQIDAQAB
-----END PUBLIC KEY-----
";
const RSA_PKCS1_PEM: &str = "\
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAu+5APSPub905jxgIbfLDC6Af6Q7Opv0YWGWuAL3QslNwjgfDwUXo
bHyWzYxVlss7pGSYtrggAmna40M8HwnsyX7l+5D0XCyywpteBzOScRtq4va20qRE
4ytwCGLNi2vKWXSwLYdblV3/fjMTTukGDrqjtt6J/qn8wd+nEdl9D1JYnRlCWDKr
mcXgFV3W6+E7j+8D4ys8afj3UXVQiF3lq5NN0+JBnOeDmpz32SLBLXG9SiqgAI5y
J/OGvZctzFphhgFU/GMBKu+RAhsRL7dkYSEbvHNFuvDDWms2pqSZw6Nte9mfs97F
+XOOqpeajlC4CLqJLdX40OytU9FMXAXDeQIDAQAB
-----END RSA PUBLIC KEY-----
";
/// `openssl rsa -pubout -outform DER | sha256sum` of that key.
const RSA_FINGERPRINT: &str = "4ed7590357884ed9e415ff0e33878908ffb89b2d4340222ee0982a98f7c5fef0";

#[test]
fn an_rsa_key_is_the_same_in_both_forms() {
    let key = PublicKey::from_pem(RSA_SPKI_PEM.as_bytes()).unwrap();
    assert_eq!(key.kind(), KeyKind::Rsa);
    assert_eq!(key.bits(), 2048);
    assert_eq!(key.fingerprint(), RSA_FINGERPRINT);
    assert_eq!(key.to_string(), format!("rsa sha256:{RSA_FINGERPRINT}"));

    assert_eq!(PublicKey::from_pem(RSA_PKCS1_PEM.as_bytes()).unwrap(), key);
    assert_eq!(PublicKey::from_der(key.spki_der()).unwrap(), key);
    assert_eq!(PublicKey::from_der(key.raw()).unwrap(), key);
}

#[test]
fn a_missing_null_does_not_change_the_fingerprint() {
    let key = PublicKey::from_pem(RSA_SPKI_PEM.as_bytes()).unwrap();
    let spki = key.spki_der();
    // The algorithm identifier is SEQUENCE { rsaEncryption, NULL }; leave the NULL out.
    let mut without_null = spki[..17].to_vec();
    without_null.extend(&spki[19..]);
    without_null[3] -= 2;
    without_null[5] -= 2;
    let found = PublicKey::from_der(&without_null).unwrap();
    assert_eq!(found.fingerprint(), RSA_FINGERPRINT);
    assert_eq!(found, key);
}

#[test]
fn other_pem_blocks_are_named_with_advice() {
    for (label, advice) in [
        ("CERTIFICATE", "openssl x509 -pubkey"),
        ("PRIVATE KEY", "give the public half"),
        ("ENCRYPTED SIGSTORE PRIVATE KEY", "give the public half"),
        ("EC PARAMETERS", "found EC PARAMETERS"),
    ] {
        let text = format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
        let error = PublicKey::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!(error, KeyError::WrongPem(label.to_owned()));
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[test]
fn a_pem_label_cannot_flood_or_garble_the_log() {
    let label = format!("A\u{1b}[31m{}", "B".repeat(1000));
    let text = format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    let error = PublicKey::from_pem(text.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.len() < 150, "{error}");
    assert!(!error.contains('\u{1b}'), "{error}");
}

#[test]
fn what_is_no_pem_or_too_long_is_not_parsed() {
    assert_eq!(PublicKey::from_pem(b"\xff\xfe"), Err(KeyError::NotPem));
    assert_eq!(
        PublicKey::from_pem(ed25519_key(ED25519).spki_der()),
        Err(KeyError::NotPem)
    );
    assert_eq!(
        PublicKey::from_pem(&[b' '; 16 * 1024 + 1]),
        Err(KeyError::TooLong {
            found: 16 * 1024 + 1,
            limit: 16 * 1024
        })
    );
    assert_eq!(
        PublicKey::from_der(&[0x30; 2049]),
        Err(KeyError::TooLong {
            found: 2049,
            limit: 2048
        })
    );
}

#[test]
fn one_whole_pem_block_is_needed() {
    let block = "-----BEGIN A-----\naGVsbG8=\n-----END A-----\n";
    for (text, error) in [
        (String::new(), KeyError::NotPem),
        ("hello".to_owned(), KeyError::NotPem),
        (block.repeat(2), KeyError::SeveralPemBlocks),
        (
            format!("{block}-----BEGIN A-----"),
            KeyError::SeveralPemBlocks,
        ),
        (
            block.replace("END A", "END B"),
            KeyError::MalformedPem("the BEGIN and END lines differ"),
        ),
        (
            block.replace('=', "*"),
            KeyError::MalformedPem("the content is not Base64"),
        ),
    ] {
        assert_eq!(PublicKey::from_pem(text.as_bytes()), Err(error), "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_der_key_are_malformed_tob_6() {
    let spki = ed25519_spki(ED25519);
    let mut trailing = spki.clone();
    trailing.push(0);
    for der in [
        &[] as &[u8],
        b"\x30\x00",
        b"garbage",
        // The bare bytes of a key say nothing of what they are.
        &hex::decode(ED25519).unwrap(),
        &trailing,
        &spki[..40],
    ] {
        let error = PublicKey::from_der(der).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
    }
}

#[test]
fn rsa_keys_outside_of_2048_to_4096_bits_are_refused() {
    for (bits, accepted) in [
        (1024, false),
        (2047, false),
        (2048, true),
        (2049, true),
        (3072, true),
        (4096, true),
        (4097, false),
        (8192, false),
    ] {
        let found = PublicKey::from_der(&rsa_key(&modulus(bits), &[1, 0, 1]));
        if accepted {
            assert_eq!(found.unwrap().bits(), bits);
        } else {
            assert_eq!(found, Err(KeyError::RsaModulusSize(bits)));
        }
    }
}

#[test]
fn degenerate_rsa_keys_are_refused() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0xfe;
    assert_eq!(
        PublicKey::from_der(&rsa_key(&even, &[1, 0, 1])),
        Err(KeyError::RsaModulusEven)
    );
    assert_eq!(
        PublicKey::from_der(&rsa_key(&[0], &[1, 0, 1])),
        Err(KeyError::RsaModulusSize(0))
    );
    for (exponent, found) in [
        (&[0_u8] as &[u8], "0"),
        (&[1], "1"),
        (&[2], "2"),
        (&[1, 0, 0], "65536"),
        (&[1, 0, 0, 0, 1], "4294967297"),
        (&[1; 200], "200 bytes"),
    ] {
        assert_eq!(
            PublicKey::from_der(&rsa_key(&modulus(2048), exponent)),
            Err(KeyError::RsaExponent(found.to_owned()))
        );
    }
    for exponent in [&[3_u8] as &[u8], &[1, 0, 1], &[0xff; 4]] {
        assert!(PublicKey::from_der(&rsa_key(&modulus(2048), exponent)).is_ok());
    }
}

#[test]
fn foreign_algorithms_and_curves_are_named() {
    let k1 = "3056301006072a8648ce3d020106052b8104000a034200";
    let p256 = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    for (der, error) in [
        // secp256k1.
        (
            format!("{k1}04{}", "11".repeat(64)),
            KeyError::UnsupportedCurve("secp256k1 (1.3.132.0.10)".to_owned()),
        ),
        // id-ecPublicKey without a curve.
        (
            format!("304d300906072a8648ce3d0201034000{}", "11".repeat(63)),
            KeyError::UnsupportedCurve("no curve".to_owned()),
        ),
        // X25519 agrees on keys and signs nothing.
        (
            format!("302a300506032b656e032100{}", "11".repeat(32)),
            KeyError::UnsupportedAlgorithm("id-X25519 (1.3.101.110)".to_owned()),
        ),
        // Ed25519 with a NULL, which RFC 8410 forbids.
        (
            format!("302c300706032b65700500032100{ED25519}"),
            KeyError::UnsupportedAlgorithm("id-Ed25519 (1.3.101.112) with parameters".to_owned()),
        ),
        (
            format!("{p256}04{}", "11".repeat(64)),
            KeyError::NotOnCurve(KeyKind::EcdsaP256),
        ),
        (
            format!("{p256}05{}", "11".repeat(64)),
            KeyError::Encoding {
                kind: KeyKind::EcdsaP256,
                expected: "an uncompressed point of 65 bytes",
                found: "65 bytes that begin with 0x05".to_owned(),
            },
        ),
        // The point at infinity, and a compressed point.
        (
            "3019301306072a8648ce3d020106082a8648ce3d03010703020000".to_owned(),
            KeyError::Encoding {
                kind: KeyKind::EcdsaP256,
                expected: "an uncompressed point of 65 bytes",
                found: "1 bytes that begin with 0x00".to_owned(),
            },
        ),
        (
            format!(
                "3039301306072a8648ce3d020106082a8648ce3d030107032200\
                 03{}",
                "11".repeat(32)
            ),
            KeyError::Encoding {
                kind: KeyKind::EcdsaP256,
                expected: "an uncompressed point of 65 bytes",
                found: "a compressed point of 33 bytes".to_owned(),
            },
        ),
    ] {
        assert_eq!(PublicKey::from_der(&unhex(&der)), Err(error), "{der}");
    }
}

#[test]
fn ed25519_points_that_anybody_can_sign_for_are_refused() {
    // The five y coordinates of the points of order 1, 2, 4 and 8, with either sign.
    for y in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        for sign in [0, 0x80] {
            let mut raw = unhex(y);
            raw[31] |= sign;
            let error = PublicKey::from_der(&ed25519_spki(&hex::encode(raw))).unwrap_err();
            assert_eq!(error, KeyError::SmallOrder, "{y} {sign}");
        }
    }
}

#[test]
fn ed25519_points_in_another_encoding_are_refused() {
    // y = p + 3 and up, which some decoders reduce to a small y; below that all are of small order
    // or no points.
    let mut refused = 0;
    for low in 0xed..=0xff_u8 {
        let raw = [&[low] as &[u8], &[0xff; 30], &[0x7f]].concat();
        let error = PublicKey::from_der(&ed25519_spki(&hex::encode(raw))).unwrap_err();
        assert!(
            matches!(
                error,
                KeyError::NotOnCurve(KeyKind::Ed25519) | KeyError::SmallOrder
            ),
            "{error}"
        );
        refused += 1;
    }
    assert_eq!(refused, 19);
}

#[test]
fn the_fingerprint_is_what_rekor_calls_its_key() {
    let key = ed25519_key(ED25519);
    assert_eq!(key.bits(), 255);
    assert_eq!(
        key.fingerprint(),
        hex::encode(sha256(&ed25519_spki(ED25519)))
    );
}

const ED25519: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

/// An odd number of so many bits; nobody checks its factors.
fn modulus(bits: u32) -> Vec<u8> {
    let mut bytes = vec![0xff; bits.div_ceil(8) as usize];
    bytes[0] >>= (8 - bits % 8) % 8;
    bytes
}

/// The DER of a PKCS#1 `RSAPublicKey`, written independently of the code under test.
fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut content = bytes.to_vec();
        if content[0] >= 0x80 {
            content.insert(0, 0);
        }
        tlv(0x02, &content)
    };
    tlv(0x30, &[integer(modulus), integer(exponent)].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap();
    let [high, low] = len.to_be_bytes();
    let header = match len {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header.as_slice(), content].concat()
}
