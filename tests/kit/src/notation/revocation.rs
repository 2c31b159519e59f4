//! Answers about revocation: OCSP responses and revocation lists.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sealgate_core::evidence::{Blob, RevocationAnswer, RevocationKind};
use sealgate_core::{Digest, UnixTime};

use crate::certificate::{Certificate, NOW, distribution_points, extension};
use crate::der;

const DAY: i64 = 24 * 3600;

/// What a responder says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Good.
    Good,
    /// Revoked a day before [`NOW`].
    Revoked,
    /// Unknown.
    Unknown,
}

/// An OCSP response in the making.
#[derive(Clone, Debug)]
pub struct Ocsp {
    /// The status.
    pub status: Status,
    /// Made at, replaced at.
    pub validity: (i64, Option<i64>),
    /// Since when the key was invalid, if that is said.
    pub invalidity_date: Option<i64>,
    /// The serial number that the response is about, instead of the certificate's.
    pub serial: Option<Vec<u8>>,
    /// Whether the delegate's certificate is in the response.
    pub with_certificate: bool,
}

impl Ocsp {
    /// A response in force at [`NOW`].
    pub fn new(status: Status) -> Self {
        Self {
            status,
            validity: (NOW - DAY, Some(NOW + DAY)),
            invalidity_date: None,
            serial: None,
            with_certificate: true,
        }
    }

    /// The same with another detail.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The response about a certificate, signed by its issuer or a delegate.
    pub fn sign(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        responder: &Certificate,
    ) -> Vec<u8> {
        let tbs = der::sequence(&[
            der::context(1, &responder.subject),
            der::generalized_time(self.validity.0),
            der::sequence(&[self.single(certificate, issuer)]),
        ]);
        let mut basic = vec![
            tbs.clone(),
            responder.key.algorithm(),
            der::bits(&responder.key.sign(&tbs)),
        ];
        if self.with_certificate && responder.der != issuer.der {
            basic.push(der::context(
                0,
                &der::sequence(std::slice::from_ref(&responder.der)),
            ));
        }
        let bytes = der::sequence(&[
            der::oid("1.3.6.1.5.5.7.48.1.1"),
            der::octets(&der::sequence(&basic)),
        ]);
        der::sequence(&[der::tlv(0x0a, &[0]), der::context(0, &bytes)])
    }

    fn single(&self, certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
        let serial = self.serial.as_ref().unwrap_or(&certificate.serial);
        let id = der::sequence(&[
            der::sequence(&[der::oid("1.3.14.3.2.26"), der::null()]),
            der::octets(&sha1(&issuer.subject)),
            der::octets(&sha1(&key_bits(issuer))),
            der::integer(serial),
        ]);
        let status = match self.status {
            Status::Good => der::tlv(0x80, &[]),
            Status::Revoked => der::context(1, &der::generalized_time(NOW - DAY)),
            Status::Unknown => der::tlv(0x82, &[]),
        };
        let mut parts = vec![id, status, der::generalized_time(self.validity.0)];
        if let Some(next) = self.validity.1 {
            parts.push(der::context(0, &der::generalized_time(next)));
        }
        if let Some(date) = self.invalidity_date {
            let date = extension("2.5.29.24", false, &der::generalized_time(date));
            parts.push(der::context(1, &der::sequence(&[date])));
        }
        der::sequence(&parts)
    }
}

/// A refusal of a responder, by its number: 3 is `tryLater`.
pub fn ocsp_error(status: u8) -> Vec<u8> {
    der::sequence(&[der::tlv(0x0a, &[status])])
}

/// An entry of a revocation list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The serial number.
    pub serial: Vec<u8>,
    /// Since when.
    pub since: i64,
    /// The reason's number: 6 is a hold, 8 lifts it.
    pub reason: Option<u8>,
    /// Since when the key was invalid, if that is said.
    pub invalidity_date: Option<i64>,
}

