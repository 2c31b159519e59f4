//! Revocation: what OCSP responders and certificate revocation lists say at `now`.
//!
//! Trust store and trust policy specification, "Certificate revocation evaluation". The answers
//! are evidence: fetched by whoever may use the network, verified here. Without them the status
//! is unknown, and the level decides what that means.

mod crl;
mod ocsp;
mod request;
mod status;
mod unusable;

use std::cell::RefCell;
use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::asn1::GeneralizedTime;
use x509_cert::ext::Extension;

use super::chain::Chain;
use crate::budget;
use crate::digest::Digest;
use crate::evidence::{Blob, NoAnswer, RevocationAnswer, RevocationKind};
use crate::judgement::Context;
use crate::reason::{Code, Reason};
use crate::strict_der;
use crate::time::UnixTime;
use crate::x509::Certificate;

#[cfg(feature = "internals")]
pub(crate) use request::revocation_requests_at_cost;
pub use request::{RevocationRequest, revocation_requests};
use status::{Revocation, Status};
use unusable::{Silent, Unknown, Unusable};

/// Clocks differ: how far in the future an answer may have been made, in seconds.
const CLOCK_SKEW: i64 = 300;

/// `id-ce-invalidityDate` (RFC 5280 section 5.3.2).
const INVALIDITY_DATE: ObjectIdentifier = rfc5280::ID_CE_INVALIDITY_DATE;

/// See [`crate::internals`].
#[cfg(feature = "internals")]
pub(super) fn is_listed(
    list: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    now: UnixTime,
) -> Result<bool, Unusable> {
    let list = crl::Crl::verify(list, issuer, now)?;
    crl::revoked(std::iter::once(&list), certificate, None).map(|how| how.is_some())
}

/// Checks every certificate of a chain but the root. Gives until when the answers hold.
///
/// `signing_time`: when it was signed, if a signing authority vouches for it: a certificate whose
/// key became invalid only later is not revoked for this signature.
pub(super) fn check_chain(
    chain: &Chain,
    signing_time: Option<UnixTime>,
    context: &Context<'_>,
    known: &KnownStatuses,
) -> Result<Option<UnixTime>, Reason> {
    let answers = Answers::new(&context.evidence.revocation, context.now);
    let mut until: Option<UnixTime> = None;
    let mut unknown = None;
    for (certificate, issuer) in chain.links() {
        let key = (
            certificate.fingerprint(),
            issuer.fingerprint(),
            signing_time,
        );
        let check = || check(certificate, issuer, signing_time, &answers);
        match known.get_or_insert_with(key, check) {
            Ok(None) => {}
            Ok(Some(Status::Good { until: end })) => {
                until = Some(until.map_or(end, |until| until.min(end)));
            }
            // A revoked certificate tells more than an unknown one.
            Ok(Some(Status::Revoked(how))) => {
                return Err(Reason::new(
                    Code::CertificateRevoked,
                    format!("the certificate {certificate} is revoked: {how}"),
                ));
            }
            Err(why) => {
                unknown.get_or_insert_with(|| {
                    Reason::new(
                        Code::RevocationUnknown,
                        format!(
                            "whether the certificate {certificate} is revoked is unknown: {why}"
                        ),
                    )
                });
            }
        }
    }
    match unknown {
        Some(reason) => Err(reason),
        None => Ok(until),
    }
}

/// A certificate, its issuer, and the signing time if a signing authority vouches for it.
type StatusKey = (Digest, Digest, Option<UnixTime>);
/// What is known about one certificate, see [`check`].
type StatusResult = Result<Option<Status>, Unknown>;

/// What became of questions in this verdict: a list of megabytes is read once, however many
/// signatures ask about it.
#[derive(Default)]
pub(crate) struct KnownStatuses(RefCell<BTreeMap<StatusKey, StatusResult>>);

impl KnownStatuses {
    fn get_or_insert_with(
        &self,
        key: StatusKey,
        check: impl FnOnce() -> StatusResult,
    ) -> StatusResult {
        if let Some(known) = self.0.borrow().get(&key) {
            return known.clone();
        }
        let status = check();
        // What was made beyond a limit says nothing.
        if !budget::is_exceeded() {
            self.0.borrow_mut().insert(key, status.clone());
        }
        status
    }
}

