//! Certificate revocation lists, base and delta (RFC 5280 section 5).

use const_oid::{AssociatedOid as _, ObjectIdentifier};
use der::asn1::Uint;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::ext::pkix::{BaseCrlNumber, CrlNumber, CrlReason, FreshestCrl};

use super::{Answers, Revocation, Status, Unusable, in_force, read_invalidity_date, spares};
use crate::budget::{self, Work};
use crate::evidence::RevocationKind;
use crate::limits;
use crate::strict_der;
use crate::time::UnixTime;
use crate::x509::{
    Certificate, distribution_urls, first_element, point_urls, unix_time, whole_bytes,
};

/// `id-ce-issuingDistributionPoint`, which x509-cert 0.2 has under another number.
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier =
    const_oid::db::rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT;

/// A list that its issuer signed, in force, and about the certificates that were asked about.
pub(super) struct Crl {
    list: CertificateList,
    until: UnixTime,
    number: Option<Uint>,
    /// For a delta: the base list that it needs at least.
    base_number: Option<Uint>,
    scope: Option<IssuingDistributionPoint>,
    delta_urls: Vec<String>,
}

/// What the list at `url`, with its delta if it names one, says about a certificate.
///
/// The first list that can be used decides; notation-go wants every one of them.
pub(super) fn status(
    der: &[u8],
    url: &str,
    certificate: &Certificate,
    issuer: &Certificate,
    signing_time: Option<UnixTime>,
    answers: &Answers<'_>,
) -> Result<Status, Unusable> {
    let base = Crl::verify(der, issuer, answers.now)?;
    if base.base_number.is_some() {
        return Err(Unusable::IsDelta);
    }
    base.check_scope(url, certificate)?;
    let delta = delta(&base, certificate, issuer, answers)?;
    let until = delta
        .as_ref()
        .map_or(base.until, |delta| delta.until.min(base.until));
    let lists = std::iter::once(&base).chain(&delta);
    match revoked(lists, certificate, signing_time)? {
        Some(revocation) => Ok(Status::Revoked(revocation)),
        None => Ok(Status::Good { until }),
    }
}

/// The delta that the base list, or else the certificate, names; then it is needed.
fn delta(
    base: &Crl,
    certificate: &Certificate,
    issuer: &Certificate,
    answers: &Answers<'_>,
) -> Result<Option<Crl>, Unusable> {
    let mut problem = None;
    for url in base.delta_urls(certificate) {
        let delta = answers
            .bytes(RevocationKind::Crl, &url, issuer)
            .and_then(|der| Crl::verify(der, issuer, answers.now))
            .and_then(|delta| delta.check_delta(base).map(|()| delta));
        match delta {
            Ok(delta) => return Ok(Some(delta)),
            Err(why) => {
                let why = Box::new(why);
                problem = Some(Unusable::Delta { url, why });
            }
        }
    }
    match problem {
        Some(problem) => Err(problem),
        None => Ok(None),
    }
}

/// How the certificate is revoked, if it is. A hold counts unless a later entry lifts it.
pub(super) fn revoked<'a>(
    lists: impl Iterator<Item = &'a Crl>,
    certificate: &Certificate,
    signing_time: Option<UnixTime>,
) -> Result<Option<Revocation>, Unusable> {
    let mut held: Option<(UnixTime, bool)> = None;
    let entries =
        lists.flat_map(|crl| crl.list.tbs_cert_list.revoked_certificates.iter().flatten());
    for entry in entries.filter(|entry| entry.serial_number == *certificate.serial_number()) {
        let entry = Entry::read(entry)?;
        // A later entry may revoke from the start.
        if spares(entry.invalidity_date, signing_time) {
            continue;
        }
        match entry.reason {
            Some(CrlReason::CertificateHold | CrlReason::RemoveFromCRL) => {
                let hold = entry.reason == Some(CrlReason::CertificateHold);
                if held.is_none_or(|(since, _)| since <= entry.since) {
                    held = Some((entry.since, hold));
                }
            }
            reason => {
                let since = entry.since;
                return Ok(Some(Revocation::Crl { since, reason }));
            }
        }
    }
    Ok(match held {
        Some((since, true)) => Some(Revocation::OnHold { since }),
        _ => None,
    })
}

