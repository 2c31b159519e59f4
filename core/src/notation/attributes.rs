//! Signed attributes: what an envelope's protected headers say, and what they must say.
//!
//! Signature specification, "Signed attributes"; signing scheme specification. Both formats
//! turn their headers into [`Headers`]; the rules are the same from there.

use std::collections::BTreeMap;

use crate::crypto::{KeyKind, PublicKey, Scheme};
use crate::reason::{Code, Reason};
use crate::time::UnixTime;

pub(super) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub(super) const PLUGIN_MIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";

/// The media type of the payload, which the content type header must name.
const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

/// The protected headers of an envelope, whatever its format.
#[derive(Clone, Debug, Default)]
pub(super) struct Headers {
    /// The content type of the payload.
    pub(super) content_type: Option<String>,
    /// The names of the headers that must be understood.
    pub(super) critical: Vec<String>,
    /// The headers beside algorithm, content type and the list of critical ones.
    pub(super) others: BTreeMap<String, HeaderValue>,
}

/// The value of a header, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderValue {
    /// A text.
    Text(String),
    /// A time, in the encoding that the format prescribes.
    Time(UnixTime),
    /// Anything else; what it is, in words.
    Other(String),
}

/// Who vouches for the signing time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SigningScheme {
    /// `notary.x509`: nobody, unless a timestamp does.
    X509,
    /// `notary.x509.signingAuthority`: a signing authority.
    SigningAuthority,
}

impl SigningScheme {
    /// The spelling in headers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::X509 => "notary.x509",
            Self::SigningAuthority => "notary.x509.signingAuthority",
        }
    }
}

/// Signed attributes that keep the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedAttributes {
    /// The signing scheme.
    pub(super) scheme: SigningScheme,
    /// When it was signed: what the signer claims, or what the signing authority vouches for.
    pub(super) signing_time: UnixTime,
    /// The signature counts before this moment.
    pub(super) expiry: Option<UnixTime>,
    /// The plugin that the signature must be verified with.
    pub(super) plugin: Option<String>,
    /// Critical attributes that the specification does not know.
    pub(super) unknown_critical: Vec<String>,
}

impl SignedAttributes {
    /// Checks the headers.
    ///
    /// 1. The payload is of the Notary Project's type.
    /// 2. Every critical header is there, and named once.
    /// 3. The signing scheme is known, and critical.
    /// 4. The scheme's own time is there and the other's is not; an authentic time is critical.
    /// 5. An expiry is critical and after the signing time.
    /// 6. A verification plugin is named by a critical, non-empty text.
    pub(super) fn check(headers: &Headers) -> Result<Self, Reason> {
        // (1) payload type
        if headers.content_type.as_deref() != Some(PAYLOAD_TYPE) {
            return Err(invalid(format!(
                "expected the content type {PAYLOAD_TYPE}, found {:?}",
                headers.content_type.as_deref().unwrap_or_default()
            )));
        }
        // (2) critical headers
        headers.check_critical()?;
        // (3) scheme
        let scheme = match headers.critical_text(SIGNING_SCHEME)?.as_deref() {
            Some("notary.x509") => SigningScheme::X509,
            Some("notary.x509.signingAuthority") => SigningScheme::SigningAuthority,
            Some(other) => return Err(invalid(format!("the signing scheme {other:?} is unknown"))),
            None => return Err(invalid(format!("the header {SIGNING_SCHEME} is missing"))),
        };
        // (4) signing time
        let signing_time = headers.signing_time(scheme)?;
        // (5) expiry
        let expiry = headers.time(EXPIRY)?;
        if let Some(expiry) = expiry {
            headers.must_be_critical(EXPIRY)?;
            if expiry <= signing_time {
                return Err(invalid(format!(
                    "expected an expiry after the signing time {signing_time}, found {expiry}"
                )));
            }
        }
        // (6) plugin
        let plugin = headers.critical_text(PLUGIN)?;
        if plugin.as_deref().is_some_and(|name| name.trim().is_empty()) {
            return Err(invalid(format!("the header {PLUGIN} is empty")));
        }
        Ok(Self {
            scheme,
            signing_time,
            expiry,
            plugin,
            unknown_critical: headers.unknown_critical(),
        })
    }
}

