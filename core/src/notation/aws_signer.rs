//! Signatures of AWS Signer: what its verification plugin for notation does, without the plugin.
//!
//! Plugin specification, "Verification plugin"; AWS Signer, developer guide, "Verify an image".
//! Its two capabilities are trust in a signing profile, which is judged here, and revocation, which
//! is not: that is a question to AWS, with credentials, and its answer is not signed.

use super::attributes::{Headers, PLUGIN_MIN_VERSION, SigningScheme};
use super::envelope::VerifiedEnvelope;
use crate::policy::{ArnError, SigningJob, SigningProfile};
use crate::reason::{Code, Reason};

const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";

/// The version, major and minor, of the plugin whose rules these are.
const VERSION: (u64, u64) = (1, 0);

/// What a signature of AWS Signer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AwsSigner {
    /// The version of the signing profile that it is by.
    pub(super) profile: SigningProfile,
    /// The job that made it.
    pub(super) job: SigningJob,
}

/// Reads what is for a verification plugin; `None` if none is named.
///
/// 1. The plugin is AWS Signer's, and of no version beyond the one that is known.
/// 2. The signing scheme is that of a signing authority.
/// 3. The signing profile and the job are there, critical, and ARNs of AWS Signer.
/// 4. No other attribute is critical and not understood.
///
/// Not checked: whether profile and job are of one account and region. A profile may be used from
/// another account.
pub(super) fn read(verified: &VerifiedEnvelope<'_>) -> Result<Option<AwsSigner>, Reason> {
    let attributes = verified.attributes();
    let (found, known) = match attributes.plugin.as_deref() {
        None => (None, &[][..]),
        Some(PLUGIN) => {
            let headers = &verified.envelope().headers;
            let found = AwsSigner::read(headers, attributes.scheme)?;
            (Some(found), &[PROFILE, JOB][..])
        }
        Some(other) => {
            return Err(Reason::new(
                Code::PluginUnsupported,
                format!(
                    "the signature must be verified with the plugin {other:?}, and sealgate runs none"
                ),
            ));
        }
    };
    let mut critical = attributes.unknown_critical.iter();
    match critical.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Reason::new(
            Code::CriticalAttributeUnknown,
            format!("the signed attribute {name:?} is critical and not understood"),
        )),
        None => Ok(found),
    }
}

impl AwsSigner {
    fn read(headers: &Headers, scheme: SigningScheme) -> Result<Self, Reason> {
        check_version(headers)?;
        if scheme != SigningScheme::SigningAuthority {
            return Err(invalid(format!(
                "AWS Signer signs with the scheme {}, found {}",
                SigningScheme::SigningAuthority.as_str(),
                scheme.as_str()
            )));
        }
        Ok(Self {
            profile: arn(headers, PROFILE, SigningProfile::of_signature)?,
            job: arn(headers, JOB, str::parse)?,
        })
    }

    /// Why nobody knows whether the signature is revoked.
    pub(super) fn revocation_unknown(&self) -> Reason {
        Reason::new(
            Code::RevocationUnknown,
            format!(
                "whether the signing job {} or the profile {} is revoked, only AWS knows, and it is \
                 not asked; a policy accepts that with override: {{revocation: log}}",
                self.job, self.profile
            ),
        )
    }
}

/// Another minor version may have other rules, another patch has not (Semantic Versioning 2.0.0).
fn check_version(headers: &Headers) -> Result<(), Reason> {
    let Some(text) = headers.critical_text(PLUGIN_MIN_VERSION)? else {
        return Ok(());
    };
    let (major, minor) = version(&text).ok_or_else(|| {
        invalid(format!(
            "expected a semantic version, as 1.0.0, in the header {PLUGIN_MIN_VERSION}, found {text:?}"
        ))
    })?;
    if (major, minor) > VERSION {
        return Err(Reason::new(
            Code::PluginUnsupported,
            format!(
                "the signature must be verified with the plugin {PLUGIN:?} of version {text} at \
                 least, and sealgate knows the rules of {}.{}",
                VERSION.0, VERSION.1
            ),
        ));
    }
    Ok(())
}

/// The major and the minor number of a semantic version.
fn version(text: &str) -> Option<(u64, u64)> {
    let (numbers, rest) = match text.find(['-', '+']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+');
    let rest_fits = rest.is_empty() || rest.len() > 1 && rest.chars().all(is_part);
    let number = |text: &str| {
        let is_canonical = text == "0" || !text.starts_with(['0', '+']);
        text.parse::<u64>().ok().filter(|_| is_canonical)
    };
    let mut numbers = numbers.split('.').map(number);
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let _patch = numbers.next()??;
    (numbers.next().is_none() && rest_fits).then_some((major, minor))
}

/// An ARN that must be there and critical.
fn arn<T>(
    headers: &Headers,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, ArnError>,
) -> Result<T, Reason> {
    let text = headers.critical_text(name)?.ok_or_else(|| {
        invalid(format!(
            "a signature of AWS Signer needs the signed attribute {name}"
        ))
    })?;
    read(&text).map_err(|error| invalid(format!("the signed attribute {name}: {error}")))
}

fn invalid(message: String) -> Reason {
    Reason::new(Code::HeaderInvalid, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic_ones() {
        assert_eq!(version("1.0.2292"), Some((1, 0)));
        assert_eq!(version("1.12.0-rc.1+build"), Some((1, 12)));
        assert_eq!(version("1.0.0+7"), Some((1, 0)));
        for wrong in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "01.0.0",
            "1.00.0",
            "1.0.",
            "1..0",
            "+1.0.0",
            "1.+0.0",
            "1.0.0-",
            "1.0.0+",
            "1.0.0-ä",
            "1.0.x",
            " 1.0.0",
            "-1.0.0",
            "1.0.99999999999999999999",
        ] {
            assert_eq!(version(wrong), None, "{wrong}");
        }
    }
}
