//! Timestamp tokens: CMS signed data over a time and a hash.
//!
//! RFC 3161, RFC 5816 (ESSCertIDv2), RFC 5652. Only DER is read.

use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5911, rfc5912};
use der::asn1::OctetString;
use der::{Any, Decode as _, Encode as _, Sequence};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_cert::serial_number::SerialNumber;

use super::certificate::Certificate;
use super::chain::{Chain, Purpose};
use super::tst_info::{MICROS, TstInfo, hash_of, invalid, malformed};
use crate::budget::{self, Work};
use crate::crypto::{Hash, Scheme};
use crate::limits;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;

/// Bytes of one token; real ones have 4 to 10 kB.
const TOKEN_BYTES: usize = 128 << 10;
/// `id-ct-TSTInfo`.
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// A token that somebody trusted signed over this very content.
#[derive(Debug)]
pub(super) struct VerifiedToken {
    /// The earliest time, in microseconds after the epoch.
    earliest: i64,
    /// The latest time, in microseconds after the epoch.
    latest: i64,
    /// The stated time.
    time: UnixTime,
    /// The timestamp authority's certificates.
    chain: Chain,
}

impl VerifiedToken {
    /// The stated time, without its accuracy.
    pub(super) fn time(&self) -> UnixTime {
        self.time
    }

    /// The timestamp authority's certificates.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the whole interval of the time lies within a certificate's validity.
    pub(super) fn is_within(&self, certificate: &Certificate) -> bool {
        let micros = |time: UnixTime| time.seconds().saturating_mul(MICROS);
        let validity = certificate.validity();
        validity
            .start
            .is_none_or(|start| micros(start) <= self.earliest)
            && validity.end.is_none_or(|end| self.latest <= micros(end))
    }
}

/// Verifies a token over `content`.
///
/// 1. It is signed data of version 3 with one signer, over a TSTInfo of version 1.
/// 2. Its hash is that of `content`.
/// 3. The signed attributes bind the TSTInfo and the signer's certificate.
/// 4. The signer's key signed them.
/// 5. The signer's certificate chains to one of the anchors, each valid at the stated time and fit
///    for timestamping. The certificate that signed is the one that is judged (CVE-2026-39984).
///
/// Not checked: revocation.
pub(super) fn verify(
    token: &[u8],
    content: &[u8],
    anchors: &[&Certificate],
) -> Result<VerifiedToken, Reason> {
    // (1) form
    let parsed = Token::parse(token)?;
    // (2) content
    parsed.info.check_imprint(content)?;
    // (3) signed attributes
    let bag = parsed.certificates()?;
    let signer = parsed.signer_certificate(&bag)?;
    let signed = parsed.check_signed_attributes(signer)?;
    // (4) signature
    parsed.check_signature(signer, &signed)?;
    // (5) chain
    let chain = build_chain(signer, &bag, anchors)?;
    let time = parsed.info.time();
    for certificate in chain.certificates() {
        if !certificate.validity().contains(time) {
            return Err(Reason::new(
                Code::CertificateOutsideValidity,
                format!(
                    "the timestamp authority's certificate {certificate} is valid {}, and not at the \
                     stated time {time}",
                    certificate.validity()
                ),
            ));
        }
    }
    let (earliest, latest) = parsed.info.interval();
    Ok(VerifiedToken {
        earliest,
        latest,
        time,
        chain,
    })
}

/// A token that could be read.
struct Token {
    signed_data: SignedData,
    signer: SignerInfo,
    content: Vec<u8>,
    info: TstInfo,
}

impl Token {
    fn parse(der: &[u8]) -> Result<Self, Reason> {
        if der.len() > TOKEN_BYTES {
            return Err(Reason::new(
                Code::LimitExceeded,
                format!(
                    "the timestamp has {} bytes, more than the {TOKEN_BYTES} allowed",
                    der.len()
                ),
            ));
        }
        let outer = ContentInfo::from_der(der).map_err(malformed)?;
        if outer.content_type != rfc5911::ID_SIGNED_DATA {
            return Err(invalid(format!(
                "expected signed data, found {}",
                outer.content_type
            )));
        }
        let signed_data: SignedData = outer.content.decode_as().map_err(malformed)?;
        if signed_data.version != CmsVersion::V3 {
            return Err(invalid(format!(
                "expected version 3, found {:?}",
                signed_data.version
            )));
        }
        let encapsulated = &signed_data.encap_content_info;
        if encapsulated.econtent_type != TST_INFO {
            return Err(invalid(format!(
                "expected a TSTInfo, found {}",
                encapsulated.econtent_type
            )));
        }
        let content = encapsulated
            .econtent
            .as_ref()
            .ok_or_else(|| invalid("the TSTInfo is missing".to_owned()))?;
        let content = content
            .decode_as::<OctetString>()
            .map_err(malformed)?
            .as_bytes()
            .to_vec();
        let info = TstInfo::parse(&content)?;
        let signer = match signed_data.signer_infos.0.as_slice() {
            [signer] if signer.version == CmsVersion::V1 => signer.clone(),
            signers => {
                return Err(invalid(format!(
                    "expected one signer of version 1, found {} signer(s)",
                    signers.len()
                )));
            }
        };
        Ok(Self {
            signed_data,
            signer,
            content,
            info,
        })
    }

