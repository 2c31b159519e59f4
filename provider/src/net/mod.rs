//! HTTP to others: where requests may go, whom to believe there, and what comes back.

pub(crate) mod body;
pub(crate) mod causes;
pub(crate) mod client;
pub(crate) mod guard;
pub(crate) mod pem;
