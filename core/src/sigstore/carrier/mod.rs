//! What carries a Sigstore signature: each is read into one
//! [`SignedEntity`](super::entity::SignedEntity).

pub(crate) mod bundle;
pub(crate) mod cosign;
