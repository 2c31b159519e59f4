//! Timestamp countersignatures over the signature of an envelope.
//!
//! Trust store and trust policy specification, "Authentic timestamp".

use super::AuthenticTime;
use super::chain::{Chain, Purpose};
use super::envelope::VerifiedEnvelope;
use super::revocation::{self, KnownStatuses};
use crate::budget::{self, Work};
use crate::judgement::Context;
use crate::limits;
use crate::reason::{Code, Reason};
use crate::time::UnixTime;
use crate::timestamp::{MICROS, Profile, Token};
use crate::verdict::{TimeSource, VerifiedTime};
use crate::x509::Certificate;

/// Verifies the countersignature of an envelope.
///
/// 1. There is one.
/// 2. It verifies, was made by a trusted timestamp authority, and not in the future.
/// 3. The whole interval of its time lies within the validity of every signing certificate.
/// 4. No certificate of the timestamp authority is revoked, whatever the level (CVE-2024-56138).
pub(super) fn countersigned(
    verified: &VerifiedEnvelope<'_>,
    anchors: &[&Certificate],
    context: &Context<'_>,
    known: &KnownStatuses,
) -> Result<AuthenticTime, Reason> {
    // (1) presence
    let envelope = verified.envelope();
    let token = envelope.timestamp.as_deref().ok_or_else(|| {
        Reason::new(
            Code::NoVerifiedTime,
            "the policy asks for a timestamp countersignature, and the signature has none",
        )
    })?;
    // (2) token
    let token = verify(token, &envelope.signature, anchors)?;
    if token.time() > context.now {
        return Err(Reason::new(
            Code::TimestampInvalid,
            format!(
                "the timestamp's time is {}, and now is {}",
                token.time(),
                context.now
            ),
        ));
    }
    // (3) signing certificates
    for certificate in verified.chain().certificates() {
        if !token.is_within(certificate) {
            return Err(Reason::new(
                Code::CertificateOutsideValidity,
                format!(
                    "the certificate {certificate} is valid {}, and not surely at the timestamp {}",
                    certificate.validity(),
                    token.time()
                ),
            ));
        }
    }
    // (4) revocation
    let until = revocation::check_chain(token.chain(), None, context, known)?;
    Ok(AuthenticTime {
        times: vec![VerifiedTime {
            time: token.time(),
            source: TimeSource::TimestampAuthority,
            name: token.chain().leaf().subject(),
        }],
        until,
    })
}

/// A token that somebody trusted signed over this very content.
#[derive(Debug)]
pub(super) struct VerifiedToken {
    token: Token,
    /// The timestamp authority's certificates.
    chain: Chain,
}

impl VerifiedToken {
    /// The stated time, without its accuracy.
    pub(super) fn time(&self) -> UnixTime {
        self.token.time()
    }

    /// The timestamp authority's certificates.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the whole interval of the time lies within a certificate's validity.
    fn is_within(&self, certificate: &Certificate) -> bool {
        let micros = |time: UnixTime| time.seconds().saturating_mul(MICROS);
        let (earliest, latest) = self.token.interval();
        let validity = certificate.validity();
        validity.start.is_none_or(|start| micros(start) <= earliest)
            && validity.end.is_none_or(|end| latest <= micros(end))
    }
}

/// Verifies a token over `content`.
///
/// 1. It is about `content`.
/// 2. The key of a certificate that it brings signed it.
/// 3. That certificate chains to one of the anchors, each valid at the stated time and fit for
///    timestamping.
///
/// Not checked: revocation.
pub(super) fn verify(
    token: &[u8],
    content: &[u8],
    anchors: &[&Certificate],
) -> Result<VerifiedToken, Reason> {
    // (1) content
    let token = Token::parse(token, &Profile::NOTARY)?;
    token.covers(content)?;
    // (2) signature
    let signer = token.signer_among(token.certificates()).ok_or_else(|| {
        Reason::new(
            Code::TimestampInvalid,
            "the timestamp does not bring its signer's certificate",
        )
    })?;
    token.verify_signature(signer)?;
    // (3) chain
    let chain = build_chain(signer, token.certificates(), anchors)?;
    let time = token.time();
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
    Ok(VerifiedToken { token, chain })
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
    let mut tried = vec![signer];
    let mut partial = vec![vec![signer]];
    let mut next = 0;
    while let Some(path) = partial.get(next).cloned() {
        next += 1;
        let Some(top) = path.last() else { continue };
        let is_top = |anchor: &&Certificate| *anchor == *top;
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
            if issuers == limits::ISSUERS || tried.contains(&issuer) {
                continue;
            }
            budget::charge(Work::PathSteps, 1)?;
            issuers += 1;
            tried.push(issuer);
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
