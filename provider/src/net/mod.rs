//! HTTP to others: where requests may go, and what comes back of them.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod guard;
