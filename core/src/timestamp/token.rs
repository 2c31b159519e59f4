//! Tokens: CMS signed data over a time and a hash.
//!
//! RFC 3161, RFC 5816 (ESSCertIDv2), RFC 5652. Only DER is read.

use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use const_oid::db::rfc5911::{
    ID_AA_SIGNING_CERTIFICATE_V_2, ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA,
};
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::{OctetString, OctetStringRef};
use der::oid::ObjectIdentifier;
use der::{Any, Encode as _, Sequence};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attributes;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_cert::serial_number::SerialNumber;
use x509_tsp::TimeStampResp;

use super::tst_info::{TstInfo, hash_of};
use super::{Carrier, Presence, Profile, TimestampError};
use crate::crypto::{Hash, Scheme};
use crate::limits;
use crate::strict_der;
use crate::time::UnixTime;
use crate::x509::{Certificate, SignedDataError};

/// `id-ct-TSTInfo`.
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// A token, its signature not verified.
#[derive(Debug)]
pub(crate) struct Token {
    profile: &'static Profile,
    info: TstInfo,
    info_der: Vec<u8>,
    signer: SignerInfo,
    certificates: Vec<Certificate>,
}

impl Token {
    /// Reads a token: signed data of version 3 with one signer, over a TSTInfo of version 1.
    pub(crate) fn parse(der: &[u8], profile: &'static Profile) -> Result<Self, TimestampError> {
        if der.len() > limits::TIMESTAMP_BYTES {
            return Err(TimestampError::TooLong(der.len()));
        }
        let signed_data = signed_data(der, profile.carrier)?;
        let content = &signed_data.encap_content_info;
        if content.econtent_type != TST_INFO {
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
        let [signer] = signed_data.signer_infos.0.as_slice() else {
            return Err(TimestampError::Malformed(
                "it does not have exactly one signer",
            ));
        };
        // RFC 5652 section 5.3.
        let version = match signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(_) => CmsVersion::V1,
            SignerIdentifier::SubjectKeyIdentifier(_) => CmsVersion::V3,
        };
        if signer.version != version {
            return Err(TimestampError::Malformed(
                "its signer's version is not the one for its identifier",
            ));
        }
        Ok(Self {
            profile,
            info: TstInfo::from_der(&info_der)?,
            info_der,
            signer: signer.clone(),
            certificates: certificates(&signed_data)?,
        })
    }

    /// The stated time, without its fraction. Not verified.
    pub(crate) fn time(&self) -> UnixTime {
        self.info.time()
    }

    /// The earliest and the latest time by its accuracy, in microseconds after the epoch. Not
    /// verified.
    pub(crate) fn interval(&self) -> (i64, i64) {
        self.info.interval()
    }

    /// Whether the token is one for `message`.
    pub(crate) fn covers(&self, message: &[u8]) -> Result<(), TimestampError> {
        self.info.check_imprint(message)
    }

    /// The certificates that it brings. Nobody signed the list.
    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The certificate that it names as its signer's. Not whether that signed it.
    pub(crate) fn signer_among<'a>(
        &self,
        candidates: &'a [Certificate],
    ) -> Option<&'a Certificate> {
        candidates
            .iter()
            .find(|certificate| match &self.signer.sid {
                SignerIdentifier::IssuerAndSerialNumber(id) => {
                    id.issuer == *certificate.issuer_name()
                        && id.serial_number == *certificate.serial_number()
                }
                SignerIdentifier::SubjectKeyIdentifier(id) => {
                    certificate.key_identifier().as_ref() == Some(id)
                }
            })
    }

    /// Verifies the signature over the signed attributes, and that these bind the TSTInfo and the
    /// certificate (RFC 5652 section 5.4, RFC 5816).
    ///
    /// Not checked: whether the certificate is one for timestamping, and whose it is.
    pub(crate) fn verify_signature(&self, certificate: &Certificate) -> Result<(), TimestampError> {
        let attributes = self
            .signer
            .signed_attrs
            .as_ref()
            .ok_or(TimestampError::Malformed("it has no signed attributes"))?;
        let content_type: ObjectIdentifier =
            only_value(attributes, ID_CONTENT_TYPE)?.decode_as()?;
        if content_type != TST_INFO {
            return Err(TimestampError::Malformed(
                "its signed content type is not TSTInfo",
            ));
        }
        let digest: OctetString = only_value(attributes, ID_MESSAGE_DIGEST)?.decode_as()?;
        let hash = hash_of(&self.signer.digest_alg)?;
        if digest.as_bytes() != hash.digest(&self.info_der) {
            return Err(TimestampError::Signature);
        }
        self.check_certificate_id(attributes, certificate)?;
        self.check_signature(certificate, &attributes.to_der()?, hash)
    }

    /// The signed attribute `signingCertificateV2` must name the certificate.
    fn check_certificate_id(
        &self,
        attributes: &Attributes,
        certificate: &Certificate,
    ) -> Result<(), TimestampError> {
        let id = ID_AA_SIGNING_CERTIFICATE_V_2;
        if self.profile.certificate_id == Presence::Optional
            && !attributes.iter().any(|attribute| attribute.oid == id)
        {
            return Ok(());
        }
        let named: SigningCertificateV2 = only_value(attributes, id)?.decode_as()?;
        match named.certs.first() {
            None => Err(TimestampError::Malformed("signingCertificateV2 is empty")),
            Some(first) if first.names(certificate)? => Ok(()),
            Some(_) => Err(TimestampError::Malformed(
                "signingCertificateV2 names another certificate",
            )),
        }
    }

    fn check_signature(
        &self,
        certificate: &Certificate,
        signed: &[u8],
        hash: Hash,
    ) -> Result<(), TimestampError> {
        let algorithm = &self.signer.signature_algorithm;
        let signature = self.signer.signature.as_bytes();
        let key = certificate
            .public_key()
            .map_err(|error| TimestampError::Key(error.to_string()))?;
        // CMS may name the key's algorithm only, and the hash apart (RFC 3370 section 3.2).
        if algorithm.oid == RSA_ENCRYPTION {
            let scheme = match hash {
                Hash::Sha256 => Scheme::RsaPkcs1Sha256,
                Hash::Sha384 => Scheme::RsaPkcs1Sha384,
                Hash::Sha512 => Scheme::RsaPkcs1Sha512,
            };
            let verified = key.verify(scheme, signed, signature);
            return verified.map_err(|_| TimestampError::Signature);
        }
        certificate
            .verify(algorithm, signed, signature)
            .map_err(|error| match error {
                SignedDataError::Algorithm(oid) => TimestampError::Algorithm(oid),
                _ => TimestampError::Signature,
            })
    }
}

