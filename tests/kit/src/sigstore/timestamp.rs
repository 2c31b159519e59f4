//! A timestamp authority (RFC 3161) as Sigstore's trust roots list one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::UnixTime;
use serde_json::{Value, json};

use super::certificate::{Description, Holder, TIME_STAMPING};
use crate::key::{Key, Kind};
use crate::timestamp::{Signer, Token, response};

/// An authority: its root and the certificate that signs.
#[derive(Debug)]
pub struct TimestampAuthority {
    /// Its URI.
    pub uri: String,
    /// The root.
    pub root: Holder,
    /// Who signs.
    pub signer: Holder,
}

impl TimestampAuthority {
    /// The authority at this URI, whose key is of that kind.
    pub fn new(uri: &str, kind: Kind, validity: (UnixTime, UnixTime)) -> Self {
        let mut leaf = Description::leaf(TIME_STAMPING, validity);
        leaf.purposes_critical = true;
        Self::with_signer(uri, kind, validity, &leaf)
    }

    /// The same with another kind of certificate for the signer.
    pub fn with_signer(
        uri: &str,
        kind: Kind,
        validity: (UnixTime, UnixTime),
        leaf: &Description,
    ) -> Self {
        let root = Description::authority(&format!("{uri} root"), validity)
            .self_signed(Key::new(Kind::P384, &format!("{uri} root")));
        let mut leaf = leaf.clone();
        leaf.common_name = format!("{uri} signer");
        Self {
            uri: uri.to_owned(),
            signer: leaf.issued_by(Key::new(kind, uri), &root),
            root,
        }
    }

    /// Its entry in a trusted root.
    pub fn trust(&self, start: UnixTime) -> Value {
        let certificates =
            [&self.signer, &self.root].map(|c| json!({"rawBytes": STANDARD.encode(&c.der)}));
        json!({
            "uri": self.uri,
            "certChain": {"certificates": certificates},
            "validFor": {"start": start},
        })
    }

    /// The answer with a token for a message.
    pub fn token(&self, message: &[u8], at: UnixTime) -> Vec<u8> {
        self.odd_token(message, at, |_| {})
    }

    /// The answer with a token for a message, with another detail.
    pub fn odd_token(
        &self,
        message: &[u8],
        at: UnixTime,
        change: impl FnOnce(&mut Token),
    ) -> Vec<u8> {
        response(&self.bare_token(message, at, change))
    }

    /// The same without the answer that carries it.
    pub fn bare_token(
        &self,
        message: &[u8],
        at: UnixTime,
        change: impl FnOnce(&mut Token),
    ) -> Vec<u8> {
        let signer = Signer {
            der: &self.signer.der,
            issuer: self.root.name(),
            serial: &[2],
            key: &self.signer.key,
        };
        Token::new(at.seconds()).with(change).sign(signer, message)
    }
}
