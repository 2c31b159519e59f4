//! Whom a certificate authority of Sigstore's vouches for: issuer, subject and claims.
//!
//! Fulcio, `docs/oid-info.md`. A value that cannot be read makes the certificate malformed;
//! it is never skipped. Other authorities (GitHub's for its releases, one's own) name no OIDC issuer, and
//! perhaps several subjects.

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use der::asn1::Utf8StringRef;
use x509_cert::ext::pkix::name::GeneralName;

use crate::limits;
use crate::policy::{CLAIMS, Identity, SubjectType, TrustedIssuer};
use crate::reason::{Code, Reason};
use crate::strict_der;
use crate::x509::Certificate;

/// The arc of Fulcio's extensions, 1.3.6.1.4.1.57264.1, but for its last number.
const ARC: &str = "1.3.6.1.4.1.57264.1.";
/// The name of a subject that is a plain user name.
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// How many names of a certificate a message shows.
const SHOWN: usize = 3;

/// Whom a certificate names. As true as the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateIdentity {
    /// The OIDC issuer; none in a certificate of an authority that asks nobody.
    pub(super) issuer: Option<String>,
    /// The subject alternative names: one beside an issuer, else one at least.
    names: Vec<Name>,
    /// The claims, by name.
    pub(super) claims: BTreeMap<String, String>,
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) kind: SubjectType,
}

impl CertificateIdentity {
    /// Reads the identity that a certificate names.
    pub(super) fn read(certificate: &Certificate) -> Result<Self, Reason> {
        let names = certificate.subject_alternative_names().map_err(malformed)?;
        let mut extensions = extensions(certificate)?;
        let issuer = match (extensions.remove(&1), extensions.remove(&8)) {
            (Some(old), Some(new)) if old != new => {
                return Err(malformed(format!(
                    "it names two issuers, {old:?} and {new:?}"
                )));
            }
            (old, new) => new.or(old),
        };
        let names = match issuer {
            Some(_) => vec![only_name(&names)?],
            None => some_names(&names)?,
        };
        let named = CLAIMS.iter().filter_map(|(number, name)| {
            extensions
                .remove(number)
                .map(|value| ((*name).to_owned(), value))
        });
        Ok(Self {
            issuer,
            names,
            claims: named.collect(),
        })
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.text.as_str())
    }

    /// The names but for this one.
    pub(super) fn other_names(&self, name: &Name) -> Vec<String> {
        let others = self.names.iter().filter(|other| *other != name);
        others.map(|other| other.text.clone()).collect()
    }

    /// The name by which one of the identities is this one. All parts of it must hold.
    pub(super) fn matches_any(&self, expected: &[Identity]) -> Result<&Name, Reason> {
        let mut closest: Option<Reason> = None;
        for identity in expected {
            match self.matches(identity) {
                Ok(name) => return Ok(name),
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

    fn matches(&self, expected: &Identity) -> Result<&Name, Reason> {
        if !expected.issuer.matches(self.issuer.as_deref()) {
            let issuer = self.issuer.as_ref();
            return Err(Reason::new(
                Code::IssuerMismatch,
                format!(
                    "expected a certificate for an identity of {}, found {} of {}",
                    match &expected.issuer {
                        TrustedIssuer::Oidc(issuer) => format!("the issuer {issuer}"),
                        TrustedIssuer::Nobody => expected.issuer.to_string(),
                    },
                    self.shown(),
                    issuer.map_or("no OIDC issuer".to_owned(), |issuer| format!("{issuer:?}"))
                ),
            ));
        }
        let mut matching = self
            .names
            .iter()
            .filter(|name| expected.subject.matches(&name.text))
            .peekable();
        let Some(first) = matching.peek().copied() else {
            return Err(Reason::new(
                Code::IdentityMismatch,
                format!(
                    "expected a certificate for {}, found one for {}",
                    expected.subject,
                    self.shown()
                ),
            ));
        };
        let Some(name) = matching.find(|name| expected.subject_type.is_none_or(|k| k == name.kind))
        else {
            return Err(Reason::new(
                Code::IdentityMismatch,
                format!(
                    "expected a certificate for {} of the type {}, found {:?} of the type {}",
                    expected.subject,
                    expected.subject_type.map_or("", SubjectType::as_str),
                    first.text,
                    first.kind.as_str()
                ),
            ));
        };
        for (claim, value) in &expected.claims {
            let found = self.claims.get(claim);
            if !found.is_some_and(|found| value.matches(found)) {
                let found = found.map_or("none".to_owned(), |found| format!("{found:?}"));
                return Err(Reason::new(
                    Code::ClaimMismatch,
                    format!("expected a certificate whose claim {claim} is {value}, found {found}"),
                ));
            }
        }
        Ok(name)
    }

    /// The names, as messages show them.
    fn shown(&self) -> String {
        let names: Vec<_> = self.names.iter().take(SHOWN).collect();
        let names: Vec<_> = names
            .iter()
            .map(|name| format!("{:?}", name.text))
            .collect();
        match self.names.len() > SHOWN {
            true => format!("{} …", names.join(", ")),
            false => names.join(", "),
        }
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
fn only_name(names: &[GeneralName]) -> Result<Name, Reason> {
    let name = match names {
        [name] => read_name(name)?,
        _ => None,
    };
    name.filter(|name| name.kind != SubjectType::Dns)
        .ok_or_else(|| {
            profile(format!(
                "expected a certificate with one subject alternative name, an email address, a URI \
                 or a user name, found {} name(s)",
                names.len()
            ))
        })
}

/// The names of a certificate that names no issuer, as far as they are of a kind that policies know.
fn some_names(names: &[GeneralName]) -> Result<Vec<Name>, Reason> {
    if names.len() > limits::SUBJECT_NAMES {
        return Err(Reason::new(
            Code::LimitExceeded,
            format!(
                "the signing certificate has {} subject alternative names, more than the {} allowed",
                names.len(),
                limits::SUBJECT_NAMES
            ),
        ));
    }
    let read: Vec<_> = names
        .iter()
        .filter_map(|name| read_name(name).transpose())
        .collect::<Result<_, _>>()?;
    match read.is_empty() {
        true => Err(profile(format!(
            "expected a certificate with a subject alternative name, an email address, a URI, a host \
             or a user name, found {} name(s) of other kinds",
            names.len()
        ))),
        false => Ok(read),
    }
}

/// A name of a kind that policies know.
fn read_name(name: &GeneralName) -> Result<Option<Name>, Reason> {
    let (text, kind) = match name {
        GeneralName::Rfc822Name(email) => (email.as_str(), SubjectType::Email),
        GeneralName::UniformResourceIdentifier(uri) => (uri.as_str(), SubjectType::Uri),
        GeneralName::DnsName(host) => (host.as_str(), SubjectType::Dns),
        GeneralName::OtherName(name) if name.type_id == OTHER_NAME => {
            let text: Utf8StringRef<'_> = name.value.decode_as().map_err(malformed)?;
            (text.as_str(), SubjectType::OtherName)
        }
        _ => return Ok(None),
    };
    let text = text.to_owned();
    Ok(Some(Name { text, kind }))
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

fn profile(why: String) -> Reason {
    Reason::new(Code::CertificateProfile, why)
}

fn malformed(why: impl std::fmt::Display) -> Reason {
    Reason::new(
        Code::CertificateMalformed,
        format!("the signing certificate: {why}"),
    )
}
