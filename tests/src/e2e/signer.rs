//! Images made by crane and signed by the real cosign and by the Notary Project's own signer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use super::{E2eError, write};
use crate::tools::{find, run};

/// Flags for a bundle among the referrers, of cosign v3.
const BUNDLE: &[&str] = &["--use-signing-config=false"];

/// A folder with keys in it.
#[derive(Debug)]
pub struct Signer {
    folder: PathBuf,
    images: AtomicUsize,
}

/// A key pair of cosign.
#[derive(Debug, Clone)]
pub struct CosignKey {
    /// The encrypted private key; the password is empty.
    pub private: PathBuf,
    /// The public key, PEM.
    pub public: String,
}

/// A key with its certificate chain for notation.
#[derive(Debug, Clone)]
pub struct NotationKey {
    /// The private key.
    pub key: PathBuf,
    /// The leaf and the root.
    pub chain: PathBuf,
    /// The root, PEM, for a trust store.
    pub root: String,
}

impl Signer {
    /// Keys are made in `folder`.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn new(folder: &Path) -> Result<Self, E2eError> {
        let folder = folder.join("signer");
        std::fs::create_dir_all(&folder).map_err(E2eError::io("signer"))?;
        let images = AtomicUsize::new(2);
        Ok(Self { folder, images })
    }

    /// Pushes an image like no other to `HOST/NAME:TAG`, and returns `HOST/NAME@DIGEST`.
    ///
    /// # Errors
    /// If crane fails.
    pub fn push(&self, tagged: &str) -> Result<String, E2eError> {
        // Blocks of zeros are an empty archive, of any length.
        let blocks = self.images.fetch_add(1, Ordering::Relaxed);
        let layer = self.folder.join("layer.tar");
        write(&layer, vec![0; 512 * blocks])?;
        self.program(
            "crane",
            &["append", "--insecure", "-f", "layer.tar", "-t", tagged],
        )?;
        let digest = self.program("crane", &["digest", "--insecure", tagged])?;
        let name = tagged.rsplit_once(':').map_or(tagged, |(name, _)| name);
        Ok(format!("{name}@{}", digest.trim()))
    }

    /// Runs crane.
    ///
    /// # Errors
    /// If it fails.
    pub fn crane(&self, arguments: &[&str]) -> Result<String, E2eError> {
        self.program("crane", &[arguments, &["--insecure"]].concat())
    }

    /// Makes a key pair.
    ///
    /// # Errors
    /// If cosign fails.
    pub fn cosign_key(&self, name: &str) -> Result<CosignKey, E2eError> {
        self.program(
            "cosign-v3",
            &["generate-key-pair", "--output-key-prefix", name],
        )?;
        let public = self.folder.join(format!("{name}.pub"));
        Ok(CosignKey {
            private: self.folder.join(format!("{name}.key")),
            public: std::fs::read_to_string(public).map_err(E2eError::io("public key"))?,
        })
    }

    /// Signs with cosign v3: a bundle among the referrers.
    ///
    /// # Errors
    /// If cosign fails.
    pub fn sign(&self, key: &CosignKey, pinned: &str) -> Result<(), E2eError> {
        self.sign_as("cosign-v3", BUNDLE, key, pinned)
    }

    /// Signs with cosign v2: a `.sig` tag.
    ///
    /// # Errors
    /// If cosign fails.
    pub fn sign_v2(&self, key: &CosignKey, pinned: &str) -> Result<(), E2eError> {
        self.sign_as("cosign-v2", &[], key, pinned)
    }

    /// Signs with a cosign, in a form that its flags say.
    ///
    /// # Errors
    /// If cosign fails.
    pub fn sign_as(
        &self,
        program: &str,
        form: &[&str],
        key: &CosignKey,
        pinned: &str,
    ) -> Result<(), E2eError> {
        let private = key.private.display().to_string();
        let sign = ["sign", "--yes", "--tlog-upload=false", "--key", &private];
        let insecure = ["--allow-http-registry", "--allow-insecure-registry", pinned];
        self.program(program, &[&sign, form, &insecure].concat())?;
        Ok(())
    }

    /// Lets a cosign verify.
    ///
    /// # Errors
    /// If cosign fails, as it does with an image that is not signed.
    pub fn verify_as(&self, program: &str, key: &CosignKey, pinned: &str) -> Result<(), E2eError> {
        let public = key.private.with_extension("pub").display().to_string();
        let verify = ["verify", "--key", &public, "--insecure-ignore-tlog"];
        let insecure = ["--allow-http-registry", "--allow-insecure-registry", pinned];
        self.program(program, &[verify.as_slice(), &insecure].concat())?;
        Ok(())
    }

    /// Makes a key whose certificate is of `organisation`, in the United States and Washington.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn notation_key(&self, organisation: &str) -> Result<NotationKey, E2eError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let mut params = CertificateParams::default();
        for (part, value) in [
            (DnType::CountryName, "US"),
            (DnType::StateOrProvinceName, "WA"),
            (DnType::OrganizationName, organisation),
            (DnType::CommonName, "signer"),
        ] {
            params.distinguished_name.push(part, value);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &root)?;
        let made = NotationKey {
            key: self.folder.join(format!("{organisation}-notation.key")),
            chain: self.folder.join(format!("{organisation}-notation.crt")),
            root: root.pem(),
        };
        write(&made.key, key.serialize_pem())?;
        write(&made.chain, leaf.pem() + &made.root)?;
        Ok(made)
    }

    /// Signs as `notation sign` does.
    ///
    /// # Errors
    /// If it fails.
    pub fn notation(&self, key: &NotationKey, format: &str, pinned: &str) -> Result<(), E2eError> {
        let (private, chain) = (key.key.display(), key.chain.display());
        let (private, chain) = (private.to_string(), chain.to_string());
        let files = ["sign", "--key", &private, "--cert-chain", &chain];
        let how = ["--format", format, "--plain-http", pinned];
        self.program("notation-signer", &[files.as_slice(), &how].concat())?;
        Ok(())
    }

    /// Runs a program in the folder, and says what it printed.
    ///
    /// # Errors
    /// If it fails.
    pub fn program(&self, name: &str, arguments: &[&str]) -> Result<String, E2eError> {
        let mut command = Command::new(find(name)?);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("HOME", &self.folder)
            .env("DOCKER_CONFIG", &self.folder)
            .env("COSIGN_PASSWORD", "");
        Ok(run(&mut command)?)
    }
}
