//! All answers as one JSON document.

use serde_json::{Value, json};

use super::{Report, place};
use crate::commands::no_verdict::NoVerdict;

/// The document: for each image its namespace, where it is used, and the verdict or why there is
/// none.
pub(crate) fn document(report: &Report) -> String {
    let rows = report.rows.iter().map(|row| {
        let mut entry = json!({
            "image": row.image,
            "namespace": row.namespace,
            "usedBy": row.places.iter().map(place).collect::<Vec<_>>(),
            "outcome": row.outcome(),
        });
        let (name, value) = match &row.answer {
            Ok(verdict) => ("verdict", json!(verdict)),
            Err(none) => ("error", error(none)),
        };
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(name.to_owned(), value);
        }
        entry
    });
    let rows: Vec<_> = rows.collect();
    let unread = report.not_looked_at.iter().map(|(at, why)| {
        let mut entry = place(at);
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("why".to_owned(), json!(why));
        }
        entry
    });
    let unread: Vec<_> = unread.collect();
    let document = json!({
        "summary": report.counts(),
        "images": rows,
        "notLookedAt": unread,
    });
    document.to_string() + "\n"
}

/// Why there is no verdict.
pub(crate) fn error(none: &NoVerdict) -> Value {
    let mut error = json!({"code": none.code, "message": none.message});
    if let (Some(error), Some(hint)) = (error.as_object_mut(), none.admin_hint) {
        error.insert("adminHint".to_owned(), hint.into());
    }
    error
}
