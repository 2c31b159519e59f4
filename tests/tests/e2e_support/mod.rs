//! What the suites of signers share: the provider and the command line as judges, cosign, and a
//! registry's contents past every tool.

mod cosign;
mod judge;
mod remote;

pub use cosign::Cosign;
pub use judge::{Judge, Setup, policy};
pub use remote::Remote;
