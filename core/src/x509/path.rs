//! Paths from a certificate to a trusted chain.
//!
//! Signatures, basic constraints, name constraints, path lengths and critical extensions
//! are judged by rustls-webpki. Validity is judged here, for every certificate of the
//! path up to the root and at every time that matters: webpki does not look at the
//! validity of anchors, and an expired authority must not vouch (CVE-2026-24122).

use std::time::Duration;

use der::oid::ObjectIdentifier;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::name::Name;

use super::Certificate;
use crate::budget::{self, Work};
use crate::crypto::webpki_algorithms;
use crate::limits;
use crate::time::{UnixTime, Window};

/// Lines that end at the name of an anchor, of which the signatures are checked.
const LINES: usize = 4;

/// Lines that are followed at once, also those that lead nowhere.
const PARTIAL: usize = 32;

/// A chain from trust material: issuing certificates first, the root last. Each of them is
/// trusted as it stands; whoever listed it vouches for it.
#[derive(Clone, Debug)]
pub(crate) struct TrustedChain {
    certificates: Vec<Certificate>,
    /// The same as webpki wants them, read once; or why it cannot read one.
    anchors: Result<Vec<TrustAnchor<'static>>, webpki::Error>,
}

impl TrustedChain {
    /// A chain of these certificates.
    pub(crate) fn new(certificates: Vec<Certificate>) -> Self {
        let anchor = |certificate: &Certificate| {
            let der = CertificateDer::from(certificate.der());
            anchor_from_trusted_cert(&der).map(|anchor| anchor.to_owned())
        };
        Self {
            anchors: certificates.iter().map(anchor).collect(),
            certificates,
        }
    }

    /// The certificates, in their order.
    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Builds the path from `leaf`, through `intermediates` if need be, to this chain, as
    /// it stood at `time`.
    ///
    /// Where `leaf` or a certificate above it restricts its extended key usage, `usage` must
    /// be among it. That `leaf` has it at all is not checked.
    pub(crate) fn verify<'a>(
        &'a self,
        leaf: &'a Certificate,
        intermediates: &'a [Certificate],
        usage: &'static ObjectIdentifier,
        time: UnixTime,
    ) -> Result<VerifiedPath<'a>, PathError> {
        let leaf_der = CertificateDer::from(leaf.der());
        let end_entity = EndEntityCert::try_from(&leaf_der).map_err(PathError::from)?;
        let anchors = match &self.anchors {
            Ok(anchors) => anchors,
            Err(error) => return Err(error.clone().into()),
        };
        let seconds = u64::try_from(time.seconds()).map_err(|_| PathError::Time(time))?;
        let time_of_path =
            rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let mut failure = PathError::Untrusted;
        for line in self.lines(leaf, intermediates) {
            let others: Vec<_> = line.iter().map(|c| CertificateDer::from(c.der())).collect();
            let found = end_entity.verify_for_usage(
                webpki_algorithms(),
                anchors,
                &others,
                time_of_path,
                KeyUsage::required_if_present(usage.as_bytes()),
                None,
                None,
            );
            let path = match found {
                Ok(found) => {
                    let between = found.intermediate_certificates().filter_map(|cert| {
                        let same = |c: &&&Certificate| c.der() == cert.der().as_ref();
                        line.iter().find(same).copied()
                    });
                    let mut certificates = vec![leaf];
                    certificates.extend(between);
                    certificates.extend(self.upwards_of(found.anchor()));
                    VerifiedPath { certificates }
                }
                Err(error) => {
                    failure = failure.or(error.into());
                    continue;
                }
            };
            match path.check(time) {
                Ok(()) => return Ok(path),
                Err(error) => failure = failure.or(error),
            }
        }
        Err(failure)
    }

    /// Whether `leaf`, or one of `intermediates`, says that a certificate of this chain issued it.
    /// Without that, nothing leads from it to this chain.
    pub(crate) fn is_named_by(&self, leaf: &Certificate, intermediates: &[Certificate]) -> bool {
        let mut named = intermediates.iter().chain([leaf]);
        named.any(|certificate| self.names(certificate.issuer_name()))
    }

    /// Whether a certificate of this chain signed `leaf`, directly or through `intermediates`.
    /// Nothing else that a path must keep is looked at.
    pub(crate) fn leads_down_to(&self, leaf: &Certificate, intermediates: &[Certificate]) -> bool {
        !self.lines(leaf, intermediates).is_empty()
    }

    /// The lines of issuers that lead from `leaf` to this chain by name **and** by signature:
    /// for each the certificates between, the leaf's issuer first.
    ///
    /// What came with a signature may be made to send a path builder astray, so the lines are
    /// found here and nothing else is shown to it. Names are followed upwards, each certificate
    /// once in a line and [`limits::ISSUERS`] for one below, the shortest of [`PARTIAL`] lines
    /// first; signatures are checked from the trusted end downwards, so that what nobody trusted
    /// signed costs one check.
    fn lines<'a>(
        &'a self,
        leaf: &'a Certificate,
        intermediates: &'a [Certificate],
    ) -> Vec<Vec<&'a Certificate>> {
        let mut lines = Vec::new();
        let mut ends = 0;
        let mut partial = vec![Vec::new()];
        let mut next = 0;
        while let Some(line) = partial.get(next).cloned() {
            next += 1;
            let top = line.last().copied().unwrap_or(leaf);
            if self.names(top.issuer_name()) {
                if ends == LINES {
                    return lines;
                }
                ends += 1;
                if self.issued(top) && is_signed_downwards(leaf, &line) {
                    lines.push(line.clone());
                }
            }
            let is_issuer = |c: &&Certificate| c.subject_name() == top.issuer_name();
            let mut issuers: Vec<&Certificate> = Vec::new();
            for issuer in intermediates
                .iter()
                .take(limits::CHAIN_CERTIFICATES)
                .filter(is_issuer)
            {
                if issuers.len() == limits::ISSUERS || partial.len() == PARTIAL {
                    break;
                }
                if issuer == leaf || line.contains(&issuer) || issuers.contains(&issuer) {
                    continue;
                }
                if budget::charge(Work::PathSteps, 1).is_err() {
                    return Vec::new();
                }
                issuers.push(issuer);
                let mut longer = line.clone();
                longer.push(issuer);
                partial.push(longer);
            }
        }
        lines
    }

    /// Whether a certificate of this chain has this subject.
    fn names(&self, subject: &Name) -> bool {
        let mut anchors = self.certificates.iter();
        anchors.any(|anchor| anchor.subject_name() == subject)
    }

    /// Whether a certificate of this chain signed this one.
    fn issued(&self, certificate: &Certificate) -> bool {
        let mut anchors = self.certificates.iter();
        anchors.any(|anchor| certificate.is_issued_by(anchor).is_ok())
    }

    /// The anchor's certificate and, while the chain continues, those above it.
    fn upwards_of<'a>(&'a self, anchor: &TrustAnchor<'_>) -> impl Iterator<Item = &'a Certificate> {
        let mut anchors = self.anchors.iter().flatten();
        let start = anchors.position(|candidate| candidate == anchor);
        let mut above = start
            .and_then(|start| self.certificates.get(start..))
            .unwrap_or_default()
            .iter();
        let mut next = above.next();
        std::iter::from_fn(move || {
            let current = next?;
            next = above.find(|candidate| candidate.subject_name() == current.issuer_name());
            Some(current)
        })
    }
}

