//! Timestamp tokens (RFC 3161), as the rules want them or broken in any single way.

use aws_lc_rs::digest::{SHA256, digest};

use crate::der;
use crate::key::Key;

const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

/// Whose tokens they are: a certificate, and how CMS names it.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The certificate's DER.
    pub der: &'a [u8],
    /// Its issuer's name, DER.
    pub issuer: &'a [u8],
    /// Its serial number, big-endian.
    pub serial: &'a [u8],
    /// Its key.
    pub key: &'a Key,
}

/// A token in the making.
#[derive(Clone, Debug)]
pub struct Token {
    /// The time, as GeneralizedTime's content.
    pub time: String,
    /// The policy.
    pub policy: &'static str,
    /// Seconds of accuracy.
    pub accuracy: Option<u64>,
    /// Extensions of the TSTInfo: identifier, critical.
    pub extensions: Vec<(&'static str, bool)>,
    /// The type of the signed content.
    pub content_type: &'static str,
    /// The hash algorithm of the imprint.
    pub hash: &'static str,
    /// The version of the TSTInfo.
    pub version: u64,
    /// The version of the signed data.
    pub cms_version: u64,
    /// The version of the signer's part.
    pub signer_version: u64,
    /// The certificates in the token.
    pub certificates: Vec<Vec<u8>>,
    /// Whose certificate the signed attributes name; absent: nobody's.
    pub identified: Option<Vec<u8>>,
    /// The serial number that they name beside its hash.
    pub identified_serial: Option<u64>,
    /// The key identifier that names the signer, instead of issuer and serial number.
    pub key_id: Option<Vec<u8>>,
    /// Whether the digest in the signed attributes is another.
    pub wrong_digest: bool,
    /// Whether the signature is over something else.
    pub forged: bool,
    /// How often the signer signs.
    pub signers: usize,
    /// Names only the key's algorithm, and the hash apart.
    pub bare_rsa: bool,
}

impl Token {
    /// A token made at this time, that brings no certificate and names none.
    pub fn new(time: i64) -> Self {
        Self {
            time: der_time(time),
            policy: "1.2.3.4",
            accuracy: None,
            extensions: Vec::new(),
            content_type: TST_INFO,
            hash: SHA_256,
            version: 1,
            cms_version: 3,
            signer_version: 1,
            certificates: Vec::new(),
            identified: None,
            identified_serial: None,
            key_id: None,
            wrong_digest: false,
            forged: false,
            signers: 1,
            bare_rsa: false,
        }
    }

    /// The same that brings these certificates, the signer's first, and names that one.
    #[must_use]
    pub fn bringing(mut self, certificates: &[&[u8]]) -> Self {
        self.certificates = certificates.iter().map(|der| der.to_vec()).collect();
        self.identified = self.certificates.first().cloned();
        self
    }

    /// The same with another detail.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same at another time.
    #[must_use]
    pub fn at(self, time: i64) -> Self {
        self.with(|token| token.time = der_time(time))
    }

    /// The token over `content`, signed by the signer's key.
    pub fn sign<'a>(&self, signer: impl Into<Signer<'a>>, content: &[u8]) -> Vec<u8> {
        let signer = signer.into();
        self.sign_by(signer, signer.key, content)
    }

    /// The token over `content`, in the signer's name but signed by this key.
    pub fn sign_by<'a>(&self, signer: impl Into<Signer<'a>>, key: &Key, content: &[u8]) -> Vec<u8> {
        let signer = signer.into();
        let info = self.info(content);
        let attributes = der::set(&self.attributes(&info, signer.issuer));
        let signature = match self.forged {
            true => key.sign(b"something else"),
            false => key.sign(&attributes),
        };
        let algorithm = match self.bare_rsa {
            true => der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::null()]),
            false => key.algorithm(),
        };
        // The same set, under an implicit tag.
        let attributes = [&[0xa0], attributes.get(1..).unwrap_or_default()].concat();
        let signer_info = der::sequence(&[
            der::number(self.signer_version),
            match &self.key_id {
                Some(id) => der::tlv(0x80, id),
                None => der::sequence(&[signer.issuer.to_vec(), der::integer(signer.serial)]),
            },
            algorithm_identifier(SHA_256),
            attributes,
            algorithm,
            der::octets(&signature),
        ]);
        let mut certificates = self.certificates.clone();
        certificates.sort();
        let mut parts = vec![
            der::number(self.cms_version),
            der::set(&[algorithm_identifier(SHA_256)]),
            der::sequence(&[
                der::oid(self.content_type),
                der::context(0, &der::octets(&info)),
            ]),
        ];
        if !certificates.is_empty() {
            parts.push(der::context(0, &certificates.concat()));
        }
        parts.push(der::set(&vec![signer_info; self.signers]));
        let signed_data = der::sequence(&parts);
        der::sequence(&[der::oid(SIGNED_DATA), der::context(0, &signed_data)])
    }

    fn info(&self, content: &[u8]) -> Vec<u8> {
        let imprint = match self.hash {
            SHA_256 => sha256(content),
            _ => vec![0; 20],
        };
        let mut parts = vec![
            der::number(self.version),
            der::oid(self.policy),
            der::sequence(&[algorithm_identifier(self.hash), der::octets(&imprint)]),
            der::number(42),
            der::tlv(0x18, self.time.as_bytes()),
        ];
        if let Some(seconds) = self.accuracy {
            parts.push(der::sequence(&[der::number(seconds)]));
        }
        parts.push(der::number(7));
        if !self.extensions.is_empty() {
            let extension = |(oid, critical): &(&str, bool)| {
                let critical = if *critical { der::yes() } else { Vec::new() };
                der::sequence(&[der::oid(oid), critical, der::octets(&der::null())])
            };
            let all: Vec<_> = self.extensions.iter().map(extension).collect();
            parts.push(der::context(1, &all.concat()));
        }
        der::sequence(&parts)
    }

    fn attributes(&self, info: &[u8], issuer: &[u8]) -> Vec<Vec<u8>> {
        let attribute = |oid, value| der::sequence(&[der::oid(oid), der::set(&[value])]);
        let digest = match self.wrong_digest {
            true => sha256(b"something else"),
            false => sha256(info),
        };
        let mut attributes = vec![
            attribute("1.2.840.113549.1.9.3", der::oid(self.content_type)),
            attribute("1.2.840.113549.1.9.4", der::octets(&digest)),
        ];
        if let Some(certificate) = &self.identified {
            let mut identifier = vec![der::octets(&sha256(certificate))];
            if let Some(serial) = self.identified_serial {
                let names = der::sequence(&[der::context(4, issuer)]);
                identifier.push(der::sequence(&[names, der::number(serial)]));
            }
            let identifiers = der::sequence(&[der::sequence(&[der::sequence(&identifier)])]);
            attributes.push(attribute("1.2.840.113549.1.9.16.2.47", identifiers));
        }
        attributes
    }
}

/// The answer that carries a token.
pub fn response(token: &[u8]) -> Vec<u8> {
    let granted = der::sequence(&[der::number(0)]);
    der::sequence(&[granted, token.to_vec()])
}

/// The content of a GeneralizedTime.
pub fn der_time(time: i64) -> String {
    let element = der::generalized_time(time);
    String::from_utf8_lossy(element.get(2..).unwrap_or_default()).into_owned()
}

fn algorithm_identifier(oid: &str) -> Vec<u8> {
    der::sequence(&[der::oid(oid), der::null()])
}

fn sha256(content: &[u8]) -> Vec<u8> {
    digest(&SHA256, content).as_ref().to_vec()
}
