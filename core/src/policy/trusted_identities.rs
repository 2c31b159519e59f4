//! Trusted identities: whose certificates a policy accepts.
//!
//! Trust store and trust policy specification, "Trusted identities constraints"; RFC 4514.

use std::fmt;

use super::distinguished_name::{Ambiguous, DistinguishedName, NameError};
use super::signing_profile::{ArnError, SigningProfile};

/// The identities that a policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIdentities(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Listed {
        subjects: Vec<DistinguishedName>,
        profiles: Vec<SigningProfile>,
    },
}

/// One identity of a list.
enum Listed {
    Subject(DistinguishedName),
    Profile(SigningProfile),
    /// For a plugin that nobody runs here.
    Foreign,
}

impl TrustedIdentities {
    /// Reads identities: `*` alone, or texts such as `x509.subject: C=US, ST=WA, O=acme` and
    /// signing profiles of AWS Signer by their ARN, in any number.
    ///
    /// An identity with another prefix is meant for a plugin: it is accepted and matches nobody.
    ///
    /// # Errors
    /// Every problem there is: none given, `*` beside others, a name or an ARN that is none, or a
    /// name that covers another.
    pub fn parse<T: AsRef<str>>(identities: &[T]) -> Result<Self, Vec<IdentityError>> {
        if identities.is_empty() {
            return Err(vec![IdentityError::Empty]);
        }
        if identities.iter().any(|identity| identity.as_ref() == "*") {
            return match identities.len() {
                1 => Ok(Self(Kind::Any)),
                _ => Err(vec![IdentityError::WildcardBesideOthers]),
            };
        }
        let mut errors = Vec::new();
        let (mut subjects, mut profiles) = (Vec::new(), Vec::new());
        for identity in identities {
            match parse_identity(identity.as_ref()) {
                Ok(Listed::Subject(subject)) => subjects.push(subject),
                Ok(Listed::Profile(profile)) => profiles.push(profile),
                Ok(Listed::Foreign) => {}
                Err(error) => errors.push(error),
            }
        }
        errors.extend(overlap(&subjects));
        if errors.is_empty() {
            Ok(Self(Kind::Listed { subjects, profiles }))
        } else {
            Err(errors)
        }
    }

    /// The identities as policies write them; those that are meant for a plugin are not among them.
    pub fn texts(&self) -> Vec<String> {
        match &self.0 {
            Kind::Any => vec!["*".to_owned()],
            Kind::Listed { subjects, profiles } => subjects
                .iter()
                .map(|subject| format!("x509.subject: {}", subject.text()))
                .chain(profiles.iter().map(ToString::to_string))
                .collect(),
        }
    }

    /// Whether signing profiles of AWS Signer are among them.
    pub(super) fn has_profiles(&self) -> bool {
        matches!(&self.0, Kind::Listed { profiles, .. } if !profiles.is_empty())
    }

    /// The signing profiles, if nobody else is trusted.
    pub(super) fn only_profiles(&self) -> Option<&[SigningProfile]> {
        match &self.0 {
            Kind::Listed { subjects, profiles } if subjects.is_empty() => Some(profiles),
            _ => None,
        }
    }

    /// Nobody: for policies that verify nothing.
    pub fn none() -> Self {
        Self(Kind::Listed {
            subjects: Vec::new(),
            profiles: Vec::new(),
        })
    }

