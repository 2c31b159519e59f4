//! Ratify's v1 interface, so that its constraint templates go on working while a team migrates.
//!
//! `POST /ratify/gatekeeper/v1/verify` answers each key with a verification result of version
//! 0.2.0: `isSuccess` is the verdict's `verified`, and there is a verifier report for each
//! authority of each policy. `/ratify/gatekeeper/v1/mutate` is `/v1/mutate`.
//!
//! Different from Ratify, on purpose: what cannot be decided is a system error and no result, and
//! a result always has `isSuccess`. Nested reports and the reports of other artifacts (SBOM,
//! vulnerabilities) do not exist here: attestation rules of a policy take their place.

use bytes::Bytes;
use sealgate_core::verdict::{AuthorityReport, Passed, Signer, SignerKind};
use sealgate_core::{Reason, Verdict};
use serde_json::{Value, json};

use super::answers::Form;
use super::reply::{Rejection, Reply};
use super::wire::Item;
use super::{Api, Asking};

/// The version of the result's schema.
const VERSION: &str = "0.2.0";

impl Api {
    /// A verification result per key.
    pub(super) async fn ratify(&self, asking: Asking, body: Bytes) -> Result<Reply, Rejection> {
        let trace = asking.id.clone();
        let form = Form::Key(None);
        self.provide(asking, body, false, form, |answered| {
            match &answered.answer {
                Ok(decision) => match result(&decision.judged.json, &trace) {
                    Ok(json) => Item::Value(json.into()),
                    Err(error) => Item::Error(format!("the verdict cannot be told: {error}")),
                },
                Err(error) => Item::wrong(error),
            }
        })
        .await
    }
}

fn result(verdict: &[u8], trace: &str) -> Result<Vec<u8>, serde_json::Error> {
    let verdict = Verdict::from_json(verdict)?;
    serde_json::to_vec(&json!({
        "version": VERSION,
        "isSuccess": verdict.verified,
        "traceID": trace,
        "verifierReports": reports(&verdict),
    }))
}

/// A report for each authority; if no policy applies, one that says so.
fn reports(verdict: &Verdict) -> Vec<Value> {
    let mut reports = Vec::new();
    for policy in &verdict.policies {
        let report = |authority| report(verdict, &policy.name, authority);
        reports.extend(policy.authorities.iter().map(report));
    }
    if reports.is_empty() {
        let (message, code) = said(verdict.verified, &verdict.reasons);
        return vec![json!({
            "subject": verdict.image.reference,
            "isSuccess": verdict.verified,
            "verifierName": "sealgate",
            "name": "sealgate",
            "verifierType": "sealgate",
            "type": "sealgate",
            "message": message,
            "errorReason": code,
        })];
    }
    reports
}

fn report(verdict: &Verdict, policy: &str, authority: &AuthorityReport) -> Value {
    let name = format!("{policy}/{}", authority.name);
    let signer = verdict.signers.iter().find(|one| one.authority == name);
    // Which kind a failed authority is of, the verdict does not tell.
    let kind = match signer.map(|one| one.kind) {
        Some(SignerKind::Notation) => "notation",
        Some(SignerKind::Key | SignerKind::Keyless) => "cosign",
        None => "sealgate",
    };
    let passed = authority.outcome == Passed::Passed;
    // Where nothing was found at all, only the verdict has a reason.
    let own = authority.reasons.iter().chain(&verdict.reasons);
    let (message, code) = match authority.outcome {
        Passed::Unproven => (
            "let in without proof: the policy does not ask who signed",
            "",
        ),
        _ => said(passed, own),
    };
    json!({
        "subject": verdict.image.reference,
        "referenceDigest": signer.map(|one| &one.artifact),
        "isSuccess": passed,
        "verifierName": name,
        "name": name,
        "verifierType": kind,
        "type": kind,
        "message": message,
        "errorReason": code,
        "extensions": signer.map(extensions),
    })
}

/// As Ratify names them: the subject of a notation certificate is called `SN`.
fn extensions(signer: &Signer) -> Value {
    json!({
        "Issuer": signer.issuer,
        "SN": signer.x509_subject.as_ref().or(signer.subject.as_ref()),
    })
}

