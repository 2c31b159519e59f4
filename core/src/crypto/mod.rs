//! The one place of cryptography: keys, signature schemes, hashing.
//!
//! Everything else in this crate verifies through [`PublicKey`], so that the list of accepted
//! algorithms is [`Scheme`] and nothing else. The primitives come from a [`backend`], AWS-LC
//! natively and RustCrypto in wasm, which give the same answer for every key and signature.
//! Verification only: no private key and no randomness is ever needed.

pub mod backend;
mod hash;
mod hashing;
mod key;
mod key_error;
pub(crate) mod pem;
mod rsa;
mod scheme;
mod signature;
mod verified;
mod webpki;

pub use self::hash::Hash;
pub(crate) use self::hashing::Sha256Writer;
#[cfg(feature = "internals")]
pub use self::hashing::sha384;
pub use self::hashing::{sha256, sha512};
pub use self::key::PublicKey;
pub use self::key_error::KeyError;
pub use self::scheme::{KeyKind, Scheme, SignatureEncoding};
pub use self::signature::SignatureError;
pub use self::verified::VerifiedSignature;
pub use self::webpki::webpki_algorithms;
