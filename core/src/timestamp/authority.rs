//! Authorities that a Sigstore trust root lists.
//!
//! A token is judged for one authority as a whole: its certificates, its root and its validity
//! belong together, so that no token can borrow another authority's (TOB-SIGSTORE-11).

use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;

use super::{Profile, TimestampError, Token, signer};
use crate::time::{UnixTime, Window};
use crate::x509::Certificate;
use crate::x509::path::{PathError, TrustedChain};

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

impl Authority {
    /// Whether this authority made the token, and so the time that counts.
    ///
    /// The signing certificate is the authority's own, where that is listed, else one from
    /// the token that chains to it. It must be a leaf whose only purpose, critically, is
    /// timestamping, and valid, with every certificate above it, at the stated time.
    ///
    /// Not checked: that the token is for the bytes in question.
    pub(crate) fn verify(&self, token: &Token) -> Result<UnixTime, TimestampError> {
        let candidates = match &self.leaf {
            Some(leaf) => std::slice::from_ref(leaf),
            None => token.certificates(),
        };
        let signer = token
            .signer_among(candidates)
            .ok_or(TimestampError::UnknownSigner)?;
        let time = token.time();
        // Cheap, whatever the token holds: see `TrustedChain::lines`.
        let path = self
            .chain
            .verify(signer, token.certificates(), &ID_KP_TIME_STAMPING, time);
        // Somebody else's token is not a broken one, whatever else is wrong with it.
        if matches!(path, Err(PathError::Untrusted)) {
            return Err(TimestampError::UnknownSigner);
        }
        token.verify_signature(signer)?;
        signer::check(signer, &Profile::SIGSTORE)?;
        path?;
        if !self.valid_for.contains(time) {
            return Err(TimestampError::OutsideValidity(time, self.valid_for));
        }
        Ok(time)
    }
}
