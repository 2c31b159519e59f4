//! Who saw a signature, and when: transparency logs and timestamp authorities.

use std::collections::BTreeSet;

use super::entity::{Content, SignedEntity};
use super::log::{Claim, LoggedEntry};
use crate::reason::{Class, Code, Reason, most_specific};
use crate::time::UnixTime;
use crate::timestamp::{Profile, TimestampError, Token};
use crate::trust::{SigstoreRoot, TimestampAuthority};
use crate::verdict::{LogPosition, TimeSource, VerifiedTime};

/// How many distinct witnesses there must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// Transparency logs.
    pub(super) logs: usize,
    /// Timestamp authorities.
    pub(super) timestamps: usize,
}

/// What the witnesses of a signature say. All of it is verified.
#[derive(Debug, Default)]
pub(super) struct Witnessed {
    times: BTreeSet<VerifiedTime>,
    logs: BTreeSet<LogPosition>,
    until: Option<UnixTime>,
    log_operators: BTreeSet<String>,
    timestamp_operators: BTreeSet<String>,
    /// Why others were not counted.
    not_counted: Vec<Reason>,
}

impl Witnessed {
    /// Verifies every witness of a signature and counts each log and each authority once,
    /// however often it occurs (CVE-2026-49834).
    ///
    /// Witnesses that the root does not know, or no longer trusts at their time, are not
    /// counted. One that is broken, or is for another signature, fails the signature:
    /// nobody honest adds one.
    pub(super) fn verify(
        entity: &SignedEntity,
        claim: &Claim<'_>,
        root: &SigstoreRoot,
        thresholds: Thresholds,
        now: UnixTime,
    ) -> Result<Self, Reason> {
        let mut witnessed = Self::default();
        for timestamp in &entity.timestamps {
            let seen = read_timestamp(timestamp, &entity.content, root, now);
            let counted = seen.map(|(authority, time)| witnessed.add_timestamp(authority, time));
            witnessed.unless_untrusted(counted)?;
        }
        let timestamped: Vec<_> = witnessed.times.iter().map(|seen| seen.time).collect();
        for entry in &entity.log_entries {
            let seen = entry
                .verify(claim, root, now)
                .and_then(|logged| check_retirement(logged, &timestamped, now));
            let counted = seen.map(|logged| {
                let by_now = logged.time().is_none() && timestamped.is_empty();
                witnessed.add_log_entry(&logged, by_now);
            });
            witnessed.unless_untrusted(counted)?;
        }
        witnessed.check(thresholds)?;
        Ok(witnessed)
    }

    /// Without a trust root there is nobody to believe.
    pub(super) fn by_nobody() -> Self {
        Self::default()
    }

    /// When it was seen.
    pub(super) fn times(&self) -> &BTreeSet<VerifiedTime> {
        &self.times
    }

    /// Where it is logged.
    pub(super) fn logs(&self) -> &BTreeSet<LogPosition> {
        &self.logs
    }

    /// When a log that is judged by `now` no longer counts.
    pub(super) fn until(&self) -> Option<UnixTime> {
        self.until
    }

    /// The times, at least one.
    pub(super) fn some_time(&self) -> Result<Vec<UnixTime>, Reason> {
        if self.times.is_empty() {
            return Err(self.most_telling(Reason::new(
                Code::NoVerifiedTime,
                "expected a time of the signature, from a transparency log's signed entry timestamp \
                 or a timestamp authority, found none",
            )));
        }
        Ok(self.times.iter().map(|seen| seen.time).collect())
    }

    fn add_timestamp(&mut self, authority: &TimestampAuthority, time: UnixTime) {
        self.timestamp_operators.insert(authority.operator.clone());
        self.times.insert(VerifiedTime {
            time,
            source: TimeSource::TimestampAuthority,
            name: authority.name.clone(),
        });
    }