    /// Whether these identities include a certificate's subject, and if not, why: `shown` is the
    /// subject for people, `attributes` are its parts.
    pub(crate) fn match_subject(
        &self,
        shown: &str,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<(), SubjectMismatch> {
        let Kind::Listed {
            subjects: trusted,
            profiles,
        } = &self.0
        else {
            return Ok(());
        };
        let subject = DistinguishedName::of_subject(shown, attributes)?;
        if trusted.iter().any(|identity| identity.is_within(&subject)) {
            return Ok(());
        }
        let expected: Vec<_> = trusted.iter().map(ToString::to_string).collect();
        let found = shown.to_owned();
        Err(match (expected.is_empty(), profiles.is_empty()) {
            (true, true) => SubjectMismatch::NobodyTrusted { found },
            (true, false) => SubjectMismatch::ProfilesTrusted {
                expected: profiles.iter().map(ToString::to_string).collect(),
                found,
            },
            (false, _) => SubjectMismatch::NotTrusted { expected, found },
        })
    }

    /// Whether these identities name the profile that a signature of AWS Signer is by.
    ///
    /// Subjects say nothing here, and neither does `*`: AWS Signer signs for all of its customers
    /// with the same certificates.
    pub(crate) fn match_profile(&self, found: &SigningProfile) -> Result<(), ProfileMismatch> {
        let trusted = match &self.0 {
            Kind::Any => &[][..],
            Kind::Listed { profiles, .. } => profiles,
        };
        if trusted.iter().any(|profile| profile.covers(found)) {
            return Ok(());
        }
        let found = found.to_string();
        Err(match trusted.is_empty() {
            true => ProfileMismatch::NoProfiles { found },
            false => ProfileMismatch::NotTrusted {
                expected: trusted.iter().map(ToString::to_string).collect(),
                found,
            },
        })
    }
}

impl fmt::Display for TrustedIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Any => f.write_str("*"),
            Kind::Listed { subjects, profiles } => {
                let subjects = subjects.iter().map(ToString::to_string);
                let profiles = profiles.iter().map(ToString::to_string);
                let all: Vec<_> = subjects.chain(profiles).collect();
                f.write_str(&all.join("; "))
            }
        }
    }
}

/// Why a text is no trusted identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// There are none.
    #[error("expected at least one trusted identity, found none")]
    Empty,
    /// `*` and something else.
    #[error("the trusted identity \"*\" must stand alone")]
    WildcardBesideOthers,
    /// No prefix.
    #[error(
        "expected a trusted identity such as \"x509.subject: C=US, ST=WA, O=acme\", found {0:?}"
    )]
    Prefix(String),
    /// Not a distinguished name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not the ARN of a signing profile.
    #[error(transparent)]
    Profile(#[from] ArnError),
    /// Whoever matches the one matches the other.
    #[error(
        "the trusted identities {wide:?} and {narrow:?} overlap: whoever matches the second matches the first"
    )]
    Overlap {
        /// The less specific one.
        wide: String,
        /// The more specific one.
        narrow: String,
    },
}

/// Why a certificate's subject is none of the trusted identities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubjectMismatch {
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    /// The policy's identities are all meant for plugins.
    #[error("expected a subject with no x509.subject at all, found {found:?}")]
    NobodyTrusted { found: String },
    #[error("expected a subject with {}, found {found:?}", expected.join(" or "))]
    NotTrusted {
        expected: Vec<String>,
        found: String,
    },
    /// The policy's identities are all signing profiles.
    #[error(
        "expected a signature of AWS Signer by the signing profile {}, found one of another kind, with the subject {found:?}",
        expected.join(" or ")
    )]
    ProfilesTrusted {
        expected: Vec<String>,
        found: String,
    },
}

/// Why the signing profile of a signature is none of the trusted identities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileMismatch {
    /// The policy names none.
    #[error(
        "expected a signing profile of AWS Signer among the trusted identities, for its certificates \
         are the same for all accounts; found none, and a signature by {found:?}"
    )]
    NoProfiles { found: String },
    #[error("expected a signature by the signing profile {}, found one by {found:?}", expected.join(" or "))]
    NotTrusted {
        expected: Vec<String>,
        found: String,
    },
}

