//! What a caller sees of a signature: the scheme found, and why one does not verify.

use sealgate_core::internals::crypto::{
    Hash, KeyKind, PublicKey, Scheme, SignatureEncoding, SignatureError, sha256, sha384, sha512,
};

use crate::{BACKENDS, verifies};

/// A key, x and y, and signatures by it, r and s.
type Examples = (
    KeyKind,
    &'static str,
    &'static str,
    [(Scheme, &'static str, &'static str); 3],
);

/// RFC 6979, appendices A.2.5 to A.2.7: the signatures of the message "sample".
const RFC_6979: [Examples; 3] = [
    (
        KeyKind::EcdsaP256,
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        [
            (
                Scheme::EcdsaP256Sha256,
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                Scheme::EcdsaP256Sha384,
                "0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF7719",
                "4861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954",
            ),
            (
                Scheme::EcdsaP256Sha512,
                "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00",
                "2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
            ),
        ],
    ),
    (
        KeyKind::EcdsaP384,
        "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64\
         DEF8F0EA9055866064A254515480BC13",
        "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1\
         288B231C3AE0D4FE7344FD2533264720",
        [
            (
                Scheme::EcdsaP384Sha256,
                "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33\
                 BDE1E888E63355D92FA2B3C36D8FB2CD",
                "F3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEB\
                 EFDC63ECCD1AC42EC0CB8668A4FA0AB0",
            ),
            (
                Scheme::EcdsaP384Sha384,
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C\
                 81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F\
                 A329C145786E679E7B82C71A38628AC8",
            ),
            (
                Scheme::EcdsaP384Sha512,
                "ED0959D5880AB2D869AE7F6C2915C6D60F96507F9CB3E047C0046861DA4A799C\
                 FE30F35CC900056D7C99CD7882433709",
                "512C8CCEEE3890A84058CE1E22DBC2198F42323CE8ACA9135329F03C068E5112\
                 DC7CC3EF3446DEFCEB01A45C2667FDD5",
            ),
        ],
    ),
    (
        KeyKind::EcdsaP521,
        "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD3\
         71123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F502\
         3A4",
        "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A2\
         8A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDF\
         CF5",
        [
            (
                Scheme::EcdsaP521Sha256,
                "01511BB4D675114FE266FC4372B87682BAECC01D3CC62CF2303C92B3526012659\
                 D16876E25C7C1E57648F23B73564D67F61C6F14D527D54972810421E7D87589E\
                 1A7",
                "004A171143A83163D6DF460AAF61522695F207A58B95C0644D87E52AA1A347916\
                 E4F7A72930B1BC06DBE22CE3F58264AFD23704CBB63B29B931F7DE6C9D949A7E\
                 CFC",
            ),
            (
                Scheme::EcdsaP521Sha384,
                "01EA842A0E17D2DE4F92C15315C63DDF72685C18195C2BB95E572B9C5136CA4B4\
                 B576AD712A52BE9730627D16054BA40CC0B8D3FF035B12AE75168397F5D50C67\
                 451",
                "01F21A3CEE066E1961025FB048BD5FE2B7924D0CD797BABE0A83B66F1E35EEAF5\
                 FDE143FA85DC394A7DEE766523393784484BDF3E00114A1C857CDE1AA203DB65\
                 D61",
            ),
            (
                Scheme::EcdsaP521Sha512,
                "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F1\
                 74E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E37\
                 7FA",
                "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF2\
                 82623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A\
                 67A",
            ),
        ],
    ),
];

/// RFC 8032, section 7.3: Ed25519ph of "abc".
const ED25519PH_KEY: &str = "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf";
const ED25519PH_SIGNATURE: &str = "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
                                   31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406";

/// RFC 8032, section 7.1, test 2: Ed25519 of the byte 0x72.
const ED25519_KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const ED25519_SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

