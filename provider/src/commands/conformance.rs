//! `sealgate conformance …`: the client protocol of sigstore-conformance.

use std::path::PathBuf;

use sealgate_core::SignedFile;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::verify_blob;
use sealgate_core::{Digest, Policies, TrustMaterial};
use serde_json::{Value, json};

use super::exit::Exit;
use super::inputs::wall_clock;
use super::usage::{self, UsageError};

/// The one trust root and the one authority of a run.
const NAME: &str = "conformance";

/// Speak the client protocol of sigstore-conformance
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ConformanceCommand {
    /// Verify a bundle for a file or a digest
    VerifyBundle(VerifyBundle),
}

/// What `verify-bundle` takes, in the order of the suite's protocol.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyBundle {
    /// Use the staging instance's trust root
    #[arg(long)]
    staging: bool,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// The expected subject
    #[arg(long, requires = "certificate_oidc_issuer", conflicts_with = "key")]
    certificate_identity: Option<String>,
    /// The expected issuer
    #[arg(long, requires = "certificate_identity", conflicts_with = "key")]
    certificate_oidc_issuer: Option<String>,
    /// The managed key, PEM
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "certificate_identity"
    )]
    key: Option<PathBuf>,
    /// The trust root; the public-good instance's if absent
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// A file, or the digest of one as sha256:HEX
    #[arg(value_name = "ARTIFACT_OR_DIGEST")]
    artifact: String,
}

impl ConformanceCommand {
    /// Runs the command.
    pub fn run(&self) -> Exit {
        usage::exit(self.try_run())
    }

    fn try_run(&self) -> Result<Exit, UsageError> {
        let Self::VerifyBundle(command) = self;
        command.run()
    }
}

impl VerifyBundle {
    fn run(&self) -> Result<Exit, UsageError> {
        let bundle = read(&self.bundle)?;
        let policies = self.policies()?;
        let mut trust = TrustMaterial::new();
        trust.insert_root(NAME, self.root()?);
        let authority = policies
            .named(NAME)
            .and_then(|policy| policy.authority(0))
            .ok_or_else(|| UsageError::new("no authority"))?;
        // A path that exists is a file, whatever it looks like.
        let file = std::fs::read(&self.artifact).ok();
        let blob = match (&file, self.artifact.parse::<Digest>()) {
            (Some(bytes), _) => SignedFile::Bytes(bytes),
            (None, Ok(digest)) => SignedFile::Digest(digest),
            (None, Err(error)) => {
                let message = format!("{}: neither a file nor a digest: {error}", self.artifact);
                return Err(UsageError::new(message));
            }
        };
        match verify_blob(&bundle, blob, authority, &trust, wall_clock()?) {
            Ok(Ok(signer)) => {
                let who = signer.subject.or(signer.key).unwrap_or_default();
                println!("verified: {} by {who}", self.artifact);
                Ok(Exit::Verified)
            }
            Ok(Err(reasons)) => {
                for reason in reasons {
                    eprintln!("{reason}");
                }
                Ok(Exit::NotVerified)
            }
            Err(undecided) => {
                eprintln!("undecided: {undecided}");
                Ok(Exit::Undecided)
            }
        }
    }

    fn root(&self) -> Result<SigstoreRoot, UsageError> {
        let Some(path) = &self.trusted_root else {
            let name = if self.staging {
                "staging"
            } else {
                "public-good"
            };
            return SigstoreRoot::built_in(name)
                .ok_or_else(|| UsageError::new(format!("the trust root {name} is not built in")));
        };
        SigstoreRoot::from_json(&read(path)?)
            .map_err(|error| UsageError::new(format!("{}: {error}", path.display())))
    }

    fn policies(&self) -> Result<Policies, UsageError> {
        let policy = json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": NAME},
            "spec": {"images": [{"glob": "**"}], "authorities": [self.authority()?]},
        });
        let file = PolicyFile {
            name: "command line".to_owned(),
            text: policy.to_string(),
        };
        file::load(&[file], NoMatch::Deny, &file::only_inline_keys).map_err(UsageError::all)
    }

    fn authority(&self) -> Result<Value, UsageError> {
        let Some(path) = &self.key else {
            return Ok(json!({
                "name": NAME,
                "keyless": {
                    "trustRoot": NAME,
                    "identities": [{
                        "issuer": self.certificate_oidc_issuer,
                        "subject": self.certificate_identity,
                    }],
                },
            }));
        };
        Ok(json!({
            "name": NAME,
            "key": {"data": String::from_utf8_lossy(&read(path)?)},
            "trustRoot": NAME,
            "transparencyLog": {"threshold": 1},
        }))
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, UsageError> {
    std::fs::read(path).map_err(|error| UsageError::new(format!("{}: {error}", path.display())))
}
