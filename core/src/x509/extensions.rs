//! The extensions of certificates that are looked at (RFC 5280 section 4.2).

use std::collections::BTreeSet;

use const_oid::AssociatedOid;
use const_oid::db::rfc5280::ID_AD_OCSP;
use der::Decode;
use der::oid::ObjectIdentifier;
use x509_cert::TbsCertificate;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage,
    FreshestCrl, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};

use super::{Certificate, CertificateError};
use crate::strict_der;

/// Reads every extension that somebody asks for below, so that a broken one is no absent one.
pub(super) fn check(tbs: &TbsCertificate) -> Result<(), CertificateError> {
    let mut seen = BTreeSet::new();
    for extension in tbs.extensions.iter().flatten() {
        if !seen.insert(extension.extn_id) {
            return Err(CertificateError::Repeated(extension.extn_id));
        }
    }
    get::<BasicConstraints>(tbs)?;
    get::<KeyUsage>(tbs)?;
    get::<ExtendedKeyUsage>(tbs)?;
    get::<SubjectKeyIdentifier>(tbs)?;
    get::<AuthorityInfoAccessSyntax>(tbs)?;
    get::<CrlDistributionPoints>(tbs)?;
    get::<FreshestCrl>(tbs)?;
    Ok(())
}

/// The extension of a type, and whether it is critical.
fn get<'a, T: Decode<'a> + AssociatedOid>(
    tbs: &'a TbsCertificate,
) -> der::Result<Option<(bool, T)>> {
    let mut all = tbs.extensions.iter().flatten();
    all.find(|extension| extension.extn_id == T::OID)
        .map(|found| {
            Ok((
                found.critical,
                strict_der::read(found.extn_value.as_bytes())?,
            ))
        })
        .transpose()
}

impl Certificate {
    /// The basic constraints: whether critical, and what they say.
    pub(crate) fn basic_constraints(&self) -> Option<(bool, BasicConstraints)> {
        self.extension()
    }

    /// Whether it may issue certificates, by its basic constraints.
    pub(crate) fn is_ca(&self) -> bool {
        self.basic_constraints()
            .is_some_and(|(_, constraints)| constraints.ca)
    }

    /// The key usage: whether critical, and what it says.
    pub(crate) fn key_usage(&self) -> Option<(bool, KeyUsage)> {
        self.extension()
    }

    /// The extended key usages: whether critical, and what they say.
    pub(crate) fn extended_key_usage(&self) -> Option<(bool, Vec<ObjectIdentifier>)> {
        let (critical, usages) = self.extension::<ExtendedKeyUsage>()?;
        Some((critical, usages.0))
    }

    /// The subject key identifier.
    pub(crate) fn key_identifier(&self) -> Option<SubjectKeyIdentifier> {
        let (_, id) = self.extension()?;
        Some(id)
    }

    /// The subject alternative names. They are not read with the certificate: path building
    /// does not depend on them, and whoever asks says what is wrong with them.
    pub(crate) fn subject_alternative_names(&self) -> der::Result<Vec<GeneralName>> {
        let names = get::<SubjectAltName>(self.tbs())?;
        Ok(names.map(|(_, names)| names.0).unwrap_or_default())
    }

    /// The critical extensions.
    pub(crate) fn critical_extensions(&self) -> impl Iterator<Item = ObjectIdentifier> {
        let extensions = self.tbs().extensions.iter().flatten();
        extensions.filter(|e| e.critical).map(|e| e.extn_id)
    }

    /// The OCSP responders' URLs.
    pub(crate) fn ocsp_urls(&self) -> Vec<String> {
        let Some((_, access)) = self.extension::<AuthorityInfoAccessSyntax>() else {
            return Vec::new();
        };
        access
            .0
            .iter()
            .filter(|description| description.access_method == ID_AD_OCSP)
            .filter_map(|description| uri(&description.access_location))
            .collect()
    }

    /// The URLs of certificate revocation lists.
    pub(crate) fn crl_urls(&self) -> Vec<String> {
        match self.extension::<CrlDistributionPoints>() {
            Some((_, points)) => distribution_urls(&points.0),
            None => Vec::new(),
        }
    }

    /// The URLs of delta certificate revocation lists.
    pub(crate) fn delta_crl_urls(&self) -> Vec<String> {
        match self.extension::<FreshestCrl>() {
            Some((_, points)) => distribution_urls(&points.0),
            None => Vec::new(),
        }
    }

    /// Whether it names any way to ask about its revocation, usable or not.
    pub(crate) fn is_revocable(&self) -> bool {
        !self.ocsp_urls().is_empty() || self.extension::<CrlDistributionPoints>().is_some()
    }

    /// An extension that [`check`] has read before.
    fn extension<'a, T: Decode<'a> + AssociatedOid>(&'a self) -> Option<(bool, T)> {
        get::<T>(self.tbs()).ok().flatten()
    }
}

/// What a key is for beside signatures, by its usage; the first of several. (Signatures that are
/// hard to deny, `nonRepudiation`, are signatures.)
pub(crate) fn usage_beyond_signatures(usage: &KeyUsage) -> Option<&'static str> {
    [
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ]
    .into_iter()
    .find_map(|(set, name)| set.then_some(name))
}

/// The URLs of distribution points that cover every reason and are signed by the issuer itself.
pub(crate) fn distribution_urls(points: &[DistributionPoint]) -> Vec<String> {
    points
        .iter()
        .filter(|point| point.reasons.is_none() && point.crl_issuer.is_none())
        .filter_map(|point| point.distribution_point.as_ref())
        .flat_map(point_urls)
        .collect()
}

/// The URLs of a distribution point's name.
pub(crate) fn point_urls(name: &DistributionPointName) -> Vec<String> {
    match name {
        DistributionPointName::FullName(names) => names.iter().filter_map(uri).collect(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => Vec::new(),
    }
}

fn uri(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    }
}
