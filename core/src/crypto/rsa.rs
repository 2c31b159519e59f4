//! RSA keys as PKCS #1 writes them.

use der::Sequence;
use der::asn1::UintRef;

/// `RSAPublicKey` of RFC 8017, appendix A.1.1.
#[derive(Sequence)]
pub(super) struct RsaPublicKeyDer<'a> {
    pub(super) modulus: UintRef<'a>,
    pub(super) public_exponent: UintRef<'a>,
}

impl RsaPublicKeyDer<'_> {
    /// The size of the modulus.
    pub(super) fn bits(&self) -> u32 {
        let bytes = self.modulus.as_bytes();
        let unused = bytes.first().map_or(0, |first| first.leading_zeros());
        u32::try_from(bytes.len()).map_or(u32::MAX, |len| (len * 8).saturating_sub(unused))
    }
}