impl Entry {
    /// An entry for a certificate, revoked a day before [`NOW`] for this reason.
    pub fn new(certificate: &Certificate, reason: Option<u8>) -> Self {
        Self {
            serial: certificate.serial.clone(),
            since: NOW - DAY,
            reason,
            invalidity_date: None,
        }
    }
}

/// A revocation list in the making.
#[derive(Clone, Debug)]
pub struct Crl {
    /// Made at, replaced at.
    pub validity: (i64, Option<i64>),
    /// Its number.
    pub number: u64,
    /// For a delta: the number of the base list it needs.
    pub base_number: Option<u64>,
    /// Where its delta is.
    pub delta_urls: Vec<String>,
    /// The content of the issuing distribution point.
    pub scope: Option<Vec<u8>>,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Further extensions.
    pub extensions: Vec<Vec<u8>>,
}

impl Crl {
    /// A list in force at [`NOW`].
    pub fn new(entries: Vec<Entry>) -> Self {
        Self {
            validity: (NOW - DAY, Some(NOW + DAY)),
            number: 10,
            base_number: None,
            delta_urls: Vec::new(),
            scope: None,
            entries,
            extensions: Vec::new(),
        }
    }

    /// The same with another detail.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The list, signed by an authority.
    pub fn sign(&self, issuer: &Certificate) -> Vec<u8> {
        let algorithm = issuer.key.algorithm();
        let mut tbs = vec![
            der::number(1),
            algorithm.clone(),
            issuer.subject.clone(),
            der::certificate_time(self.validity.0),
        ];
        tbs.extend(self.validity.1.map(der::certificate_time));
        if !self.entries.is_empty() {
            let entries: Vec<_> = self.entries.iter().map(entry).collect();
            tbs.push(der::sequence(&entries));
        }
        tbs.push(der::context(0, &der::sequence(&self.list_extensions())));
        let tbs = der::sequence(&tbs);
        let signature = issuer.key.sign(&tbs);
        der::sequence(&[tbs, algorithm, der::bits(&signature)])
    }

    fn list_extensions(&self) -> Vec<Vec<u8>> {
        let mut extensions = vec![extension("2.5.29.20", false, &der::number(self.number))];
        if let Some(base) = self.base_number {
            extensions.push(extension("2.5.29.27", true, &der::number(base)));
        }
        if let Some(scope) = &self.scope {
            extensions.push(extension("2.5.29.28", true, scope));
        }
        if !self.delta_urls.is_empty() {
            let points = distribution_points(&self.delta_urls);
            extensions.push(extension("2.5.29.46", false, &points));
        }
        extensions.extend(self.extensions.iter().cloned());
        extensions
    }
}

fn entry(entry: &Entry) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(reason) = entry.reason {
        extensions.push(extension("2.5.29.21", false, &der::tlv(0x0a, &[reason])));
    }
    if let Some(date) = entry.invalidity_date {
        extensions.push(extension("2.5.29.24", false, &der::generalized_time(date)));
    }
    let mut parts = vec![
        der::integer(&entry.serial),
        der::certificate_time(entry.since),
    ];
    if !extensions.is_empty() {
        parts.push(der::sequence(&extensions));
    }
    der::sequence(&parts)
}

/// An answer as evidence: about this certificate, or for a list about its issuer.
pub fn answer(
    kind: RevocationKind,
    url: &str,
    about: &Certificate,
    bytes: Vec<u8>,
) -> RevocationAnswer {
    RevocationAnswer {
        kind,
        url: url.to_owned(),
        certificate: Digest::sha256(&about.der),
        fetched_at: UnixTime::from_seconds(NOW),
        outcome: Ok(Blob::new(bytes)),
    }
}

fn sha1(content: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, content).as_ref().to_vec()
}

/// The content of the subject's public key: all of the key's bit string but its first byte.
fn key_bits(certificate: &Certificate) -> Vec<u8> {
    // A P-256 key has 65 bytes at the end of its SubjectPublicKeyInfo.
    let spki = certificate.key.spki();
    spki.get(spki.len() - 65..).unwrap_or_default().to_vec()
}
