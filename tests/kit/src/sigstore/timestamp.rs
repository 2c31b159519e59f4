//! A timestamp authority (RFC 3161).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::UnixTime;
use serde_json::{Value, json};

use super::certificate::{Description, Holder, TIME_STAMPING};
use super::der;
use super::key::{Key, KeyKind};
use super::log::sha256;

const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

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

/// What a token says, beyond what it must.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oddities {
    /// The token carries the signer's certificate.
    pub embed: bool,
    /// It names the signer's certificate in a signed attribute (RFC 5816).
    pub name_certificate: bool,
    /// That names another certificate.
    pub name_another: bool,
    /// The time has a fraction.
    pub fraction: bool,
    /// The imprint is of SHA-1.
    pub sha1: bool,
    /// The signature is over other attributes.
    pub forged: bool,
}

impl TimestampAuthority {
    /// The authority at this URI, whose key is of that kind.
    pub fn new(uri: &str, kind: KeyKind, validity: (UnixTime, UnixTime)) -> Self {
        let mut leaf = Description::leaf(TIME_STAMPING, validity);
        leaf.purposes_critical = true;
        Self::with_signer(uri, kind, validity, &leaf)
    }

    /// The same with another kind of certificate for the signer.
    pub fn with_signer(
        uri: &str,
        kind: KeyKind,
        validity: (UnixTime, UnixTime),
        leaf: &Description,
    ) -> Self {
        let root = Description::authority(&format!("{uri} root"), validity)
            .self_signed(Key::new(KeyKind::P384, &format!("{uri} root")));
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

    /// A token for a message.
    pub fn token(&self, message: &[u8], at: UnixTime) -> Vec<u8> {
        self.odd_token(message, at, Oddities::default())
    }

    /// A token for a message, with its oddities, as the answer that carried it.
    pub fn odd_token(&self, message: &[u8], at: UnixTime, odd: Oddities) -> Vec<u8> {
        let info = tst_info(message, at, odd);
        let attributes = self.attributes(&info, odd);
        let sha256_id = || der::sequence(&[der::oid(SHA256)]);
        let signed = match odd.forged {
            true => self.signer.key.sign(b"something else"),
            false => self.signer.key.sign(&der::set(&attributes)),
        };
        // The attributes are signed as a SET and carried as [0].
        let mut carried = der::set(&attributes);
        carried[0] = 0xa0;
        let signer = der::sequence(&[
            der::integer(1),
            der::sequence(&[self.root.name().to_vec(), der::integer(2)]),
            sha256_id(),
            carried,
            self.signer.key.algorithm(),
            der::octets(&signed),
        ]);
        let certificates = match odd.embed {
            true => der::context(0, &self.signer.der),
            false => Vec::new(),
        };
        let content = der::sequence(&[der::oid(TST_INFO), der::context(0, &der::octets(&info))]);
        let signed_data = der::sequence(&[
            der::integer(3),
            der::set(&[sha256_id()]),
            content,
            certificates,
            der::set(&[signer]),
        ]);
        let token = der::sequence(&[
            der::oid("1.2.840.113549.1.7.2"),
            der::context(0, &signed_data),
        ]);
        der::sequence(&[der::sequence(&[der::integer(0)]), token])
    }

    fn attributes(&self, info: &[u8], odd: Oddities) -> Vec<Vec<u8>> {
        let attribute =
            |oid: &str, value: Vec<u8>| der::sequence(&[der::oid(oid), der::set(&[value])]);
        let mut all = vec![
            attribute("1.2.840.113549.1.9.3", der::oid(TST_INFO)),
            attribute("1.2.840.113549.1.9.4", der::octets(&sha256(info))),
        ];
        if odd.name_certificate || odd.name_another {
            let named = match odd.name_another {
                true => &self.root.der,
                false => &self.signer.der,
            };
            let id = der::sequence(&[der::octets(&sha256(named))]);
            let value = der::sequence(&[der::sequence(&[id])]);
            all.push(attribute("1.2.840.113549.1.9.16.2.47", value));
        }
        all
    }
}

fn tst_info(message: &[u8], at: UnixTime, odd: Oddities) -> Vec<u8> {
    let imprint = match odd.sha1 {
        true => der::sequence(&[
            der::sequence(&[der::oid("1.3.14.3.2.26")]),
            der::octets(&[0; 20]),
        ]),
        false => der::sequence(&[
            der::sequence(&[der::oid(SHA256)]),
            der::octets(&sha256(message)),
        ]),
    };
    let mut time = der::time(at);
    if odd.fraction {
        time.pop();
        time.extend(b".25Z");
        time = der::tlv(0x18, &time[2..]);
    }
    der::sequence(&[
        der::integer(1),
        der::oid("1.3.6.1.4.1.57264.2"),
        imprint,
        der::integer(42),
        time,
    ])
}
