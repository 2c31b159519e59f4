//! What lies inside of signed things, behind the signatures. These targets believe.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::evidence::RevocationKind;
use sealgate_core::trust::{StoreKind, TrustStore};
use sealgate_testkit::der;
use sealgate_testkit::key::{Key, Kind};
use sealgate_testkit::notation::Format;
use sealgate_testkit::notation::envelope::artifact;
use sealgate_testkit::pack::referrer;
use sealgate_testkit::sign::BUNDLE;
use sealgate_testkit::sigstore::Sigstore;
use serde_json::{Value, json};

use crate::scene::{answer, evidence, judge};
use crate::world::world;

/// What a certificate's log list is kept under (RFC 6962 section 3.3).
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

fn judge_bundle(policy: &str, bundle: &Value) {
    let bundle = referrer(&world().digest, BUNDLE, bundle.to_string().as_bytes());
    judge(&evidence(policy, vec![bundle], Vec::new()));
}

fn judge_jws(policy: &str, jws: &Value, kind: Option<(RevocationKind, &[u8])>) {
    let envelope = artifact(&world().digest, Format::Jws, jws.to_string().as_bytes());
    let answers = kind.map(|(kind, bytes)| answer(kind, bytes));
    let evidence = evidence(policy, vec![envelope], answers.into_iter().collect());
    let _ = sealgate_core::revocation_requests(&evidence, &world().trust, crate::NOW);
    judge(&evidence);
}

/// The payload of a bundle's envelope.
pub(crate) fn statement(data: &[u8]) {
    let mut bundle = world().bundle_v2.clone();
    bundle["dsseEnvelope"]["payload"] = STANDARD.encode(data).into();
    // A log entry would name another payload.
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    judge_bundle("attested", &bundle);
    let mut by_key = bundle;
    by_key["verificationMaterial"] = json!({"publicKey": {"hint": ""}});
    judge_bundle("key", &by_key);
}

/// The body of a log entry.
pub(crate) fn rekor_body(data: &[u8]) {
    let body: Value = serde_json::from_slice(data).unwrap_or_default();
    for bundle in [&world().bundle_v1, &world().bundle_v2] {
        let mut bundle = bundle.clone();
        let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
        entry["canonicalizedBody"] = STANDARD.encode(data).into();
        if let (Some(kind), Some(version)) = (body["kind"].as_str(), body["apiVersion"].as_str()) {
            entry["kindVersion"] = json!({"kind": kind, "version": version});
        }
        judge_bundle("keyless", &bundle);
    }
}

/// The checkpoint of an inclusion proof.
pub(crate) fn checkpoint(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for bundle in [&world().bundle_v1, &world().bundle_v2] {
        let mut bundle = bundle.clone();
        let proof = &mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
        proof["checkpoint"]["envelope"] = text.as_ref().into();
        judge_bundle("keyless", &bundle);
    }
}

/// A certificate: of a signer of either kind, and as an anchor.
pub(crate) fn certificate(data: &[u8]) {
    for kind in [StoreKind::Ca, StoreKind::Tsa] {
        let _ = TrustStore::read(kind, [data]);
    }
    let mut bundle = world().bundle_v1.clone();
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = STANDARD.encode(data).into();
    judge_bundle("keyless", &bundle);
    let mut jws = world().jws.clone();
    jws["header"]["x5c"][0] = STANDARD.encode(data).into();
    judge_jws("notary", &jws, None);
}

/// The list of promises in a certificate.
pub(crate) fn sct_list(data: &[u8]) {
    static SIGSTORE: OnceLock<Sigstore> = OnceLock::new();
    let sigstore = SIGSTORE.get_or_init(|| Sigstore::new("private"));
    let mut leaf = sigstore.leaf();
    leaf.extensions
        .push((SCT_LIST.to_owned(), false, der::octets(data)));
    let key = Key::new(Kind::P256, "leaf");
    let certificate = leaf.issued_by(key, &sigstore.intermediate);
    let mut bundle = world().bundle_v2.clone();
    bundle["verificationMaterial"]["certificate"]["rawBytes"] =
        STANDARD.encode(&certificate.der).into();
    // A log entry would name another certificate.
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    judge_bundle("attested", &bundle);
}

/// A timestamp token: of a bundle, and of a countersignature.
pub(crate) fn timestamp(data: &[u8]) {
    let token: Value = STANDARD.encode(data).into();
    let mut bundle = world().bundle_v2.clone();
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] =
        token.clone();
    judge_bundle("witnessed", &bundle);
    let mut jws = world().jws.clone();
    jws["header"]["io.cncf.notary.timestampSignature"] = token;
    judge_jws("stamped", &jws, None);
}

/// A list of revoked certificates.
pub(crate) fn crl(data: &[u8]) {
    judge_jws("notary", &world().jws, Some((RevocationKind::Crl, data)));
}

/// An answer by OCSP.
pub(crate) fn ocsp(data: &[u8]) {
    judge_jws("notary", &world().jws, Some((RevocationKind::Ocsp, data)));
}
