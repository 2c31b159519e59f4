//! Reads trust in identities that a Sigstore certificate authority vouches for.

use std::collections::BTreeMap;

use super::claims::claim_names;
use super::doubtful::{self, Stated};
use super::reader::{Field, Fields, each, flip};
use super::{Identity, KeylessAuthority, Matcher, SubjectType, TrustedIssuer, ValidAt};
use crate::trust::SigstoreRoot;

/// The trust root of a keyless authority that names none.
const DEFAULT_TRUST_ROOT: &str = "public-good";

/// The trust root of GitHub's own instance, which has timestamps in place of logs.
const WITHOUT_LOGS: &str = "github";

/// Gives up verified times.
const UNTIMED: &str = "insecureWithoutVerifiedTime";

/// The trust roots whose certificate authorities ask an OIDC issuer for every certificate.
const ALWAYS_OIDC: [&str; 2] = [DEFAULT_TRUST_ROOT, "staging"];

/// The authority of a `keyless` field.
pub(super) fn read_keyless(field: &Field<'_>) -> Option<KeylessAuthority> {
    let mut fields = field.fields()?;
    let trust_root = match fields.take("trustRoot") {
        None => Some(DEFAULT_TRUST_ROOT),
        Some(root) => root.text(),
    };
    let identities = fields
        .need("identities")
        .and_then(|list| each(&list, |item| identity(item, trust_root)));
    let untimed = fields.take(UNTIMED);
    let (logs, timestamps, promises) = match (trust_root, &untimed) {
        (_, Some(_)) => (0, 0, 1),
        (Some(WITHOUT_LOGS), None) => (0, 1, 0),
        _ => (1, 0, 1),
    };
    let (logged, timestamped) = (
        fields.take("transparencyLog"),
        fields.take("signedTimestamp"),
    );
    let log = threshold(logged.clone(), logs);
    let timestamp = threshold(timestamped.clone(), timestamps);
    let certificate = threshold(fields.take("certificateTransparency"), promises);
    let valid_at = match &untimed {
        None => Some(ValidAt::VerifiedTimes),
        Some(field) => {
            for (witnesses, count) in [(&logged, log), (&timestamped, timestamp)] {
                if let (Some(witnesses), Some(1..)) = (witnesses, count) {
                    witnesses.problem(format!(
                        "with {UNTIMED} nobody is asked for a time: leave this out, or leave that out"
                    ));
                }
            }
            without_time(field, trust_root)
        }
    };
    fields.finish(&[
        "trustRoot",
        "identities",
        "transparencyLog",
        "signedTimestamp",
        "certificateTransparency",
        "insecureWithoutVerifiedTime",
    ]);
    Some(KeylessAuthority {
        trust_root: trust_root?.to_owned(),
        identities: identities?,
        transparency_log: log?,
        signed_timestamp: timestamp?,
        certificate_transparency: certificate?,
        valid_at: valid_at?,
    })
}

/// That nobody has to tell when a signature was made.
fn without_time(field: &Field<'_>, trust_root: Option<&str>) -> Option<ValidAt> {
    let at = field.one_of(&[("true", ValidAt::Now)])?;
    if trust_root.is_some_and(|root| SigstoreRoot::BUILT_IN.contains(&root)) {
        field.problem(
            "this trust root has logs or timestamp authorities, and certificates for minutes: this is \
             for a certificate authority of one's own, under trustRoots in the configuration",
        );
        return None;
    }
    field.warning(
        "nobody tells when a signature was made: whoever gets hold of a signer's key, even long \
         afterwards, signs until its certificate ends, and no revocation is looked at; a timestamp \
         authority (signedTimestamp) makes this needless",
    );
    Some(at)
}

/// How many witnesses of a kind there must be.
pub(super) fn threshold(field: Option<Field<'_>>, default: usize) -> Option<usize> {
    let Some(field) = field else {
        return Some(default);
    };
    let mut fields = field.fields()?;
    let threshold = fields.need("threshold").and_then(|count| count.count());
    fields.finish(&["threshold"]);
    threshold
}

