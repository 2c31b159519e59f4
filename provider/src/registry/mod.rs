//! An OCI registry client for hostile networks.
//!
//! | file | what it does |
//! |---|---|
//! | `client`, `referrers`, `listing`, `entries`, `likelihood` | what is asked of a registry |
//! | `error` | the classes of failures: "not found" and undecided |
//! | `transport`, `exchange` | HTTP within limits of bytes, time, hops and connections |
//! | `health` | who is left alone, and for how long |
//! | `peer` | where credentials may go |
//! | `auth`, `challenge` | Basic and token authentication |
//! | `credential`, `credentials`, `docker`, `helper` | where credentials come from |
//!
//! It is our own because others read bodies without a limit, send credentials to any realm, keep
//! the first credential of a host for ever, and take a refusal for an empty list of referrers.

mod auth;
mod challenge;
mod client;
mod config;
mod credential;
mod credentials;
mod docker;
mod entries;
mod error;
mod exchange;
mod health;
mod helper;
#[cfg(feature = "internals")]
pub(crate) mod internals;
mod likelihood;
mod listing;
mod peer;
mod referrers;
mod transport;

pub use crate::net::client::SetupError;
pub use client::{Fetched, RegistryClient};
pub use config::{Auth, HostError, Limits, Patience, Registries, RegistryConfig};
pub use credential::Credential;
pub use error::{Cause, RegistryError};
pub use referrers::Referrers;
pub use transport::Room;

pub(crate) use likelihood::{Likelihood, likelihood};