#[test]
fn every_curve_verifies_with_every_hash() {
    for (kind, x, y, signatures) in RFC_6979 {
        let key = ecdsa_key(kind, x, y);
        for (scheme, r, s) in signatures {
            let signature = unhex(&format!("{r}{s}"));
            assert!(verifies(
                &key,
                scheme,
                SignatureEncoding::Fixed,
                b"sample",
                &signature,
                &scheme
            ));
            for other in Scheme::ALL {
                let found =
                    key.verify_encoded(other, SignatureEncoding::Fixed, b"sample", &signature);
                assert_eq!(found.is_ok(), other == scheme, "{scheme} as {other}");
            }
        }
    }
}

#[test]
fn a_digest_verifies_like_its_message() {
    for (kind, x, y, signatures) in RFC_6979 {
        let key = ecdsa_key(kind, x, y);
        for (scheme, r, s) in signatures {
            let hash = scheme.hash().unwrap();
            let signature = der(r, s);
            for backend in BACKENDS {
                let digest = backend.digest(hash, b"sample");
                assert_eq!(
                    key.verify_digest_with(backend, scheme, &digest, &signature),
                    Ok(())
                );
                let other = backend.digest(hash, b"samples");
                assert_eq!(
                    key.verify_digest_with(backend, scheme, &other, &signature),
                    Err(SignatureError::Mismatch {
                        tried: vec![scheme]
                    })
                );
            }
            assert_eq!(
                key.verify_any_digest(
                    Scheme::with_hash(kind, hash).as_slice(),
                    hash,
                    &hash.digest(b"sample"),
                    &signature
                ),
                Ok(scheme)
            );
        }
    }
}

#[test]
fn ed25519_pure_and_prehashed_are_told_apart() {
    let key = ed25519_key(ED25519PH_KEY);
    let signature = unhex(ED25519PH_SIGNATURE);
    let schemes = Scheme::accepted_for(KeyKind::Ed25519);
    assert_eq!(
        key.verify_any(schemes, b"abc", &signature),
        Ok(Scheme::Ed25519ph)
    );
    assert_eq!(
        key.verify_digest(Scheme::Ed25519ph, &sha512(b"abc"), &signature),
        Ok(())
    );

    let key = ed25519_key(ED25519_KEY);
    let signature = unhex(ED25519_SIGNATURE);
    assert_eq!(
        key.verify_any(schemes, b"\x72", &signature),
        Ok(Scheme::Ed25519)
    );
    // Were the prefix of Ed25519ph missing, the message would be its own SHA-512.
    assert_eq!(
        key.verify_any(schemes, b"\x73", &signature),
        Err(SignatureError::Mismatch {
            tried: schemes.to_vec()
        })
    );
}

#[test]
fn pure_ed25519_is_not_verified_from_a_digest() {
    let key = ed25519_key(ED25519_KEY);
    let signature = unhex(ED25519_SIGNATURE);
    let digest = sha512(b"\x72");
    assert_eq!(
        key.verify_digest(Scheme::Ed25519, &digest, &signature),
        Err(SignatureError::NeedsMessage(Scheme::Ed25519))
    );
    assert_eq!(
        key.verify_any_digest(&[Scheme::Ed25519], Hash::Sha512, &digest, &signature),
        Err(SignatureError::NoScheme(KeyKind::Ed25519))
    );
}

#[test]
fn p384_is_found_with_sha256_as_with_sha384() {
    let (kind, x, y, signatures) = RFC_6979[1];
    let key = ecdsa_key(kind, x, y);
    for (scheme, r, s) in &signatures[..2] {
        assert_eq!(
            key.verify_any(Scheme::accepted_for(kind), b"sample", &der(r, s)),
            Ok(*scheme)
        );
    }
    let (_, r, s) = signatures[2];
    assert_eq!(
        key.verify_any(Scheme::accepted_for(kind), b"sample", &der(r, s)),
        Err(SignatureError::Mismatch {
            tried: vec![Scheme::EcdsaP384Sha384, Scheme::EcdsaP384Sha256]
        })
    );
}

#[test]
fn an_empty_list_of_schemes_verifies_nothing() {
    let (kind, x, y, signatures) = RFC_6979[0];
    let key = ecdsa_key(kind, x, y);
    let signature = der(signatures[0].1, signatures[0].2);
    for schemes in [&[] as &[Scheme], &[Scheme::Ed25519, Scheme::RsaPssSha256]] {
        assert_eq!(
            key.verify_any(schemes, b"sample", &signature),
            Err(SignatureError::NoScheme(KeyKind::EcdsaP256))
        );
    }
}

