//! A registry, and a client that follows nothing on its own.

use http::Method;
use reqwest::{Certificate, Client, RequestBuilder, Response, redirect};
use sealgate_testkit::registry::{Registry, RegistryOptions};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) struct Setup {
    pub(crate) registry: Registry,
    client: Client,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        Self::with(RegistryOptions::default()).await
    }

    pub(crate) async fn with(options: RegistryOptions) -> Self {
        // The first test of the process installs it.
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let registry = Registry::start(options).await.unwrap();
        let roots = registry
            .ca_pem()
            .map(|pem| Certificate::from_pem(pem.as_bytes()).unwrap());
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tls_certs_only(roots)
            .build()
            .unwrap();
        Self { registry, client }
    }

    /// A request to a path of the registry, or to a URL.
    pub(crate) fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let url = match target.starts_with('/') {
            true => format!("{}{target}", self.registry.url()),
            false => target.to_owned(),
        };
        self.client.request(method, url)
    }

    pub(crate) async fn get(&self, target: &str) -> Response {
        self.request(Method::GET, target).send().await.unwrap()
    }

    /// The requests so far, as `METHOD TARGET`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.registry
            .requests()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

/// A header as text, empty if it is missing.
pub(crate) fn header(response: &Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
        .to_owned()
}

/// The code of the first error in a body.
pub(crate) async fn error_code(response: Response) -> String {
    let body: serde_json::Value = response.json().await.unwrap();
    body["errors"][0]["code"].as_str().unwrap().to_owned()
}
