//! Certificate chains: complete, in order, and each certificate fit for its place.
//!
//! Signature specification, "Certificate requirements"; RFC 3161 section 2.3 for timestamping.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;

use crate::limits;
use crate::reason::{Code, Reason};
use crate::timestamp::{self, Profile};
use crate::x509::{Certificate, usage_beyond_signatures};

/// What a chain's leaf signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Artifacts.
    CodeSigning,
    /// Timestamps.
    Timestamping,
}

/// A chain whose every rule holds: the leaf first, a self-signed root last.
///
/// Not checked: validity at any time, revocation, and whether anybody trusts it.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    leaf: Certificate,
    issuers: Vec<Certificate>,
}

impl Chain {
    /// Checks a chain.
    ///
    /// 1. It is not empty, and not too long.
    /// 2. Each certificate is issued by the next, the last by itself, and none before the last
    ///    is self-signed. Names are not enough to tell: leaf and root may share theirs.
    /// 3. The leaf keeps the rules for leaves, the others those for authorities.
    pub(super) fn check(certificates: Vec<Certificate>, purpose: Purpose) -> Result<Self, Reason> {
        // (1) size
        if certificates.len() > limits::CHAIN_CERTIFICATES {
            return Err(Reason::new(
                Code::LimitExceeded,
                format!(
                    "the chain has {} certificates, more than the {} allowed",
                    certificates.len(),
                    limits::CHAIN_CERTIFICATES
                ),
            ));
        }
        // (2) links
        check_links(&certificates)?;
        // (3) profiles
        let mut certificates = certificates.into_iter();
        let leaf = certificates.next().ok_or_else(|| {
            Reason::new(
                Code::CertificateChainInvalid,
                "the certificate chain is empty",
            )
        })?;
        check_leaf(&leaf, purpose)?;
        let issuers: Vec<_> = certificates.collect();
        for (below, issuer) in issuers.iter().enumerate() {
            check_authority(issuer, below, purpose)?;
        }
        Ok(Self { leaf, issuers })
    }

    /// The certificate that signs.
    pub(super) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Every certificate, the leaf first.
    pub(super) fn certificates(&self) -> impl DoubleEndedIterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.issuers)
    }

    /// Every certificate but the root, with its issuer.
    pub(super) fn links(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        self.certificates().zip(&self.issuers)
    }
}

/// From the root downwards: who copies a trusted root above certificates of his own has one
/// signature checked.
fn check_links(certificates: &[Certificate]) -> Result<(), Reason> {
    for (position, certificate) in certificates.iter().enumerate().rev() {
        match certificates.get(position + 1) {
            Some(issuer) => {
                if certificate.is_self_signed() {
                    return Err(Reason::new(
                        Code::CertificateChainInvalid,
                        format!("the certificate {certificate} is self-signed but not the last of its chain"),
                    ));
                }
                certificate.is_issued_by(issuer).map_err(|error| {
                    Reason::new(
                        error.code(),
                        format!(
                            "the certificate {certificate} is not issued by the next of its chain, \
                             {issuer}: {error}"
                        ),
                    )
                })?;
            }
            None => certificate.is_issued_by(certificate).map_err(|error| {
                Reason::new(
                    error.code(),
                    format!(
                        "expected the chain to end with a self-signed root, found {certificate}: {error}"
                    ),
                )
            })?,
        }
    }
    Ok(())
}

fn check_leaf(leaf: &Certificate, purpose: Purpose) -> Result<(), Reason> {
    match purpose {
        Purpose::CodeSigning => check_code_signer(leaf),
        Purpose::Timestamping => {
            timestamp::signer::check(leaf, &Profile::NOTARY).map_err(|rule| broken(leaf, rule))?;
            check_critical_extensions(leaf)
        }
    }
}

fn check_code_signer(leaf: &Certificate) -> Result<(), Reason> {
    if leaf.is_ca() {
        return Err(broken(
            leaf,
            "a signing certificate must not be a certificate authority",
        ));
    }
    let (critical, usage) = leaf
        .key_usage()
        .ok_or_else(|| broken(leaf, "the key usage extension is missing"))?;
    if !critical {
        return Err(broken(leaf, "the key usage extension is not critical"));
    }
    if !usage.digital_signature() {
        return Err(broken(leaf, "the key usage lacks digitalSignature"));
    }
    if let Some(name) = usage_beyond_signatures(&usage) {
        return Err(broken(leaf, format!("the key usage must not have {name}")));
    }
    check_signing_purposes(leaf)
}