fn parse_identity(identity: &str) -> Result<Listed, IdentityError> {
    if identity.starts_with(SigningProfile::PREFIX) {
        return Ok(Listed::Profile(identity.parse()?));
    }
    let (prefix, name) = identity
        .split_once(':')
        .filter(|(prefix, name)| !prefix.is_empty() && !name.trim().is_empty())
        .ok_or_else(|| IdentityError::Prefix(identity.chars().take(200).collect()))?;
    match prefix {
        "x509.subject" => Ok(Listed::Subject(DistinguishedName::parse(name)?)),
        _ => Ok(Listed::Foreign),
    }
}

fn overlap(subjects: &[DistinguishedName]) -> Vec<IdentityError> {
    let mut errors = Vec::new();
    for (i, wide) in subjects.iter().enumerate() {
        for (j, narrow) in subjects.iter().enumerate() {
            if i != j && wide.is_within(narrow) && (wide != narrow || i < j) {
                errors.push(IdentityError::Overlap {
                    wide: wide.to_string(),
                    narrow: narrow.to_string(),
                });
            }
        }
    }
    errors
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    fn error(text: &str) -> IdentityError {
        TrustedIdentities::parse(&[text]).unwrap_err().remove(0)
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for text in [
            "x509.subject:C",
            "x509.subject:=US",
            "x509.subject:C=",
            "x509.subject:C=US,,O=x",
            "x509.subject:C=US,ST=WA,O=a+OU=b",
            r"x509.subject:C=US,ST=WA,O=a\",
            r"x509.subject:C=US,ST=WA,O=\zz",
            r"x509.subject:C=US,ST=WA,O=\ff",
            "x509.subject:C=US,ST=WA,O=\"a\"",
        ] {
            assert!(
                matches!(
                    error(text),
                    IdentityError::Name(NameError::Malformed { .. })
                ),
                "{text}: {:?}",
                error(text)
            );
        }
        assert!(matches!(
            error("x509.subject:C=US,O=a"),
            IdentityError::Name(NameError::Missing {
                attribute: "ST",
                ..
            })
        ));
        assert!(matches!(
            error("x509.subject:C=US,S=a,ST=b,O=c"),
            IdentityError::Name(NameError::Twice { .. })
        ));
        for text in ["", "acme", ":x", "x509.subject:", "x509.subject: "] {
            assert!(matches!(error(text), IdentityError::Prefix(_)), "{text}");
        }
    }

    #[test]
    fn hexadecimal_and_endless_names_cost_nothing_cve_2023_25656() {
        assert!(matches!(
            error("x509.subject:C=US,ST=WA,O=#0c0161"),
            IdentityError::Name(NameError::Hexadecimal(_))
        ));
        let endless = format!("x509.subject:{}", "C=US,".repeat(1 << 20));
        assert!(matches!(
            error(&endless),
            IdentityError::Name(NameError::Malformed { .. })
        ));
        let many: String = (0..500).map(|i| format!("A{i}=x,")).collect();
        assert!(matches!(
            error(&format!("x509.subject:{many}C=US")),
            IdentityError::Name(NameError::Malformed { .. })
        ));
    }

    #[test]
    fn arbitrary_text_never_panics() {
        let alphabet: Vec<char> = "C=ST,O+;\\\"# üä0a\0<>*:".chars().collect();
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::from("x509.subject:");
            for _ in 0..(state % 40) {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let index = usize::try_from(state >> 33).unwrap() % alphabet.len();
                text.push(alphabet[index]);
            }
            state = state.wrapping_add(1);
            let _ = TrustedIdentities::parse(&[text]);
        }
    }

    #[test]
    fn identities_that_cover_each_other_are_refused() {
        let parse = |texts: &[&str]| TrustedIdentities::parse(texts);
        let wide = "x509.subject:C=US,ST=WA,O=acme";
        let narrow = "x509.subject:C=US,ST=WA,O=acme,OU=ops";
        assert!(matches!(
            parse(&[narrow, wide]).unwrap_err()[..],
            [IdentityError::Overlap { .. }]
        ));
        assert_eq!(parse(&[wide, wide]).unwrap_err().len(), 1);
        assert!(parse(&[wide, "x509.subject:C=US,ST=WA,O=other"]).is_ok());
        assert_eq!(
            parse(&["*", wide]).unwrap_err(),
            [IdentityError::WildcardBesideOthers]
        );
        assert_eq!(parse(&[]).unwrap_err(), [IdentityError::Empty]);
        assert_eq!(parse(&["*"]).unwrap(), TrustedIdentities(Kind::Any));
    }

    #[test]
    fn identities_for_plugins_are_read_and_match_nobody() {
        let identities = TrustedIdentities::parse(&["com.example.profile: arn:x"]).unwrap();
        assert_eq!(identities, TrustedIdentities::none());
    }

    #[test]
    fn signing_profiles_are_read_and_shown_as_they_were_written() {
        let subject = "x509.subject: C=US, ST=WA, O=acme";
        let profile = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release";
        let version = format!("{profile}/awUPb84ibN");
        let identities = TrustedIdentities::parse(&[version.as_str(), subject]).unwrap();
        assert!(identities.has_profiles() && identities.only_profiles().is_none());
        assert_eq!(identities.texts()[1], version);
        assert!(identities.to_string().ends_with(&format!("; {version}")));
        let alone = TrustedIdentities::parse(&[profile]).unwrap();
        assert!(alone.has_profiles() && alone.only_profiles().unwrap().len() == 1);
        let any = TrustedIdentities::parse(&["*"]).unwrap();
        assert!(!any.has_profiles() && any.only_profiles().is_none());
        assert!(matches!(
            error("arn:aws:s3:::bucket"),
            IdentityError::Profile(_)
        ));
        assert!(matches!(error("arn:acme"), IdentityError::Profile(_)));
    }

    #[test]
    fn neither_everybody_nor_a_subject_is_a_signing_profile() {
        let profile = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release";
        let found = SigningProfile::of_signature(&format!("{profile}/awUPb84ibN")).unwrap();
        let matching = |text: &str| {
            TrustedIdentities::parse(&[text])
                .unwrap()
                .match_profile(&found)
        };
        assert_eq!(matching(profile), Ok(()));
        for text in ["*", "x509.subject: C=US, ST=WA, O=AWS", "com.example: x"] {
            assert!(
                matches!(matching(text), Err(ProfileMismatch::NoProfiles { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            matching(&profile.replace("release", "Release")),
            Err(ProfileMismatch::NotTrusted { .. })
        ));
    }

    /// Each pair is named once, the wider identity first, in whatever order they are written.
    #[test]
    fn identities_that_overlap_are_named_once() {
        let wide = "x509.subject: C=US, ST=WA, O=acme";
        let narrow = "x509.subject: C=US, ST=WA, O=acme, OU=release";
        let pairs = |texts: &[&str]| -> Vec<(String, String)> {
            TrustedIdentities::parse(texts)
                .unwrap_err()
                .into_iter()
                .map(|error| match error {
                    IdentityError::Overlap { wide, narrow } => (wide, narrow),
                    other => panic!("{other}"),
                })
                .collect()
        };
        let one = pairs(&[wide, narrow]);
        assert_eq!(one.len(), 1);
        assert!(one[0].1.contains("release") && !one[0].0.contains("release"));
        assert_eq!(pairs(&[narrow, wide]), one);
        assert_eq!(pairs(&[wide, wide]).len(), 1);
    }

    #[test]
    fn identities_are_shown_as_they_are_compared() {
        let shown = |texts: &[&str]| TrustedIdentities::parse(texts).unwrap().to_string();
        assert_eq!(shown(&["*"]), "*");
        let both = shown(&[
            "x509.subject: C=US, ST=WA, O=acme",
            "x509.subject: C=US, ST=WA, O=other",
        ]);
        assert!(
            both.contains("acme") && both.contains("; ") && both.contains("other"),
            "{both}"
        );
    }
}
