//! What a Sigstore signature says of itself. Nothing of it is verified.

use super::entity::{Content, Material, SignedEntity};
use super::identity::CertificateIdentity;
use super::simple_signing;
use crate::claimed::{
    ClaimedContent, ClaimedSigner, ClaimedSource, ClaimedTime, Claims, shortened,
};
use crate::digest::Digest;
use crate::reason::Reason;
use crate::statement;
use crate::time::UnixTime;
use crate::timestamp::{Profile, Token};
use crate::x509::Certificate;

/// What a signature says of itself.
pub(crate) fn claims(entity: &SignedEntity, image: &Digest) -> Claims {
    let mut unreadable = Vec::new();
    let signer = signer(&entity.material, &mut unreadable);
    let content = content(&entity.content, image).map_err(|reason| unreadable.push(reason));
    let mut times = log_times(entity);
    for token in &entity.timestamps {
        match Token::parse(token, &Profile::SIGSTORE) {
            Ok(token) => times.push(time(ClaimedSource::TimestampAuthority, token.time())),
            Err(error) => unreadable.push(error.into()),
        }
    }
    Claims {
        format: entity.format.of_signature(),
        signer,
        times,
        content: content.ok(),
        unreadable,
    }
}

fn signer(material: &Material, unreadable: &mut Vec<Reason>) -> ClaimedSigner {
    match material {
        Material::None => ClaimedSigner::Key { hint: None },
        Material::KeyHint(hint) => ClaimedSigner::Key {
            hint: (!hint.is_empty()).then(|| shortened(hint)),
        },
        Material::Certificate { leaf, .. } => certificate(leaf, unreadable),
    }
}

/// Whom a certificate names. Nobody, if it does not name him as Fulcio writes it.
fn certificate(leaf: &Certificate, unreadable: &mut Vec<Reason>) -> ClaimedSigner {
    let identity = CertificateIdentity::read(leaf);
    let identity = identity.map_err(|reason| unreadable.push(reason)).ok();
    let subjects = identity.iter().flat_map(CertificateIdentity::names);
    let validity = leaf.validity();
    ClaimedSigner::Certificate {
        subjects: subjects.map(shortened).collect(),
        issuer: identity
            .as_ref()
            .and_then(|identity| identity.issuer.as_deref().map(shortened)),
        claims: identity.map(|identity| identity.claims).unwrap_or_default(),
        authority: shortened(&leaf.issuer_name().to_string()),
        fingerprint: leaf.fingerprint().hex(),
        valid_from: validity.start,
        valid_until: validity.end,
    }
}

fn content(content: &Content, image: &Digest) -> Result<ClaimedContent, Reason> {
    let digests = match content {
        Content::SimpleSigning { payload, .. } => {
            vec![shortened(&simple_signing::claimed(payload.bytes())?)]
        }
        Content::Message { .. } => Vec::new(),
        Content::Dsse(envelope) => return statement::claimed(envelope, image),
    };
    Ok(ClaimedContent {
        digests,
        predicate_type: None,
        facts: None,
    })
}

fn log_times(entity: &SignedEntity) -> Vec<ClaimedTime> {
    let entries = entity.log_entries.iter();
    let claimed = entries.map(|entry| ClaimedTime {
        time: entry.integrated_time.map(UnixTime::from_seconds),
        by: ClaimedSource::TransparencyLog,
        index: Some(entry.index.to_string()),
    });
    claimed.collect()
}

fn time(by: ClaimedSource, time: UnixTime) -> ClaimedTime {
    ClaimedTime {
        time: Some(time),
        by,
        index: None,
    }
}
