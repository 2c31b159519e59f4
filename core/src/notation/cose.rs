//! Envelopes in COSE.
//!
//! Signature envelope specification for COSE; RFC 9052, RFC 9360.

use coset::cbor::value::Value;
use coset::iana::{self, EnumI64 as _};
use coset::{
    Algorithm, CoseSign1, Header, Label, RegisteredLabel, RegisteredLabelWithPrivate,
    TaggedCborSerializable as _,
};

use super::attributes::{HeaderValue, Headers};
use super::envelope::{Envelope, Format};
use crate::crypto::Scheme;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;

const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
/// Epoch-based date and time (RFC 8949 section 3.4.2).
const EPOCH_TIME: u64 = 1;

/// Reads an envelope.
pub(super) fn parse(bytes: &[u8]) -> Result<Envelope, Reason> {
    let message = CoseSign1::from_tagged_slice(bytes)
        // What the decoder says of it is not the same on every platform.
        .map_err(|_| malformed("not a tagged COSE_Sign1".to_owned()))?;
    let protected = &message.protected.header;
    let unprotected = &message.unprotected;
    check_disjoint(protected, unprotected)?;
    Ok(Envelope {
        format: Format::Cose,
        algorithm: algorithm(protected)?,
        headers: headers(protected)?,
        payload: message
            .payload
            .clone()
            .ok_or_else(|| malformed("the payload is detached".to_owned()))?,
        // The protected header goes in as it was received (RFC 9052 section 4.4).
        signed: message.tbs_data(&[]),
        signature: message.signature.clone(),
        chain: chain(protected, unprotected)?,
        timestamp: timestamp(unprotected)?,
    })
}

fn algorithm(protected: &Header) -> Result<Scheme, Reason> {
    match &protected.alg {
        Some(Algorithm::Assigned(iana::Algorithm::PS256)) => Ok(Scheme::RsaPssSha256),
        Some(Algorithm::Assigned(iana::Algorithm::PS384)) => Ok(Scheme::RsaPssSha384),
        Some(Algorithm::Assigned(iana::Algorithm::PS512)) => Ok(Scheme::RsaPssSha512),
        Some(Algorithm::Assigned(iana::Algorithm::ES256)) => Ok(Scheme::EcdsaP256Sha256),
        Some(Algorithm::Assigned(iana::Algorithm::ES384)) => Ok(Scheme::EcdsaP384Sha384),
        Some(Algorithm::Assigned(iana::Algorithm::ES512)) => Ok(Scheme::EcdsaP521Sha512),
        Some(other) => Err(Reason::new(
            Code::AlgorithmUnsupported,
            format!(
                "expected one of PS256, PS384, PS512, ES256, ES384, ES512, found {}",
                algorithm_name(other)
            ),
        )),
        None => Err(Reason::new(
            Code::HeaderInvalid,
            "the header alg (1) is missing",
        )),
    }
}

/// The number that IANA gave it, or its text.
fn algorithm_name(algorithm: &Algorithm) -> String {
    match algorithm {
        Algorithm::Assigned(assigned) => assigned.to_i64().to_string(),
        Algorithm::PrivateUse(number) => number.to_string(),
        Algorithm::Text(text) => format!("{text:?}"),
    }
}

fn headers(protected: &Header) -> Result<Headers, Reason> {
    let content_type = match &protected.content_type {
        None => None,
        Some(RegisteredLabel::Text(text)) => Some(text.clone()),
        Some(RegisteredLabel::Assigned(format)) => {
            return Err(Reason::new(
                Code::HeaderInvalid,
                format!(
                    "expected a text in the header content type (3), found {}",
                    format.to_i64()
                ),
            ));
        }
    };
    Ok(Headers {
        content_type,
        critical: protected.crit.iter().map(critical_name).collect(),
        others: protected
            .rest
            .iter()
            .map(|(label, value)| (label_name(label), header_value(value)))
            .collect(),
    })
}

fn critical_name(label: &RegisteredLabelWithPrivate<iana::HeaderParameter>) -> String {
    match label {
        RegisteredLabelWithPrivate::Text(name) => name.clone(),
        RegisteredLabelWithPrivate::Assigned(known) => label_name(&Label::Int(known.to_i64())),
        RegisteredLabelWithPrivate::PrivateUse(number) => label_name(&Label::Int(*number)),
    }
}

/// The name of a header: its text, or its number, which is none of the specification's names.
fn label_name(label: &Label) -> String {
    match label {
        Label::Text(name) => name.clone(),
        Label::Int(number) => format!("label {number}"),
    }
}

fn header_value(value: &Value) -> HeaderValue {
    match value {
        Value::Text(text) => HeaderValue::Text(text.clone()),
        Value::Tag(EPOCH_TIME, inner) => match inner.as_integer().map(i64::try_from) {
            Some(Ok(seconds)) => HeaderValue::Time(UnixTime::from_seconds(seconds)),
            _ => HeaderValue::Other("a time that is no whole number of seconds".to_owned()),
        },
        Value::Integer(_) => HeaderValue::Other("a number without the tag 1 of times".to_owned()),
        Value::Tag(tag, _) => HeaderValue::Other(format!("a value tagged {tag}")),
        _ => HeaderValue::Other("a value of another kind".to_owned()),
    }
}

/// The chain stands in the unprotected header, or, if it is not there, in the protected one.
fn chain(protected: &Header, unprotected: &Header) -> Result<Vec<Vec<u8>>, Reason> {
    let label = Label::Int(iana::HeaderParameter::X5Chain.to_i64());
    let Some(value) = find(unprotected, &label).or_else(|| find(protected, &label)) else {
        return Ok(Vec::new());
    };
    let list = value
        .as_array()
        .ok_or_else(|| malformed("expected a list of certificates in x5chain (33)".to_owned()))?;
    list.iter()
        .map(|item| {
            item.as_bytes()
                .cloned()
                .ok_or_else(|| malformed("expected byte strings in x5chain (33)".to_owned()))
        })
        .collect()
}

fn timestamp(unprotected: &Header) -> Result<Option<Vec<u8>>, Reason> {
    match find(unprotected, &Label::Text(TIMESTAMP.to_owned())) {
        None => Ok(None),
        Some(Value::Bytes(token)) => Ok(Some(token.clone())),
        Some(_) => Err(malformed(format!("expected a byte string in {TIMESTAMP}"))),
    }
}

/// A label occurs in one of the headers only (RFC 9052 section 3).
fn check_disjoint(protected: &Header, unprotected: &Header) -> Result<(), Reason> {
    let twice = protected
        .rest
        .iter()
        .find(|(label, _)| find(unprotected, label).is_some());
    match twice {
        Some((label, _)) => Err(malformed(format!(
            "the header {:?} is both protected and unprotected",
            label_name(label)
        ))),
        None => Ok(()),
    }
}

fn find<'a>(header: &'a Header, label: &Label) -> Option<&'a Value> {
    header
        .rest
        .iter()
        .find_map(|(found, value)| (found == label).then_some(value))
}

fn malformed(message: String) -> Reason {
    Reason::new(Code::EnvelopeMalformed, message)
}