/// Whether each certificate of a line signed the one before it, and the first the leaf.
fn is_signed_downwards(leaf: &Certificate, line: &[&Certificate]) -> bool {
    let below = std::iter::once(leaf).chain(line.iter().copied());
    let links: Vec<_> = below.zip(line).collect();
    links
        .into_iter()
        .rev()
        .all(|(certificate, issuer)| certificate.is_issued_by(issuer).is_ok())
}

/// A path that verified: the leaf first, the root last.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedPath<'a> {
    certificates: Vec<&'a Certificate>,
}

impl<'a> VerifiedPath<'a> {
    /// The certificate that issued the leaf.
    pub(crate) fn issuer(&self) -> Option<&'a Certificate> {
        self.certificates.get(1).copied()
    }

    /// Whether every certificate of the path was valid at `time`.
    pub(crate) fn check(&self, time: UnixTime) -> Result<(), PathError> {
        match self
            .certificates
            .iter()
            .find(|c| !c.validity().contains(time))
        {
            Some(certificate) => Err(PathError::OutsideValidity {
                subject: certificate.subject(),
                window: certificate.validity(),
                time,
            }),
            None => Ok(()),
        }
    }

    /// When the first of its certificates ends.
    pub(crate) fn ends(&self) -> Option<UnixTime> {
        let ends = self.certificates.iter().filter_map(|c| c.validity().end);
        ends.min()
    }
}

/// Why there is no path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
    /// None of the certificates leads to the chain.
    #[error("it does not chain to the trusted certificates")]
    Untrusted,
    /// A certificate of the path was not valid.
    #[error("the certificate of {subject:?} is valid {window}, which does not cover {time}")]
    OutsideValidity {
        /// Whose.
        subject: String,
        /// When it is valid.
        window: Window,
        /// The time that counts.
        time: UnixTime,
    },
    /// A certificate of the path was not valid, and only webpki knows which.
    #[error("a certificate on the path to the trusted root is outside its validity: {0}")]
    Expired(webpki::Error),
    /// A time that no certificate is valid at.
    #[error("no certificate is valid at {0}")]
    Time(UnixTime),
    /// A certificate of the path breaks a rule.
    #[error("a certificate on the path breaks a rule: {0}")]
    Profile(webpki::Error),
}

impl PathError {
    /// Of two ways that fail the one that led further; of equals the first.
    fn or(self, other: Self) -> Self {
        match self {
            Self::Untrusted => other,
            found => found,
        }
    }
}

impl From<webpki::Error> for PathError {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error;
        match error {
            Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => Self::Untrusted,
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } => Self::Expired(error),
            other => Self::Profile(other),
        }
    }
}