/// A success, or the first reason's sentence and code.
fn said<'a>(passed: bool, reasons: impl IntoIterator<Item = &'a Reason>) -> (&'a str, &'a str) {
    match (passed, reasons.into_iter().next()) {
        (true, _) => ("verification success", ""),
        (false, Some(reason)) => (&reason.message, reason.code.as_str()),
        (false, None) => ("verification failed", ""),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn told(verdict: &Value) -> Value {
        let bytes = result(verdict.to_string().as_bytes(), "7").unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn verdict() -> Value {
        let digest = format!("sha256:{}", "0".repeat(64));
        json!({
            "schemaVersion": 1,
            "image": {
                "requested": "app",
                "reference": format!("docker.io/library/app@{digest}"),
                "digest": digest,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
            },
            "request": {},
            "verified": true,
            "outcome": "verified",
            "policies": [{
                "name": "prod", "revision": digest, "mode": "enforce", "outcome": "passed",
                "demands": [{"signs": "image", "count": 1, "outcome": "passed", "by": ["notary"]}],
                "authorities": [
                    {"name": "notary", "outcome": "passed", "reasons": []},
                    {"name": "key", "outcome": "failed", "reasons": [
                        {"code": "no_signatures", "message": "the image has no signature"},
                    ]},
                ],
                "reasons": [],
            }],
            "signers": [{
                "kind": "notation", "authority": "prod/notary", "signs": "image", "format": "notation_jws",
                "artifact": digest, "scheme": "rsa-pss-sha256",
                "x509Subject": "CN=signer,O=acme",
            }],
            "attestations": [],
            "checks": [],
            "reasons": [],
            "trustRevision": digest,
        })
    }

    #[test]
    fn every_authority_is_a_verifier_report() {
        let told = told(&verdict());
        assert_eq!(told["version"], "0.2.0");
        assert_eq!(told["isSuccess"], true);
        assert_eq!(told["traceID"], "7");
        let reports = told["verifierReports"].as_array().unwrap();
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[0]["isSuccess"], true);
        assert_eq!(reports[0]["type"], "notation");
        assert_eq!(reports[0]["extensions"]["SN"], "CN=signer,O=acme");
        assert_eq!(reports[1]["isSuccess"], false);
        assert_eq!(reports[1]["errorReason"], "no_signatures");
    }

    #[test]
    fn an_image_without_a_policy_is_one_failed_report() {
        let mut verdict = verdict();
        verdict["verified"] = false.into();
        verdict["policies"] = json!([]);
        verdict["reasons"] = json!([{"code": "no_policy", "message": "no policy applies"}]);
        let told = told(&verdict);
        assert_eq!(told["isSuccess"], false);
        assert_eq!(told["verifierReports"][0]["isSuccess"], false);
        assert_eq!(told["verifierReports"][0]["errorReason"], "no_policy");
    }

    #[test]
    fn an_authority_that_found_nothing_has_the_reason_of_the_verdict() {
        let mut verdict = verdict();
        verdict["policies"][0]["authorities"][1]["reasons"] = json!([]);
        verdict["reasons"] = json!([{"code": "no_signatures", "message": "no signature"}]);
        let report = &told(&verdict)["verifierReports"][1];
        assert_eq!(report["isSuccess"], false);
        assert_eq!(report["errorReason"], "no_signatures");
    }

    #[test]
    fn what_lets_in_without_proof_is_no_success_of_its_authority_rt_10() {
        let mut verdict = verdict();
        verdict["policies"][0]["authorities"][0]["outcome"] = "unproven".into();
        verdict["signers"] = json!([]);
        let told = told(&verdict);
        assert_eq!(told["isSuccess"], true);
        let report = &told["verifierReports"][0];
        assert_eq!(report["isSuccess"], false);
        assert_eq!(report["type"], "sealgate");
        assert!(
            report["message"]
                .as_str()
                .unwrap()
                .starts_with("let in without proof")
        );
    }

    #[test]
    fn what_is_no_verdict_is_no_result() {
        assert!(result(b"{}", "7").is_err());
        let mut later = verdict();
        later["schemaVersion"] = 2.into();
        let error = result(later.to_string().as_bytes(), "7").unwrap_err();
        assert!(error.to_string().contains("schema version 1"), "{error}");
    }
}
