//! Timestamp tokens (RFC 3161), as the rules want them or broken in any single way.

use aws_lc_rs::digest::{SHA256, digest};

use super::certificate::{Certificate, NOW};
use super::der;
use super::key::Key;

const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

/// A token in the making.
#[derive(Clone, Debug)]
pub struct Token {
    /// The time, as GeneralizedTime's content.
    pub time: String,
    /// The policy.
    pub policy: &'static str,
    /// Seconds of accuracy.
    pub accuracy: Option<u64>,
    /// The type of the signed content.
    pub content_type: &'static str,
    /// The hash algorithm of the imprint.
    pub hash: &'static str,
    /// The version of the TSTInfo.
    pub version: u64,
    /// The certificates in the token.
    pub certificates: Vec<Vec<u8>>,
    /// Whose certificate the signed attributes name; absent: nobody's.
    pub identified: Option<Vec<u8>>,
    /// Whether the digest in the signed attributes is another.
    pub wrong_digest: bool,
    /// How often the signer signs.
    pub signers: usize,
    /// Names only the key's algorithm, and the hash apart.
    pub bare_rsa: bool,
}

impl Token {
    /// A token made at [`NOW`] less half an hour, carrying these certificates, the signer first.
    ///
    /// # Panics
    /// If there is no certificate.
    #[expect(clippy::expect_used, reason = "a token without a signer is no token")]
    pub fn new(chain: &[&Certificate]) -> Self {
        let signer = chain.first().expect("a signer");
        Self {
            time: der_time(NOW - 1800),
            policy: "1.2.3.4",
            accuracy: None,
            content_type: TST_INFO,
            hash: SHA_256,
            version: 1,
            certificates: chain
                .iter()
                .map(|certificate| certificate.der.clone())
                .collect(),
            identified: Some(signer.der.clone()),
            wrong_digest: false,
            signers: 1,
            bare_rsa: false,
        }
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
    pub fn sign(&self, signer: &Certificate, content: &[u8]) -> Vec<u8> {
        self.sign_by(signer, &signer.key, content)
    }

    /// The token over `content`, in the signer's name but signed by this key.
    pub fn sign_by(&self, signer: &Certificate, key: &Key, content: &[u8]) -> Vec<u8> {
        let info = self.info(content);
        let attributes = self.attributes(&info);
        let signature = key.sign_x509(&der::set(&attributes));
        let algorithm = match self.bare_rsa {
            true => der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::null()]),
            false => key.x509_algorithm(),
        };
        let attributes = der::set(&attributes);
        // The same set, under an implicit tag.
        let attributes = [&[0xa0], attributes.get(1..).unwrap_or_default()].concat();
        let signer_info = der::sequence(&[
            der::number(1),
            der::sequence(&[signer.issuer.clone(), der::integer(&signer.serial)]),
            algorithm_identifier(SHA_256),
            attributes,
            algorithm,
            der::octets(&signature),
        ]);
        let mut certificates = self.certificates.clone();
        certificates.sort();
        let signers: Vec<_> = (0..self.signers).map(|_| signer_info.clone()).collect();
        let signed_data = der::sequence(&[
            der::number(3),
            der::set(&[algorithm_identifier(SHA_256)]),
            der::sequence(&[
                der::oid(self.content_type),
                der::context(0, &der::octets(&info)),
            ]),
            der::context(0, &certificates.concat()),
            der::set(&signers),
        ]);
        der::sequence(&[der::oid(SIGNED_DATA), der::context(0, &signed_data)])
    }

    fn info(&self, content: &[u8]) -> Vec<u8> {
        let mut parts = vec![
            der::number(self.version),
            der::oid(self.policy),
            der::sequence(&[
                algorithm_identifier(self.hash),
                der::octets(&sha256(content)),
            ]),
            der::number(42),
            der::tlv(0x18, self.time.as_bytes()),
        ];
        if let Some(seconds) = self.accuracy {
            parts.push(der::sequence(&[der::number(seconds)]));
        }
        parts.push(der::number(7));
        der::sequence(&parts)
    }

    fn attributes(&self, info: &[u8]) -> Vec<Vec<u8>> {
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
            let identifier = der::sequence(&[der::octets(&sha256(certificate))]);
            let identifiers = der::sequence(&[der::sequence(&[identifier])]);
            attributes.push(attribute("1.2.840.113549.1.9.16.2.47", identifiers));
        }
        attributes
    }
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
