//! Verification levels: what the failure of each check does.
//!
//! Trust store and trust policy specification, "Signature verification details".

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

    /// The spelling in trust policies and verdicts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

/// What the failure of each check does (Notary Project, trust store and trust
/// policy specification, "Signature verification details").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotationLevel {
    /// The level's name: `strict`, `permissive`, `audit` or `skip`.
    pub name: &'static str,
    /// Integrity of the envelope. Never less than enforced, but for `skip`.
    pub integrity: Action,
    /// Trust in the signer.
    pub authenticity: Action,
    /// The signing time, and certificates valid then.
    pub authentic_timestamp: Action,
    /// The signature's own expiry.
    pub expiry: Action,
    /// Revocation of certificates.
    pub revocation: Action,
}

/// What a failed check does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It fails the signature.
    Enforce,
    /// It is reported.
    Log,
    /// It is not made.
    Skip,
}

/// When a timestamp countersignature is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyTimestamp {
    /// Whenever a `tsa` trust store is listed.
    #[default]
    Always,
    /// Only once a certificate of the chain has expired.
    AfterCertExpiry,
}

impl NotationLevel {
    /// Everything is enforced.
    pub const STRICT: Self = Self {
        name: "strict",
        integrity: Action::Enforce,
        authenticity: Action::Enforce,
        authentic_timestamp: Action::Enforce,
        expiry: Action::Enforce,
        revocation: Action::Enforce,
    };

    /// Times, expiry and revocation are only reported.
    pub const PERMISSIVE: Self = Self {
        name: "permissive",
        authentic_timestamp: Action::Log,
        expiry: Action::Log,
        revocation: Action::Log,
        ..Self::STRICT
    };

    /// Everything but integrity is only reported.
    pub const AUDIT: Self = Self {
        name: "audit",
        authenticity: Action::Log,
        ..Self::PERMISSIVE
    };

    /// Nothing is verified.
    pub const SKIP: Self = Self {
        name: "skip",
        integrity: Action::Skip,
        authenticity: Action::Skip,
        authentic_timestamp: Action::Skip,
        expiry: Action::Skip,
        revocation: Action::Skip,
    };
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
