//! `sealgate serve`: the service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::cli::Exit;
use crate::clock::{Clock, SystemClock};
use crate::config::{ClientAuth, Config, Listener};
use crate::log;
use crate::server::SelfSigned;

/// How often certificates of our own are checked for their age.
const RENEWAL: Duration = Duration::from_secs(12 * 3600);

/// Answer Gatekeeper, and whoever else asks, over HTTPS.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration file. `provider/sealgate.yaml` lists every field.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Make certificates in this directory and use them, for a quick start: ca.crt, tls.crt,
    /// tls.key, and provider.yaml to apply to the cluster. Without --config, clients are not
    /// authenticated unless --client-ca is given.
    #[arg(long, value_name = "DIR")]
    self_signed: Option<PathBuf>,

    /// The namespace of the Service `sealgate`, for the certificate and the URL in provider.yaml.
    #[arg(long, value_name = "NAMESPACE", default_value = "gatekeeper-system")]
    namespace: String,

    /// The URL in provider.yaml, if it is not that of the Service.
    #[arg(long, value_name = "URL")]
    provider_url: Option<String>,

    /// The certificate authority of clients, which then must show a certificate.
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Policies, beside those of the configuration: a file or directory.
    #[arg(long = "policy", value_name = "PATH")]
    policies: Vec<PathBuf>,
}

impl Serve {
    /// Serves until a signal says to stop.
    pub async fn run(self) -> Exit {
        match self.serve().await {
            Ok(()) => Exit::Verified,
            Err(error) => {
                eprintln!("{error}");
                Exit::Usage
            }
        }
    }

    async fn serve(&self) -> Result<(), Box<dyn std::error::Error>> {
        let config = self.config()?;
        log::start(&config.log)?;
        if let Some(own) = self.self_signed(&config) {
            own.ensure(SystemClock::new().now())?;
            tracing::info!(
                ca = %own.ca().display(),
                provider = %own.provider().display(),
                "using certificates of our own"
            );
            tokio::spawn(renew(own));
        }
        warn_of_risks(&config);
        let drain = config.timeouts.drain;
        let running = App::new(config)?.start().await?;
        for address in running.addresses() {
            tracing::info!(%address, "listening");
        }
        tracing::info!(address = %running.admin(), "health and metrics");
        told_to_stop().await?;
        tracing::info!(?drain, "draining");
        if !running.shutdown().await {
            tracing::warn!("some requests were cut off: they took longer than timeouts.drain");
        }
        Ok(())
    }

    fn config(&self) -> Result<Config, Box<dyn std::error::Error>> {
        let mut config = match (&self.config, &self.self_signed) {
            (Some(file), _) => Config::load(file)?,
            (None, Some(_)) => Config {
                listeners: vec![Listener {
                    client_auth: ClientAuth::None,
                    client_ca: None,
                    ..Listener::default()
                }],
                ..Config::default()
            },
            (None, None) => {
                return Err("give --config FILE, or --self-signed DIR for a quick start".into());
            }
        };
        let own = self.self_signed(&config);
        for listener in &mut config.listeners {
            if let Some(own) = &own {
                listener.tls.certificate = own.certificate();
                listener.tls.key = own.key();
            }
            if let (Some(ca), None) = (&self.client_ca, &listener.token_review) {
                listener.client_ca = Some(ca.clone());
                listener.client_auth = ClientAuth::Required;
            }
        }
        config.policies.extend(self.policies.iter().cloned());
        Ok(config)
    }

    fn self_signed(&self, config: &Config) -> Option<SelfSigned> {
        let namespace = &self.namespace;
        let port = config.listeners.first().map_or(8443, |l| l.address.port());
        let url = format!("https://sealgate.{namespace}.svc:{port}/v1/validate");
        Some(SelfSigned {
            directory: self.self_signed.clone()?,
            namespace: namespace.clone(),
            url: self.provider_url.clone().unwrap_or(url),
            // Gatekeeper must wait a little longer than we take.
            timeout_seconds: config.timeouts.request.as_secs() + 1,
        })
    }
}

/// The listeners notice new certificates by themselves.
async fn renew(own: SelfSigned) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        match own.ensure(SystemClock::new().now()) {
            Ok(true) => tracing::info!("our certificate was renewed"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "our certificate could not be renewed"),
        }
    }
}

fn warn_of_risks(config: &Config) {
    for listener in &config.listeners {
        if listener.client_auth == ClientAuth::None && listener.token_review.is_none() {
            tracing::warn!(
                address = %listener.address,
                "clients are not authenticated: anyone who reaches this listener can have \
                 registries asked with our credentials; set clientAuth and clientCa, or tokenReview"
            );
        }
    }
    if config.policies.is_empty() {
        tracing::warn!("there are no policies: no image is verified; set policies or --policy");
    }
}

async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
