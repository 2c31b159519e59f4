//! Timestamp tokens (RFC 3161): somebody trusted saw these bytes at that time.
//!
//! A token is judged for one authority as a whole ([`Authority`]): its certificates, its
//! root and its validity belong together, so that no token can borrow another authority's
//! (TOB-SIGSTORE-11).

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_RSASSA_PSS, ID_SHA_256,
    ID_SHA_384, ID_SHA_512, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::{GeneralizedTime, Int, ObjectIdentifier, OctetString, OctetStringRef};
use der::{Any, Decode, Encode, Sequence, Tag, Tagged};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attributes;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_tsp::{Accuracy, MessageImprint, TimeStampResp, TspVersion};

use crate::crypto::{Hash, KeyKind, Scheme};
use crate::limits;
use crate::time::{UnixTime, Window};
use crate::x509::path::{PathError, TrustedChain};
use crate::x509::{Certificate, CertificateError};

const ID_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const ID_SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// Bytes of one token; real ones with their certificates have 2 to 8 KiB.
const MAX_TOKEN_LEN: usize = 64 << 10;

/// Somebody trusted to tell the time.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    /// The one certificate that signs, if it is known.
    pub(crate) leaf: Option<Certificate>,
    /// What the signing certificate chains to.
    pub(crate) chain: TrustedChain,
    /// When its tokens count.
    pub(crate) valid_for: Window,
}

/// A token, its signature not verified.
#[derive(Debug)]
pub(crate) struct Token {
    info: TstInfo,
    info_der: Vec<u8>,
    signer: SignerInfo,
    embedded: Vec<Certificate>,
    time: UnixTime,
}

impl Token {
    /// Reads a token: a bare `TimeStampToken`, or the `TimeStampResp` that carried it.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, TimestampError> {
        if der.len() > MAX_TOKEN_LEN {
            return Err(TimestampError::TooLong(der.len()));
        }
        let signed_data = signed_data(der)?;
        let content = &signed_data.encap_content_info;
        if content.econtent_type != ID_TST_INFO {
            return Err(TimestampError::Malformed("it does not contain a TSTInfo"));
        }
        let content = content
            .econtent
            .as_ref()
            .ok_or(TimestampError::Malformed("it is detached"))?;
        let info_der = content
            .decode_as::<OctetStringRef<'_>>()?
            .as_bytes()
            .to_vec();
        let info = TstInfo::from_der(&info_der)?;
        let [signer] = signed_data.signer_infos.0.as_slice() else {
            return Err(TimestampError::Malformed(
                "it does not have exactly one signer",
            ));
        };
        Ok(Self {
            time: gen_time(&info.gen_time)?,
            info,
            info_der,
            signer: signer.clone(),
            embedded: embedded(&signed_data)?,
        })
    }

    /// The time it states. Not verified.
    pub(crate) fn time(&self) -> UnixTime {
        self.time
    }

    /// Whether the token is one for `message`.
    pub(crate) fn covers(&self, message: &[u8]) -> Result<(), TimestampError> {
        let imprint = &self.info.message_imprint;
        let hash = hash_of(&imprint.hash_algorithm.oid)?;
        if hash.digest(message) != imprint.hashed_message.as_bytes() {
            return Err(TimestampError::Imprint);
        }
        Ok(())
    }

    /// Whether `authority` made the token, and so the time that counts.
    ///
    /// The signing certificate is the authority's own, where that is listed, else one from
    /// the token that chains to it. It must be a leaf whose only purpose, critically, is
    /// timestamping, and valid, with every certificate above it, at the stated time.
    pub(crate) fn verify(&self, authority: &Authority) -> Result<UnixTime, TimestampError> {
        let candidates = match &authority.leaf {
            Some(leaf) => std::slice::from_ref(leaf),
            None => &self.embedded,
        };
        let signer = candidates
            .iter()
            .find(|certificate| is_named_by(certificate, &self.signer.sid))
            .ok_or(TimestampError::UnknownSigner)?;
        // Cheap, whatever the token holds: see `TrustedChain::lines`.
        let path = authority
            .chain
            .verify(signer, &self.embedded, &ID_KP_TIME_STAMPING, self.time);
        // Somebody else's token is not a broken one, whatever else is wrong with it.
        if matches!(path, Err(PathError::Untrusted)) {
            return Err(TimestampError::UnknownSigner);
        }
        self.verify_signature(signer)?;
        check_profile(signer)?;
        path?;
        if !authority.valid_for.contains(self.time) {
            return Err(TimestampError::OutsideValidity(
                self.time,
                authority.valid_for,
            ));
        }
        Ok(self.time)
    }

    /// Verifies the signature over the signed attributes, and the attributes (RFC 5652
    /// section 5.4, RFC 5816).
    fn verify_signature(&self, certificate: &Certificate) -> Result<(), TimestampError> {
        let signer = &self.signer;
        let hash = hash_of(&signer.digest_alg.oid)?;
        let attributes = signer
            .signed_attrs
            .as_ref()
            .ok_or(TimestampError::Malformed("it has no signed attributes"))?;
        let content_type: ObjectIdentifier =
            only_value(attributes, ID_CONTENT_TYPE)?.decode_as()?;
        if content_type != ID_TST_INFO {
            return Err(TimestampError::Malformed(
                "its signed content type is not TSTInfo",
            ));
        }
        let digest: OctetString = only_value(attributes, ID_MESSAGE_DIGEST)?.decode_as()?;
        if digest.as_bytes() != hash.digest(&self.info_der) {
            return Err(TimestampError::Signature);
        }
        check_signing_certificate(attributes, certificate)?;
        let key = certificate
            .public_key()
            .map_err(|error| TimestampError::Key(error.to_string()))?;
        let scheme = scheme_of(&signer.signature_algorithm, key.kind(), hash)
            .ok_or(TimestampError::Algorithm(signer.signature_algorithm.oid))?;
        key.verify(scheme, &attributes.to_der()?, signer.signature.as_bytes())
            .map_err(|_| TimestampError::Signature)
    }
}

