//! Rekor v1's promise to include an entry: the signed entry timestamp (SET).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::log_entry::LogEntry;
use super::log_scheme;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::trust::Log;

/// Verifies the log's signature over the entry, its index and its integrated time, and
/// returns that time.
pub(super) fn verify(
    entry: &LogEntry,
    promise: &[u8],
    log: &Log,
    now: UnixTime,
) -> Result<UnixTime, Reason> {
    let seconds = entry.integrated_time.ok_or_else(|| {
        Reason::new(
            Code::SetInvalid,
            "a log entry has a signed entry timestamp, but no integrated time",
        )
    })?;
    let signed = serde_json_canonicalizer::to_vec(&json!({
        "body": STANDARD.encode(&entry.body),
        "integratedTime": seconds,
        "logID": hex::encode(&entry.log_id),
        "logIndex": entry.index,
    }))
    .unwrap_or_default();
    log.key
        .verify(log_scheme(&log.key), &signed, promise)
        .map_err(|_| {
            Reason::new(
                Code::SetInvalid,
                format!("the signed entry timestamp of {} does not verify", log.name),
            )
        })?;
    let time = UnixTime::from_seconds(seconds);
    // No tolerance for clocks that are ahead (TOB-SIGSTORE-7).
    if time > now {
        return Err(Reason::new(
            Code::IntegratedTimeInvalid,
            format!(
                "the log {} took the entry at {time}, and now is {now}",
                log.name
            ),
        ));
    }
    if !log.valid_for.contains(time) {
        return Err(Reason::new(
            Code::IntegratedTimeInvalid,
            format!(
                "the log {} counts {}, and took the entry at {time}",
                log.name, log.valid_for
            ),
        ));
    }
    Ok(time)
}
