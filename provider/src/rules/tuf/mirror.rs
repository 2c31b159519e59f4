//! Where metadata and targets are fetched from: HTTP, or a directory.
//!
//! Nothing is believed here but sizes and names; `sigstore-tuf` verifies what comes.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Client, StatusCode};
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, Repository};
use url::Url;

use super::document;
use super::error::{FetchError, MirrorError};
use crate::config::Tuf;
use crate::files;
use crate::net::body::{Body, BodyError};
use crate::net::causes::root_cause;
use crate::net::client::client_for_authorities;
use crate::net::guard::Guard;
use crate::net::pem;

/// A TUF repository.
#[derive(Clone, Debug)]
pub(super) enum Mirror {
    /// Over HTTP.
    Http {
        /// With the right certificate authorities.
        client: Client,
        /// With a slash at its end.
        base: Url,
    },
    /// A directory of this machine.
    Directory(PathBuf),
}

impl Mirror {
    /// Sets up what the configuration names.
    pub(super) fn new(tuf: &Tuf) -> Result<Self, MirrorError> {
        if tuf.url.scheme() == "file" {
            return match tuf.url.to_file_path() {
                Ok(directory) => Ok(Self::Directory(directory)),
                Err(()) => Err(MirrorError::NoPath(tuf.url.clone())),
            };
        }
        let authorities = tuf.ca.as_deref().map(|file| {
            pem::read(file).map_err(|error| MirrorError::Authorities {
                file: file.to_owned(),
                error,
            })
        });
        let authorities = authorities.transpose()?;
        // Whoever configures a mirror may have it at a private address.
        let guard = Guard::allowing(tuf.url.host_str().map(str::to_owned));
        Ok(Self::Http {
            client: client_for_authorities(authorities.as_deref(), guard)?,
            base: tuf.url.clone(),
        })
    }

    async fn fetch(&self, path: String, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let fetched = match (is_safe(&path), self) {
            (false, _) => Err(FetchError::Name(path)),
            (true, Self::Http { client, base }) => get(client, base, &path, most).await,
            (true, Self::Directory(directory)) => {
                let file = directory.join(path);
                let at = file.display().to_string();
                // A directory may be a mount that does not answer.
                let read = tokio::task::spawn_blocking(move || read(&file, most)).await;
                read.unwrap_or_else(|error| {
                    let why = error.to_string();
                    Err(FetchError::Unreachable { at, why })
                })
            }
        };
        fetched.map_err(unusable)
    }

    /// Metadata are JSON, which `sigstore-tuf` reads before it knows who signed it.
    async fn fetch_document(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let fetched = self.fetch(name.to_owned(), most).await?;
        if let Some(Err(why)) = fetched.as_deref().map(document::check) {
            let name = name.to_owned();
            return Err(unusable(FetchError::Document { name, why }));
        }
        Ok(fetched)
    }
}

fn unusable(error: FetchError) -> Error {
    Error::transport_with_source("the repository cannot be read", error)
}

impl Repository for Mirror {
    fn fetch_metadata<'a>(&'a self, name: &'a str, most: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch_document(name, most))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, most: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(format!("targets/{path}"), most))
    }
}

/// Whether it stays below where it is put. Names of delegated roles come from metadata
/// (CVE-2026-24137).
fn is_safe(path: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.~%".contains(c);
    path.split('/').all(|segment| {
        !segment.is_empty() && !segment.starts_with('.') && segment.chars().all(allowed)
    })
}

async fn get(
    client: &Client,
    base: &Url,
    path: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, FetchError> {
    let url = base
        .join(path)
        .map_err(|_| FetchError::Name(path.to_owned()))?;
    let at = url.to_string();
    let unreachable = |error: &(dyn std::error::Error + 'static)| FetchError::Unreachable {
        at: at.clone(),
        why: root_cause(error),
    };
    let sent = client.get(url).send().await;
    let response = sent.map_err(|error| unreachable(&error))?;
    match response.status() {
        StatusCode::OK => {}
        // Object stores say 403 of what they do not have.
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Ok(None),
        status => return Err(FetchError::Status { at, status }),
    }
    let allowed = usize::try_from(most).unwrap_or(usize::MAX);
    match Body::new(response, None).whole(allowed).await {
        Ok(body) => Ok(Some(body)),
        Err(BodyError::Broken(error)) => Err(unreachable(&error)),
        Err(BodyError::TooLarge(_)) => Err(FetchError::TooLarge { at, most }),
    }
}

fn read(file: &Path, most: u64) -> Result<Option<Vec<u8>>, FetchError> {
    let at = || file.display().to_string();
    let unreachable = |error: io::Error| FetchError::Unreachable {
        at: at(),
        why: error.to_string(),
    };
    match files::read_up_to(file, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(FetchError::TooLarge { at: at(), most })
        }
        Err(error) => Err(unreachable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn no_name_leaves_the_repository_cve_2026_24137() {
        for good in [
            "1.root.json",
            "targets/0a.trusted_root.json",
            "2.a%2Fb.json",
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../root.json",
            "targets/../x",
            "targets//x",
            "http://elsewhere/x",
            "a\\b",
            "x?y",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
