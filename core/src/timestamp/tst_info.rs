//! What a timestamp authority signs: a time and a hash (RFC 3161 section 2.4.2).

use const_oid::db::rfc5912;
use der::asn1::{AnyRef, GeneralizedTime, Int};
use der::oid::ObjectIdentifier;
use der::{Any, Sequence, Tag, Tagged as _};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;
use x509_tsp::{Accuracy, MessageImprint, TspVersion};

use super::TimestampError;
use crate::crypto::Hash;
use crate::strict_der;
use crate::time::UnixTime;

/// The baseline policy of ETSI EN 319 421, whose accuracy is a second or better.
const BASELINE_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2023.1.1");
/// Microseconds of a second.
pub(crate) const MICROS: i64 = 1_000_000;

/// What was signed: a time and a hash.
#[derive(Debug)]
pub(super) struct TstInfo {
    imprint: MessageImprint,
    /// The stated time in microseconds after the epoch.
    micros: i64,
    /// How far off it may be, in microseconds.
    accuracy: i64,
}

impl TstInfo {
    /// Reads a TSTInfo.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, TimestampError> {
        let wire: TstInfoDer = strict_der::read(der)?;
        // RFC 3161 section 2.4.2: whoever does not know a critical extension refuses it.
        let mut extensions = wire.extensions.iter().flatten();
        if let Some(unknown) = extensions.find(|extension| extension.critical) {
            return Err(TimestampError::Extension(unknown.extn_id));
        }
        Ok(Self {
            imprint: wire.message_imprint,
            micros: micros((&wire.gen_time).into())?,
            accuracy: accuracy_micros(wire.accuracy.as_ref(), wire.policy)?,
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

    /// Checks that it is about `message`.
    pub(super) fn check_imprint(&self, message: &[u8]) -> Result<(), TimestampError> {
        let hash = hash_of(&self.imprint.hash_algorithm)?;
        match hash.digest(message) == self.imprint.hashed_message.as_bytes() {
            true => Ok(()),
            false => Err(TimestampError::Imprint),
        }
    }
}

/// `TSTInfo`. Unlike the one in x509-tsp it takes fractions of a second.
#[derive(Sequence)]
struct TstInfoDer {
    version: TspVersion,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    gen_time: Any,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    tsa: Option<GeneralName>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

/// `GeneralizedTime` with an optional fraction, in UTC.
fn micros(time: AnyRef<'_>) -> Result<i64, TimestampError> {
    let wrong = || TimestampError::Malformed("its time is not a GeneralizedTime in UTC");
    if time.tag() != Tag::GeneralizedTime {
        return Err(wrong());
    }
    let text = std::str::from_utf8(time.value()).map_err(|_| wrong())?;
    let text = text.strip_suffix('Z').ok_or_else(wrong)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole = format!("{whole}Z");
    let whole = AnyRef::new(Tag::GeneralizedTime, whole.as_bytes())?;
    let whole: GeneralizedTime = whole.decode_as().map_err(|_| wrong())?;
    let seconds = i64::try_from(whole.to_unix_duration().as_secs()).map_err(|_| wrong())?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let fraction: i64 = digits.parse().map_err(|_| wrong())?;
    Ok(seconds.saturating_mul(MICROS).saturating_add(fraction))
}

/// The stated accuracy; else a second where the policy promises that; else none.
fn accuracy_micros(
    accuracy: Option<&Accuracy>,
    policy: ObjectIdentifier,
) -> Result<i64, TimestampError> {
    let wrong = || TimestampError::Malformed("its accuracy is out of range");
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

/// The hash function of an algorithm identifier. SHA-1 is refused: timestamps are kept for years.
pub(super) fn hash_of(algorithm: &AlgorithmIdentifierOwned) -> Result<Hash, TimestampError> {
    match algorithm.oid {
        rfc5912::ID_SHA_256 => Ok(Hash::Sha256),
        rfc5912::ID_SHA_384 => Ok(Hash::Sha384),
        rfc5912::ID_SHA_512 => Ok(Hash::Sha512),
        other => Err(TimestampError::Algorithm(other)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<i64, TimestampError> {
        micros(AnyRef::new(Tag::GeneralizedTime, text.as_bytes()).unwrap())
    }

    #[test]
    fn times_may_have_fractions_and_must_be_in_utc() {
        for (text, fraction) in [
            ("20231114221320Z", 0),
            ("20231114221320.5Z", 500_000),
            ("20231114221320.123456Z", 123_456),
            ("20231114221320.1234567Z", 123_456),
        ] {
            let expected = 1_700_000_000 * MICROS + fraction;
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for text in [
            "20231114221320",
            "20231114221320+0100",
            "20231114221320.5",
            "20231114221320.Z",
            "20231114221320.5xZ",
            "20231114221320.1234567890Z",
            "202311142213Z",
            "20231314221320Z",
            "Z",
            "",
        ] {
            assert!(
                matches!(read(text), Err(TimestampError::Malformed(_))),
                "{text}"
            );
        }
    }
}
