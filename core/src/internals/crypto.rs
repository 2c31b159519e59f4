//! The cryptography, for the tests that compare its backends.

pub use crate::crypto::{
    Hash, KeyError, KeyKind, PublicKey, Scheme, SignatureEncoding, SignatureError,
    VerifiedSignature, backend, sha256, sha384, sha512, webpki_algorithms,
};
