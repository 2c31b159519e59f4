//! Verification levels: what the failure of each check does.
//!
//! Trust store and trust policy specification, "Signature verification details".

use crate::policy::{Action, NotationLevel};

/// The checks of a verification, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// The envelope is well-formed, unaltered, and names this image.
    Integrity,
    /// The signer is one that the policy trusts.
    Authenticity,
    /// The certificates were valid when the signature was made.
    AuthenticTimestamp,
    /// The signature has not expired.
    Expiry,
    /// No certificate is revoked.
    Revocation,
}

impl CheckKind {
    /// Every check.
    pub const ALL: [Self; 5] = [
        Self::Integrity,
        Self::Authenticity,
        Self::AuthenticTimestamp,
        Self::Expiry,
        Self::Revocation,
    ];

    /// The name in trust policies and verdicts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

impl NotationLevel {
    /// What the failure of a check does.
    pub fn action(&self, check: CheckKind) -> Action {
        match check {
            CheckKind::Integrity => self.integrity,
            CheckKind::Authenticity => self.authenticity,
            CheckKind::AuthenticTimestamp => self.authentic_timestamp,
            CheckKind::Expiry => self.expiry,
            CheckKind::Revocation => self.revocation,
        }
    }

    /// Whether nothing is verified at all.
    pub fn is_skip(&self) -> bool {
        self.integrity == Action::Skip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_act_as_the_specification_tabulates() {
        use Action::{Enforce as E, Log as L, Skip as S};
        for (level, expected) in [
            (NotationLevel::STRICT, [E, E, E, E, E]),
            (NotationLevel::PERMISSIVE, [E, E, L, L, L]),
            (NotationLevel::AUDIT, [E, L, L, L, L]),
            (NotationLevel::SKIP, [S, S, S, S, S]),
        ] {
            assert_eq!(
                CheckKind::ALL.map(|check| level.action(check)),
                expected,
                "{}",
                level.name
            );
        }
    }
}
