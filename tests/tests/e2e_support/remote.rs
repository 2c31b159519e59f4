//! A registry's contents over plain HTTP, past every tool: what an attacker with write access
//! can do with them.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use sealgate_core::Digest;
use sealgate_testkit::image::{INDEX, Image, MANIFEST, Platform};
use sealgate_testkit::registry::Descriptor;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A registry on loopback.
#[derive(Debug, Clone)]
pub struct Remote {
    host: String,
}

impl Remote {
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
        }
    }

    /// Pushes an image under the tag `v1`. Another seed gives another image.
    pub async fn image(&self, repository: &str, seed: &str) -> Image {
        self.platform(repository, "v1", "amd64", seed).await
    }

    /// Pushes an index of two images under the tag `v1`, and returns it with the first of them.
    pub async fn index(&self, repository: &str, seed: &str) -> (Image, Image) {
        let mut images = Vec::new();
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let image = self.platform(repository, architecture, architecture, seed);
            let image = image.await;
            let mut entry = json!(image.descriptor);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entries.push(entry);
            images.push(image);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let index = self.put_image(repository, "v1", INDEX, index.to_string());
        (index.await, images.swap_remove(0))
    }

    async fn platform(&self, repository: &str, tag: &str, architecture: &str, seed: &str) -> Image {
        let mut image = Platform::new(architecture, seed);
        image.manifest["annotations"] = json!({"seed": seed});
        self.put_blob(repository, image.config).await;
        self.put_blob(repository, image.layer).await;
        let manifest = image.manifest.to_string();
        self.put_image(repository, tag, MANIFEST, manifest).await
    }

    /// Pushes the manifest of an image under a tag.
    pub async fn put_image(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        manifest: impl Into<Bytes>,
    ) -> Image {
        let manifest = manifest.into();
        self.put_manifest(repository, tag, media_type, manifest.clone())
            .await;
        Image {
            host: self.host.clone(),
            repository: repository.to_owned(),
            digest: Digest::sha256(&manifest),
            descriptor: Descriptor::of(media_type, &manifest),
        }
    }

    pub async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        manifest: impl Into<Bytes>,
    ) {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let put = self.request(Method::PUT, &path, media_type, manifest.into());
        let (status, _, body) = put.await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {body:?}");
    }

    /// A manifest by tag or digest.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Bytes {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let found = self.get(&path).await;
        found.unwrap_or_else(|| panic!("{} has no {path}", self.host))
    }

    pub async fn blob(&self, repository: &str, digest: &str) -> Bytes {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let found = self.get(&path).await;
        found.unwrap_or_else(|| panic!("{} has no {path}", self.host))
    }

    pub async fn put_blob(&self, repository: &str, blob: impl Into<Bytes>) -> String {
        let blob = blob.into();
        let digest = Digest::sha256(&blob).to_string();
        let path = format!("/v2/{repository}/blobs/uploads/");
        let (status, location, body) = self.request(Method::POST, &path, "", Bytes::new()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{path}: {body:?}");
        let location = location.unwrap();
        let joint = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{joint}digest={}", digest.replace(':', "%3A"));
        let octets = "application/octet-stream";
        let (status, _, body) = self.request(Method::PUT, &path, octets, blob).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {body:?}");
        digest
    }

    /// What refers to an image, by the API or else by the fallback tag.
    pub async fn referrers(&self, image: &Image) -> Vec<Descriptor> {
        let Image {
            repository, digest, ..
        } = image;
        let api = format!("/v2/{repository}/referrers/{digest}");
        let index = match self.get(&api).await {
            Some(index) => index,
            None => self.manifest(repository, &fallback(digest)).await,
        };
        let index: Value = serde_json::from_slice(&index).unwrap();
        serde_json::from_value(index["manifests"].clone()).unwrap()
    }

    /// Pushes an artifact that claims to refer to an image, and lists it where the registry does
    /// not by itself.
    pub async fn refer(&self, image: &Image, artifact: impl Into<Bytes>) {
        let artifact = artifact.into();
        let digest = Digest::sha256(&artifact).to_string();
        let repository = &image.repository;
        self.put_manifest(repository, &digest, MANIFEST, artifact.clone())
            .await;
        let api = format!("/v2/{repository}/referrers/{}", image.digest);
        let index = self.get(&api).await.unwrap_or_default();
        if !String::from_utf8_lossy(&index).contains(&digest) {
            self.list(image, artifact).await;
        }
    }

    /// Pushes an artifact, and lists it under the fallback tag of an image, to which it need not
    /// refer.
    pub async fn list(&self, image: &Image, artifact: impl Into<Bytes>) {
        let artifact = artifact.into();
        let manifest: Value = serde_json::from_slice(&artifact).unwrap();
        let entry = Descriptor {
            artifact_type: manifest["artifactType"].as_str().map(str::to_owned),
            ..Descriptor::of(MANIFEST, &artifact)
        };
        let repository = &image.repository;
        self.put_manifest(repository, &entry.digest, MANIFEST, artifact)
            .await;
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        let tag = fallback(&image.digest);
        self.put_manifest(repository, &tag, INDEX, index.to_string())
            .await;
    }

    async fn get(&self, path: &str) -> Option<Bytes> {
        let (status, _, body) = self.request(Method::GET, path, "", Bytes::new()).await;
        match status {
            StatusCode::OK => Some(body),
            StatusCode::NOT_FOUND => None,
            other => panic!("{path}: {other}: {body:?}"),
        }
    }

    /// The status, the path of the location, and the body.
    async fn request(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> (StatusCode, Option<String>, Bytes) {
        let tcp = TcpStream::connect(&self.host).await.unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(tcp)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("accept", format!("{MANIFEST}, {INDEX}, */*"));
        let request = match media_type {
            "" => request,
            media_type => request.header("content-type", media_type),
        };
        let request = request.body(Full::new(body)).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let location = head.headers.get("location").map(|url| {
            let url = url.to_str().unwrap();
            let own = format!("http://{}", self.host);
            url.strip_prefix(&own).unwrap_or(url).to_owned()
        });
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, location, body)
    }
}

fn fallback(digest: &Digest) -> String {
    digest.to_string().replace(':', "-")
}
