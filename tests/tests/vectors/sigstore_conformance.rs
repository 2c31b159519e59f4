//! sigstore-conformance: every case is judged rightly, and each refused one for its own
//! reason (`vectors/sigstore-conformance.md`).

use std::collections::BTreeMap;

use sealgate_core::SignedFile;
use sealgate_core::policy::{Authority, Policies};
use sealgate_core::verify_blob;
use sealgate_core::{Digest, UnixTime};
use sealgate_tests::parity::Question;
use sealgate_tests::vectors::{ConformanceCase, NAME, sigstore_conformance};

use crate::oracle::{Policy, oracle};

/// How many directories the suite has at the commit that was recorded.
const CASES: usize = 70;

/// Case → the code for which it is refused.
fn table() -> BTreeMap<String, String> {
    let text = include_str!("../../vectors/sigstore-conformance.md");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (case, code) = (cells.next()?, cells.next()?);
        case.ends_with("_fail`").then_some((case, code))
    });
    rows.map(|(case, code)| (case.replace('`', ""), code.replace('`', "")))
        .collect()
}

fn now() -> UnixTime {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn authority(policies: &Policies) -> &Authority {
    &policies.policies[0].authorities()[0]
}

/// The most telling code by which the artifact is refused as a file, given by its bytes or
/// by its digest.
fn judge_blob(case: &ConformanceCase, by_digest: bool) -> Option<String> {
    let Ok(trust) = case.trust() else {
        return Some("trust_root_malformed".to_owned());
    };
    let Ok(policies) = case.policies() else {
        return Some("policy_malformed".to_owned());
    };
    let blob = match by_digest {
        true => SignedFile::Digest(Digest::sha256(&case.artifact)),
        false => SignedFile::Bytes(&case.artifact),
    };
    let judged = verify_blob(&case.bundle, blob, authority(&policies), &trust, now()).unwrap();
    judged.err().map(|reasons| reasons[0].code.to_string())
}

/// The same of the artifact as an image.
fn judge_image(case: &ConformanceCase) -> Option<String> {
    let Ok(trust) = case.trust() else {
        return Some("trust_root_malformed".to_owned());
    };
    let Ok(policies) = case.policies() else {
        return Some("policy_malformed".to_owned());
    };
    let verdict = sealgate_core::verify(&case.evidence(), &policies, &trust, now()).unwrap();
    assert_eq!(
        verdict.verified,
        verdict.reasons.is_empty(),
        "{}",
        case.name
    );
    verdict
        .reasons
        .first()
        .map(|reason| reason.code.to_string())
}

pub(crate) fn every_case_is_judged_rightly_and_refused_for_its_own_reason() {
    let cases = sigstore_conformance();
    let table = table();
    let mut wrong = Vec::new();
    for case in &cases {
        let expected = match case.must_pass() {
            true => None,
            false => Some(table.get(&case.name).cloned().unwrap_or_default()),
        };
        let judged = [
            ("path", judge_blob(case, false)),
            ("digest", judge_blob(case, true)),
            ("image", judge_image(case)),
        ];
        for (form, found) in judged {
            if found != expected {
                wrong.push(format!(
                    "{} by {form}: expected {expected:?}, found {found:?}",
                    case.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cases.len(), CASES);
    let refused = cases.iter().filter(|case| !case.must_pass()).count();
    assert_eq!(
        table.len(),
        refused,
        "the table has a row for each refused case and no other"
    );
    println!(
        "sigstore-conformance: {CASES} cases in three forms each, {refused} refused for their own reason"
    );
}

pub(crate) fn sigstore_verify_says_the_same() {
    let cases = sigstore_conformance();
    for case in &cases {
        assert_eq!(oracle_on_vector(case), case.must_pass(), "{}", case.name);
    }
    assert_eq!(cases.len(), CASES);
    println!("sigstore-conformance: {CASES} cases, judged alike by sigstore-verify");
}

/// Whether `sigstore-verify` accepts a case.
fn oracle_on_vector(case: &ConformanceCase) -> bool {
    let bundle = String::from_utf8_lossy(&case.bundle);
    let root = match &case.trusted_root {
        Some(root) => String::from_utf8_lossy(root).into_owned(),
        None => sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned(),
    };
    let policy = match &case.key {
        Some(pem) => match sealgate_core::PublicKey::from_pem(pem.as_bytes()) {
            Ok(key) => Policy::Key(key.spki_der().to_vec()),
            Err(_) => return false,
        },
        None => Policy::Identity(&case.identity, &case.issuer),
    };
    oracle(&bundle, &root, &case.artifact, policy)
}

pub(crate) fn wasm_judges_alike() {
    let mut passed = 0;
    for case in sigstore_conformance() {
        let mut policy = case.policy().to_string();
        let mut trust_roots = BTreeMap::new();
        match &case.trusted_root {
            Some(root) => {
                let root = serde_json::from_slice(root).unwrap();
                trust_roots.insert(NAME.to_owned(), root);
            }
            // The one that is built in.
            None => {
                let (own, built_in) = (
                    r#""trustRoot":"conformance""#,
                    r#""trustRoot":"public-good""#,
                );
                policy = policy.replace(own, built_in);
            }
        }
        let question = Question {
            evidence: case.evidence(),
            policies: vec![policy],
            trust_roots,
            trust_stores: BTreeMap::new(),
            now: now(),
        };
        let response = question.judge();
        let verified = response["verdict"]["verified"] == true;
        assert_eq!(verified, case.must_pass(), "{}: {response}", case.name);
        passed += 1;
    }
    assert_eq!(passed, CASES);
    println!("sigstore-conformance: {passed} cases, natively and in wasm");
}