impl Headers {
    fn check_critical(&self) -> Result<(), Reason> {
        for (position, name) in self.critical.iter().enumerate() {
            if !self.others.contains_key(name) {
                return Err(invalid(format!(
                    "the header {name:?} is listed as critical, but is not there or must not be listed"
                )));
            }
            if self
                .critical
                .iter()
                .skip(position + 1)
                .any(|other| other == name)
            {
                return Err(invalid(format!(
                    "the header {name:?} is listed as critical twice"
                )));
            }
        }
        Ok(())
    }

    fn signing_time(&self, scheme: SigningScheme) -> Result<UnixTime, Reason> {
        let (name, other) = match scheme {
            SigningScheme::X509 => (SIGNING_TIME, AUTHENTIC_SIGNING_TIME),
            SigningScheme::SigningAuthority => (AUTHENTIC_SIGNING_TIME, SIGNING_TIME),
        };
        let time = self.time(name)?.ok_or_else(|| {
            invalid(format!(
                "the signing scheme {} needs the header {name}",
                scheme.as_str()
            ))
        })?;
        if scheme == SigningScheme::SigningAuthority {
            self.must_be_critical(name)?;
        }
        if self.others.contains_key(other) {
            return Err(invalid(format!(
                "the signing scheme {} forbids the header {other}",
                scheme.as_str()
            )));
        }
        Ok(time)
    }

    fn time(&self, name: &str) -> Result<Option<UnixTime>, Reason> {
        match self.others.get(name) {
            None => Ok(None),
            Some(HeaderValue::Time(time)) => Ok(Some(*time)),
            Some(other) => Err(invalid(format!(
                "expected a time in the header {name}, found {other}"
            ))),
        }
    }

    /// A text that must be critical, if it is there.
    pub(super) fn critical_text(&self, name: &str) -> Result<Option<String>, Reason> {
        match self.others.get(name) {
            None => Ok(None),
            Some(HeaderValue::Text(text)) => {
                self.must_be_critical(name)?;
                Ok(Some(text.clone()))
            }
            Some(other) => Err(invalid(format!(
                "expected a text in the header {name}, found {other}"
            ))),
        }
    }

    fn must_be_critical(&self, name: &str) -> Result<(), Reason> {
        if self.critical.iter().any(|critical| critical == name) {
            return Ok(());
        }
        Err(invalid(format!(
            "the header {name} must be listed as critical"
        )))
    }

    fn unknown_critical(&self) -> Vec<String> {
        let known = [
            SIGNING_SCHEME,
            AUTHENTIC_SIGNING_TIME,
            EXPIRY,
            PLUGIN,
            PLUGIN_MIN_VERSION,
        ];
        let unknown = self
            .critical
            .iter()
            .filter(|name| !known.contains(&name.as_str()));
        unknown.cloned().collect()
    }
}

impl std::fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// The one scheme that a key may sign with (signature specification, "Signature algorithm
/// requirements").
pub(super) fn scheme_of(key: &PublicKey) -> Result<Scheme, Reason> {
    match (key.kind(), key.bits()) {
        (KeyKind::Rsa, 2048) => Ok(Scheme::RsaPssSha256),
        (KeyKind::Rsa, 3072) => Ok(Scheme::RsaPssSha384),
        (KeyKind::Rsa, 4096) => Ok(Scheme::RsaPssSha512),
        (KeyKind::EcdsaP256, _) => Ok(Scheme::EcdsaP256Sha256),
        (KeyKind::EcdsaP384, _) => Ok(Scheme::EcdsaP384Sha384),
        (KeyKind::EcdsaP521, _) => Ok(Scheme::EcdsaP521Sha512),
        (kind, bits) => Err(Reason::new(
            Code::AlgorithmUnsupported,
            format!(
                "expected a signing key of RSA with 2048, 3072 or 4096 bits, or of ECDSA on P-256, \
                 P-384 or P-521, found {kind} with {bits} bits"
            ),
        )),
    }
}

fn invalid(message: String) -> Reason {
    Reason::new(Code::HeaderInvalid, message)
}
