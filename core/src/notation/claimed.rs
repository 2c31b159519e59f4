//! What a Notary Project signature says of itself. Nothing of it is verified.

use super::artifact::SignedEnvelope;
use super::attributes::{SignedAttributes, SigningScheme};
use super::payload;
use crate::claimed::{
    ClaimedContent, ClaimedSigner, ClaimedSource, ClaimedTime, Claims, shortened,
};
use crate::timestamp::{Profile, Token};

/// What a signature says of itself.
pub(crate) fn claims(signed: &SignedEnvelope) -> Claims {
    let envelope = &signed.envelope;
    let mut unreadable = Vec::new();
    let certificates = envelope.certificates();
    let certificates = certificates
        .map_err(|reason| unreadable.push(reason))
        .unwrap_or_default();
    let attributes = SignedAttributes::check(&envelope.headers);
    let attributes = attributes.map_err(|reason| unreadable.push(reason)).ok();
    let mut times: Vec<_> = attributes.iter().map(signing_time).collect();
    if let Some(token) = &envelope.timestamp {
        match Token::parse(token, &Profile::NOTARY) {
            Ok(token) => times.push(ClaimedTime {
                time: Some(token.time()),
                by: ClaimedSource::TimestampAuthority,
                index: None,
            }),
            Err(error) => unreadable.push(error.into()),
        }
    }
    let content = payload::claimed(&envelope.payload);
    let content = content.map_err(|reason| unreadable.push(reason)).ok();
    let subjects = certificates.iter().map(|one| shortened(&one.subject()));
    let scheme = attributes
        .as_ref()
        .map(|one| one.scheme.as_str().to_owned());
    Claims {
        format: envelope.format.of_signature(),
        signer: ClaimedSigner::Notation {
            chain: subjects.collect(),
            fingerprint: certificates.first().map(|leaf| leaf.fingerprint().hex()),
            scheme,
            expiry: attributes.as_ref().and_then(|one| one.expiry),
            plugin: attributes.and_then(|one| one.plugin.as_deref().map(shortened)),
        },
        times,
        content: content.map(|digest| ClaimedContent {
            digests: vec![digest.to_string()],
            predicate_type: None,
            facts: None,
        }),
        unreadable,
    }
}

fn signing_time(attributes: &SignedAttributes) -> ClaimedTime {
    ClaimedTime {
        time: Some(attributes.signing_time),
        by: match attributes.scheme {
            SigningScheme::X509 => ClaimedSource::Signer,
            SigningScheme::SigningAuthority => ClaimedSource::SigningAuthority,
        },
        index: None,
    }
}
