//! What the registry holds: raw bytes, by repository.

use std::collections::{BTreeMap, HashMap};

use bytes::{Bytes, BytesMut};

use super::descriptor::ManifestFacts;
use super::digest::sha256;
use super::request::is_digest;

/// Every repository, and the uploads under way.
#[derive(Debug, Default)]
pub(crate) struct Store {
    repositories: HashMap<String, Repository>,
    uploads: HashMap<String, BytesMut>,
    uploads_started: u64,
}

/// One repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    blobs: HashMap<String, Bytes>,
    manifests: HashMap<String, Manifest>,
    tags: BTreeMap<String, String>,
    /// Subject digest to the digests of its referrers, in the order of their arrival.
    referrers: HashMap<String, Vec<String>>,
}

/// A manifest as it was pushed.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl Store {
    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    pub(crate) fn repository_mut(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<&Manifest> {
        self.repository(repository)?.manifest(reference)
    }

    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.repository(repository)?.blobs.get(digest).cloned()
    }

    pub(crate) fn begin_upload(&mut self) -> String {
        self.uploads_started += 1;
        let id = format!("upload-{}", self.uploads_started);
        self.uploads.insert(id.clone(), BytesMut::new());
        id
    }

    pub(crate) fn upload(&self, id: &str) -> Option<&BytesMut> {
        self.uploads.get(id)
    }

    pub(crate) fn upload_mut(&mut self, id: &str) -> Option<&mut BytesMut> {
        self.uploads.get_mut(id)
    }

    pub(crate) fn end_upload(&mut self, id: &str) -> Option<Bytes> {
        self.uploads.remove(id).map(BytesMut::freeze)
    }
}

impl Repository {
    /// By tag or by digest.
    pub(crate) fn manifest(&self, reference: &str) -> Option<&Manifest> {
        let digest = if is_digest(reference) {
            reference
        } else {
            self.tags.get(reference)?
        };
        self.manifests.get(digest)
    }

    pub(crate) fn has_blob(&self, digest: &str) -> bool {
        self.blobs.contains_key(digest)
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.keys().map(String::as_str)
    }

    /// The manifests whose subject is `digest`.
    pub(crate) fn referrers(&self, digest: &str) -> impl Iterator<Item = &Manifest> {
        let digests = self.referrers.get(digest).into_iter().flatten();
        digests.filter_map(|digest| self.manifests.get(digest))
    }

    /// Keeps `bytes` under `digest`, which the caller has checked.
    pub(crate) fn put_blob(&mut self, digest: String, bytes: Bytes) {
        self.blobs.insert(digest, bytes);
    }

    /// Keeps `manifest` and lists it with its subject, if it has one.
    pub(crate) fn put_manifest(&mut self, manifest: Manifest) {
        if let Some(subject) = ManifestFacts::read(&manifest.bytes).subject {
            let referrers = self.referrers.entry(subject).or_default();
            if !referrers.contains(&manifest.digest) {
                referrers.push(manifest.digest.clone());
            }
        }
        self.manifests.insert(manifest.digest.clone(), manifest);
    }

    pub(crate) fn tag(&mut self, tag: &str, digest: &str) {
        self.tags.insert(tag.to_owned(), digest.to_owned());
    }

    /// Removes a tag, or a manifest together with the tags that name it. Whether it was there.
    pub(crate) fn remove_manifest(&mut self, reference: &str) -> bool {
        if !is_digest(reference) {
            return self.tags.remove(reference).is_some();
        }
        self.tags.retain(|_, digest| digest != reference);
        self.referrers
            .values_mut()
            .for_each(|digests| digests.retain(|one| one != reference));
        self.manifests.remove(reference).is_some()
    }

    /// Whether the blob was there.
    pub(crate) fn remove_blob(&mut self, digest: &str) -> bool {
        self.blobs.remove(digest).is_some()
    }

    /// Replaces what is served under `digest` without renaming it. Whether it was there.
    pub(crate) fn tamper(&mut self, digest: &str, bytes: &Bytes) -> bool {
        let manifest = self
            .manifests
            .get_mut(digest)
            .map(|manifest| &mut manifest.bytes);
        let places = [manifest, self.blobs.get_mut(digest)];
        places
            .into_iter()
            .flatten()
            .map(|place| *place = bytes.clone())
            .count()
            > 0
    }
}

impl Manifest {
    /// A manifest named by the SHA-256 of its bytes.
    pub(crate) fn new(media_type: &str, bytes: Bytes) -> Self {
        Self {
            digest: sha256(&bytes),
            media_type: media_type.to_owned(),
            bytes,
        }
    }
}
