//! A private Notary Project: certificates, envelopes, timestamps, revocation answers.
//!
//! Everything is encoded by hand ([`der`](crate::der), [`cbor`]), so that it can be broken in any single way
//! and so that no parser under test judges its own encoder.

pub mod cbor;
pub mod envelope;
pub mod revocation;

pub use crate::certificate::{Certificate, NOW, Profile, YEAR, token};
pub use crate::key::{Key, Kind};
pub use envelope::{Envelope, Format, Header};
