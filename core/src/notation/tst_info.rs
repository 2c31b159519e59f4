//! What a timestamp authority signs: a time and a hash (RFC 3161 section 2.4.2).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::asn1::{AnyRef, GeneralizedTime, Int};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extension;
use x509_tsp::{Accuracy, MessageImprint};

use crate::crypto::Hash;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;

/// The baseline policy of ETSI EN 319 421, whose accuracy is a second or better.
const BASELINE_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2023.1.1");
/// Microseconds of a second.
pub(super) const MICROS: i64 = 1_000_000;

/// What was signed: a time and a hash.
pub(super) struct TstInfo {
    imprint: MessageImprint,
    /// The stated time in microseconds after the epoch.
    micros: i64,
    /// How far off it may be, in microseconds.
    accuracy: i64,
}

impl TstInfo {
    /// Reads a TSTInfo. (x509-tsp's own type refuses fractions of a second.)
    pub(super) fn parse(der: &[u8]) -> Result<Self, Reason> {
        let outer = AnyRef::from_der(der).map_err(malformed)?;
        outer.tag().assert_eq(Tag::Sequence).map_err(malformed)?;
        let mut reader = SliceReader::new(outer.value()).map_err(malformed)?;
        let version: u8 = reader.decode().map_err(malformed)?;
        if version != 1 {
            return Err(invalid(format!(
                "expected a TSTInfo of version 1, found {version}"
            )));
        }
        let policy: ObjectIdentifier = reader.decode().map_err(malformed)?;
        let imprint: MessageImprint = reader.decode().map_err(malformed)?;
        let _serial: Int = reader.decode().map_err(malformed)?;
        let time: AnyRef<'_> = reader.decode().map_err(malformed)?;
        let micros = micros(time)?;
        let accuracy: Option<Accuracy> = reader.decode().map_err(malformed)?;
        let _ordering: Option<bool> = reader.decode().map_err(malformed)?;
        let _nonce: Option<Int> = reader.decode().map_err(malformed)?;
        while !reader.is_finished() {
            let element: AnyRef<'_> = reader.decode().map_err(malformed)?;
            check_extensions(element)?;
        }
        Ok(Self {
            imprint,
            micros,
            accuracy: accuracy_micros(accuracy.as_ref(), policy)?,
        })
    }

    /// The earliest and the latest time, in microseconds after the epoch.
    pub(super) fn interval(&self) -> (i64, i64) {
        let earliest = self.micros.saturating_sub(self.accuracy);
        (earliest, self.micros.saturating_add(self.accuracy))
    }

    /// The stated time, without its fraction.
    pub(super) fn time(&self) -> UnixTime {
        UnixTime::from_seconds(self.micros.div_euclid(MICROS))
    }

    /// Checks that it is about `content`.
    pub(super) fn check_imprint(&self, content: &[u8]) -> Result<(), Reason> {
        let hash = hash_of(&self.imprint.hash_algorithm)?;
        if hash.digest(content) == self.imprint.hashed_message.as_bytes() {
            return Ok(());
        }
        Err(Reason::new(
            Code::TimestampMismatch,
            "the timestamp is for another signature",
        ))
    }
}

/// `GeneralizedTime` with an optional fraction, in UTC (RFC 3161 section 2.4.2).
fn micros(time: AnyRef<'_>) -> Result<i64, Reason> {
    time.tag()
        .assert_eq(Tag::GeneralizedTime)
        .map_err(malformed)?;
    let wrong = || invalid("the time is not written as RFC 3161 wants it".to_owned());
    let text = std::str::from_utf8(time.value()).map_err(|_| wrong())?;
    let text = text.strip_suffix('Z').ok_or_else(wrong)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole = format!("{whole}Z");
    let whole = AnyRef::new(Tag::GeneralizedTime, whole.as_bytes()).map_err(malformed)?;
    let whole: GeneralizedTime = whole.decode_as().map_err(malformed)?;
    let seconds = i64::try_from(whole.to_unix_duration().as_secs()).map_err(|_| wrong())?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let fraction: i64 = digits.parse().map_err(|_| wrong())?;
    Ok(seconds.saturating_mul(MICROS).saturating_add(fraction))
}

/// The stated accuracy; else a second where the policy promises that; else none.
fn accuracy_micros(accuracy: Option<&Accuracy>, policy: ObjectIdentifier) -> Result<i64, Reason> {
    let wrong = || invalid("the accuracy is out of range".to_owned());
    let stated = match accuracy {
        None => 0,
        Some(accuracy) => {
            let seconds = i64::try_from(accuracy.seconds.unwrap_or(0)).map_err(|_| wrong())?;
            let millis = i64::from(accuracy.millis.unwrap_or(0));
            let micros = i64::from(accuracy.micros.unwrap_or(0));
            if !(0..1000).contains(&millis) || !(0..1000).contains(&micros) {
                return Err(wrong());
            }
            seconds
                .saturating_mul(MICROS)
                .saturating_add(millis * 1000 + micros)
        }
    };
    Ok(if stated == 0 && policy == BASELINE_POLICY {
        MICROS
    } else {
        stated
    })
}

/// The authority's name `[0]` does not matter; of the extensions `[1]` none may be critical.
fn check_extensions(element: AnyRef<'_>) -> Result<(), Reason> {
    if element.tag().number() != der::TagNumber::N1 {
        return Ok(());
    }
    let mut reader = SliceReader::new(element.value()).map_err(malformed)?;
    while !reader.is_finished() {
        let extension: Extension = reader.decode().map_err(malformed)?;
        if extension.critical {
            return Err(invalid(format!(
                "the extension {} is critical and not understood",
                extension.extn_id
            )));
        }
    }
    Ok(())
}

/// The hash function of an algorithm identifier.
pub(super) fn hash_of(algorithm: &AlgorithmIdentifierOwned) -> Result<Hash, Reason> {
    match algorithm.oid {
        rfc5912::ID_SHA_256 => Ok(Hash::Sha256),
        rfc5912::ID_SHA_384 => Ok(Hash::Sha384),
        rfc5912::ID_SHA_512 => Ok(Hash::Sha512),
        oid => Err(invalid(format!(
            "expected SHA-256, SHA-384 or SHA-512, found {oid}"
        ))),
    }
}

/// A token that is not the DER it should be.
pub(super) fn malformed(error: der::Error) -> Reason {
    invalid(format!("malformed: {error}"))
}

/// A token that is not as it should be.
pub(super) fn invalid(message: impl std::fmt::Display) -> Reason {
    Reason::new(Code::TimestampInvalid, format!("the timestamp: {message}"))
}
