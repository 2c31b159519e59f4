//! Certificates, as the rules want them or broken in any single way.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::der;
use crate::key::{Key, Kind, pem};
use crate::timestamp::{Signer, Token};

/// The time at which everything of this PKI is valid, unless told otherwise: 2027-01-15.
pub const NOW: i64 = 1_800_000_000;
/// A year in seconds.
pub const YEAR: i64 = 365 * 24 * 3600;

/// The bits of a key usage.
pub mod usage {
    /// `digitalSignature`.
    pub const DIGITAL_SIGNATURE: u8 = 0;
    /// `keyEncipherment`.
    pub const KEY_ENCIPHERMENT: u8 = 2;
    /// `dataEncipherment`.
    pub const DATA_ENCIPHERMENT: u8 = 3;
    /// `keyAgreement`.
    pub const KEY_AGREEMENT: u8 = 4;
    /// `keyCertSign`.
    pub const KEY_CERT_SIGN: u8 = 5;
    /// `cRLSign`.
    pub const CRL_SIGN: u8 = 6;
    /// `encipherOnly`.
    pub const ENCIPHER_ONLY: u8 = 7;
    /// `decipherOnly`.
    pub const DECIPHER_ONLY: u8 = 8;
}

/// Extended key usages.
pub mod purpose {
    /// `anyExtendedKeyUsage`.
    pub const ANY: &str = "2.5.29.37.0";
    /// `serverAuth`.
    pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    /// `clientAuth`.
    pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
    /// `codeSigning`.
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    /// `emailProtection`.
    pub const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    /// `timeStamping`.
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    /// `OCSPSigning`.
    pub const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The subject, as `C=US, ST=WA, O=acme`.
    pub subject: String,
    /// Valid from, until.
    pub validity: (i64, i64),
    /// Critical, authority, path length.
    pub basic_constraints: Option<(bool, bool, Option<u8>)>,
    /// Critical, bits.
    pub key_usage: Option<(bool, Vec<u8>)>,
    /// Critical, purposes.
    pub purposes: Option<(bool, Vec<&'static str>)>,
    /// URLs of OCSP responders.
    pub ocsp: Vec<String>,
    /// URLs of revocation lists.
    pub crl: Vec<String>,
    /// URLs of delta lists.
    pub delta_crl: Vec<String>,
    /// Further extensions: identifier, critical, value.
    pub extensions: Vec<(Cow<'static, str>, bool, Vec<u8>)>,
    /// The algorithm identifier to name in the signed part, instead of the true one.
    pub signed_algorithm: Option<Vec<u8>>,
    /// The algorithm identifier to name in both places, instead of the true one.
    pub algorithm: Option<Vec<u8>>,
    /// The SubjectPublicKeyInfo to certify, instead of the key's.
    pub spki: Option<Vec<u8>>,
    /// The serial number, instead of the next of this process.
    pub serial: Option<u64>,
}

impl Profile {
    /// A certificate that signs artifacts.
    pub fn signer(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            validity: (NOW - YEAR, NOW + YEAR),
            basic_constraints: None,
            key_usage: Some((true, vec![usage::DIGITAL_SIGNATURE])),
            purposes: Some((false, vec![purpose::CODE_SIGNING])),
            ocsp: Vec::new(),
            crl: Vec::new(),
            delta_crl: Vec::new(),
            extensions: Vec::new(),
            signed_algorithm: None,
            algorithm: None,
            spki: None,
            serial: None,
        }
    }

    /// A certificate that signs timestamps.
    pub fn timestamper(subject: &str) -> Self {
        Self {
            purposes: Some((true, vec![purpose::TIME_STAMPING])),
            ..Self::signer(subject)
        }
    }

    /// A certificate that signs certificates and revocation lists.
    pub fn authority(subject: &str) -> Self {
        Self {
            basic_constraints: Some((true, true, None)),
            key_usage: Some((true, vec![usage::KEY_CERT_SIGN, usage::CRL_SIGN])),
            purposes: None,
            validity: (NOW - 10 * YEAR, NOW + 10 * YEAR),
            ..Self::signer(subject)
        }
    }

    /// The same with another detail.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The DER.
    pub der: Vec<u8>,
    /// The private key.
    pub key: Arc<Key>,
    /// The subject, DER.
    pub subject: Vec<u8>,
    /// The serial number.
    pub serial: Vec<u8>,
    /// The issuer's subject, DER.
    pub issuer: Vec<u8>,
}

impl Certificate {
    /// A self-signed certificate with a P-256 key.
    pub fn self_signed(profile: &Profile) -> Self {
        Self::self_signed_by(profile, Kind::P256)
    }

    /// A self-signed certificate with a key of this kind.
    pub fn self_signed_by(profile: &Profile, kind: Kind) -> Self {
        let key = Arc::new(Key::generate(kind));
        let subject = der::name(&profile.subject);
        sign(profile, Arc::clone(&key), &subject, &key)
    }

    /// A certificate with a P-256 key, issued by this one.
    pub fn issue(&self, profile: &Profile) -> Self {
        self.issue_for(profile, Arc::new(Key::generate(Kind::P256)))
    }

