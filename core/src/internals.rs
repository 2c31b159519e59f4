//! Doors to what is private here, for fuzzing and for the suites of others' vectors.
//!
//! Only with the feature `internals`, which no product is built with, and without any promise
//! of stability. Nothing here decides about an image: that is [`crate::verify`] alone.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};

use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::path::TrustedChain;

pub mod crypto;
pub mod proof;

pub use crate::notation::internals::{
    is_listed as notary_is_listed, timestamp as notary_timestamp,
};
pub use crate::sigstore::internals::timestamp as sigstore_timestamp;

/// What a certificate is for. Images are signed with neither; others' vectors have only these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// `id-kp-serverAuth`
    ServerAuth,
    /// `id-kp-clientAuth`
    ClientAuth,
}

impl Usage {
    fn oid(self) -> &'static ObjectIdentifier {
        match self {
            Self::ServerAuth => &ID_KP_SERVER_AUTH,
            Self::ClientAuth => &ID_KP_CLIENT_AUTH,
        }
    }
}

/// Whether there is a path from `leaf` (DER, as all of them) through `intermediates` to
/// `trusted`, as it stood at `time`, and the leaf's key is of an accepted kind, without which it
/// verifies nothing.
///
/// # Errors
/// In words, why there is none.
pub fn certificate_path(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    trusted: &[u8],
    usage: Usage,
    time: UnixTime,
) -> Result<(), String> {
    let read = |der: &[u8]| Certificate::from_der(der).map_err(|error| error.to_string());
    let chain = TrustedChain::new(vec![read(trusted)?]);
    let leaf = read(leaf)?;
    let intermediates: Vec<_> = intermediates
        .iter()
        .map(|der| read(der))
        .collect::<Result<_, _>>()?;
    chain
        .verify(&leaf, &intermediates, usage.oid(), time)
        .map_err(|error| error.to_string())?;
    leaf.public_key().map_err(|error| error.to_string())?;
    Ok(())
}
