//! The commands, one a file.

mod answer;
pub(crate) mod config;
pub(crate) mod conformance;
pub(crate) mod evidence;
pub(crate) mod exit;
pub mod explain;
mod fetcher;
mod inputs;
mod junit;
mod manifests;
mod no_verdict;
mod pack;
pub(crate) mod policy;
mod policy_import;
mod policy_test;
mod registries;
mod remedy;
pub(crate) mod replay;
mod report;
pub(crate) mod schema;
pub(crate) mod serve;
mod tree;
pub(crate) mod trust;
mod usage;
pub(crate) mod verify;
mod workloads;
