//! What a root holds, one by one, for people and for programs that compare roots.

use std::fmt;

use serde::Serialize;

use super::{CertificateAuthority, Log, SigstoreRoot, TimestampAuthority};
use crate::crypto::sha256;
use crate::time::{UnixTime, Window};
use crate::x509::Certificate;

/// One key or certificate chain of a root.
///
/// Two of them with the same kind and id vouch by the same key; their validity may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// What it vouches for.
    pub kind: AnchorKind,
    /// Its URL or URI, or the subject of its certificate.
    pub name: String,
    /// The id of a log; the SHA-256 of an authority's certificates. Hexadecimal.
    pub id: String,
    /// When it counts, as the root says.
    pub valid_for: Window,
    /// When it stops to count: the end of `valid_for`, or of the first certificate to end.
    pub ends: Option<UnixTime>,
}

/// What an anchor vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// Issues signing certificates.
    CertificateAuthority,
    /// Logs signatures.
    TransparencyLog,
    /// Logs certificates.
    CertificateTransparencyLog,
    /// Tells the time.
    TimestampAuthority,
}

impl fmt::Display for AnchorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateAuthority => "certificate authority",
            Self::TransparencyLog => "transparency log",
            Self::CertificateTransparencyLog => "certificate transparency log",
            Self::TimestampAuthority => "timestamp authority",
        })
    }
}

impl SigstoreRoot {
    /// What it holds, in the order of the file, authorities first.
    pub fn anchors(&self) -> Vec<Anchor> {
        let log = |kind| move |log: &Log| log.anchor(kind);
        self.authorities
            .iter()
            .map(CertificateAuthority::anchor)
            .chain(self.logs.iter().map(log(AnchorKind::TransparencyLog)))
            .chain(
                self.ct_logs
                    .iter()
                    .map(log(AnchorKind::CertificateTransparencyLog)),
            )
            .chain(
                self.timestamp_authorities
                    .iter()
                    .map(TimestampAuthority::anchor),
            )
            .collect()
    }
}

impl CertificateAuthority {
    fn anchor(&self) -> Anchor {
        let certificates = self.chain.certificates().iter();
        anchor(
            AnchorKind::CertificateAuthority,
            &self.name,
            self.valid_for,
            certificates,
        )
    }
}

impl TimestampAuthority {
    fn anchor(&self) -> Anchor {
        let leaf = self.authority.leaf.iter();
        let certificates = leaf.chain(self.authority.chain.certificates());
        anchor(
            AnchorKind::TimestampAuthority,
            &self.name,
            self.authority.valid_for,
            certificates,
        )
    }
}

impl Log {
    fn anchor(&self, kind: AnchorKind) -> Anchor {
        Anchor {
            kind,
            name: self.name.clone(),
            id: hex::encode(&self.id),
            valid_for: self.valid_for,
            ends: self.valid_for.end,
        }
    }
}

fn anchor<'a>(
    kind: AnchorKind,
    name: &str,
    valid_for: Window,
    certificates: impl Iterator<Item = &'a Certificate> + Clone,
) -> Anchor {
    let ends = certificates.clone().filter_map(|c| c.validity().end);
    let all: Vec<u8> = certificates.flat_map(Certificate::der).copied().collect();
    Anchor {
        kind,
        name: name.to_owned(),
        id: hex::encode(sha256(&all)),
        valid_for,
        ends: ends.chain(valid_for.end).min(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_anchor_of_a_root_is_listed_once_with_its_end() {
        let anchors = SigstoreRoot::built_in("public-good").unwrap().anchors();
        let mut ids: Vec<_> = anchors.iter().map(|a| (a.kind, &a.id)).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), anchors.len());
        let ca = anchors
            .iter()
            .find(|a| a.kind == AnchorKind::CertificateAuthority && a.valid_for.end.is_none())
            .unwrap();
        // The root says no end, its certificate does.
        assert!(ca.ends.is_some());
    }
}
