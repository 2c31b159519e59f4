//! All answers that are no proof in SARIF 2.1.0 (OASIS), which code scanning shows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Report, Row};
use crate::commands::exit::Exit;
use crate::commands::explain;
use crate::commands::manifests::Place;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One run: a result for each image that is not verified, and a note for what was not looked at.
pub(crate) fn sarif(report: &Report) -> String {
    let told: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| Some((row, row.code()?)))
        .collect();
    let codes: BTreeSet<_> = told.iter().map(|(_, code)| *code).collect();
    let rules: Vec<_> = codes.into_iter().map(rule).collect();
    let results: Vec<_> = told.iter().map(|(row, code)| result(row, code)).collect();
    let undecided = report.rows.iter().any(|row| row.answer.is_err());
    let notes: Vec<_> = report.not_looked_at.iter().map(note).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "sealgate",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": !undecided,
                "toolExecutionNotifications": notes,
            }],
            "results": results,
        }],
    });
    document.to_string() + "\n"
}

fn rule(code: &str) -> Value {
    match explain::row(code) {
        Some(row) => json!({
            "id": code,
            "shortDescription": {"text": row.means},
            "fullDescription": {"text": row.cause},
            "help": {"text": row.remedy},
        }),
        None => json!({"id": code}),
    }
}

fn result(row: &Row, code: &str) -> Value {
    let level = match row.exit() {
        // It is let in, and not by proof.
        Exit::Verified => "warning",
        _ => "error",
    };
    let mut text = format!("{}: {}", row.image, row.outcome());
    if let Some(sentence) = row.sentence() {
        text.push_str(&format!(": {sentence}"));
    }
    let locations: Vec<_> = row.places.iter().map(location).collect();
    json!({
        "ruleId": code,
        "level": level,
        "message": {"text": text},
        "locations": locations,
        "partialFingerprints": {
            "image/v1": format!("{} {}", row.namespace.as_deref().unwrap_or_default(), row.image),
        },
    })
}

fn location(place: &Place) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&place.file)},
            "region": {"startLine": place.line},
        },
        "logicalLocations": [{"fullyQualifiedName": place.to_string()}],
    })
}

fn note((place, why): &(Place, String)) -> Value {
    json!({
        "level": "note",
        "message": {"text": format!("not looked at: {place}: {why}")},
        "locations": [location(place)],
    })
}

/// A path as the reference of a URI (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        match plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
