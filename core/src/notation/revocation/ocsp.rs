//! OCSP responses (RFC 6960).

use const_oid::db::{rfc5280, rfc5912};
use const_oid::{AssociatedOid as _, ObjectIdentifier};
use der::Encode as _;
use der::asn1::{Null, OctetString};
use sha1::{Digest as _, Sha1};
use spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse,
    OcspResponseStatus, Request, ResponderId, TbsRequest,
};

use super::{Revocation, Status, Unusable, in_force, read_invalidity_date, seconds, spares};
use crate::crypto::Hash;
use crate::limits;
use crate::strict_der;
use crate::time::UnixTime;
use crate::x509::{Certificate, first_element, whole_bytes};

/// SHA-1, which names certificates in OCSP: an identifier here, not a protection.
const SHA1: ObjectIdentifier = rfc5912::ID_SHA_1;

/// What a response says about a certificate.
///
/// 1. It is successful, and of the basic type.
/// 2. The issuer signed it, or a delegate whom the issuer certified for it. Whether that
///    delegate is itself revoked is not checked, as in notation-go.
/// 3. It speaks of this certificate.
/// 4. It is in force at `now`.
pub(super) fn status(
    der: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    signing_time: Option<UnixTime>,
    now: UnixTime,
) -> Result<Status, Unusable> {
    // (1) form
    let basic_der = basic(der)?;
    let basic: BasicOcspResponse = strict_der::read(&basic_der)?;
    // (2) signature
    let signed = first_element(&basic_der)?;
    check_signature(&basic, signed, issuer, now)?;
    // (3) certificate
    let single = basic
        .tbs_response_data
        .responses
        .iter()
        .find(|single| speaks_of(&single.cert_id, certificate, issuer))
        .ok_or(Unusable::Others)?;
    // (4) time
    let until = in_force(time(single.this_update), single.next_update.map(time), now)?;
    match single.cert_status {
        CertStatus::Good(_) => Ok(Status::Good { until }),
        CertStatus::Unknown(_) => Err(Unusable::NotKnown),
        CertStatus::Revoked(info) => {
            let extensions = single.single_extensions.iter().flatten();
            let invalidity_date = read_invalidity_date(extensions)?;
            if spares(invalidity_date, signing_time) {
                return Ok(Status::Good { until });
            }
            let since = time(info.revocation_time);
            Ok(Status::Revoked(Revocation::Ocsp { since }))
        }
    }
}

/// The request that asks about a certificate, without a nonce, so that it can be cached.
pub(super) fn request(certificate: &Certificate, issuer: &Certificate) -> der::Result<Vec<u8>> {
    let name = issuer.subject_name().to_der()?;
    let request = Request {
        req_cert: CertId {
            hash_algorithm: AlgorithmIdentifierOwned {
                oid: SHA1,
                parameters: Some(Null.into()),
            },
            issuer_name_hash: OctetString::new(Sha1::digest(&name).to_vec())?,
            issuer_key_hash: OctetString::new(Sha1::digest(issuer.public_key_bits()).to_vec())?,
            serial_number: certificate.serial_number().clone(),
        },
        single_request_extensions: None,
    };
    OcspRequest {
        tbs_request: TbsRequest {
            request_list: vec![request],
            ..TbsRequest::default()
        },
        optional_signature: None,
    }
    .to_der()
}

/// The basic response inside a response.
fn basic(der: &[u8]) -> Result<Vec<u8>, Unusable> {
    Unusable::if_larger(der, limits::OCSP_BYTES)?;
    let response: OcspResponse = strict_der::read(der)?;
    if response.response_status != OcspResponseStatus::Successful {
        return Err(Unusable::Refused(response.response_status));
    }
    let bytes = response.response_bytes.ok_or(Unusable::Empty)?;
    if bytes.response_type != BasicOcspResponse::OID {
        return Err(Unusable::Type(bytes.response_type));
    }
    Ok(bytes.response.as_bytes().to_vec())
}

fn check_signature(
    basic: &BasicOcspResponse,
    signed: &[u8],
    issuer: &Certificate,
    now: UnixTime,
) -> Result<(), Unusable> {
    let signature = whole_bytes(&basic.signature)?;
    let signed_by = |responder: &Certificate| {
        responder
            .verify(&basic.signature_algorithm, signed, signature)
            .map_err(Unusable::from)
    };
    let responder = &basic.tbs_response_data.responder_id;
    if is_responder(issuer, responder) {
        return signed_by(issuer);
    }
    for certificate in basic.certs.iter().flatten().take(limits::OCSP_CERTIFICATES) {
        let delegate = Certificate::from_der(&certificate.to_der()?)?;
        if is_responder(&delegate, responder) {
            check_delegate(&delegate, issuer, now)?;
            return signed_by(&delegate);
        }
    }
    Err(Unusable::NoSigner)
}

/// RFC 6960 section 4.2.2.2: a delegate is certified by the issuer itself, for this purpose.
fn check_delegate(
    delegate: &Certificate,
    issuer: &Certificate,
    now: UnixTime,
) -> Result<(), Unusable> {
    let signer = || delegate.to_string();
    delegate
        .is_issued_by(issuer)
        .map_err(|why| Unusable::NotCertified {
            signer: signer(),
            why,
        })?;
    let purposes = delegate.extended_key_usage().map(|(_, purposes)| purposes);
    if !purposes
        .unwrap_or_default()
        .contains(&rfc5280::ID_KP_OCSP_SIGNING)
    {
        return Err(Unusable::NotForOcsp(signer()));
    }
    let validity = delegate.validity();
    if !validity.contains(now) {
        let signer = signer();
        return Err(Unusable::SignerValidity { signer, validity });
    }
    Ok(())
}

fn is_responder(certificate: &Certificate, id: &ResponderId) -> bool {
    match id {
        ResponderId::ByName(name) => name == certificate.subject_name(),
        ResponderId::ByKey(hash) => {
            hash.as_bytes() == Sha1::digest(certificate.public_key_bits()).as_slice()
        }
    }
}

fn speaks_of(id: &CertId, certificate: &Certificate, issuer: &Certificate) -> bool {
    let Ok(name) = issuer.subject_name().to_der() else {
        return false;
    };
    let hash = |bytes: &[u8]| match id.hash_algorithm.oid {
        SHA1 => Some(Sha1::digest(bytes).to_vec()),
        rfc5912::ID_SHA_256 => Some(Hash::Sha256.digest(bytes)),
        _ => None,
    };
    id.serial_number == *certificate.serial_number()
        && hash(&name).is_some_and(|hash| hash == id.issuer_name_hash.as_bytes())
        && hash(issuer.public_key_bits()).is_some_and(|hash| hash == id.issuer_key_hash.as_bytes())
}

fn time(time: OcspGeneralizedTime) -> UnixTime {
    seconds(time.0)
}
