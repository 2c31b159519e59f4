//! What signatures say of themselves, for people who ask what there is.
//!
//! Nothing here is verified, and nothing here decides: [`crate::verify`] neither makes nor reads these types.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::json;
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::verdict::SignatureFormat;

/// What a signature says of itself. A stranger may have written all of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The format.
    pub format: SignatureFormat,
    /// By whom it claims to be.
    pub signer: ClaimedSigner,
    /// When it claims to be made, and by whose word.
    pub times: Vec<ClaimedTime>,
    /// Of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ClaimedContent>,
    /// What of it cannot be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Reason>,
}

/// By whom a signature claims to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum ClaimedSigner {
    /// By the holder of a key.
    Key {
        /// Which key, if it says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// By whom a certificate names, which anybody can make.
    Certificate {
        /// The OIDC issuer.
        #[serde(skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// The subject alternative names.
        subjects: Vec<String>,
        /// Fulcio's claims.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        claims: BTreeMap<String, String>,
        /// The name of the authority that is said to have issued it.
        authority: String,
        /// The certificate's SHA-256 fingerprint, hex.
        fingerprint: String,
        /// From when the certificate says it is valid.
        valid_from: Option<UnixTime>,
        /// Until when.
        valid_until: Option<UnixTime>,
    },
    /// By whom the first of these certificates names.
    Notation {
        /// The subjects of the chain, the signer's first.
        chain: Vec<String>,
        /// The SHA-256 fingerprint of the signer's certificate, hex.
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        /// The signing scheme.
        #[serde(skip_serializing_if = "Option::is_none")]
        scheme: Option<String>,
        /// Before when the signature counts.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiry: Option<UnixTime>,
        /// The plugin that it must be verified with.
        #[serde(skip_serializing_if = "Option::is_none")]
        plugin: Option<String>,
    },
}

/// A time that nobody has vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedTime {
    /// The time; none in the entry of a log that tells none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<UnixTime>,
    /// Whose word it is said to be.
    pub by: ClaimedSource,
    /// The index in the log. A string: it may exceed 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

/// Whose word a time is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClaimedSource {
    /// The signer's own.
    Signer,
    /// A signing authority's.
    SigningAuthority,
    /// A timestamp authority's.
    TimestampAuthority,
    /// A transparency log's.
    TransparencyLog,
}

/// Of what a signature claims to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedContent {
    /// The digests that it names; none where the signature is over the image itself.
    pub digests: Vec<String>,
    /// The predicate type of an attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// What the predicate says, if its type is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// A text of a stranger's, as much of it as is shown.
pub(crate) fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(limits::CLAIM_BYTES);
    match text.get(..end) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    }
}

/// Facts, unless they are too long to be shown.
pub(crate) fn shown(facts: Value) -> Option<Value> {
    (json::printed_length(&facts) <= limits::PREDICATE_BYTES).then_some(facts)
}