/// Extended key usages that a signing certificate must not have.
const OTHER_PURPOSES: [(ObjectIdentifier, &str); 6] = [
    (rfc5280::ANY_EXTENDED_KEY_USAGE, "anyExtendedKeyUsage"),
    (rfc5280::ID_KP_SERVER_AUTH, "serverAuth"),
    (rfc5280::ID_KP_CLIENT_AUTH, "clientAuth"),
    (rfc5280::ID_KP_EMAIL_PROTECTION, "emailProtection"),
    (rfc5280::ID_KP_TIME_STAMPING, "timeStamping"),
    (rfc5280::ID_KP_OCSP_SIGNING, "OCSPSigning"),
];

fn check_signing_purposes(leaf: &Certificate) -> Result<(), Reason> {
    let Some((_, purposes)) = leaf.extended_key_usage() else {
        return Ok(());
    };
    match OTHER_PURPOSES
        .iter()
        .find(|(oid, _)| purposes.contains(oid))
    {
        Some((_, name)) => Err(broken(
            leaf,
            format!("the extended key usage must not have {name}"),
        )),
        None => Ok(()),
    }
}

/// `below`: how many authorities stand between this one and the leaf.
fn check_authority(authority: &Certificate, below: usize, purpose: Purpose) -> Result<(), Reason> {
    let (critical, constraints) = authority.basic_constraints().ok_or_else(|| {
        broken(
            authority,
            "the basic constraints are missing, so it is no authority",
        )
    })?;
    if !constraints.ca {
        return Err(broken(
            authority,
            "the basic constraints say that it is no authority",
        ));
    }
    if !critical && purpose == Purpose::CodeSigning {
        return Err(broken(authority, "the basic constraints are not critical"));
    }
    if constraints
        .path_len_constraint
        .is_some_and(|most| usize::from(most) < below)
    {
        return Err(broken(
            authority,
            format!("the path length constraint forbids the {below} authorities below"),
        ));
    }
    let (critical, usage) = authority
        .key_usage()
        .ok_or_else(|| broken(authority, "the key usage extension is missing"))?;
    if !critical && purpose == Purpose::CodeSigning {
        return Err(broken(authority, "the key usage extension is not critical"));
    }
    if !usage.key_cert_sign() {
        return Err(broken(authority, "the key usage lacks keyCertSign"));
    }
    match purpose {
        Purpose::CodeSigning => Ok(()),
        Purpose::Timestamping => check_timestamping_authority(authority),
    }
}

/// An authority that is limited to purposes must have this one among them.
fn check_timestamping_authority(authority: &Certificate) -> Result<(), Reason> {
    let fits = authority.extended_key_usage().is_none_or(|(_, purposes)| {
        purposes.contains(&rfc5280::ID_KP_TIME_STAMPING)
            || purposes.contains(&rfc5280::ANY_EXTENDED_KEY_USAGE)
    });
    if !fits {
        return Err(broken(
            authority,
            "the extended key usage lacks timeStamping",
        ));
    }
    check_critical_extensions(authority)
}

/// Chains for timestamping follow RFC 5280: an unknown critical extension refuses. (For signing,
/// the Notary Project honours three extensions and ignores all others.)
fn check_critical_extensions(certificate: &Certificate) -> Result<(), Reason> {
    let known = [
        rfc5280::ID_CE_BASIC_CONSTRAINTS,
        rfc5280::ID_CE_KEY_USAGE,
        rfc5280::ID_CE_EXT_KEY_USAGE,
        rfc5280::ID_CE_SUBJECT_ALT_NAME,
        rfc5280::ID_CE_CERTIFICATE_POLICIES,
    ];
    match certificate
        .critical_extensions()
        .find(|oid| !known.contains(oid))
    {
        Some(oid) => Err(broken(
            certificate,
            format!("the extension {oid} is critical and not understood"),
        )),
        None => Ok(()),
    }
}

fn broken(certificate: &Certificate, rule: impl std::fmt::Display) -> Reason {
    Reason::new(
        Code::CertificateProfile,
        format!("the certificate {certificate}: {rule}"),
    )
}