fn signed_data(der: &[u8], carrier: Carrier) -> Result<SignedData, TimestampError> {
    let content = match carrier {
        Carrier::Token => strict_der::read::<ContentInfo>(der)?,
        Carrier::Response => {
            let response: TimeStampResp<'_> = strict_der::read(der)?;
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
    let signed_data: SignedData = content.content.decode_as()?;
    // RFC 5652 section 5.1, for content that is no plain data and without other certificates
    // than those of X.509.
    if signed_data.version != CmsVersion::V3 {
        return Err(TimestampError::Malformed("it is not of version 3"));
    }
    Ok(signed_data)
}

fn certificates(signed_data: &SignedData) -> Result<Vec<Certificate>, TimestampError> {
    let choices = signed_data.certificates.iter().flat_map(|set| set.0.iter());
    let mut certificates = Vec::new();
    for choice in choices {
        let CertificateChoices::Certificate(certificate) = choice else {
            continue;
        };
        if certificates.len() == limits::CHAIN_CERTIFICATES {
            return Err(TimestampError::TooManyCertificates);
        }
        certificates.push(Certificate::from_der(&certificate.to_der()?)?);
    }
    Ok(certificates)
}

/// The only value of an attribute that must occur once.
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

/// `SigningCertificateV2` of RFC 5035 section 3. The first certificate is the signer's.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certs: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

/// `ESSCertIDv2` of RFC 5035 section 4.
#[derive(Sequence)]
struct EssCertIdV2 {
    /// SHA-256 if absent.
    #[asn1(optional = "true")]
    hash_algorithm: Option<AlgorithmIdentifierOwned>,
    cert_hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<IssuerSerial>,
}

#[derive(Sequence)]
struct IssuerSerial {
    issuer: GeneralNames,
    serial_number: SerialNumber,
}

impl EssCertIdV2 {
    /// Whether it is the certificate's: by its hash, and by issuer and number if it has them.
    fn names(&self, certificate: &Certificate) -> Result<bool, TimestampError> {
        let hash = match &self.hash_algorithm {
            Some(algorithm) => hash_of(algorithm)?,
            None => Hash::Sha256,
        };
        let same_issuer = self.issuer_serial.as_ref().is_none_or(|id| {
            let is_issuer = |name: &GeneralName| {
                matches!(name, GeneralName::DirectoryName(name) if name == certificate.issuer_name())
            };
            id.serial_number == *certificate.serial_number() && id.issuer.iter().any(is_issuer)
        });
        Ok(same_issuer && hash.digest(certificate.der()) == self.cert_hash.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_an_error() {
        for profile in [&Profile::SIGSTORE, &Profile::NOTARY] {
            for der in [&b""[..], b"\x30\x00", b"\x30\x80\x00\x00", &[0x30; 100]] {
                let read = Token::parse(der, profile);
                assert!(matches!(read, Err(TimestampError::Der(_))), "{der:?}");
            }
            let long = vec![0; limits::TIMESTAMP_BYTES + 1];
            let read = Token::parse(&long, profile);
            assert!(matches!(read, Err(TimestampError::TooLong(_))));
        }
    }
}
