//! x509-limbo: every case against the path builder that certificates of images go through.
//!
//! Limbo is about TLS. Names are not compared here, and a path is only what leads to a
//! certificate: who it names is the policy's question. What follows from that, and from what
//! webpki does, is in the table, each case with its reason.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::UnixTime;
use sealgate_core::internals::{Usage, certificate_path, notary_is_listed};
use sealgate_tests::vectors;
use serde_json::Value;

use crate::table;

const CASES: usize = 194;
/// Where a case does not say.
const NOW: &str = "2026-11-22T00:00:00Z";

/// The DER in a PEM block.
fn der(pem: &Value) -> Vec<u8> {
    let body: String = pem
        .as_str()
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(body).unwrap()
}

fn ders(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().unwrap().iter().map(der).collect()
}

/// Why the certificate of a case is refused.
fn judge(case: &Value) -> Result<(), String> {
    let leaf = der(&case["peer_certificate"]);
    let intermediates = ders(&case["untrusted_intermediates"]);
    let trusted = ders(&case["trusted_certs"]);
    let usage = match case["validation_kind"].as_str().unwrap() {
        "CLIENT" => Usage::ClientAuth,
        _ => Usage::ServerAuth,
    };
    let now: UnixTime = case["validation_time"]
        .as_str()
        .unwrap_or(NOW)
        .parse()
        .unwrap();
    let mut failure = "no certificate is trusted".to_owned();
    let path = trusted.iter().find(|root| {
        certificate_path(&leaf, &intermediates, root, usage, now)
            .map_err(|why| failure = why)
            .is_ok()
    });
    let Some(root) = path else {
        return Err(failure);
    };
    for crl in ders(&case["crls"]) {
        match notary_is_listed(&crl, &leaf, root, now) {
            Ok(false) => {}
            Ok(true) => return Err("revoked".to_owned()),
            Err(why) => return Err(format!("revocation is unknown: {why}")),
        }
    }
    Ok(())
}

pub(crate) fn every_case_is_judged_as_it_or_the_table_says() {
    let file = vectors::folder("x509-limbo").join("limbo.json");
    let limbo: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = limbo["testcases"].as_array().unwrap();
    assert_eq!(cases.len(), CASES);
    let table = table::rows(include_str!("../../vectors/x509-limbo.md"), 3);
    let mut exceptions = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut accepted = 0;
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let judged = judge(case);
        accepted += usize::from(judged.is_ok());
        let expected = case["expected_result"] == "SUCCESS";
        let found = match &judged {
            Ok(()) => "accepted",
            Err(_) => "refused",
        };
        match table.get(id) {
            Some(row) => {
                exceptions.insert(id, found);
                if row[0] != found || judged.is_ok() == expected {
                    wrong.push(format!("{id}: the table says {}, found {judged:?}", row[0]));
                }
            }
            None if judged.is_ok() == expected => {}
            None => wrong.push(format!("{id}: expected {expected}, found {judged:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        exceptions.len(),
        table.len(),
        "the table has cases that limbo has not"
    );
    println!(
        "x509-limbo: {CASES} cases, {accepted} accepted, {} refused, {} exceptions",
        CASES - accepted,
        exceptions.len()
    );
}