    /// A certificate for this key, issued by this one.
    pub fn issue_for(&self, profile: &Profile, key: Arc<Key>) -> Self {
        sign(profile, key, &self.subject, &self.key)
    }

    /// The same name, issued by this key: a forged certificate.
    pub fn forge(&self, profile: &Profile, by: &Key) -> Self {
        sign(
            profile,
            Arc::new(Key::generate(Kind::P256)),
            &self.subject,
            by,
        )
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }
}

impl<'a> From<&'a Certificate> for Signer<'a> {
    fn from(certificate: &'a Certificate) -> Self {
        Self {
            der: &certificate.der,
            issuer: &certificate.issuer,
            serial: &certificate.serial,
            key: &certificate.key,
        }
    }
}

/// A token made at [`NOW`] less half an hour, that brings these certificates, the signer's first.
pub fn token(chain: &[&Certificate]) -> Token {
    let certificates: Vec<_> = chain.iter().map(|c| c.der.as_slice()).collect();
    Token::new(NOW - 1800).bringing(&certificates)
}

fn sign(profile: &Profile, key: Arc<Key>, issuer: &[u8], by: &Key) -> Certificate {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let serial = profile
        .serial
        .unwrap_or_else(|| SERIAL.fetch_add(1, Ordering::Relaxed))
        .to_be_bytes()
        .to_vec();
    let algorithm = profile.algorithm.clone().unwrap_or_else(|| by.algorithm());
    let named = profile.signed_algorithm.as_ref().unwrap_or(&algorithm);
    let tbs = profile.tbs(&serial, named, issuer, key.spki());
    Certificate {
        der: signed(&tbs, &algorithm, &by.sign(&tbs)),
        key,
        subject: der::name(&profile.subject),
        serial,
        issuer: issuer.to_vec(),
    }
}

/// A certificate of these three parts.
pub fn signed(tbs: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    der::sequence(&[tbs.to_vec(), algorithm.to_vec(), der::bits(signature)])
}

impl Profile {
    /// The part that is signed.
    pub fn tbs(&self, serial: &[u8], algorithm: &[u8], issuer: &[u8], spki: &[u8]) -> Vec<u8> {
        let (from, until) = self.validity;
        der::sequence(&[
            der::context(0, &der::number(2)),
            der::integer(serial),
            algorithm.to_vec(),
            issuer.to_vec(),
            der::sequence(&[der::certificate_time(from), der::certificate_time(until)]),
            der::name(&self.subject),
            self.spki.clone().unwrap_or_else(|| spki.to_vec()),
            der::context(3, &der::sequence(&extensions(self))),
        ])
    }
}

fn extensions(profile: &Profile) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    if let Some((critical, authority, path)) = profile.basic_constraints {
        let mut constraints = Vec::new();
        if authority {
            constraints.push(der::yes());
        }
        constraints.extend(path.map(|path| der::number(u64::from(path))));
        all.push(extension(
            "2.5.29.19",
            critical,
            &der::sequence(&constraints),
        ));
    }
    if let Some((critical, bits)) = &profile.key_usage {
        all.push(extension("2.5.29.15", *critical, &der::named_bits(bits)));
    }
    if let Some((critical, purposes)) = &profile.purposes {
        let purposes: Vec<_> = purposes.iter().map(|oid| der::oid(oid)).collect();
        all.push(extension("2.5.29.37", *critical, &der::sequence(&purposes)));
    }
    if !profile.ocsp.is_empty() {
        let responders: Vec<_> = profile
            .ocsp
            .iter()
            .map(|url| der::sequence(&[der::oid("1.3.6.1.5.5.7.48.1"), uri(url)]))
            .collect();
        all.push(extension(
            "1.3.6.1.5.5.7.1.1",
            false,
            &der::sequence(&responders),
        ));
    }
    for (oid, urls) in [
        ("2.5.29.31", &profile.crl),
        ("2.5.29.46", &profile.delta_crl),
    ] {
        if !urls.is_empty() {
            all.push(extension(oid, false, &distribution_points(urls)));
        }
    }
    for (oid, critical, value) in &profile.extensions {
        all.push(extension(oid, *critical, value));
    }
    all
}

/// An extension of a certificate, list or response.
pub fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![der::oid(oid)];
    if critical {
        parts.push(der::yes());
    }
    parts.push(der::octets(value));
    der::sequence(&parts)
}

/// `CRLDistributionPoints`: one point per URL.
pub fn distribution_points(urls: &[String]) -> Vec<u8> {
    let points: Vec<_> = urls
        .iter()
        .map(|url| der::sequence(&[der::context(0, &der::context(0, &uri(url)))]))
        .collect();
    der::sequence(&points)
}

/// `CRLDistributionPoints` with one point that has these fields behind its name.
pub fn limited_point(url: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let name = der::context(0, &der::context(0, &uri(url)));
    der::sequence(&[der::sequence(&[vec![name], fields.to_vec()].concat())])
}

/// A URL as a general name.
pub fn uri(url: &str) -> Vec<u8> {
    der::tlv(0x86, url.as_bytes())
}