impl Crl {
    /// Reads a list and checks that the issuer signed it and that it is in force.
    pub(super) fn verify(
        der: &[u8],
        issuer: &Certificate,
        now: UnixTime,
    ) -> Result<Self, Unusable> {
        Unusable::if_larger(der, limits::BLOB_BYTES)?;
        let length = u64::try_from(der.len()).unwrap_or(u64::MAX);
        budget::charge(Work::DecodedBytes, length)?;
        let list: CertificateList = strict_der::read(der)?;
        let signed = first_element(der)?;
        let tbs = &list.tbs_cert_list;
        if tbs.issuer != *issuer.subject_name() || tbs.signature != list.signature_algorithm {
            return Err(Unusable::Issuer {
                found: tbs.issuer.to_string(),
                issuer: issuer.to_string(),
            });
        }
        if issuer
            .key_usage()
            .is_some_and(|(_, usage)| !usage.crl_sign())
        {
            return Err(Unusable::NotForLists(issuer.to_string()));
        }
        let signature = whole_bytes(&list.signature)?;
        issuer.verify(&list.signature_algorithm, signed, signature)?;
        let until = in_force(
            unix_time(&tbs.this_update),
            tbs.next_update.as_ref().map(unix_time),
            now,
        )?;
        Self::read_extensions(list, until)
    }

    /// Where the delta of this list is, if it has one.
    pub(super) fn delta_urls(&self, certificate: &Certificate) -> Vec<String> {
        match self.delta_urls.is_empty() {
            true => certificate.delta_crl_urls(),
            false => self.delta_urls.clone(),
        }
    }

    fn read_extensions(list: CertificateList, until: UnixTime) -> Result<Self, Unusable> {
        let mut crl = Self {
            until,
            number: None,
            base_number: None,
            scope: None,
            delta_urls: Vec::new(),
            list,
        };
        for extension in crl.list.tbs_cert_list.crl_extensions.iter().flatten() {
            let value = extension.extn_value.as_bytes();
            match extension.extn_id {
                CrlNumber::OID => {
                    crl.number = Some(strict_der::read::<CrlNumber>(value)?.0);
                }
                BaseCrlNumber::OID => {
                    crl.base_number = Some(strict_der::read::<BaseCrlNumber>(value)?.0);
                }
                ISSUING_DISTRIBUTION_POINT => {
                    crl.scope = Some(strict_der::read(value)?);
                }
                FreshestCrl::OID => {
                    let points = strict_der::read::<FreshestCrl>(value)?.0;
                    crl.delta_urls = distribution_urls(&points);
                }
                id if extension.critical => {
                    return Err(Unusable::Extension(id));
                }
                _ => {}
            }
        }
        Ok(crl)
    }

    /// A list may cover only some certificates: this one must be among them, lest the list of
    /// others, which the same issuer signed, be passed off as the one for this certificate.
    fn check_scope(&self, url: &str, certificate: &Certificate) -> Result<(), Unusable> {
        let Some(scope) = &self.scope else {
            return Ok(());
        };
        let is_authority = certificate.is_ca();
        let wrong = if scope.indirect_crl {
            Unusable::Indirect
        } else if scope.only_some_reasons.is_some() {
            Unusable::SomeReasons
        } else if scope.only_contains_attribute_certs {
            Unusable::AttributeCertificates
        } else if scope.only_contains_user_certs && is_authority {
            Unusable::NoAuthorities
        } else if scope.only_contains_ca_certs && !is_authority {
            Unusable::AuthoritiesOnly
        } else if scope
            .distribution_point
            .as_ref()
            .is_some_and(|name| !point_urls(name).iter().any(|found| found == url))
        {
            Unusable::Point
        } else {
            return Ok(());
        };
        Err(wrong)
    }

    /// RFC 5280 section 5.2.4: a delta continues this very base list.
    fn check_delta(&self, base: &Self) -> Result<(), Unusable> {
        let (Some(number), Some(needed), Some(base_number)) =
            (&self.number, &self.base_number, &base.number)
        else {
            return Err(Unusable::NoDelta);
        };
        if !greater(number, base_number) {
            return Err(Unusable::NotNewer);
        }
        if greater(needed, base_number) {
            return Err(Unusable::BaseTooOld);
        }
        if self.scope != base.scope {
            return Err(Unusable::Scope);
        }
        Ok(())
    }
}

/// An entry, as far as it matters.
struct Entry {
    since: UnixTime,
    reason: Option<CrlReason>,
    invalidity_date: Option<UnixTime>,
}

impl Entry {
    fn read(entry: &RevokedCert) -> Result<Self, Unusable> {
        let extensions = entry.crl_entry_extensions.iter().flatten();
        let is_reason = |extension: &&Extension| extension.extn_id == CrlReason::OID;
        let reason = extensions
            .clone()
            .find(is_reason)
            .map(|extension| strict_der::read::<CrlReason>(extension.extn_value.as_bytes()))
            .transpose()?;
        Ok(Self {
            since: unix_time(&entry.revocation_date),
            reason,
            invalidity_date: read_invalidity_date(extensions.filter(|e| !is_reason(e)))?,
        })
    }
}

/// Whether the number `a` is greater than `b`. Both are without leading zeros.
fn greater(a: &Uint, b: &Uint) -> bool {
    (a.as_bytes().len(), a.as_bytes()) > (b.as_bytes().len(), b.as_bytes())
}
