//! See [`crate::internals`].

use crate::reason::Reason;
use crate::time::{UnixTime, Window};
use crate::timestamp::{Authority, Profile, TimestampError, Token};
use crate::x509::Certificate;
use crate::x509::path::TrustedChain;

/// The time of a token over `message` that an authority made: by the certificate `leaf`, if it
/// is known, which chains to `chain`. All of them are DER.
///
/// # Errors
/// Why the token does not count.
pub fn timestamp(
    token: &[u8],
    message: &[u8],
    leaf: Option<&[u8]>,
    chain: &[Vec<u8>],
) -> Result<UnixTime, Reason> {
    Ok(judge(token, message, leaf, chain)?)
}

fn judge(
    token: &[u8],
    message: &[u8],
    leaf: Option<&[u8]>,
    chain: &[Vec<u8>],
) -> Result<UnixTime, TimestampError> {
    let chain = chain.iter().map(|der| Certificate::from_der(der));
    let authority = Authority {
        leaf: leaf.map(Certificate::from_der).transpose()?,
        chain: TrustedChain::new(chain.collect::<Result<_, _>>()?),
        valid_for: Window {
            start: None,
            end: None,
        },
    };
    let token = Token::parse(token, &Profile::SIGSTORE)?;
    token.covers(message)?;
    authority.verify(&token)
}
