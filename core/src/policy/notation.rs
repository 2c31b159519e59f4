//! Reads trust in Notary Project signatures: what `TrustPolicy` and `trustpolicy.json` have in
//! common.

use super::NotationAuthority;
use super::level::{Action, NotationLevel, VerifyTimestamp};
use super::reader::{Field, each};
use super::trusted_identities::TrustedIdentities;
use crate::trust::StoreName;

/// The authority of a `notation` field.
pub(super) fn read_notation(field: &Field<'_>) -> Option<NotationAuthority> {
    let mut fields = field.fields()?;
    let stores = fields
        .need("trustStores")
        .and_then(|list| each(&list, |item| item.parsed::<StoreName>()));
    let identities = fields
        .need("trustedIdentities")
        .and_then(|list| trusted_identities(&list));
    let level = match fields.take("level") {
        None => Some(NotationLevel::STRICT),
        Some(level) => level.one_of(&[
            ("strict", NotationLevel::STRICT),
            ("permissive", NotationLevel::PERMISSIVE),
            ("audit", NotationLevel::AUDIT),
        ]),
    };
    let level = match fields.take("override") {
        None => level,
        Some(map) => overridden(&map, level?),
    };
    let verify_timestamp =
        fields
            .take("verifyTimestamp")
            .map_or(Some(VerifyTimestamp::Always), |when| {
                when.one_of(&[
                    ("always", VerifyTimestamp::Always),
                    ("afterCertExpiry", VerifyTimestamp::AfterCertExpiry),
                ])
            });
    fields.finish(&[
        "trustStores",
        "trustedIdentities",
        "level",
        "override",
        "verifyTimestamp",
    ]);
    Some(NotationAuthority {
        trust_stores: stores?.into_vec(),
        trusted_identities: identities?,
        level: level?,
        verify_timestamp: verify_timestamp?,
    })
}

/// The identities of a list, which must be consistent.
pub(super) fn trusted_identities(list: &Field<'_>) -> Option<TrustedIdentities> {
    let texts = each(list, |item| item.text().map(str::to_owned))?;
    match TrustedIdentities::parse(&texts) {
        Ok(identities) => Some(identities),
        Err(errors) => {
            for error in errors {
                list.problem(error.to_string());
            }
            None
        }
    }
}

/// Notary Project: integrity has no override, revocation alone may be skipped.
pub(super) fn overridden(field: &Field<'_>, mut level: NotationLevel) -> Option<NotationLevel> {
    let both = [("enforce", Action::Enforce), ("log", Action::Log)];
    let all = [
        ("enforce", Action::Enforce),
        ("log", Action::Log),
        ("skip", Action::Skip),
    ];
    let mut fields = field.fields()?;
    let mut fine = true;
    for (name, words, slot) in [
        ("authenticity", &both[..], &mut level.authenticity),
        (
            "authenticTimestamp",
            &both[..],
            &mut level.authentic_timestamp,
        ),
        ("expiry", &both[..], &mut level.expiry),
        ("revocation", &all[..], &mut level.revocation),
    ] {
        if let Some(field) = fields.take(name) {
            match field.one_of(words) {
                Some(action) => *slot = action,
                None => fine = false,
            }
        }
    }
    fields.finish(&["authenticity", "authenticTimestamp", "expiry", "revocation"]);
    fine.then_some(level)
}
