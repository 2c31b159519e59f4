//! A private Notary Project: certificates, envelopes, timestamps, revocation answers.
//!
//! Everything is encoded by hand ([`der`], [`cbor`]), so that it can be broken in any single way
//! and so that no parser under test judges its own encoder.

pub mod cbor;
pub mod certificate;
pub mod der;
pub mod envelope;
pub mod key;
pub mod revocation;
pub mod timestamp;

pub use certificate::{Certificate, NOW, Profile, YEAR};
pub use envelope::{Envelope, Format, Header};
pub use key::{Key, Kind};
