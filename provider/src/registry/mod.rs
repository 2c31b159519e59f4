//! An OCI registry client for hostile networks.
//!
//! | file | what it does |
//! |---|---|
//! | `client`, `referrers` | what is asked of a registry |
//! | `error` | the classes of failures: "not found" and undecided |
//! | `transport` | HTTP within limits of bytes, time, hops and connections |
//! | `guard`, `peer` | where requests may go, and where credentials may |
//! | `auth`, `challenge` | Basic and token authentication |
//! | `credentials`, `docker`, `helper`, `watched` | where credentials come from |
//!
//! It is our own because the clients there are buffer without limits, send credentials to any
//! realm, keep the first credential of a host for ever, and take a refusal for an empty list.

mod auth;
mod challenge;
mod client;
mod config;
mod credentials;
mod docker;
mod error;
mod guard;
mod helper;
mod peer;
mod referrers;
mod transport;
mod watched;

pub use client::{Fetched, RegistryClient};
pub use config::{Auth, HostError, Limits, Registries, RegistryConfig};
pub use credentials::Credential;
pub use error::{Cause, RegistryError};
pub use referrers::Referrers;
pub use transport::SetupError;

pub(crate) use guard::Guard;
pub(crate) use transport::plain_client;
