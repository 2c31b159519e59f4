//! Signed certificate timestamps: a certificate transparency log's promise to publish a
//! certificate (RFC 6962 section 3), embedded in the certificate.

use std::collections::BTreeSet;

use const_oid::ObjectIdentifier;
use der::Encode;
use der::asn1::OctetStringRef;

use crate::crypto::{self, Hash, KeyKind, Scheme};
use crate::limits;
use crate::reason::{Class, Code, Reason, most_specific};
use crate::strict_der;
use crate::time::UnixTime;
use crate::trust::{Log, SigstoreRoot};
use crate::x509::Certificate;

const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// Verifies every SCT in `certificate`, which `issuer` issued, and checks that at least
/// `threshold` distinct logs promised to publish it. Each log counts once.
///
/// The issuer must be the one of the verified path: another authority may bear the same
/// name.
pub(super) fn verify(
    certificate: &Certificate,
    issuer: &Certificate,
    root: &SigstoreRoot,
    threshold: usize,
) -> Result<(), Reason> {
    let scts = embedded(certificate)?;
    let mut operators = BTreeSet::new();
    let mut not_counted = Vec::new();
    if !scts.is_empty() {
        let entry = precertificate(certificate, issuer)?;
        for sct in &scts {
            match sct.verify(&entry, root) {
                Ok(log) => {
                    operators.insert(log.operator.as_str());
                }
                Err(reason) if reason.code.class() == Class::Untrusted => not_counted.push(reason),
                Err(reason) => return Err(reason),
            }
        }
    }
    if operators.len() >= threshold {
        return Ok(());
    }
    let mut telling = most_specific(not_counted);
    telling.push(Reason::new(
        Code::SctThresholdNotMet,
        format!(
            "expected the certificate in at least {threshold} certificate transparency log(s), \
             found {}",
            operators.len()
        ),
    ));
    Err(telling.swap_remove(0))
}

/// One signed certificate timestamp.
struct Sct<'a> {
    log_id: &'a [u8],
    millis: u64,
    extensions: &'a [u8],
    hash: u8,
    algorithm: u8,
    signature: &'a [u8],
}

impl Sct<'_> {
    fn verify<'r>(&self, entry: &[u8], root: &'r SigstoreRoot) -> Result<&'r Log, Reason> {
        let log = root
            .ct_logs
            .iter()
            .find(|log| log.id == self.log_id)
            .ok_or_else(|| {
                Reason::new(
                    Code::SctLogUnknown,
                    format!(
                        "the certificate transparency log {} is not in the trust root",
                        hex::encode(self.log_id)
                    ),
                )
            })?;
        let scheme = self.scheme(log.key.kind()).ok_or_else(|| {
            invalid(format!(
                "it is signed by the algorithm {}.{}",
                self.hash, self.algorithm
            ))
        })?;
        log.key
            .verify(scheme, &self.signed_bytes(entry), self.signature)
            .map_err(|_| invalid(format!("the signature of {} does not verify", log.name)))?;
        let seconds = i64::try_from(self.millis / 1000).unwrap_or(i64::MAX);
        let time = UnixTime::from_seconds(seconds);
        if !log.valid_for.contains(time) {
            return Err(Reason::new(
                Code::SctOutsideValidity,
                format!(
                    "the log {} counts {}, and saw the certificate at {time}",
                    log.name, log.valid_for
                ),
            ));
        }
        Ok(log)
    }

    /// RFC 5246 section 7.4.1.4.1, of which RFC 6962 section 2.1.4 takes two algorithms.
    fn scheme(&self, kind: KeyKind) -> Option<Scheme> {
        const RSA: u8 = 1;
        const ECDSA: u8 = 3;
        let hash = match self.hash {
            4 => Hash::Sha256,
            5 => Hash::Sha384,
            6 => Hash::Sha512,
            _ => return None,
        };
        let fits = match kind {
            KeyKind::Rsa => self.algorithm == RSA,
            KeyKind::Ed25519 => false,
            KeyKind::EcdsaP256 | KeyKind::EcdsaP384 | KeyKind::EcdsaP521 => self.algorithm == ECDSA,
        };
        Scheme::with_hash(kind, hash)
            .first()
            .copied()
            .filter(|_| fits)
    }

    fn signed_bytes(&self, entry: &[u8]) -> Vec<u8> {
        // version v1, signature type certificate_timestamp
        let mut bytes = vec![0, 0];
        bytes.extend(self.millis.to_be_bytes());
        bytes.extend(entry);
        bytes.extend(
            u16::try_from(self.extensions.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        bytes.extend(self.extensions);
        bytes
    }
}

/// What the log signed: the issuer's key and the certificate without its SCTs.
fn precertificate(certificate: &Certificate, issuer: &Certificate) -> Result<Vec<u8>, Reason> {
    let mut tbs = certificate.tbs().clone();
    if let Some(extensions) = &mut tbs.extensions {
        extensions.retain(|extension| extension.extn_id != SCT_LIST);
    }
    let tbs = tbs.to_der().map_err(invalid)?;
    let length = u32::try_from(tbs.len()).unwrap_or(u32::MAX).to_be_bytes();
    // entry type precert_entry
    let mut bytes = vec![0, 1];
    bytes.extend(crypto::sha256(issuer.spki()));
    bytes.extend(length.get(1..).unwrap_or_default());
    bytes.extend(tbs);
    Ok(bytes)
}

fn embedded(certificate: &Certificate) -> Result<Vec<Sct<'_>>, Reason> {
    let extensions = certificate.tbs().extensions.iter().flatten();
    let mut lists = extensions.filter(|extension| extension.extn_id == SCT_LIST);
    let list = match (lists.next(), lists.next()) {
        (None, _) => return Ok(Vec::new()),
        (Some(list), None) => list.extn_value.as_bytes(),
        (Some(_), Some(_)) => return Err(invalid("the certificate has two lists")),
    };
    let list: OctetStringRef<'_> = strict_der::read(list).map_err(invalid)?;
    read_list(list.as_bytes()).ok_or_else(|| invalid("the list is malformed"))?
}

fn read_list(list: &[u8]) -> Option<Result<Vec<Sct<'_>>, Reason>> {
    let mut reader = Reader(list);
    let mut entries = Reader(reader.vector16()?);
    reader.end()?;
    let mut scts = Vec::new();
    while !entries.0.is_empty() {
        if scts.len() == limits::CERTIFICATE_TIMESTAMPS {
            return Some(Err(Reason::new(
                Code::LimitExceeded,
                format!(
                    "the certificate has more than {} signed certificate timestamps",
                    limits::CERTIFICATE_TIMESTAMPS
                ),
            )));
        }
        scts.push(read_sct(entries.vector16()?)?);
    }
    Some(Ok(scts))
}

fn read_sct(bytes: &[u8]) -> Option<Sct<'_>> {
    let mut reader = Reader(bytes);
    if reader.byte()? != 0 {
        return None;
    }
    let sct = Sct {
        log_id: reader.take(32)?,
        millis: u64::from_be_bytes(reader.take(8)?.try_into().ok()?),
        extensions: reader.vector16()?,
        hash: reader.byte()?,
        algorithm: reader.byte()?,
        signature: reader.vector16()?,
    };
    reader.end()?;
    Some(sct)
}

fn invalid(why: impl std::fmt::Display) -> Reason {
    Reason::new(
        Code::SctInvalid,
        format!("the signed certificate timestamp: {why}"),
    )
}

/// Reads the presentation language of TLS (RFC 5246 section 4).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::from(length))
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
