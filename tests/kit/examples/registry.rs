//! Serves the test registry to other programs, until it is interrupted.
//!
//! ```text
//! cargo run -p sealgate-testkit --example registry -- --addr 127.0.0.1:5000 --no-referrers
//! REGISTRY_USER=robot:secret cargo run -p sealgate-testkit --example registry -- --token-auth REGISTRY_USER
//! crane append --insecure -f layer.tar -t 127.0.0.1:5000/app:v1
//! cosign sign --key cosign.key --allow-http-registry 127.0.0.1:5000/app:v1
//! ```
//!
//! The first line of its output is its URL. Every request is printed once it has arrived.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use sealgate_testkit::registry::{Auth, Credentials, Registry, RegistryOptions, TokenAuth};

/// An OCI registry in memory, for trying clients against it.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    addr: SocketAddr,
    /// Leave out the referrers API, so that clients write the fallback tag.
    #[arg(long)]
    no_referrers: bool,
    /// Entries of one page, in lists of tags and referrers.
    #[arg(long, value_name = "COUNT")]
    page_size: Option<usize>,
    /// Demand bearer tokens, issued to the USER:PASSWORD in this environment variable. Everybody
    /// may pull.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "basic_auth")]
    token_auth: Option<String>,
    /// Demand Basic credentials, the USER:PASSWORD in this environment variable.
    #[arg(long, value_name = "VARIABLE")]
    basic_auth: Option<String>,
    /// Serve TLS, and write the certificate of its CA to this file.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let registry = Registry::start(RegistryOptions {
        address: arguments.addr,
        referrers_api: !arguments.no_referrers,
        page_size: arguments.page_size,
        auth: auth(&arguments)?,
        tls: arguments.tls_ca.is_some(),
    })
    .await?;
    if let (Some(file), Some(pem)) = (&arguments.tls_ca, registry.ca_pem()) {
        std::fs::write(file, pem)?;
    }
    println!("{}", registry.url());
    tokio::select! {
        () = print_requests(&registry) => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

fn auth(arguments: &Arguments) -> Result<Auth, Box<dyn Error>> {
    if let Some(variable) = &arguments.token_auth {
        let user = TokenAuth::user(credentials(variable)?);
        return Ok(Auth::Token(TokenAuth {
            anonymous_pull: true,
            ..user
        }));
    }
    match &arguments.basic_auth {
        Some(variable) => Ok(Auth::Basic(credentials(variable)?)),
        None => Ok(Auth::Open),
    }
}

fn credentials(variable: &str) -> Result<Credentials, Box<dyn Error>> {
    let value = std::env::var(variable).map_err(|error| format!("{variable}: {error}"))?;
    let (user, password) = value
        .split_once(':')
        .ok_or_else(|| format!("{variable} holds no colon; expected USER:PASSWORD"))?;
    Ok(Credentials::new(user, password))
}

async fn print_requests(registry: &Registry) {
    let mut printed = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let requests = registry.requests();
        for request in requests.iter().skip(printed) {
            let credentials = if request.had_authorization() {
                ", with credentials"
            } else {
                ""
            };
            println!("{request}{credentials}");
        }
        printed = requests.len();
    }
}
