//! What can be seen of the service: metrics, the audit log, the log.

pub(crate) mod audit;
mod known;
mod labels;
mod lines;
pub(crate) mod log;
pub(crate) mod metrics;
