//! The provider and the policy engine of the demo.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use sealgate_testkit::https::{self, Authority, GATEKEEPER, Https};
use sealgate_testkit::rego::{
    ExternalData, ProviderAnswer, RegoGate, Review, Violation, provider_request,
};
use serde_json::Value;
use tokio::runtime::Handle;

use super::shop::Shop;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Admin, Audit, AuditOutput, Cache, Config, Listener, Registry, Tls};
use crate::server::SelfSigned;
use crate::{App, Running};

/// The template that is applied to clusters, byte for byte.
const TEMPLATE: &str = sealgate_testkit::rego::VERIFIED_IMAGES;

/// How long a tag is taken to name the same image. In a cluster it is longer.
pub(super) const TAG_LIFE: Duration = Duration::from_millis(300);

/// A running provider, and the Rego that asks it.
pub(super) struct Cluster {
    running: Running,
    gate: RegoGate,
    external_data: ExternalData,
}

/// What became of an object.
#[derive(Clone, Debug)]
pub(super) enum Admission {
    /// It is let in.
    Admitted,
    /// It is not, with these messages at the kubectl prompt.
    Denied(Vec<Violation>),
}

impl Cluster {
    /// Starts the provider with a policy that trusts the shop's key, and lets Gatekeeper's
    /// certificate in, nobody else's.
    pub(super) async fn start(directory: &Path, shop: &Shop) -> Result<Self, Box<dyn Error>> {
        let own = SelfSigned {
            directory: directory.join("certs"),
            namespace: "gatekeeper-system".to_owned(),
            url: "https://localhost/v1/validate".to_owned(),
            timeout_seconds: 3,
        };
        own.ensure(SystemClock::new().now())?;
        let gatekeeper_ca = Authority::like_gatekeeper()?;
        let gatekeeper = gatekeeper_ca.issue(&[GATEKEEPER])?;
        fs::write(directory.join("client-ca.crt"), &gatekeeper_ca.pem)?;
        fs::write(directory.join("client.crt"), &gatekeeper.certificate)?;
        fs::write(directory.join("client.key"), &gatekeeper.key)?;
        fs::write(directory.join("policy.yaml"), policy(shop))?;
        let config = config(directory, &own, shop);
        let running = App::new(config)?.start().await?;
        let tls = https::client_config(&fs::read_to_string(own.ca())?, Some(&gatekeeper))?;
        let address = address_of(&running)?;
        let handle = Handle::current();
        let post = move |keys: &[String]| handle.block_on(post(address, Arc::clone(&tls), keys));
        Ok(Self {
            running,
            gate: RegoGate::new(TEMPLATE)?,
            external_data: ExternalData::new().provider("sealgate", post).uncached(),
        })
    }

    /// Where the provider listens.
    pub(super) fn address(&self) -> SocketAddr {
        let unset = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.running.addresses().first().copied().unwrap_or(unset)
    }

    /// Reviews the creation of an object, as Gatekeeper's webhook does.
    pub(super) async fn admit(&self, object: Value) -> Result<Admission, Box<dyn Error>> {
        let (gate, external_data) = (self.gate.clone(), self.external_data.clone());
        // Rego is evaluated on a thread of its own, and waits there for the provider.
        let violations = tokio::task::spawn_blocking(move || {
            gate.review(&Review::create(object), &external_data)
        })
        .await??;
        Ok(match violations.is_empty() {
            true => Admission::Admitted,
            false => Admission::Denied(violations),
        })
    }
}

fn address_of(running: &Running) -> Result<SocketAddr, Box<dyn Error>> {
    let first = running.addresses().first().copied();
    first.ok_or_else(|| "the provider listens nowhere".into())
}

fn policy(shop: &Shop) -> String {
    let key = shop.release_key().replace('\n', "\n        ");
    format!(
        "apiVersion: sealgate.dev/v1alpha1
kind: TrustPolicy
metadata: {{name: shop}}
spec:
  images: [{{glob: \"{}/shop/**\"}}]
  authorities:
  - name: release-key
    key:
      name: release-key
      data: |
        {key}
",
        shop.host()
    )
}

fn config(directory: &Path, own: &SelfSigned, shop: &Shop) -> Config {
    Config {
        listeners: vec![Listener {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: Tls {
                certificate: own.certificate(),
                key: own.key(),
                ..Tls::default()
            },
            client_ca: Some(directory.join("client-ca.crt")),
            client_names: vec![GATEKEEPER.to_owned()],
            token_review: None,
            ..Listener::default()
        }],
        admin: Admin {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        },
        policies: vec![directory.join("policy.yaml")],
        registries: vec![Registry {
            host: shop.host(),
            plain_http: true,
            ..Registry::default()
        }],
        cache: Cache {
            tag: TAG_LIFE,
            stale: Duration::ZERO,
            ..Cache::default()
        },
        audit: Audit {
            output: AuditOutput::Off,
        },
        ..Config::default()
    }
}

/// The POST that Gatekeeper makes.
async fn post(address: SocketAddr, tls: Arc<ClientConfig>, keys: &[String]) -> ProviderAnswer {
    let body = provider_request(keys).to_string();
    let answer = async {
        let mut connection = Https::connect(address, tls).await?;
        connection.post("/v1/validate", body).await
    };
    match answer.await {
        Ok(response) => ProviderAnswer::Http {
            status: response.status().as_u16(),
            body: response.into_body().to_vec(),
        },
        Err(error) => ProviderAnswer::Unreachable(error.to_string()),
    }
}
