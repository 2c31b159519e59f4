//! What a scanner found: cosign's vulnerability predicate, with the reports of Trivy and of Grype.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md>. A
//! vulnerability counts once, by its identifier and the worst of its severities.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Facts, Part, object, part};
use crate::time::UnixTime;

/// Cosign's predicate.
pub(super) fn cosign(predicate: Part<'_>) -> Facts {
    let result = predicate.at(["scanner", "result"]);
    let metadata = predicate.field("metadata");
    let times = ["scanFinishedOn", "scanStartedOn"].into_iter();
    let mut times = times
        .map(|time| metadata.field(time))
        .filter(|time| time.is_there());
    let scanned: Option<UnixTime> = times
        .next()
        .and_then(Part::text)
        .and_then(|time| time.parse().ok());
    let counted = trivy(result).or_else(|| grype(result));
    object([(
        "vulnerabilities",
        counted.map(|worst| fact(&worst, scanned)),
    )])
}

/// How bad a vulnerability is, from the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    const ALL: [(&'static str, Self); 5] = [
        ("critical", Self::Critical),
        ("high", Self::High),
        ("medium", Self::Medium),
        ("low", Self::Low),
        ("unknown", Self::Unknown),
    ];

    /// What a scanner calls it; what is called otherwise is unknown.
    fn of(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" => Self::High,
            "medium" => Self::Medium,
            "low" | "negligible" => Self::Low,
            _ => Self::Unknown,
        }
    }
}

/// The worst severity of each vulnerability.
type Worst = BTreeMap<String, Severity>;

fn fact(worst: &Worst, scanned: Option<UnixTime>) -> Value {
    let mut fact = json!({"ids": worst.keys().collect::<Vec<_>>()});
    if let Value::Object(fact) = &mut fact {
        for (name, severity) in Severity::ALL {
            let count = worst.values().filter(|one| **one == severity).count();
            fact.insert(name.to_owned(), Value::from(count));
        }
        if let Some(time) = scanned {
            fact.insert("scannedAt".to_owned(), Value::from(time.to_string()));
        }
    }
    fact
}

fn add(worst: &mut Worst, id: Part<'_>, severity: Part<'_>) -> Option<()> {
    let severity = Severity::of(&severity.text()?);
    let known = worst.entry(id.text()?).or_insert(severity);
    *known = severity.max(*known);
    Some(())
}

/// Trivy's report. It leaves out the list of a target in which it found nothing.
fn trivy(report: Part<'_>) -> Option<Worst> {
    let report = report.fields()?;
    part(&report, "SchemaVersion")
        .0
        .filter(|version| version.get() == "2")?;
    let mut worst = Worst::new();
    for target in part(&report, "Results").items()? {
        let target = target.fields()?;
        part(&target, "Target").text()?;
        let list = part(&target, "Vulnerabilities");
        if !list.is_there() {
            continue;
        }
        for found in list.items()? {
            let found = found.fields()?;
            let id = part(&found, "VulnerabilityID");
            add(&mut worst, id, part(&found, "Severity"))?;
        }
    }
    Some(worst)
}

/// Grype's report.
fn grype(report: Part<'_>) -> Option<Worst> {
    let report = report.fields()?;
    let scanner = part(&report, "descriptor").field("name").text()?;
    if scanner != "grype" {
        return None;
    }
    let mut worst = Worst::new();
    for found in part(&report, "matches").items()? {
        let found = found.field("vulnerability").fields()?;
        add(&mut worst, part(&found, "id"), part(&found, "severity"))?;
    }
    Some(worst)
}