    fn certificates(&self) -> Result<Vec<Certificate>, Reason> {
        let set = self
            .signed_data
            .certificates
            .iter()
            .flat_map(|set| set.0.iter());
        let mut bag = Vec::new();
        for choice in set {
            let CertificateChoices::Certificate(certificate) = choice else {
                continue;
            };
            if bag.len() == limits::CHAIN_CERTIFICATES {
                return Err(Reason::new(
                    Code::LimitExceeded,
                    format!(
                        "the timestamp has more than {} certificates",
                        limits::CHAIN_CERTIFICATES
                    ),
                ));
            }
            let der = certificate.to_der().map_err(malformed)?;
            bag.push(Certificate::from_der(&der).map_err(|error| invalid(error.to_string()))?);
        }
        Ok(bag)
    }

    fn signer_certificate<'a>(&self, bag: &'a [Certificate]) -> Result<&'a Certificate, Reason> {
        let is_signer = |certificate: &&Certificate| match &self.signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(id) => {
                id.issuer == *certificate.issuer_name()
                    && id.serial_number == *certificate.serial_number()
            }
            SignerIdentifier::SubjectKeyIdentifier(id) => {
                certificate.key_identifier().as_deref() == Some(id.0.as_bytes())
            }
        };
        bag.iter()
            .find(is_signer)
            .ok_or_else(|| invalid("the signer's certificate is not in it".to_owned()))
    }

    /// Checks the signed attributes; gives the bytes that are signed.
    fn check_signed_attributes(&self, signer: &Certificate) -> Result<Vec<u8>, Reason> {
        let content_type: ObjectIdentifier = self
            .attribute(rfc5911::ID_CONTENT_TYPE)?
            .decode_as()
            .map_err(malformed)?;
        if content_type != TST_INFO {
            return Err(invalid(format!(
                "the signed content type is {content_type}, not TSTInfo"
            )));
        }
        let digest: OctetString = self
            .attribute(rfc5911::ID_MESSAGE_DIGEST)?
            .decode_as()
            .map_err(malformed)?;
        if hash_of(&self.signer.digest_alg)?.digest(&self.content) != digest.as_bytes() {
            return Err(invalid(
                "the signed digest is not that of the TSTInfo".to_owned(),
            ));
        }
        let signing: SigningCertificateV2 = self
            .attribute(rfc5911::ID_AA_SIGNING_CERTIFICATE_V_2)?
            .decode_as()
            .map_err(malformed)?;
        signing.check(signer)?;
        let attributes = self.signer.signed_attrs.as_ref();
        attributes
            .ok_or_else(|| invalid("the signed attributes are missing".to_owned()))?
            .to_der()
            .map_err(malformed)
    }

    /// The only value of an attribute that must occur once.
    fn attribute(&self, oid: ObjectIdentifier) -> Result<Any, Reason> {
        let attributes = self.signer.signed_attrs.iter().flat_map(|set| set.iter());
        let mut found = attributes.filter(|attribute| attribute.oid == oid);
        match (found.next(), found.next()) {
            (Some(attribute), None) => match attribute.values.as_slice() {
                [value] => Ok(value.clone()),
                values => Err(invalid(format!(
                    "expected one value of the signed attribute {oid}, found {}",
                    values.len()
                ))),
            },
            (None, _) => Err(invalid(format!("the signed attribute {oid} is missing"))),
            _ => Err(invalid(format!("the signed attribute {oid} occurs twice"))),
        }
    }

    fn check_signature(&self, signer: &Certificate, signed: &[u8]) -> Result<(), Reason> {
        let algorithm = &self.signer.signature_algorithm;
        let signature = self.signer.signature.as_bytes();
        let failed = |error: String| invalid(format!("its signature by {signer}: {error}"));
        // CMS may name the key's algorithm only, and the hash apart (RFC 3370 section 3.2).
        if algorithm.oid == rfc5912::RSA_ENCRYPTION {
            let scheme = match hash_of(&self.signer.digest_alg)? {
                Hash::Sha256 => Scheme::RsaPkcs1Sha256,
                Hash::Sha384 => Scheme::RsaPkcs1Sha384,
                Hash::Sha512 => Scheme::RsaPkcs1Sha512,
            };
            let key = signer.public_key()?;
            return key
                .verify(scheme, signed, signature)
                .map_err(|e| failed(e.to_string()));
        }
        signer
            .verify(algorithm, signed, signature)
            .map_err(|error| failed(error.to_string()))
    }
}

