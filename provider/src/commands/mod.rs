//! The commands, one a file.

pub mod config;
pub mod conformance;
pub mod evidence;
mod inputs;
pub mod policy;
pub mod replay;
pub mod serve;
mod tree;
pub mod trust;
mod usage;
pub mod verify;