fn identity(field: &Field<'_>, trust_root: Option<&str>) -> Option<Identity> {
    let mut fields = field.fields()?;
    let nobody = fields.take("withoutIssuer");
    let issuer = match &nobody {
        None => matcher(&mut fields, "issuer", "issuerRegExp").map(Some),
        Some(field) => without_issuer(field, &mut fields, trust_root).map(|()| None),
    };
    let subject = matcher(&mut fields, "subject", "subjectRegExp");
    let kinds = [
        SubjectType::Email,
        SubjectType::Uri,
        SubjectType::OtherName,
        SubjectType::Dns,
    ];
    let kind = fields.take("subjectType").map(|field| {
        let kind = field.one_of(&kinds.map(|kind| (kind.as_str(), kind)))?;
        if kind == SubjectType::Dns && nobody.is_none() {
            field.problem("no certificate with an OIDC issuer names a host");
        }
        Some(kind)
    });
    let mut claims = BTreeMap::new();
    let mut fine = true;
    for (name, exact) in [("claims", true), ("claimsRegExp", false)] {
        let Some(field) = fields.take(name) else {
            continue;
        };
        for (claim, value) in field.entries()? {
            let matcher = match exact {
                true => value.text().map(|text| Matcher::Exact(text.to_owned())),
                false => doubtful::pattern(&value).map(Matcher::Pattern),
            };
            if !claim_names().any(|name| name == claim) {
                value.problem(format!(
                    "unknown claim {claim:?}; expected one of {}",
                    claim_names().collect::<Vec<_>>().join(", ")
                ));
                fine = false;
            }
            fine &= matcher.is_some();
            if let Some(matcher) = matcher
                && claims.insert(claim.to_owned(), matcher).is_some()
            {
                value.problem(format!(
                    "the claim {claim:?} is in claims and in claimsRegExp"
                ));
                fine = false;
            }
        }
    }
    fields.finish(&[
        "issuer",
        "issuerRegExp",
        "withoutIssuer",
        "subject",
        "subjectRegExp",
        "subjectType",
        "claims",
        "claimsRegExp",
    ]);
    fine.then_some(())?;
    let (issuer, subject) = (issuer?, subject?);
    let identity = Identity {
        issuer: match &issuer {
            Some(issuer) => TrustedIssuer::Oidc(issuer.matcher.clone()),
            None => TrustedIssuer::Nobody,
        },
        subject: subject.matcher.clone(),
        subject_type: flip(kind)?,
        claims,
    };
    doubtful::check(&identity, issuer.as_ref(), &subject);
    Some(identity)
}

/// That certificates must name no issuer.
fn without_issuer(
    field: &Field<'_>,
    fields: &mut Fields<'_>,
    trust_root: Option<&str>,
) -> Option<()> {
    for name in ["issuer", "issuerRegExp"] {
        if let Some(other) = fields.take(name) {
            other.problem("expected either an issuer or withoutIssuer, found both");
            return None;
        }
    }
    if trust_root.is_some_and(|root| ALWAYS_OIDC.contains(&root)) {
        field.problem(
            "no certificate can pass: those of this trust root always name an OIDC issuer; name it as \
             issuer",
        );
        return None;
    }
    field.one_of(&[("true", ())])
}

fn matcher<'a>(fields: &mut Fields<'a>, exact: &str, pattern: &str) -> Option<Stated<'a>> {
    match (fields.take(exact), fields.take(pattern)) {
        (Some(field), None) => Some(Stated {
            matcher: Matcher::Exact(field.text()?.to_owned()),
            field,
        }),
        (None, Some(field)) => Some(Stated {
            matcher: Matcher::Pattern(doubtful::pattern(&field)?),
            field,
        }),
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            fields.problem(format!(
                "expected either {exact} or {pattern}, found {found}"
            ));
            None
        }
    }
}
