//! What a scanner found: cosign's vulnerability predicate, with the reports of Trivy and of Grype.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md>. A
//! vulnerability counts once, by its identifier and the worst of its severities.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::excuses::{Excuses, Why};
use super::{Facts, Part, object, part};
use crate::time::UnixTime;

/// Cosign's predicate, without what is excused.
pub(super) fn cosign(predicate: Part<'_>, excuses: &Excuses) -> Facts {
    let metadata = predicate.field("metadata");
    let times = ["scanFinishedOn", "scanStartedOn"].into_iter();
    let mut times = times
        .map(|time| metadata.field(time))
        .filter(|time| time.is_there());
    let scanned: Option<UnixTime> = times
        .next()
        .and_then(Part::text)
        .and_then(|time| time.parse().ok());
    object([(
        "vulnerabilities",
        findings(predicate).map(|found| fact(&worst(found, excuses), scanned)),
    )])
}

/// What of a scan is excused, and why: of a vulnerability in several components an exception, if one
/// is needed for any.
pub(super) fn excused<'e>(predicate: Part<'_>, excuses: &'e Excuses) -> BTreeMap<String, Why<'e>> {
    let mut excused = BTreeMap::new();
    for one in findings(predicate).unwrap_or_default() {
        match excuses.of(&one.id, one.component.as_deref()) {
            Some(why @ Why::Exception(_)) => {
                excused.insert(one.id, why);
            }
            Some(why) => {
                excused.entry(one.id).or_insert(why);
            }
            None => {}
        }
    }
    excused
}

/// A vulnerability in a component.
struct Finding {
    id: String,
    severity: Severity,
    /// The package URL of the component.
    component: Option<String>,
}

fn findings(predicate: Part<'_>) -> Option<Vec<Finding>> {
    let result = predicate.at(["scanner", "result"]);
    trivy(result).or_else(|| grype(result))
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

/// The worst severity of each that is not excused.
fn worst(found: Vec<Finding>, excuses: &Excuses) -> Worst {
    let mut worst = Worst::new();
    for one in found {
        if excuses.of(&one.id, one.component.as_deref()).is_some() {
            continue;
        }
        let known = worst.entry(one.id).or_insert(one.severity);
        *known = one.severity.max(*known);
    }
    worst
}

fn finding(id: Part<'_>, severity: Part<'_>, component: Part<'_>) -> Option<Finding> {
    Some(Finding {
        severity: Severity::of(&severity.text()?),
        id: id.text()?,
        component: component.text(),
    })
}

/// Trivy's report. It leaves out the list of a target in which it found nothing.
fn trivy(report: Part<'_>) -> Option<Vec<Finding>> {
    let report = report.fields()?;
    part(&report, "SchemaVersion")
        .0
        .filter(|version| version.get() == "2")?;
    let mut found = Vec::new();
    for target in part(&report, "Results").items()? {
        let target = target.fields()?;
        part(&target, "Target").text()?;
        let list = part(&target, "Vulnerabilities");
        if !list.is_there() {
            continue;
        }
        for one in list.items()? {
            let one = one.fields()?;
            let id = part(&one, "VulnerabilityID");
            let component = part(&one, "PkgIdentifier").field("PURL");
            found.push(finding(id, part(&one, "Severity"), component)?);
        }
    }
    Some(found)
}

/// Grype's report.
fn grype(report: Part<'_>) -> Option<Vec<Finding>> {
    let report = report.fields()?;
    let scanner = part(&report, "descriptor").field("name").text()?;
    if scanner != "grype" {
        return None;
    }
    let mut found = Vec::new();
    for one in part(&report, "matches").items()? {
        let component = one.at(["artifact", "purl"]);
        let one = one.field("vulnerability").fields()?;
        found.push(finding(
            part(&one, "id"),
            part(&one, "severity"),
            component,
        )?);
    }
    Some(found)
}
