//! The commands, one a file.

mod answer;
pub mod config;
pub mod conformance;
pub mod evidence;
pub mod exit;
mod fetcher;
mod inputs;
mod no_verdict;
pub mod policy;
pub mod replay;
pub mod serve;
mod tree;
pub mod trust;
mod usage;
pub mod verify;
