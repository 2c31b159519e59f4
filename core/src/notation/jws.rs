//! Envelopes in JWS, flattened JSON.
//!
//! Signature envelope specification for JWS; RFC 7515.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::attributes::{AUTHENTIC_SIGNING_TIME, EXPIRY, HeaderValue, Headers, SIGNING_TIME};
use super::envelope::{Envelope, Format};
use super::member::Member;
use crate::crypto::Scheme;
use crate::json;
use crate::reason::{Code, Reason};

/// Reads an envelope.
pub(super) fn parse(bytes: &[u8]) -> Result<Envelope, Reason> {
    let wire: JwsWire =
        json::parse(bytes).map_err(|error| malformed(format!("not a flattened JWS: {error}")))?;
    let protected = decode("protected", &wire.protected)?;
    let mut protected: BTreeMap<String, Member> = json::parse(&protected).map_err(|error| {
        malformed(format!(
            "the protected header is not a JSON object: {error}"
        ))
    })?;
    let algorithm = algorithm(protected.remove("alg").as_ref())?;
    let protected_chain = protected.remove("x5c");
    let chain = match (wire.header.x5c, protected_chain) {
        (Some(chain), _) => chain,
        (None, Some(Member::Texts(chain))) => chain,
        (None, Some(_)) => return Err(malformed("expected a list of texts in x5c".to_owned())),
        (None, None) => Vec::new(),
    };
    Ok(Envelope {
        format: Format::Jws,
        algorithm,
        headers: headers(protected)?,
        payload: decode("payload", &wire.payload)?,
        signed: format!("{}.{}", wire.protected, wire.payload).into_bytes(),
        signature: decode("signature", &wire.signature)?,
        chain: chain
            .iter()
            .map(|text| decode_standard("x5c", text))
            .collect::<Result<_, _>>()?,
        timestamp: wire
            .header
            .timestamp
            .filter(|text| !text.is_empty())
            .map(|text| decode_standard("io.cncf.notary.timestampSignature", &text))
            .transpose()?,
    })
}

#[derive(Deserialize)]
struct JwsWire {
    payload: String,
    protected: String,
    header: UnprotectedWire,
    signature: String,
}

#[derive(Deserialize)]
struct UnprotectedWire {
    x5c: Option<Vec<String>>,
    #[serde(rename = "io.cncf.notary.timestampSignature")]
    timestamp: Option<String>,
}

fn algorithm(value: Option<&Member>) -> Result<Scheme, Reason> {
    let Some(Member::Text(name)) = value else {
        return Err(Reason::new(
            Code::HeaderInvalid,
            "the header alg is missing or no text",
        ));
    };
    match name.as_str() {
        "PS256" => Ok(Scheme::RsaPssSha256),
        "PS384" => Ok(Scheme::RsaPssSha384),
        "PS512" => Ok(Scheme::RsaPssSha512),
        "ES256" => Ok(Scheme::EcdsaP256Sha256),
        "ES384" => Ok(Scheme::EcdsaP384Sha384),
        "ES512" => Ok(Scheme::EcdsaP521Sha512),
        other => Err(Reason::new(
            Code::AlgorithmUnsupported,
            format!("expected one of PS256, PS384, PS512, ES256, ES384, ES512, found {other:?}"),
        )),
    }
}

fn headers(mut protected: BTreeMap<String, Member>) -> Result<Headers, Reason> {
    let content_type = match protected.remove("cty") {
        None => None,
        Some(Member::Text(text)) => Some(text),
        Some(other) => {
            return Err(invalid(format!(
                "expected a text in the header cty, found {}",
                other.kind()
            )));
        }
    };
    let critical = match protected.remove("crit") {
        None => Vec::new(),
        Some(Member::Texts(names)) if !names.is_empty() => names,
        Some(_) => {
            return Err(invalid(
                "expected a list of header names in crit".to_owned(),
            ));
        }
    };
    let others = protected
        .into_iter()
        .map(|(name, value)| {
            let value = header_value(&name, value);
            (name, value)
        })
        .collect();
    Ok(Headers {
        content_type,
        critical,
        others,
    })
}

fn header_value(name: &str, value: Member) -> HeaderValue {
    let is_time = [SIGNING_TIME, AUTHENTIC_SIGNING_TIME, EXPIRY].contains(&name);
    match value {
        Member::Text(text) if is_time => match text.parse() {
            Ok(time) => HeaderValue::Time(time),
            Err(_) => HeaderValue::Text(text),
        },
        Member::Text(text) => HeaderValue::Text(text),
        other => HeaderValue::Other(other.kind().to_owned()),
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| malformed(format!("{what} is not base64url without padding")))
}

fn decode_standard(what: &str, text: &str) -> Result<Vec<u8>, Reason> {
    STANDARD
        .decode(text)
        .map_err(|_| malformed(format!("{what} is not base64")))
}

fn malformed(message: String) -> Reason {
    Reason::new(Code::EnvelopeMalformed, message)
}

fn invalid(message: String) -> Reason {
    Reason::new(Code::HeaderInvalid, message)
}