#[test]
fn what_cannot_be_a_signature_or_a_digest_is_named() {
    let (kind, x, y, signatures) = RFC_6979[0];
    let key = ecdsa_key(kind, x, y);
    let scheme = Scheme::EcdsaP256Sha256;
    let signature = der(signatures[0].1, signatures[0].2);
    assert_eq!(
        key.verify(Scheme::EcdsaP384Sha256, b"sample", &signature),
        Err(SignatureError::WrongKey {
            scheme: Scheme::EcdsaP384Sha256,
            kind: KeyKind::EcdsaP256
        })
    );
    assert_eq!(
        key.verify_digest(scheme, &sha384(b"sample"), &signature),
        Err(SignatureError::DigestLength {
            scheme,
            expected: 32,
            found: 48
        })
    );
    assert_eq!(
        key.verify(scheme, b"sample", &[0; 513]),
        Err(SignatureError::Length {
            expected: 512,
            found: 513
        })
    );
    assert_eq!(
        key.verify_encoded(scheme, SignatureEncoding::Fixed, b"sample", &[1; 63]),
        Err(SignatureError::Length {
            expected: 64,
            found: 63
        })
    );
}

#[test]
fn one_encoding_does_not_pass_for_the_other() {
    let (kind, x, y, signatures) = RFC_6979[0];
    let key = ecdsa_key(kind, x, y);
    let (scheme, r, s) = signatures[0];
    let fixed = unhex(&format!("{r}{s}"));
    assert_eq!(key.verify(scheme, b"sample", &der(r, s)), Ok(()));
    assert!(key.verify(scheme, b"sample", &fixed).is_err());
    assert!(
        key.verify_encoded(scheme, SignatureEncoding::Fixed, b"sample", &der(r, s))
            .is_err()
    );
}

#[test]
fn messages_tell_the_schemes_tried() {
    let key = ed25519_key(ED25519_KEY);
    let error = key
        .verify_any(Scheme::accepted_for(KeyKind::Ed25519), b"", &[0; 64])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the signature does not match this key and content (tried ed25519, ed25519ph)"
    );
}

#[test]
fn fingerprints_are_the_sha256_of_the_spki() {
    let key = ed25519_key(ED25519_KEY);
    assert_eq!(key.fingerprint(), hex::encode(sha256(key.spki_der())));
    assert_eq!(hex::encode(key.fingerprint_bytes()), key.fingerprint());
}

pub fn ecdsa_key(kind: KeyKind, x: &str, y: &str) -> PublicKey {
    let prefix = match kind {
        KeyKind::EcdsaP256 => "3059301306072a8648ce3d020106082a8648ce3d030107034200",
        KeyKind::EcdsaP384 => "3076301006072a8648ce3d020106052b81040022036200",
        _ => "30819b301006072a8648ce3d020106052b8104002303818600",
    };
    PublicKey::from_der(&unhex(&format!("{prefix}04{x}{y}"))).unwrap()
}

pub fn ed25519_key(raw: &str) -> PublicKey {
    PublicKey::from_der(&ed25519_spki(raw)).unwrap()
}

pub fn ed25519_spki(raw: &str) -> Vec<u8> {
    unhex(&format!("302a300506032b6570032100{raw}"))
}

pub fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// `SEQUENCE { r, s }`, written independently of the code under test.
fn der(r: &str, s: &str) -> Vec<u8> {
    let integer = |value: &str| {
        let mut bytes = unhex(value);
        while bytes.len() > 1 && bytes[0] == 0 {
            bytes.remove(0);
        }
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        let mut out = vec![0x02, u8::try_from(bytes.len()).unwrap()];
        out.extend(bytes);
        out
    };
    let content = [integer(r), integer(s)].concat();
    let len = u8::try_from(content.len()).unwrap();
    let header = if len < 0x80 {
        vec![0x30, len]
    } else {
        vec![0x30, 0x81, len]
    };
    [header, content].concat()
}
