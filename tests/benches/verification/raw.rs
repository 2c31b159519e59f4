//! The bare signature checks of a verification, by aws-lc-rs: nothing is parsed, hashed beside the
//! signature, compared or allocated when they run.
//!
//! They are taken from the signed thing by other means than the core's, and each is made once to
//! see that it holds: a check that is missing here would flatter nobody.

use std::hint::black_box;

use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use sealgate_core::Digest;
use sealgate_testkit::sigstore::log::{SCT_LIST, canonical};
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::{Decode as _, Encode as _};

/// One signature, with all that is needed to check it.
pub struct Check {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// Makes every check.
pub fn all_hold(checks: &[Check]) {
    for check in checks {
        let key = UnparsedPublicKey::new(check.algorithm, &check.key);
        assert!(key.verify(&check.message, &check.signature).is_ok());
        black_box(&key);
    }
}

impl Check {
    pub fn new(
        algorithm: &'static dyn VerificationAlgorithm,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Self {
        let (key, message, signature) = (key.to_vec(), message.to_vec(), signature.to_vec());
        let check = Self {
            algorithm,
            key,
            message,
            signature,
        };
        all_hold(std::slice::from_ref(&check));
        check
    }

    /// The signature on a certificate.
    pub fn issued(certificate: &[u8], issuer: &[u8]) -> Self {
        let certificate = Certificate::from_der(certificate).unwrap();
        let key = key_of(issuer);
        Self::new(
            x509_algorithm(&certificate.signature_algorithm.oid.to_string(), &key),
            &key,
            &certificate.tbs_certificate.to_der().unwrap(),
            certificate.signature.raw_bytes(),
        )
    }
}

/// The checks of a bundle by a certificate: the content, the certificate, the promise of the
/// certificate log, the entries of the logs and the timestamps.
pub fn of_bundle(bundle: &Value, root: &Value, artifact: &[u8]) -> Vec<Check> {
    let material = &bundle["verificationMaterial"];
    let leaf = bytes(&material["certificate"]["rawBytes"]);
    let issuer = issuer_of(&leaf, &root["certificateAuthorities"]);
    let mut checks = vec![
        content(bundle, &leaf, artifact),
        Check::issued(&leaf, &issuer),
    ];
    checks.push(certificate_timestamp(&leaf, &issuer, root));
    for entry in material["tlogEntries"].as_array().into_iter().flatten() {
        checks.extend(log_entry(entry, root));
    }
    let stamps = &material["timestampVerificationData"]["rfc3161Timestamps"];
    for stamp in stamps.as_array().into_iter().flatten() {
        checks.extend(timestamp(&bytes(&stamp["signedTimestamp"]), root));
    }
    checks
}

fn content(bundle: &Value, leaf: &[u8], artifact: &[u8]) -> Check {
    let message = &bundle["messageSignature"];
    let envelope = &bundle["dsseEnvelope"];
    let (signed, signature) = match envelope.is_null() {
        true => (artifact.to_vec(), &message["signature"]),
        false => {
            let (kind, payload) = (
                envelope["payloadType"].as_str().unwrap(),
                bytes(&envelope["payload"]),
            );
            let mut signed =
                format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
            signed.extend(payload);
            (signed, &envelope["signatures"][0]["sig"])
        }
    };
    let key = key_of(leaf);
    Check::new(usual_algorithm(&key), &key, &signed, &bytes(signature))
}

/// The first of the embedded certificate timestamps; there is one in practice.
fn certificate_timestamp(leaf: &[u8], issuer: &[u8], root: &Value) -> Check {
    let mut tbs = Certificate::from_der(leaf).unwrap().tbs_certificate;
    let extensions = tbs.extensions.as_mut().unwrap();
    let of_log = |oid: &dyn ToString| oid.to_string() == SCT_LIST;
    let list = extensions.iter().find(|e| of_log(&e.extn_id)).unwrap();
    let list = OctetString::from_der(list.extn_value.as_bytes()).unwrap();
    extensions.retain(|e| !of_log(&e.extn_id));
    let tbs = tbs.to_der().unwrap();
    let issuer = Certificate::from_der(issuer).unwrap().tbs_certificate;
    let issuer = issuer.subject_public_key_info.to_der().unwrap();
    // length 2, length 2, version 1, log 32, time 8, extensions 2+n, algorithm 2, signature 2+n
    let sct = &list.as_bytes()[4..];
    let (log, time, rest) = (&sct[1..33], &sct[33..41], &sct[41..]);
    let extensions = &rest[..2 + usize::from(u16::from_be_bytes([rest[0], rest[1]]))];
    let signature = &rest[extensions.len() + 4..];
    let length = (tbs.len() as u32).to_be_bytes();
    let issuer = Digest::sha256(&issuer);
    let signed = [
        &[0, 0],
        time,
        &[0, 1],
        issuer.as_bytes(),
        &length[1..],
        &tbs,
        extensions,
    ];
    let key = log_key(&root["ctlogs"], log);
    Check::new(usual_algorithm(&key), &key, &signed.concat(), signature)
}

/// The signed entry timestamp, where there is one, and the checkpoint.
fn log_entry(entry: &Value, root: &Value) -> Vec<Check> {
    let id = bytes(&entry["logId"]["keyId"]);
    let key = log_key(&root["tlogs"], &id);
    let mut checks = Vec::new();
    let promise = &entry["inclusionPromise"]["signedEntryTimestamp"];
    if promise.is_string() {
        let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
        let signed = canonical(&json!({
            "body": entry["canonicalizedBody"],
            "integratedTime": number(&entry["integratedTime"]),
            "logID": hex::encode(&id),
            "logIndex": number(&entry["logIndex"]),
        }));
        checks.push(Check::new(
            usual_algorithm(&key),
            &key,
            &signed,
            &bytes(promise),
        ));
    }
    let note = entry["inclusionProof"]["checkpoint"]["envelope"]
        .as_str()
        .unwrap();
    let (text, signatures) = note.split_once("\n\n").unwrap();
    let line = signatures.lines().next().unwrap();
    let signature = STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap();
    let text = format!("{text}\n");
    checks.push(Check::new(
        usual_algorithm(&key),
        &key,
        text.as_bytes(),
        &signature[4..],
    ));
    checks
}

/// The signature of a timestamp, and that on its certificate, which the root lists first.
fn timestamp(response: &[u8], root: &Value) -> Vec<Check> {
    // TimeStampResp ::= SEQUENCE { status SEQUENCE, token ContentInfo }
    let response = Vec::<x509_cert::der::Any>::from_der(response).unwrap();
    let token = ContentInfo::from_der(&response[1].to_der().unwrap()).unwrap();
    let signed: SignedData = token.content.decode_as().unwrap();
    let signer = &signed.signer_infos.0.as_slice()[0];
    let attributes = signer.signed_attrs.as_ref().unwrap().to_der().unwrap();
    let chain = &root["timestampAuthorities"][0]["certChain"]["certificates"];
    let (leaf, issuer) = (bytes(&chain[0]["rawBytes"]), bytes(&chain[1]["rawBytes"]));
    let key = key_of(&leaf);
    let hash = signer.digest_alg.oid.to_string();
    let algorithm = match (key.len(), hash.as_str()) {
        (97, "2.16.840.1.101.3.4.2.1") => &lc::ECDSA_P384_SHA256_ASN1,
        _ => usual_algorithm(&key),
    };
    vec![
        Check::new(algorithm, &key, &attributes, signer.signature.as_bytes()),
        Check::issued(&leaf, &issuer),
    ]
}

/// The certificate among these authorities' that issued the leaf.
fn issuer_of(leaf: &[u8], authorities: &Value) -> Vec<u8> {
    let leaf = Certificate::from_der(leaf).unwrap();
    let chains = authorities.as_array().into_iter().flatten();
    let certificates = chains.flat_map(|ca| ca["certChain"]["certificates"].as_array().unwrap());
    certificates
        .map(|certificate| bytes(&certificate["rawBytes"]))
        .find(|der| {
            let subject = Certificate::from_der(der).unwrap().tbs_certificate.subject;
            subject == leaf.tbs_certificate.issuer
        })
        .unwrap()
}

/// The bits of a certificate's public key.
pub fn key_of(certificate: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(certificate).unwrap();
    let spki = certificate.tbs_certificate.subject_public_key_info;
    spki.subject_public_key.raw_bytes().to_vec()
}

/// The bits of the key of the log with this id.
fn log_key(logs: &Value, id: &[u8]) -> Vec<u8> {
    let mut logs = logs.as_array().unwrap().iter();
    let log = logs
        .find(|log| bytes(&log["logId"]["keyId"]) == id)
        .unwrap();
    let spki = bytes(&log["publicKey"]["rawBytes"]);
    let spki = x509_cert::spki::SubjectPublicKeyInfoOwned::from_der(&spki).unwrap();
    spki.subject_public_key.raw_bytes().to_vec()
}

/// What certificates say that their issuer signed with.
fn x509_algorithm(oid: &str, key: &[u8]) -> &'static dyn VerificationAlgorithm {
    match (oid, key.len()) {
        ("1.2.840.10045.4.3.2", 97) => &lc::ECDSA_P384_SHA256_ASN1,
        _ => usual_algorithm(key),
    }
}

/// The algorithm that goes with a key, told by its length.
fn usual_algorithm(key: &[u8]) -> &'static dyn VerificationAlgorithm {
    match key.len() {
        32 => &lc::ED25519,
        65 => &lc::ECDSA_P256_SHA256_ASN1,
        97 => &lc::ECDSA_P384_SHA384_ASN1,
        _ => &lc::RSA_PKCS1_2048_8192_SHA256,
    }
}

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().unwrap()).unwrap()
}