/// `SigningCertificateV2` of RFC 5035.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certificates: Vec<EssCertIdV2>,
    policies: Option<Any>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    /// SHA-256 if absent.
    hash_algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
    issuer_serial: Option<IssuerSerial>,
}

#[derive(Sequence)]
struct IssuerSerial {
    issuer: GeneralNames,
    serial_number: SerialNumber,
}

impl SigningCertificateV2 {
    /// The first certificate is the signer's (RFC 5035 section 3).
    fn check(&self, signer: &Certificate) -> Result<(), Reason> {
        let first = self
            .certificates
            .first()
            .ok_or_else(|| invalid("the signed certificate identifier is empty".to_owned()))?;
        let hash = first
            .hash_algorithm
            .as_ref()
            .map_or(Ok(Hash::Sha256), hash_of)?;
        let same_issuer = first.issuer_serial.as_ref().is_none_or(|id| {
            let is_issuer =
                |name: &GeneralName| matches!(name, GeneralName::DirectoryName(n) if n == signer.issuer_name());
            id.serial_number == *signer.serial_number() && id.issuer.iter().any(is_issuer)
        });
        if signer.hash(hash) != first.hash.as_bytes() || !same_issuer {
            return Err(invalid(format!(
                "the signed certificate identifier is not that of its signer {signer}"
            )));
        }
        Ok(())
    }
}

/// A chain from the signer to an anchor, through the certificates of the token: the shortest
/// whose names and signatures lead there.
///
/// Names are followed upwards, each certificate once and [`limits::ISSUERS`] for one below.
/// Signatures are checked from the anchor downwards, so that what nobody trusted signed costs
/// one check.
fn build_chain(
    signer: &Certificate,
    bag: &[Certificate],
    anchors: &[&Certificate],
) -> Result<Chain, Reason> {
    let mut tried = vec![signer.fingerprint()];
    let mut partial = vec![vec![signer]];
    let mut next = 0;
    while let Some(path) = partial.get(next).cloned() {
        next += 1;
        let Some(top) = path.last() else { continue };
        let is_top = |anchor: &&Certificate| anchor.fingerprint() == top.fingerprint();
        let issued = |anchor: &&&Certificate| top.is_issued_by(anchor).is_ok();
        let end = match anchors.iter().any(is_top) {
            true => Some(None),
            false => anchors.iter().find(issued).map(Some),
        };
        if let Some(anchor) = end
            && is_signed_downwards(&path)
        {
            let path = path.into_iter().chain(anchor.copied());
            return checked(path.cloned().collect());
        }
        let is_issuer = |c: &&Certificate| c.subject_name() == top.issuer_name();
        let mut issuers = 0;
        for issuer in bag.iter().filter(is_issuer) {
            if issuers == limits::ISSUERS || tried.contains(&issuer.fingerprint()) {
                continue;
            }
            budget::charge(Work::PathSteps, 1)?;
            issuers += 1;
            tried.push(issuer.fingerprint());
            let mut longer = path.clone();
            longer.push(issuer);
            partial.push(longer);
        }
    }
    Err(Reason::new(
        Code::TimestampUntrusted,
        format!("the timestamp authority {signer} chains to none of the policy's tsa trust stores"),
    ))
}

/// Whether each certificate signed the one before it.
fn is_signed_downwards(path: &[&Certificate]) -> bool {
    let links = path.iter().zip(path.iter().skip(1));
    let links: Vec<_> = links.collect();
    links
        .into_iter()
        .rev()
        .all(|(certificate, issuer)| certificate.is_issued_by(issuer).is_ok())
}

fn checked(path: Vec<Certificate>) -> Result<Chain, Reason> {
    Chain::check(path, Purpose::Timestamping).map_err(|reason| {
        Reason::new(
            reason.code,
            format!("the timestamp authority: {}", reason.message),
        )
    })
}
