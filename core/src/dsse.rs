//! DSSE envelopes with exactly one signature.
//!
//! Dead Simple Signing Envelope v1.0. An envelope with two signatures lets two checks
//! look at different ones, so it cannot be represented here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;

use crate::base64_lines;
use crate::crypto::{PublicKey, Scheme, SignatureError, VerifiedSignature};
use crate::evidence::Blob;
use crate::json;
use crate::reason::{Code, Reason};

/// An envelope, its signature not verified.
#[derive(Clone, Debug)]
pub struct Envelope {
    payload_type: String,
    /// The pre-authentication encoding of type and payload.
    signed: Vec<u8>,
    /// Where the payload begins in it.
    payload: usize,
    signature: Vec<u8>,
    document: Option<Blob>,
}

impl Envelope {
    /// Reads an envelope from a document of its own.
    pub(crate) fn parse(document: &Blob) -> Result<Self, Reason> {
        let wire: EnvelopeWire<'_> = json::parse(document.bytes())
            .map_err(|error| malformed(format!("not a DSSE envelope: {error}")))?;
        let signatures = wire
            .signatures
            .iter()
            .map(|signature| decode("signature", &signature.sig));
        let signatures = signatures.collect::<Result<_, _>>()?;
        let payload = decode("payload", &wire.payload)?;
        let mut envelope = Self::new(wire.payload_type, payload, signatures)?;
        envelope.document = Some(document.clone());
        Ok(envelope)
    }

    /// An envelope of these parts, which must have exactly one signature.
    pub(crate) fn new(
        payload_type: String,
        payload: Vec<u8>,
        signatures: Vec<Vec<u8>>,
    ) -> Result<Self, Reason> {
        let count = signatures.len();
        if count > 1 {
            return Err(Reason::new(
                Code::FormUnsupported,
                format!(
                    "the DSSE envelope has {count} signatures, and sealgate takes envelopes with one"
                ),
            ));
        }
        let Ok([signature]) = <[Vec<u8>; 1]>::try_from(signatures) else {
            return Err(malformed(format!(
                "expected a DSSE envelope with exactly one signature, found {count}"
            )));
        };
        if signature.is_empty() {
            return Err(malformed("the envelope's signature is empty".to_owned()));
        }
        let head = format!(
            "DSSEv1 {} {payload_type} {} ",
            payload_type.len(),
            payload.len()
        );
        // In place: a payload may have megabytes.
        let mut signed = payload;
        signed.splice(0..0, head.bytes());
        Ok(Self {
            payload_type,
            signed,
            payload: head.len(),
            signature,
            document: None,
        })
    }

    /// The document it was read from, if it had one of its own.
    pub(crate) fn document(&self) -> Option<&[u8]> {
        self.document.as_ref().map(Blob::bytes)
    }

    /// Verifies the signature with this key.
    pub(crate) fn verify(
        &self,
        key: &PublicKey,
        schemes: &[Scheme],
    ) -> Result<SignedEnvelope<'_>, SignatureError> {
        Ok(SignedEnvelope {
            signature: VerifiedSignature::by_any(key, schemes, &self.signed, &self.signature)?,
            envelope: self,
        })
    }

    /// The payload type as received. Not verified.
    pub(crate) fn unverified_payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload as received. Not verified.
    pub(crate) fn unverified_payload(&self) -> &[u8] {
        self.signed.get(self.payload..).unwrap_or_default()
    }

    /// The one signature.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What was signed: the pre-authentication encoding of type and payload.
    pub(crate) fn signed_bytes(&self) -> &[u8] {
        &self.signed
    }
}

/// An envelope whose signature a key verified. [`Envelope::verify`] alone makes one.
#[derive(Clone, Debug)]
pub(crate) struct SignedEnvelope<'a> {
    envelope: &'a Envelope,
    signature: VerifiedSignature<'a>,
}

impl<'a> SignedEnvelope<'a> {
    /// The signature.
    pub(crate) fn signature(&self) -> &VerifiedSignature<'a> {
        &self.signature
    }

    /// The payload type.
    pub(crate) fn payload_type(&self) -> &'a str {
        &self.envelope.payload_type
    }

    /// The payload.
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.envelope.unverified_payload()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeWire<'a> {
    payload_type: String,
    #[serde(borrow)]
    payload: Cow<'a, str>,
    signatures: Vec<SignatureWire>,
}

#[derive(Deserialize)]
struct SignatureWire {
    sig: String,
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, Reason> {
    base64_lines::decode(text)
        .or_else(|| {
            URL_SAFE
                .decode(base64_lines::without(text.into()).as_bytes())
                .ok()
        })
        .ok_or_else(|| malformed(format!("the envelope's {what} is not base64")))
}

fn malformed(why: String) -> Reason {
    Reason::new(Code::EnvelopeMalformed, why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn signed_bytes_are_the_pre_authentication_encoding() {
        // The example of the DSSE specification.
        let payload_type = "http://example.com/HelloWorld".to_owned();
        let envelope = Envelope::new(payload_type, b"hello world".to_vec(), vec![vec![0]]);
        let envelope = envelope.unwrap();
        assert_eq!(
            envelope.signed_bytes(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(envelope.unverified_payload(), b"hello world");
    }

    #[test]
    fn line_breaks_in_base64_are_let_be() {
        for (payload, sig) in [("aGVsbG8=", "AQI="), ("aGVs\\nbG8=\\n", "A\\r\\nQI=")] {
            let text = format!(
                r#"{{"payloadType":"t","payload":"{payload}","signatures":[{{"sig":"{sig}"}}]}}"#
            );
            let envelope = Envelope::parse(&Blob::new(text.into_bytes())).unwrap();
            assert_eq!(envelope.unverified_payload(), b"hello");
            assert_eq!(envelope.signature(), [1, 2]);
        }
    }

    #[test]
    fn only_one_signature_is_representable_tob_9() {
        for (count, code) in [(0, Code::EnvelopeMalformed), (2, Code::FormUnsupported)] {
            let signatures = vec![r#"{"sig":"AA=="}"#; count].join(",");
            let text = format!(r#"{{"payloadType":"t","payload":"","signatures":[{signatures}]}}"#);
            let reason = Envelope::parse(&Blob::new(text.into_bytes())).unwrap_err();
            assert_eq!(reason.code, code);
        }
    }
}
