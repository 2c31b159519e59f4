//! Signing profiles of AWS Signer: whom a signature of that service is by.
//!
//! AWS Signer, developer guide, "Verify an image", and API reference, `SigningProfile`.

use std::fmt;
use std::str::FromStr;

/// A signing profile, or one version of it, by its ARN.
///
/// Letters count as they stand: AWS's plugin for notation compares without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningProfile {
    arn: String,
    version: Option<String>,
}

/// A signing job, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SigningJob(String);

impl SigningProfile {
    /// How every such ARN begins, and that of anything else at AWS.
    pub(super) const PREFIX: &str = "arn:";

    /// The profile that a signature names, which is a version of one.
    pub(crate) fn of_signature(text: &str) -> Result<Self, ArnError> {
        let profile: Self = text.parse()?;
        match profile.version {
            Some(_) => Ok(profile),
            None => Err(ArnError::NoVersion(shown(text))),
        }
    }

    /// The ARN without a version.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// The version, if it is one.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether a signature by `other` is one by this profile, or this version of it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.arn == other.arn && (self.version.is_none() || self.version == other.version)
    }
}

impl FromStr for SigningProfile {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let resource = resource(text)?;
        let named =
            resource
                .strip_prefix("/signing-profiles/")
                .ok_or_else(|| ArnError::Resource {
                    expected: "/signing-profiles/NAME",
                    found: shown(text),
                })?;
        let (name, version) = match named.split_once('/') {
            None => (named, None),
            Some((name, version)) => (name, Some(version)),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !(2..=64).contains(&name.len()) || !name.chars().all(is_name) {
            return Err(ArnError::Name(shown(text)));
        }
        if version.is_some_and(|v| v.len() != 10 || !v.chars().all(|c| c.is_ascii_alphanumeric())) {
            return Err(ArnError::Version(shown(text)));
        }
        let arn = match version {
            None => text,
            Some(_) => text.rsplit_once('/').map_or(text, |(arn, _)| arn),
        };
        Ok(Self {
            arn: arn.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl fmt::Display for SigningProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)?;
        match &self.version {
            None => Ok(()),
            Some(version) => write!(f, "/{version}"),
        }
    }
}

impl FromStr for SigningJob {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let id = resource(text)?.strip_prefix("/signing-jobs/");
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match id {
            Some(id) if (1..=64).contains(&id.len()) && id.chars().all(is_id) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ArnError::Resource {
                expected: "/signing-jobs/ID",
                found: shown(text),
            }),
        }
    }
}

impl fmt::Display for SigningJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an ARN of AWS Signer names, within an account and a region.
fn resource(text: &str) -> Result<&str, ArnError> {
    let mut parts = text.splitn(6, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (arn, partition, service) = (part(), part(), part());
    let (region, account, resource) = (part(), part(), part());
    if (arn, service) != ("arn", "signer") {
        return Err(ArnError::Service(shown(text)));
    }
    let is_place = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(partition == "aws" || partition.starts_with("aws-")) || !partition.chars().all(is_place) {
        return Err(ArnError::Partition(shown(text)));
    }
    if region.is_empty() || !region.chars().all(is_place) {
        return Err(ArnError::Region(shown(text)));
    }
    if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
        return Err(ArnError::Account(shown(text)));
    }
    Ok(resource)
}

fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Why a text is no ARN of AWS Signer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArnError {
    /// It is of another service, or nothing of the kind.
    #[error(
        "expected an ARN of AWS Signer, as \"arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME\", \
         found {0:?}"
    )]
    Service(String),
    /// The partition is none.
    #[error("expected a partition of AWS (aws, aws-us-gov, aws-cn) after \"arn:\", found {0:?}")]
    Partition(String),
    /// There is no region.
    #[error("expected a region, as us-west-2, after \"signer:\", found {0:?}")]
    Region(String),
    /// The account is none.
    #[error("expected an account of 12 digits after the region, found {0:?}")]
    Account(String),
    /// It names something else at AWS Signer.
    #[error("expected the ARN to end with \"{expected}\", found {found:?}")]
    Resource {
        /// How it should end.
        expected: &'static str,
        /// The ARN.
        found: String,
    },
    /// The name of the profile is none.
    #[error(
        "expected the name of a signing profile, 2 to 64 letters, digits and _ (there are no \
         patterns), found {0:?}"
    )]
    Name(String),
    /// The version of the profile is none.
    #[error("expected a version of 10 letters and digits after the profile's name, found {0:?}")]
    Version(String),
    /// A profile without a version.
    #[error(
        "expected the version of a signing profile, as \"…/signing-profiles/NAME/VERSION\", found {0:?}"
    )]
    NoVersion(String),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PROFILE: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release";

    fn profile(text: &str) -> Result<SigningProfile, ArnError> {
        text.parse()
    }

    #[test]
    fn profiles_are_read_with_a_version_and_without() {
        let whole = profile(PROFILE).unwrap();
        assert_eq!((whole.arn(), whole.version()), (PROFILE, None));
        assert_eq!(whole.to_string(), PROFILE);
        let text = format!("{PROFILE}/awUPb84ibN");
        let version = profile(&text).unwrap();
        assert_eq!(
            (version.arn(), version.version()),
            (PROFILE, Some("awUPb84ibN"))
        );
        assert_eq!(version.to_string(), text);
        assert!(
            profile("arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/a_1")
                .is_ok()
        );
    }

    #[test]
    fn a_profile_covers_its_versions_and_a_version_itself() {
        let whole = profile(PROFILE).unwrap();
        let one = profile(&format!("{PROFILE}/awUPb84ibN")).unwrap();
        let two = profile(&format!("{PROFILE}/awUPb84ibO")).unwrap();
        let longer = profile(&format!("{PROFILE}_evil/awUPb84ibN")).unwrap();
        assert!(whole.covers(&one) && whole.covers(&two) && one.covers(&one));
        assert!(!one.covers(&two) && !one.covers(&whole));
        assert!(!whole.covers(&longer) && !longer.covers(&one));
    }

    #[test]
    fn what_is_no_arn_of_a_profile_is_refused() {
        type Is = fn(&ArnError) -> bool;
        let service: Is = |e| matches!(e, ArnError::Service(_));
        let partition: Is = |e| matches!(e, ArnError::Partition(_));
        let region: Is = |e| matches!(e, ArnError::Region(_));
        let account: Is = |e| matches!(e, ArnError::Account(_));
        let resource: Is = |e| matches!(e, ArnError::Resource { .. });
        let name: Is = |e| matches!(e, ArnError::Name(_));
        let version: Is = |e| matches!(e, ArnError::Version(_));
        for (text, expected) in [
            ("", service),
            ("arn", service),
            ("arn:aws:s3:::bucket", service),
            (
                "ARN:aws:signer:us-west-2:111122223333:/signing-profiles/ab",
                service,
            ),
            (
                "arn:*:signer:us-west-2:111122223333:/signing-profiles/ab",
                partition,
            ),
            (
                "arn:aws*:signer:us-west-2:111122223333:/signing-profiles/ab",
                partition,
            ),
            (
                "arn:awsx:signer:us-west-2:111122223333:/signing-profiles/ab",
                partition,
            ),
            (
                "arn:aws-*:signer:us-west-2:111122223333:/signing-profiles/ab",
                partition,
            ),
            (
                "arn::signer:us-west-2:111122223333:/signing-profiles/ab",
                partition,
            ),
            ("arn:aws:signer::111122223333:/signing-profiles/ab", region),
            ("arn:aws:signer:*:111122223333:/signing-profiles/ab", region),
            (
                "arn:aws:signer:us-west-2:11112222333:/signing-profiles/ab",
                account,
            ),
            (
                "arn:aws:signer:us-west-2:1111222233334:/signing-profiles/ab",
                account,
            ),
            (
                "arn:aws:signer:us-west-2:11112222333a:/signing-profiles/ab",
                account,
            ),
            ("arn:aws:signer:us-west-2:*:/signing-profiles/ab", account),
            ("arn:aws:signer:us-west-2:111122223333", resource),
            (
                "arn:aws:signer:us-west-2:111122223333:signing-profiles/ab",
                resource,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-jobs/ab",
                resource,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/",
                name,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/a",
                name,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/*",
                name,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/a-b",
                name,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/ab:c",
                name,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/ab/",
                version,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/ab/*",
                version,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/ab/0123456789/",
                version,
            ),
            (
                "arn:aws:signer:us-west-2:111122223333:/signing-profiles/ab/012345678_",
                version,
            ),
        ] {
            let error = profile(text).unwrap_err();
            assert!(expected(&error), "{text}: {error}");
        }
        let long = format!(
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/{}",
            "a".repeat(65)
        );
        assert!(matches!(profile(&long), Err(ArnError::Name(_))));
        let longest = format!(
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/{}",
            "a".repeat(64)
        );
        assert!(profile(&longest).is_ok());
    }

    #[test]
    fn signatures_name_a_version_and_a_job() {
        assert!(matches!(
            SigningProfile::of_signature(PROFILE),
            Err(ArnError::NoVersion(_))
        ));
        assert!(SigningProfile::of_signature(&format!("{PROFILE}/awUPb84ibN")).is_ok());
        let job = "arn:aws:signer:us-west-2:111122223333:/signing-jobs/5808635f-05de-4207-a891-c95f827b50f4";
        assert_eq!(job.parse::<SigningJob>().unwrap().to_string(), job);
        for wrong in [
            PROFILE,
            &job.replace("5808635f", "*"),
            &format!("{job}/more"),
        ] {
            assert!(matches!(
                wrong.parse::<SigningJob>(),
                Err(ArnError::Resource { .. })
            ));
        }
        let none = "arn:aws:signer:us-west-2:111122223333:/signing-jobs/";
        assert!(none.parse::<SigningJob>().is_err());
        assert!(
            format!("{none}{}", "a".repeat(65))
                .parse::<SigningJob>()
                .is_err()
        );
        assert!(
            format!("{none}{}", "a".repeat(64))
                .parse::<SigningJob>()
                .is_ok()
        );
    }
}
