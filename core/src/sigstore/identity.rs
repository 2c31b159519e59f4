//! Whom a certificate authority of Sigstore's vouches for: issuer, subject and claims.
//!
//! Fulcio, `docs/oid-info.md`. A value that cannot be read makes the certificate malformed;
//! it is never skipped.

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use der::asn1::Utf8StringRef;
use x509_cert::ext::pkix::name::GeneralName;

use crate::policy::{CLAIMS, Identity, SubjectType};
use crate::reason::{Code, Reason};
use crate::strict_der;
use crate::x509::Certificate;

/// The arc of Fulcio's extensions, 1.3.6.1.4.1.57264.1, but for its last number.
const ARC: &str = "1.3.6.1.4.1.57264.1.";
/// The name of a subject that is a plain user name.
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// Whom a certificate names. As true as the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateIdentity {
    /// The OIDC issuer.
    pub(super) issuer: String,
    /// The one subject alternative name.
    pub(super) subject: String,
    /// What kind of name that is.
    pub(super) subject_type: SubjectType,
    /// The claims, by name.
    pub(super) claims: BTreeMap<String, String>,
}

impl CertificateIdentity {
    /// Reads the identity that a certificate names.
    pub(super) fn read(certificate: &Certificate) -> Result<Self, Reason> {
        let (subject, subject_type) = subject(certificate)?;
        let mut extensions = extensions(certificate)?;
        let issuer = match (extensions.remove(&1), extensions.remove(&8)) {
            (Some(old), Some(new)) if old != new => {
                return Err(malformed(format!(
                    "it names two issuers, {old:?} and {new:?}"
                )));
            }
            (_, Some(issuer)) | (Some(issuer), None) => issuer,
            (None, None) => return Err(malformed("it names no issuer")),
        };
        let named = CLAIMS.iter().filter_map(|(number, name)| {
            extensions
                .remove(number)
                .map(|value| ((*name).to_owned(), value))
        });
        Ok(Self {
            issuer,
            subject,
            subject_type,
            claims: named.collect(),
        })
    }

    /// Whether one of the identities is this one. All parts of it must hold.
    pub(super) fn matches_any(&self, expected: &[Identity]) -> Result<(), Reason> {
        let mut closest: Option<Reason> = None;
        for identity in expected {
            match self.matches(identity) {
                Ok(()) => return Ok(()),
                Err(reason) if closest.as_ref().is_none_or(|c| rank(c) < rank(&reason)) => {
                    closest = Some(reason);
                }
                Err(_) => {}
            }
        }
        Err(closest.unwrap_or_else(|| {
            Reason::new(Code::IdentityMismatch, "the authority lists no identity")
        }))
    }

    fn matches(&self, expected: &Identity) -> Result<(), Reason> {
        if !expected.issuer.matches(&self.issuer) {
            return Err(Reason::new(
                Code::IssuerMismatch,
                format!(
                    "expected a certificate for an identity of the issuer {}, found {:?} of {:?}",
                    expected.issuer, self.subject, self.issuer
                ),
            ));
        }
        if !expected.subject.matches(&self.subject) {
            return Err(Reason::new(
                Code::IdentityMismatch,
                format!(
                    "expected a certificate for {}, found one for {:?}",
                    expected.subject, self.subject
                ),
            ));
        }
        if let Some(kind) = expected.subject_type
            && kind != self.subject_type
        {
            return Err(Reason::new(
                Code::IdentityMismatch,
                format!(
                    "expected a certificate for {} of the type {}, found {:?} of the type {}",
                    expected.subject,
                    kind.as_str(),
                    self.subject,
                    self.subject_type.as_str()
                ),
            ));
        }
        for (name, value) in &expected.claims {
            let found = self.claims.get(name);
            if !found.is_some_and(|found| value.matches(found)) {
                let found = found.map_or("none".to_owned(), |found| format!("{found:?}"));
                return Err(Reason::new(
                    Code::ClaimMismatch,
                    format!("expected a certificate whose claim {name} is {value}, found {found}"),
                ));
            }
        }
        Ok(())
    }
}

/// How close an identity came: the later the part that failed.
fn rank(reason: &Reason) -> u8 {
    match reason.code {
        Code::ClaimMismatch => 2,
        Code::IdentityMismatch => 1,
        _ => 0,
    }
}

/// Fulcio puts exactly one name into a certificate. With several, which of them a policy
/// meant would be open.
fn subject(certificate: &Certificate) -> Result<(String, SubjectType), Reason> {
    let names = certificate.subject_alternative_names().map_err(malformed)?;
    match names.as_slice() {
        [GeneralName::Rfc822Name(email)] => Ok((email.as_str().to_owned(), SubjectType::Email)),
        [GeneralName::UniformResourceIdentifier(uri)] => {
            Ok((uri.as_str().to_owned(), SubjectType::Uri))
        }
        [GeneralName::OtherName(name)] if name.type_id == OTHER_NAME => {
            let text: Utf8StringRef<'_> = name.value.decode_as().map_err(malformed)?;
            Ok((text.as_str().to_owned(), SubjectType::OtherName))
        }
        other => Err(Reason::new(
            Code::CertificateProfile,
            format!(
                "expected a certificate with one subject alternative name, an email address, a URI \
                 or a user name, found {} name(s)",
                other.len()
            ),
        )),
    }
}

/// Fulcio's extensions with their texts, by the last number of their OID.
fn extensions(certificate: &Certificate) -> Result<BTreeMap<u32, String>, Reason> {
    let mut found = BTreeMap::new();
    for extension in certificate.tbs().extensions.iter().flatten() {
        let oid = extension.extn_id.to_string();
        let Some(Ok(number)) = oid.strip_prefix(ARC).map(str::parse::<u32>) else {
            continue;
        };
        if !matches!(number, 1 | 8) && !CLAIMS.iter().any(|(known, _)| *known == number) {
            continue;
        }
        let value = extension.extn_value.as_bytes();
        let text = match number {
            1..=6 => str::from_utf8(value).ok(),
            _ => strict_der::read::<Utf8StringRef<'_>>(value)
                .ok()
                .map(|text| text.as_str()),
        };
        let text = text.ok_or_else(|| malformed(format!("its extension {oid} is not text")))?;
        if found.insert(number, text.to_owned()).is_some() {
            return Err(malformed(format!("its extension {oid} occurs twice")));
        }
    }
    Ok(found)
}

fn malformed(why: impl std::fmt::Display) -> Reason {
    Reason::new(
        Code::CertificateMalformed,
        format!("the signing certificate: {why}"),
    )
}
