//! Certificates, valid or broken: whatever their description says is signed.

use aws_lc_rs::digest;
use sealgate_core::UnixTime;

use crate::certificate::{Profile, signed};
use crate::der;
use crate::key::{Key, pem};

pub use crate::certificate::purpose::{CODE_SIGNING, SERVER_AUTH, TIME_STAMPING};

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
    /// Another system's user name (Microsoft's UPN).
    PrincipalName(String),
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
    /// The bits of the key usage, the first the highest: 0x80 is digitalSignature. Without any there
    /// is no key usage.
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
            _ => der::utf8(value),
        };
        self.extensions
            .push((format!("{FULCIO}.{number}"), false, value));
        self
    }

    /// The part that is signed.
    pub fn tbs(&self, key: &Key, issuer: &[u8], issuer_key: &Key) -> Vec<u8> {
        let serial = self.serial.to_be_bytes();
        let profile = self.profile(key, issuer_key);
        profile.tbs(&serial, &issuer_key.algorithm(), issuer, key.spki())
    }

    /// A certificate that `issuer` signed.
    pub fn issued_by(&self, key: Key, issuer: &Holder) -> Holder {
        let tbs = self.tbs(&key, &issuer.name, &issuer.key);
        self.signed(key, &tbs, &issuer.key)
    }

    /// A certificate that signed itself.
    pub fn self_signed(&self, key: Key) -> Holder {
        let tbs = self.tbs(&key, &der::name(&self.subject()), &key);
        let der = signed(&tbs, &key.algorithm(), &key.sign(&tbs));
        self.holder(key, der)
    }

    /// The certificate of a signed part.
    pub fn signed(&self, key: Key, tbs: &[u8], issuer_key: &Key) -> Holder {
        let der = signed(tbs, &issuer_key.algorithm(), &issuer_key.sign(tbs));
        self.holder(key, der)
    }

    fn holder(&self, key: Key, der: Vec<u8>) -> Holder {
        Holder {
            der,
            key,
            name: der::name(&self.subject()),
        }
    }

    fn subject(&self) -> String {
        match self.common_name.as_str() {
            "" => String::new(),
            name => format!("CN={name}"),
        }
    }

    fn profile(&self, key: &Key, issuer_key: &Key) -> Profile {
        let mut extensions = vec![
            ("2.5.29.14".into(), false, der::octets(&key_id(key))),
            (
                "2.5.29.35".into(),
                false,
                der::sequence(&[der::tlv(0x80, &key_id(issuer_key))]),
            ),
        ];
        if !self.names.is_empty() {
            let names: Vec<_> = self.names.iter().map(San::to_der).collect();
            extensions.push(("2.5.29.17".into(), true, der::sequence(&names)));
        }
        let others = self.extensions.iter().cloned();
        extensions.extend(others.map(|(oid, critical, value)| (oid.into(), critical, value)));
        let (from, until) = self.validity;
        let bits = (0..8).filter(|bit| self.key_usage & (0x80 >> bit) != 0);
        let purposes = (self.purposes_critical, self.purposes.clone());
        Profile {
            validity: (from.seconds(), until.seconds()),
            basic_constraints: self.is_ca.then_some((true, true, None)),
            key_usage: (self.key_usage != 0).then(|| (true, bits.collect())),
            purposes: (!self.purposes.is_empty()).then_some(purposes),
            extensions,
            ..Profile::signer(&self.subject())
        }
    }
}

impl San {
    fn to_der(&self) -> Vec<u8> {
        match self {
            Self::Email(name) => der::tlv(0x81, name.as_bytes()),
            Self::Dns(name) => der::tlv(0x82, name.as_bytes()),
            Self::Uri(name) => der::tlv(0x86, name.as_bytes()),
            Self::OtherName(name) => other_name(&format!("{FULCIO}.7"), name),
            Self::PrincipalName(name) => other_name("1.3.6.1.4.1.311.20.2.3", name),
        }
    }
}

fn other_name(oid: &str, name: &str) -> Vec<u8> {
    let value = der::context(0, &der::utf8(name));
    der::context(0, &[der::oid(oid), value].concat())
}

fn key_id(key: &Key) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key.spki())
        .as_ref()
        .to_vec()
}
