//! Certificates, valid or broken: whatever their description says is signed.

use aws_lc_rs::digest;
use sealgate_core::UnixTime;

use super::der;
use super::key::{Key, pem};

/// The key purposes that matter here.
pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// See [`CODE_SIGNING`].
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
/// See [`CODE_SIGNING`].
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";

/// The arc of Fulcio's extensions.
pub const FULCIO: &str = "1.3.6.1.4.1.57264.1";

/// A certificate with its private key.
#[derive(Debug)]
pub struct Holder {
    /// The certificate's DER.
    pub der: Vec<u8>,
    /// The private key.
    pub key: Key,
    name: Vec<u8>,
}

impl Holder {
    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// Its subject, as issuers and CMS name it.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// A name in a certificate.
#[derive(Clone, Debug)]
pub enum San {
    /// An email address.
    Email(String),
    /// A URI.
    Uri(String),
    /// Fulcio's user name.
    OtherName(String),
    /// A host name, which Fulcio never certifies.
    Dns(String),
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Description {
    /// The common name; without one the subject is empty, as Fulcio's are.
    pub common_name: String,
    /// The first and the last moment of its validity.
    pub validity: (UnixTime, UnixTime),
    /// Subject alternative names.
    pub names: Vec<San>,
    /// Key purposes, and whether they are critical.
    pub purposes: Vec<&'static str>,
    /// See [`Self::purposes`].
    pub purposes_critical: bool,
    /// Whether it is an authority's.
    pub is_ca: bool,
    /// The bits of the key usage, the first the highest: 0x80 is digitalSignature.
    pub key_usage: u8,
    /// Further extensions: OID, whether critical, the value's DER.
    pub extensions: Vec<(String, bool, Vec<u8>)>,
    /// The serial number.
    pub serial: u64,
}

impl Description {
    /// An authority's.
    pub fn authority(common_name: &str, validity: (UnixTime, UnixTime)) -> Self {
        Self {
            common_name: common_name.to_owned(),
            validity,
            names: Vec::new(),
            purposes: Vec::new(),
            purposes_critical: false,
            is_ca: true,
            key_usage: 0x06,
            extensions: Vec::new(),
            serial: 1,
        }
    }

    /// A leaf's.
    pub fn leaf(purpose: &'static str, validity: (UnixTime, UnixTime)) -> Self {
        Self {
            common_name: String::new(),
            purposes: vec![purpose],
            is_ca: false,
            key_usage: 0x80,
            serial: 2,
            ..Self::authority("", validity)
        }
    }

    /// Adds one of Fulcio's extensions: plain text up to 6, a string from 8 on.
    #[must_use]
    pub fn fulcio(mut self, number: u32, value: &str) -> Self {
        let value = match number {
            1..=6 => value.as_bytes().to_vec(),
            _ => der::text(value),
        };
        self.extensions
            .push((format!("{FULCIO}.{number}"), false, value));
        self
    }

    /// The part that is signed.
    pub fn tbs(&self, key: &Key, issuer: &[u8], issuer_key: &Key) -> Vec<u8> {
        let (start, end) = self.validity;
        der::sequence(&[
            der::context(0, &der::integer(2)),
            der::integer(self.serial),
            issuer_key.algorithm(),
            issuer.to_vec(),
            der::sequence(&[der::validity_time(start), der::validity_time(end)]),
            self.subject(),
            key.spki().to_vec(),
            der::context(3, &der::sequence(&self.extensions(key, issuer_key))),
        ])
    }

    /// A certificate that `issuer` signed.
    pub fn issued_by(&self, key: Key, issuer: &Holder) -> Holder {
        let tbs = self.tbs(&key, &issuer.name, &issuer.key);
        self.signed(key, &tbs, &issuer.key)
    }

    /// A certificate that signed itself.
    pub fn self_signed(&self, key: Key) -> Holder {
        let tbs = self.tbs(&key, &self.subject(), &key);
        let signature = key.sign(&tbs);
        let der = der::sequence(&[tbs, key.algorithm(), der::bits(&signature)]);
        Holder {
            der,
            key,
            name: self.subject(),
        }
    }

    /// The certificate of a signed part.
    pub fn signed(&self, key: Key, tbs: &[u8], issuer_key: &Key) -> Holder {
        let signature = der::bits(&issuer_key.sign(tbs));
        Holder {
            der: der::sequence(&[tbs.to_vec(), issuer_key.algorithm(), signature]),
            key,
            name: self.subject(),
        }
    }

    fn subject(&self) -> Vec<u8> {
        if self.common_name.is_empty() {
            return der::sequence(&[]);
        }
        let attribute = der::sequence(&[der::oid("2.5.4.3"), der::text(&self.common_name)]);
        der::sequence(&[der::set(&[attribute])])
    }

    fn extensions(&self, key: &Key, issuer_key: &Key) -> Vec<Vec<u8>> {
        let unused = self.key_usage.trailing_zeros() as u8;
        let mut all = vec![extension(
            "2.5.29.15",
            true,
            &der::tlv(3, &[unused, self.key_usage]),
        )];
        if !self.purposes.is_empty() {
            let purposes: Vec<_> = self
                .purposes
                .iter()
                .map(|purpose| der::oid(purpose))
                .collect();
            all.push(extension(
                "2.5.29.37",
                self.purposes_critical,
                &der::sequence(&purposes),
            ));
        }
        if self.is_ca {
            all.push(extension("2.5.29.19", true, &der::sequence(&[der::yes()])));
        }
        all.push(extension("2.5.29.14", false, &der::octets(&key_id(key))));
        all.push(extension(
            "2.5.29.35",
            false,
            &der::sequence(&[der::tlv(0x80, &key_id(issuer_key))]),
        ));
        if !self.names.is_empty() {
            let names: Vec<_> = self.names.iter().map(San::to_der).collect();
            all.push(extension("2.5.29.17", true, &der::sequence(&names)));
        }
        all.extend(
            self.extensions
                .iter()
                .map(|(oid, critical, value)| extension(oid, *critical, value)),
        );
        all
    }
}

impl San {
    fn to_der(&self) -> Vec<u8> {
        match self {
            Self::Email(name) => der::tlv(0x81, name.as_bytes()),
            Self::Dns(name) => der::tlv(0x82, name.as_bytes()),
            Self::Uri(name) => der::tlv(0x86, name.as_bytes()),
            Self::OtherName(name) => {
                let value = der::context(0, &der::text(name));
                der::context(0, &[der::oid(&format!("{FULCIO}.7")), value].concat())
            }
        }
    }
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::yes() } else { Vec::new() };
    der::sequence(&[der::oid(oid), critical, der::octets(value)])
}

fn key_id(key: &Key) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key.spki())
        .as_ref()
        .to_vec()
}
