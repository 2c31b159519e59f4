//! The commands, one a file.

pub mod config;
pub mod serve;
