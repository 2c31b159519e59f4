//! Sigstore trust roots that a TUF repository renews.
//!
//! `sigstore-tuf` is the client: signatures and thresholds, the chain of roots, versions that
//! never go back, expiry, lengths and hashes. What is here brings it bytes, within limits of
//! bytes and time, and keeps the result.
//!
//! ```text
//! mirror (HTTP, directory) ─► client ─► last good ─► trust material of the rules
//!                               │ ▲
//!                               ▼ │  verified again from the initial root on
//!                             cache file
//! ```
//!
//! A refresh that fails changes nothing but the log, the metrics and the pause before the next
//! one. The last good root stays in force even when the metadata that vouched for it have
//! expired: its keys have validities of their own, and to deny every image because a mirror is
//! down would make the mirror the weakest part of the cluster. The metrics tell its age.

mod cache;
mod client;
mod document;
mod error;
mod mirror;
mod roots;

pub use client::{LastGood, TufClient, Versions};
pub use error::{Cause, TufError, TufSetupError};
pub use roots::TufRoots;
