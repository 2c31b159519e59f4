//! The sealgate provider: who signed this image, answered over HTTPS.
//!
//! ```text
//! server ─► api ─► key ─► service ─► collect ─► registry
//!                          │  └────► judge ─► sealgate_core::verify
//!                          └─ cache, rules (policies, trust)
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`app`] | puts everything together: [`App`] |
//! | [`config`] | the configuration file |
//! | [`server`] | listeners, TLS, certificates, shutdown |
//! | `api` | the routes and their wire formats |
//! | [`callers`] | who may ask, by a token of Kubernetes |
//! | [`key`] | what a caller asks about |
//! | [`service`] | from a question to a decision, through the caches |
//! | [`collect`], [`registry`] | evidence from registries |
//! | `shares` | scarce things that registries share fairly |
//! | [`rules`], [`policies`], [`trust`], [`reload`] | what is judged by, reloaded |
//! | [`tuf`] | trust roots that a TUF repository renews |
//! | [`metrics`], [`audit`], [`log`], `admin` | what can be seen of it |
//! | `lines`, `files` | how lines are written and files are read, without waiting for anybody |
//! | [`cli`], [`commands`] | the command line |
//! | `demo` | everything in one process, to look at |

mod admin;
mod api;
pub mod app;
pub mod audit;
mod cache;
pub mod callers;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod commands;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod files;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod judge;
pub mod key;
mod lines;
pub mod log;
pub mod metrics;
pub mod policies;
pub mod registry;
pub mod reload;
mod response;
pub mod rules;
pub mod server;
pub mod service;
mod shares;
pub mod trust;
pub mod tuf;
pub mod undecided;
pub mod upstream;
mod workers;

pub use app::{App, Running};
pub use config::Config;
