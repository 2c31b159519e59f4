//! Signature envelopes: a payload, signed attributes, a certificate chain, a signature.

use super::attributes::{Headers, SignedAttributes, scheme_of};
use super::chain::{Chain, Purpose};
use super::payload;
use crate::bound::Bound;
use crate::crypto::{Scheme, SignatureEncoding, VerifiedSignature};
use crate::evidence::Subject;
use crate::limits;
use crate::reason::{Code, Reason};
use crate::verdict::SignatureFormat;
use crate::x509::Certificate;

/// The format of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    /// JSON Web Signature, flattened JSON (RFC 7515 section 7.2.2).
    Jws,
    /// COSE_Sign1 (RFC 9052 section 4.2).
    Cose,
}

impl Format {
    /// The format with this media type.
    pub(super) fn from_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/jose+json" => Some(Self::Jws),
            "application/cose" => Some(Self::Cose),
            _ => None,
        }
    }

    /// What verdicts call a signature of this format.
    pub(super) fn of_signature(self) -> SignatureFormat {
        match self {
            Self::Jws => SignatureFormat::NotationJws,
            Self::Cose => SignatureFormat::NotationCose,
        }
    }
}

/// An envelope that could be read. Nothing of it is verified.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    /// The format.
    pub(super) format: Format,
    /// The algorithm that the protected headers name.
    pub(super) algorithm: Scheme,
    /// The other protected headers.
    pub(super) headers: Headers,
    /// The payload.
    pub(super) payload: Vec<u8>,
    /// What the signature covers: protected headers and payload.
    pub(super) signed: Vec<u8>,
    /// The signature.
    pub(super) signature: Vec<u8>,
    /// The certificates (DER), the leaf first.
    pub(super) chain: Vec<Vec<u8>>,
    /// A countersignature: an RFC 3161 token over the signature.
    pub(super) timestamp: Option<Vec<u8>>,
}

/// An envelope whose signature verifies with the leaf of a well-formed chain.
///
/// [`Envelope::verify`] alone makes one. Not checked: whether anybody trusts the chain, and any
/// time.
#[derive(Debug)]
pub(super) struct VerifiedEnvelope<'a> {
    envelope: &'a Envelope,
    signature: VerifiedSignature<'a>,
    attributes: SignedAttributes,
    chain: Chain,
    key_fingerprint: String,
}

impl<'a> VerifiedEnvelope<'a> {
    /// The envelope.
    pub(super) fn envelope(&self) -> &'a Envelope {
        self.envelope
    }

    /// The signed attributes.
    pub(super) fn attributes(&self) -> &SignedAttributes {
        &self.attributes
    }

    /// The certificate chain.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The fingerprint of the leaf's key.
    pub(super) fn key_fingerprint(&self) -> &str {
        &self.key_fingerprint
    }

    /// Binds the payload to the image.
    pub(super) fn bind(&self, image: &Subject) -> Result<Bound<()>, Reason> {
        payload::bind(&self.signature, &self.envelope.payload, image)
    }
}

impl Envelope {
    /// The certificates of the chain, none of them verified.
    pub(super) fn certificates(&self) -> Result<Vec<Certificate>, Reason> {
        if self.chain.len() > limits::CHAIN_CERTIFICATES {
            return Err(Reason::new(
                Code::LimitExceeded,
                format!(
                    "the chain has {} certificates, more than the {} allowed",
                    self.chain.len(),
                    limits::CHAIN_CERTIFICATES
                ),
            ));
        }
        let read = |der: &Vec<u8>| {
            Certificate::from_der(der)
                .map_err(|error| Reason::new(Code::CertificateMalformed, error.to_string()))
        };
        self.chain.iter().map(read).collect()
    }

    /// Verifies the envelope as far as it can be without trust.
    ///
    /// 1. The signed attributes keep the rules.
    /// 2. The algorithm is the one that the leaf's key prescribes.
    /// 3. The signature verifies with that key.
    /// 4. The chain keeps the rules for signing.
    pub(super) fn verify(&self) -> Result<VerifiedEnvelope<'_>, Reason> {
        // (1) attributes
        let attributes = SignedAttributes::check(&self.headers)?;
        // (2) algorithm
        let certificates = self.certificates()?;
        let leaf = certificates.first().ok_or_else(|| {
            Reason::new(
                Code::CertificateChainInvalid,
                "the certificate chain is empty",
            )
        })?;
        let key = leaf.public_key().map_err(|error| {
            Reason::new(
                Code::AlgorithmUnsupported,
                format!("the key of the certificate {leaf}: {error}"),
            )
        })?;
        let prescribed = scheme_of(&key)?;
        if self.algorithm != prescribed {
            return Err(Reason::new(
                Code::AlgorithmUnsupported,
                format!(
                    "expected the algorithm {prescribed}, which the key of {leaf} prescribes, found {}",
                    self.algorithm
                ),
            ));
        }
        // (3) signature
        let signature = VerifiedSignature::by(
            &key,
            prescribed,
            SignatureEncoding::Fixed,
            &self.signed,
            &self.signature,
        )
        .map_err(|error| {
            Reason::new(
                Code::EnvelopeSignatureInvalid,
                format!("the envelope was altered, or {leaf} did not sign it: {error}"),
            )
        })?;
        // (4) chain
        let chain = Chain::check(certificates, Purpose::CodeSigning)?;
        Ok(VerifiedEnvelope {
            envelope: self,
            signature,
            attributes,
            chain,
            key_fingerprint: key.fingerprint(),
        })
    }
}
