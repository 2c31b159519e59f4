//! The fixtures of rfc3161-client and of timestamp-authority, against both readers of tokens:
//! the one for Sigstore's bundles, and the one for the Notary Project's countersignatures.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use sealgate_core::Reason;
use sealgate_core::UnixTime;
use sealgate_core::internals::{notary_timestamp, sigstore_timestamp};
use sealgate_tests::vectors;
use x509_cert::der::{Any, Decode as _, Encode as _};

/// What a reader says: the time, or the code of the refusal.
type Said = Result<&'static str, &'static str>;

struct Case {
    token: &'static str,
    /// Its folder's `ts_chain.pem`, the leaf first.
    chain: &'static str,
    message: Message,
    sigstore: Said,
    notary: Said,
}

enum Message {
    Text(&'static [u8]),
    File(&'static str),
}

const HELLO: Message = Message::Text(b"hello");

/// Three rules of the Notary Project's reader explain where the two differ: the token brings the
/// signer's certificate and all between it and the root, and names the signer by `ESSCertIDv2`
/// (RFC 5816), not by a SHA-1 hash.
const CASES: &[Case] = &[
    Case {
        token: "rfc3161-client/test_tsa/response.tsr",
        chain: "rfc3161-client/test_tsa",
        message: HELLO,
        sigstore: Ok("2024-10-08T15:40:32Z"),
        notary: Err("timestamp_untrusted"),
    },
    // Another authority with the same names.
    Case {
        token: "rfc3161-client/test_tsa/other_response.tsr",
        chain: "rfc3161-client/test_tsa",
        message: HELLO,
        sigstore: Err("timestamp_untrusted"),
        notary: Err("timestamp_untrusted"),
    },
    // CVE-2026-39984: what is injected is not signed, so it can neither vouch nor spoil.
    Case {
        token: "rfc3161-client/test_tsa/response-injected-certs.tsr",
        chain: "rfc3161-client/test_tsa",
        message: HELLO,
        sigstore: Ok("2024-10-08T15:40:32Z"),
        notary: Err("timestamp_untrusted"),
    },
    Case {
        token: "timestamp-authority/response-injected-certs.tsr",
        chain: "rfc3161-client/test_tsa",
        message: HELLO,
        sigstore: Ok("2024-10-08T15:40:32Z"),
        notary: Err("timestamp_untrusted"),
    },
    // Its certificate has expired since, and was valid at the time that counts.
    Case {
        token: "rfc3161-client/sigstore.mock/response-expired.tsr",
        chain: "rfc3161-client/sigstore.mock",
        message: Message::File("rfc3161-client/sigstore.mock/payload"),
        sigstore: Ok("2023-02-01T00:00:00Z"),
        notary: Err("timestamp_invalid"),
    },
    Case {
        token: "rfc3161-client/identrust/issue-104.tsr",
        chain: "rfc3161-client/identrust",
        message: HELLO,
        sigstore: Ok("2025-03-11T08:52:08Z"),
        notary: Err("timestamp_invalid"),
    },
    Case {
        token: "rfc3161-client/sigstage/response-sha256.tsr",
        chain: "rfc3161-client/sigstage",
        message: HELLO,
        sigstore: Ok("2025-05-09T11:58:55Z"),
        notary: Ok("2025-05-09T11:58:55Z"),
    },
    Case {
        token: "rfc3161-client/sigstage/response-sha384.tsr",
        chain: "rfc3161-client/sigstage",
        message: HELLO,
        sigstore: Ok("2025-05-09T11:58:55Z"),
        notary: Ok("2025-05-09T11:58:55Z"),
    },
    Case {
        token: "rfc3161-client/sigstage/response-sha512.tsr",
        chain: "rfc3161-client/sigstage",
        message: HELLO,
        sigstore: Ok("2025-05-09T11:58:56Z"),
        notary: Ok("2025-05-09T11:58:56Z"),
    },
    Case {
        token: "rfc3161-client/sigstage/response-invalid-signature.tsr",
        chain: "rfc3161-client/sigstage",
        message: HELLO,
        sigstore: Err("timestamp_invalid"),
        notary: Err("timestamp_invalid"),
    },
    Case {
        token: "rfc3161-client/sigstage/response-no-embedded-cert.tsr",
        chain: "rfc3161-client/sigstage",
        message: HELLO,
        sigstore: Ok("2025-06-18T08:13:02Z"),
        notary: Err("timestamp_invalid"),
    },
];

/// The certificates of a file: PEM blocks, or one in DER.
fn chain(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    let Ok(text) = str::from_utf8(&bytes) else {
        return vec![bytes];
    };
    text.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|block| {
            let (body, _) = block.split_once("-----END").unwrap();
            let body: String = body.split_whitespace().collect();
            STANDARD.decode(body).unwrap()
        })
        .collect()
}

struct Loaded {
    token: Vec<u8>,
    message: Vec<u8>,
    leaf: Option<Vec<u8>>,
    /// The issuers, or all there is.
    issuers: Vec<Vec<u8>>,
}

impl Case {
    fn load(&self) -> Loaded {
        let base = vectors::folder("rfc3161");
        let chain = chain(&base.join(self.chain).join("ts_chain.pem"));
        let (leaf, issuers) = match chain.as_slice() {
            [alone] => (None, vec![alone.clone()]),
            [leaf, issuers @ ..] => (Some(leaf.clone()), issuers.to_vec()),
            [] => panic!("no certificate for {}", self.token),
        };
        Loaded {
            token: fs::read(base.join(self.token)).unwrap(),
            message: match self.message {
                Message::Text(text) => text.to_vec(),
                Message::File(file) => fs::read(base.join(file)).unwrap(),
            },
            leaf,
            issuers,
        }
    }
}

impl Loaded {
    fn sigstore(&self, token: &[u8], message: &[u8]) -> Result<UnixTime, Reason> {
        sigstore_timestamp(token, message, self.leaf.as_deref(), &self.issuers)
    }

