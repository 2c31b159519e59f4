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
//! | `cli`, `commands` | the command line |
//! | `demo` | everything in one process, to look at |
//! | `app` | puts everything together: [`App`] |
//! | `api` | the routes and their wire formats, and those of the admin listener |
//! | [`server`] | listeners, TLS, certificates, shutdown |
//! | `callers` | who may ask, by a token of Kubernetes |
//! | `service` | from a question to a decision, through the caches |
//! | `rules` | what is judged by: policies, trust material, roots that TUF renews |
//! | [`collect`], [`registry`] | evidence from registries |
//! | `upstream` | the registry client as the configuration wants it |
//! | `net` | HTTP to others: where to, how much, and whom to believe |
//! | `observe` | what can be seen of it: metrics, audit log, log |
//! | `files` | how files are read, and read again, without waiting for anybody |
//! | [`config`] | the configuration file |
//! | `question` | what a caller asks about |
//! | [`words`] | what is said of an image that is not let in |
//! | `shares`, `flight`, `remembered`, `workers`, `clock` | fair shares, work done once, what is kept for a while, threads, time |

mod api;
mod app;
mod callers;
mod cli;
mod clock;
pub mod collect;
mod commands;
pub mod config;
#[cfg(feature = "demo")]
mod demo;
mod files;
mod flight;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod net;
mod observe;
mod question;
pub mod registry;
mod remembered;
mod rules;
pub mod server;
mod service;
mod shares;
mod upstream;
pub mod words;
mod workers;

pub use app::{App, Running, StartError};
pub use cli::Cli;
pub use clock::{Clock, SystemClock};
pub use commands::exit::Exit;
pub use commands::explain;
pub use config::Config;
pub use observe::metrics::Metrics;
pub use question::{KeyError, Question};
pub use rules::tuf;