/// What is known about one certificate; `None`: it names no way to ask, so it cannot be revoked.
///
/// OCSP first; the lists only if every responder **was asked** and none said good or revoked: an
/// answer that is not there at all may have been taken out because it said "revoked".
fn check(
    certificate: &Certificate,
    issuer: &Certificate,
    signing_time: Option<UnixTime>,
    answers: &Answers<'_>,
) -> StatusResult {
    if !certificate.is_revocable() {
        return Ok(None);
    }
    let mut unknown = Unknown::default();
    let mut unasked = false;
    for url in certificate.ocsp_urls() {
        // Others cannot be asked by anybody.
        unasked |= request::is_http(&url) && !answers.has(RevocationKind::Ocsp, &url, certificate);
        let status = answers
            .bytes(RevocationKind::Ocsp, &url, certificate)
            .and_then(|der| ocsp::status(der, certificate, issuer, signing_time, answers.now));
        match status {
            Ok(Status::Good { .. }) if unasked => {
                unknown.0.push(Silent::AnotherNotAsked(url));
            }
            Ok(status) => return Ok(Some(status)),
            Err(why) => unknown.0.push(Silent::Ocsp { url, why }),
        }
    }
    if unasked {
        return Err(unknown);
    }
    for url in certificate.crl_urls() {
        let status = answers
            .bytes(RevocationKind::Crl, &url, issuer)
            .and_then(|der| crl::status(der, &url, certificate, issuer, signing_time, answers));
        match status {
            Ok(status) => return Ok(Some(status)),
            Err(why) => unknown.0.push(Silent::Crl { url, why }),
        }
    }
    Err(unknown)
}

/// The answers that the evidence holds, none of them verified, and the time of the verdict.
struct Answers<'a> {
    answers: &'a [RevocationAnswer],
    now: UnixTime,
}

impl<'a> Answers<'a> {
    fn new(answers: &'a [RevocationAnswer], now: UnixTime) -> Self {
        Self { answers, now }
    }

    fn now(&self) -> UnixTime {
        self.now
    }

    /// The answer to a question, or why there is none, if it was asked.
    fn find(
        &self,
        kind: RevocationKind,
        url: &str,
        about: &Certificate,
    ) -> Option<Result<&'a [u8], &'a NoAnswer>> {
        let asked = |answer: &&RevocationAnswer| {
            answer.kind == kind && answer.url == url && answer.certificate == about.fingerprint()
        };
        let answer = self.answers.iter().find(asked)?;
        Some(answer.outcome.as_ref().map(Blob::bytes))
    }

    fn has(&self, kind: RevocationKind, url: &str, about: &Certificate) -> bool {
        self.find(kind, url, about).is_some()
    }

    fn bytes(
        &self,
        kind: RevocationKind,
        url: &str,
        about: &Certificate,
    ) -> Result<&'a [u8], Unusable> {
        let answer = self.find(kind, url, about).ok_or(Unusable::NotFetched)?;
        Ok(answer.map_err(NoAnswer::clone)?)
    }
}

/// Whether an answer is in force: made at `this`, replaced after `next`.
fn in_force(this: UnixTime, next: Option<UnixTime>, now: UnixTime) -> Result<UnixTime, Unusable> {
    let next = next.ok_or(Unusable::Unending)?;
    if this > now.plus(CLOCK_SKEW) {
        return Err(Unusable::Future(this));
    }
    if next < now {
        return Err(Unusable::Ended(next));
    }
    Ok(next)
}

/// Whether a revocation spares what was signed before: its key became invalid only later.
fn spares(invalidity_date: Option<UnixTime>, signing_time: Option<UnixTime>) -> bool {
    matches!((invalidity_date, signing_time), (Some(date), Some(signed)) if signed < date)
}

/// The invalidity date among some extensions; an unknown critical one is an error.
fn read_invalidity_date<'a>(
    extensions: impl Iterator<Item = &'a Extension>,
) -> Result<Option<UnixTime>, Unusable> {
    let mut date = None;
    for extension in extensions {
        if extension.extn_id == INVALIDITY_DATE {
            let value = extension.extn_value.as_bytes();
            let time: GeneralizedTime = strict_der::read(value)?;
            date = Some(seconds(time));
        } else if extension.critical {
            return Err(Unusable::Extension(extension.extn_id));
        }
    }
    Ok(date)
}

fn seconds(time: GeneralizedTime) -> UnixTime {
    let seconds = time.to_unix_duration().as_secs();
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::budget::Work;
    use crate::limits;

    /// Else a list of megabytes would be read as often as somebody attaches a signature.
    #[test]
    fn an_answer_is_looked_at_once_unless_a_limit_was_met_meanwhile() {
        let known = KnownStatuses::default();
        let mut looked = 0;
        let mut ask = |name: &[u8], work| {
            let key = (Digest::sha256(name), Digest::sha256(b"issuer"), None);
            let status = known.get_or_insert_with(key, || {
                looked += 1;
                let _ = budget::charge(Work::DecodedBytes, work);
                let since = UnixTime::from_seconds(0);
                Ok(Some(Status::Revoked(Revocation::Ocsp { since })))
            });
            assert!(status.is_ok_and(|status| status.is_some()));
            looked
        };
        let most = limits::DECODED_BYTES_EACH;
        budget::metered(|| {
            assert_eq!([ask(b"a", 1), ask(b"a", 1), ask(b"b", 1)], [1, 1, 2]);
            assert!(budget::share(|| ask(b"c", most + 1)).is_err());
            assert_eq!(budget::share(|| ask(b"c", 1)), Ok(4));
            assert_eq!(budget::share(|| ask(b"c", 1)), Ok(4));
        });
    }
}
