//! Keys of every kind that cosign makes or imports.

use rcgen::{
    KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256,
    RsaKeySize,
};

use crate::support::Cosign;

/// A key pair of cosign.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name, which is that of its policy, too.
    pub name: String,
    /// The kind, as the names of its schemes begin.
    pub kind: &'static str,
    /// The public key, PEM.
    pub public: String,
}

impl Key {
    /// The file of the private key, for cosign.
    pub fn file(&self) -> String {
        format!("{}.key", self.name)
    }

    /// As `cosign generate-key-pair` makes it: ECDSA on P-256.
    pub fn generate(cosign: &Cosign, program: &str, name: &str) -> Self {
        cosign.run(program, &["generate-key-pair", "--output-key-prefix", name]);
        Self::read(cosign, name, "ecdsa-p256")
    }

    fn import(cosign: &Cosign, name: &str, kind: &'static str, key: &KeyPair) -> Self {
        let pem = format!("{name}.pem");
        cosign.write(&pem, &key.serialize_pem());
        let import = [
            "import-key-pair",
            "--key",
            &pem,
            "--output-key-prefix",
            name,
        ];
        cosign.run("cosign-v3", &import);
        Self::read(cosign, name, kind)
    }

    fn read(cosign: &Cosign, name: &str, kind: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            public: std::fs::read_to_string(cosign.path(&format!("{name}.pub"))).unwrap(),
        }
    }
}

/// A key of every kind. The first is one that cosign v3 generates.
pub fn every_kind(cosign: &Cosign) -> Vec<Key> {
    let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size).unwrap();
    let other = |algorithm| KeyPair::generate_for(algorithm).unwrap();
    let import = |name, kind, key| Key::import(cosign, name, kind, &key);
    vec![
        Key::generate(cosign, "cosign-v3", "p256"),
        Key::generate(cosign, "cosign-v2", "p256-by-v2"),
        import("rsa-2048", "rsa", rsa(RsaKeySize::_2048)),
        import("rsa-4096", "rsa", rsa(RsaKeySize::_4096)),
        import("p384", "ecdsa-p384", other(&PKCS_ECDSA_P384_SHA384)),
        import("p521", "ecdsa-p521", other(&PKCS_ECDSA_P521_SHA512)),
        import("ed25519", "ed25519", other(&PKCS_ED25519)),
    ]
}