    /// It reads bare tokens, and its trust stores hold roots.
    fn notary(&self, response: &[u8], message: &[u8]) -> Result<UnixTime, Reason> {
        let root = self.issuers.last().cloned();
        notary_timestamp(&token_of(response), message, root.as_slice())
    }
}

/// The token in a response; what is no response is left as it is.
fn token_of(response: &[u8]) -> Vec<u8> {
    let parts = || Vec::<Any>::from_der(response).ok();
    let token = parts().and_then(|parts| parts.get(1)?.to_der().ok());
    token.unwrap_or_else(|| response.to_vec())
}

/// The certificates that a token brings.
fn embedded(response: &[u8]) -> Vec<Vec<u8>> {
    let content = ContentInfo::from_der(&token_of(response)).unwrap();
    let signed: SignedData = content.content.decode_as().unwrap();
    let certificates = signed.certificates.iter().flat_map(|set| set.0.iter());
    certificates
        .map(|certificate| certificate.to_der().unwrap())
        .collect()
}

fn said(judged: Result<UnixTime, Reason>) -> Result<String, String> {
    match judged {
        Ok(time) => Ok(time.to_string()),
        Err(reason) => Err(format!("{} ({})", reason.code, reason.message)),
    }
}

fn agrees(judged: &Result<String, String>, expected: Said) -> bool {
    match (judged, expected) {
        (Ok(time), Ok(expected)) => time == expected,
        (Err(why), Err(code)) => why.split(' ').next() == Some(code),
        _ => false,
    }
}

pub(crate) fn every_token_is_judged_as_the_table_says_adv_25() {
    let mut wrong = Vec::new();
    let mut counted = 0;
    for case in CASES {
        let loaded = case.load();
        let judged = [
            (
                "sigstore",
                said(loaded.sigstore(&loaded.token, &loaded.message)),
                case.sigstore,
            ),
            (
                "notary",
                said(loaded.notary(&loaded.token, &loaded.message)),
                case.notary,
            ),
        ];
        for (reader, judged, expected) in judged {
            counted += usize::from(judged.is_ok());
            if !agrees(&judged, expected) {
                wrong.push(format!(
                    "{} by {reader}: expected {expected:?}, found {judged:?}",
                    case.token
                ));
            }
        }
        // For other bytes none of them counts.
        let others = [
            (loaded.sigstore(&loaded.token, b"other"), case.sigstore),
            (loaded.notary(&loaded.token, b"other"), case.notary),
        ];
        for (judged, expected) in others {
            let code = judged.unwrap_err().code.as_str();
            let form = expected.err();
            if code != "timestamp_mismatch" && Some(code) != form {
                wrong.push(format!("{} for other bytes: found {code}", case.token));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "RFC 3161: {} tokens, two readers each, {counted} judgements count, {} do not",
        CASES.len(),
        2 * CASES.len() - counted
    );
}

/// A certificate that a token brings vouches for nothing, if it is not the one that signed, even
/// where it is trusted (CVE-2026-39984).
pub(crate) fn an_injected_certificate_vouches_for_nothing_cve_2026_39984() {
    let mut injected = 0;
    for case in CASES.iter().filter(|case| case.token.contains("injected")) {
        let loaded = case.load();
        let token = &loaded.token;
        for certificate in embedded(token) {
            if Some(&certificate) == loaded.leaf.as_ref() {
                continue;
            }
            injected += 1;
            let alone = [certificate.clone()];
            let judged = [
                sigstore_timestamp(token, &loaded.message, Some(&certificate), &loaded.issuers),
                sigstore_timestamp(token, &loaded.message, None, &alone),
                notary_timestamp(&token_of(token), &loaded.message, &alone),
            ];
            for judged in judged {
                let code = judged.unwrap_err().code.as_str();
                assert_eq!(code, "timestamp_untrusted", "{}", case.token);
            }
        }
    }
    assert_eq!(injected, 4);
    println!("RFC 3161: {injected} injected certificates, none of which vouches");
}

/// One bit of every fifth byte of a token: it may still count (nobody signs the list of certificates),
/// but never with another time.
pub(crate) fn no_altered_token_counts() {
    let mut altered = 0;
    for case in CASES {
        let loaded = case.load();
        for at in (0..loaded.token.len()).step_by(5) {
            let mut token = loaded.token.clone();
            token[at] ^= 1 << (at % 8);
            let judged = [
                (loaded.sigstore(&token, &loaded.message), case.sigstore),
                (loaded.notary(&token, &loaded.message), case.notary),
            ];
            for (judged, original) in judged {
                altered += 1;
                if let Ok(time) = judged {
                    assert_eq!(
                        Ok(time.to_string().as_str()),
                        original,
                        "{} byte {at}",
                        case.token
                    );
                }
            }
        }
    }
    // Each token has some thousands of bytes.
    assert!(altered > 100 * 2 * CASES.len(), "{altered}");
    println!("RFC 3161: {altered} judgements of altered tokens, none with another time");
}
