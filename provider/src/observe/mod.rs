//! What can be seen of the service: metrics, the audit log, the log.

pub mod audit;
mod labels;
mod lines;
pub mod log;
pub mod metrics;
