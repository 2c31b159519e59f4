//! Reads trust in Notary Project signatures: what `TrustPolicy` and `trustpolicy.json` have in
//! common.

use super::NotationAuthority;
use super::level::{Action, NotationLevel, VerifyTimestamp};
use super::reader::{Field, each};
use super::trusted_identities::TrustedIdentities;
use crate::trust::{StoreKind, StoreName};

/// The authority of a `notation` field.
pub(super) fn read_notation(field: &Field<'_>) -> Option<NotationAuthority> {
    let mut fields = field.fields()?;
    let stores = fields
        .need("trustStores")
        .and_then(|list| each(&list, |item| item.parsed::<StoreName>()));
    let listed = fields.need("trustedIdentities");
    let identities = listed.as_ref().and_then(trusted_identities);
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
    let trust = NotationAuthority {
        trust_stores: stores?.into_vec(),
        trusted_identities: identities?,
        level: level?,
        verify_timestamp: verify_timestamp?,
    };
    check_profiles(&listed?, &trust);
    Some(trust)
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

/// Looks for signing profiles of AWS Signer that no signature can be by: a problem if nobody else is
/// trusted, else a warning.
pub(super) fn check_profiles(list: &Field<'_>, trust: &NotationAuthority) {
    let identities = &trust.trusted_identities;
    if !identities.has_profiles() {
        return;
    }
    let tell = |message: &str| match identities.only_profiles() {
        Some(_) => list.problem(message),
        None => list.warning(message),
    };
    let mut stores = trust.trust_stores.iter();
    if !stores.any(|store| store.kind == StoreKind::SigningAuthority) {
        tell(
            "AWS Signer is a signing authority: no signature can be by a signing profile without a \
             trust store of kind signingAuthority, as signingAuthority:aws-signer-ts",
        );
    }
    if trust.level.revocation == Action::Enforce {
        tell(
            "only AWS knows which signing profiles and jobs are revoked, and it is not asked: no \
             signature by a signing profile can pass while revocation is enforced; with override: \
             {revocation: log} each verdict shows that it is unknown, with skip none does",
        );
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
