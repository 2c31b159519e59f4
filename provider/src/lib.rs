//! The sealgate provider: who signed this image, answered over HTTPS.
//!
//! ```text
//! server ─► api ─► question ─► service ─► collect ─► registry
//!                               │  └────► verifier ─► sealgate_core::verify
//!                               └─ cache, rules (policies, trust)
//! ```
//!
//! | room | what is in it |
//! |---|---|
//! | [`cli`], [`commands`] | the command line |
//! | `demo` | everything in one process, to look at |
//! | [`app`] | puts everything together: [`App`] |
//! | `api` | the routes and their wire formats, and those of the admin listener |
//! | [`server`] | listeners, TLS, certificates, shutdown |
//! | [`callers`] | who may ask, by a token of Kubernetes |
//! | [`service`] | from a question to a decision, through the caches |
//! | [`rules`] | what is judged by: policies, trust material, roots that TUF renews |
//! | [`collect`], [`registry`] | evidence from registries |
//! | [`upstream`] | the registry client as the configuration wants it |
//! | `net` | HTTP to others: where to, how much, and whom to believe |
//! | [`observe`] | what can be seen of it: metrics, audit log, log |
//! | [`files`] | how files are read, and read again, without waiting for anybody |
//! | [`config`] | the configuration file |
//! | [`question`] | what a caller asks about |
//! | `shares`, `flight`, `workers`, [`clock`] | fair shares, work done once, threads, time |

mod api;
pub mod app;
pub mod callers;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod commands;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod files;
mod flight;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod net;
pub mod observe;
pub mod question;
pub mod registry;
pub mod rules;
pub mod server;
pub mod service;
mod shares;
pub mod upstream;
mod workers;

pub use app::{App, Running};
pub use config::Config;