    fn add_log_entry(&mut self, entry: &LoggedEntry<'_>, by_now: bool) {
        if let Some(end) = entry.log().valid_for.end.filter(|_| by_now) {
            self.until = Some(self.until.map_or(end, |until| until.min(end)));
        }
        self.log_operators.insert(entry.log().operator.clone());
        self.logs.insert(LogPosition {
            log: entry.log().name.clone(),
            id: hex::encode(&entry.log().id),
            index: entry.index().map(|index| index.to_string()),
            shard_index: entry
                .shard_index()
                .filter(|_| entry.index().is_none())
                .map(|index| index.to_string()),
        });
        self.times.extend(entry.time().map(|time| VerifiedTime {
            time,
            source: TimeSource::TransparencyLog,
            name: entry.log().name.clone(),
        }));
    }

    fn unless_untrusted(&mut self, seen: Result<(), Reason>) -> Result<(), Reason> {
        match seen {
            // What cannot be read may be anything. Nobody honest adds it.
            Err(reason)
                if reason.code.class() == Class::Untrusted
                    && reason.code != Code::FormUnsupported =>
            {
                self.not_counted.push(reason);
                Ok(())
            }
            other => other,
        }
    }

    fn check(&self, thresholds: Thresholds) -> Result<(), Reason> {
        let counts = [
            (
                Code::TimestampThresholdNotMet,
                "timestamps by at least {} authorities",
                thresholds.timestamps,
                self.timestamp_operators.len(),
            ),
            (
                Code::LogThresholdNotMet,
                "entries in at least {} transparency logs",
                thresholds.logs,
                self.log_operators.len(),
            ),
        ];
        for (code, what, expected, found) in counts {
            if found < expected {
                let what = what.replace("{}", &expected.to_string());
                return Err(
                    self.most_telling(Reason::new(code, format!("expected {what}, found {found}")))
                );
            }
        }
        Ok(())
    }

    /// A witness that was offered and not counted tells more than that there is none.
    fn most_telling(&self, otherwise: Reason) -> Reason {
        let mut reasons = most_specific(self.not_counted.clone());
        match reasons.is_empty() {
            true => otherwise,
            false => reasons.swap_remove(0),
        }
    }
}

/// The authority that made the timestamp for this signature, and its time.
fn read_timestamp<'a>(
    der: &[u8],
    content: &Content,
    root: &'a SigstoreRoot,
    now: UnixTime,
) -> Result<(&'a TimestampAuthority, UnixTime), Reason> {
    let token = Token::parse(der, &Profile::SIGSTORE)?;
    // Cosign's legacy attestations are timestamped as the whole document.
    let document = match content {
        Content::Dsse(envelope) => envelope.document(),
        _ => None,
    };
    if document.is_none_or(|document| token.covers(document).is_err()) {
        token.covers(content.signature())?;
    }
    if token.time() > now {
        return Err(Reason::new(
            Code::TimestampInvalid,
            format!("the timestamp's time is {}, and now is {now}", token.time()),
        ));
    }
    let mut failure = TimestampError::UnknownSigner;
    for authority in &root.timestamp_authorities {
        match authority.authority.verify(&token) {
            Ok(time) => return Ok((authority, time)),
            Err(TimestampError::UnknownSigner) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure.into())
}

/// An entry without a time of its own must come from a time at which the log counted, and if
/// nobody tells one, the log must count now: a retired log's key may be in anybody's hands.
fn check_retirement<'a>(
    entry: LoggedEntry<'a>,
    timestamped: &[UnixTime],
    now: UnixTime,
) -> Result<LoggedEntry<'a>, Reason> {
    let window = entry.log().valid_for;
    let times = match timestamped.is_empty() {
        true => &[now][..],
        false => timestamped,
    };
    match times.iter().find(|time| !window.contains(**time)) {
        Some(time) if entry.time().is_none() => Err(Reason::new(
            Code::LogOutsideValidity,
            format!(
                "the log {} counts {window}, and {}",
                entry.log().name,
                match timestamped.is_empty() {
                    true => format!("the signature has no verified time; now is {time}"),
                    false => format!("the signature was made at {time}"),
                }
            ),
        )),
        _ => Ok(entry),
    }
}