/// Why a token does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TimestampError {
    /// More bytes than any token has; nothing was parsed.
    #[error("a timestamp has at most {MAX_TOKEN_LEN} bytes, found {0}")]
    TooLong(usize),
    /// Not the DER of a token.
    #[error("not the DER of a timestamp: {0}")]
    Der(#[from] der::Error),
    /// A token that breaks a rule.
    #[error("the timestamp breaks RFC 3161: {0}")]
    Malformed(&'static str),
    /// A certificate in the token that cannot be read.
    #[error("a certificate of the timestamp: {0}")]
    Certificate(#[from] CertificateError),
    /// The authority refused.
    #[error("the authority did not grant the timestamp: status {0}")]
    NotGranted(u8),
    /// A hash or signature algorithm that is not accepted.
    #[error("the timestamp uses the algorithm {0}, which is not accepted")]
    Algorithm(ObjectIdentifier),
    /// A key that is not accepted.
    #[error("the timestamp authority's key: {0}")]
    Key(String),
    /// It is for other bytes.
    #[error("the timestamp is for other bytes than this signature")]
    Imprint,
    /// Another authority made it.
    #[error("the timestamp is not from this authority")]
    UnknownSigner,
    /// Its signature is wrong.
    #[error("the timestamp's signature does not verify")]
    Signature,
    /// The certificate that signed it is not one for timestamping.
    #[error("the timestamp's signing certificate breaks its profile: {0}")]
    Profile(&'static str),
    /// The certificates do not lead to the authority.
    #[error("the timestamp's signing certificate: {0}")]
    Path(#[from] PathError),
    /// Outside the authority's window.
    #[error("the timestamp's time {0} is outside the authority's validity, {1}")]
    OutsideValidity(UnixTime, Window),
}

fn signed_data(der: &[u8]) -> Result<SignedData, TimestampError> {
    let content = match ContentInfo::from_der(der) {
        Ok(content) => content,
        Err(_) => {
            let response = TimeStampResp::from_der(der)?;
            match response.status.status as u8 {
                0 | 1 => {}
                status => return Err(TimestampError::NotGranted(status)),
            }
            response
                .time_stamp_token
                .ok_or(TimestampError::Malformed("the response has no token"))?
        }
    };
    if content.content_type != ID_SIGNED_DATA {
        return Err(TimestampError::Malformed("it is not CMS signed data"));
    }
    Ok(content.content.decode_as()?)
}

/// `genTime`, without its fraction of a second.
fn gen_time(value: &Any) -> Result<UnixTime, TimestampError> {
    let malformed = TimestampError::Malformed("its time is not a GeneralizedTime in UTC");
    let text = value.value();
    let (whole, fraction) = match text.iter().position(|c| *c == b'.') {
        Some(dot) => text.split_at_checked(dot).ok_or(malformed)?,
        None => (text.strip_suffix(b"Z").unwrap_or_default(), &b"Z"[..]),
    };
    let digits = fraction
        .strip_suffix(b"Z")
        .map(|rest| rest.strip_prefix(b".").unwrap_or(rest));
    let malformed = TimestampError::Malformed("its time is not a GeneralizedTime in UTC");
    if value.tag() != Tag::GeneralizedTime
        || !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    {
        return Err(malformed);
    }
    let whole = Any::new(Tag::GeneralizedTime, [whole, b"Z"].concat())?;
    let time: GeneralizedTime = whole.decode_as()?;
    let seconds = time.to_unix_duration().as_secs();
    i64::try_from(seconds)
        .map(UnixTime::from_seconds)
        .map_err(|_| malformed)
}

fn embedded(signed_data: &SignedData) -> Result<Vec<Certificate>, TimestampError> {
    let choices = signed_data.certificates.iter().flat_map(|set| set.0.iter());
    let mut certificates = Vec::new();
    for choice in choices {
        if certificates.len() == limits::CHAIN_CERTIFICATES {
            return Err(CertificateError::TooMany.into());
        }
        if let CertificateChoices::Certificate(certificate) = choice {
            certificates.push(Certificate::from_der(&certificate.to_der()?)?);
        }
    }
    Ok(certificates)
}

fn is_named_by(certificate: &Certificate, id: &SignerIdentifier) -> bool {
    match id {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            certificate.tbs().issuer == id.issuer
                && certificate.tbs().serial_number == id.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => certificate
            .extension::<SubjectKeyIdentifier>()
            .is_ok_and(|found| found.is_some_and(|(_, own)| own == *id)),
    }
}

/// RFC 3161 section 2.3: the certificate's only extended key usage is timestamping, and
/// critical. Judged on the certificate that signed, not on another one of the token
/// (CVE-2026-39984).
fn check_profile(certificate: &Certificate) -> Result<(), TimestampError> {
    if certificate.is_ca()? {
        return Err(TimestampError::Profile("it is a certificate authority's"));
    }
    match certificate.extended_key_usage()? {
        Some((true, usages)) if usages == [ID_KP_TIME_STAMPING] => {}
        Some((false, _)) => {
            return Err(TimestampError::Profile(
                "its extended key usage is not critical",
            ));
        }
        _ => {
            return Err(TimestampError::Profile(
                "its extended key usage is not timestamping alone",
            ));
        }
    }
    match certificate.key_usage()? {
        Some(usage) if !usage.digital_signature() && !usage.non_repudiation() => Err(
            TimestampError::Profile("its key usage does not allow signatures"),
        ),
        _ => Ok(()),
    }
}

/// The signed attribute `signingCertificateV2`, where there is one, must name the
/// certificate (RFC 5035, RFC 5816).
fn check_signing_certificate(
    attributes: &Attributes,
    certificate: &Certificate,
) -> Result<(), TimestampError> {
    if !attributes
        .iter()
        .any(|a| a.oid == ID_SIGNING_CERTIFICATE_V2)
    {
        return Ok(());
    }
    let value = only_value(attributes, ID_SIGNING_CERTIFICATE_V2)?.to_der()?;
    let named = SigningCertificateV2::from_der(&value)?;
    let first = named
        .certs
        .first()
        .ok_or(TimestampError::Malformed("signingCertificateV2 is empty"))?;
    let hash = match &first.hash_algorithm {
        Some(algorithm) => hash_of(&algorithm.oid)?,
        None => Hash::Sha256,
    };
    if hash.digest(certificate.der()) != first.cert_hash.as_bytes() {
        return Err(TimestampError::Malformed(
            "signingCertificateV2 names another certificate",
        ));
    }
    Ok(())
}

fn only_value(attributes: &Attributes, oid: ObjectIdentifier) -> Result<&Any, TimestampError> {
    let missing = TimestampError::Malformed("a signed attribute is missing, or occurs twice");
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    let (Some(attribute), None) = (found.next(), found.next()) else {
        return Err(missing);
    };
    match attribute.values.as_slice() {
        [value] => Ok(value),
        _ => Err(missing),
    }
}

/// SHA-1 is refused: timestamps are kept for years.
fn hash_of(oid: &ObjectIdentifier) -> Result<Hash, TimestampError> {
    match *oid {
        ID_SHA_256 => Ok(Hash::Sha256),
        ID_SHA_384 => Ok(Hash::Sha384),
        ID_SHA_512 => Ok(Hash::Sha512),
        other => Err(TimestampError::Algorithm(other)),
    }
}

/// The scheme of a signer's key. Many authorities state the key's algorithm alone
/// (`rsaEncryption`), which RFC 3370 allows, and then sign the hash they digest with.
fn scheme_of(algorithm: &AlgorithmIdentifierOwned, kind: KeyKind, digest: Hash) -> Option<Scheme> {
    if kind == KeyKind::Ed25519 {
        return Some(Scheme::Ed25519);
    }
    let hash = match algorithm.oid {
        ECDSA_WITH_SHA_256 | SHA_256_WITH_RSA_ENCRYPTION => Hash::Sha256,
        ECDSA_WITH_SHA_384 | SHA_384_WITH_RSA_ENCRYPTION => Hash::Sha384,
        ECDSA_WITH_SHA_512 | SHA_512_WITH_RSA_ENCRYPTION => Hash::Sha512,
        _ => digest,
    };
    let pss = algorithm.oid == ID_RSASSA_PSS;
    let is_pss = |scheme: Scheme| {
        matches!(
            scheme,
            Scheme::RsaPssSha256 | Scheme::RsaPssSha384 | Scheme::RsaPssSha512
        )
    };
    Scheme::with_hash(kind, hash)
        .into_iter()
        .find(|scheme| is_pss(*scheme) == pss)
}

/// `TSTInfo` of RFC 3161 section 2.4.2. Unlike the one in x509-tsp it takes fractions of
/// a second.
#[derive(Debug, Sequence)]
struct TstInfo {
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

/// `SigningCertificateV2` of RFC 5035 section 3.
#[derive(Debug, Sequence)]
struct SigningCertificateV2 {
    certs: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

/// `ESSCertIDv2` of RFC 5035 section 4.
#[derive(Debug, Sequence)]
struct EssCertIdV2 {
    #[asn1(optional = "true")]
    hash_algorithm: Option<AlgorithmIdentifierOwned>,
    cert_hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<UnixTime, TimestampError> {
        gen_time(&Any::new(Tag::GeneralizedTime, text.as_bytes()).unwrap())
    }

    #[test]
    fn times_may_have_fractions_and_must_be_in_utc() {
        for text in [
            "20231114221320Z",
            "20231114221320.5Z",
            "20231114221320.123456Z",
        ] {
            assert_eq!(
                read(text).unwrap(),
                UnixTime::from_seconds(1_700_000_000),
                "{text}"
            );
        }
        for text in [
            "20231114221320",
            "20231114221320+0100",
            "20231114221320.5",
            "20231114221320.5xZ",
            "202311142213Z",
            "20231314221320Z",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_an_error() {
        for der in [&b""[..], b"\x30\x00", b"\x30\x80\x00\x00", &[0x30; 100]] {
            assert!(matches!(Token::parse(der), Err(TimestampError::Der(_))));
        }
        let long = vec![0; MAX_TOKEN_LEN + 1];
        assert!(matches!(
            Token::parse(&long),
            Err(TimestampError::TooLong(_))
        ));
    }
}
