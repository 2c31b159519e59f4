//! `sealgate serve`: the service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Exit;
use crate::app::{App, Running};
use crate::clock::{Clock, SystemClock};
use crate::config::{ClientAuth, Config, Listener};
use crate::observe::log;
use crate::server::SelfSigned;

/// How often certificates of our own are checked for their age.
const RENEWAL: Duration = Duration::from_secs(12 * 3600);

/// After how long a start is so slow that it is said.
const SLOW: Duration = Duration::from_secs(10);

/// Why it cannot serve.
type Failure = Box<dyn std::error::Error + Send + Sync>;

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
    /// Serves until a signal says to stop: SIGTERM, SIGINT or SIGQUIT. A second one ends it at
    /// once. SIGHUP opens the audit log's file anew.
    pub async fn run(self) -> Exit {
        match self.serve().await {
            Ok(true) => Exit::Verified,
            Ok(false) => Exit::Unfinished,
            Err(error) => {
                log::last_words(error.to_string());
                Exit::Usage
            }
        }
    }

    /// Whether everything was finished in the end.
    async fn serve(&self) -> Result<bool, Failure> {
        let config = self.config()?;
        let _logging = log::start(&config.log)?;
        let mut signals = Signals::listen()?;
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
        let Some(running) = start(config, &mut signals).await? else {
            return Ok(true);
        };
        for address in running.addresses() {
            tracing::info!(%address, "listening");
        }
        tracing::info!(address = %running.admin(), "health and metrics");
        while let Told::HangUp = signals.next().await {
            running.reopen_audit();
            tracing::info!("the audit log is opened anew");
        }
        tracing::info!(?drain, "draining");
        tokio::select! {
            finished = running.shutdown() => Ok(finished),
            () = signals.stop() => {
                tracing::warn!("told to stop a second time: what is unfinished is left so");
                Ok(false)
            }
        }
    }

    fn config(&self) -> Result<Config, Failure> {
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

/// Starts it, which may take as long as disks take to answer. None if a signal says to stop.
async fn start(config: Config, signals: &mut Signals) -> Result<Option<Running>, Failure> {
    let loading = tokio::task::spawn_blocking(move || App::new(config));
    let slow = async {
        loop {
            tokio::time::sleep(SLOW).await;
            tracing::warn!("policies, trust material and other files are still being read");
        }
    };
    let app = tokio::select! {
        app = loading => app??,
        () = slow => return Ok(None),
        () = signals.stop() => return Ok(None),
    };
    Ok(Some(app.start().await?))
}

/// The listeners notice new certificates by themselves.
async fn renew(own: SelfSigned) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let same = own.clone();
        let ensured =
            tokio::task::spawn_blocking(move || same.ensure(SystemClock::new().now())).await;
        let Ok(ensured) = ensured else {
            // The defect has been logged; it is tried again.
            continue;
        };
        match ensured {
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

/// What a signal says.
#[derive(PartialEq, Eq)]
enum Told {
    Stop,
    HangUp,
}

/// The signals that mean something to us, and those that would end the process though they
/// mean nothing.
struct Signals {
    stop: [Signal; 3],
    hang_up: Signal,
    _ignored: [Signal; 2],
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            stop: [
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
                signal(SignalKind::quit())?,
            ],
            hang_up: signal(SignalKind::hangup())?,
            _ignored: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    async fn next(&mut self) -> Told {
        let [terminate, interrupt, quit] = &mut self.stop;
        tokio::select! {
            _ = terminate.recv() => Told::Stop,
            _ = interrupt.recv() => Told::Stop,
            _ = quit.recv() => Told::Stop,
            _ = self.hang_up.recv() => Told::HangUp,
        }
    }

    /// Waits for one that says to stop.
    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}
