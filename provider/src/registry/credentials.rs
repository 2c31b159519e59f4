//! Where the credentials of a registry come from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sealgate_core::reference::Repository;

use super::config::{Auth, Registries};
use super::credential::Credential;
use super::docker::{DockerConfig, Entry};
use super::helper::{self, HelperError};
use crate::files::kept::{EVERY_SECOND, Kept, ReadError};
use crate::remembered::{Key, Remembered};

/// How long the answer of a credential helper is good for; the shortest-lived of what they
/// hand out (tokens of clouds) last an hour.
const HELPER_LIFETIME: Duration = Duration::from_secs(300);
/// Helpers are asked for hosts that a Pod may name.
const HELPER_ANSWERS: u64 = 1024;

/// Finds the credentials of a registry.
pub(crate) struct Credentials {
    listed: HashMap<String, Source>,
    default: Vec<Arc<Kept<DockerConfig>>>,
    helpers: Remembered<Option<Credential>>,
}

enum Source {
    None,
    Static(Credential),
    Password(String, Kept<String>),
    Docker(Arc<Kept<DockerConfig>>),
}

/// Why the credentials cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    /// A file.
    #[error(transparent)]
    File(#[from] ReadError),
    /// A helper.
    #[error(transparent)]
    Helper(#[from] Arc<HelperError>),
}

impl Credentials {
    pub(crate) fn new(registries: &Registries) -> Self {
        let docker = |path: &PathBuf| Arc::new(Kept::new(path, EVERY_SECOND, DockerConfig::parse));
        let listed = registries.iter().filter_map(|registry| {
            let source = match &registry.auth {
                Auth::Default => return None,
                Auth::Anonymous => Source::None,
                Auth::Static(credential) => Source::Static(credential.clone()),
                Auth::PasswordFile { username, file } => Source::Password(
                    username.clone(),
                    Kept::new(file, EVERY_SECOND, parse_password),
                ),
                Auth::DockerConfig(path) => Source::Docker(docker(path)),
            };
            Some((registry.host().to_owned(), source))
        });
        Self {
            listed: listed.collect(),
            default: registries.docker_configs.iter().map(docker).collect(),
            helpers: Remembered::for_lifetimes(HELPER_ANSWERS, |_, _| 1, |_| HELPER_LIFETIME),
        }
    }

    /// The credential for this repository; `None`: anonymous.
    pub(crate) async fn find(
        &self,
        repository: &Repository,
    ) -> Result<Option<Credential>, CredentialError> {
        match self.listed.get(repository.host()) {
            Some(Source::None) => Ok(None),
            Some(Source::Static(credential)) => Ok(Some(credential.clone())),
            Some(Source::Password(username, file)) => {
                let password = file.read().await?;
                Ok(Some(Credential::basic(username, password.as_str())))
            }
            Some(Source::Docker(config)) => self.find_in(config, repository).await,
            None => {
                for config in &self.default {
                    if let Some(credential) = self.find_in(config, repository).await? {
                        return Ok(Some(credential));
                    }
                }
                Ok(None)
            }
        }
    }

    async fn find_in(
        &self,
        config: &Kept<DockerConfig>,
        repository: &Repository,
    ) -> Result<Option<Credential>, CredentialError> {
        match config.read().await?.find(repository) {
            None => Ok(None),
            Some(Entry::Credential(credential)) => Ok(Some(credential)),
            Some(Entry::Helper { program, server }) => {
                let key = Key::new([&program, &server]);
                let answer = Box::pin(helper::ask(&program, &server));
                Ok(self.helpers.try_get_with(&key, answer).await?)
            }
        }
    }

    /// What was found for this repository was refused: there may be something newer. Forgets
    /// what a helper said, and has files read anew.
    pub(crate) async fn refused(&self, repository: &Repository) {
        let configs = match self.listed.get(repository.host()) {
            Some(Source::None | Source::Static(_)) => &[],
            Some(Source::Password(_, file)) => return file.doubt(),
            Some(Source::Docker(config)) => std::slice::from_ref(config),
            None => &self.default[..],
        };
        for config in configs {
            // What cannot be read is reported when it is needed.
            let entry = config.read().await.ok().and_then(|c| c.find(repository));
            if let Some(Entry::Helper { program, server }) = entry {
                self.helpers.forget(&Key::new([&program, &server])).await;
            }
            config.doubt();
        }
    }
}

fn parse_password(path: &Path, bytes: &[u8]) -> Result<String, ReadError> {
    let text =
        str::from_utf8(bytes).map_err(|_| ReadError::new(path, "the password is not UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
