//! The sealgate provider.

pub mod config;
